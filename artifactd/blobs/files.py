"""What the filesystem blob store asks of the system: private files, synced directories, slices."""

import io
import itertools
import os
import secrets
from pathlib import Path

from artifactd.blobs.hashing import Hashing
from artifactd.errors import StorageFailure

READ_SIZE = 1024 * 1024
"""Bytes read at once where stored bytes are hashed again."""


class Shards:
    """The 65,536 directories `<aa>/<bb>` below `root`, made when first needed, for their owner alone.

    New files go to one of a few open directories, which change after FILL files: making a directory and
    syncing it into its parents costs more than storing a small file, and one directory for all of them
    would be a lock that every thread waits for. Raises OSError.
    """

    OPEN = 16
    FILL = 128

    def __init__(self, root: Path, *, sync: bool) -> None:
        self._root = root
        self._sync = sync
        self._counter = itertools.count()
        self._open: list[_Shard | None] = [None] * self.OPEN
        if not root.is_dir():
            root.mkdir(mode=0o700, parents=True, exist_ok=True)
            if sync:
                sync_directory(root.parent)

    def choose(self) -> str:
        """The directory for a new file: its four hexadecimal digits. It exists, durably."""
        slot = next(self._counter) % self.OPEN
        shard = self._open[slot]
        if shard is None or shard.used >= self.FILL:
            # Two threads may both put a new one here; the other's files lie as well where they are.
            shard = self._open[slot] = self._made(secrets.token_hex(2))
        shard.used += 1
        return shard.name

    def sync_entries(self, location: str) -> None:
        """Make the entries of a location's directory durable."""
        name = location[:2] + location[3:5]
        for shard in self._open:
            if shard is not None and shard.name == name:
                os.fsync(shard.descriptor)
                return
        sync_directory(self._root / location[:5])

    def _made(self, name: str) -> "_Shard":
        top = self._root / name[:2]
        leaf = top / name[2:]
        for directory in (top, leaf):
            directory.mkdir(mode=0o700, exist_ok=True)
            if self._sync:
                # Even if it exists: another process may have made it a moment ago and not synced it yet.
                sync_directory(directory.parent)
        return _Shard(name, leaf)


class _Shard:
    """An open directory. Its descriptor closes with the last thread that holds the object."""

    def __init__(self, name: str, directory: Path) -> None:
        self.name = name
        self.used = 0
        self.descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)

    def __del__(self) -> None:
        os.close(self.descriptor)


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


def create(path: str) -> io.FileIO:
    """A new, empty file that only its owner may read, open for both. Raises FileExistsError."""
    return io.FileIO(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "r+")


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
