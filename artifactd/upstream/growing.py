"""Bytes on their way into a blob store, and everybody who follows them.

Rule 1: one fill writes a file; every client, the first one included, reads it. A slow client slows nobody.
Rule 2: the last bytes are held back until all are verified, so no client ever has a wrong file as a whole.
Rule 3: followers in other processes learn of it from a small document beside the lock (`rendezvous.py`).
"""

import asyncio
import os
from collections.abc import Callable
from typing import Any, Final, Protocol

from artifactd.errors import ArtifactdError, UpstreamUnavailable

HELD_BACK: Final = 64 << 10
"""Bytes at the end that wait for verification."""

POLL: Final = 0.02
"""Seconds between looks at another process's fill."""


class Growing(Protocol):
    """Bytes that arrive while they are read. `size` in bytes, `descriptor` of the file that grows."""

    @property
    def size(self) -> int: ...

    @property
    def descriptor(self) -> int: ...

    async def reach(self, position: int) -> int:
        """Wait until bytes behind `position` may be sent, and tell up to where. Raises UpstreamUnavailable
        or UpstreamInvalid when they will not come."""
        ...


class _File:
    """A descriptor that is closed with its last reader."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor

    def __del__(self) -> None:
        os.close(self.descriptor)


class LocalGrowing:
    """A fill of this process. Lives on its event loop."""

    def __init__(self, path: str, size: int) -> None:
        self._file = _File(os.open(path, os.O_RDONLY | os.O_CLOEXEC))
        self._written = 0
        self._verified = False
        self._error: ArtifactdError | None = None
        self._waiting: list[asyncio.Future[None]] = []
        self.size = size

    @property
    def descriptor(self) -> int:
        return self._file.descriptor

    async def reach(self, position: int) -> int:
        while True:
            if self._error is not None:
                raise self._error
            available = self.size if self._verified else min(self._written, self.size - HELD_BACK)
            if available > position or self._verified:
                return available
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append(waiter)
            await waiter

    def advance(self, written: int) -> None:
        """So many bytes are in the file."""
        self._written = written
        self._wake()

    def finish(self) -> None:
        """All of them are there, and the right ones."""
        self._verified = True
        self._wake()

    def fail(self, error: ArtifactdError) -> None:
        """The rest will not come; too late when all is there."""
        if not self._verified:
            self._error = error
            self._wake()

    def _wake(self) -> None:
        waiting, self._waiting = self._waiting, []
        for waiter in waiting:
            if not waiter.done():
                waiter.set_result(None)


class FollowedGrowing:
    """A fill of another process of this host. `look` gives its document as it stands, None once its process
    is gone."""

    def __init__(self, path: str, size: int, look: Callable[[], dict[str, Any] | None]) -> None:
        self._file = _File(os.open(path, os.O_RDONLY | os.O_CLOEXEC))
        self._look = look
        self._verified = False
        self.size = size

    @property
    def descriptor(self) -> int:
        return self._file.descriptor

    async def reach(self, position: int) -> int:
        while True:
            if self._verified:
                return self.size
            told = self._look()
            if told is None:
                raise UpstreamUnavailable("whoever fetched this has ended, and nobody knows how")
            if told["state"] == "failed":
                raise UpstreamUnavailable(told["detail"])
            self._verified = told["state"] == "stored"
            written = os.fstat(self._file.descriptor).st_size
            available = self.size if self._verified else min(written, self.size - HELD_BACK)
            if available > position or self._verified:
                return available
            await asyncio.sleep(POLL)
