"""What refers to a manifest (OCI distribution-spec, "Listing Referrers").

The answer is always a list: a 404 would tell clients that there is no such API, for good (docker R150).
"""

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from artifactd.plugin import (
    SUBJECT,
    Asset,
    AssetNotFound,
    Change,
    Content,
    Digest,
    Exchange,
    Index,
    Rendered,
    Selection,
    StoredSource,
    Withheld,
    parse_digest,
)
from artifactd_docker import documents
from artifactd_docker.errors import ManifestInvalid
from artifactd_docker.location import image_of, url
from artifactd_docker.manifests import OCI_INDEX
from artifactd_docker.names import ImageName, last_of, manifest_path, referrers_tag, tag_path
from artifactd_docker.paging import next_page

PAGE_BYTES = 2 << 20
"""Descriptors of one page: clients refuse documents of 4 MiB (docker R152)."""


_REFERRER_BYTES = 500
"""What a descriptor takes in memory, about: some carry annotations."""


class Referrer(msgspec.Struct, frozen=True, omit_defaults=True):
    """The descriptor of a manifest that has a subject (docker R151)."""

    mediaType: str
    digest: str
    size: int
    artifactType: str = ""
    annotations: Mapping[str, str] | None = None


class Referrers:
    """The index of referrers by `image@digest`, in order of their digests."""

    name = "docker referrers"

    def selects(self, key: str) -> Selection:
        image, _, digest = key.partition("@")
        return Selection(image, refers_to=(manifest_path(ImageName(image), Digest(digest)), SUBJECT))

    def build(self, key: str, assets: Iterable[Asset]) -> tuple[Referrer, ...]:
        return _ordered(_referrer(asset) for asset in assets if asset.withheld is None)

    def apply(
        self, key: str, document: tuple[Referrer, ...], changes: Sequence[Change]
    ) -> tuple[Referrer, ...] | None:
        return None

    def size(self, document: tuple[Referrer, ...]) -> int:
        return _REFERRER_BYTES * len(document)


REFERRERS: Index[tuple[Referrer, ...]] = Referrers()


def list_referrers(exchange: Exchange) -> Rendered:
    """A page of what refers to a digest, known here or not."""
    image, digest = image_of(exchange), parse_digest(exchange.params["digest"])
    query = exchange.arrival.query
    document = exchange.repository.index(REFERRERS, f"{image}@{digest}")
    found = _ordered((*_tagged(exchange, image, digest), *document.value))
    wanted = query.get("artifactType", "")
    headers = [("Content-Type", OCI_INDEX)]
    if wanted:
        headers.append(("OCI-Filters-Applied", "artifactType"))
        found = tuple(each for each in found if each.artifactType == wanted)
    page, more = page_of(found, query.get("last", ""))
    if more:
        kept = [("artifactType", wanted)] if wanted else []
        headers.append(next_page(url(exchange, "referrers", digest), [*kept, ("last", page[-1].digest)]))
    body = msgspec.json.encode({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": page})
    return Rendered(200, headers, body, document.depends)


def page_of(referrers: Sequence[Referrer], after: str) -> tuple[Sequence[Referrer], bool]:
    """Those behind the digest `after` that fit on a page, at least one of them, and whether there are
    more."""
    size = 0
    page: list[Referrer] = []
    for referrer in referrers:
        if referrer.digest <= after:
            continue
        size += len(msgspec.json.encode(referrer)) + 1
        if page and size > PAGE_BYTES:
            return page, True
        page.append(referrer)
    return page, False


def _referrer(asset: Asset) -> Referrer:
    attributes = asset.attributes
    return Referrer(
        asset.content_type,
        last_of(asset.path),
        0 if asset.blob is None else asset.blob.size,
        attributes.get("artifactType", ""),
        attributes.get("annotations") or None,
    )


def _tagged(exchange: Exchange, image: ImageName, digest: Digest) -> Sequence[Referrer]:
    """What a client listed under a tag, before it knew of this API (docker R153)."""
    try:
        content = exchange.repository.get(tag_path(image, referrers_tag(digest)))
    except (AssetNotFound, Withheld):
        return ()
    try:
        document = documents.read(_bytes(exchange, content))
        return msgspec.convert(documents.descriptors(document, "manifests"), list[Referrer])
    except (ManifestInvalid, msgspec.ValidationError):
        return ()


def _bytes(exchange: Exchange, content: Content) -> bytes:
    if not isinstance(content.source, StoredSource):
        return content.source.body
    with content.source.store.open(content.source.location) as file:
        return file.read(exchange.repository.settings.manifest_limit)


def _ordered(referrers: Iterable[Referrer]) -> tuple[Referrer, ...]:
    """By digest, each once; the last wins."""
    every = {each.digest: each for each in referrers}
    return tuple(every[digest] for digest in sorted(every))
