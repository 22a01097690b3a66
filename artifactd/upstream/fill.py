"""One fill: an upstream's bytes, verified, in the blob store, and in the catalog.

Rule 1: bytes are read, written and hashed at the same time: the next piece is read while the last one is
written.
Rule 2: a connection that breaks is continued where it broke, if what follows is certain to belong to what
there is: by a strong validator, or because the digest of the whole is known.
Rule 3: clients may have all but the end before the bytes are verified, and none of it if they are few.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from artifactd.blobs.staging import staged
from artifactd.blobs.store import SHA256, BlobWriter
from artifactd.errors import (
    ArtifactdError,
    DigestMismatch,
    StorageFailure,
    UpstreamInvalid,
    UpstreamUnavailable,
)
from artifactd.upstream.answer import Facts
from artifactd.upstream.client import Response
from artifactd.upstream.growing import HELD_BACK, LocalGrowing
from artifactd.upstream.question import Failed, Grows, Kept, Outcome, Question, Source
from artifactd.upstream.rendezvous import Claim
from artifactd.upstream.response import InWorker, Responder

BATCH: Final = 1 << 20
"""Bytes written at once: a hop to a thread is then little beside the work."""

MOST_RESUMES: Final = 4
"""Times that a fill is continued without having come any further."""

RESUME_PAUSE: Final = 0.05
"""Seconds before a fill is continued that came no further, times how often that was so."""

_CONTENT_RANGE = re.compile(r"bytes ([0-9]{1,18})-[0-9]{1,18}/(?:[0-9]{1,18}|\*)")


class Refetch(Exception):
    """The answer was no bytes, and this is what it meant."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__("the answer is no fill")
        self.outcome = outcome


class _Batches:
    """Pieces on their way through `write`, which runs in a worker: one batch at a time. `written` is called
    after each."""

    def __init__(
        self, write: Callable[[bytes], None], in_worker: InWorker, written: Callable[[], None]
    ) -> None:
        self._write = write
        self._in_worker = in_worker
        self._written = written
        self._pieces: list[bytes] = []
        self._waiting = 0
        self._working: asyncio.Task[None] | None = None
        self._room = asyncio.Event()

    async def add(self, piece: bytes) -> None:
        """Take a piece; waits while a whole batch waits behind the one under way. Raises what `write`
        does."""
        if self._working is not None and self._working.done():
            self._working.result()
            self._working = None
        self._pieces.append(piece)
        self._waiting += len(piece)
        if self._working is None:
            self._working = asyncio.create_task(self._work())
        elif self._waiting >= BATCH:
            self._room.clear()
            await self._room.wait()

    async def end(self) -> None:
        """Wait until all is written. Raises what `write` does."""
        if self._working is not None:
            await self._working
        if self._pieces:
            await self._work()

    async def _work(self) -> None:
        try:
            while self._pieces:
                batch, self._pieces, self._waiting = b"".join(self._pieces), [], 0
                self._room.set()
                await _undisturbed(self._in_worker(self._write, batch))
                self._written()
        finally:
            self._room.set()


