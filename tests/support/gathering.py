"""A publication in repositories of every kind, over memory: published, gathered and merged.

    workshop = Workshop(database, clock)
    workshop.cabinet.proxy("hub")
    workshop.upstream_set("hub", part(b"app/x theirs"), signature=b"by them")
    assert workshop.cabinet.get("hub", "set") == ...

The set of a repository is one: `set`, the entry document, names its part; `set.sig` and `set.key` belong to
it; a part is named by its SHA-256 and has a line for each asset: its path and the first word in it.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, cast

from artifactd.auth.openpgp import OpenPgpKeys
from artifactd.auth.signing import SigningKeys
from artifactd.blobs.memory import MemoryBlobStore
from artifactd.db import tables
from artifactd.db.writer import Database
from artifactd.errors import ArtifactdError, UpstreamInvalid
from artifactd.repositories.index import More
from artifactd.repositories.publication import (
    Gathered,
    Generation,
    GroupInputs,
    PublicationInputs,
    PublicationWriter,
)
from artifactd.repositories.publishing import Publisher
from artifactd.repositories.upkeep import Upkeep
from artifactd.sealing import Sealer
from artifactd.tasks.task import Progress, TaskRun
from artifactd.upstream.answer import Answer
from artifactd.upstream.asking import Upstreams
from artifactd.upstream.question import Outcome, Question
from tests.support.cabinets import Cabinet, Network
from tests.support.clocks import FakeClock
from tests.support.shelves import Shelf

QUIET = timedelta(seconds=5)

_GATHERED = ("set", "set.sig", "set.key")


@dataclass
class Sets:
    """The publication. `always`: it is there while there is nothing to publish. `during` happens in the
    middle of a merge; `merged` has the members of each."""

    name: str = "sets"
    version: int = 1
    quiet: timedelta = QUIET
    longest_wait: timedelta = timedelta(seconds=60)
    always: bool = False
    during: Callable[[], object] = lambda: None
    merged: list[list[str]] = field(default_factory=list)

    def touches(self, path: str, settings: Any) -> Iterable[str]:
        return ("",)

    def keys(self, settings: Any) -> Iterable[str]:
        return ("",) if self.always else ()

    def owns(self, path: str) -> str | None:
        return "" if path.startswith("set") and "/" not in path else None

    def selects(self, key: str) -> str:
        return ""

    def entry(self, key: str) -> str:
        return "set"

    def publish(
        self, key: str, inputs: PublicationInputs, previous: Generation | None, out: PublicationWriter
    ) -> None:
        lines = []
        for asset in inputs:
            with inputs.open(asset) as file:
                lines.append(asset.path.encode() + b" " + file.read().partition(b" ")[0])
        _add(lines, out)

    def merge(
        self, key: str, inputs: GroupInputs, previous: Generation | None, out: PublicationWriter
    ) -> None:
        self.merged.append([member.name for member in inputs.members])
        lines: dict[str, bytes] = {}
        for member in inputs.members:
            with member.open("set") as file:
                named = file.read().decode()
            self.during()
            with member.open(named) as file:
                for line in file.read().splitlines():
                    path = line.partition(b" ")[0].decode()
                    if member.allows(path):
                        lines.setdefault(path, line)
        _add([lines[path] for path in sorted(lines)], out)

    def gathers(self, key: str) -> Sequence[str]:
        return _GATHERED

    def gather(self, key: str, answers: Sequence[Answer]) -> Gathered | More:
        if not answers[0].body.startswith(b"set-"):
            raise UpstreamInvalid("this is no set")
        if len(answers) < len(_GATHERED):
            return More(_GATHERED[len(answers)], optional=True)
        files = {
            path: (answer.body, "text/plain")
            for path, answer in zip(_GATHERED, answers, strict=True)
            if not answer.absent
        }
        return Gathered(files, [answers[0].body.decode()])


def _add(lines: Sequence[bytes], out: PublicationWriter) -> None:
    listed = part(*lines)
    path = part_name(listed)
    out.add(path, listed, content_type="text/plain")
    out.add("set", path.encode(), content_type="text/plain")
    out.add("set.sig", out.sign(path.encode()), content_type="text/plain")


def part(*lines: bytes) -> bytes:
    """The part that lists these."""
    return b"".join(line + b"\n" for line in lines)


def part_name(listed: bytes) -> str:
    """Where a part is."""
    return f"set-{hashlib.sha256(listed).hexdigest()}"


class _Asking:
    """Stands for `Upstreams` where a task asks."""

    def __init__(self, network: Network) -> None:
        self._network = network

    async def ask(self, questions: Sequence[Question]) -> Sequence[Outcome]:
        return self._network.ask(questions)

    async def close(self) -> None:
        pass


class Workshop:
    """A cabinet whose repositories publish sets, and what runs their tasks. `failed`: what became of those
    that did not end well in the last run."""

    def __init__(self, database: Database, clock: FakeClock) -> None:
        self.clock = clock
        self.sets = Sets()
        shelf = Shelf(database, MemoryBlobStore(clock))
        self.cabinet = Cabinet(shelf, [self.sets])
        self.openpgp = OpenPgpKeys(database, Sealer([bytes(32)]))
        self.failed: list[ArtifactdError] = []
        catalog, repositories, factory = shelf.catalog, shelf.repositories, self.cabinet.factory
        keys = SigningKeys(database)
        self.publisher = Publisher(catalog, repositories, factory, keys, self.openpgp, self._upstreams)
        self._upkeep = Upkeep(catalog, repositories, factory, self._upstreams)

    def upstream_set(
        self,
        proxy: str,
        listed: bytes,
        *,
        signature: bytes | None = None,
        here: bool = True,
        etag: str | None = None,
    ) -> None:
        """What the upstream of a proxy publishes from now on: a set with this part. `here`: it has the part
        at its place already."""
        cabinet, path = self.cabinet, part_name(listed)
        cabinet.say(proxy, "set", path.encode(), etag=etag or f'"{path}"')
        if here:
            cabinet.say(proxy, path, listed)
        if signature is None:
            cabinet.say(proxy, "set.sig", status=404)
        else:
            cabinet.say(proxy, "set.sig", signature)

    def listed(self, name: str, **more: Any) -> list[str]:
        """What the set of a repository lists, read as a client does."""
        path = self.cabinet.get(name, "set", **more).decode()
        lines = self.cabinet.get(name, path, **more).decode().splitlines()
        return [line.partition(" ")[0] for line in lines]

    def run(self) -> list[str]:
        """Let quiet time pass and run what is due, again and again: each task and its repository."""
        self.clock.advance(QUIET)
        return self.run_now()

    def run_now(self) -> list[str]:
        """The same with what is due already."""
        queue, ran = self.cabinet.shelf.queue, []
        self.failed.clear()
        while (lease := queue.lease(timedelta(seconds=30))) is not None:
            handlers = {"publish": self.publisher.run, "prefetch": self._upkeep.prefetch}
            run = TaskRun(lease.task, self.clock, _unwatched, lambda: False)
            try:
                handlers[lease.task.name](run)
            except ArtifactdError as error:
                self.failed.append(error)
            queue.finish(lease, Progress())
            ran.append(f"{lease.task.name} {self._name(lease.task.arguments)}")
        return ran

    def waiting(self) -> list[tuple[str, str]]:
        """The tasks that wait: name and key."""
        rows = self.cabinet.shelf.rows(tables.task)
        return [(row["name"], row["key"]) for row in rows if row["state"] == "waiting"]

    def revisions(self, name: str) -> list[str]:
        """The messages of a repository's edits, in order."""
        number = self.cabinet.record(name).id
        rows = self.cabinet.shelf.rows(tables.revision)
        return [row["message"] for row in rows if row["repository_id"] == number]

    def _name(self, arguments: Mapping[str, Any]) -> str:
        record = self.cabinet.shelf.repositories.numbered(arguments["repository"])
        return "(gone)" if record is None else record.name

    def _upstreams(self) -> Upstreams:
        return cast(Upstreams, _Asking(self.cabinet.network))


def _unwatched(done: int, total: int | None = None, message: str = "") -> None:
    pass
