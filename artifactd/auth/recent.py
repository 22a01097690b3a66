"""What was used recently: a bounded map for caches that are asked on every request.

Rule 1: looking something up takes no lock and moves nothing, so it costs one dictionary access.
Rule 2: entries live in two generations. When the young one is full it becomes the old one, and what was
neither used nor stored since then is gone. So at most `limit` entries are held, and the ones in use stay.
"""

import threading
from collections.abc import Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Recent(Generic[K, V]):
    """A map of at most `limit` entries (an even number) that forgets what is not used. Thread-safe."""

    __slots__ = ("_half", "_lock", "_old", "_young")

    def __init__(self, limit: int) -> None:
        self._half = limit // 2
        self._lock = threading.Lock()
        self._young: dict[K, V] = {}
        self._old: dict[K, V] = {}

    def get(self, key: K) -> V | None:
        """What was stored under `key`, if it is remembered."""
        found = self._young.get(key)
        if found is None:
            found = self._old.get(key)
            if found is not None:
                self.put(key, found)
        return found

    def put(self, key: K, value: V) -> None:
        """Remember `value`."""
        with self._lock:
            if len(self._young) >= self._half and key not in self._young:
                self._old = self._young
                self._young = {}
            self._young[key] = value

    def __len__(self) -> int:
        return len(self._young.keys() | self._old.keys())
