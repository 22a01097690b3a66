"""What a write turn does with a change set, on both engines."""

from collections.abc import Callable, Sequence
from datetime import timedelta

import pytest

from artifactd.blobs.memory import MemoryBlobStore
from artifactd.catalog.apply import Applied
from artifactd.catalog.assets import Asset, Coordinates, Keep, Reference, Selection
from artifactd.catalog.edit import ABSENT, ChangeSet, Check, Delete, DeleteWhere, Operation, Put, Rules
from artifactd.db import tables
from artifactd.db.writer import Database, Turn
from artifactd.errors import (
    AssetExists,
    AssetNotFound,
    AssetReferenced,
    PreconditionFailed,
    ReferencesMissing,
    RepositoryNotFound,
)
from tests.support.clocks import FakeClock
from tests.support.shelves import STORE_ID, Shelf, digest_of, owner

Apply = Callable[..., Applied]
MANY = 1205
"""More than a page of rows."""


@pytest.fixture
def shelf(database: Database, clock: FakeClock) -> Shelf:
    return Shelf(database, MemoryBlobStore(clock))


@pytest.fixture
def apply(shelf: Shelf) -> Apply:
    """Applies operations as one edit; bytes that were staged for it are dropped as a repository does."""

    def run(*operations: Operation, replaceable: bool = True) -> Applied:
        changes = ChangeSet(shelf.record.id, "ada", "", operations)
        rules = Rules(owner, lambda path: replaceable)
        return shelf.catalog.apply(STORE_ID, changes, rules, lambda turn, applied: None)

    return run


def put(shelf: Shelf, path: str, data: bytes = b"bytes", *needs: str, kind: str = "needs") -> Put:
    references = [Reference(path, kind, required=kind == "needs") for path in needs]
    return Put(path, shelf.stage(data), "text/plain", references=references)


def paths(shelf: Shelf, prefix: str = "", at: int | None = None) -> list[str]:
    return [asset.path for asset in shelf.assets.below(shelf.database, shelf.record.id, prefix, at)]


def holdings(shelf: Shelf) -> tuple[object, ...]:
    """Everything an edit that failed must leave as it was."""
    names = (tables.revision, tables.asset, tables.name, tables.blob, tables.reference, tables.component)
    return (*(shelf.rows(table) for table in names), shelf.stored())


# What fails, and leaves nothing


@pytest.mark.parametrize("first", [False, True], ids=["alone", "behind a good operation"])
@pytest.mark.parametrize(
    ("error", "failing"),
    [
        (AssetNotFound, lambda shelf: Delete("app/none")),
        (AssetReferenced, lambda shelf: Delete("app/layer", unless_referenced=True)),
        (AssetExists, lambda shelf: put(shelf, "app/layer", b"other")),
        (ReferencesMissing, lambda shelf: put(shelf, "app/new", b"new", "app/layer", "app/none")),
        (
            PreconditionFailed,
            lambda shelf: Put("app/layer", shelf.stage(b"x"), "text/plain", if_digest=ABSENT),
        ),
        (
            PreconditionFailed,
            lambda shelf: Put("app/layer", shelf.stage(b"x"), "t", if_digest=digest_of(b"not it")),
        ),
        (
            PreconditionFailed,
            lambda shelf: Put("app/new", shelf.stage(b"x"), "t", if_digest=digest_of(b"not it")),
        ),
    ],
)
def test_a_check_that_fails_undoes_the_whole_edit(
    shelf: Shelf, apply: Apply, error: type[Exception], failing: Callable[[Shelf], Operation], first: bool
) -> None:
    apply(put(shelf, "app/layer", b"layer"))
    apply(put(shelf, "app/image", b"image", "app/layer"))
    before = holdings(shelf)
    good = [put(shelf, "lib/good", b"good")] if first else []
    with pytest.raises(error):
        apply(*good, failing(shelf), replaceable=False)
    assert holdings(shelf) == before


def test_an_edit_of_a_repository_that_is_gone_fails(shelf: Shelf) -> None:
    changes = ChangeSet(999, "ada", "", [put(shelf, "app/x")])
    with pytest.raises(RepositoryNotFound):
        shelf.catalog.apply(STORE_ID, changes, Rules(owner, lambda path: True), lambda turn, applied: None)
    assert shelf.stored() == set()


