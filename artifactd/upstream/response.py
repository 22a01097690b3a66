"""What an upstream's answer means (the table of outcomes is in the proxy section of ARCHITECTURE.md)."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any, Final
from urllib.parse import urljoin

from artifactd import clock
from artifactd.blobs.hashing import new_hash
from artifactd.errors import ArtifactdError, RateLimited, UpstreamInvalid, UpstreamUnavailable
from artifactd.upstream.answer import Answer
from artifactd.upstream.client import Client, Patience, Request, Response
from artifactd.upstream.question import (
    Failed,
    Kept,
    Missing,
    Outcome,
    PartSeen,
    Question,
    Seen,
    Source,
    Whole,
)

DOCUMENT_LIMIT: Final = 64 << 20
"""Bytes of all answers of a document together, which are in memory while it is read."""

MOST_PAGES: Final = 100
"""Answers that a document may have."""

_CONTENT_RANGE = re.compile(r"bytes ([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18})")
_SPAN = re.compile(r"\s*bytes\s*=\s*([0-9]{0,18})-([0-9]{1,18})\s*", re.IGNORECASE)
_SECONDS = re.compile(r"[0-9]+")

InWorker = Callable[..., Awaitable[Any]]


class Responder:
    """Asks one source for one question, and reads what the answer means. Raises what the client does."""

    def __init__(
        self, question: Question, source: Source, client: Client, patience: Patience, in_worker: InWorker
    ) -> None:
        self._question = question
        self._source = source
        self._client = client
        self._patience = patience
        self._in_worker = in_worker
        self._name = question.upstream.repository

    def get(self, headers: Mapping[str, str]) -> AbstractAsyncContextManager[Response]:
        """GET the source."""
        request = Request("GET", self._source.url, self._source.accept, headers)
        return self._client.send(request, self._patience)

    def conditions(self) -> Mapping[str, str]:
        """The headers of a request that only wants what is not the copy at hand."""
        held = self._question.held
        if held is None:
            return {}
        if held.etag:
            return {"If-None-Match": held.etag}
        return {"If-Modified-Since": held.modified} if held.modified else {}

    async def compare(self) -> Outcome | None:
        """Whether the copy is current, by its facts: None when they do not tell."""
        held = self._question.held
        assert held is not None and held.is_current is not None
        async with self._head() as response:
            if response.status in (405, 501):
                return None
            ended = self.ended(response)
            if ended is not None:
                return ended
            if not held.is_current(response.facts):
                return None
        await self._in_worker(self._question.confirm)
        return Kept()

    async def look(self) -> Outcome:
        """The facts, by HEAD or else by a GET of which nothing is read."""
        async with self._head() as response:
            if response.status not in (405, 501):
                return self.ended(response) or Seen(response.facts, response.length)
        async with self.get({}) as response:
            return self.ended(response) or Seen(response.facts, response.length)

    async def part(self) -> Outcome:
        """The bytes of the range that was asked for."""
        async with self.get({"Range": self._question.span}) as response:
            if response.status == 200 or response.status == 416:
                return Whole()
            ended = self.ended(response, success=206)
            if ended is not None:
                return ended
            found = _CONTENT_RANGE.fullmatch(response.facts.headers.get("content-range", ""))
            if found is None:
                return Whole()
            first, last, size = map(int, found.groups())
            if (first, last) != selected(self._question.span, size):
                return Whole()
            body = await response.read(last - first + 1)
            if len(body) != last - first + 1:
                return Whole()
            return PartSeen(response.facts, body, first, size)

    async def read(self) -> Outcome:
        """A document, however many answers it takes."""
        question, answers, size = self._question, list[Answer](), 0
        conditions = self.conditions()
        async with self.get(conditions) as response:
            if response.status == 304 and conditions:
                await self._in_worker(question.confirm)
                return Kept()
            ended = self.ended(response)
            if ended is not None:
                return ended
            answers.append(Answer(response.facts, await response.read(DOCUMENT_LIMIT)))
        await self._in_worker(self._check, answers[0])
        following: Source | None = await self._in_worker(question.read, answers)
        while following is not None:
            size = sum(len(answer.body) for answer in answers)
            if len(answers) >= MOST_PAGES:
                raise UpstreamInvalid(
                    f"a document of the upstream of repository {self._name!r} has more than"
                    f" {MOST_PAGES} pages"
                )
            request = Request("GET", following.url, following.accept)
            async with self._client.send(request, self._patience) as response:
                ended = self.ended(response)
                if isinstance(ended, Missing) and following.optional:
                    answers.append(Answer(response.facts, b"", absent=True))
                elif ended is not None:
                    return ended
                else:
                    answers.append(Answer(response.facts, await response.read(DOCUMENT_LIMIT - size)))
            following = await self._in_worker(question.read, answers)
        return Kept()

    def _check(self, answer: Answer) -> None:
        """Raises UpstreamInvalid unless these are the bytes that the source must have."""
        source, body = self._source, answer.body
        if source.size is not None and len(body) != source.size:
            raise UpstreamInvalid(
                f"the upstream of repository {self._name!r} sent {len(body)} bytes instead of {source.size}"
            )
        for algorithm, wanted in source.expected_of(answer.facts).items():
            hashed = new_hash(algorithm)
            hashed.update(body)
            if hashed.hexdigest() != wanted:
                raise UpstreamInvalid(
                    f"the upstream of repository {self._name!r} sent other bytes than it should have:"
                    f" {algorithm} {hashed.hexdigest()} instead of {wanted}"
                )

    def ended(self, response: Response, *, success: int = 200) -> Outcome | None:
        """What a status says when it is not success."""
        status = response.status
        if status == success:
            return None
        if status in (404, 410):
            return Missing()
        return Failed(self._error(status, response.facts.headers))

    def _error(self, status: int, headers: Mapping[str, str]) -> ArtifactdError:
        if status in (401, 403, 407):
            return UpstreamInvalid(
                f"the upstream of repository {self._name!r} refused our credentials ({status})"
            )
        if status == 429:
            detail = f"the upstream of repository {self._name!r} limits its requests (429)"
            return RateLimited(detail, retry_after(headers.get("retry-after", "")))
        if status >= 500:
            return UpstreamUnavailable(f"the upstream of repository {self._name!r} answered {status}")
        return UpstreamInvalid(f"the upstream of repository {self._name!r} answered {status}")

    @asynccontextmanager
    async def _head(self) -> AsyncIterator[Response]:
        request = Request("HEAD", self._source.url, self._source.accept)
        async with self._client.send(request, self._patience) as response:
            yield response


def selected(span: str, size: int) -> tuple[int, int] | None:
    """The first and the last byte that the range `span` means of `size` bytes, None for none."""
    found = _SPAN.fullmatch(span)
    if found is None:
        return None
    first, last = found.groups()
    if not first:
        return (max(0, size - int(last)), size - 1) if size and int(last) else None
    end = min(int(last), size - 1)
    return (int(first), end) if int(first) <= end else None


def retry_after(text: str) -> int:
    """The seconds of a Retry-After header, which has them or a date (RFC 9110, section 10.2.3)."""
    if _SECONDS.fullmatch(text.strip()):
        return int(text.strip()[:9])
    try:
        until = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return 5
    if until.tzinfo is None:
        until = until.replace(tzinfo=UTC)
    return max(1, int((until - clock.moment(clock.now())).total_seconds()))


def following_url(base: str, url: str) -> str | None:
    """Where a document goes on, if that is at the host that it began at."""
    absolute = urljoin(base, url)
    return absolute if absolute.split("/", 3)[:3] == base.split("/", 3)[:3] else None
