"""Whose rights a repository asks for: those of a principal, and within a group also those on the
member."""

from typing import Protocol

from sqlalchemy import ColumnElement, and_, true

from artifactd.auth.authorizer import Authorizer
from artifactd.auth.principal import Principal, Verb
from artifactd.catalog.repositories import RepositoryRecord


class Rights(Protocol):
    """What may be done in one repository. The methods are the authorizer's (`auth/authorizer.py`)."""

    def check(self, verb: Verb, path: str = "") -> None:
        """Raise Unauthenticated, InsufficientScope or Forbidden unless it is allowed."""
        ...

    def allows(self, verb: Verb, path: str = "") -> bool:
        """Whether it is allowed."""
        ...

    def unrestricted(self, verb: Verb) -> bool:
        """Whether it is allowed for every path."""
        ...

    def where(self, verb: Verb, column: ColumnElement[str]) -> ColumnElement[bool]:
        """The same for paths in a column."""
        ...


class Bound:
    """The rights of a principal in a repository."""

    def __init__(self, authorizer: Authorizer, principal: Principal, record: RepositoryRecord) -> None:
        self._authorizer = authorizer
        self._principal = principal
        self._record = record

    def check(self, verb: Verb, path: str = "") -> None:
        self._authorizer.check(self._principal, verb, self._record.name, self._record.id, path)

    def allows(self, verb: Verb, path: str = "") -> bool:
        return self._authorizer.allows(self._principal, verb, self._record.name, self._record.id, path)

    def unrestricted(self, verb: Verb) -> bool:
        return self._authorizer.unrestricted(self._principal, verb, self._record.name, self._record.id)

    def where(self, verb: Verb, column: ColumnElement[str]) -> ColumnElement[bool]:
        record = self._record
        return self._authorizer.where(self._principal, verb, record.name, record.id, column)


class Everything:
    """Every right: for tasks of this server's own, and for members whose group decides."""

    def check(self, verb: Verb, path: str = "") -> None:
        pass

    def allows(self, verb: Verb, path: str = "") -> bool:
        return True

    def unrestricted(self, verb: Verb) -> bool:
        return True

    def where(self, verb: Verb, column: ColumnElement[str]) -> ColumnElement[bool]:
        return true()


class Both:
    """What two say yes to: the group that a request came to, then the member."""

    def __init__(self, outer: Rights, inner: Rights) -> None:
        self._outer = outer
        self._inner = inner

    def check(self, verb: Verb, path: str = "") -> None:
        self._outer.check(verb, path)
        self._inner.check(verb, path)

    def allows(self, verb: Verb, path: str = "") -> bool:
        return self._outer.allows(verb, path) and self._inner.allows(verb, path)

    def unrestricted(self, verb: Verb) -> bool:
        return self._outer.unrestricted(verb) and self._inner.unrestricted(verb)

    def where(self, verb: Verb, column: ColumnElement[str]) -> ColumnElement[bool]:
        return and_(self._outer.where(verb, column), self._inner.where(verb, column))
