"""Publications: what is asked for, made, switched and left alone."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from artifactd.auth.openpgp import OpenPgpKeys
from artifactd.auth.principal import Verb
from artifactd.auth.signing import SigningKeys
from artifactd.blobs.memory import MemoryBlobStore
from artifactd.catalog.assets import Asset, Keep
from artifactd.catalog.directory import Directory
from artifactd.db import tables
from artifactd.db.writer import Database
from artifactd.errors import Generated
from artifactd.repositories.catalog import FormatRules
from artifactd.repositories.factory import RepositoryFactory
from artifactd.repositories.index import More
from artifactd.repositories.policy import WriteClass
from artifactd.repositories.publication import (
    SUPERSEDED_FOR,
    Gathered,
    Generation,
    GroupInputs,
    PublicationInputs,
    PublicationWriter,
)
from artifactd.repositories.publishing import EntryMissing, Publisher
from artifactd.repositories.repository import Repository
from artifactd.sealing import Sealer
from artifactd.tasks.task import Progress, Task, TaskRun, TaskStopped
from artifactd.upstream.answer import Answer
from artifactd.upstream.asking import Upstreams
from tests.support.clocks import FakeClock
from tests.support.shelves import AnyWrites, Shelf, owner
from tests.support.watching import unwatched_upstreams

QUIET = timedelta(seconds=5)
SEAL = bytes(32)


def no_upstreams() -> Upstreams:
    raise AssertionError("nothing is to be asked")


@dataclass
class Lists:
    """One list of paths per top folder: `<folder>/list`, with the list itself in `<folder>/list-<size>`."""

    name: str = "lists"
    version: int = 1
    quiet: timedelta = QUIET
    longest_wait: timedelta = timedelta(seconds=60)
    before: Callable[[], object] = lambda: None
    runs: list[Generation | None] = field(default_factory=list)

    def touches(self, path: str, settings: Any) -> Iterable[str]:
        folder, slash, _ = path.partition("/")
        return (folder,) if slash else ()

    def keys(self, settings: Any) -> Iterable[str]:
        return ()

    def owns(self, path: str) -> str | None:
        folder, _, file = path.partition("/")
        return folder if file.startswith("list") else None

    def selects(self, key: str) -> str:
        return f"{key}/"

    def entry(self, key: str) -> str:
        return f"{key}/list"

    def publish(
        self, key: str, inputs: PublicationInputs, previous: Generation | None, out: PublicationWriter
    ) -> None:
        self.runs.append(previous)
        with out.create() as file:
            for asset in inputs:
                file.write(f"{asset.path}\n".encode())
            listed = file.finish()
        self.before()
        path = f"{key}/list-{listed.size}"
        out.add(path, listed, content_type="text/plain")
        out.add(f"{key}/list", path.encode(), content_type="text/plain")
        out.add(f"{key}/list.sig", out.sign(path.encode()), content_type="text/plain")
        out.add(f"{key}/list.key", out.public_key, content_type="text/plain")
        out.state = {"size": listed.size}

    def merge(
        self, key: str, inputs: GroupInputs, previous: Generation | None, out: PublicationWriter
    ) -> None:
        raise AssertionError("there is no group here")

    def gathers(self, key: str) -> Sequence[str]:
        return (self.entry(key),)

    def gather(self, key: str, answers: Sequence[Answer]) -> Gathered | More:
        raise AssertionError("there is no proxy here")


class Press:
    """A shelf whose repository has the publication `lists`."""

    def __init__(self, database: Database, clock: FakeClock) -> None:
        self.shelf = Shelf(database, MemoryBlobStore(clock))
        self.clock = clock
        self.lists = Lists()
        self.keys = SigningKeys(database)
        rules = FormatRules(owner, lambda path, settings: WriteClass.ONCE, (self.lists,))
        factory = RepositoryFactory(
            self.shelf.catalog,
            Directory(database, self.shelf.repositories),
            {"test": rules},
            {"test": lambda _: AnyWrites()},
            unwatched_upstreams(clock),
            lambda record: {},
        )
        self.repository: Repository = factory.open(self.shelf.record, self.shelf.principal)
        self.publisher = Publisher(
            self.shelf.catalog,
            self.shelf.repositories,
            factory,
            self.keys,
            OpenPgpKeys(database, Sealer([SEAL])),
            no_upstreams,
        )

    def put(self, path: str, data: bytes = b"bytes") -> None:
        with self.repository.edit() as edit:
            edit.put(path, self.shelf.stage(data), content_type="t")

    def delete(self, path: str) -> None:
        with self.repository.edit() as edit:
            edit.delete(path)

    def run(self, cancelled: bool = False) -> list[str]:
        """Let quiet time pass and run what is due, which must succeed; the keys."""
        self.clock.advance(QUIET)
        queue, ran = self.shelf.queue, []
        while (lease := queue.lease(timedelta(seconds=30))) is not None:
            try:
                self.publisher.run(TaskRun(lease.task, self.clock, unwatched, lambda: cancelled))
            finally:
                queue.finish(lease, Progress())
            ran.append(lease.task.arguments["key"])
        return ran

    def files(self, folder: str) -> dict[str, bytes]:
        """The files of a publication that can be read now, those of former generations too."""
        assets = self.shelf.assets.below(self.shelf.database, self.shelf.record.id, f"{folder}/")
        return {
            asset.path.partition("/")[2]: self.shelf.read(asset.path)
            for asset in assets
            if self.lists.owns(asset.path)
        }

    def asset(self, path: str) -> Asset:
        found = self.shelf.assets.find(self.shelf.database, self.shelf.record.id, path)
        assert found is not None
        return found

    def waiting(self) -> list[tuple[str, str]]:
        return [
            (row["name"], row["key"]) for row in self.shelf.rows(tables.task) if row["state"] == "waiting"
        ]


def unwatched(done: int, total: int | None = None, message: str = "") -> None:
    pass


@pytest.fixture
def press(database: Database, clock: FakeClock) -> Press:
    return Press(database, clock)


# Asking


def test_a_change_asks_for_the_keys_it_touches(press: Press) -> None:
    press.put("app/x")
    number = press.shelf.record.id
    assert press.waiting() == [("publish", f"{number}/lists/app")]
    press.put("lib/x")
    press.put("top-level file")
    assert press.run() == ["app", "lib"]


def test_what_changes_nothing_asks_for_nothing(press: Press) -> None:
    press.put("app/x")
    press.run()
    press.put("app/x")
    assert press.waiting() == []


def test_an_edit_that_fails_asks_for_nothing(press: Press) -> None:
    with pytest.raises(Exception, match="not in repository"), press.repository.edit() as edit:
        edit.put("app/x", press.shelf.stage(b"bytes"), content_type="t")
        edit.delete("app/none")
    assert press.waiting() == []


def test_many_changes_are_one_run(press: Press) -> None:
    for number in range(20):
        press.put(f"app/{number}")
    assert press.run() == ["app"]
    assert len(press.lists.runs) == 1


def test_a_run_does_not_ask_for_another(press: Press) -> None:
    press.put("app/x")
    press.run()
    assert press.waiting() == []
    assert press.run() == []


# Making


def test_a_generation_has_all_its_files(press: Press) -> None:
    press.put("app/x")
    press.put("app/y")
    press.run()
    files = press.files("app")
    assert files["list"] == b"app/list-12"
    assert files["list-12"] == b"app/x\napp/y\n"
    key = load_pem_public_key(files["list.key"])
    assert isinstance(key, Ed25519PublicKey)
    key.verify(files["list.sig"], files["list"])
    assert press.shelf.stored() == press.shelf.named()


def test_the_entry_document_holds_the_others(press: Press) -> None:
    press.put("app/x")
    press.run()
    found = {path: press.shelf.find(f"app/{path}") for path in press.files("app")}
    assert {path: asset.keep for path, asset in found.items() if asset} == {
        "list": Keep.ALWAYS,
        "list-6": Keep.WHILE_REFERENCED,
        "list.sig": Keep.WHILE_REFERENCED,
        "list.key": Keep.WHILE_REFERENCED,
    }
    entry = found["list"]
    assert entry is not None
    needed = press.shelf.assets.references(press.shelf.database, entry.id)
    assert {reference.path for reference in needed} == {"app/list-6", "app/list.sig", "app/list.key"}


def test_a_generation_is_one_revision(press: Press) -> None:
    press.put("app/x")
    before = len(press.shelf.rows(tables.revision))
    press.run()
    revisions = press.shelf.rows(tables.revision)
    assert len(revisions) == before + 1
    assert (revisions[-1]["principal"], revisions[-1]["message"]) == ("publisher", "publish lists app")


def test_the_publisher_is_told_of_the_generation_before(press: Press) -> None:
    press.put("app/x")
    press.run()
    press.put("app/y")
    press.run()
    first, second = press.lists.runs
    assert first is None
    assert second is not None
    assert second.state == {"size": 6}
    assert set(second.files) == {"app/list", "app/list-6", "app/list.sig", "app/list.key"}


def test_equal_inputs_are_not_published_again(press: Press) -> None:
    press.put("app/x")
    press.run()
    before = press.shelf.rows(tables.revision)
    press.put("lib/x")  # asks for another key
    press.run()
    assert [row["message"] for row in press.shelf.rows(tables.revision)[len(before) :]] == [
        "", "publish lists lib",
    ]  # fmt: skip
    press.lists.runs.clear()
    press.put("app/y")
    press.delete("app/y")
    press.run()
    assert press.lists.runs == [], "what came and went in between is no change"


def test_a_generation_of_equal_bytes_only_says_what_it_is_made_from(press: Press) -> None:
    press.put("app/x")
    press.run()
    before = {path: press.asset(path) for path in ("app/list", "app/list-6")}
    press.put("app/x", b"other bytes of the same path")
    press.run()
    assert len(press.lists.runs) == 2, "its input is another, so it is asked"
    after = {path: press.asset(path) for path in before}
    assert after["app/list-6"].id == before["app/list-6"].id
    assert after["app/list"].blob == before["app/list"].blob
    revisions = [each["app/list"].attributes["generation"]["revision"] for each in (before, after)]
    assert revisions == sorted(set(revisions))


def test_a_new_version_of_the_publisher_publishes_anew(press: Press) -> None:
    press.put("app/x")
    press.run()
    press.lists.version = 2
    press.lists.runs.clear()
    press.put("app/x", b"other")
    press.run()
    assert len(press.lists.runs) == 1


def test_what_a_new_generation_does_not_need_lingers(press: Press) -> None:
    press.put("app/x")
    press.run()
    press.put("app/y")
    press.run()
    assert set(press.files("app")) == {"list", "list-6", "list-12", "list.sig", "list.key"}
    old = press.shelf.find("app/list-6")
    assert old is not None
    assert timedelta(microseconds=old.linger) == SUPERSEDED_FOR
    assert old.touched == press.clock(), "from the switch on"


def test_what_is_withheld_is_not_published(press: Press) -> None:
    press.put("app/x")
    press.put("app/y")
    table = tables.asset
    press.shelf.database.write(
        lambda turn: turn.connection.execute(
            table.update().where(table.c.path == "app/y").values(withheld="stolen keys")
        )
    )
    press.run()
    assert press.files("app")["list-6"] == b"app/x\n"


def test_an_empty_folder_is_published_too(press: Press) -> None:
    press.put("app/x")
    press.run()
    press.delete("app/x")
    press.run()
    assert press.files("app")["list"] == b"app/list-0"


# Races and failures


def test_what_comes_during_a_run_is_for_the_next(press: Press) -> None:
    press.put("app/x")

    def interfere() -> None:
        press.lists.before = lambda: None
        press.put("app/y")

    press.lists.before = interfere
    press.run()
    assert press.files("app")["list"] == b"app/list-6"
    assert press.run() == ["app"]
    assert press.files("app")["list"] == b"app/list-12"


def test_a_run_that_was_overtaken_changes_nothing(press: Press) -> None:
    press.put("app/x")

    def overtake() -> None:
        press.lists.before = lambda: None
        press.put("app/y")
        arguments = {"repository": press.shelf.record.id, "publication": "lists", "key": "app"}
        task = Task("publish", "", arguments)
        press.publisher.run(TaskRun(task, press.clock, unwatched, lambda: False))

    press.lists.before = overtake
    press.run()
    assert press.files("app")["list"] == b"app/list-12"
    assert press.shelf.stored() == press.shelf.named()


@pytest.mark.parametrize("error", [RuntimeError("no"), TaskStopped()])
def test_a_publisher_that_fails_leaves_the_former_generation_and_no_bytes(
    press: Press, error: Exception
) -> None:
    press.put("app/x")
    press.run()
    files = press.files("app")
    press.put("app/y")
    stored = press.shelf.stored()

    def fail() -> None:
        raise error

    press.lists.before = fail
    with pytest.raises(type(error)):
        press.run()
    assert (press.files("app"), press.shelf.stored()) == (files, stored)


def test_a_run_stops_when_it_is_asked_to(press: Press) -> None:
    press.put("app/x")
    stored = press.shelf.stored()
    with pytest.raises(TaskStopped):
        press.run(cancelled=True)
    assert press.shelf.stored() == stored


def test_a_publication_without_an_entry_document_is_refused(
    press: Press, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Lists, "entry", lambda self, key: f"{key}/list.html")
    press.put("app/x")
    stored = press.shelf.stored()
    with pytest.raises(EntryMissing, match=r"app/list\.html"):
        press.run()
    assert press.shelf.stored() == stored


def test_the_task_of_a_repository_that_is_gone_does_nothing(press: Press) -> None:
    press.put("app/x")
    press.shelf.repositories.delete("things", with_content=True)
    press.run()
    assert press.lists.runs == []


# Whose files they are


@pytest.mark.parametrize("path", ["app/list", "app/list-6", "app/list-made-up"])
def test_clients_cannot_change_what_a_publication_owns(press: Press, path: str) -> None:
    press.put("app/x")
    press.run()
    files = press.files("app")
    for verb in (Verb.WRITE, Verb.DELETE):
        with pytest.raises(Generated):
            press.repository.permit(verb, path)
    with pytest.raises(Generated), press.repository.edit() as edit:
        edit.put(path, None, content_type="t")
    with pytest.raises(Generated), press.repository.edit() as edit:
        edit.delete(path)
    assert press.files("app") == files


def test_a_repository_keeps_its_key(press: Press, database: Database) -> None:
    key = press.keys.of(1)
    again = SigningKeys(database).of(1)
    assert (key.public, key.sign(b"data")) == (again.public, again.sign(b"data"))
    assert press.keys.of(2).public != key.public


def test_a_publisher_reads_inputs_and_what_was_derived(press: Press) -> None:
    with press.repository.edit() as edit:
        edit.put("app/x", press.shelf.stage(b"bytes"), content_type="t", derived={"facts": b"five"})
    read: list[tuple[bytes, bytes]] = []

    def publish(
        key: str, inputs: PublicationInputs, previous: Generation | None, out: PublicationWriter
    ) -> None:
        for asset in inputs:
            read.append((_bytes(inputs, asset), inputs.derived(asset, "facts")))

    press.lists.publish = publish  # type: ignore[method-assign]
    press.run()
    assert read == [(b"bytes", b"five")]
    assert press.files("app") == {}, "it added nothing, so nothing was switched"


def _bytes(inputs: PublicationInputs, asset: Asset) -> bytes:
    with inputs.open(asset) as file:
        return file.read()