def test_one_edit_that_fails_does_not_fail_its_neighbours(shelf: Shelf) -> None:
    rules = Rules(owner, lambda path: True)
    sets = [
        ChangeSet(shelf.record.id, "ada", "", [each])
        for each in (put(shelf, "app/1"), Delete("app/none"), put(shelf, "app/2"))
    ]

    def job(changes: ChangeSet) -> Callable[[Turn], Applied]:
        return lambda turn: shelf.catalog.applier.apply(turn, changes, rules)

    waiting = [shelf.database.submit(job(each)) for each in sets]
    with pytest.raises(AssetNotFound):
        waiting[1].result()
    first, third = waiting[0].result(), waiting[2].result()
    assert first.revision is not None and third.revision is not None
    assert paths(shelf) == ["app/1", "app/2"]


def test_what_must_be_there_may_come_in_the_same_edit(shelf: Shelf, apply: Apply) -> None:
    apply(put(shelf, "app/layer", b"layer"), put(shelf, "app/image", b"image", "app/layer"))
    assert paths(shelf) == ["app/image", "app/layer"]


def test_the_digest_that_is_there_fulfils_a_condition(shelf: Shelf, apply: Apply) -> None:
    apply(Put("app/x", shelf.stage(b"one"), "t", if_digest=ABSENT))
    apply(Put("app/x", shelf.stage(b"two"), "t", if_digest=digest_of(b"one")))
    assert shelf.read("app/x") == b"two"


def test_an_edit_may_depend_on_a_path_it_does_not_touch(shelf: Shelf, apply: Apply) -> None:
    apply(put(shelf, "app/x", b"one"))

    def taken(asset: Asset | None) -> None:
        if asset is not None:
            raise AssetExists("things", asset.path)

    held = holdings(shelf)
    with pytest.raises(AssetExists):
        apply(put(shelf, "app/new"), Check("app/x", taken))
    assert holdings(shelf) == held
    apply(Check("app/y", taken), put(shelf, "app/y"))
    assert shelf.read("app/y") == b"bytes"


def test_a_subject_reference_holds_nothing(shelf: Shelf, apply: Apply) -> None:
    apply(put(shelf, "app/image"), put(shelf, "app/signature", b"s", "app/image", kind="subject"))
    apply(Delete("app/image", unless_referenced=True))
    assert paths(shelf) == ["app/signature"]


# What changes nothing


def test_the_same_bytes_again_make_no_revision_and_leave_no_second_copy(
    shelf: Shelf, apply: Apply, clock: FakeClock
) -> None:
    first = apply(put(shelf, "app/x"))
    stored = shelf.stored()
    clock.advance(timedelta(hours=1))
    again = apply(put(shelf, "app/x"), replaceable=False)
    assert first.revision is not None
    assert (again.revision, list(again.changed)) == (None, [])
    assert shelf.stored() == stored == shelf.named()
    found = shelf.find("app/x")
    assert found is not None
    assert found.touched - found.added == 3_600_000_000, "who puts it again relies on it from now on"


def test_a_fact_is_what_it_says(shelf: Shelf, apply: Apply) -> None:
    first = apply(Put("app/fact", None, "t", attributes={"reason": "one"}))
    again = apply(Put("app/fact", None, "t", attributes={"reason": "one"}), replaceable=False)
    with pytest.raises(AssetExists):
        apply(Put("app/fact", None, "t", attributes={"reason": "two"}), replaceable=False)
    other = apply(Put("app/fact", None, "t", attributes={"reason": "two"}))
    assert (first.revision is None, again.revision, other.revision is None) == (False, None, False)
    found = shelf.find("app/fact")
    assert found is not None
    assert found.attributes == {"reason": "two"}


def test_equal_bytes_at_two_paths_are_stored_once(shelf: Shelf, apply: Apply) -> None:
    applied = apply(put(shelf, "app/x"), put(shelf, "app/y"))
    assert len(applied.redundant) == 1
    assert shelf.stored() == shelf.named()
    assert shelf.read("app/x") == shelf.read("app/y") == b"bytes"


def test_the_very_same_staged_bytes_may_be_put_twice(shelf: Shelf, apply: Apply) -> None:
    blob = shelf.stage(b"bytes")
    applied = apply(Put("app/x", blob, "t"), Put("app/y", blob, "t"))
    assert applied.redundant == []
    assert shelf.read("app/x") == shelf.read("app/y") == b"bytes"


