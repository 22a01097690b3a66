"""GET and HEAD of manifests and blobs. Bytes, ranges, conditions and lengths are the edge's."""

from artifactd.plugin import AssetNotFound, Content, Digest, Exchange, parse_digest
from artifactd_docker.location import image_of, namespace_headers
from artifactd_docker.names import blob_path, is_digest, manifest_path, parse_tag, tag_path


def get_manifest(exchange: Exchange) -> Content:
    """A manifest by digest or tag, as it was stored, whatever the client says it accepts (docker R44)."""
    image, reference = image_of(exchange), exchange.params["reference"]
    if is_digest(reference):
        digest = parse_digest(reference)
        return _addressed(exchange, exchange.repository.get(manifest_path(image, digest)), digest)
    content = exchange.repository.get(tag_path(image, parse_tag(reference)))
    return _named(exchange, content, Digest(content.head.attributes["digest"]))


def get_blob(exchange: Exchange) -> Content:
    """A blob, or else a manifest: clients fetch here what they do not know to be one (docker R48)."""
    image, digest = image_of(exchange), parse_digest(exchange.params["digest"])
    try:
        content = exchange.repository.get(blob_path(image, digest))
    except AssetNotFound as missing:
        try:
            content = exchange.repository.get(manifest_path(image, digest))
        except AssetNotFound:
            raise missing from None
    return _addressed(exchange, content, digest)


def head_blob(exchange: Exchange) -> Content:
    """Whether a blob is there. A client that hears so will not upload it, so it must stay for a while
    (docker R163), and a manifest of the same bytes does not count."""
    image, digest = image_of(exchange), parse_digest(exchange.params["digest"])
    path = blob_path(image, digest)
    exchange.repository.stat(path)
    return _addressed(exchange, exchange.repository.get(path), digest)


def _addressed(exchange: Exchange, content: Content, digest: Digest) -> Content:
    """Content that was asked for by digest: it will never be other bytes."""
    return _named(exchange, content, digest, immutable=True)


def _named(exchange: Exchange, content: Content, digest: Digest, *, immutable: bool = False) -> Content:
    """Content under the digest that its client knows it by, which need not be our own sha256."""
    named = content.identified(digest, immutable=immutable)
    return named.with_headers(("Docker-Content-Digest", digest), *namespace_headers(exchange))
