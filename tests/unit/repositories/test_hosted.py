"""Hosted repositories: rights, policy, the past, indexes, derived documents."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from artifactd.auth.principal import Principal, Verb
from artifactd.auth.roles import Grant, Roles
from artifactd.blobs.memory import MemoryBlobStore
from artifactd.catalog.assets import Asset, Change, Keep, Reference, Selection
from artifactd.catalog.edit import SMALL_DERIVED
from artifactd.db import tables
from artifactd.db.writer import Database
from artifactd.errors import (
    AssetExists,
    AssetNotFound,
    Forbidden,
    Gone,
    ReadOnly,
    ReferencesMissing,
    Unauthenticated,
    Withheld,
)
from artifactd.repositories.catalog import FormatRules
from artifactd.repositories.content import Content, InlineSource, StoredSource
from artifactd.repositories.holdings import Holdings
from artifactd.repositories.hosted import HostedRepository
from artifactd.repositories.policy import WriteClass, WritePolicy
from artifactd.repositories.rights import Bound
from tests.support.clocks import FakeClock
from tests.support.shelves import Shelf, digest_of, owner

SECOND = timedelta(seconds=1)
Opened = Callable[..., HostedRepository]


@dataclass(frozen=True)
class Policy:
    write_policy: WritePolicy


@dataclass(frozen=True)
class Paths:
    """An index of paths, which remembers how it was made."""

    name: str = "paths"
    made: list[str] = field(default_factory=list)

    def selects(self, key: str) -> Selection:
        return Selection(key)

    def build(self, key: str, assets: Iterable[Asset]) -> Sequence[str]:
        self.made.append("build")
        return sorted(asset.path for asset in assets)

    def apply(self, key: str, document: Sequence[str], changes: Sequence[Change]) -> Sequence[str]:
        self.made.append("apply")
        paths = set(document)
        for change in changes:
            (paths.discard if change.retired else paths.add)(change.asset.path)
        return sorted(paths)

    def size(self, document: Sequence[str]) -> int:
        return len(document)


@pytest.fixture
def shelf(database: Database, clock: FakeClock) -> Shelf:
    return Shelf(database, MemoryBlobStore(clock))


@pytest.fixture
def opened(shelf: Shelf) -> Opened:
    """The repository with a write policy, for somebody, at a moment."""

    def open(
        policy: WritePolicy = WritePolicy.ALLOW, principal: Principal | None = None, past: int | None = None
    ) -> HostedRepository:
        def write_class(path: str, settings: Policy) -> WriteClass:
            return WriteClass.REPLACE if path.endswith("-snapshot") else WriteClass.ONCE

        rules = FormatRules(owner, write_class)
        holdings = Holdings(shelf.catalog, shelf.record, rules, Policy(policy), past)
        who = principal or shelf.principal
        rights = Bound(shelf.catalog.authorizer, who, shelf.record)
        return HostedRepository(shelf.catalog, holdings, who, rights)

    return open


def body(content: Content) -> bytes:
    if isinstance(content.source, InlineSource):
        return content.source.body
    assert isinstance(content.source, StoredSource)
    with content.source.store.open(content.source.location) as file:
        return file.read()


def test_what_was_put_is_there_with_its_facts(shelf: Shelf, clock: FakeClock) -> None:
    shelf.put("app/x", b"bytes")
    head = shelf.repository.stat("app/x")
    assert (head.size, head.content_type, head.etag, head.modified) == (
        5, "text/plain", digest_of(b"bytes"), clock(),
    )  # fmt: skip
    content = shelf.repository.get("app/x")
    assert body(content) == b"bytes"
    assert content.depends is not None
    with pytest.raises(AssetNotFound):
        shelf.repository.get("app/none")


def test_a_fact_has_no_bytes_and_an_etag_that_moves(shelf: Shelf) -> None:
    etags = []
    for _ in range(2):
        with shelf.repository.edit() as edit:
            edit.put("app/fact", None, content_type="text/plain")
        content = shelf.repository.get("app/fact")
        assert body(content) == b""
        etags.append(content.head.etag)
        shelf.delete("app/fact")
    assert len(set(etags)) == 2


def test_what_depends_on_a_name_is_told_of_its_changes_only(shelf: Shelf) -> None:
    shelf.put("app/x", b"bytes")
    depends = shelf.repository.get("app/x").depends
    assert depends is not None
    shelf.put("lib/x", b"other")
    assert shelf.database.generations.current(tuple(depends))
    shelf.put("app/y", b"other")
    assert not shelf.database.generations.current(tuple(depends))


def test_what_is_not_there_depends_on_its_name_too(shelf: Shelf) -> None:
    with pytest.raises(AssetNotFound) as told:
        shelf.repository.get("app/x")
    assert told.value.depends is not None
    shelf.put("app/x", b"bytes")
    assert not shelf.database.generations.current(tuple(told.value.depends))


def test_what_is_withheld_is_refused_with_its_reason(shelf: Shelf) -> None:
    shelf.put("app/x", b"bytes")
    shelf.database.write(
        lambda turn: turn.connection.execute(tables.asset.update().values(withheld="stolen keys"))
    )
    for read in (shelf.repository.get, shelf.repository.stat):
        with pytest.raises(Withheld, match="stolen keys"):
            read("app/x")


# Policy


@pytest.mark.parametrize(
    ("policy", "path", "error"),
    [
        (WritePolicy.ALLOW, "app/1", None),
        (WritePolicy.ALLOW_ONCE, "app/1", AssetExists),
        (WritePolicy.ALLOW_ONCE, "app/1-snapshot", None),
        (WritePolicy.DENY, "app/1", ReadOnly),
        (WritePolicy.DENY, "app/1-snapshot", ReadOnly),
    ],
)
def test_the_write_policy_decides_about_other_bytes(
    shelf: Shelf, opened: Opened, policy: WritePolicy, path: str, error: type[Exception] | None
) -> None:
    shelf.put(path, b"one")
    if error is None:
        shelf.put(path, b"two", repository=opened(policy))
        assert shelf.read(path) == b"two"
        return
    with pytest.raises(error), opened(policy).edit() as edit:
        edit.put(path, shelf.stage(b"two"), content_type="text/plain")
    assert shelf.read(path) == b"one"


def test_what_was_deleted_may_be_put_anew_under_allow_once(shelf: Shelf, opened: Opened) -> None:
    repository = opened(WritePolicy.ALLOW_ONCE)
    shelf.put("app/1", b"one", repository=repository)
    shelf.delete("app/1")
    shelf.put("app/1", b"two", repository=repository)
    assert shelf.read("app/1") == b"two"


def test_an_edit_that_fails_leaves_no_bytes(shelf: Shelf) -> None:
    with pytest.raises(ReferencesMissing), shelf.repository.edit() as edit:
        edit.put(
            "app/x",
            shelf.stage(b"bytes"),
            content_type="t",
            references=[Reference("app/none", required=True)],
            derived={"facts": b"facts"},
        )
    assert shelf.stored() == set()


def test_an_edit_whose_block_raises_does_nothing(shelf: Shelf) -> None:
    with pytest.raises(ZeroDivisionError), shelf.repository.edit() as edit:
        edit.put("app/x", None, content_type="t")
        _ = 1 // 0
    assert shelf.find("app/x") is None
    assert shelf.rows(tables.revision) == []


def test_an_edit_tells_its_revision(shelf: Shelf) -> None:
    revisions = []
    for _ in range(2):
        with shelf.repository.edit() as edit:
            edit.put("app/x", shelf.stage(b"bytes"), content_type="t")
        revisions.append(edit.revision)
    assert isinstance(revisions[0], int)
    assert revisions[1] is None


def test_a_link_moves_no_byte(shelf: Shelf) -> None:
    shelf.put("app/x", b"bytes")
    stored = shelf.stored()
    source = shelf.repository.stat("app/x").asset
    assert source is not None
    with shelf.repository.edit() as edit:
        edit.link("lib/y", source)
    assert shelf.read("lib/y") == b"bytes"
    assert shelf.stored() == stored


# Rights


def test_every_verb_is_asked_for_its_path(shelf: Shelf, opened: Opened) -> None:
    shelf.put("app/x", b"bytes")
    shelf.put("lib/x", b"bytes")
    role = Roles(shelf.database).put("reader", [Grant("things", "app/**", frozenset({Verb.READ}))])
    reader = opened(principal=Principal("bob", 8, frozenset({role.id})))
    nobody = opened(principal=Principal("anonymous", 0, frozenset()))
    assert reader.stat("app/x").size == 5
    assert list(reader.index(Paths(), "app").value) == ["app/x"]
    assert [name.path for name in reader.names().value] == ["app"]

    def writes(repository: HostedRepository) -> None:
        with repository.edit() as edit:
            edit.put("app/x", None, content_type="t")

    def deletes(repository: HostedRepository) -> None:
        with repository.edit() as edit:
            edit.delete("app/x")

    refused: list[Callable[[HostedRepository], object]] = [
        lambda repository: repository.stat("lib/x"),
        lambda repository: repository.get("lib/x"),
        lambda repository: repository.list("lib/"),
        lambda repository: repository.index(Paths(), "lib"),
        lambda repository: repository.permit(Verb.WRITE, "app/x"),
        writes,
        deletes,
    ]
    for act in refused:
        with pytest.raises(Forbidden):
            act(reader)
        with pytest.raises(Unauthenticated):
            act(nobody)
    assert list(nobody.names().value) == []
    assert shelf.read("app/x") == b"bytes"


# The past


def test_the_past_is_whole_and_fixed(shelf: Shelf, opened: Opened, clock: FakeClock) -> None:
    shelf.put("app/x", b"one")
    then = clock()
    clock.advance(SECOND)
    shelf.put("app/x", b"two")
    shelf.put("app/y", b"new")
    repository = opened(past=then)
    assert body(repository.get("app/x")) == b"one"
    assert repository.get("app/x").depends is None
    assert [entry.path for entry in repository.list("app/").items] == ["x"]
    assert list(repository.index(Paths(), "app").value) == ["app/x"]
    with pytest.raises(AssetNotFound):
        repository.stat("app/y")
    with pytest.raises(ReadOnly), repository.edit():
        pass
    with pytest.raises(ReadOnly):
        repository.permit(Verb.WRITE, "app/x")


def test_the_past_takes_the_verb_history(shelf: Shelf, opened: Opened, clock: FakeClock) -> None:
    shelf.put("app/x", b"one")
    role = Roles(shelf.database).put("reader", [Grant("*", "**", frozenset({Verb.READ}))])
    reader = Principal("bob", 8, frozenset({role.id}))
    with pytest.raises(Forbidden):
        opened(principal=reader, past=clock()).get("app/x")


def test_there_is_no_past_before_the_repository(shelf: Shelf, opened: Opened, clock: FakeClock) -> None:
    with pytest.raises(Gone):
        opened(past=clock() - 1)
    assert opened(past=clock()).list("").items == []


# Indexes and what was derived


def test_an_index_is_built_once_and_then_follows_the_changes(shelf: Shelf) -> None:
    index = Paths()
    assert list(shelf.repository.index(index, "app").value) == []
    shelf.put("app/x", b"bytes")
    first = shelf.repository.index(index, "app")
    index.made.clear()
    assert shelf.repository.index(index, "app").value is first.value
    shelf.put("lib/x", b"bytes")
    assert shelf.repository.index(index, "app").value is first.value
    shelf.put("app/y", b"bytes")
    shelf.delete("app/x")
    document = shelf.repository.index(index, "app")
    assert list(document.value) == ["app/y"]
    assert document.revision > first.revision
    assert index.made == ["apply"]


@pytest.mark.parametrize("size", [0, 10, SMALL_DERIVED, SMALL_DERIVED + 1])
def test_a_derived_document_is_read_by_the_path_of_its_asset(shelf: Shelf, size: int) -> None:
    facts = b"f" * size
    with shelf.repository.edit() as edit:
        edit.put("app/x", shelf.stage(b"bytes"), content_type="t", derived={"facts": facts})
    content = shelf.repository.get("app/x", derived="facts")
    assert body(content) == facts
    assert (content.head.size, content.head.etag) == (size, digest_of(facts))
    assert content.depends is not None
    assert len(shelf.stored()) == (2 if size > SMALL_DERIVED else 1), "a small one needs no file"
    for path, kind in (("app/x", "header"), ("app/y", "facts")):
        with pytest.raises(AssetNotFound):
            shelf.repository.get(path, derived=kind)
    assert shelf.stored() == shelf.named()


# Promises


def test_whoever_is_told_that_it_is_there_may_rely_on_it(shelf: Shelf, clock: FakeClock) -> None:
    shelf.layer("app/layer", b"layer", linger=timedelta(hours=24))
    touched = []
    for _ in range(3):
        shelf.repository.stat("app/layer")
        found = shelf.find("app/layer")
        assert found is not None and found.keep is Keep.WHILE_REFERENCED
        touched.append((clock() - found.touched) // 3_600_000_000)
        clock.advance(timedelta(hours=11))
    assert touched == [0, 11, 0], "written only once half of its linger time has passed"
