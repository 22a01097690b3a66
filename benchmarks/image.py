"""The docker dialogue of the benchmark: a small image, and blobs pushed the two ways clients push them."""

import hashlib
import json
from urllib.parse import urlsplit

from benchmarks.peers import Peer
from benchmarks.wire import Connection, Payload, UnexpectedAnswer

MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
ACCEPT = f"Accept: {MANIFEST_TYPE}, */*\r\n"  # docker-registry hides OCI manifests without it
_MANIFEST_SIZE = 2048
_CONFIG = b"{}"
_OCTETS = "Content-Type: application/octet-stream\r\n"


def manifest() -> bytes:
    """An OCI manifest of exactly 2 KiB: the config is its one layer too, and an annotation fills it up."""
    blob = {"digest": digest_of(_CONFIG), "size": len(_CONFIG)}
    document = {
        "schemaVersion": 2,
        "mediaType": MANIFEST_TYPE,
        "config": {"mediaType": "application/vnd.oci.image.config.v1+json", **blob},
        "layers": [{"mediaType": "application/vnd.oci.image.layer.v1.tar", **blob}],
        "annotations": {"org.example.padding": ""},
    }
    document["annotations"] = {"org.example.padding": "x" * (_MANIFEST_SIZE - len(json.dumps(document)))}
    return json.dumps(document).encode()


def digest_of(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def manifest_path(peer: Peer, tag: str = "latest") -> str:
    return f"/v2/{peer.image}/manifests/{tag}"


def blob_path(peer: Peer, digest: str) -> str:
    return f"/v2/{peer.image}/blobs/{digest}"


def push_image(peer: Peer) -> None:
    """Push the 2 KiB manifest and the blob it names as tag `latest`."""
    connection = peer.connect()
    target = begin_upload(connection, peer.image)
    connection.request("PUT", finished(target, digest_of(_CONFIG)), _OCTETS, _CONFIG).expect(201)
    body = manifest()
    connection.request("PUT", manifest_path(peer), f"Content-Type: {MANIFEST_TYPE}\r\n", body).expect(201)
    connection.close()


def push_in_one_put(connection: Connection, image: str, payload: Payload) -> None:
    """POST, then PUT with the whole body and the digest."""
    target = finished(begin_upload(connection, image), payload.digest)
    connection.begin("PUT", target, f"{_OCTETS}Content-Length: {payload.size}\r\n")
    payload.send(connection.write)
    connection.answer().expect(201)


def push_by_patch(connection: Connection, image: str, payload: Payload) -> None:
    """POST, one chunked PATCH, then PUT with the digest: what docker, podman and skopeo do."""
    target = begin_upload(connection, image)
    connection.begin("PATCH", target, f"{_OCTETS}Transfer-Encoding: chunked\r\n")
    payload.send_chunked(connection.write)
    target = _target(connection.answer().expect(202).header("location"))
    connection.request("PUT", finished(target, payload.digest)).expect(201)


def push_small(connection: Connection, image: str, payload: Payload) -> None:
    """POST, then PUT, for a payload that fits one write."""
    target = finished(begin_upload(connection, image), payload.digest)
    connection.request("PUT", target, _OCTETS, payload.content()).expect(201)


def check(peer: Peer, path: str, digest: str) -> None:
    """Download `path` once and compare its sha256; `UnexpectedAnswer` when it differs."""
    received = hashlib.sha256()
    connection = peer.connect()
    connection.download(path, received.update, ACCEPT)
    connection.close()
    if f"sha256:{received.hexdigest()}" != digest:
        raise UnexpectedAnswer(f"{peer.name} {path}: got sha256:{received.hexdigest()}, not {digest}")


def begin_upload(connection: Connection, image: str) -> str:
    """Start an upload; returns the path and query to send it to."""
    answer = connection.request("POST", f"/v2/{image}/blobs/uploads/").expect(202)
    return _target(answer.header("location"))


def finished(target: str, digest: str) -> str:
    return f"{target}{'&' if '?' in target else '?'}digest={digest}"


def _target(location: str) -> str:
    parts = urlsplit(location)
    return f"{parts.path}?{parts.query}" if parts.query else parts.path
