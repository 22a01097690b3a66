"""DELETE of manifests, tags and blobs (OCI distribution-spec, "Content Management")."""

from artifactd.plugin import (
    AssetNotFound,
    Digest,
    Exchange,
    Rendered,
    Selection,
    algorithm_of,
    parse_digest,
)
from artifactd_docker.location import image_of
from artifactd_docker.names import (
    ImageName,
    blob_path,
    is_digest,
    manifest_path,
    parse_tag,
    tag_path,
    tags_prefix,
)


def delete_manifest(exchange: Exchange) -> Rendered:
    """By tag: the tag alone. By digest: the manifest and every tag of it, found in the same turn."""
    image, reference = image_of(exchange), exchange.params["reference"]
    if is_digest(reference):
        _delete_with_tags(exchange, image, parse_digest(reference))
    else:
        tag = parse_tag(reference)
        with exchange.repository.edit(f"delete {image}:{tag}") as edit:
            edit.delete(tag_path(image, tag))
    return Rendered(202)


def delete_blob(exchange: Exchange) -> Rendered:
    """A blob that no manifest needs (docker R161)."""
    image, digest = image_of(exchange), parse_digest(exchange.params["digest"])
    with exchange.repository.edit() as edit:
        edit.delete(blob_path(image, digest), unless_referenced=True)
    return Rendered(202)


def _delete_with_tags(exchange: Exchange, image: ImageName, digest: Digest) -> None:
    path = manifest_path(image, digest)
    tags = Selection(image, prefix=tags_prefix(image))
    held = _held(exchange, path, digest)
    with exchange.repository.edit(f"delete {image}@{digest}") as edit:
        edit.delete(path)
        edit.delete_where(tags, digest=held)


def _held(exchange: Exchange, path: str, digest: Digest) -> Digest:
    """What a blob at `path` is called by the catalog, which knows bytes by their sha256 only."""
    if algorithm_of(digest) == "sha256":
        return digest
    asset = exchange.repository.stat(path).asset
    if asset is None or asset.blob is None:  # only the upstream has it
        raise AssetNotFound(exchange.repository.name, path)
    return asset.blob.digest
