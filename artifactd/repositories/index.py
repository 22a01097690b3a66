"""Indexes: small documents derived on read, such as a list of tags. All functions are pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from artifactd.catalog.assets import Asset, Change, Selection
from artifactd.clock import Micros
from artifactd.db.generations import Stripe

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Document(Generic[T]):
    """An index as it stands. `revision` and `changed` (microseconds) are those of its owner name, 0 when it
    holds nothing and never did. `depends`: the counters taken before it was read."""

    value: T
    revision: int
    changed: Micros
    depends: Sequence[tuple[Stripe, int]] | None


class Index(Protocol[T]):
    """A kind of document, e.g. the tags of an image."""

    @property
    def name(self) -> str:
        """Names it in the cache of kept documents."""
        ...

    def selects(self, key: str) -> Selection:
        """The assets the document `key` is made of."""
        ...

    def build(self, key: str, assets: Iterable[Asset]) -> T:
        """The document from all of its assets, which come ordered by path as bytes."""
        ...

    def apply(self, key: str, document: T, changes: Sequence[Change]) -> T | None:
        """The document after `changes` (oldest first), or None to have it built anew. `document` is shared:
        it must not be modified."""
        ...
