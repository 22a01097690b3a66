"""Uploads of blobs (OCI distribution-spec, "Pushing blobs"): begun, continued, asked about, ended.

An upload's URL holds its id and nothing else, so that an old one works as well as the latest (docker R108).
"""

import re
from typing import Final

from artifactd.plugin import (
    ALGORITHMS,
    Append,
    Digest,
    Exchange,
    InMemory,
    InvalidDigest,
    Keep,
    Rendered,
    Sink,
    Staged,
    StagedBlob,
    Upload,
    UploadOffsetMismatch,
    Verb,
    algorithm_of,
    hex_of,
    parse_digest,
)
from artifactd_docker.location import image_of, url
from artifactd_docker.mount import mount
from artifactd_docker.names import BLOBS, ImageName, blob_path
from artifactd_docker.push import new_image_of
from artifactd_docker.rendering import upload_range

CONTENT_TYPE: Final = "application/octet-stream"

IGNORED: Final = 1 << 16
"""Bytes of a body that beginning an upload may carry for no reason."""

_CONTENT_RANGE = re.compile(r"(?:bytes )?([0-9]{1,18})-([0-9]{1,18})(?:/(?:\*|[0-9]{1,18}))?")


def receive_start(exchange: Exchange) -> Sink:
    """A POST with a digest is the whole blob (docker R104). Rights are checked before bytes are sent: only
    requests without a body are tried again with another token."""
    exchange.repository.permit(Verb.WRITE, f"{new_image_of(exchange)}/{BLOBS}/")
    stated = exchange.arrival.query.get("digest")
    if stated is None:
        return InMemory(IGNORED)
    digest = parse_digest(stated)
    return Staged(expected={algorithm_of(digest): hex_of(digest)})


def start(exchange: Exchange) -> Rendered:
    """Begin an upload, unless the blob came along or can be mounted."""
    image, query = image_of(exchange), exchange.arrival.query
    if isinstance(exchange.body, StagedBlob):
        return _stored(exchange, image, parse_digest(query["digest"]), exchange.body)
    mounted = mount(exchange, image, query.get("mount", ""), query.get("from", ""))
    if mounted is not None:
        return created(exchange, mounted)
    upload = exchange.services.uploads.start(image, _algorithms(query.get("digest-algorithm")))
    return Rendered(202, _progress(exchange, upload))


def receive_chunk(exchange: Exchange) -> Append:
    """A PATCH goes on where the upload stands. Raises UploadOffsetMismatch for a Content-Range that does
    not, or is none."""
    upload = _upload(exchange)
    # A client that announced a length and vanishes sends all of it again (docker R115).
    announced = "content-length" in exchange.arrival.headers
    return Append(upload, length=_chunk_length(exchange, upload), keep_partial=not announced)


def add_chunk(exchange: Exchange) -> Rendered:
    """Tell how far the upload has come."""
    assert isinstance(exchange.body, Upload)
    return Rendered(202, _progress(exchange, exchange.body))


def receive_end(exchange: Exchange) -> Append:
    """The closing PUT, with or without a last chunk. Without a digest the upload goes on (docker R112)."""
    upload = _upload(exchange)
    stated = exchange.arrival.query.get("digest")
    if stated is None:
        raise InvalidDigest("the upload ends with ?digest=, which says what was sent")
    digest = parse_digest(stated)
    return Append(
        upload,
        {algorithm_of(digest): hex_of(digest)},
        length=_chunk_length(exchange, upload),
        keep_partial=False,
    )


def end(exchange: Exchange) -> Rendered:
    """Store what was uploaded."""
    assert isinstance(exchange.body, StagedBlob)
    digest = parse_digest(exchange.arrival.query["digest"])
    return _stored(exchange, image_of(exchange), digest, exchange.body)


def status(exchange: Exchange) -> Rendered:
    """How far an upload has come."""
    return Rendered(204, _progress(exchange, _upload(exchange)))


def cancel(exchange: Exchange) -> Rendered:
    """Forget an upload."""
    exchange.services.uploads.cancel(_upload(exchange))
    return Rendered(204)


def created(exchange: Exchange, digest: Digest) -> Rendered:
    """The answer to whoever gave us a blob: the digest is the one it was asked for by (docker R72)."""
    return Rendered(201, [("Location", url(exchange, "blobs", digest)), ("Docker-Content-Digest", digest)])


def _stored(exchange: Exchange, image: ImageName, digest: Digest, blob: StagedBlob) -> Rendered:
    repository = exchange.repository
    with repository.edit() as edit:
        edit.put(
            blob_path(image, digest),
            blob,
            content_type=CONTENT_TYPE,
            keep=Keep.WHILE_REFERENCED,
            linger=repository.settings.blob_linger,
        )
    return created(exchange, digest)


def _upload(exchange: Exchange) -> Upload:
    """The upload of the request, for whoever began it and may still write."""
    exchange.repository.permit(Verb.WRITE, f"{image_of(exchange)}/{BLOBS}/")
    return exchange.services.uploads.find(exchange.params["upload"], image_of(exchange))


def _algorithms(asked: str | None) -> tuple[str, ...]:
    """What to compute beside sha256 while bytes arrive (docker R113)."""
    if asked is None:
        return ()
    if asked not in ALGORITHMS:
        raise InvalidDigest(f"digest algorithm {asked!r} is not supported; use {' or '.join(ALGORITHMS)}")
    return (asked,)


def _chunk_length(exchange: Exchange, upload: Upload) -> int | None:
    """Bytes that Content-Range announces, or None without one (docker R105, R106)."""
    stated = exchange.arrival.headers.get("content-range")
    if stated is None:
        return None
    found = _CONTENT_RANGE.fullmatch(stated.strip())
    if found is None:
        raise UploadOffsetMismatch(upload.id, upload.offset)
    first, last = int(found[1]), int(found[2])
    if first != upload.offset or last < first:
        raise UploadOffsetMismatch(upload.id, upload.offset)
    return last - first + 1


def _progress(exchange: Exchange, upload: Upload) -> list[tuple[str, str]]:
    return [
        ("Location", url(exchange, "blobs", "uploads", upload.id)),
        ("Range", upload_range(upload.offset)),
        ("Docker-Upload-UUID", upload.id),
    ]
