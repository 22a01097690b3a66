"""Maintenance beside pushes, as fast as both can: no image breaks, and then only named bytes are left.

Images are pushed as clients do it: ask for each layer, send it if it is not there, then put the manifest.
Many share layers. Linger times are milliseconds, so a push may find that a layer went meanwhile; then it is
refused, never half accepted, and the client begins anew.
"""

import random
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import exists, select

from artifactd import clock
from artifactd.blobs.filesystem import FilesystemBlobStore
from artifactd.blobs.memory import MemoryBlobStore
from artifactd.blobs.store import BlobStore, StagedBlob
from artifactd.catalog.assets import Keep, Reference
from artifactd.clock import micros
from artifactd.db import tables
from artifactd.db.writer import Database
from artifactd.errors import AssetNotFound, AssetReferenced, ReferencesMissing, UploadNotFound
from artifactd.maintenance import handlers
from artifactd.maintenance.safety import NONE, Safety
from tests.support.databases import Place
from tests.support.shelves import STORE_ID, Shelf, digest_of, run_of

PATIENCE = 60.0
"""Seconds that 60 pushes and 20 deletions may take on a machine that is busy with other things."""

LINGER = timedelta(milliseconds=40)
SAFETY = Safety(
    undo_window=timedelta(milliseconds=5),
    # Staged bytes wait for their edit for milliseconds, but those of a process that died are to be there
    # when the clients are through, however long that takes.
    orphan_margin=timedelta(seconds=2 * PATIENCE),
    upload_ttl=timedelta(milliseconds=50),
)
TASKS = ("collect", "compact", "blob-gc", "upload-gc")
LAYERS = [b"layer %d " % number * 50 for number in range(12)]


@pytest.fixture(params=["memory", "folder"])
def shelf(request: pytest.FixtureRequest, place: Place, tmp_path: Path) -> Iterator[Shelf]:
    store: BlobStore = (
        MemoryBlobStore()
        if request.param == "memory"
        else FilesystemBlobStore(tmp_path / "blobs", sync=False)
    )
    database: Database = place.open(clock.now)
    yield Shelf(database, store)
    database.close()


class Client:
    """Pushes and deletes the images of one seed."""

    def __init__(self, shelf: Shelf, seed: int) -> None:
        self._shelf = shelf
        self._random = random.Random(seed)
        self.pushed = self.refused = self.deleted = 0

    def act(self) -> None:
        if self._random.random() < 0.6:
            self.push()
        else:
            self.delete()

    def push(self) -> None:
        image = f"team/app{self._random.randrange(3)}"
        layers = self._random.sample(LAYERS, self._random.randrange(1, 5))
        paths = [f"{image}/blobs/{digest_of(layer)}" for layer in layers]
        for path, layer in zip(paths, layers, strict=True):
            try:
                self._shelf.repository.stat(path)
            except AssetNotFound:
                self._send(path, layer)
        body = msgspec.json.encode({"layers": paths})
        digest = digest_of(body)
        needs = [Reference(path, required=True) for path in paths]
        manifest = f"{image}/manifests/{digest}"
        staged = self._shelf.stage(body)
        try:
            with self._shelf.repository.edit("push") as edit:
                edit.put(manifest, staged, content_type="text/plain", references=needs)
                tag = f"{image}/tags/{self._random.randrange(3)}"
                tagged = [Reference(manifest, required=True)]
                edit.put(tag, staged, content_type="text/plain", references=tagged)
        except ReferencesMissing:
            self.refused += 1
        else:
            self.pushed += 1

    def _send(self, path: str, layer: bytes) -> None:
        """Send a layer: at once, or as an upload of two parts."""
        if self._random.random() < 0.5:
            self._shelf.layer(path, layer, LINGER)
            return
        uploads, store = self._shelf.uploads, self._shelf.store
        upload = uploads.start(self._shelf.record.id, "team/app", 7, STORE_ID)
        writer = store.create()
        try:
            upload, lease = uploads.lease(upload, writer.location)
            writer.write(layer[:30])
            upload = uploads.advance(upload, lease, 30, writer.suspend())
            if self._random.random() < 0.2:
                return  # the client vanishes
            upload, lease = uploads.lease(upload)
            assert upload.location is not None
            writer = store.resume(upload.location, 30)
        except UploadNotFound:  # this client slept for longer than an upload may rest
            writer.abort()
            return
        writer.write(layer[30:])
        stored = writer.commit()
        facts = (stored.location, stored.size, digest_of(layer), stored.checksums)
        blob = StagedBlob("shelf", *facts, upload=upload.id)
        with self._shelf.repository.edit() as edit:
            edit.put(path, blob, content_type="text/plain", keep=Keep.WHILE_REFERENCED, linger=LINGER)

    def delete(self) -> None:
        image = f"team/app{self._random.randrange(3)}"
        held = self._shelf.repository.list(f"{image}/manifests/").items
        tags = self._shelf.repository.list(f"{image}/tags/").items
        try:
            with self._shelf.repository.edit("delete") as edit:
                if held:
                    gone = self._random.choice(held).asset
                    assert gone is not None and gone.blob is not None
                    edit.delete(gone.path)
                    for tag in tags:
                        assert tag.asset is not None and tag.asset.blob is not None
                        if tag.asset.blob.digest == gone.blob.digest:
                            edit.delete(tag.asset.path, unless_referenced=True)
        except (AssetNotFound, AssetReferenced):
            return  # another client was faster
        self.deleted += 1


