"""Upload GC: uploads that nobody continues end; one that somebody does never is."""

from datetime import timedelta

import pytest

from artifactd.catalog.uploads import LEASE, Upload
from artifactd.clock import micros
from artifactd.db import tables
from artifactd.errors import StorageFailure, UploadNotFound
from artifactd.maintenance import upload_gc
from artifactd.maintenance.safety import FULL, NONE, Safety
from artifactd.maintenance.upload_gc import Ended, UploadGC
from tests.support.clocks import FakeClock
from tests.support.shelves import STORE_ID, Shelf, run_of

TTL = FULL.upload_ttl


def collect(shelf: Shelf, safety: Safety = FULL) -> Ended:
    return UploadGC(shelf.database, shelf.stores, shelf.uploads, safety).run(run_of("upload-gc"))


def begun(shelf: Shelf, data: bytes = b"half") -> Upload:
    """An upload of which `data` has arrived."""
    upload = shelf.uploads.start(shelf.record.id, "app", 7, STORE_ID)
    writer = shelf.store.create()
    upload, lease = shelf.uploads.lease(upload, writer.location)
    writer.write(data)
    return shelf.uploads.advance(upload, lease, writer.offset, writer.suspend())


def test_an_upload_nobody_touched_for_the_whole_time_ends(shelf: Shelf, clock: FakeClock) -> None:
    # docker R118
    upload = begun(shelf)
    shelf.uploads.start(shelf.record.id, "app", 7, STORE_ID)  # nothing ever arrived
    clock.advance(TTL - timedelta(microseconds=1))
    assert collect(shelf) == Ended()
    clock.advance(timedelta(microseconds=1))
    assert collect(shelf) == Ended(uploads=2, size_bytes=4)
    assert shelf.stored() == set() and shelf.rows(tables.upload) == []
    with pytest.raises(UploadNotFound):
        shelf.uploads.lease(upload)
    assert collect(shelf) == Ended()  # idempotent


def test_an_upload_that_moves_on_is_young_again(shelf: Shelf, clock: FakeClock) -> None:
    upload = begun(shelf)
    clock.advance(TTL - timedelta(minutes=1))
    upload, lease = shelf.uploads.lease(upload)
    shelf.uploads.advance(upload, lease, 4, upload.checksums)
    clock.advance(TTL - timedelta(minutes=1))
    assert collect(shelf) == Ended()
    assert shelf.stored() == {upload.location}


def test_an_upload_that_a_request_holds_is_never_ended(
    shelf: Shelf, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:  # docker R118: must not race a live PATCH
    monkeypatch.setattr(upload_gc, "BATCH", 1)
    upload, lease = shelf.uploads.lease(begun(shelf))
    other = begun(shelf, b"other")
    assert collect(shelf, NONE) == Ended(uploads=1, size_bytes=5, held=1)
    assert shelf.stored() == {upload.location} and other.location not in shelf.stored()
    clock.advance(timedelta(microseconds=LEASE - 1))
    assert shelf.uploads.renew(upload, lease)
    clock.advance(timedelta(microseconds=LEASE - 1))
    assert collect(shelf, NONE).held == 1


def test_a_request_that_slept_past_its_lease_learns_that_the_upload_is_gone(
    shelf: Shelf, clock: FakeClock
) -> None:
    upload, _ = shelf.uploads.lease(begun(shelf))
    assert upload.location is not None
    writer = shelf.store.resume(upload.location, upload.offset)
    clock.advance(timedelta(microseconds=LEASE + micros(TTL)))
    assert collect(shelf).uploads == 1
    writer.write(b" and the rest")
    with pytest.raises(UploadNotFound):
        writer.commit()
    assert shelf.stored() == set()


def test_an_upload_touched_between_look_and_turn_stays(
    shelf: Shelf, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = begun(shelf)
    clock.advance(TTL)
    end_stale = shelf.uploads.end_stale

    def late(stale: Upload, before: int) -> bool:
        held, lease = shelf.uploads.lease(stale)
        shelf.uploads.release(held, lease)
        return end_stale(stale, before)

    monkeypatch.setattr(shelf.uploads, "end_stale", late)
    assert collect(shelf) == Ended(held=1)
    assert shelf.stored() == {upload.location}


def test_bytes_that_cannot_be_deleted_are_left_to_the_look_for_orphans(
    shelf: Shelf, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun(shelf)
    clock.advance(TTL)

    def failing(location: str) -> None:
        raise StorageFailure("could not delete")

    with monkeypatch.context() as patched:
        patched.setattr(shelf.store, "delete", failing)
        assert collect(shelf) == Ended(uploads=1, size_bytes=4, failed=1)
    assert len(shelf.stored()) == 1
    clock.at = max(clock(), *(file.modified for file in shelf.store.scan())) + 1
    shelf.run("blob-gc", NONE)
    assert shelf.stored() == set()
