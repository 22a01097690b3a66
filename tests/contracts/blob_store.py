"""What a blob store is: the docstrings of `artifactd/blobs/store.py`, executed.

An implementation's test is a subclass with a `store` fixture, of `SharedBlobStoreContract` if its bytes
outlive the object.
Every test says in `kept` which locations it leaves; a store that holds anything else at the end fails it.
"""

import hashlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from artifactd.blobs.store import BlobStore, Stored
from artifactd.errors import BlobNotFound, DigestMismatch, UploadNotFound

SECOND = 1_000_000
BIG = bytes(range(256)) * 4096  # 1 MiB: hashed behind the writer's back, where a store does so
FOREIGN = [
    "",
    ".",
    "..",
    "../x",
    "../../etc/passwd",
    "/etc/passwd",
    "a/../../x",
    "x\0y",
    "ab/cd",
    "ab/cd/" + "é" * 32,
]


def checksums(data: bytes, *algorithms: str) -> dict[str, str]:
    return {name: hashlib.new(name, data).hexdigest() for name in algorithms or ("sha256",)}


def stored(store: BlobStore, data: bytes) -> Stored:
    writer = store.create()
    writer.write(data)
    return writer.commit()


def suspended(store: BlobStore, data: bytes) -> str:
    writer = store.create()
    writer.write(data)
    writer.suspend()
    return writer.location


def content(store: BlobStore, location: str, offset: int = 0, length: int | None = None) -> bytes:
    with store.open(location, offset=offset, length=length) as file:
        return file.read()


def holdings(store: BlobStore) -> dict[str, int]:
    return {item.location: item.size for item in store.scan()}


