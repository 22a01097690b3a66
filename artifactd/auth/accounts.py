"""Accounts: what a credential is compared with. The reading side of users; `users.py` changes them."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import bindparam, select

from artifactd.auth.principal import ANONYMOUS
from artifactd.db.engine import Row
from artifactd.db.generations import Stripe, name_stripe
from artifactd.db.tables import user, user_role
from artifactd.db.writer import Database

ANONYMOUS_ID = 0


@dataclass(frozen=True, slots=True)
class Account:
    """A user's row. `password` is a hash, or None when no password opens the account; `roles` are rows."""

    id: int
    name: str
    password: str | None
    active: bool
    roles: frozenset[int]


class Accounts:
    """Finds accounts. Each call is one indexed read."""

    def __init__(self, database: Database) -> None:
        self._database = database
        rows = select(user.c.id, user.c.name, user.c.password, user.c.active, user_role.c.role_id)
        rows = rows.select_from(user.outerjoin(user_role))
        self._named = database.prepare(rows.where(user.c.name == bindparam("name")))
        self._numbered = database.prepare(rows.where(user.c.id == bindparam("id")))

    def named(self, name: str) -> Account | None:
        """The account called `name`."""
        return _account(self._database.all(self._named, name=name))

    def numbered(self, user_id: int) -> Account | None:
        """The account with the row `user_id`."""
        return _account(self._database.all(self._numbered, id=user_id))

    def anonymous(self) -> Account:
        """The account of requests without credentials. Switched off or missing, it has no roles."""
        found = self.numbered(ANONYMOUS_ID)
        if found is None or not found.active:
            return Account(ANONYMOUS_ID, ANONYMOUS, None, True, frozenset())
        return found


def user_stripe(name: str) -> Stripe:
    """The counter that moves when a user called `name` comes: a login that failed because there was none
    stands under it."""
    return name_stripe(0, f"\0user {name}")


def _account(rows: Sequence[Row]) -> Account | None:
    if not rows:
        return None
    row_id, name, password, active, _ = rows[0]
    return Account(
        row_id, name, password, bool(active), frozenset(row[4] for row in rows if row[4] is not None)
    )
