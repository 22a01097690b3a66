"""A file's bytes from the page cache to a socket, without passing through Python.

Rule 1: at most CHUNK bytes per turn of the loop: more of them starve everybody's small requests.
Rule 2: it works on a duplicate of the socket's descriptor, because uvloop lets nobody else watch its own;
the watch ends before the duplicate is closed.
"""

import os
from asyncio import AbstractEventLoop, Future, TimerHandle

CHUNK = 256 << 10
STALL_SECONDS = 60.0
"""Without one byte of progress for so long, the client is taken for gone."""


class TransferAborted(ConnectionError):
    """A response ended before its body did: the client is gone or stalled, or the file was shorter than
    announced. The connection is ended; `sent` bytes of this message had left."""

    def __init__(self, reason: str, sent: int = 0) -> None:
        super().__init__(reason)
        self.sent = sent


class Transfer:
    """One file going out. `socket` is the connection's descriptor, with nothing of ours waiting before
    it."""

    def __init__(
        self,
        loop: AbstractEventLoop,
        socket: int,
        file: int,
        offset: int,
        count: int,
        stall: float = STALL_SECONDS,
    ) -> None:
        self._loop = loop
        self._file = file
        self._offset = offset
        self._left = count
        self._stall = stall
        self._socket = os.dup(socket)
        self._done: Future[None] = loop.create_future()
        self._timer: TimerHandle | None = None
        self._seen = 0
        self.sent = 0

    async def run(self) -> None:
        """Send it all. Raises TransferAborted."""
        try:
            self._step()
            if not self._done.done():
                self._loop.add_writer(self._socket, self._step)
                self._timer = self._loop.call_later(self._stall, self._watch)
            await self._done
        finally:
            if self._timer is not None:
                self._loop.remove_writer(self._socket)
                self._timer.cancel()
            os.close(self._socket)

    def abort(self, reason: str) -> None:
        """End it from outside: `run` raises."""
        if not self._done.done():
            self._done.set_exception(TransferAborted(reason, self.sent))

    def _step(self) -> None:
        if self._done.done():
            return
        try:
            sent = os.sendfile(self._socket, self._file, self._offset, min(CHUNK, self._left))
        except BlockingIOError:
            return
        except OSError as error:
            self.abort(f"the client is gone: {error.strerror}")
            return
        if not sent:
            self.abort("the file is shorter than announced")
            return
        self.sent += sent
        self._offset += sent
        self._left -= sent
        if not self._left:
            self._done.set_result(None)

    def _watch(self) -> None:
        if self.sent == self._seen:
            self.abort(f"the client took nothing for {self._stall:g} seconds")
        else:
            self._seen = self.sent
            self._timer = self._loop.call_later(self._stall, self._watch)
