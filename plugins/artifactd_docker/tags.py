"""The tags of an image."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence

import msgspec

from artifactd.plugin import (
    Answer,
    Asset,
    Change,
    Exchange,
    Index,
    More,
    Part,
    Rendered,
    Selection,
    UpstreamInvalid,
)
from artifactd_docker.errors import ImageNotFound
from artifactd_docker.links import next_page_of
from artifactd_docker.location import image_of, namespace_headers, url
from artifactd_docker.names import ImageName, is_tag, owner, tag_list_path, tags_prefix
from artifactd_docker.paging import asked_page, next_page

MOST_TAGS = 10_000
"""Tags in one answer: at most 1.3 MB of them."""


_TAG_BYTES = 80
"""What a tag takes in memory, about."""


class _Page(msgspec.Struct, frozen=True):
    tags: list[str] | None


class Tags:
    """The index of tags by image: sorted as bytes, which for tags is as characters (docker R141)."""

    name = "docker tags"

    def selects(self, key: str) -> Selection:
        return Selection(key, prefix=tags_prefix(ImageName(key)))

    def build(self, key: str, assets: Iterable[Asset]) -> tuple[str, ...]:
        return tuple(sorted(asset.label for asset in assets if _listed(key, asset)))

    def apply(
        self, key: str, document: tuple[str, ...], changes: Sequence[Change]
    ) -> tuple[str, ...] | None:
        tags = set(document)
        for change in changes:
            if change.retired or not _listed(key, change.asset):
                tags.discard(change.asset.label)
            else:
                tags.add(change.asset.label)
        return tuple(sorted(tags))

    def size(self, document: tuple[str, ...]) -> int:
        return _TAG_BYTES * len(document)

    def path(self, key: str) -> str:
        return tag_list_path(ImageName(key))

    def parse(self, key: str, answers: Sequence[Answer]) -> tuple[str, ...] | More:
        more = next_page_of(answers)
        if more is not None:
            return more
        try:
            pages = [msgspec.json.decode(answer.body, type=_Page) for answer in answers]
        except (ValueError, RecursionError) as error:
            raise UpstreamInvalid(f"the upstream's list of tags cannot be read: {error}") from error
        # Some registries list what no client could ask for, and some clients then read none of it.
        return tuple(sorted({tag for page in pages for tag in page.tags or () if is_tag(tag)}))

    def merge(self, key: str, parts: Sequence[Part[tuple[str, ...]]]) -> tuple[str, ...]:
        return tuple(sorted({tag for part in parts for tag in part.document}))


TAGS: Index[tuple[str, ...]] = Tags()


def list_tags(exchange: Exchange) -> Rendered:
    """A page of an image's tags."""
    image = image_of(exchange)
    asked = asked_page(exchange.arrival.query, MOST_TAGS)
    document = exchange.repository.index(TAGS, image)
    if not document.revision and not document.value:
        raise ImageNotFound(exchange.repository.name, image, document.depends)
    start = bisect_right(document.value, asked.after)
    page = document.value[start : start + asked.limit]
    headers = [("Content-Type", "application/json"), *namespace_headers(exchange)]
    if page and start + len(page) < len(document.value):
        headers.append(next_page(url(exchange, "tags", "list", query=asked.behind(page[-1]))))
    body = msgspec.json.encode({"name": f"{exchange.located.prefix}{image}", "tags": page})
    return Rendered(200, headers, body, document.depends)


def _listed(image: str, asset: Asset) -> bool:
    # The prefix of app's tags is also that of an image called app/tags, and of app's list in a proxy.
    return asset.withheld is None and bool(asset.label) and owner(asset.path) == image
