"""Images that real clients read: layers are tar files, and an image is a folder in the OCI image layout
(image-spec, "Image Layout"). The same arguments give the same bytes, so digests are known beforehand."""

import gzip
import io
import json
import random
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.support.images import (
    OCI_CONFIG,
    OCI_INDEX,
    OCI_LAYER,
    OCI_MANIFEST,
    Built,
    descriptor,
    digest_of,
    index,
)


def pullable(content: str, *, layers: int = 2, layer_size: int = 64, architecture: str = "amd64") -> Built:
    """An image that can be unpacked. Each layer holds one file of `layer_size` bytes, which `content` tells
    from those of other images; the second layer and those behind it differ from the first by their number
    alone."""
    tars = [_layer(f"{content} {number}", f"file{number}", layer_size) for number in range(layers)]
    bodies = [gzip.compress(tar, 1, mtime=0) for tar in tars]
    config = json.dumps(
        {
            "architecture": architecture,
            "os": "linux",
            "config": {"Labels": {"content": content}},
            "rootfs": {"type": "layers", "diff_ids": [digest_of(tar) for tar in tars]},
            "history": [{"created_by": f"layer {number}"} for number in range(layers)],
        }
    ).encode()
    document = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": descriptor(config, OCI_CONFIG),
        "layers": [descriptor(body, f"{OCI_LAYER}+gzip") for body in bodies],
    }
    return Built(json.dumps(document).encode(), OCI_MANIFEST, [config, *bodies])


def platforms(*architectures: str, content: str) -> Built:
    """An index of one image per architecture. Its `blobs` are all that it needs, manifests included."""
    images = [pullable(content, architecture=architecture) for architecture in architectures]
    described: list[Mapping[str, Any]] = [
        image.descriptor | {"platform": {"architecture": architecture, "os": "linux"}}
        for image, architecture in zip(images, architectures, strict=True)
    ]
    whole = index(*described)
    needed = [blob for image in images for blob in (*image.blobs, image.body)]
    return Built(whole.body, OCI_INDEX, needed)


def write_layout(folder: Path, **images: Built) -> Path:
    """The folder as an OCI image layout that holds `images` by tag."""
    blobs = folder / "blobs" / "sha256"
    blobs.mkdir(parents=True)
    entries = []
    for tag, image in images.items():
        for blob in (*image.blobs, image.body):
            (blobs / digest_of(blob).removeprefix("sha256:")).write_bytes(blob)
        named = {"org.opencontainers.image.ref.name": tag}
        entries.append(image.descriptor | {"annotations": named})
    (folder / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    (folder / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": entries}))
    return folder


def read_layout(folder: Path) -> str:
    """The digest of the one image in a layout, once every blob in it is what its name says."""
    for blob in (folder / "blobs" / "sha256").iterdir():
        assert digest_of(blob.read_bytes()) == f"sha256:{blob.name}"
    [entry] = json.loads((folder / "index.json").read_text())["manifests"]
    digest: str = entry["digest"]
    return digest


def write_archive(file: Path, name: str, image: Built) -> Path:
    """A file that `docker load` takes in as the image `name`."""
    config, *layers = image.blobs
    members = {"config.json": config} | {
        f"{number}.tar": gzip.decompress(layer) for number, layer in enumerate(layers)
    }
    listing = [{"Config": "config.json", "RepoTags": [name], "Layers": list(members)[1:]}]
    with tarfile.open(file, "w") as archive:
        for path, data in (members | {"manifest.json": json.dumps(listing).encode()}).items():
            _add(archive, path, data)
    return file


def _layer(content: str, name: str, size: int) -> bytes:
    # Noise, so that compressed layers are as large as they are meant to be.
    data = content.encode() + random.Random(content).randbytes(max(0, size - len(content)))
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        _add(archive, name, data)
    return buffer.getvalue()


def _add(archive: tarfile.TarFile, name: str, data: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(data)
    archive.addfile(member, io.BytesIO(data))
