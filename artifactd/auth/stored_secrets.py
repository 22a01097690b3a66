"""Secrets that this installation makes for itself, once, and keeps in the database."""

from collections.abc import Callable

from sqlalchemy import bindparam, insert, select

from artifactd.db.tables import secret
from artifactd.db.writer import Database, Turn


class StoredSecrets:
    """Secrets by name. Every process gets the same one, whichever needs it first."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._find = database.prepare(select(secret.c.value).where(secret.c.name == bindparam("name")))
        self._insert = database.prepare(
            insert(secret).values({column.name: bindparam(column.name) for column in secret.c})
        )

    def made_once(self, name: str, make: Callable[[], str]) -> str:
        """The secret called `name`; what `make` gives when there is none yet."""
        row = self._database.one(self._find, name=name)
        if row is not None:
            return str(row[0])
        made = make()

        def job(turn: Turn) -> str:
            row = turn.one(self._find, name=name)
            if row is not None:  # another process was first
                return str(row[0])
            turn.run(self._insert, name=name, value=made, created=turn.now)
            return made

        return self._database.write(job)
