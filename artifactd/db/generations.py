"""The change feed of one host: a page of counters that every process maps.

Rule 1: a writer bumps a counter before its COMMIT and again after it, both before it answers. A reader
takes the counters, then reads: what it read is current as long as the counters stand. (The first bump makes
a reader that began before the COMMIT disagree afterwards; the second one a reader that began between.)
Rule 2: counters are bumped only while the write turn's file lock is held, so `+= 1` needs no atomic
instruction.
Rule 3: slot 1 tells that a turn is under way. Whoever gets the lock and finds it set knows that its holder
died between the bumps, and bumps GLOBAL, which every reader watches: `recover`.

A counter is shared by all keys that hash to it; a collision costs one re-read, never a wrong answer.
"""

import mmap
import os
from collections.abc import Iterable
from pathlib import Path
from zlib import crc32

Stripe = int

SLOTS = 65_536
GLOBAL: Stripe = 0
_TURN = 1
_FIRST = 16


def name_stripe(repository: int, name: str) -> Stripe:
    """Changes of one owner name in one repository: a project, an image, a group:artifact."""
    return _FIRST + crc32(name.encode(), repository * 2_654_435_761 & 0xFFFFFFFF) % (SLOTS - _FIRST)


def names_stripe(repository: int) -> Stripe:
    """The list of names of a repository: one came or went."""
    return name_stripe(repository, "\0names")


def repository_stripe(repository: int) -> Stripe:
    """A repository's settings."""
    return name_stripe(repository, "\0settings")


def principal_stripe(principal: int) -> Stripe:
    """A principal's rights and credentials."""
    return name_stripe(principal, "\0principal")


DIRECTORY: Stripe = 2
"""The list of repositories and their entry points."""

TASKS: Stripe = 3
"""Tasks were enqueued."""


class Generations:
    """The counters. `page[stripe]` is the fast way to read one (0.05 µs); slots start at 0 and only
    grow."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            # Every page has its room on the disk from the start: to write to a hole of a file when the disk
            # is full ends the process (SIGBUS).
            os.posix_fallocate(descriptor, 0, SLOTS * 8)
            self._map = mmap.mmap(descriptor, SLOTS * 8)
        finally:
            os.close(descriptor)
        self.page = memoryview(self._map).cast("Q")

    def take(self, stripes: Iterable[Stripe]) -> tuple[tuple[Stripe, int], ...]:
        """The counters of `stripes` and GLOBAL as they stand: taken before a read, compared by `current`
        after."""
        page = self.page
        return ((GLOBAL, page[GLOBAL]), *((stripe, page[stripe]) for stripe in stripes))

    def current(self, taken: Iterable[tuple[Stripe, int]]) -> bool:
        """Whether nothing that `taken` watches has changed since."""
        page = self.page
        for stripe, value in taken:  # noqa: SIM110 - `all` with a generator costs three times as much
            if page[stripe] != value:
                return False
        return True

    def begin(self, stripes: Iterable[Stripe]) -> None:
        """Before COMMIT, under the lock."""
        self.page[_TURN] = 1
        self._bump(stripes)

    def end(self, stripes: Iterable[Stripe]) -> None:
        """After COMMIT, under the lock."""
        self._bump(stripes)
        self.page[_TURN] = 0

    def abandoned(self) -> bool:
        """Whether a turn is under way, or was when its process died: only the holder of the lock can tell
        which."""
        return bool(self.page[_TURN])

    def recover(self) -> None:
        """Under the lock: if the last holder died within its turn, make every reader look again."""
        if self.page[_TURN]:
            self._bump((GLOBAL,))
            self.page[_TURN] = 0

    def _bump(self, stripes: Iterable[Stripe]) -> None:
        page = self.page
        for stripe in stripes:
            page[stripe] = (page[stripe] + 1) & 0xFFFFFFFFFFFFFFFF

    def close(self) -> None:
        self.page.release()
        self._map.close()
