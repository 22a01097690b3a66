"""Mounting: a blob of another image becomes one of this image, and no byte moves (OCI distribution-spec,
"Mounting a blob from another repository")."""

from artifactd.plugin import (
    Digest,
    Exchange,
    Forbidden,
    Invalid,
    NotFound,
    Unauthenticated,
    Unavailable,
    UpstreamInvalid,
    Withheld,
    parse_digest,
)
from artifactd_docker.location import find_image
from artifactd_docker.names import ImageName, blob_path

_NOT_POSSIBLE = (Forbidden, Invalid, NotFound, Unauthenticated, Unavailable, UpstreamInvalid, Withheld)
"""A client that cannot mount uploads; any other answer ends its push. Neither may it learn what it cannot
read (docker R33, R133)."""


def mount(exchange: Exchange, image: ImageName, digest: str, source: str) -> Digest | None:
    """Put the blob `digest` of the image that the client calls `source` into `image`. None when that is not
    possible, whatever the reason."""
    if not digest or not source:
        return None
    try:
        return _mounted(exchange, image, parse_digest(digest), source)
    except _NOT_POSSIBLE:
        return None


def _mounted(exchange: Exchange, image: ImageName, digest: Digest, source: str) -> Digest | None:
    place = find_image(exchange, source)
    if place.at is not None:
        return None
    repository = exchange.services.repository(place.repository)
    asset = repository.stat(blob_path(place.image, digest)).asset
    if asset is None:
        return None
    with exchange.repository.edit() as edit:
        edit.link(blob_path(image, digest), asset)
    return digest