def test_an_edit_says_which_paths_changed(shelf: Shelf, apply: Apply) -> None:
    apply(put(shelf, "app/same", b"same"), put(shelf, "app/gone"), put(shelf, "app/tag", b"tagged"))
    tagged = DeleteWhere(Selection("app"), digest_of(b"tagged"))
    applied = apply(put(shelf, "app/same", b"same"), Delete("app/gone"), tagged, put(shelf, "app/new"))
    assert sorted(applied.changed) == ["app/gone", "app/new", "app/tag"]


# What is remembered


def test_every_edit_is_a_revision_in_order(shelf: Shelf, apply: Apply) -> None:
    revisions = [apply(put(shelf, "app/x", bytes([number]))).revision for number in range(3)]
    assert all(revision is not None for revision in revisions)
    assert revisions == sorted(set(revisions), key=lambda revision: revision or 0)
    read = []
    for revision in revisions:
        asset = shelf.assets.find(shelf.database, shelf.record.id, "app/x", revision)
        assert asset is not None and asset.blob is not None
        read.append(asset.blob.digest)
    assert read == [digest_of(bytes([number])) for number in range(3)]


def test_the_past_shows_what_came_and_went(shelf: Shelf, apply: Apply) -> None:
    first = apply(put(shelf, "app/a"), put(shelf, "app/b")).revision
    second = apply(Delete("app/a"), put(shelf, "app/c")).revision
    assert (paths(shelf, at=0), paths(shelf, at=first)) == ([], ["app/a", "app/b"])
    assert paths(shelf, at=second) == paths(shelf) == ["app/b", "app/c"]
    assert shelf.assets.find(shelf.database, shelf.record.id, "app/a", first) is not None
    assert shelf.assets.find(shelf.database, shelf.record.id, "app/a") is None


def test_a_name_stays_when_all_it_held_is_gone(shelf: Shelf, apply: Apply, clock: FakeClock) -> None:
    apply(put(shelf, "app/x"))
    held = shelf.rows(tables.name)
    clock.advance(timedelta(hours=1))
    gone = apply(Delete("app/x")).revision
    rows = shelf.rows(tables.name)
    assert [(row["id"], row["path"], row["first_held"]) for row in rows] == [
        (row["id"], "app", row["first_held"]) for row in held
    ]
    assert rows[0]["revision"] == gone
    assert rows[0]["changed"] - rows[0]["first_held"] == 3_600_000_000
    apply(put(shelf, "app/x"))
    assert [row["id"] for row in shelf.rows(tables.name)] == [held[0]["id"]]


def test_only_names_that_changed_move(shelf: Shelf, apply: Apply) -> None:
    apply(put(shelf, "app/x"), put(shelf, "lib/x"), put(shelf, "nobodys"))
    before = shelf.assets.name(shelf.database, shelf.record.id, "lib")
    apply(put(shelf, "app/x", b"other"))
    assert shelf.assets.name(shelf.database, shelf.record.id, "lib") == before
    assert shelf.assets.name(shelf.database, shelf.record.id, "nobodys") is None


def test_a_component_is_made_once(shelf: Shelf, apply: Apply) -> None:
    coordinates = Coordinates("", "app", "1.0")
    apply(*(Put(f"app/{n}", shelf.stage(b"%d" % n), "t", coordinates=coordinates) for n in range(2)))
    components = shelf.rows(tables.component)
    assert [(row["name"], row["version"]) for row in components] == [("app", "1.0")]
    assert {row["component_id"] for row in shelf.rows(tables.asset)} == {components[0]["id"]}


def test_a_reference_given_twice_is_one_and_the_stricter(shelf: Shelf, apply: Apply) -> None:
    apply(put(shelf, "app/layer", b"layer"))
    twice = [Reference("app/layer"), Reference("app/layer", required=True), Reference("app/layer")]
    apply(Put("app/image", shelf.stage(b"image"), "t", references=twice))
    image = shelf.find("app/image")
    assert image is not None
    assert shelf.assets.references(shelf.database, image.id) == [Reference("app/layer", required=True)]


