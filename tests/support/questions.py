"""Questions for upstreams, asked without a repository: what they lead to is noted.

    desk = Desk(tmp_path)
    outcome = desk.ask(desk.question("a.txt", upstream.url + "/a.txt"))
    assert desk.kept["a.txt"] == b"bytes"

`desk.process()` is another process of the same host, as far as locks and documents tell: it meets this one
in the same folder, on the same loop.
"""

import asyncio
import os
from collections.abc import Callable, Coroutine, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import uvloop

from artifactd.blobs.filesystem import FilesystemBlobStore
from artifactd.blobs.store import StagedBlob
from artifactd.upstream.answer import Answer, Facts
from artifactd.upstream.asking import Upstreams
from artifactd.upstream.configuration import Upstream
from artifactd.upstream.growing import Growing
from artifactd.upstream.question import Aim, Grows, Held, Outcome, Question, Source
from tests.support.clocks import FakeClock

R = TypeVar("R")

SECONDS = 20
"""What no test takes."""

REPOSITORY = 1
UPSTREAM = Upstream(REPOSITORY, "hub", 1, "http://127.0.0.1:9/", allow_private=True)


def nothing_follows(answers: Sequence[Answer]) -> Source | None:
    """Every document has one page."""
    return None


@dataclass
class Desk:
    """Asks, on a loop of its own. `kept`, `facts`, `pages`, `confirmed` and `missed` tell by path what the
    questions of the desk led to; `believed`: what they say of absences; `follow`: where documents go on."""

    folder: Path
    kept: dict[str, bytes] = field(default_factory=dict)
    facts: dict[str, Facts] = field(default_factory=dict)
    pages: dict[str, list[bytes]] = field(default_factory=dict)
    confirmed: list[str] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)
    believed: bool = True
    follow: Callable[[Sequence[Answer]], Source | None] = nothing_follows
    settled: Callable[[], bool] = lambda: False

    def __post_init__(self) -> None:
        self.clock = FakeClock()
        self.store = FilesystemBlobStore(self.folder / "blobs", sync=False)
        self.workers = ThreadPoolExecutor(4)
        self._runner = asyncio.Runner(loop_factory=uvloop.new_event_loop)
        self._processes: list[Upstreams] = []
        self.upstreams = self.process()

    def process(self) -> Upstreams:
        """What asks, in another process."""
        made = Upstreams(self.folder / "fetches", self.workers, user_agent="test", now=self.clock)
        self._processes.append(made)
        return made

    def question(
        self,
        path: str,
        *urls: str,
        aim: Aim = Aim.STORE,
        upstream: Upstream = UPSTREAM,
        expected: Mapping[str, str] | None = None,
        size: int | None = None,
        accept: str = "*/*",
        held: Held | None = None,
        whole: bool = False,
        span: str = "",
        stated: Callable[[Facts], Mapping[str, str]] | None = None,
        store: Callable[[], None] = lambda: None,
    ) -> Question:
        """A question for the bytes, the facts or the document at `urls`. `store` is called before the bytes
        are noted."""

        def keep(blob: StagedBlob, facts: Facts) -> None:
            store()
            with self.store.open(blob.location) as file:
                self.kept[path] = file.read()
            self.facts[path] = facts

        def read(answers: Sequence[Answer]) -> Source | None:
            self.pages[path] = [answer.body for answer in answers]
            return self.follow(answers)

        def miss() -> bool:
            self.missed.append(path)
            return self.believed

        return Question(
            key=(upstream.repository_id, path, aim, span),
            upstream=upstream,
            sources=[Source(url, accept, expected or {}, size, "", stated) for url in urls],
            blobs=self.store,
            blob_store="desk",
            settled=lambda: self.settled(),
            confirm=lambda: self.confirmed.append(path),
            miss=miss,
            store=keep,
            read=read,
            held=held,
            whole=whole,
            span=span,
        )

    def ask(self, *questions: Question, by: Upstreams | None = None) -> Outcome:
        """How the first of these ends. All are asked at once, and what grows is read to its end."""

        async def main() -> Outcome:
            first, *_ = await (by or self.upstreams).ask(questions)
            if isinstance(first, Grows):
                await read(first.growing)
            return first

        return self.run(main())

    def run(self, work: Coroutine[Any, Any, R]) -> R:
        """Something on the desk's loop."""

        async def bounded() -> R:
            async with asyncio.timeout(SECONDS):
                return await work

        return self._runner.run(bounded())

    def stored(self) -> list[str]:
        """The location of everything in the store, parts included."""
        return [file.location for file in self.store.scan()]

    def told(self) -> list[Path]:
        """What there is where processes meet."""
        return sorted((self.folder / "fetches").iterdir())

    def close(self) -> None:
        async def main() -> None:
            for each in self._processes:
                await each.close()

        self.run(main())
        self._runner.close()
        self.workers.shutdown()


async def read(growing: Growing, start: int = 0) -> bytes:
    """Everything from `start` on, as it comes."""
    pieces: list[bytes] = []
    while start < growing.size:
        end = await growing.reach(start)
        pieces.append(os.pread(growing.descriptor, end - start, start))
        assert len(pieces[-1]) == end - start, "what may be sent is there"
        start = end
    return b"".join(pieces)


async def until(condition: Callable[[], object]) -> None:
    """Wait for what happens on other threads, or beside this on the loop."""
    async with asyncio.timeout(SECONDS):
        while not condition():
            await asyncio.sleep(0.005)
