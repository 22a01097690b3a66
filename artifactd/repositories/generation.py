"""A generation of a publication in the making: what its publisher reads from, and writes to."""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from types import TracebackType
from typing import Any, BinaryIO

from artifactd.auth.openpgp import OpenPgpKey, OpenPgpKeys
from artifactd.auth.signing import SigningKey, SigningKeys
from artifactd.blobs.digest import union
from artifactd.blobs.staging import staged
from artifactd.blobs.store import SHA256, Blob, BlobWriter, StagedBlob
from artifactd.catalog.assets import Asset
from artifactd.catalog.repositories import RepositoryRecord
from artifactd.errors import AssetNotFound
from artifactd.repositories.catalog import Catalog
from artifactd.repositories.content import Content
from artifactd.repositories.publication import Publication
from artifactd.repositories.waiting import WaitingReader
from artifactd.tasks.task import TaskRun, TaskStopped


class Inputs:
    """Implements `PublicationInputs` as of `revision`."""

    def __init__(
        self,
        catalog: Catalog,
        record: RepositoryRecord,
        settings: Any,
        publication: Publication,
        key: str,
        revision: int,
        run: TaskRun,
        signed_with: str = "",
    ) -> None:
        self._catalog = catalog
        self._record = record
        self._settings = settings
        self._publication = publication
        self._prefix = publication.selects(key)
        self._revision = revision
        self._run = run
        self._keys = signed_with

    @property
    def settings(self) -> Any:
        return self._settings

    def hash(self) -> str:
        """What the inputs are. A row is never rewritten, so its path and revision say all of it."""
        facts = [self._publication.name, self._publication.version, dict(self._record.settings), self._keys]
        hashed = hashlib.sha256(json.dumps(facts, sort_keys=True).encode())
        for path, revision in self.rows():
            hashed.update(f"\n{path}\n{revision}".encode())
        return hashed.hexdigest()

    def rows(self) -> Iterator[tuple[str, int]]:
        assets, database = self._catalog.assets, self._catalog.database
        for row in assets.rows_below(database, self._record.id, self._prefix, self._revision):
            if self._publication.owns(row[0]) is None:
                yield row

    def asset(self, path: str) -> Asset:
        assets, database = self._catalog.assets, self._catalog.database
        asset = assets.find(database, self._record.id, path, self._revision)
        if asset is None:
            raise AssetNotFound(self._record.name, path)
        return asset

    def __iter__(self) -> Iterator[Asset]:
        assets, database = self._catalog.assets, self._catalog.database
        below = assets.below(database, self._record.id, self._prefix, self._revision)
        for count, asset in enumerate(below, 1):
            if self._run.cancelled():
                raise TaskStopped
            self._run.progress(count)
            if asset.withheld is None and self._publication.owns(asset.path) is None:
                yield asset

    def open(self, asset: Asset) -> BinaryIO:
        if asset.blob is None:
            raise AssetNotFound(self._record.name, asset.path)
        return self._catalog.stores.store(self._record.store_id).open(asset.blob.location)

    def derived(self, asset: Asset, kind: str) -> bytes:
        derived = self._catalog.assets.derived(self._catalog.database, self._record.store_id, asset, kind)
        if derived is None:
            raise AssetNotFound(self._record.name, f"{asset.path} ({kind})")
        if isinstance(derived.document, bytes):
            return derived.document
        with self._catalog.stores.store(self._record.store_id).open(derived.document.location) as file:
            return file.read()


@dataclass(frozen=True, slots=True)
class File:
    """A file of the generation."""

    blob: StagedBlob | Blob
    content_type: str


class MergeMember:
    """Implements `PublicationMember` for the member of this name, which `reader` reads. `entry`: its entry
    document as it is when the merge begins."""

    def __init__(
        self,
        name: str,
        *,
        asks_upstream: bool,
        reader: WaitingReader,
        entry: tuple[str, Content],
        allows: Callable[[str], bool],
    ) -> None:
        self.name = name
        self.asks_upstream = asks_upstream
        self.allows = allows
        self._reader = reader
        self._entry = entry

    def open(self, path: str) -> BinaryIO:
        entry, content = self._entry
        return self._reader.open(content if path == entry else self._reader.stored(path))


@dataclass(frozen=True, slots=True)
class MergeInputs:
    """Implements `GroupInputs`."""

    settings: Any
    members: Sequence[MergeMember]


class Writer:
    """Implements `PublicationWriter`. What was staged is dropped at the end of its block, but for the files
    that were handed over."""

    def __init__(
        self, catalog: Catalog, record: RepositoryRecord, keys: SigningKeys, openpgp: OpenPgpKeys
    ) -> None:
        self.state: Mapping[str, Any] = {}
        self.files: dict[str, File] = {}
        self._store_name = catalog.stores.name(record.store_id)
        self._store = catalog.stores.store(record.store_id)
        self._repository_id = record.id
        self._keys = keys
        self._openpgp = openpgp
        self._staged: dict[str, StagedBlob] = {}

    def __enter__(self) -> "Writer":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for location in self._staged:
            self._store.delete(location)

    @property
    def public_key(self) -> bytes:
        return self._key.public

    def sign(self, data: bytes) -> bytes:
        return self._key.sign(data)

    @property
    def openpgp_key(self) -> bytes:
        return self._openpgp_key.public

    def sign_openpgp(self, data: bytes) -> bytes:
        return self._openpgp_key.sign(data)

    @contextmanager
    def create(self, *, checksums: Iterable[str] = ()) -> Iterator["_Staging"]:
        writer = self._store.create(union(SHA256, tuple(checksums)))
        try:
            yield _Staging(self, writer)
        finally:
            writer.abort()  # does nothing to one that was finished

    def add(self, path: str, file: StagedBlob | Blob | bytes, *, content_type: str) -> None:
        if isinstance(file, bytes):
            with self.create() as staging:
                staging.write(file)
                file = staging.finish()
        self.files[path] = File(file, content_type)

    def hand_over(self) -> Mapping[str, File]:
        """The files, which are from now on whoever's task it is to store or to drop."""
        for file in self.files.values():
            self._staged.pop(file.blob.location, None)
        return self.files

    def stage(self, writer: BlobWriter) -> StagedBlob:
        """The bytes of a writer, complete."""
        blob = staged(self._store_name, writer.commit())
        self._staged[blob.location] = blob
        return blob

    @cached_property
    def _openpgp_key(self) -> OpenPgpKey:
        return self._openpgp.of(self._repository_id)

    @cached_property
    def _key(self) -> SigningKey:
        return self._keys.of(self._repository_id)


class _Staging:
    """Implements `PublishedFile`."""

    def __init__(self, out: Writer, writer: BlobWriter) -> None:
        self._out = out
        self._writer = writer

    def write(self, data: bytes) -> None:
        self._writer.write(data)

    def finish(self) -> StagedBlob:
        return self._out.stage(self._writer)
