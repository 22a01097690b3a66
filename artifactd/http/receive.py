"""Receiving bodies: the asynchronous pump in front of the consumers of `consumers.py`.

A small body is collected here and consumed in the same worker thread that then runs the handler: one hop. A
large one is consumed in batches while the next is on its way.
"""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from concurrent.futures import Executor
from typing import Any

from artifactd.catalog.blob_stores import BlobStores
from artifactd.catalog.uploads import Uploads
from artifactd.errors import BodyStalled, InvalidInput, LengthMismatch, TooLarge
from artifactd.formats.exchange import Append, Body, Form, InMemory, Sink, Staged
from artifactd.http.consumers import AppendConsumer, Consumer, MemoryConsumer, StagedConsumer
from artifactd.http.sendfile import STALL_SECONDS

BATCH = 1 << 20
"""Bytes handed to a worker at once: a hop of 60 µs is then little beside the work."""

SMALL = 256 << 10
"""Bodies up to this size are consumed in the handler's own thread."""

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Finish = Callable[[], Body]


class ClientGone(Exception):
    """The client went away before its body was complete. There is nobody to answer."""


class Receiver:
    """Takes bodies for a process. `workers` runs consumers; it must not be the pool the callers wait in."""

    def __init__(self, stores: BlobStores, uploads: Uploads, workers: Executor) -> None:
        self._stores = stores
        self._uploads = uploads
        self._workers = workers

    async def take(
        self, sink: Sink, store_id: int, receive: Receive, length: int | None, content_type: str
    ) -> Finish:
        """Receive the body of `length` announced bytes (None: chunked). The result, called in a worker
        thread, gives the body. Raises what the consumer does, LengthMismatch, BodyStalled and
        ClientGone."""
        consumer = self._consumer(sink, store_id, content_type)
        if length is not None and consumer.limit is not None and length > consumer.limit:
            raise TooLarge(consumer.limit)
        collected: list[bytes] = []
        size = 0
        complete = False
        while not complete and size <= SMALL:
            data, complete = await _part(receive)
            size += len(data)
            collected.append(data)
        if complete:
            return lambda: _consume(consumer, collected, size, length)
        return await self._pump(consumer, collected, size, receive, length)

    async def _pump(
        self, consumer: Consumer, batch: list[bytes], received: int, receive: Receive, length: int | None
    ) -> Finish:
        loop = asyncio.get_running_loop()
        working: asyncio.Future[None] | None = None
        waiting = sum(map(len, batch))
        complete = False
        try:
            while not complete:
                data, complete = await _part(receive)
                batch.append(data)
                waiting += len(data)
                received += len(data)
                if waiting >= BATCH or complete:
                    if working is not None:
                        await working
                    working = loop.run_in_executor(self._workers, consumer.feed, b"".join(batch))
                    batch, waiting = [], 0
            if working is not None:
                await working
        except BaseException:
            if working is not None:
                await asyncio.wait([working])
                working.exception()
            await loop.run_in_executor(self._workers, consumer.abandon)
            raise
        return lambda: _finish(consumer, received, length)

    def _consumer(self, sink: Sink, store_id: int, content_type: str) -> Consumer:
        if isinstance(sink, InMemory):
            return MemoryConsumer(sink)
        name, store = self._stores.name(store_id), self._stores.store(store_id)
        if isinstance(sink, Staged):
            return StagedConsumer(sink, name, store)
        if isinstance(sink, Append):
            return AppendConsumer(sink, name, store, self._uploads)
        assert isinstance(sink, Form)
        # Imported here: only formats with forms pay for the parser.
        from artifactd.http.multipart import FormConsumer

        return FormConsumer(sink, content_type, name, store)


def announced_length(headers: Any) -> int | None:
    """The Content-Length, or None when the body is chunked or absent. Raises InvalidInput."""
    text = headers.get("content-length")
    if text is None:
        return None
    if not (text.isascii() and text.isdigit()):
        raise InvalidInput(f"Content-Length {text!r} is not a number")
    return int(text)


async def _part(receive: Receive) -> tuple[bytes, bool]:
    try:
        async with asyncio.timeout(STALL_SECONDS):
            message = await receive()
    except TimeoutError:
        raise BodyStalled(STALL_SECONDS) from None
    if message["type"] == "http.disconnect":
        raise ClientGone
    return message.get("body", b""), not message.get("more_body", False)


def _consume(consumer: Consumer, parts: list[bytes], received: int, length: int | None) -> Body:
    try:
        if received:
            consumer.feed(b"".join(parts))
    except BaseException:
        consumer.abandon()
        raise
    return _finish(consumer, received, length)


def _finish(consumer: Consumer, received: int, length: int | None) -> Body:
    if length is not None and received != length:
        consumer.abandon()
        raise LengthMismatch(length, received)
    try:
        return consumer.finish()
    except BaseException:
        consumer.abandon()
        raise
