"""When there is next something to do: asked once a second by every process, answered mostly without SQL."""

from datetime import timedelta

from artifactd.clock import Micros, micros
from artifactd.db.generations import TASKS
from artifactd.db.writer import Database
from artifactd.tasks.queue import TaskQueue
from artifactd.tasks.schedule import Schedule

TRUSTED_FOR = micros(timedelta(seconds=5))
"""An answer is asked for anew after this, since other hosts do not move this host's counters."""


class Agenda:
    """Tasks and schedule together. Not for several threads at once."""

    def __init__(self, database: Database, queue: TaskQueue, schedule: Schedule) -> None:
        self._generations = database.generations
        self._queue = queue
        self._schedule = schedule
        self._taken: tuple[tuple[int, int], ...] = ()
        self._asked: Micros = 0
        self._next: Micros | None = None

    def is_due(self, now: Micros) -> bool:
        """Whether something is to be enqueued or leased."""
        known = self._taken and self._generations.current(self._taken)
        if not known or not 0 <= now - self._asked < TRUSTED_FOR or self._passed(now):
            self._taken = self._generations.take((TASKS,))
            self._asked = now
            times = (self._queue.next_due(), self._schedule.next_due())
            self._next = min((time for time in times if time is not None), default=None)
        return self._passed(now)

    def _passed(self, now: Micros) -> bool:
        return self._next is not None and self._next <= now
