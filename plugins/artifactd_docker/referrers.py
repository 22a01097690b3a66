"""What refers to a manifest (OCI distribution-spec, "Listing Referrers").

The answer is always a list: a 404 would tell clients that there is no such API, for good (docker R150).
"""

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from artifactd.plugin import (
    SUBJECT,
    Answer,
    Asset,
    AssetNotFound,
    Change,
    Content,
    Digest,
    Document,
    Exchange,
    Index,
    InvalidDigest,
    More,
    Part,
    Rendered,
    Selection,
    StoredSource,
    UpstreamInvalid,
    Withheld,
    parse_digest,
)
from artifactd_docker import documents
from artifactd_docker.errors import ManifestInvalid
from artifactd_docker.links import next_page_of
from artifactd_docker.location import image_of, namespace_headers, url
from artifactd_docker.manifests import OCI_INDEX
from artifactd_docker.names import (
    ImageName,
    last_of,
    manifest_path,
    referrers_path,
    referrers_tag,
    tag_path,
)
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


class _Page(msgspec.Struct, frozen=True):
    manifests: list[Referrer] | None


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

    def path(self, key: str) -> str:
        image, _, digest = key.partition("@")
        return referrers_path(ImageName(image), Digest(digest))

    def parse(self, key: str, answers: Sequence[Answer]) -> tuple[Referrer, ...] | More:
        more = next_page_of(answers)
        if more is not None:
            return more
        try:
            pages = [msgspec.json.decode(answer.body, type=_Page) for answer in answers]
        except (ValueError, RecursionError) as error:
            raise UpstreamInvalid(f"the upstream's list of referrers cannot be read: {error}") from error
        return _ordered(each for page in pages for each in page.manifests or () if _names_one(each))

    def merge(self, key: str, parts: Sequence[Part[tuple[Referrer, ...]]]) -> tuple[Referrer, ...]:
        return _ordered(each for part in reversed(parts) for each in part.document)


REFERRERS: Index[tuple[Referrer, ...]] = Referrers()


def list_referrers(exchange: Exchange) -> Rendered:
    """A page of what refers to a digest, known here or not."""
    image, digest = image_of(exchange), parse_digest(exchange.params["digest"])
    query = exchange.arrival.query
    document = exchange.repository.index(REFERRERS, f"{image}@{digest}")
    found = _ordered((*_tagged(exchange, image, digest, document), *document.value))
    wanted = query.get("artifactType", "")
    headers = [("Content-Type", OCI_INDEX), *namespace_headers(exchange)]
    if wanted:
        headers.append(("OCI-Filters-Applied", "artifactType"))
        found = tuple(each for each in found if each.artifactType == wanted)
    page, more = page_of(found, query.get("last", ""))
    if more:
        kept = [("artifactType", wanted)] if wanted else []
        behind = [*kept, ("last", page[-1].digest)]
        headers.append(next_page(url(exchange, "referrers", digest, query=behind)))
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


def _names_one(referrer: Referrer) -> bool:
    try:
        return bool(parse_digest(referrer.digest))
    except InvalidDigest:
        return False


def _tagged(
    exchange: Exchange, image: ImageName, digest: Digest, listed: Document[tuple[Referrer, ...]]
) -> Sequence[Referrer]:
    """What a client listed under a tag, before it knew of this API (docker R153). An upstream is asked for
    the tag if it does not know of the API either (docker R192)."""
    path = tag_path(image, referrers_tag(digest))
    if listed.revision and not listed.merged and exchange.services.held(path) is None:
        return ()
    try:
        content = exchange.repository.get(path)
    except (AssetNotFound, Withheld):
        return ()
    try:
        document = documents.read(_bytes(exchange, content))
        return msgspec.convert(documents.descriptors(document, "manifests"), list[Referrer])
    except (ManifestInvalid, msgspec.ValidationError):
        return ()


def _bytes(exchange: Exchange, content: Content) -> bytes:
    assert isinstance(content.source, StoredSource), "what a tag names is here as a whole"
    with content.source.store.open(content.source.location) as file:
        return file.read(exchange.repository.settings.manifest_limit)


def _ordered(referrers: Iterable[Referrer]) -> tuple[Referrer, ...]:
    """By digest, each once; the last wins."""
    every = {each.digest: each for each in referrers}
    return tuple(every[digest] for digest in sorted(every))
