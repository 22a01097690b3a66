"""Indexes: small documents derived on read, such as a list of tags. All functions are pure."""

import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from artifactd.catalog.assets import Asset, Change, Selection
from artifactd.clock import Micros
from artifactd.db.generations import Stripe
from artifactd.repositories.representation import Representation
from artifactd.upstream.answer import Answer

T = TypeVar("T")


MOST_FORMS = 8
"""Forms of a document that are kept. Some hold the address their client asked for, which it made up."""


class Forms:
    """What a document looks like in the forms that were asked for. Thread-safe; each is made once."""

    __slots__ = ("_lock", "_made")

    def __init__(self) -> None:
        self._made: dict[str, Representation] = {}
        self._lock = threading.Lock()

    def get(self, form: str, render: Callable[[], Representation]) -> Representation:
        """The form called `form`, rendered if nobody has asked for it yet."""
        made = self._made.get(form)
        if made is None:
            with self._lock:
                made = self._made.get(form) or render()
                self._made[form] = made
                if len(self._made) > MOST_FORMS:
                    del self._made[next(iter(self._made))]
        return made

    @property
    def size(self) -> int:
        """Bytes held."""
        return sum(made.size for made in list(self._made.values()))


@dataclass(frozen=True, slots=True)
class Document(Generic[T]):
    """An index as it stands. `revision` and `changed` (microseconds) are those of its owner name, 0 when it
    holds nothing and never did. `depends`: the counters taken before it was read. `merged`: put together
    from the members of a group, whose revisions together are no serial."""

    value: T
    revision: int
    changed: Micros
    depends: Sequence[tuple[Stripe, int]] | None
    _forms: Forms = field(default_factory=Forms)
    merged: bool = False

    def represented(self, form: str, render: Callable[[], Representation]) -> Representation:
        """The document in one form. `render` makes it unless it is kept with the document; it may use
        nothing but the document and what `form` says."""
        return self._forms.get(form, render)


@dataclass(frozen=True, slots=True)
class More:
    """What `Index.parse` gives while a document goes on at another address, absolute or relative to that of
    the last answer. `optional`: it need not be there; then its answer is `absent`."""

    url: str
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Part(Generic[T]):
    """What one member of a group has for a document. Members without any are left out."""

    member: str
    document: T


class Index(Protocol[T]):
    """A kind of document, e.g. the tags of an image.

    A hosted repository builds it from assets, a proxy parses what its upstream says, a group merges those
    of its members."""

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

    def size(self, document: T) -> int:
        """Bytes that the document takes in memory, about: what keeping it costs."""
        ...

    def path(self, key: str) -> str:
        """Where a proxy keeps what its upstream says: an asset path of the document's owner name, which
        nothing else can have. `Format.fetch` says what to ask for it."""
        ...

    def parse(self, key: str, answers: Sequence[Answer]) -> T | More:
        """The document from what an upstream said, which is at least one answer, or where it goes on.
        Raises UpstreamInvalid for what is no such document."""
        ...

    def merge(self, key: str, parts: Sequence[Part[T]]) -> T:
        """The document of a group from those of its members, in their order: at least one."""
        ...
