"""Documents kept in memory, each with a stamp of what it stands for: the revision of its owner name, or the
counters of the change feed.

Kept documents need no invalidation: a reader compares the stamp with the present one.
"""

import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from artifactd.repositories.index import Forms

KEPT_BYTES = 64 << 20
"""Bytes per process. A project of 20,000 files takes some 40 MiB with its pages, most take a few KiB."""

_EACH = 1024
"""What a kept document costs beside itself: keys, locks, slots of dictionaries."""

Key = tuple[int, str, str]
"""(repository, index, key of the document)."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A document with what it stands for, and the forms it was asked for in. `weight` in bytes, without the
    forms."""

    stamp: int
    value: Any
    weight: int
    forms: Forms = field(default_factory=Forms)


class KeptDocuments:
    """Least recently used goes first; the latest stays, however large. Thread-safe."""

    def __init__(self, limit: int = KEPT_BYTES) -> None:
        self._limit = limit
        self._documents: OrderedDict[Key, Kept] = OrderedDict()
        self._lock = threading.Lock()
        self._making: dict[Key, tuple[threading.Lock, int]] = {}

    def find(self, key: Key) -> Kept | None:
        """What is kept, current or not."""
        with self._lock:
            found = self._documents.get(key)
            if found is not None:
                self._documents.move_to_end(key)
            return found

    def keep(self, key: Key, kept: Kept) -> None:
        """Keep a document, unless a newer one is kept already."""
        with self._lock:
            held = self._documents.get(key)
            if held is not None and held.stamp > kept.stamp:
                return
            self._documents[key] = kept
            self._documents.move_to_end(key)
            # Summed anew: forms are added to documents that are kept already.
            size = sum(_EACH + each.weight + each.forms.size for each in self._documents.values())
            while size > self._limit and len(self._documents) > 1:
                _, oldest = self._documents.popitem(last=False)
                size -= _EACH + oldest.weight + oldest.forms.size

    @contextmanager
    def making(self, key: Key) -> Iterator[None]:
        """One thread at a time makes the document `key`; who waited finds it kept."""
        with self._lock:
            lock, waiting = self._making.get(key) or (threading.Lock(), 0)
            self._making[key] = (lock, waiting + 1)
        try:
            with lock:
                yield
        finally:
            with self._lock:
                lock, waiting = self._making.pop(key)
                if waiting > 1:
                    self._making[key] = (lock, waiting - 1)
