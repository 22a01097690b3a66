"""Compact: history behind the undo window goes, and nothing that can still be asked for."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from artifactd.catalog.assets import Coordinates, Selection
from artifactd.db import tables
from artifactd.errors import AssetNotFound, Gone
from artifactd.maintenance import compact as compacting
from artifactd.maintenance.compact import Compacted, Compactor
from artifactd.maintenance.safety import FULL
from tests.support.cabinets import FRESH, Cabinet
from tests.support.clocks import FakeClock
from tests.support.shelves import Shelf, digest_of, run_of

WINDOW = FULL.undo_window
LATER = timedelta(seconds=1)


@pytest.fixture
def compact(shelf: Shelf) -> Callable[[], Compacted]:
    return lambda: Compactor(shelf.database, FULL).run(run_of("compact"))


def candidates(shelf: Shelf) -> set[str]:
    return {row["digest"] for row in shelf.rows(tables.blob) if row["unreferenced_since"] is not None}


def test_what_was_replaced_can_come_back_until_the_window_has_passed(
    shelf: Shelf, clock: FakeClock, compact: Callable[[], Compacted]
) -> None:
    shelf.put("app/file", b"old")
    then = clock()
    clock.advance(LATER)
    shelf.put("app/file", b"new")
    clock.advance(WINDOW)
    assert compact() == Compacted()
    assert shelf.open(shelf.record, past=then).stat("app/file").size == 3
    assert candidates(shelf) == set()

    clock.advance(LATER)
    compacted = compact()
    assert (compacted.assets, compacted.blobs, compacted.size_bytes) == (1, 1, 3)
    assert candidates(shelf) == {digest_of(b"old")}
    assert shelf.read("app/file") == b"new"
    assert compact() == Compacted()  # idempotent


def test_the_horizon_rises_to_what_is_still_whole(
    shelf: Shelf, clock: FakeClock, compact: Callable[[], Compacted]
) -> None:
    shelf.put("app/file", b"old")
    before = clock()
    clock.advance(LATER)
    shelf.put("app/file", b"new")
    shelf.put("app/second", b"second")
    clock.advance(LATER)
    after = clock()
    clock.advance(WINDOW)
    compact()

    record = shelf.repositories.find("things")
    assert record.horizon == after
    with pytest.raises(Gone):
        shelf.open(record, past=before)
    past = shelf.open(record, past=after)
    assert past.stat("app/file").etag == digest_of(b"new")
    assert past.stat("app/second").size == 6


def test_a_repository_that_lost_nothing_keeps_its_whole_history(
    shelf: Shelf, clock: FakeClock, compact: Callable[[], Compacted]
) -> None:
    shelf.put("app/file", b"file")
    clock.advance(WINDOW * 2)
    compact()
    assert shelf.repositories.find("things").horizon == shelf.record.horizon


def test_a_blob_that_another_row_names_is_no_candidate(
    shelf: Shelf, clock: FakeClock, compact: Callable[[], Compacted]
) -> None:
    shelf.put("app/file", b"shared")
    shelf.put("app/gone", b"shared")
    shelf.put("app/source", b"source", derived={"facts": b"facts"})
    shelf.put("app/facts", b"facts")
    shelf.delete("app/gone")
    shelf.delete("app/facts")
    clock.advance(WINDOW + LATER)
    assert (compact().assets, candidates(shelf)) == (2, set())


def test_a_candidate_that_is_put_again_is_one_no_more(
    shelf: Shelf, clock: FakeClock, compact: Callable[[], Compacted]
) -> None:
    shelf.put("app/file", b"bytes")
    shelf.delete("app/file")
    clock.advance(WINDOW + LATER)
    compact()
    assert candidates(shelf) == {digest_of(b"bytes")}
    shelf.put("app/again", b"bytes")
    assert candidates(shelf) == set()
    assert shelf.stored() == shelf.named()  # the second copy was redundant


def test_components_go_with_their_last_asset_and_names_stay(
    shelf: Shelf, clock: FakeClock, compact: Callable[[], Compacted]
) -> None:
    shelf.put("app/one", b"one", coordinates=Coordinates("", "app", "1"))
    shelf.put("app/two", b"two", coordinates=Coordinates("", "app", "2"))
    shelf.put("app/more", b"more", coordinates=Coordinates("", "app", "2"))
    held_since = [row["first_held"] for row in shelf.rows(tables.name)]
    clock.advance(LATER)
    shelf.delete("app/one")
    shelf.delete("app/two")
    clock.advance(WINDOW + LATER)
    assert compact().components == 1
    assert [row["version"] for row in shelf.rows(tables.component)] == ["2"]
    shelf.delete("app/more")
    clock.advance(WINDOW + LATER)
    assert compact().components == 1
    assert [row["first_held"] for row in shelf.rows(tables.name)] == held_since


def test_revisions_that_no_row_names_go_and_the_past_stays_the_same(
    shelf: Shelf, clock: FakeClock, compact: Callable[[], Compacted], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compacting, "TURN_ROWS", 2)
    shelf.put("app/kept", b"kept")
    for number in range(7):
        clock.advance(LATER)
        shelf.put("app/file", b"%d" % number)
    clock.advance(LATER)
    shelf.delete("app/file")
    clock.advance(LATER)
    horizon = clock()
    shelf.put("app/young", b"young")
    clock.advance(WINDOW)
    compacted = compact()

    assert compacted.assets == 7 and compacted.revisions == 8
    assert len(shelf.rows(tables.revision)) == 2
    record = shelf.repositories.find("things")
    past = shelf.open(record, past=horizon)
    assert [entry.path for entry in past.list("app/").items] == ["kept", "young"]
    just_before = shelf.open(record, past=record.horizon)
    assert "file" not in [entry.path for entry in just_before.list("app/").items]


def test_a_kept_index_does_not_miss_what_was_forgotten_meanwhile(
    shelf: Shelf, clock: FakeClock, compact: Callable[[], Compacted]
) -> None:
    shelf.put("app/file", b"file")
    shelf.put("app/stays", b"stays")
    assert shelf.repository.index(Paths(), "app").value == ["app/file", "app/stays"]
    clock.advance(LATER)
    shelf.delete("app/file")
    clock.advance(WINDOW + LATER)
    compact()
    assert shelf.repository.index(Paths(), "app").value == ["app/stays"]


def test_a_repository_deleted_with_its_content_leaves_only_candidates(
    shelf: Shelf, clock: FakeClock, compact: Callable[[], Compacted]
) -> None:
    shelf.put("app/file", b"file", coordinates=Coordinates("", "app", "1"))
    shelf.repositories.delete("things", with_content=True)
    clock.advance(WINDOW + LATER)
    assert compact() == Compacted()
    assert candidates(shelf) == {digest_of(b"file")}


class Paths:
    """An index: the paths of an owner name."""

    name = "paths"

    def selects(self, key: str) -> Selection:
        return Selection(key)

    def build(self, key, assets):  # type: ignore[no-untyped-def]
        return [asset.path for asset in assets]

    def apply(self, key, document, changes):  # type: ignore[no-untyped-def]
        paths = set(document)
        for change in changes:
            (paths.discard if change.retired else paths.add)(change.asset.path)
        return sorted(paths)

    def size(self, document):  # type: ignore[no-untyped-def]
        return len(document)


def test_what_is_not_there_is_not_in_the_past_either(
    shelf: Shelf, clock: FakeClock, compact: Callable[[], Compacted]
) -> None:
    with pytest.raises(AssetNotFound):
        shelf.open(shelf.record, past=clock()).stat("app/file")


# Proxies


def test_what_a_proxy_lost_is_not_kept_for_an_undo(
    shelf: Shelf, clock: FakeClock, compact: Callable[[], Compacted]
) -> None:
    """Who wants it again fetches it again: a tag that moves each day must not fill the disk."""
    cabinet = Cabinet(shelf)
    cabinet.proxy("hub")
    cabinet.say("hub", "app/x", b"first")
    cabinet.get("hub", "app/x")
    shelf.put("app/x", b"published")
    clock.advance(FRESH)
    cabinet.say("hub", "app/x", b"second")
    cabinet.get("hub", "app/x")
    shelf.put("app/x", b"published anew")
    assert compact() == Compacted(), "this very moment is still there"
    then = clock()
    clock.advance(LATER)
    compacted = compact()
    assert (compacted.assets, compacted.blobs, compacted.size_bytes) == (1, 1, 5)
    assert candidates(shelf) == {digest_of(b"first")}
    assert cabinet.get("hub", "app/x") == b"second"
    assert shelf.open(shelf.record, past=then).stat("app/x").size == len(b"published anew")
    assert len(shelf.rows(tables.asset)) == 3, "what was published can still be undone"
    with pytest.raises(Gone):
        cabinet.get("hub", "app/x", past=then - 1)


def test_what_was_purged_from_a_proxy_is_freed_with_the_next_run(
    shelf: Shelf, clock: FakeClock, compact: Callable[[], Compacted]
) -> None:
    cabinet = Cabinet(shelf)
    cabinet.proxy("hub")
    for path in ("app/x", "app/y", "app/z"):
        cabinet.say("hub", path, path.encode())
        cabinet.get("hub", path)
    shelf.put("app/z", b"app/z")
    for path in ("app/x", "app/y", "app/z"):
        cabinet.delete("hub", path)
    clock.advance(LATER)
    compacted = compact()
    assert (compacted.assets, compacted.blobs) == (3, 2)
    assert candidates(shelf) == {digest_of(b"app/x"), digest_of(b"app/y")}, "the third has another name"
    assert shelf.read("app/z") == b"app/z"
    assert cabinet.get("hub", "app/x") == b"app/x"
    assert digest_of(b"app/x") not in candidates(shelf)
