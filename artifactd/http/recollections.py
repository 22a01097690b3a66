"""What a client was given a moment ago, where its next question can only be answered well by who knows."""

import threading
from collections import OrderedDict
from typing import Final

from artifactd.clock import Micros
from artifactd.repositories.content import Content

MOST: Final = 10_000
"""Answers that are remembered: a second of clients that all come at once."""

_Key = tuple[int, str, str]


class Recollections:
    """The answers of one process, by repository, client and the format's own key. Thread-safe."""

    def __init__(self) -> None:
        self._kept: OrderedDict[_Key, tuple[Micros, Content]] = OrderedDict()
        self._lock = threading.Lock()

    def keep(self, key: _Key, content: Content, until: Micros) -> None:
        """Remember an answer until then."""
        with self._lock:
            self._kept.pop(key, None)
            self._kept[key] = (until, content)
            while len(self._kept) > MOST:
                self._kept.popitem(last=False)

    def find(self, key: _Key, now: Micros) -> Content | None:
        """The answer that is remembered."""
        with self._lock:
            until, content = self._kept.get(key, (0, None))
        return content if now < until else None
