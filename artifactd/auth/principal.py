"""Principals: who a request comes from. Anonymous is one too, and without rights until it is given some."""

from dataclasses import dataclass
from enum import StrEnum

from artifactd.clock import Micros


class Verb(StrEnum):
    """What can be done with a path of a repository. `populate` is asking an upstream; `history` is the
    past."""

    READ = "read"
    WRITE = "write"
    DELETE = "delete"
    POPULATE = "populate"
    HISTORY = "history"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class Access:
    """One thing a scoped credential covers: verbs on the paths of a repository that fit `path` (a pattern).
    Held by id, so that a repository created later under the same name is not meant."""

    repository_id: int
    path: str
    verbs: frozenset[Verb]


@dataclass(frozen=True, slots=True)
class Scopes:
    """What a credential narrows its principal's rights to. `audience`: the entry point a bearer token was
    issued for, or None when it is good everywhere."""

    access: tuple[Access, ...]
    audience: str | None = None


@dataclass(frozen=True, slots=True)
class Principal:
    """`id` is the user's row (0 for anonymous), `roles` the rows of its roles, `scopes` None for full
    rights. `not_after` ends the credential (microseconds)."""

    name: str
    id: int
    roles: frozenset[int]
    scopes: Scopes | None = None
    not_after: Micros | None = None

    @property
    def anonymous(self) -> bool:
        """Whether nobody has said who they are."""
        return self.id == 0


ANONYMOUS = "anonymous"
"""Name of the user that stands for requests without credentials. Its row has id 0."""