@contextmanager
def repeated(*jobs: Callable[[], None]) -> Iterator[None]:
    """Run each job over and over in a thread of its own; the first error is raised at the end."""
    ended = threading.Event()

    def repeat(job: Callable[[], None]) -> None:
        while not ended.is_set():
            job()
            time.sleep(0.001)

    with ThreadPoolExecutor(len(jobs)) as pool:
        futures = [pool.submit(repeat, job) for job in jobs]
        try:
            yield
        finally:
            ended.set()
    for future in futures:
        future.result()


def broken(shelf: Shelf) -> list[str]:
    """Live assets that need something which is not there, within one snapshot."""
    asset, reference, needed = tables.asset, tables.reference, tables.asset.alias("needed")
    statement = (
        select(asset.c.path)
        .join(reference, reference.c.asset_id == asset.c.id)
        .where(
            asset.c.retired_revision.is_(None),
            ~exists().where(
                needed.c.repository_id == reference.c.repository_id,
                needed.c.path == reference.c.path,
                needed.c.retired_revision.is_(None),
            ),
        )
    )
    with shelf.database.connect() as connection:
        return list(connection.execute(statement).scalars())


def live(shelf: Shelf) -> list[str]:
    asset = tables.asset
    with shelf.database.connect() as connection:
        statement = select(asset.c.path).where(asset.c.retired_revision.is_(None))
        return list(connection.execute(statement).scalars())


def test_no_image_breaks_and_only_named_bytes_are_left(shelf: Shelf) -> None:
    # docker R163
    clients = [Client(shelf, seed) for seed in range(4)]
    known = handlers(shelf.database, shelf.assets, shelf.stores, shelf.uploads, SAFETY)
    abandoned = shelf.stage(b"by a process that died")

    def check() -> None:
        # A manifest of this test goes with its tags, so a tag may be left over; layers never are missing.
        assert [path for path in broken(shelf) if "/manifests/" in path] == []
        time.sleep(0.02)

    collectors = [lambda name=name: known[name](run_of(name)) for name in TASKS]
    with repeated(*(client.act for client in clients), *collectors, *collectors[:3], check):
        deadline = time.monotonic() + PATIENCE
        while min(sum(c.pushed for c in clients) / 60, sum(c.deleted for c in clients) / 20) < 1:
            assert time.monotonic() < deadline, "the clients do not get through"
            time.sleep(0.02)

    while not any("/manifests/" in path for path in live(shelf)):
        clients[0].push()  # by chance, the last thing they did was to delete
    manifests = [path for path in live(shelf) if "/manifests/" in path]
    for path in manifests:
        image, _, digest = path.partition("/manifests/")
        body = shelf.read(path)
        assert digest_of(body) == digest
        for layer in msgspec.json.decode(body)["layers"]:
            assert layer == f"{image}/blobs/{digest_of(shelf.read(layer))}"

    assert abandoned.location in shelf.stored()
    settle(shelf)
    assert [path for path in broken(shelf) if "/manifests/" in path] == []
    assert shelf.stored() == shelf.named()
    assert shelf.rows(tables.upload) == []
    assert {row["digest"] for row in shelf.rows(tables.blob)} == {
        row["digest"] for row in shelf.rows(tables.asset)
    }
    assert all(row["retired"] is None for row in shelf.rows(tables.asset))
    assert needless(shelf) == []


def settle(shelf: Shelf) -> None:
    """Let every linger time pass, then collect all there is, without mercy."""
    for _ in range(2):
        deadline = clock.now() + micros(LINGER)
        while clock.now() <= deadline:
            time.sleep(0.005)
        for name in TASKS:
            shelf.run(name, NONE)


def needless(shelf: Shelf) -> list[str]:
    """Live layers that nothing refers to."""
    asset, reference = tables.asset, tables.reference
    statement = select(asset.c.path).where(
        asset.c.keep == Keep.WHILE_REFERENCED.value,
        ~exists().where(reference.c.path == asset.c.path),
    )
    with shelf.database.connect() as connection:
        return list(connection.execute(statement).scalars())
