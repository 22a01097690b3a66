"""Bytes as files of this machine, in a folder that any number of processes share.

Rule 1: a file lies at `<aa>/<bb>/<id>.part` while it is received or suspended, at `<aa>/<bb>/<id>.<sha256>`
once published. Publishing is one rename in a directory and can meet no other file, since the id is random.
Rule 2: a location that is not of this form names nothing, so no caller can reach outside the folder.
Rule 3: `sync` decides whether bytes survive a power cut, never whether a process can see half a blob.
"""

import io
import os
import re
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from artifactd import clock
from artifactd.blobs import files
from artifactd.blobs.digest import union
from artifactd.blobs.hashing import Hashing, HeldStates
from artifactd.blobs.store import SHA256, Stored
from artifactd.errors import BlobNotFound, DigestMismatch, StorageFailure, UploadNotFound

HELD_STATES = 1024
"""Suspended uploads whose hashes stay in memory, at about 1 KiB each."""

EARLY = 8 * 1024 * 1024
"""Bytes after which the disk is told to begin: a commit with 1 GiB still to write waits 0.4 s for it."""

_LOCATION = re.compile(r"([0-9a-f]{2})/([0-9a-f]{2})/(?=\1\2)[0-9a-f]{32}\.(?:part|[0-9a-f]{64})")
_PART = ".part"


class FilesystemBlobStore:
    """A `BlobStore`, `PathBlobStore` and `FollowableBlobStore` below `root`, which is made if it is missing
    (else StorageFailure).

    With `sync` off, bytes committed in the last seconds before a power cut may be lost or torn; a killed
    process loses nothing either way.
    """

    def __init__(self, root: Path, *, sync: bool = True) -> None:
        self._root = root
        self._prefix = f"{root}/"
        self._sync = sync
        try:
            self._shards = files.Shards(root, sync=sync)
        except OSError as error:
            raise files.failure("make", str(root), error) from error
        self._held = HeldStates(HELD_STATES)
        self._pool = ThreadPoolExecutor(min(8, max(2, os.cpu_count() or 2)), thread_name_prefix="blob-hash")

    def create(self, checksums: Sequence[str] = SHA256) -> "FileWriter":
        hashing = self.hashing(union(SHA256, checksums))
        location = ""
        try:
            identity = self._shards.choose() + secrets.token_hex(14)
            location = f"{identity[:2]}/{identity[2:4]}/{identity}{_PART}"
            file = files.create(f"{self._prefix}{location}")
        except OSError as error:
            raise files.failure("create", location, error) from error
        return FileWriter(self, location, file, 0, hashing)

    def resume(self, location: str, offset: int, checksums: Sequence[str] = SHA256) -> "FileWriter":
        if not (_LOCATION.fullmatch(location) and location.endswith(_PART)):
            raise UploadNotFound(location)
        try:
            file = io.FileIO(self._root / location, "r+")
        except FileNotFoundError as error:
            raise UploadNotFound(location) from error
        except OSError as error:
            raise files.failure("resume", location, error) from error
        try:
            hashing = self._resume(location, file, offset, union(SHA256, checksums))
        except OSError as error:
            file.close()
            raise files.failure("resume", location, error) from error
        except BaseException:
            file.close()
            raise
        return FileWriter(self, location, file, offset, hashing, resumed=True)

    def open(self, location: str, *, offset: int = 0, length: int | None = None) -> BinaryIO:
        path = self._published(location)
        try:
            if not offset and length is None:
                return path.open("rb")
            return io.BufferedReader(files.Slice(io.FileIO(path), offset, length))
        except FileNotFoundError as error:
            raise BlobNotFound(location) from error
        except OSError as error:
            raise files.failure("open", location, error) from error

    def stat(self, location: str) -> Stored:
        try:
            return _stored(location, self._published(location).stat())
        except FileNotFoundError as error:
            raise BlobNotFound(location) from error
        except OSError as error:
            raise files.failure("examine", location, error) from error

    def delete(self, location: str) -> None:
        if not _LOCATION.fullmatch(location):
            return
        self._held.forget(location)
        try:
            (self._root / location).unlink(missing_ok=True)
        except OSError as error:
            raise files.failure("delete", location, error) from error

    def scan(self) -> Iterator[Stored]:
        try:
            for top in files.names(self._root):
                for leaf in files.names(self._root / top) if len(top) == 2 else ():
                    for name in files.names(self._root / top / leaf) if len(leaf) == 2 else ():
                        location = f"{top}/{leaf}/{name}"
                        if _LOCATION.fullmatch(location):
                            with suppress(FileNotFoundError):
                                yield _stored(location, (self._root / location).stat())
        except OSError as error:
            raise files.failure("scan", str(self._root), error) from error

    def path(self, location: str) -> str:
        return str(self._published(location))

    def partial(self, location: str) -> str:
        return f"{self._prefix}{location}"

    def hashing(self, algorithms: Iterable[str]) -> Hashing:
        """New hashes that share this store's threads."""
        return Hashing(algorithms, self._pool.submit)

    def begin_sync(self, file: io.FileIO, start: int, end: int) -> None:
        """Have the kernel start writing [start, end), without waiting: a hint, which may do nothing."""
        if self._sync:
            with suppress(OSError):  # Linux starts writing dirty pages here, and keeps them cached
                os.posix_fadvise(file.fileno(), start, end - start, os.POSIX_FADV_DONTNEED)

    def sync(self, file: io.FileIO) -> None:
        """Make a file's bytes durable; nothing when the store does not sync. Raises OSError."""
        if self._sync:
            os.fdatasync(file.fileno())

    def sync_entry(self, location: str) -> None:
        """Make a file's name durable; nothing when the store does not sync. Raises OSError."""
        if self._sync:
            self._shards.sync_entries(location)

    def keep(self, location: str, file: io.FileIO, offset: int, hashing: Hashing) -> Mapping[str, str]:
        """Hold on to the hashes of suspended bytes. Returns their checksums."""
        # The kernel's own times tick in milliseconds: too coarse to tell this state from the next one.
        os.utime(file.fileno(), ns=(clock.now() * 1000,) * 2)
        status = os.fstat(file.fileno())
        if not status.st_nlink:
            raise UploadNotFound(location)
        self._held.keep(location, _fingerprint(offset, status), hashing.states())
        return hashing.checksums()

    def publish(self, location: str, published: str) -> None:
        """Give whole, durable bytes their final name. Raises OSError, UploadNotFound if they are gone."""
        try:
            os.rename(f"{self._prefix}{location}", f"{self._prefix}{published}")  # noqa: PTH104 - a hot path
        except FileNotFoundError as error:
            raise UploadNotFound(location) from error
        try:
            self.sync_entry(published)
        except OSError:
            self.delete(published)
            raise

    def _resume(self, location: str, file: io.FileIO, offset: int, algorithms: Sequence[str]) -> Hashing:
        status = os.fstat(file.fileno())
        held = dict(self._held.take(location, _fingerprint(offset, status)))
        if status.st_size < offset:
            raise UploadNotFound(location)
        os.ftruncate(file.fileno(), offset)
        unknown = [algorithm for algorithm in algorithms if algorithm not in held]
        if unknown:
            fresh = self.hashing(unknown)
            files.feed(fresh, file, offset)
            held |= fresh.states()
        return Hashing(algorithms, self._pool.submit, held)

    def _published(self, location: str) -> Path:
        if not _LOCATION.fullmatch(location) or location.endswith(_PART):
            raise BlobNotFound(location)
        return self._root / location