def test_what_is_let_go_lingers_from_then_on(shelf: Shelf, apply: Apply, clock: FakeClock) -> None:
    layer = Put("app/layer", shelf.stage(b"layer"), "t", keep=Keep.WHILE_REFERENCED)
    apply(layer, put(shelf, "app/image", b"image", "app/layer"))
    now = clock.advance(timedelta(days=3))
    apply(Delete("app/image"))
    found = shelf.find("app/layer")
    assert found is not None and found.touched == now


def test_what_was_derived_is_found_by_the_bytes(shelf: Shelf, apply: Apply) -> None:
    derived = {"facts": shelf.stage(b"facts of it")}
    apply(Put("app/x", shelf.stage(b"bytes"), "t", derived=derived))
    apply(Put("app/y", shelf.stage(b"bytes"), "t", derived={"facts": shelf.stage(b"facts of it")}))
    apply(Put("app/z", shelf.stage(b"bytes"), "t"))
    for path in ("app/x", "app/y", "app/z"):
        asset = shelf.find(path)
        assert asset is not None
        found = shelf.assets.derived(shelf.database, STORE_ID, asset, "facts")
        assert found is not None and found.digest == digest_of(b"facts of it")
        assert shelf.assets.derived(shelf.database, STORE_ID, asset, "header") is None
    assert shelf.stored() == shelf.named()


# Walking what is there


def fill(shelf: Shelf, apply: Apply, names: Sequence[str]) -> None:
    """Facts without bytes: rows are what counts here."""
    apply(*(Put(name, None, "t") for name in names))


def children(shelf: Shelf, prefix: str, after: str = "", limit: int = 1000) -> tuple[list[str], str | None]:
    page = shelf.assets.children(shelf.database, shelf.record.id, prefix, after, limit)
    return [entry.path for entry in page.items], page.next


def test_a_full_folder_is_one_entry(shelf: Shelf, apply: Apply) -> None:
    fill(shelf, apply, [f"b/{number}" for number in range(MANY)] + ["a", "b-", "b0", "c/d/e", "é/x"])
    assert children(shelf, "") == (["a", "b-", "b/", "b0", "c/", "é/"], None)
    assert children(shelf, "c/") == (["d/"], None)
    assert len(children(shelf, "b/", limit=MANY)[0]) == MANY
    assert children(shelf, "none/") == ([], None)


@pytest.mark.parametrize("limit", [1, 2, 3, 100])
def test_pages_of_children_join_without_gap_or_overlap(shelf: Shelf, apply: Apply, limit: int) -> None:
    everything = ["a", "a/1", "a/2", "a-", "b/1/2", "b/1/3", "b0", "c", "c/1"]
    fill(shelf, apply, everything)
    seen: list[str] = []
    after: str | None = ""
    while after is not None:
        found, after = children(shelf, "", after, limit)
        assert 0 < len(found) <= limit
        seen += found
    assert seen == ["a", "a-", "a/", "b/", "b0", "c", "c/"]


def test_a_selection_is_walked_past_its_first_page(shelf: Shelf, apply: Apply) -> None:
    names = [f"app/{number:05}" for number in range(MANY)]
    fill(shelf, apply, [*names, "apple/1", "lib/1"])
    revision = apply(Delete("app/00007")).revision
    selected = shelf.assets.select(shelf.database, shelf.record.id, Selection("app"))
    assert [asset.path for asset in selected] == [name for name in names if name != "app/00007"]
    assert revision is not None
    rows = shelf.assets.rows_below(shelf.database, shelf.record.id, "app/", revision - 1)
    assert [path for path, _ in rows] == names
    assert paths(shelf, "lib/") == ["lib/1"]


def test_changes_are_those_of_one_name_since_a_revision(shelf: Shelf, apply: Apply) -> None:
    apply(put(shelf, "app/old"), put(shelf, "app/gone", b"gone"))
    row = shelf.assets.name(shelf.database, shelf.record.id, "app")
    assert row is not None
    name_id, since = row.id, row.revision
    apply(put(shelf, "lib/x"))
    apply(put(shelf, "app/new", b"new"), Delete("app/gone"))
    apply(put(shelf, "app/new", b"newer"))
    changes = shelf.assets.changes(shelf.database, name_id, "app/", since)
    told = {
        (change.asset.path, change.asset.blob and change.asset.blob.size, change.retired)
        for change in changes
    }
    assert told == {("app/gone", 4, True), ("app/new", 3, True), ("app/new", 5, False)}
    assert shelf.assets.changes(shelf.database, name_id, "app/none/", since) == []
