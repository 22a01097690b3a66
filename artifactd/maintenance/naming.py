"""Whether a row names a blob: asked here alone, by whoever would let one go."""

from sqlalchemy import ColumnElement, exists, or_

from artifactd.db import tables


def is_named() -> ColumnElement[bool]:
    """Whether any asset row, live or retired, or the derived row of another blob names the blob of the
    enclosing statement. True or false only within a write turn."""
    asset, blob, derived = tables.asset, tables.blob, tables.derived
    return or_(
        exists()
        .where(asset.c.store_id == blob.c.store_id, asset.c.digest == blob.c.digest)
        .correlate(blob),
        exists()
        .where(
            derived.c.store_id == blob.c.store_id,
            derived.c.derived_digest == blob.c.digest,
            derived.c.content.is_(None),
            derived.c.digest != blob.c.digest,  # what is derived from itself would stay for ever
        )
        .correlate(blob),
    )