class FileWriter:
    """A `BlobWriter` on one `.part` file: the caller writes it, and what the kernel took is then hashed."""

    def __init__(
        self,
        store: FilesystemBlobStore,
        location: str,
        file: io.FileIO,
        offset: int,
        hashing: Hashing,
        *,
        resumed: bool = False,
    ) -> None:
        self.location = location
        self.offset = offset
        self._store = store
        self._file = file
        self._hashing = hashing
        self._begun = offset
        self._resumed = resumed

    def write(self, data: bytes) -> None:
        descriptor = self._file.fileno()
        try:
            written = os.pwrite(descriptor, data, self.offset)
            while written < len(data):
                written += os.pwrite(descriptor, memoryview(data)[written:], self.offset + written)
        except OSError as error:
            with suppress(OSError):  # what fitted of the piece goes back to a full disk
                os.ftruncate(descriptor, self.offset)
            raise files.failure("write", self.location, error) from error
        self._hashing.update(data)
        self.offset += written
        if self.offset - self._begun >= EARLY:
            self._store.begin_sync(self._file, self._begun, self.offset)
            self._begun = self.offset

    def suspend(self) -> Mapping[str, str]:
        with self._file as file:
            try:
                self._store.sync(file)
                self._store.sync_entry(self.location)
                return self._store.keep(self.location, file, self.offset, self._hashing)
            except OSError as error:
                raise files.failure("suspend", self.location, error) from error

    def commit(self, expected: Mapping[str, str] | None = None) -> Stored:
        self._file.fileno()  # ValueError when it has ended
        try:
            # Before the checksums, because the last pieces are still being hashed.
            self._store.sync(self._file)
            checksums = self._verify(expected or {})
            status = self._settled()
            published = f"{self.location.removesuffix(_PART)}.{checksums['sha256']}"
            self._store.publish(self.location, published)
        except OSError as error:
            self._discard()
            raise files.failure("commit", self.location, error) from error
        except BaseException:
            self._discard()
            raise
        self._file.close()
        return Stored(published, self.offset, status.st_mtime_ns // 1000, checksums)

    def abort(self) -> None:
        if not self._file.closed:
            self._file.close()
            self._store.delete(self.location)

    def _settled(self) -> os.stat_result:
        """The file as it will be published. Bytes suspended days ago must not look abandoned while their
        edit is on its way. Raises StorageFailure when some are missing."""
        descriptor = self._file.fileno()
        if self._resumed:
            os.utime(descriptor, ns=(clock.now() * 1000,) * 2)
        status = os.fstat(descriptor)
        if status.st_size != self.offset:
            raise StorageFailure(f"{self.location!r} has {status.st_size} bytes instead of {self.offset}")
        return status

    def _verify(self, expected: Mapping[str, str]) -> Mapping[str, str]:
        checksums = self._hashing.checksums()
        unknown = [algorithm for algorithm in expected if algorithm not in checksums]
        if unknown:
            fresh = self._store.hashing(unknown)
            files.feed(fresh, self._file, self.offset)
            checksums |= fresh.checksums()
        for algorithm, value in expected.items():
            if checksums[algorithm] != value:
                raise DigestMismatch(algorithm, value, checksums[algorithm])
        return checksums

    def _discard(self) -> None:
        """Abort on the way to another error, which matters more than bytes that upload GC would find."""
        with suppress(StorageFailure):
            self.abort()


def _fingerprint(offset: int, status: os.stat_result) -> tuple[int, ...]:
    return (offset, status.st_ino, status.st_size, status.st_mtime_ns)


def _stored(location: str, status: os.stat_result) -> Stored:
    return Stored(location, status.st_size, status.st_mtime_ns // 1000)
