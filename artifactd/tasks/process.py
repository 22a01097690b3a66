"""The task process: it comes when there is work and goes when there is none, so that work never slows the
requests of a web process and costs no memory while there is none.

Rule 1: one per host. It holds `flock` on `tasks.lock` for its life. The lock is taken by the process that
spawns it and handed over as standard input: a lock belongs to the open file, so there is no moment in
which two are spawned or none holds it.
Rule 2: it dies with the process that spawned it, however that dies, by watching who its parent is. Another
process of the service spawns the next one.
"""

import contextlib
import fcntl
import logging
import os
import signal
import subprocess
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from pathlib import Path

from artifactd.clock import Micros
from artifactd.tasks.agenda import Agenda
from artifactd.tasks.worker import Worker

LOCK = "tasks.lock"

logger = logging.getLogger("artifactd.tasks")


class TaskProcess:
    """A web process' way to the task process: runs `command` when it is needed, with `<folder>/tasks.lock`
    as its standard input. Not for several threads at once."""

    def __init__(
        self, command: Sequence[str], folder: Path, agenda: Agenda, now: Callable[[], Micros]
    ) -> None:
        self._command = command
        self._lock = folder / LOCK
        self._agenda = agenda
        self._now = now
        self._child: subprocess.Popen[bytes] | None = None

    def wake(self) -> bool:
        """Spawn the task process if there is work and none runs on this host; whether one was spawned.
        Called once a second."""
        if self._child is not None and self._child.poll() is None:
            return False
        self._child = None
        if not self._agenda.is_due(self._now()):
            return False
        with _open(self._lock) as lock:
            if not _try_lock(lock):
                return False
            self._child = subprocess.Popen(self._command, stdin=lock)  # noqa: S603 (our own command)
        logger.info("there are tasks to run: task process %d begins", self._child.pid)
        return True

    def stop(self, wait_for: timedelta = timedelta(seconds=5)) -> None:
        """Ask this process' task process to give back its task and end; kill it when it does not in
        time."""
        if self._child is None:
            return
        self._child.terminate()
        try:
            self._child.wait(wait_for.total_seconds())
        except subprocess.TimeoutExpired:
            logger.warning("task process %d did not end in time and is killed", self._child.pid)
            self._child.kill()
            self._child.wait()
        self._child = None


def run_worker(worker: Worker, lock: Path, idle: timedelta | None, parent: int | None) -> bool:
    """The task process' main: run `worker` until it was `idle` for so long (None: for ever), SIGTERM or
    SIGINT comes, or `parent` (None: nobody) is no longer the parent. For the main thread. Whether it ran:
    not, when another process holds `lock`."""
    with _open(lock) as own:
        held = _inherited(own)
        if held is None and not _try_lock(own):
            return False
        try:
            with _stopped_by_signals(worker):
                worker.run(idle, lambda: parent is None or os.getppid() == parent)
        finally:
            if held is not None:
                os.close(held)
    return True


@contextlib.contextmanager
def _open(lock: Path) -> Iterator[int]:
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _inherited(lock: int) -> int | None:
    """The lock our parent took for us, moved away from standard input, where what a task runs would inherit
    it and hold it after our end. None: we got none."""
    try:
        if not os.path.samestat(os.fstat(0), os.fstat(lock)):
            return None
    except OSError:  # no standard input at all
        return None
    held = os.dup(0)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    return held


@contextlib.contextmanager
def _stopped_by_signals(worker: Worker) -> Iterator[None]:
    def stop(_signal: int, _frame: object) -> None:
        worker.stop()

    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
