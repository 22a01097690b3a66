"""A rehearsal: what a write would do, found out by doing it and undoing it.

Rule 1: the job itself runs, in a write turn, with every check it has; then its savepoint is rolled back.
There is no second account of the rules that could disagree with the first.
Rule 2: no counter moves, since nothing has changed.
"""

from collections.abc import Callable
from typing import Any, TypeVar

from artifactd.db.writer import Database, Turn

R = TypeVar("R")


class _Undone(Exception):
    """Ends the job of a rehearsal, so that its turn undoes it."""

    def __init__(self, result: Any) -> None:
        self.result = result


class Rehearsal(Database):
    """The same database, of which nothing that is written stays. It is closed with the one it is made
    from."""

    def __init__(self, database: Database) -> None:
        # Shares everything: connections, the writer thread and the change feed are one per process.
        vars(self).update(vars(database))

    def write(self, job: Callable[[Turn], R]) -> R:
        """Run `job` in a write turn that undoes it; what it returned. Raises what it raised."""

        def rehearse(turn: Turn) -> None:
            raise _Undone(job(turn))

        try:
            super().write(rehearse)
        except _Undone as undone:
            result: R = undone.result
            return result
        raise AssertionError("a rehearsal ends by being undone")
