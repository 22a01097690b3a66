"""What was answered, in the order it was: access log, metrics, download ledger and last use are drained
from here.

Appending costs a fraction of a microsecond and never waits: a full ring loses the newest row and counts it.
"""

from collections import deque
from dataclasses import dataclass
from typing import Any

from artifactd.clock import Micros
from artifactd.db.generations import Stripe

Taken = tuple[tuple[Stripe, int], ...]
"""Counters as they stood before a read: see `artifactd.db.generations`."""

Row = tuple[Micros, str, int, int, int, str, Any]
"""(when, method, status, body bytes sent, duration in microseconds, peer address, Record or None).

The duration of a tier-1 answer is 0: it is shorter than what measuring it costs.
"""


@dataclass(frozen=True, slots=True)
class Record:
    """What tier 2 knows about an answer and tier 1 repeats. `cache` says where the bytes came from: "hit",
    "miss", "stale", "negative", or "" when no upstream is involved."""

    repository_id: int
    repository: str
    format: str
    path: str
    digest: str
    principal_id: int
    principal: str
    cache: str = ""


class Ring:
    """At most `capacity` rows. One event loop appends; any one thread drains."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._rows: deque[Row] = deque()
        self.lost = 0

    def append(self, row: Row) -> None:
        """Add a row, or count it in `lost` when the ring is full."""
        rows = self._rows
        if len(rows) < self._capacity:
            rows.append(row)
        else:
            self.lost += 1

    def drain(self) -> list[Row]:
        """Take every row there is, oldest first."""
        rows = self._rows
        return [rows.popleft() for _ in range(len(rows))]
