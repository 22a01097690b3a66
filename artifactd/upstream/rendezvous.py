"""Where the processes of a host meet: one of them asks for a path, the others wait or follow.

Each path has a lock file that its asker holds by `flock`, which ends with its process however that dies,
and beside it a document that tells of a fill: its file, its size, and whether it was verified or has
failed."""

import fcntl
import hashlib
import os
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import msgspec

LINGERS: Final = 3600.0
"""Seconds that the document of an ended fill stays: its followers look at it when their clients have taken
all that they were given before."""


class Claim:
    """The right to ask for a path. `current` is where newcomers look."""

    def __init__(self, descriptor: int, lock: Path, current: Path) -> None:
        self._descriptor = descriptor
        self._lock = lock
        self._current = current

    def tell(self, told: dict[str, Any]) -> None:
        """What followers shall know of the fill into the file `told["path"]`."""
        text = msgspec.json.encode(told)
        for document in (_of_fill(self._current, told["path"]), self._current):
            made = document.with_suffix(f".{os.getpid()}")
            made.write_bytes(text)
            made.replace(document)

    def release(self) -> None:
        """Let others ask. The lock file goes first, so that nobody holds a lock that nobody else sees."""
        with suppress(OSError):
            self._lock.unlink()
        os.close(self._descriptor)


class Rendezvous:
    """The meeting places below `folder`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def claim(self, repository_id: int, path: str) -> Claim | None:
        """The right to ask for a path, unless another process has it."""
        lock, document = self._places(repository_id, path)
        while True:
            descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(descriptor)
                return None
            if _is(descriptor, lock):
                with suppress(OSError):
                    document.unlink()
                return Claim(descriptor, lock, document)
            os.close(descriptor)  # its holder has just released it, and the file with it

    def is_claimed(self, repository_id: int, path: str) -> bool:
        """Whether a living process asks for a path."""
        lock, _ = self._places(repository_id, path)
        try:
            descriptor = os.open(lock, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(descriptor)
        return False

    def told(self, repository_id: int, path: str, file: str | None = None) -> dict[str, Any] | None:
        """What the asker for a path tells, if it tells anything; with `file`, what was told of the fill
        into that one."""
        _, current = self._places(repository_id, path)
        document = current if file is None else _of_fill(current, file)
        try:
            told: dict[str, Any] = msgspec.json.decode(document.read_bytes())
        except FileNotFoundError:
            return None
        return told

    def sweep(self, now: float) -> None:
        """Remove the documents of fills that ended long before `now` (seconds since the epoch), and what
        processes left that died."""
        for file in self._folder.iterdir():
            with suppress(OSError):
                if file.stat().st_mtime < now - LINGERS:
                    _remove(file)

    def _places(self, repository_id: int, path: str) -> tuple[Path, Path]:
        name = hashlib.sha256(f"{repository_id}\0{path}".encode()).hexdigest()[:40]
        return self._folder / f"{name}.lock", self._folder / f"{name}.json"


def _of_fill(current: Path, file: str) -> Path:
    """The document of the fill into `file`, beside that of the path."""
    return current.with_suffix(f".{hashlib.sha256(file.encode()).hexdigest()[:16]}.json")


def _is(descriptor: int, path: Path) -> bool:
    try:
        there = path.stat()
    except FileNotFoundError:
        return False
    return os.path.samestat(os.fstat(descriptor), there)


def _remove(file: Path) -> None:
    """Remove a file, unless it is the lock, or the document, of somebody who lives. A lock is removed by
    who holds it: else two could hold it by the same name."""
    lock = file.with_name(f"{file.name.partition('.')[0]}.lock")
    try:
        descriptor = os.open(lock, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        file.unlink()
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if _is(descriptor, lock):
            lock.unlink()
            file.unlink(missing_ok=True)
    except BlockingIOError:
        pass
    finally:
        os.close(descriptor)
