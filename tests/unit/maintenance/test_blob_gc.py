"""Blob GC and orphans: bytes that no row names go, others never do, whatever happens in between."""

import os
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from artifactd.blobs.filesystem import FilesystemBlobStore
from artifactd.blobs.memory import MemoryBlobStore
from artifactd.blobs.store import BlobStore
from artifactd.catalog.assets import Keep
from artifactd.clock import Micros, micros
from artifactd.db import tables
from artifactd.errors import AssetNotFound, PreconditionFailed, StorageFailure
from artifactd.maintenance import blob_gc, orphans
from artifactd.maintenance.blob_gc import BlobGC, Freed
from artifactd.maintenance.orphans import OrphanGC, Swept
from artifactd.maintenance.safety import FULL, NONE
from tests.support.clocks import FakeClock
from tests.support.shelves import STORE_ID, Shelf, digest_of, run_of

LATER = timedelta(seconds=1)


class Killed(BaseException):
    """The process dies here."""


@pytest.fixture
def forget(shelf: Shelf, clock: FakeClock) -> Callable[[str], None]:
    """Delete a path, and its history at once."""

    def forgotten(path: str) -> None:
        shelf.delete(path)
        clock.advance(LATER)
        shelf.run("compact", NONE)

    return forgotten


def free(shelf: Shelf) -> Freed:
    return BlobGC(shelf.database, shelf.stores).run(run_of("blob-gc"))


def sweep(shelf: Shelf, safety: Any = FULL) -> Swept:
    return OrphanGC(shelf.database, shelf.stores, safety).run(run_of("blob-gc"))


def put_between(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch, method: str, act: Callable[[], None]
) -> None:
    """Do `act` right before the store's `method` is next called."""
    original = getattr(shelf.store, method)

    def acting(*arguments: Any, **more: Any) -> Any:
        monkeypatch.setattr(shelf.store, method, original)
        act()
        return original(*arguments, **more)

    monkeypatch.setattr(shelf.store, method, acting)


def age(shelf: Shelf, location: str, at: Micros) -> None:
    """Have a location be last modified at `at`."""
    if isinstance(shelf.store, FilesystemBlobStore):
        os.utime(shelf.store._root / location, ns=(at * 1000,) * 2)
    else:
        assert isinstance(shelf.store, MemoryBlobStore)
        held = shelf.store._parts if location in shelf.store._parts else shelf.store._blobs
        held[location] = (held[location][0], at)  # type: ignore[index, assignment]


def test_bytes_that_no_row_names_are_given_back(shelf: Shelf, forget: Callable[[str], None]) -> None:
    shelf.put("app/file", b"file")
    shelf.put("app/other", b"other")
    forget("app/file")
    assert len(shelf.stored()) == 2
    assert free(shelf) == Freed(blobs=1, size_bytes=4)
    assert shelf.stored() == shelf.named()
    assert shelf.read("app/other") == b"other"
    assert free(shelf) == Freed()  # idempotent


def test_bytes_within_the_undo_window_stay(shelf: Shelf, clock: FakeClock) -> None:
    shelf.put("app/file", b"file")
    shelf.delete("app/file")
    clock.advance(FULL.undo_window)
    shelf.run("compact", FULL)
    assert free(shelf) == Freed()
    assert len(shelf.stored()) == 1


def test_what_was_derived_goes_with_its_blob(
    shelf: Shelf, forget: Callable[[str], None], clock: FakeClock
) -> None:
    shelf.put("app/file", b"file", derived={"facts": b"facts"})
    shelf.put("app/same", b"file", derived={"facts": b"facts"})
    assert shelf.stored() == shelf.named() and len(shelf.stored()) == 2
    forget("app/file")
    assert free(shelf) == Freed()
    forget("app/same")
    assert free(shelf).blobs == 2
    assert shelf.stored() == set() and shelf.rows(tables.derived) == [] and shelf.rows(tables.blob) == []


def test_another_derived_document_for_the_same_blob_leaves_nothing_behind(shelf: Shelf) -> None:
    shelf.put("app/file", b"file", derived={"facts": b"facts"})
    shelf.put("app/again", b"file", derived={"facts": b"made by a newer version"})
    shelf.put("app/file", b"file", derived={"facts": b"and by another", "more": b"more"})
    assert shelf.stored() == shelf.named()
    assert {row["digest"] for row in shelf.rows(tables.blob)} == {
        digest_of(b"file"),
        digest_of(b"facts"),
        digest_of(b"more"),
    }


def test_what_is_derived_from_itself_does_not_keep_itself(
    shelf: Shelf, forget: Callable[[str], None]
) -> None:
    shelf.put("app/file", b"file", derived={"text": b"file"})
    forget("app/file")
    assert free(shelf).blobs == 1
    assert shelf.stored() == set()


