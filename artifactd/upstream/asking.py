"""Asking upstreams, for one process, on its event loop.

Rule 1: equal questions are one request: of this process by sharing the task, of a host by a claim on the
path (`rendezvous.py`).
Rule 2: a question goes on when whoever had it goes away: the next one finds the answer in the catalog.
Rule 3: how many requests an upstream has at a time is bounded here, on the loop: no thread waits for one.
Rule 4: every outcome is a value. Nothing that an upstream does is an exception of ours.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Executor
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

from artifactd import clock
from artifactd.clock import SECOND, Micros
from artifactd.errors import ArtifactdError, UpstreamUnavailable
from artifactd.upstream.answer import Facts
from artifactd.upstream.client import HURRIED, PATIENT, Client, Clients, Patience
from artifactd.upstream.configuration import Upstream
from artifactd.upstream.fill import Fill, Refetch
from artifactd.upstream.growing import POLL, FollowedGrowing
from artifactd.upstream.question import (
    Again,
    Aim,
    Failed,
    Grows,
    Kept,
    Key,
    Missing,
    Outcome,
    Question,
    Source,
)
from artifactd.upstream.rendezvous import Claim, Rendezvous
from artifactd.upstream.response import Responder
from artifactd.upstream.watch import Health, Watch

R = TypeVar("R")

SLOTS: Final = 16
"""Requests that an upstream has at a time from one process."""

RETRY_PAUSES: Final = (0.1, 0.3)
"""Seconds before a request that failed at once is made again, where nobody waits with a copy at hand."""

logger = logging.getLogger("artifactd.upstream")


class _Running:
    """A question that is being asked. `outcome` may come long before its task ends, while a fill grows."""

    def __init__(self) -> None:
        self.outcome: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()

    def resolve(self, outcome: Outcome) -> None:
        if not self.outcome.done():
            self.outcome.set_result(outcome)


class Upstreams:
    """`folder` is where the processes of a host meet; `workers` run what may wait for the disk."""

    def __init__(
        self,
        folder: Path,
        workers: Executor,
        *,
        user_agent: str,
        now: Callable[[], Micros],
        health: Health = lambda upstream, breaker: None,
        is_current: Callable[[Upstream], bool] = lambda upstream: True,
    ) -> None:
        self._rendezvous = Rendezvous(folder)
        self._workers = workers
        self._clients = Clients(user_agent=user_agent)
        self._slots: dict[int, asyncio.Semaphore] = {}
        self._running: dict[Key, _Running] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self.watch = Watch(
            self._clients,
            now=now,
            health=health,
            is_current=is_current,
            start=self._start,
            in_worker=self._in_worker,
        )
        """Which upstreams are to be asked now."""

    async def ask(self, questions: Sequence[Question]) -> Sequence[Outcome]:
        """Ask them all at once. Each ends within the deadlines of its upstream."""
        return await asyncio.gather(*(self._ask(question) for question in questions))

    def tidy(self) -> None:
        """Remove what fills that ended, or died, left for their followers. Once in a while, in a thread."""
        self._rendezvous.sweep(clock.now() / SECOND)

    async def close(self) -> None:
        """Give up what is under way."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._clients.close()

    async def _ask(self, question: Question) -> Outcome:
        repository_id, path, aim, _ = question.key
        if aim in (Aim.LOOK, Aim.PART):
            # What is on its way already is never asked for a second time.
            growing = self._running.get((repository_id, path, Aim.STORE, ""))
            if growing is not None:
                return await asyncio.shield(growing.outcome)
        running = self._running.get(question.key)
        if running is None:
            running = self._running[question.key] = _Running()
            self._start(self._run(question, running))
        return await asyncio.shield(running.outcome)

    def _start(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self, question: Question, running: _Running) -> None:
        try:
            if question.aim in (Aim.STORE, Aim.READ):
                outcome = await self._claimed(question, running)
            else:
                outcome = self._followed(question) or await self._in_slot(question, running)
            running.resolve(outcome)
        except ArtifactdError as error:
            running.resolve(Failed(error))
        except Exception:
            logger.exception("asking the upstream of %s failed", question.upstream.repository)
            detail = f"asking the upstream of repository {question.upstream.repository!r} failed"
            running.resolve(Failed(UpstreamUnavailable(detail)))
        finally:
            running.resolve(Failed(UpstreamUnavailable("this server is going down")))
            if self._running.get(question.key) is running:
                del self._running[question.key]

    async def _claimed(self, question: Question, running: _Running) -> Outcome:
        """Ask, or follow the process that asks already; who waited for one looks into the catalog
        again."""
        repository_id, path, _, _ = question.key
        limit = time.monotonic() + _patience(question).first_byte + PATIENT.connect
        while (claim := self._rendezvous.claim(repository_id, path)) is None:
            followed = self._followed(question)
            if followed is not None:
                return followed
            if time.monotonic() > limit:
                name = question.upstream.repository
                raise UpstreamUnavailable(f"the upstream of repository {name!r} takes too long")
            await asyncio.sleep(POLL)
        try:
            # Another process may have asked since this one looked, and have ended a moment ago.
            if await self._in_worker(question.settled):
                return Again()
            return await self._in_slot(question, running, claim)
        finally:
            claim.release()

    def _followed(self, question: Question) -> Outcome | None:
        """The fill of another process, if there is one to follow."""
        repository_id, path, _, _ = question.key
        told = self._rendezvous.told(repository_id, path)
        if told is None or told["state"] != "growing" or question.whole or question.aim is Aim.READ:
            return None

        file: str = told["path"]

        def look() -> dict[str, Any] | None:
            told = self._rendezvous.told(repository_id, path, file)
            if (
                told is None
                or told["state"] != "growing"
                or self._rendezvous.is_claimed(repository_id, path)
            ):
                return told
            told = self._rendezvous.told(repository_id, path, file)  # it may have ended in between
            return None if told is None or told["state"] == "growing" else told

        if look() is None:
            return None
        try:
            growing = FollowedGrowing(file, told["size"], look)
        except FileNotFoundError:
            return None  # it has just ended
        return Grows(Facts(told["url"], told["headers"]), growing, question.sources[told["source"]])

    async def _in_slot(self, question: Question, running: _Running, claim: Claim | None = None) -> Outcome:
        upstream = question.upstream
        slots = self._slots.setdefault(upstream.repository_id, asyncio.Semaphore(SLOTS))
        try:
            await asyncio.wait_for(slots.acquire(), _patience(question).first_byte)
        except TimeoutError:
            name = upstream.repository
            raise UpstreamUnavailable(
                f"the upstream of repository {name!r} has too many requests"
            ) from None
        try:
            refusal = self.watch.refusal(upstream)  # what waited for a slot may have seen others fail
            if refusal is not None:
                return Failed(refusal)
            return await self._tried(question, running, claim)
        finally:
            slots.release()

    async def _tried(self, question: Question, running: _Running, claim: Claim | None) -> Outcome:
        """Try the sources in order: the first that has it, else the first failure, else an absence."""
        client = self._clients.of(question.upstream)
        failure: Outcome | None = None
        for number, source in enumerate(question.sources):
            outcome = await self._attempts(question, client, running, claim, number, source)
            if not isinstance(outcome, Missing | Failed):
                return outcome
            if isinstance(outcome, Failed):
                failure = failure or outcome
            if len(question.sources) > 1:
                _note_mirror(question.upstream, source, outcome)
        if failure is not None:
            return failure
        believed = await self._in_worker(question.miss)
        return Missing() if believed else Kept()

    async def _attempts(
        self,
        question: Question,
        client: Client,
        running: _Running,
        claim: Claim | None,
        number: int,
        source: Source,
    ) -> Outcome:
        """One source, again where it failed at once: many a gateway only has a hiccup."""
        pauses = () if question.held is not None else RETRY_PAUSES
        for pause in (*pauses, None):
            begun = time.monotonic()
            outcome = await self._attempt(question, client, running, claim, number, source)
            hasty = time.monotonic() - begun < 1
            if running.outcome.done() or pause is None or not hasty or not _is_hiccup(outcome):
                break
            await asyncio.sleep(pause)
        self.watch.saw(question.upstream, outcome)
        return outcome

    async def _attempt(
        self,
        question: Question,
        client: Client,
        running: _Running,
        claim: Claim | None,
        number: int,
        source: Source,
    ) -> Outcome:
        responder = Responder(question, source, client, _patience(question), self._in_worker)
        try:
            if question.aim is Aim.LOOK:
                return await responder.look()
            if question.aim is Aim.PART:
                return await responder.part()
            if question.held is not None and question.held.is_current is not None:
                current = await responder.compare()
                if current is not None:
                    return current
            if question.aim is Aim.READ:
                return await responder.read()
            fill = Fill(question, source, number, responder, self._in_worker, claim)
            return await fill.run(running.resolve)
        except Refetch as again:
            return again.outcome
        except ArtifactdError as error:
            return Failed(error)

    def _in_worker(self, function: Callable[..., R], *arguments: Any) -> Awaitable[R]:
        return asyncio.get_running_loop().run_in_executor(self._workers, function, *arguments)


def _note_mirror(upstream: Upstream, source: Source, outcome: Missing | Failed) -> None:
    """Say which of several addresses it was; without what may be secret of it."""
    address = urlsplit(source.url)
    where = f"{address.hostname}:{address.port}" if address.port else address.hostname
    why = outcome.error if isinstance(outcome, Failed) else "it is not there"
    logger.warning("%s was passed over for repository %s: %s", where, upstream.repository, why)


def _patience(question: Question) -> Patience:
    return HURRIED if question.held is not None else PATIENT


def _is_hiccup(outcome: Outcome) -> bool:
    return isinstance(outcome, Failed) and type(outcome.error) is UpstreamUnavailable