class BlobStoreContract:
    @pytest.fixture
    def store(self) -> BlobStore:
        raise NotImplementedError("the implementation's test overrides this")

    @pytest.fixture(autouse=True)
    def kept(self, store: BlobStore) -> Iterator[set[str]]:
        kept: set[str] = set()
        yield kept
        assert set(holdings(store)) == kept

    # Publishing

    @pytest.mark.parametrize(
        "data", [b"", b"x", b"hello" * 1000, BIG + b"tail"], ids=["empty", "1", "5k", "1M"]
    )
    def test_committed_bytes_are_read_back(self, store: BlobStore, kept: set[str], data: bytes) -> None:
        blob = stored(store, data)
        kept.add(blob.location)
        assert content(store, blob.location) == data
        assert (blob.size, blob.checksums) == (len(data), checksums(data))

    def test_pieces_are_hashed_in_order_whatever_their_sizes(
        self, store: BlobStore, kept: set[str]
    ) -> None:
        pieces = [b"a", BIG, b"b" * 3000, BIG[7:], b"", b"c", BIG * 5, b"d"]
        writer = store.create(("sha512", "md5"))
        for piece in pieces:
            writer.write(piece)
        whole = b"".join(pieces)
        assert writer.offset == len(whole)
        blob = writer.commit()
        kept.add(blob.location)
        assert blob.checksums == checksums(whole, "sha256", "sha512", "md5")
        assert content(store, blob.location) == whole

    def test_nothing_can_be_read_before_the_commit(self, store: BlobStore, kept: set[str]) -> None:
        writer = store.create()
        writer.write(b"half of it")
        for location in (writer.location, f"{writer.location}.{checksums(b'half of it')['sha256']}"):
            with pytest.raises(BlobNotFound):
                store.open(location)
            with pytest.raises(BlobNotFound):
                store.stat(location)
        blob = writer.commit()
        kept.add(blob.location)
        assert blob.location != writer.location
        assert holdings(store) == {blob.location: 10}

    def test_a_published_location_cannot_be_resumed(self, store: BlobStore, kept: set[str]) -> None:
        blob = stored(store, b"done")
        kept.add(blob.location)
        with pytest.raises(UploadNotFound):
            store.resume(blob.location, 0)
        assert content(store, blob.location) == b"done"

    def test_stat_and_scan_tell_size_and_time(self, store: BlobStore, kept: set[str]) -> None:
        blob = stored(store, b"hello")
        kept.add(blob.location)
        assert store.stat(blob.location) == Stored(blob.location, 5, blob.modified)
        assert list(store.scan()) == [store.stat(blob.location)]
        later = stored(store, b"later")
        kept.add(later.location)
        assert blob.modified <= later.modified < blob.modified + 60 * SECOND

    def test_writers_of_the_same_bytes_get_different_locations(
        self, store: BlobStore, kept: set[str]
    ) -> None:
        with ThreadPoolExecutor(8) as threads:
            blobs = list(threads.map(lambda _: stored(store, BIG), range(16)))
        kept.update(blob.location for blob in blobs)
        assert len(kept) == 16
        store.delete(blobs[0].location)
        kept.remove(blobs[0].location)
        assert all(content(store, location) == BIG for location in kept)

    # Verifying

    def test_matching_digests_are_accepted(self, store: BlobStore, kept: set[str]) -> None:
        writer = store.create(("sha256", "sha512"))
        writer.write(b"hello")
        blob = writer.commit(checksums(b"hello", "sha256", "sha512"))
        kept.add(blob.location)
        assert blob.checksums == checksums(b"hello", "sha256", "sha512")

    def test_an_algorithm_first_heard_of_at_commit_is_computed(
        self, store: BlobStore, kept: set[str]
    ) -> None:
        data = BIG * 3 + b"rest"
        writer = store.create()
        writer.write(data)
        blob = writer.commit(checksums(data, "sha512"))  # docker R113
        kept.add(blob.location)
        assert blob.checksums == checksums(data, "sha256", "sha512")

    @pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
    def test_a_mismatch_leaves_nothing(self, store: BlobStore, algorithm: str) -> None:
        right, wrong = checksums(b"hello", algorithm), checksums(b"world", algorithm)
        writer = store.create()
        writer.write(b"hello")
        with pytest.raises(DigestMismatch) as raised:
            writer.commit(wrong)
        assert (raised.value.algorithm, raised.value.expected) == (algorithm, wrong[algorithm])
        assert raised.value.actual == right[algorithm]
        assert holdings(store) == {}

    def test_every_algorithm_given_is_checked(self, store: BlobStore) -> None:
        writer = store.create()
        writer.write(b"hello")
        with pytest.raises(DigestMismatch):
            writer.commit(checksums(b"hello", "sha256") | checksums(b"other", "sha512"))

    # Ending a writer

    def test_an_aborted_writer_leaves_nothing(self, store: BlobStore) -> None:
        writer = store.create()
        writer.write(BIG)
        writer.abort()
        writer.abort()
        assert holdings(store) == {}

    def test_an_abort_after_another_end_changes_nothing(self, store: BlobStore, kept: set[str]) -> None:
        committed, suspending = store.create(), store.create()
        kept.update([committed.commit().location, suspending.location])
        suspending.suspend()
        committed.abort()
        suspending.abort()

    def test_an_abort_of_bytes_that_are_gone_is_fine(self, store: BlobStore) -> None:
        writer = store.create()
        store.delete(writer.location)
        writer.abort()

    @pytest.mark.parametrize("end", ["commit", "suspend"])
    def test_bytes_deleted_while_they_were_received_are_missed(self, store: BlobStore, end: str) -> None:
        writer = store.create()
        writer.write(b"hello")
        store.delete(writer.location)
        with pytest.raises(UploadNotFound):
            getattr(writer, end)()

    @pytest.mark.parametrize("end", ["commit", "suspend", "abort"])
    def test_a_writer_that_has_ended_takes_no_more(
        self, store: BlobStore, kept: set[str], end: str
    ) -> None:
        writer = store.create()
        getattr(writer, end)()
        kept.update(holdings(store))
        for act in (lambda: writer.write(b"x"), writer.commit, writer.suspend):
            with pytest.raises(ValueError):
                act()
        assert list(holdings(store).values()) == [0] * (end != "abort")

    # Suspending and resuming

    def test_an_upload_continues_where_it_was_suspended(self, store: BlobStore, kept: set[str]) -> None:
        location, offset = suspended(store, b""), 0
        kept.add(location)
        whole = b""
        for piece in (b"one", BIG, b"two", b""):
            writer = store.resume(location, offset)
            assert (writer.location, writer.offset) == (location, offset)
            writer.write(piece)
            whole += piece
            assert writer.suspend() == checksums(whole)
            offset = writer.offset
            assert holdings(store) == {location: len(whole)}
        blob = store.resume(location, offset).commit(checksums(whole))
        kept.symmetric_difference_update([location, blob.location])
        assert content(store, blob.location) == whole

    def test_suspended_bytes_are_not_published(self, store: BlobStore, kept: set[str]) -> None:
        location = suspended(store, b"hello")
        kept.add(location)
        with pytest.raises(BlobNotFound):
            store.open(location)
        with pytest.raises(BlobNotFound):
            store.stat(location)

    def test_what_lies_behind_the_offset_is_dropped(self, store: BlobStore, kept: set[str]) -> None:
        location = suspended(store, b"hello, wrong world")
        writer = store.resume(location, 7)
        writer.write(b"world")
        blob = writer.commit()
        kept.add(blob.location)
        assert content(store, blob.location) == b"hello, world"
        assert blob.checksums == checksums(b"hello, world")

    def test_dropped_bytes_do_not_come_back(self, store: BlobStore, kept: set[str]) -> None:
        location = suspended(store, b"hello, wrong world")
        store.resume(location, 5).suspend()
        assert holdings(store) == {location: 5}
        with pytest.raises(UploadNotFound):
            store.resume(location, 18)
        kept.add(location)

    def test_a_resume_asks_for_other_algorithms(self, store: BlobStore, kept: set[str]) -> None:
        location = suspended(store, BIG)
        writer = store.resume(location, len(BIG), ("sha512",))
        writer.write(b"more")
        assert writer.suspend() == checksums(BIG + b"more", "sha256", "sha512")
        kept.add(location)

    def test_a_resume_beyond_what_is_held_is_an_unknown_upload(
        self, store: BlobStore, kept: set[str]
    ) -> None:
        location = suspended(store, b"hello")
        kept.add(location)
        with pytest.raises(UploadNotFound):
            store.resume(location, 6)
        assert store.resume(location, 5).suspend() == checksums(b"hello")

    def test_a_resume_of_nothing_is_an_unknown_upload(self, store: BlobStore) -> None:
        location = suspended(store, b"hello")
        store.delete(location)
        for missing in (location, *FOREIGN):
            with pytest.raises(UploadNotFound):
                store.resume(missing, 0)

    # Reading

    @pytest.mark.parametrize(
        ("offset", "length", "expected"),
        [(0, None, b"0123456789"), (3, None, b"3456789"), (0, 4, b"0123"), (3, 4, b"3456"), (8, 50, b"89"),
         (0, 0, b""), (10, None, b""), (11, 5, b""), (9, 1, b"9")],
    )  # fmt: skip
    def test_a_part_can_be_read(
        self, store: BlobStore, kept: set[str], offset: int, length: int | None, expected: bytes
    ) -> None:
        blob = stored(store, b"0123456789")
        kept.add(blob.location)
        assert content(store, blob.location, offset, length) == expected
        with store.open(blob.location, offset=offset, length=length) as file:
            assert b"".join(iter(lambda: file.read(3), b"")) == expected

    def test_an_absent_location_is_not_found(self, store: BlobStore) -> None:
        blob = stored(store, b"hello")
        store.delete(blob.location)
        for missing in (blob.location, *FOREIGN):
            with pytest.raises(BlobNotFound):
                store.open(missing)
            with pytest.raises(BlobNotFound):
                store.stat(missing)

    # Deleting

    def test_deleting_twice_is_fine(self, store: BlobStore) -> None:
        locations = [stored(store, b"hello").location, suspended(store, b"hello")]
        for location in (*locations, *locations, *FOREIGN):
            store.delete(location)
        assert holdings(store) == {}

    def test_an_open_reader_keeps_what_it_opened(self, store: BlobStore) -> None:
        blob = stored(store, BIG)
        with store.open(blob.location) as whole, store.open(blob.location, offset=5, length=9) as part:
            store.delete(blob.location)
            assert whole.read() == BIG
            assert part.read() == BIG[5:14]

    def test_a_deleted_location_is_not_used_again(self, store: BlobStore, kept: set[str]) -> None:
        first = stored(store, b"hello")
        store.delete(first.location)
        second = stored(store, b"hello")
        kept.add(second.location)
        assert first.location != second.location

    # Scanning

    def test_a_scan_shows_everything_held(self, store: BlobStore, kept: set[str]) -> None:
        receiving = store.create()
        expected = {receiving.location: 0, suspended(store, b"part"): 4}
        expected |= {stored(store, b"x" * size).location: size for size in range(5)}
        assert holdings(store) == expected
        receiving.abort()
        kept.update(expected.keys() - {receiving.location})

    def test_a_scan_survives_deletes_meanwhile(self, store: BlobStore) -> None:
        locations = {stored(store, b"hello").location for _ in range(20)}
        seen = set()
        for item in store.scan():
            seen.add(item.location)
            for location in locations:
                store.delete(location)
        assert seen <= locations


