"""Load: wrk for many small requests, and forked processes, one connection each, for everything else.

The workers are processes so that no lock of this interpreter limits them; they connect first, start
together, and the clock runs from the first start to the last end.
"""

import json
import multiprocessing
import multiprocessing.connection
import resource
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.sharedctypes import RawArray
from pathlib import Path
from typing import Any

from benchmarks.image import ACCEPT
from benchmarks.peers import Peer, PeerAbsent
from benchmarks.wire import Connection, UnexpectedAnswer

CONNECTIONS = 16
_FORK = multiprocessing.get_context("fork")

# The summary as JSON; wrk runs nothing of this per request unless `request` is defined.
_DONE = """
done = function(summary, latency, requests)
  io.write(string.format('{"requests":%d,"microseconds":%d,"statuses":%d,"broken":%d}\\n',
    summary.requests, summary.duration, summary.errors.status,
    summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout))
end
"""

# A new query string for every request: no two requests look alike to a cache of whole answers.
_UNIQUE = """
local head, tail, count
init = function(args)
  local text = wrk.format("GET", wrk.path .. "?x=UNIQUE")
  local at = string.find(text, "UNIQUE", 1, true)
  head, tail, count = string.sub(text, 1, at - 1), string.sub(text, at + 6), START
end
request = function()
  count = count + 1
  return head .. count .. tail
end
"""


@dataclass(frozen=True, slots=True)
class Wrk:
    """wrk, with its scripts in `folder`. Raises `PeerAbsent` where wrk is not installed."""

    folder: Path
    seconds: float

    def run(
        self, peer: Peer, path: str, headers: str = ACCEPT, *, status: int = 200, unique: bool = False
    ) -> "Run":
        """GET requests over 16 connections; every answer must be of this status's kind.

        wrk tells failures from successes only, so one request before it looks at the very status.
        """
        program = shutil.which("wrk")
        if program is None:
            raise PeerAbsent("wrk is not installed")
        connection = peer.connect()
        connection.request("GET", path, headers).expect(status)
        connection.close()
        script = self.folder / "wrk.lua"
        script.write_text((_UNIQUE.replace("START", str(time.monotonic_ns())) if unique else "") + _DONE)
        # One thread: with two cores the other one belongs to the server.
        command = [
            program,
            "-t1",
            f"-c{CONNECTIONS}",
            f"-d{max(1, round(self.seconds))}s",
            "-s",
            str(script),
        ]
        for line in headers.splitlines():
            command += ["-H", line]
        if peer.authorization:
            command += ["-H", f"Authorization: {peer.authorization}"]
        command.append(f"http://127.0.0.1:{peer.port}{path}")
        before = _children_cpu_seconds()
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        summary = json.loads(done.stdout.strip().splitlines()[-1])
        refused = summary["statuses"] if status < 400 else summary["requests"] - summary["statuses"]
        if summary["broken"] or refused or not summary["requests"]:
            raise UnexpectedAnswer(f"wrk {peer.name} {path}: not every answer was {status}: {summary}")
        spent = _children_cpu_seconds() - before
        return Run(summary["requests"], summary["microseconds"] / 1e6, spent)


@dataclass(frozen=True, slots=True)
class Run:
    """What the load did: requests or bytes in all, wall-clock seconds, and its own CPU seconds."""

    total: float
    seconds: float
    client_cpu_seconds: float

    @property
    def rate(self) -> float:
        return self.total / self.seconds


def together(
    peer: Peer,
    count: int,
    work: Callable[[Connection], float],
    *,
    meanwhile: Callable[[], object] | None = None,
) -> Run:
    """Run `work` in `count` processes at once, each on its own connection; call `meanwhile` every 50 ms.

    Raises `UnexpectedAnswer` with the first failure of a worker.
    """
    barrier = _FORK.Barrier(count)
    before = _children_cpu_seconds()
    ends: list[multiprocessing.connection.Connection[Any, Any]] = []
    workers = []
    for _ in range(count):
        here, there = _FORK.Pipe(duplex=False)
        worker = _FORK.Process(target=_worker, args=(peer, barrier, work, there), daemon=True)
        worker.start()
        there.close()
        ends.append(here)
        workers.append(worker)
    waiting = list(ends)
    while waiting:
        ready = multiprocessing.connection.wait(waiting, timeout=0.05)
        waiting = [end for end in waiting if end not in ready]
        if meanwhile and waiting:
            meanwhile()
    results = [_received(end) for end in ends]
    for worker in workers:
        worker.join()
    failures = sorted((one for one in results if isinstance(one, str)), key=lambda text: "Barrier" in text)
    if failures:
        raise UnexpectedAnswer(f"{peer.name}: {failures[0]}")
    begins, finishes, totals = zip(*results, strict=True)
    spent = _children_cpu_seconds() - before
    return Run(sum(totals), max(finishes) - min(begins), spent)


def _children_cpu_seconds() -> float:
    """Of the children that have ended: the load, as the peers are still running."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _worker(peer: Peer, barrier: Any, work: Callable[[Connection], float], there: Any) -> None:
    try:
        connection = peer.connect()
        barrier.wait(timeout=30)
        begin = time.monotonic()  # one clock for all processes of the machine
        total = work(connection)
        there.send((begin, time.monotonic(), total))
    except Exception as failure:
        barrier.abort()
        there.send(f"{type(failure).__name__}: {failure}")


def _received(end: Any) -> Any:
    try:
        return end.recv()
    except EOFError:
        return "a worker ended without a result"


@contextmanager
def downloading(peer: Peer, path: str, count: int) -> Iterator[Callable[[], int]]:
    """While the block runs, `count` clients download `path` again and again at full speed.

    Yields a function that tells the bytes received so far by all.
    """
    received = RawArray("Q", count)
    workers = [
        _FORK.Process(target=_endless, args=(peer, path, received, index), daemon=True)
        for index in range(count)
    ]
    for worker in workers:
        worker.start()
    try:
        deadline = time.monotonic() + 10
        while not all(received):  # the load is measured only once it is there
            if time.monotonic() > deadline:
                raise UnexpectedAnswer(f"{peer.name}: the downloads beside do not start")
            time.sleep(0.01)
        yield lambda: sum(received)
    finally:
        for worker in workers:
            worker.terminate()
            worker.join()


@contextmanager
def repeating(peer: Peer, work: Callable[[Connection], object]) -> Iterator[Callable[[], int]]:
    """While the block runs, one process does `work` again and again on its connection.

    Yields a function that tells how often it has.
    """
    done = RawArray("Q", 1)
    worker = _FORK.Process(target=_repeat, args=(peer, work, done), daemon=True)
    worker.start()
    try:
        yield lambda: int(done[0])
        if not worker.is_alive():
            raise UnexpectedAnswer(f"{peer.name}: the work beside has ended")
    finally:
        worker.terminate()
        worker.join()


def _repeat(peer: Peer, work: Callable[[Connection], object], done: Any) -> None:
    connection = peer.connect()
    while True:
        work(connection)
        done[0] += 1


class Numbers:
    """0, 1, 2, … to all processes of the load, each number once."""

    def __init__(self) -> None:
        self._given = _FORK.Value("Q", 0)

    def take(self) -> int:
        with self._given.get_lock():
            self._given.value += 1
            return int(self._given.value) - 1

    def peek(self) -> int:
        """The number that comes next."""
        return int(self._given.value)


def _endless(peer: Peer, path: str, received: Any, index: int) -> None:
    def count(piece: memoryview) -> None:
        received[index] += len(piece)

    connection = peer.connect()
    while True:
        connection.download(path, count)
