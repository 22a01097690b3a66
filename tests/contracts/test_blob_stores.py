"""Every blob store, through the one contract."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from artifactd.blobs.filesystem import FilesystemBlobStore
from artifactd.blobs.memory import MemoryBlobStore
from tests.contracts.blob_store import BlobStoreContract, SharedBlobStoreContract


class TestMemoryBlobStore(BlobStoreContract):
    @pytest.fixture
    def store(self) -> MemoryBlobStore:
        return MemoryBlobStore()


class TestFilesystemBlobStore(SharedBlobStoreContract):
    @pytest.fixture(params=[True, False], ids=["sync", "no sync"])
    def store(self, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[FilesystemBlobStore]:
        store = FilesystemBlobStore(tmp_path / "blobs", sync=request.param)
        yield store
        files = {str(path) for path in tmp_path.rglob("*") if not path.is_dir()}
        assert files == {str(tmp_path / "blobs" / item.location) for item in store.scan()}

    @pytest.fixture
    def reopen(self, tmp_path: Path) -> Callable[[], FilesystemBlobStore]:
        return lambda: FilesystemBlobStore(tmp_path / "blobs")
