"""The question every kind of repository answers."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol, TypeVar

from artifactd.auth.principal import Verb
from artifactd.catalog.assets import Entry, OwnerName, Page
from artifactd.catalog.edit import Edit
from artifactd.repositories.content import Content, Head
from artifactd.repositories.index import Document, Index

T = TypeVar("T")


class Repository(Protocol):
    """A repository bound to a principal, and to now or to a moment of its past.

    Every verb checks the principal's right to it on the asset path, so a handler cannot forget to: each may
    raise Unauthenticated, InsufficientScope or Forbidden. A handler never asks which kind it holds."""

    name: str
    settings: Any

    def stat(self, path: str) -> Head:
        """Facts about an asset, without its bytes. A client that is told "present" may rely on it for the
        asset's linger time. Raises AssetNotFound, Withheld."""
        ...

    def get(self, path: str, *, derived: str | None = None) -> Content:
        """An asset, or the document of the kind `derived` that was derived from its bytes; whoever asks for
        that gives it its Content-Type. Raises AssetNotFound, Withheld, Unavailable ("could not ask")."""
        ...

    def list(self, prefix: str, *, after: str = "", limit: int = 1000) -> Page[Entry]:
        """Files and folders right below `prefix` (empty, or ending in a slash), in order: those that a
        grant covers. So a page may hold fewer than `limit` and still have a next one."""
        ...

    def index(self, index: Index[T], key: str, *, right: Verb = Verb.READ) -> Document[T]:
        """A document derived from the assets it selects. It may be empty; it is never absent. `right`: the
        verb that it takes, where it is looked into for doing something and not shown."""
        ...

    def permit(self, verb: Verb, path: str = "") -> None:
        """Raise what doing `verb` at `path` would, before a client sends megabytes for it: a right that is
        missing, or ReadOnly. Without a path: what doing so anywhere would."""
        ...

    def edit(self, message: str = "") -> AbstractContextManager[Edit]:
        """Record changes; they are applied when the block ends. Raises ReadOnly, and at the end what `Edit`
        says."""
        ...

    def names(self, *, after: str = "", limit: int | None = None) -> Document[Sequence[OwnerName]]:
        """Owner names that hold bytes the principal may read, in order as bytes: at most `limit` of them,
        behind the name `after`."""
        ...