class SharedBlobStoreContract(BlobStoreContract):
    """For stores that several processes open at once: `reopen` opens the bytes as another one would."""

    @pytest.fixture
    def reopen(self) -> Callable[[], BlobStore]:
        raise NotImplementedError("the implementation's test overrides this")

    def test_another_process_reads_what_was_committed(
        self, store: BlobStore, reopen: Callable[[], BlobStore], kept: set[str]
    ) -> None:
        other = reopen()
        blob = stored(store, b"hello")
        assert content(other, blob.location) == b"hello"
        kept.add(stored(other, b"world").location)
        other.delete(blob.location)
        with pytest.raises(BlobNotFound):
            store.open(blob.location)

    def test_another_process_resumes(
        self, store: BlobStore, reopen: Callable[[], BlobStore], kept: set[str]
    ) -> None:
        writer = reopen().resume(suspended(store, BIG * 2), len(BIG), ("sha512",))
        writer.write(b"more")
        blob = writer.commit()
        kept.add(blob.location)
        assert blob.checksums == checksums(BIG + b"more", "sha256", "sha512")
        assert content(store, blob.location) == BIG + b"more"

    def test_hashes_of_bytes_that_another_process_replaced_are_not_used(
        self, store: BlobStore, reopen: Callable[[], BlobStore], kept: set[str]
    ) -> None:
        location = suspended(store, b"0123456789")
        writer = reopen().resume(location, 5)
        writer.write(b"fghij")
        writer.suspend()
        blob = store.resume(location, 10).commit()
        kept.add(blob.location)
        assert content(store, blob.location) == b"01234fghij"
        assert blob.checksums == checksums(b"01234fghij")
