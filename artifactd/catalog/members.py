"""Members: which repositories a group is made of, in order, and that no group comes to hold itself."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import bindparam, delete, insert, select

from artifactd.catalog.kinds import HOSTED
from artifactd.db import tables
from artifactd.db.engine import Row
from artifactd.db.writer import Database, Reader, Turn
from artifactd.errors import Conflict, InvalidInput

WRITABLE = "writable"
"""The option of a group that names the member which takes its writes."""


@dataclass(eq=False)
class InvalidMembers(InvalidInput):
    """A group that cannot be. `part` of its document is what is wrong: `members` or `writable`."""

    part: str = "members"


@dataclass(eq=False)
class RepositoryInUse(Conflict):
    """A member is deleted only once no group has it."""

    repository: str
    groups: Sequence[str]

    def __str__(self) -> str:
        groups = ", ".join(self.groups)
        return f"repository {self.repository!r} is a member of {groups}; take it out of them first"


class Members:
    """Reads and writes the rows that tie groups to their members."""

    def __init__(self, database: Database) -> None:
        member, repository = tables.member, tables.repository
        self._links = database.prepare(
            select(member.c.group_id, member.c.member_id, repository.c.name)
            .where(repository.c.id == member.c.member_id)
            .order_by(member.c.group_id, member.c.position)
        )
        self._groups = database.prepare(
            select(repository.c.name)
            .where(repository.c.id == member.c.group_id, member.c.member_id == bindparam("member_id"))
            .order_by(repository.c.name)
        )
        self._by_name = database.prepare(
            select(
                repository.c.id, repository.c.format, repository.c.kind, repository.c.blob_store_id
            ).where(repository.c.name == bindparam("name"))
        )

    def all(self, reader: Reader) -> Mapping[int, Sequence[str]]:
        """The names of each group's members, in order, by the group's row."""
        found: dict[int, list[str]] = {}
        for group_id, _, name in reader.all(self._links):
            found.setdefault(group_id, []).append(name)
        return found

    def put(
        self,
        turn: Turn,
        group_id: int,
        group: str,
        format: str,
        names: Sequence[str],
        writable: str | None,
        store_id: int,
    ) -> None:
        """Make these the members of the repository with the row `group_id`, called `group`, which has the
        blob store `store_id`. Raises InvalidMembers."""
        rows = self._checked(turn, format, names)
        if writable is not None:
            _check_writable(writable, rows, store_id)
        member = tables.member
        turn.connection.execute(delete(member).where(member.c.group_id == group_id))
        for position, row in enumerate(rows.values()):
            turn.connection.execute(
                insert(member).values(group_id=group_id, position=position, member_id=row[0])
            )
        way = _way_round(group_id, _downwards(turn.all(self._links)))
        if way is not None:
            raise InvalidMembers(f"a group cannot hold itself: {' > '.join([group, *way])}")

    def above(self, turn: Turn, repository_id: int) -> set[int]:
        """The rows of every group, nested ones included, that the repository is in."""
        links = turn.all(self._links)
        found: set[int] = set()
        waiting = [repository_id]
        while waiting:
            below = waiting.pop()
            groups = {group_id for group_id, member_id, _ in links if member_id == below} - found
            found |= groups
            waiting += groups
        return found

    def check_free(self, turn: Turn, repository_id: int, name: str) -> None:
        """Raises RepositoryInUse while a group has the repository."""
        groups = turn.all(self._groups, member_id=repository_id)
        if groups:
            raise RepositoryInUse(name, [row[0] for row in groups])

    def _checked(self, turn: Turn, format: str, names: Sequence[str]) -> Mapping[str, Row]:
        rows: dict[str, Row] = {}
        for name in names:
            row = turn.one(self._by_name, name=name)
            if name in rows:
                raise InvalidMembers(f"{name!r} is a member twice")
            if row is None:
                raise InvalidMembers(f"repository {name!r} does not exist")
            if row[1] != format:
                raise InvalidMembers(f"{name!r} is a {row[1]} repository, and this group is of {format}")
            rows[name] = row
        return rows


def _check_writable(writable: str, rows: Mapping[str, Row], store_id: int) -> None:
    if writable not in rows:
        raise InvalidMembers(f"{writable!r} is no member of this group", WRITABLE)
    if rows[writable][2] != HOSTED:
        raise InvalidMembers(f"{writable!r} is no hosted repository, and takes no writes", WRITABLE)
    if rows[writable][3] != store_id:
        # What is sent to the group is received before it is known where it goes.
        raise InvalidMembers(f"{writable!r} has another blob store than this group", WRITABLE)


def _downwards(links: Sequence[Row]) -> Mapping[int, Sequence[tuple[int, str]]]:
    """The members of each group, as rows and names."""
    found: dict[int, list[tuple[int, str]]] = {}
    for group_id, member_id, name in links:
        found.setdefault(group_id, []).append((member_id, name))
    return found


def _way_round(group_id: int, members: Mapping[int, Sequence[tuple[int, str]]]) -> list[str] | None:
    """The names of the way from a group down to itself, None when there is none."""
    seen: set[int] = set()

    def below(row: int) -> Iterator[list[str]]:
        for member_id, name in members.get(row, ()):
            if member_id == group_id:
                yield [name]
            elif member_id not in seen:
                seen.add(member_id)
                yield from ([name, *rest] for rest in below(member_id))

    return next(below(group_id), None)
