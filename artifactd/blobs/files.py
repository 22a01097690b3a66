"""What the filesystem blob store asks of the system: private files, synced directories, slices."""

import io
import os
from pathlib import Path

from artifactd.blobs.hashing import Hashing
from artifactd.errors import StorageFailure

READ_SIZE = 1024 * 1024
"""Bytes read at once where stored bytes are hashed again."""


class Shards:
    """The 65,536 directories `<aa>/<bb>` below `root`, made when first needed, for their owner alone.

    With `sync`, each is synced into its parent once per process even if it exists: another process may have
    made it a moment ago and not have synced it yet. Raises OSError.
    """

    def __init__(self, root: Path, *, sync: bool) -> None:
        self._root = root
        self._sync = sync
        self._tops = bytearray(0x100)
        self._leaves = bytearray(0x10000)
        if not root.is_dir():
            root.mkdir(mode=0o700, parents=True, exist_ok=True)
            if sync:
                sync_directory(root.parent)

    def make(self, shard: str) -> None:
        """The directory of ids that begin with `shard`, four hexadecimal digits."""
        leaf = int(shard, 16)
        if self._leaves[leaf]:
            return
        top = self._root / shard[:2]
        if not self._tops[leaf >> 8]:
            self._make(top)
            self._tops[leaf >> 8] = 1
        self._make(top / shard[2:])
        self._leaves[leaf] = 1

    def _make(self, directory: Path) -> None:
        directory.mkdir(mode=0o700, exist_ok=True)
        if self._sync:
            sync_directory(directory.parent)


class Slice(io.RawIOBase):
    """`length` bytes of a file from `offset` on, or all the rest; read forwards. Closes the file."""

    def __init__(self, file: io.FileIO, offset: int, length: int | None) -> None:
        file.seek(offset)
        self._file = file
        self._left = max(0, os.fstat(file.fileno()).st_size - offset)
        if length is not None:
            self._left = min(self._left, length)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        count = self._file.readinto(memoryview(buffer)[: self._left]) or 0
        self._left -= count
        return count

    def close(self) -> None:
        self._file.close()
        super().close()


def create(path: Path) -> io.FileIO:
    """A new, empty file that only its owner may read, open for both. Raises FileExistsError."""
    return io.FileIO(path, "x+", opener=lambda name, flags: os.open(name, flags, 0o600))


def sync_directory(path: Path) -> None:
    """Make the entries of a directory durable."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def names(directory: Path) -> list[str]:
    """Names in a directory; none when it has vanished or is no directory."""
    try:
        with os.scandir(directory) as entries:
            return [entry.name for entry in entries]
    except (FileNotFoundError, NotADirectoryError):
        return []


def feed(hashing: Hashing, file: io.FileIO, end: int) -> None:
    """Hash [0, end) of a file again. Raises OSError, and StorageFailure when the file is shorter."""
    position = 0
    while position < end:
        data = os.pread(file.fileno(), min(READ_SIZE, end - position), position)
        if not data:
            raise StorageFailure(f"{str(file.name)!r} ends at byte {position} instead of {end}")
        hashing.update(data)
        position += len(data)


def failure(verb: str, location: str, error: OSError) -> StorageFailure:
    """`error` as the project's own, in a sentence."""
    return StorageFailure(f"could not {verb} {location!r}: {error.strerror or error}")