class Fill:
    """One source on its way into the store. `number` is that of the source; `claim` tells other
    processes."""

    def __init__(
        self,
        question: Question,
        source: Source,
        number: int,
        responder: Responder,
        in_worker: InWorker,
        claim: Claim | None,
    ) -> None:
        self._question = question
        self._source = source
        self._number = number
        self._responder = responder
        self._in_worker = in_worker
        self._claim = claim
        self._name = question.upstream.repository
        self._writer: BlobWriter | None = None
        self._growing: LocalGrowing | None = None
        self._facts: Facts | None = None
        self._size: int | None = None
        self._expected: Mapping[str, str] = source.expected
        self._path = ""
        self._is_verified = False

    async def run(self, resolve: Callable[[Outcome], None]) -> Outcome:
        """Fetch, verify, store. `resolve` is told as soon as clients can follow."""
        try:
            await self._receive(resolve)
            await self._finish()
        except Refetch:
            await self._abort(None)
            raise
        except BaseException as error:
            told = (
                error
                if isinstance(error, ArtifactdError)
                else UpstreamUnavailable("this fetch was given up")
            )
            await self._abort(told)
            if isinstance(error, ArtifactdError):
                return Failed(error)
            raise
        return Kept()

    async def _receive(self, resolve: Callable[[Outcome], None]) -> None:
        idle = 0
        while True:
            before = self._offset
            try:
                if await self._once(resolve):
                    return
            except UpstreamUnavailable:
                idle = idle + 1 if self._offset == before else 0
                if not self._resumable or idle >= MOST_RESUMES:
                    raise
            await asyncio.sleep(RESUME_PAUSE * idle)

    async def _once(self, resolve: Callable[[Outcome], None]) -> bool:
        """One request, from where the last one broke; whether all is there."""
        offset = self._offset
        async with self._responder.get(self._headers(offset)) as response:
            skip = 0
            if self._writer is None:
                await self._begin(response, resolve)
            else:
                skip = self._continued(response, offset)
            await self._pump(response, skip)
            if self._size is None and not response.delimited and not self._expected:
                raise UpstreamInvalid(
                    f"the upstream of repository {self._name!r} does not say where a file ends"
                )
        return True

    async def _begin(self, response: Response, resolve: Callable[[Outcome], None]) -> None:
        question, source = self._question, self._source
        if response.status == 304 and self._responder.conditions():
            await self._in_worker(question.confirm)
            raise Refetch(Kept())
        ended = self._responder.ended(response)
        if ended is not None:
            raise Refetch(ended)
        if source.no_page and response.facts.content_type == "text/html":
            raise UpstreamInvalid(
                f"the upstream of repository {self._name!r} sends a page instead of a file"
            )
        self._facts, self._size = response.facts, response.length
        if source.size is not None and response.length not in (None, source.size):
            raise UpstreamInvalid(
                f"the upstream of repository {self._name!r} sends {response.length} bytes instead of"
                f" {source.size}"
            )
        self._expected = source.expected_of(response.facts)
        checksums = tuple(dict.fromkeys((*SHA256, *self._expected, *source.checksums)))
        self._writer = await self._in_worker(question.blobs.create, checksums)
        # A FollowableBlobStore has it; with others, clients wait until all is stored.
        partial: Callable[[str], str] | None = getattr(question.blobs, "partial", None)
        if question.whole or partial is None or self._size is None or self._size <= HELD_BACK:
            return
        self._path = partial(self._writer.location)
        self._growing = LocalGrowing(self._path, self._size)
        self._tell("growing")
        resolve(Grows(response.facts, self._growing, source))

    async def _pump(self, response: Response, skip: int) -> None:
        """Write what comes, without its first `skip` bytes. What has come is written at once, and while
        that lasts the next batch gathers: so a slow upstream's bytes go on to clients, and a fast one's
        are few batches."""
        assert self._writer is not None
        batches = _Batches(self._writer.write, self._in_worker, self._advance)
        try:
            async for chunk in response.chunks():
                if skip:
                    chunk, skip = chunk[skip:], max(0, skip - len(chunk))
                await batches.add(chunk)
        finally:
            await batches.end()

    def _advance(self) -> None:
        if self._growing is not None:
            self._growing.advance(self._offset)

    async def _finish(self) -> None:
        writer, source = self._writer, self._source
        assert writer is not None and self._facts is not None
        for wanted in (self._size, source.size):
            if wanted is not None and wanted != writer.offset:
                raise UpstreamInvalid(
                    f"the upstream of repository {self._name!r} sent {writer.offset} bytes instead of"
                    f" {wanted}"
                )
        facts = self._facts

        def keep() -> None:
            stored = writer.commit(self._expected)
            self._is_verified = True
            blob = staged(self._question.blob_store, stored)
            self._question.store(blob, facts)

        try:
            await _undisturbed(self._in_worker(keep))
        except DigestMismatch as error:
            raise UpstreamInvalid(
                f"the upstream of repository {self._name!r} sent other bytes than it should have:"
                f" {error.algorithm} {error.actual} instead of {error.expected}"
            ) from error
        finally:
            # Then the bytes are right, whether or not they could be kept.
            if self._is_verified:
                self._writer = None
                if self._growing is not None:
                    self._growing.finish()
                self._tell("stored")

    async def _abort(self, error: ArtifactdError | None) -> None:
        if self._writer is not None:
            await self._in_worker(self._writer.abort)
            self._writer = None
        if self._growing is not None and error is not None and not self._is_verified:
            self._growing.fail(error)
            self._tell("failed", detail=str(error))

    def _tell(self, state: str, **more: Any) -> None:
        if self._claim is None or self._growing is None:
            return
        assert self._facts is not None
        told = {
            "state": state,
            "size": self._growing.size,
            "url": self._facts.url,
            "headers": dict(self._facts.headers),
            "source": self._number,
            "path": self._path,
            **more,
        }
        try:
            self._claim.tell(told)
        except OSError as error:
            raise StorageFailure(f"could not write to the folder of fetches: {error.strerror}") from error

    def _headers(self, offset: int) -> dict[str, str]:
        if self._facts is None:
            return dict(self._responder.conditions())
        if not offset:
            return {}
        headers = {"Range": f"bytes={offset}-"}
        if _is_strong(etag := self._facts.headers.get("etag", "")):
            headers["If-Range"] = etag
        return headers

    def _continued(self, response: Response, offset: int) -> int:
        """How many bytes of an answer are there already. Raises UpstreamUnavailable for one that does not
        go on from there."""
        if response.status == 206:
            found = _CONTENT_RANGE.fullmatch(response.facts.headers.get("content-range", ""))
            if found is not None and int(found[1]) == offset:
                return 0
        elif response.status == 200 and (self._expected or not offset) and response.length == self._size:
            return offset  # what comes is verified as a whole, or is the whole
        raise UpstreamUnavailable(f"the upstream of repository {self._name!r} broke off in a file")

    @property
    def _offset(self) -> int:
        return 0 if self._writer is None else self._writer.offset

    @property
    def _resumable(self) -> bool:
        """Whether what follows is certain to belong to what there is."""
        if self._facts is None:
            return False
        return not self._offset or bool(self._expected) or _is_strong(self._facts.headers.get("etag", ""))


def _is_strong(etag: str) -> bool:
    return etag.startswith('"')


async def _undisturbed(work: Awaitable[None]) -> None:
    """Wait for what a thread does, to its end: who is given up meanwhile learns of it after that. The
    thread works on a file that is closed, and deleted, then."""
    future = asyncio.ensure_future(work)
    try:
        await asyncio.shield(future)
    except asyncio.CancelledError:
        await asyncio.wait([future])
        future.exception()  # looked at: who is given up has nobody to tell
        raise
