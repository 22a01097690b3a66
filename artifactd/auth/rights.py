"""Rights: the grants of a principal's roles, compiled, and the one function that decides by them.

`decide` is what the server asks, and what `explain` shows: there is no second account of the rules.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import ColumnElement, and_, false

from artifactd.auth import patterns
from artifactd.auth.patterns import Pattern, PatternSet
from artifactd.auth.principal import Access, Scopes, Verb

EVERY_REPOSITORY = frozenset({"*", "**"})
"""Repository patterns that mean all of them: a repository's name has no slash."""


class Outcome(StrEnum):
    """What was decided, and why."""

    ALLOWED = "allowed"
    NO_GRANT = "no grant"  # none of the principal's roles gives the right
    OUT_OF_SCOPE = "out of scope"  # its roles do, but this credential was narrowed


@dataclass(frozen=True, slots=True)
class RoleGrant:
    """A row of a role: verbs on the paths that fit `path`, in the repositories that fit `repository`."""

    role: str
    position: int
    repository: Pattern
    path: Pattern
    verbs: frozenset[Verb]

    @property
    def everything(self) -> bool:
        """`admin` on every path of every repository is every right there is."""
        return (
            Verb.ADMIN in self.verbs and self.repository.text in EVERY_REPOSITORY and self.path.everything
        )

    def covers(self, verb: Verb, repository: str) -> bool:
        """Whether this has anything to say about `verb` in `repository`."""
        if self.everything:
            return True
        return verb in self.verbs and (
            self.repository.text in EVERY_REPOSITORY or self.repository.matches(repository)
        )


@dataclass(frozen=True, slots=True)
class Decision:
    """An outcome, with the grant and, for a scoped credential, the scope that brought it about."""

    outcome: Outcome
    grant: RoleGrant | None = None
    access: Access | None = None


class Rights:
    """Immutable in what it says: made from the grants of some roles as they stood at one moment."""

    __slots__ = ("_maps", "grants", "roles")

    def __init__(self, roles: Iterable[str], grants: Iterable[RoleGrant]) -> None:
        self.roles: Sequence[str] = tuple(roles)
        self.grants: Sequence[RoleGrant] = tuple(grants)
        self._maps: dict[tuple[int, ...], PatternSet] = {}

    @property
    def everything(self) -> bool:
        """Whether these are an administrator's."""
        return any(grant.everything for grant in self.grants)

    def decide(
        self, scopes: Scopes | None, verb: Verb, repository: str, repository_id: int, path: str
    ) -> Decision:
        """The decision for one path; for the path "", whether there may be any path with this right (yes is
        not a promise, no is)."""
        fitting, paths = self.paths(verb, repository)
        found = paths.find(path) if path else next(iter(paths.patterns), None)
        if found is None:
            return Decision(Outcome.NO_GRANT)
        grant = next(self.grants[index] for index in fitting if self.grants[index].path == found)
        if scopes is None:
            return Decision(Outcome.ALLOWED, grant)
        for access in scopes.access:
            if access_covers(access, verb, repository_id) and (
                not path or patterns.compile(access.path).matches(path)
            ):
                return Decision(Outcome.ALLOWED, grant, access)
        return Decision(Outcome.OUT_OF_SCOPE, grant)

    def unrestricted(self, scopes: Scopes | None, verb: Verb, repository: str, repository_id: int) -> bool:
        """Whether `decide` allows whatever the path is. A no is no promise that it refuses any."""
        _, paths = self.paths(verb, repository)
        return paths.everything and (
            scopes is None
            or any(
                access_covers(access, verb, repository_id) and patterns.compile(access.path).everything
                for access in scopes.access
            )
        )

    def where(
        self,
        scopes: Scopes | None,
        verb: Verb,
        repository: str,
        repository_id: int,
        column: ColumnElement[str],
    ) -> ColumnElement[bool]:
        """`decide`, for every path in `column` at once. No path is empty there."""
        _, paths = self.paths(verb, repository)
        if not paths.patterns:
            return false()
        if scopes is None:
            return paths.where(column)
        scoped = PatternSet(
            patterns.compile(access.path)
            for access in scopes.access
            if access_covers(access, verb, repository_id)
        )
        return and_(paths.where(column), scoped.where(column)) if scoped.patterns else false()

    def paths(self, verb: Verb, repository: str) -> tuple[Sequence[int], PatternSet]:
        """The grants (by index) that speak of `verb` in `repository`, and their paths as one map. Maps are
        kept by the grants they are made of, so that names nobody has ever given cost no memory."""
        fitting = tuple(index for index, grant in enumerate(self.grants) if grant.covers(verb, repository))
        found = self._maps.get(fitting)
        if found is None:
            found = self._maps[fitting] = PatternSet(self.grants[index].path for index in fitting)
        return fitting, found


def access_covers(access: Access, verb: Verb, repository_id: int) -> bool:
    """Whether this scope has anything to say about `verb` in the repository."""
    return access.repository_id == repository_id and verb in access.verbs
