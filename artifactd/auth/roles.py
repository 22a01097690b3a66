"""Roles: bundles of grants, by name.

Every change moves the counters of all users who have the role, so that decisions and credentials remembered
anywhere are made anew.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import bindparam, delete, insert, select, update

from artifactd.auth import patterns
from artifactd.auth.names import check_name
from artifactd.auth.principal import Verb
from artifactd.catalog.assets import Page
from artifactd.clock import Micros
from artifactd.db.engine import Row
from artifactd.db.generations import principal_stripe
from artifactd.db.tables import grant, role, user_role
from artifactd.db.writer import Database, Reader, Turn
from artifactd.errors import InvalidInput, ObjectExists, ObjectNotFound, PreconditionFailed

ADMIN = "admin"
"""Role of the first user. It can neither change nor go: nobody could bring it back."""

MOST_GRANTS = 1000
"""Grants a role may have: they are all in memory, compiled, for each principal that has it."""

LONGEST_DESCRIPTION = 1000


@dataclass(frozen=True, slots=True)
class Grant:
    """What a role gives: `verbs` on the paths that fit the pattern `path`, in the repositories that fit the
    pattern `repository`."""

    repository: str
    path: str
    verbs: frozenset[Verb]


EVERYTHING = Grant("*", "**", frozenset({Verb.ADMIN}))
"""`admin` on every path of every repository: every right there is."""


@dataclass(frozen=True, slots=True)
class Role:
    """A role. `version` counts its changes; `created` in microseconds since the epoch."""

    id: int
    name: str
    description: str
    grants: Sequence[Grant]
    version: int
    created: Micros


class Roles:
    """Finds and changes roles. A change is in force, in every process, when the call returns."""

    def __init__(self, database: Database) -> None:
        self._database = database
        columns = (role.c.id, role.c.name, role.c.description, role.c.version, role.c.created)
        self._find = database.prepare(select(*columns).where(role.c.name == bindparam("name")))
        self._page = database.prepare(
            select(*columns)
            .where(role.c.name > bindparam("after"))
            .order_by(role.c.name)
            .limit(bindparam("count"))
        )
        self._grants = database.prepare(
            select(grant.c.role_id, grant.c.repository, grant.c.path, grant.c.verbs)
            .select_from(grant.join(role))
            .where(role.c.name >= bindparam("first"), role.c.name <= bindparam("last"))
            .order_by(grant.c.role_id, grant.c.position)
        )
        self._insert = database.prepare(
            insert(role)
            .values({column: bindparam(column) for column in ("name", "description", "created")})
            .values(version=1)
            .returning(role.c.id)
        )
        self._update = database.prepare(
            update(role)
            .where(role.c.id == bindparam("row"))
            .values(description=bindparam("text"), version=role.c.version + 1)
        )
        self._delete = database.prepare(delete(role).where(role.c.id == bindparam("row")))
        self._insert_grant = database.prepare(
            insert(grant).values({column.name: bindparam(column.name) for column in grant.c})
        )
        self._delete_grants = database.prepare(delete(grant).where(grant.c.role_id == bindparam("row")))
        self._users = database.prepare(
            select(user_role.c.user_id).where(user_role.c.role_id == bindparam("row"))
        )

    def put(
        self,
        name: str,
        grants: Iterable[Grant],
        description: str = "",
        *,
        if_version: int | None = None,
        create: bool = False,
    ) -> Role:
        """Make the role `name` be this, creating it when there is none (its version is then 1). The same
        again changes nothing. `create`: it must not exist. Raises ObjectExists; InvalidInput for a name, a
        pattern or verbs that are not possible, and for the role `admin`; PreconditionFailed when the role
        is not at `if_version`."""
        wanted = _checked(grants)
        if "\0" in description or len(description) > LONGEST_DESCRIPTION:
            raise InvalidInput(
                f"a description has at most {LONGEST_DESCRIPTION} characters, and no NUL among them"
            )
        if name == ADMIN:
            raise InvalidInput(f"the role {ADMIN!r} cannot be changed")

        def job(turn: Turn) -> Role:
            if create and self._one(turn, name) is not None:
                raise ObjectExists("role", name)
            return self.put_in(turn, name, wanted, description, if_version=if_version)

        return self._database.write(job)

    def put_in(
        self,
        turn: Turn,
        name: str,
        grants: Sequence[Grant],
        description: str = "",
        *,
        if_version: int | None = None,
    ) -> Role:
        """`put`, within a write turn and for any role. `grants` have been checked."""
        found = self._one(turn, name)
        _check_version(name, found, if_version)
        if found is not None and (found.grants, found.description) == (tuple(grants), description):
            return found
        if found is None:
            check_name("role", name)
            row = turn.one(self._insert, name=name, description=description, created=turn.now)
            assert row is not None
            row_id = row[0]
        else:
            row_id = found.id
            turn.run(self._update, row=row_id, text=description)
            turn.run(self._delete_grants, row=row_id)
        for position, each in enumerate(grants):
            turn.run(
                self._insert_grant,
                role_id=row_id,
                position=position,
                repository=each.repository,
                path=each.path,
                verbs=" ".join(sorted(each.verbs)),
            )
        self._moves(turn, row_id)
        now = self._one(turn, name)
        assert now is not None
        return now

    def find(self, name: str) -> Role:
        """The role called `name`. Raises ObjectNotFound."""
        with self._database.read() as reader:
            found = self._one(reader, name)
        if found is None:
            raise ObjectNotFound("role", name)
        return found

    def list(self, after: str = "", limit: int = 100) -> Page[Role]:
        """Up to `limit` roles by name, beginning after the name `after`."""
        with self._database.read() as reader:
            rows = reader.all(self._page, after=after, count=limit + 1)
            shown = rows[:limit]
            grants = self._grants_between(reader, shown[0][1], shown[-1][1]) if shown else {}
        return Page([_role(row, grants) for row in shown], shown[-1][1] if len(rows) > limit else None)

    def delete(self, name: str, *, if_version: int | None = None) -> None:
        """Take the role from everyone who has it, and forget it. Raises ObjectNotFound; InvalidInput for
        the role `admin`; PreconditionFailed when it is not at `if_version`."""
        if name == ADMIN:
            raise InvalidInput(f"the role {ADMIN!r} cannot be deleted")

        def job(turn: Turn) -> None:
            found = self._one(turn, name)
            if found is None:
                raise ObjectNotFound("role", name)
            _check_version(name, found, if_version)
            self._moves(turn, found.id)
            turn.run(self._delete, row=found.id)

        self._database.write(job)

    def _one(self, reader: Reader, name: str) -> Role | None:
        row = reader.one(self._find, name=name)
        return None if row is None else _role(row, self._grants_between(reader, name, name))

    def _grants_between(self, reader: Reader, first: str, last: str) -> Mapping[int, Sequence[Grant]]:
        grants: dict[int, Any] = {}
        for role_id, repository, path, verbs in reader.all(self._grants, first=first, last=last):
            verbs_of = frozenset(map(Verb, verbs.split()))
            grants.setdefault(role_id, []).append(Grant(repository, path, verbs_of))
        return grants

    def _moves(self, turn: Turn, role_id: int) -> None:
        turn.moves(*(principal_stripe(row[0]) for row in turn.all(self._users, row=role_id)))


def _checked(grants: Iterable[Grant]) -> Sequence[Grant]:
    checked = tuple(grants)
    if len(checked) > MOST_GRANTS:
        raise InvalidInput(f"a role has at most {MOST_GRANTS} grants")
    for each in checked:
        patterns.compile(each.repository)
        patterns.compile(each.path)
        if not each.verbs:
            raise InvalidInput(f"the grant on {each.path!r} in repository {each.repository!r} has no verbs")
    return checked


def _check_version(name: str, found: Role | None, if_version: int | None) -> None:
    if if_version is not None and (found is None or found.version != if_version):
        raise PreconditionFailed(f"role {name!r}")


def _role(row: Row, grants: Mapping[int, Sequence[Grant]]) -> Role:
    row_id, name, description, version, created = row
    return Role(row_id, name, description, tuple(grants.get(row_id, ())), version, created)
