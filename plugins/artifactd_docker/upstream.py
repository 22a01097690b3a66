"""What a proxy asks another registry for (OCI distribution-spec, "Pull" and "Content Discovery").

The upstream's address is that of its host, or of the folder above its `v2/`. Where the names of a registry
begin with a key, as ours do at the main entry, the address goes on to that key:
`https://registry.example/v2/team/`.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Final
from urllib.parse import urlsplit

from artifactd.plugin import (
    IMMUTABLE,
    Digest,
    Facts,
    Fetch,
    Freshness,
    InvalidDigest,
    Look,
    algorithm_of,
    hex_of,
    parse_digest,
)
from artifactd_docker.errors import NameInvalid, TagInvalid
from artifactd_docker.location import BASE
from artifactd_docker.manifests import MANIFEST_TYPES, OCI_INDEX
from artifactd_docker.names import (
    BLOBS,
    MANIFESTS,
    REFERRERS,
    TAG_LIST,
    TAGS,
    image_name,
    is_digest,
    kind_of,
    last_of,
    owner,
    parse_tag,
)
from artifactd_docker.settings import DockerSettings

_WEEK: Final = timedelta(days=7)

OF_TAGS: Final = Freshness(timedelta(minutes=10), _WEEK)
OF_TAG_LISTS: Final = Freshness(timedelta(minutes=5), _WEEK)
OF_REFERRERS: Final = Freshness(timedelta(minutes=1), _WEEK)

ACCEPT: Final = ", ".join((*MANIFEST_TYPES, "*/*"))
"""Every type of manifest that is known, and any other: registries convert or hide what is not accepted."""

PAGE: Final = 1000
"""Tags asked for at once; most registries give fewer."""


def fetch(path: str, settings: DockerSettings, look: Look) -> Sequence[Fetch]:
    """What to ask for the asset, or for the list, at a path."""
    try:
        image = image_name(owner(path) or "")
        return [_asked(kind_of(path), last_of(path), f"{_names(look.url)}{image}")]
    except (NameInvalid, TagInvalid, InvalidDigest):
        return ()


def is_addressed(path: str) -> bool:
    """Whether a path says by digest which bytes it has."""
    return kind_of(path) in (BLOBS, MANIFESTS) and is_digest(last_of(path))


def is_immutable(path: str, settings: DockerSettings) -> bool:
    """What is addressed by digest never changes."""
    return is_addressed(path)


def canonical(path: str, settings: DockerSettings) -> str:
    """An asset path, or the key of a list, with the whole name of its image: one that is written without
    its namespace is the same (docker R12)."""
    namespace, written = settings.default_namespace, path.partition("@")[0]
    image = owner(written) or written
    return path if not namespace or "/" in image else f"{namespace}/{path}"


def _asked(kind: str, last: str, image: str) -> Fetch:
    """What to ask for `last`, given the URL of its image."""
    if kind == TAGS and last == TAG_LIST:
        return Fetch(f"{image}/tags/list?n={PAGE}", OF_TAG_LISTS, "application/json", whole=True)
    if kind == TAGS:
        url = f"{image}/manifests/{parse_tag(last)}"
        return Fetch(url, OF_TAGS, ACCEPT, whole=True, unchanged=_unchanged, stated=_stated)
    digest = parse_digest(last)
    if kind == REFERRERS:
        return Fetch(f"{image}/referrers/{digest}", OF_REFERRERS, OCI_INDEX, whole=True)
    if kind == MANIFESTS:
        return Fetch(f"{image}/manifests/{digest}", IMMUTABLE, ACCEPT, _expected(digest), whole=True)
    return Fetch(
        f"{image}/blobs/{digest}",
        IMMUTABLE,
        expected=_expected(digest),
        content_type="application/octet-stream",
    )


def _names(url: str) -> str:
    """What the URLs of an upstream's images begin with."""
    return url if f"{BASE}/" in urlsplit(url).path else f"{url}{BASE.removeprefix('/')}/"


def _expected(digest: Digest) -> Mapping[str, str]:
    return {algorithm_of(digest): hex_of(digest)}


def _unchanged(facts: Facts, attributes: Mapping[str, Any]) -> bool | None:
    """Whether a tag still names the manifest that is held. Registries count no HEAD against their limits
    (docker R182), and some leave the digest out or state it by another algorithm."""
    stated, held = facts.headers.get("docker-content-digest", ""), attributes.get("digest", "")
    if not held or stated.partition(":")[0] != algorithm_of(held):
        return None
    return bool(stated == held)


def _stated(facts: Facts) -> Mapping[str, str]:
    """The digest that a registry says it sends."""
    try:
        return _expected(parse_digest(facts.headers.get("docker-content-digest", "")))
    except InvalidDigest:
        return {}