def test_a_candidate_that_is_named_again_is_spared(
    shelf: Shelf, forget: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf.put("app/file", b"file")
    forget("app/file")
    gc = BlobGC(shelf.database, shelf.stores)
    candidates = shelf.database.all

    def found(*arguments: Any, **more: Any) -> Any:
        rows = candidates(*arguments, **more)
        monkeypatch.setattr(shelf.database, "all", candidates)
        shelf.put("app/again", b"file")
        return rows

    monkeypatch.setattr(shelf.stores, "ids", lambda: [STORE_ID])
    monkeypatch.setattr(shelf.database, "all", found)
    assert gc.run(run_of("blob-gc")).blobs == 0
    assert shelf.read("app/again") == b"file"


def test_the_same_bytes_put_while_they_are_deleted_live_on_elsewhere(
    shelf: Shelf, forget: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf.put("app/file", b"file")
    forget("app/file")
    put_between(shelf, monkeypatch, "delete", lambda: shelf.put("app/again", b"file"))
    free(shelf)
    assert shelf.read("app/again") == b"file"
    assert shelf.stored() == shelf.named() and len(shelf.stored()) == 1
    assert free(shelf) == Freed()


def test_bytes_that_are_being_deleted_cannot_be_linked(
    shelf: Shelf, forget: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf.put("app/file", b"file")
    asset = shelf.find("app/file")
    assert asset is not None
    forget("app/file")

    def link() -> None:
        with pytest.raises(AssetNotFound), shelf.repository.edit() as edit:
            edit.link("app/linked", asset)

    put_between(shelf, monkeypatch, "delete", link)
    free(shelf)
    link()
    assert shelf.find("app/linked") is None and shelf.stored() == set()


def test_deleting_a_repository_spares_what_another_one_names(shelf: Shelf) -> None:
    other = shelf.open(shelf.add("others"))
    shelf.put("app/file", b"shared")
    shelf.put("app/own", b"own")
    shelf.put("app/file", b"shared", repository=other)
    shelf.repositories.delete("things", with_content=True)
    assert free(shelf) == Freed(blobs=1, size_bytes=3, spared=1)
    assert shelf.stored() == shelf.named() and len(shelf.stored()) == 1
    assert other.stat("app/file").size == 6
    assert free(shelf) == Freed()


def test_a_candidate_that_is_linked_lives_on(shelf: Shelf, forget: Callable[[str], None]) -> None:
    shelf.put("app/file", b"file")
    asset = shelf.find("app/file")
    assert asset is not None
    forget("app/file")
    with shelf.repository.edit() as edit:
        edit.link("app/linked", asset)
    assert free(shelf) == Freed()
    assert shelf.read("app/linked") == b"file"


@pytest.mark.parametrize("step", ["before the bytes", "after the bytes", "before the row"])
@pytest.mark.parametrize("again", [False, True], ids=["alone", "put again meanwhile"])
def test_a_crash_between_two_steps_is_made_good_by_the_next_run(
    shelf: Shelf,
    forget: Callable[[str], None],
    clock: FakeClock,
    monkeypatch: pytest.MonkeyPatch,
    step: str,
    again: bool,
) -> None:
    shelf.put("app/file", b"file")
    shelf.put("app/other", b"other")
    forget("app/file")
    delete = shelf.store.delete

    def dies(location: str) -> None:
        if step == "after the bytes":
            delete(location)
        raise Killed

    with monkeypatch.context() as patched, pytest.raises(Killed):
        if step == "before the row":
            patched.setattr(blob_gc, "_remove", lambda *_: pytest.fail("never"))
            patched.setattr(shelf.database, "write", _dying_on_second_write(shelf.database.write, Killed))
        else:
            patched.setattr(shelf.store, "delete", dies)
        free(shelf)

    assert [row["deleting"] is not None for row in shelf.rows(tables.blob)].count(True) == 1
    clock.advance(LATER)
    if again:
        shelf.put("app/file", b"file")
    free(shelf)
    if again:
        assert shelf.read("app/file") == b"file"
        clock.advance(FULL.orphan_margin * 2)
        for location in shelf.stored():
            age(shelf, location, clock() - 2 * micros(FULL.orphan_margin))
        sweep(shelf)  # the first copy has no row any more
        assert shelf.read("app/file") == b"file"
    assert shelf.read("app/other") == b"other"
    assert shelf.stored() == shelf.named()
    assert all(row["deleting"] is None for row in shelf.rows(tables.blob))


def _dying_on_second_write(write: Callable[[Any], Any], error: type[BaseException]) -> Any:
    calls: list[int] = []

    def writing(job: Any) -> Any:
        calls.append(1)
        if len(calls) == 2:
            raise error
        return write(job)

    return writing


def test_a_blob_that_cannot_be_deleted_waits_and_holds_up_nobody(
    shelf: Shelf, forget: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blob_gc, "TURN_ROWS", 2)
    for number in range(7):
        shelf.put(f"app/{number}", b"%d" % number)
    broken = shelf.find("app/3")
    assert broken is not None and broken.blob is not None
    for number in range(7):
        forget(f"app/{number}")
    delete, location = shelf.store.delete, broken.blob.location

    def failing(asked: str) -> None:
        if asked == location:
            raise StorageFailure("could not delete")
        delete(asked)

    with monkeypatch.context() as patched:
        patched.setattr(shelf.store, "delete", failing)
        assert free(shelf) == Freed(blobs=6, size_bytes=6, failed=1)
    assert shelf.stored() == {location}
    assert free(shelf) == Freed(blobs=1, size_bytes=1)


def test_a_run_that_is_stopped_leaves_whole_batches(
    shelf: Shelf, forget: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blob_gc, "TURN_ROWS", 2)
    for number in range(5):
        shelf.put(f"app/{number}", b"%d" % number)
        forget(f"app/{number}")
    asked = iter([False])
    BlobGC(shelf.database, shelf.stores).run(run_of("blob-gc", lambda: next(asked, True)))
    assert len(shelf.stored()) == len(shelf.named()) == 3
    free(shelf)
    assert shelf.stored() == set()


def test_putting_for_ever_what_was_kept_while_referenced_keeps_it_for_ever(
    shelf: Shelf, clock: FakeClock
) -> None:
    shelf.layer("app/file", b"file")
    shelf.put("app/file", b"file")
    asset = shelf.find("app/file")
    assert asset is not None and asset.keep is Keep.ALWAYS
    shelf.layer("app/file", b"file")  # and wanting less does not undo it
    clock.advance(timedelta(days=2))
    for name in ("collect", "compact", "blob-gc"):
        shelf.run(name, FULL)
    assert shelf.read("app/file") == b"file"
    assert shelf.stored() == shelf.named()


def test_an_edit_that_fails_keeps_bytes_that_an_earlier_one_named(shelf: Shelf) -> None:
    blob = shelf.stage(b"file")
    with shelf.repository.edit() as edit:
        edit.put("app/file", blob, content_type="text/plain")
    with pytest.raises(PreconditionFailed), shelf.repository.edit() as edit:
        edit.put("app/two", blob, content_type="text/plain", if_digest=digest_of(b"else"))
    with shelf.repository.edit() as edit:
        edit.put("app/file", blob, content_type="text/plain")
    assert shelf.read("app/file") == b"file"


# Orphans


def test_an_orphan_goes_once_it_is_older_than_the_margin(shelf: Shelf, clock: FakeClock) -> None:
    shelf.put("app/file", b"file")
    abandoned, waiting = shelf.stage(b"abandoned"), shelf.stage(b"waiting")
    part = shelf.store.create()
    part.write(b"half")
    part.suspend()
    now, margin = clock(), micros(FULL.orphan_margin)
    for location in shelf.stored():
        age(shelf, location, now - margin)
    age(shelf, waiting.location, now - margin + 1)

    swept = sweep(shelf)
    assert (swept.files, swept.orphans, swept.size_bytes) == (4, 2, 13)
    assert abandoned.location not in shelf.stored() and part.location not in shelf.stored()
    with shelf.repository.edit() as edit:
        edit.put("app/late", waiting, content_type="text/plain")
    assert shelf.read("app/late") == b"waiting" and shelf.read("app/file") == b"file"


def test_bytes_of_an_upload_are_no_orphans_however_old(shelf: Shelf, clock: FakeClock) -> None:
    upload = shelf.uploads.start(shelf.record.id, "app", 7, STORE_ID)
    writer = shelf.store.create()
    shelf.uploads.lease(upload, writer.location)
    writer.write(b"half")
    writer.suspend()
    age(shelf, writer.location, 0)
    clock.advance(FULL.orphan_margin * 3)
    assert sweep(shelf).orphans == 0
    assert shelf.stored() == {writer.location}


def test_a_rested_upload_that_is_closed_now_is_not_taken_for_an_orphan(
    shelf: Shelf, store: BlobStore, clock: FakeClock
) -> None:
    writer = store.create()
    writer.write(b"begun on friday")
    writer.suspend()
    age(shelf, writer.location, 0)
    if isinstance(store, FilesystemBlobStore):  # which has the system's clock
        clock.at = max(file.modified for file in store.scan()) + micros(timedelta(days=20_000))
    else:
        clock.advance(timedelta(days=2))
    location = writer.location
    stored = store.resume(location, 15).commit()
    assert store.stat(stored.location).modified == stored.modified > micros(timedelta(days=10_000))


def test_what_is_named_between_two_looks_is_spared(
    shelf: Shelf, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    blob = shelf.stage(b"late")
    orphan = shelf.stage(b"orphan")
    for location in shelf.stored():
        age(shelf, location, 0)

    def name() -> None:
        with shelf.repository.edit() as edit:
            edit.put("app/late", blob, content_type="text/plain")

    put_between(shelf, monkeypatch, "scan", name)
    assert sweep(shelf).orphans == 1
    assert shelf.read("app/late") == b"late" and orphan.location not in shelf.stored()


def test_names_are_gathered_page_by_page(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch, clock: FakeClock
) -> None:
    monkeypatch.setattr(orphans, "PAGE_ROWS", 2)
    monkeypatch.setattr(orphans, "BATCH", 2)
    for number in range(5):
        shelf.put(f"app/{number}", b"%d" % number)
        shelf.stage(b"orphan %d" % number)
    for location in shelf.stored():
        age(shelf, location, 0)
    assert sweep(shelf).orphans == 5
    assert shelf.stored() == shelf.named() and len(shelf.stored()) == 5
