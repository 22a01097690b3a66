"""What a folder adds to the contract of a blob store: layout, rights, full disks, killed processes."""

import errno
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from artifactd.blobs.files import Shards
from artifactd.blobs.filesystem import EARLY, FilesystemBlobStore
from artifactd.errors import BlobNotFound, StorageFailure
from tests.contracts.blob_store import BIG, checksums, content, holdings, stored, suspended


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "data" / "blobs"


@pytest.fixture
def store(root: Path) -> FilesystemBlobStore:
    return FilesystemBlobStore(root)


def files(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


def full_disk(*_: object) -> int:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_blob_lies_in_the_directory_of_its_own_id(store: FilesystemBlobStore, root: Path) -> None:
    writer = store.create()
    assert re.fullmatch(r"(..)/(..)/\1\2[0-9a-f]{28}\.part", writer.location)
    assert files(root) == [writer.location]
    writer.write(b"hello")
    blob = writer.commit()
    assert blob.location == writer.location.removesuffix("part") + checksums(b"hello")["sha256"]
    assert files(root) == [blob.location]
    assert Path(store.path(blob.location)).read_bytes() == b"hello"


def test_only_the_owner_may_look(store: FilesystemBlobStore, root: Path) -> None:
    stored(store, b"hello")
    suspended(store, b"hello")
    modes = {path.is_dir(): path.stat().st_mode & 0o777 for path in (root, *root.rglob("*"))}
    assert modes == {True: 0o700, False: 0o600}


@pytest.mark.parametrize(
    "name", ["../x", "/etc/passwd", "ab/cd/abcd.part", "ab/cd/" + "0" * 32 + "." + "a" * 64]
)
def test_a_foreign_location_has_no_path(store: FilesystemBlobStore, name: str) -> None:
    with pytest.raises(BlobNotFound):
        store.path(name)


def test_a_suspended_location_has_no_path(store: FilesystemBlobStore) -> None:
    with pytest.raises(BlobNotFound):
        store.path(suspended(store, b"hello"))


def test_a_scan_skips_foreign_names(store: FilesystemBlobStore, root: Path) -> None:
    blob = stored(store, b"hello")
    shard = root / blob.location[:5]
    (root / "lost+found").mkdir()
    (root / "zz").write_text("")
    (root / "README").write_text("")
    (shard.parent / "ff0").mkdir()
    (shard / "notes.txt").write_text("")
    (shard / f"{'f' * 32}.part").write_text("")
    assert holdings(store) == {blob.location: 5}


def test_a_root_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageFailure, match=r"could not make .*file/blobs"):
        FilesystemBlobStore(tmp_path / "file" / "blobs")


def test_a_full_disk_fails_the_piece_and_keeps_what_came_before(
    store: FilesystemBlobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = store.create()
    writer.write(BIG)
    taken = []

    def nearly_full(descriptor: int, data: bytes, offset: int) -> int:
        if taken:
            return full_disk()
        taken.append(write(descriptor, data[:1000], offset))
        return 1000

    write = os.pwrite
    monkeypatch.setattr(os, "pwrite", nearly_full)
    with pytest.raises(StorageFailure, match="No space left on device"):
        writer.write(BIG)
    monkeypatch.undo()
    assert holdings(store) == {writer.location: len(BIG)}
    assert writer.suspend() == checksums(BIG)
    resumed = store.resume(writer.location, len(BIG))
    resumed.write(b"room again")
    assert content(store, resumed.commit().location) == BIG + b"room again"


@pytest.mark.parametrize("call", ["fdatasync", "fsync"])
def test_bytes_that_cannot_be_made_durable_are_not_kept(
    store: FilesystemBlobStore, root: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    writer = store.create()
    writer.write(b"hello")
    monkeypatch.setattr(os, call, full_disk)
    with pytest.raises(StorageFailure, match="could not commit"):
        writer.commit()
    assert files(root) == []


def test_bytes_cut_short_behind_the_writer_are_not_published(
    store: FilesystemBlobStore, root: Path
) -> None:
    writer = store.create()
    writer.write(b"hello")
    os.truncate(root / writer.location, 3)
    with pytest.raises(StorageFailure, match="3 bytes instead of 5"):
        writer.commit()
    assert files(root) == []


def test_a_resume_in_the_same_process_reads_nothing_again(
    store: FilesystemBlobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    location = suspended(store, BIG)
    monkeypatch.setattr(os, "pread", full_disk)
    writer = store.resume(location, len(BIG))
    writer.write(b"more")
    assert writer.commit().checksums == checksums(BIG + b"more")


def test_a_big_blob_is_whole_although_the_disk_began_early(store: FilesystemBlobStore) -> None:
    writer = store.create()
    for _ in range(2 * EARLY // len(BIG) + 1):
        writer.write(BIG)
    blob = writer.commit()
    assert content(store, blob.location) == BIG * (2 * EARLY // len(BIG) + 1)


def test_no_descriptor_stays_open(store: FilesystemBlobStore) -> None:
    for _ in range(Shards.OPEN):  # the directories it keeps open, all of them
        stored(store, b"hello")
    before = len(list(Path("/proc/self/fd").iterdir()))
    location = suspended(store, b"hello")
    store.resume(location, 5).abort()
    blob = stored(store, b"hello")
    store.open(blob.location).close()
    store.open(blob.location, offset=1, length=2).close()
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def killed(root: Path, script: str) -> str:
    """Run `script` in another process, kill it when it has printed a line, and return that line."""
    head = "from pathlib import Path\nfrom artifactd.blobs.filesystem import FilesystemBlobStore\n"
    head += f"root = Path({str(root)!r})\n"
    tail = "\nimport sys, time\nsys.stdout.flush()\ntime.sleep(60)"
    with subprocess.Popen(
        [sys.executable, "-c", head + script + tail], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        line = process.stdout.readline().strip()
        process.kill()
    return line


WRITE = "writer = FilesystemBlobStore(root).create()\nwriter.write(b'hello' * 100_000)\n"


def test_a_process_killed_before_the_commit_leaves_a_part(root: Path) -> None:
    location = killed(root, WRITE + "print(writer.location)")
    assert location.endswith(".part")
    assert files(root) == [location]


def test_a_part_of_a_killed_process_can_be_resumed(root: Path) -> None:
    location = killed(root, WRITE + "print(writer.location)")
    blob = FilesystemBlobStore(root).resume(location, 5).commit(checksums(b"hello"))
    assert files(root) == [blob.location]


def test_a_process_killed_after_the_commit_leaves_the_whole_blob(root: Path) -> None:
    location = killed(root, WRITE + "print(writer.commit().location)")
    assert files(root) == [location]
    assert content(FilesystemBlobStore(root), location) == b"hello" * 100_000


def test_a_process_killed_while_it_publishes_leaves_no_torn_blob(root: Path) -> None:
    before_rename = (
        "def stop(source, target): print(Path(source).relative_to(root), flush=True); time.sleep(60)\n"
    )
    patched = "import os, time\nos.rename = stop\nwriter.commit()"
    location = killed(root, WRITE + before_rename + patched)
    assert files(root) == [location]
    assert location.endswith(".part")


@pytest.mark.parametrize("end", ["commit", "abort"])
def test_no_part_is_left_by_a_writer_that_ended(store: FilesystemBlobStore, root: Path, end: str) -> None:
    writer = store.create()
    writer.write(b"hello")
    getattr(writer, end)()
    assert not [name for name in files(root) if name.endswith(".part")]
