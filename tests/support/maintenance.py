"""Maintenance of a server's data from a process of the tests: everything that may end does, at once."""

import hashlib
from datetime import timedelta
from pathlib import Path

from pydantic import SecretStr
from sqlalchemy import select

from artifactd import clock
from artifactd.app import Core
from artifactd.clock import Micros, micros
from artifactd.db import tables
from artifactd.settings import Maintenance, Settings
from artifactd.tasks.task import Task
from tests.support.serving import Running

LATER = timedelta(days=30)
"""Behind every linger time."""

_ZERO = timedelta(0)
UNSPARING = Maintenance(undo_window=_ZERO, orphan_margin=_ZERO, upload_ttl=_ZERO)


def collect(server: Running) -> None:
    """Run every collector in a far future in which nothing is spared. Nobody may push meanwhile."""
    settings = Settings(data=server.data, admin_password=SecretStr("secret"), maintenance=UNSPARING)

    def later() -> Micros:
        return clock.now() + micros(LATER)

    core = Core(settings, now=later)
    try:
        worker = core.worker()
        for _ in range(3):  # a tree of references goes level by level
            for name in ("upload-gc", "collect", "compact", "blob-gc"):
                core.queue.enqueue(Task(name), requested_by="test")
                while worker.run_due():
                    pass
    finally:
        core.close()


def stored(server: Running) -> set[str]:
    """The location of everything in the blob store."""
    with server.core() as core:
        return {file.location for file in core.stores.named("default").scan()}


def referenced(server: Running) -> set[str]:
    """The location of every blob that a live asset names, and of what was derived from these."""
    asset, blob, derived = tables.asset, tables.blob, tables.derived
    live = select(asset.c.store_id, asset.c.digest).where(asset.c.retired_revision.is_(None)).subquery()
    made = select(derived.c.store_id, derived.c.derived_digest.label("digest")).join(
        live,
        (live.c.digest == derived.c.digest)
        & (live.c.store_id == derived.c.store_id)
        & derived.c.content.is_(None),
    )
    with server.core() as core, core.database.connect() as connection:
        return {
            location
            for named in (live, made.subquery())
            for location in connection.execute(
                select(blob.c.location).join(
                    named, (named.c.digest == blob.c.digest) & (named.c.store_id == blob.c.store_id)
                )
            ).scalars()
        }


def known(server: Running) -> set[str]:
    """The location of every blob and upload that has a row."""
    with server.core() as core, core.database.connect() as connection:
        blobs = connection.execute(select(tables.blob.c.location)).scalars()
        uploads = connection.execute(select(tables.upload.c.location)).scalars()
        return {*blobs, *filter(None, uploads)}


def broken(server: Running) -> list[Path]:
    """Files whose bytes are not what their name says."""
    folder = server.data / "blobs"
    return [
        file
        for file in folder.rglob("*.*")
        if file.is_file()
        and not file.name.endswith(".part")
        and hashlib.sha256(file.read_bytes()).hexdigest() != file.name.rpartition(".")[2]
    ]
