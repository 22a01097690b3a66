"""Who runs tasks: one at a time, each under a lease that a second thread renews.

Rule 1: a handler is asked to stop, never made to. It stops because its task was cancelled, because its
lease is another's, or because the worker stops: only then is the task given back.
Rule 2: a failure is logged here, once, and ends in the queue: it never ends the worker.
"""

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta

from artifactd.clock import Micros, micros
from artifactd.tasks.agenda import Agenda
from artifactd.tasks.queue import MAX_ATTEMPTS, TaskQueue
from artifactd.tasks.schedule import Schedule
from artifactd.tasks.task import Handler, Lease, Progress, Renewal, TaskRun, TaskStopped

LEASED_FOR = timedelta(seconds=30)
"""How long a task of a worker that died stays with it."""

RENEWED_EVERY = timedelta(seconds=2)
"""How often a lease is renewed, progress is noted and a cancellation is seen."""

LOOKS_EVERY = 0.1
"""Seconds between two looks for work or for a reason to stop; a look at the agenda is mostly free."""

PRUNED_EVERY = timedelta(hours=1)

logger = logging.getLogger("artifactd.tasks")


class Worker:
    """Runs what is due with `handlers`, by task name. `stop` may come from another thread or a signal
    handler."""

    def __init__(
        self,
        queue: TaskQueue,
        schedule: Schedule,
        agenda: Agenda,
        handlers: Mapping[str, Handler],
        *,
        now: Callable[[], Micros],
        leased_for: timedelta = LEASED_FOR,
        renewed_every: timedelta = RENEWED_EVERY,
    ) -> None:
        self._queue = queue
        self._schedule = schedule
        self._agenda = agenda
        self._handlers = handlers
        self._now = now
        self._leased_for = leased_for
        self._renewed_every = renewed_every.total_seconds()
        self._pruned: Micros | None = None
        # A plain flag, not an Event: setting an Event in a signal handler can wait for the very thread that
        # was interrupted.
        self._stopping = False
        self._wanted: Callable[[], bool] = lambda: True

    def run(self, idle: timedelta | None = None, wanted: Callable[[], bool] = lambda: True) -> None:
        """Work until `stop`, until there was nothing to do for `idle` (None: for ever), or until it is no
        longer `wanted`."""
        self._wanted = wanted
        rested = time.monotonic()
        while not self._stops():
            try:
                worked = self.run_due()
            except Exception:  # a database that is away must not end the worker
                logger.exception("the task queue cannot be reached; trying again")
                worked = False
                time.sleep(1 - LOOKS_EVERY)
            if worked:
                rested = time.monotonic()
            elif idle is not None and time.monotonic() - rested >= idle.total_seconds():
                return
            else:
                time.sleep(LOOKS_EVERY)

    def run_due(self) -> bool:
        """Enqueue what recurs, then run the one task that has been due longest, if any. Whether one was
        run."""
        now = self._now()
        if self._pruned is None or now - self._pruned >= micros(PRUNED_EVERY):
            self._pruned = now
            self._queue.prune(now)
        if not self._agenda.is_due(now):
            return False
        self._schedule.due(now)
        lease = self._queue.lease(self._leased_for)
        if lease is None:
            return False
        self._run(lease)
        return True

    def stop(self) -> None:
        """Lease nothing more, and ask the task that runs to stop."""
        self._stopping = True

    def _stops(self) -> bool:
        return self._stopping or not self._wanted()

    def _run(self, lease: Lease) -> None:
        handler = self._handlers.get(lease.task.name)
        if handler is None:
            logger.error("no handler for task %s: this version does not know it", lease.task)
            self._queue.fail(lease, "this version does not know such a task")
            return
        run = _Run(lease, self._stops)
        began = time.monotonic()
        with self._renewing(run):
            error = self._call(handler, run)
        seconds = time.monotonic() - began
        if run.renewal is Renewal.LOST:
            logger.warning("task %s lost its lease; it took %.1f s", lease.task, seconds)
        elif error is not None:
            self._queue.fail(lease, f"{type(error).__name__}: {error}")
            facts = (lease.task, lease.attempt, MAX_ATTEMPTS, seconds)
            logger.error("task %s failed, attempt %d of %d; it took %.1f s", *facts, exc_info=error)
        elif run.told and run.renewal is Renewal.CANCELLED:
            self._queue.finish(lease, run.progress, cancelled=True)
            logger.info("task %s was cancelled; it took %.1f s", lease.task, seconds)
        elif run.told:
            self._queue.release(lease)
            logger.info("task %s makes way for a shutdown; it took %.1f s", lease.task, seconds)
        else:
            self._queue.finish(lease, run.progress)
            logger.info("task %s is done; it took %.1f s", lease.task, seconds)

    def _call(self, handler: Handler, run: "_Run") -> Exception | None:
        try:
            handler(TaskRun(run.lease.task, self._now, run.report, run.stops))
        except TaskStopped as error:
            return None if run.told else error
        except Exception as error:  # a task's failure is an answer, whatever it is
            return error
        return None

    @contextlib.contextmanager
    def _renewing(self, run: "_Run") -> Iterator[None]:
        ended = threading.Event()

        def renew() -> None:
            while not ended.wait(self._renewed_every):
                try:
                    run.renewal = self._queue.heartbeat(run.lease, run.progress, self._leased_for)
                except Exception:  # the database may be back before the lease ends
                    logger.exception("the lease of task %s cannot be renewed; trying again", run.lease.task)

        thread = threading.Thread(target=renew, name="artifactd-lease", daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()


class _Run:
    """One run, as its handler and the thread that renews its lease see it."""

    def __init__(self, lease: Lease, stopping: Callable[[], bool]) -> None:
        self.lease = lease
        self.progress = Progress()
        self.renewal = Renewal.HELD
        self.told = False
        self._stopping = stopping

    def report(self, done: int, total: int | None = None, message: str = "") -> None:
        self.progress = Progress(done, total, message)

    def stops(self) -> bool:
        self.told = self.told or self.renewal is not Renewal.HELD or self._stopping()
        return self.told
