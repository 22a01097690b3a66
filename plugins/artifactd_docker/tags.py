"""The tags of an image."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence

import msgspec

from artifactd.plugin import Asset, Change, Exchange, Index, Rendered, Selection
from artifactd_docker.errors import ImageNotFound
from artifactd_docker.location import image_of, url
from artifactd_docker.names import ImageName, owner, tags_prefix
from artifactd_docker.paging import asked_page, next_page

MOST_TAGS = 10_000
"""Tags in one answer: at most 1.3 MB of them."""


_TAG_BYTES = 80
"""What a tag takes in memory, about."""


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
    headers = [("Content-Type", "application/json")]
    if page and start + len(page) < len(document.value):
        headers.append(
            next_page(url(exchange, "tags", "list"), [("n", str(asked.limit)), ("last", page[-1])])
        )
    body = msgspec.json.encode({"name": f"{exchange.located.prefix}{image}", "tags": page})
    return Rendered(200, headers, body, document.depends)


def _listed(image: str, asset: Asset) -> bool:
    # The prefix of app's tags is also that of an image called app/tags.
    return asset.withheld is None and owner(asset.path) == image
