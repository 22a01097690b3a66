"""Documents kept in memory, each with the revision of its owner name that it stands for.

Kept documents need no invalidation: a reader compares the revision with the name's row.
"""

import threading
from collections import OrderedDict
from typing import Any

from artifactd.repositories.index import Index

KEPT = 512
"""Documents per process. An index of 20,000 files takes a few MiB, most take a few hundred bytes."""

Key = tuple[int, str, str]


class KeptDocuments:
    """Least recently used goes first. Thread-safe."""

    def __init__(self, capacity: int = KEPT) -> None:
        self._capacity = capacity
        self._documents: OrderedDict[Key, tuple[int, Any]] = OrderedDict()
        self._lock = threading.Lock()

    def find(self, repository_id: int, index: Index[Any], key: str) -> tuple[int, Any] | None:
        """The revision and the document, if one is kept."""
        with self._lock:
            found = self._documents.get((repository_id, index.name, key))
            if found is not None:
                self._documents.move_to_end((repository_id, index.name, key))
            return found

    def keep(self, repository_id: int, index: Index[Any], key: str, revision: int, document: Any) -> None:
        """Keep `document`, unless a newer one is kept already."""
        with self._lock:
            held = self._documents.get((repository_id, index.name, key))
            if held is not None and held[0] > revision:
                return
            self._documents[repository_id, index.name, key] = (revision, document)
            self._documents.move_to_end((repository_id, index.name, key))
            while len(self._documents) > self._capacity:
                self._documents.popitem(last=False)
