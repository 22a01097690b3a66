"""A shelf on every engine, over memory and over a folder."""

from pathlib import Path

import pytest

from artifactd.blobs.filesystem import FilesystemBlobStore
from artifactd.blobs.memory import MemoryBlobStore
from artifactd.blobs.store import BlobStore
from artifactd.db.writer import Database
from tests.support.clocks import FakeClock
from tests.support.shelves import Shelf


@pytest.fixture(params=["memory", "folder"])
def store(request: pytest.FixtureRequest, tmp_path: Path, clock: FakeClock) -> BlobStore:
    if request.param == "memory":
        return MemoryBlobStore(clock)
    return FilesystemBlobStore(tmp_path / "blobs", sync=False)


@pytest.fixture
def shelf(database: Database, store: BlobStore) -> Shelf:
    return Shelf(database, store)
