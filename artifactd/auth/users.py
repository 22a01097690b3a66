"""Users: accounts by name, their passwords and roles, and the first of them.

Every change moves the user's counter, so that credentials and decisions remembered anywhere are made anew.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import bindparam, delete, func, insert, select, update

from artifactd.auth.accounts import ANONYMOUS_ID, user_stripe
from artifactd.auth.names import TOKEN_PREFIX, check_name
from artifactd.auth.passwords import Passwords
from artifactd.auth.principal import ANONYMOUS
from artifactd.auth.roles import ADMIN, EVERYTHING, Roles
from artifactd.catalog.assets import Page
from artifactd.clock import Micros
from artifactd.db.engine import Row
from artifactd.db.generations import principal_stripe
from artifactd.db.tables import role, user, user_role
from artifactd.db.writer import Database, Reader, Turn
from artifactd.errors import InvalidInput, ObjectExists, ObjectNotFound, PreconditionFailed


@dataclass(frozen=True, slots=True)
class User:
    """A user as others may see it. `has_password`: whether one opens the account; `roles` by name;
    `version` counts changes; `created` in microseconds since the epoch."""

    id: int
    name: str
    active: bool
    has_password: bool
    roles: Sequence[str]
    version: int
    created: Micros


class Users:
    """Finds and changes users. A change is in force, in every process, when the call returns."""

    def __init__(self, database: Database, passwords: Passwords) -> None:
        self._database = database
        self._passwords = passwords
        self._roles = Roles(database)
        columns = (
            user.c.id, user.c.name, user.c.active, user.c.password.is_not(None), user.c.version,
            user.c.created,
        )  # fmt: skip
        self._find = database.prepare(select(*columns).where(user.c.name == bindparam("name")))
        self._page = database.prepare(
            select(*columns)
            .where(user.c.name > bindparam("after"))
            .order_by(user.c.name)
            .limit(bindparam("count"))
        )
        self._roles_between = database.prepare(
            select(user_role.c.user_id, role.c.name)
            .select_from(user_role.join(role).join(user))
            .where(user.c.name >= bindparam("first"), user.c.name <= bindparam("last"))
            .order_by(role.c.name)
        )
        self._count = database.prepare(
            select(func.count()).select_from(user).where(user.c.id != ANONYMOUS_ID)
        )
        new: dict[str, Any] = {
            column: bindparam(column) for column in ("name", "password", "active", "created")
        }
        self._insert = database.prepare(insert(user).values(new).values(version=1).returning(user.c.id))
        self._insert_anonymous = database.prepare(
            insert(user).values(new).values(version=1, id=bindparam("id"))
        )
        self._update = database.prepare(
            update(user)
            .where(user.c.id == bindparam("row"))
            .values(
                active=bindparam("is_active"),
                password=func.coalesce(bindparam("new_password"), user.c.password),
                version=user.c.version + 1,
            )
        )
        self._rehash = database.prepare(
            update(user)
            .where(user.c.id == bindparam("row"), user.c.password == bindparam("old"))
            .values(password=bindparam("new"))
        )
        self._delete = database.prepare(delete(user).where(user.c.id == bindparam("row")))
        self._role_id = database.prepare(select(role.c.id).where(role.c.name == bindparam("name")))
        self._give = database.prepare(
            insert(user_role).values(user_id=bindparam("user_id"), role_id=bindparam("role_id"))
        )
        self._take = database.prepare(delete(user_role).where(user_role.c.user_id == bindparam("row")))

    def create(
        self, name: str, password: str | None = None, roles: Iterable[str] = (), *, active: bool = True
    ) -> User:
        """A new user; without a password only API tokens open its account. Raises ObjectExists;
        InvalidInput for a name, password or role that is not possible."""
        check_name("user", name)
        hashed = self._hash(password)
        wanted = list(roles)
        return self._database.write(lambda turn: self._create(turn, name, hashed, wanted, active))

    def update(
        self,
        name: str,
        *,
        password: str | None = None,
        active: bool | None = None,
        roles: Iterable[str] | None = None,
        if_version: int | None = None,
    ) -> User:
        """Change what is given; None leaves a thing as it is. Raises ObjectNotFound; InvalidInput as
        `create`, and for a password for anonymous; PreconditionFailed when the user is not at
        `if_version`."""
        if name == ANONYMOUS and password is not None:
            raise InvalidInput(f"the user {ANONYMOUS!r} stands for requests without a password")
        hashed = self._hash(password)
        wanted = None if roles is None else list(roles)

        def job(turn: Turn) -> User:
            found = self._known(turn, name, if_version)
            turn.run(
                self._update,
                row=found.id,
                new_password=hashed,
                is_active=found.active if active is None else active,
            )
            if wanted is not None:
                turn.run(self._take, row=found.id)
                self._give_roles(turn, found.id, wanted)
            turn.moves(principal_stripe(found.id))
            return self._known(turn, name)

        return self._database.write(job)

    def delete(self, name: str, *, if_version: int | None = None) -> None:
        """Forget the user, and its tokens with it. Its id is never given again. Raises ObjectNotFound;
        InvalidInput for anonymous; PreconditionFailed when the user is not at `if_version`."""
        if name == ANONYMOUS:
            raise InvalidInput(
                f"the user {ANONYMOUS!r} stands for requests without credentials: take its roles instead"
            )

        def job(turn: Turn) -> None:
            found = self._known(turn, name, if_version)
            turn.run(self._delete, row=found.id)
            turn.moves(principal_stripe(found.id))

        self._database.write(job)

    def find(self, name: str) -> User:
        """The user called `name`. Raises ObjectNotFound."""
        with self._database.read() as reader:
            return self._known(reader, name)

    def list(self, after: str = "", limit: int = 100) -> Page[User]:
        """Up to `limit` users by name, beginning after the name `after`."""
        with self._database.read() as reader:
            rows = reader.all(self._page, after=after, count=limit + 1)
            shown = rows[:limit]
            roles = self._role_names(reader, shown[0][1], shown[-1][1]) if shown else {}
        return Page([_user(row, roles) for row in shown], shown[-1][1] if len(rows) > limit else None)

    def ensure_admin(self, password: str) -> bool:
        """On the first start, when nobody has an account: the anonymous row, the roles `admin` (everything)
        and `anonymous` (nothing, until given some), and the user `admin` with `password`. Returns whether
        this call did that, for among processes that start at once only one does. Idempotent."""
        if not self._first_start(self._database):
            return False
        hashed = self._hash(password)

        def job(turn: Turn) -> bool:
            if not self._first_start(turn):
                return False
            self._roles.put_in(turn, ADMIN, (EVERYTHING,), "Everything, everywhere")
            if turn.one(self._find, name=ANONYMOUS) is None:
                self._roles.put_in(turn, ANONYMOUS, (), "What can be done without logging in")
                turn.run(
                    self._insert_anonymous,
                    id=ANONYMOUS_ID,
                    name=ANONYMOUS,
                    password=None,
                    active=True,
                    created=turn.now,
                )
                self._give_roles(turn, ANONYMOUS_ID, [ANONYMOUS])
                turn.moves(principal_stripe(ANONYMOUS_ID))
            self._create(turn, ADMIN, hashed, [ADMIN], active=True)
            return True

        return self._database.write(job)

    def rehash(self, user_id: int, old: str, password: str) -> None:
        """Store `password`, just verified against the hash `old`, as it is hashed today. What opens the
        account stays the same, so no counter moves. Does not wait for the write."""
        new = self._passwords.hash(password)
        self._database.submit(lambda turn: turn.run(self._rehash, row=user_id, old=old, new=new))

    def _create(
        self, turn: Turn, name: str, hashed: str | None, roles: Sequence[str], active: bool
    ) -> User:
        if turn.one(self._find, name=name) is not None:
            raise ObjectExists("user", name)
        row = turn.one(self._insert, name=name, password=hashed, active=active, created=turn.now)
        assert row is not None
        self._give_roles(turn, row[0], roles)
        turn.moves(principal_stripe(row[0]), user_stripe(name))
        return self._known(turn, name)

    def _give_roles(self, turn: Turn, user_id: int, roles: Sequence[str]) -> None:
        for name in dict.fromkeys(roles):
            row = turn.one(self._role_id, name=name)
            if row is None:
                raise InvalidInput(f"role {name!r} does not exist")
            turn.run(self._give, user_id=user_id, role_id=row[0])

    def _known(self, reader: Reader, name: str, if_version: int | None = None) -> User:
        row = reader.one(self._find, name=name)
        if row is None:
            raise ObjectNotFound("user", name)
        found = _user(row, self._role_names(reader, name, name))
        if if_version is not None and found.version != if_version:
            raise PreconditionFailed(f"user {name!r}")
        return found

    def _role_names(self, reader: Reader, first: str, last: str) -> Mapping[int, Sequence[str]]:
        names: dict[int, list[str]] = {}
        for user_id, name in reader.all(self._roles_between, first=first, last=last):
            names.setdefault(user_id, []).append(name)
        return names

    def _first_start(self, reader: Reader) -> bool:
        row = reader.one(self._count)
        return row is not None and row[0] == 0

    def _hash(self, password: str | None) -> str | None:
        if password is None:
            return None
        if password.startswith(TOKEN_PREFIX):
            raise InvalidInput(f"a password cannot begin with {TOKEN_PREFIX!r}: API tokens do")
        return self._passwords.hash(password)


def _user(row: Row, roles: Mapping[int, Sequence[str]]) -> User:
    row_id, name, active, has_password, version, created = row
    return User(
        row_id, name, bool(active), bool(has_password), tuple(roles.get(row_id, ())), version, created
    )
