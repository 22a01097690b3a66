"""Bytes that are in a blob store and wait for the edit that names them."""

from artifactd.blobs.digest import Digest
from artifactd.blobs.store import BlobStore, StagedBlob, Stored


def staged(store_name: str, stored: Stored, upload: str | None = None) -> StagedBlob:
    """Committed bytes as what an edit takes."""
    digest = Digest(f"sha256:{stored.checksums['sha256']}")
    return StagedBlob(store_name, stored.location, stored.size, digest, stored.checksums, upload)


def stage(store: BlobStore, store_name: str, data: bytes) -> StagedBlob:
    """Put bytes that are in memory into a store. Raises StorageFailure, and then nothing is kept."""
    writer = store.create()
    try:
        writer.write(data)
        return staged(store_name, writer.commit())
    except BaseException:
        writer.abort()
        raise
