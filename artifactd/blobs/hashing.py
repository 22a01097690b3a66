"""Checksums of bytes as they stream by: each algorithm sees every piece once, in order.

A big piece is hashed by a thread of the pool while its caller goes on (hashlib frees the GIL), a small one
by the caller: a hop to another thread costs more than its hash. One lane per algorithm keeps the order.
"""

import hashlib
import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import Protocol

SMALL = 256 * 1024
"""Bytes below which a piece is hashed where it is: 130 µs of sha256 against a hop of 50 µs."""

IN_FLIGHT = 4 * 1024 * 1024
"""Bytes a lane may lag behind: four pieces of 1 MiB keep it busy, more only costs memory."""

BLAKE2B_256 = "blake2b-256"
"""BLAKE2b with a digest of 32 bytes (RFC 7693): hashlib knows it by its parameter, not by a name."""


class Hash(Protocol):
    """What hashlib makes."""

    def update(self, data: bytes | bytearray, /) -> None: ...
    def hexdigest(self) -> str: ...


Submit = Callable[[Callable[[], None]], object]
"""Runs a function in some thread, soon: `ThreadPoolExecutor.submit`."""


class Hashing:
    """The checksums of one stream of bytes. One thread uses it at a time; `held` states are continued."""

    def __init__(
        self, algorithms: Iterable[str], submit: Submit, held: Mapping[str, Hash] | None = None
    ) -> None:
        states = held or {}
        self._lanes = {name: _Lane(states.get(name) or new_hash(name), submit) for name in algorithms}

    def update(self, data: bytes) -> None:
        """The next piece. It must not change afterwards: it may be hashed later."""
        for lane in self._lanes.values():
            lane.update(data)

    def states(self) -> dict[str, Hash]:
        """The live hash of every algorithm, once all pieces have gone into it."""
        return {name: lane.settled() for name, lane in self._lanes.items()}

    def checksums(self) -> dict[str, str]:
        """Algorithm → lower-case hex of all pieces so far."""
        return {name: state.hexdigest() for name, state in self.states().items()}


class _Lane:
    """One hash and the pieces that wait for it. The stream's thread sets `_busy`, the pool's clears it."""

    __slots__ = ("_backlog", "_busy", "_changed", "_failure", "_pieces", "_state", "_submit")

    def __init__(self, state: Hash, submit: Submit) -> None:
        self._state = state
        self._submit = submit
        self._changed = threading.Condition(threading.Lock())
        self._pieces: deque[bytes] = deque()
        self._backlog = 0
        self._busy = False
        self._failure: BaseException | None = None

    def update(self, data: bytes) -> None:
        if len(data) < SMALL and not self._busy:
            self._state.update(data)
            return
        with self._changed:
            self._changed.wait_for(lambda: not self._backlog or self._backlog + len(data) <= IN_FLIGHT)
            if not self._busy:
                self._submit(self._drain)
                self._busy = True
            self._pieces.append(data)
            self._backlog += len(data)

    def settled(self) -> Hash:
        with self._changed:
            self._changed.wait_for(lambda: not self._busy)
        if self._failure is not None:
            raise self._failure
        return self._state

    def _drain(self) -> None:
        """Hash what waits now. What came meanwhile queues again: a fast stream must not starve others."""
        with self._changed:
            pieces = list(self._pieces)
            self._pieces.clear()
        try:
            for data in pieces:
                self._state.update(data)
                with self._changed:
                    self._backlog -= len(data)
                    self._changed.notify()
            with self._changed:
                if self._pieces:
                    self._submit(self._drain)
                else:
                    self._busy = False
                    self._changed.notify()
        except BaseException as failure:  # the stream's thread raises it, and would otherwise wait for ever
            with self._changed:
                self._failure = failure
                self._pieces.clear()
                self._backlog = 0
                self._busy = False
                self._changed.notify()


class HeldStates:
    """Live hashes of suspended bytes, the latest `limit` of them, since hashlib cannot save a state.

    A state is given back once, and only for the fingerprint it was kept with: bytes that another process
    has changed meanwhile have another fingerprint, and are read again.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self._held: OrderedDict[str, tuple[Hashable, Mapping[str, Hash]]] = OrderedDict()

    def keep(self, location: str, fingerprint: Hashable, states: Mapping[str, Hash]) -> None:
        with self._lock:
            self._held.pop(location, None)
            self._held[location] = (fingerprint, states)
            while len(self._held) > self._limit:
                self._held.popitem(last=False)

    def take(self, location: str, fingerprint: Hashable) -> Mapping[str, Hash]:
        """The states kept for `location`, now forgotten here; none when they belong to other bytes."""
        with self._lock:
            kept, states = self._held.pop(location, (None, {}))
        return states if kept == fingerprint else {}

    def forget(self, location: str) -> None:
        with self._lock:
            self._held.pop(location, None)


def new_hash(algorithm: str) -> Hash:
    """The empty hash of an algorithm."""
    if algorithm == BLAKE2B_256:
        return hashlib.blake2b(digest_size=32, usedforsecurity=False)
    return hashlib.new(
        algorithm, usedforsecurity=False
    )  # md5 and sha1 are facts for old clients, also under FIPS
