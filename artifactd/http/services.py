"""What a handler may use beside its repository: the services, bound to one exchange."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, BinaryIO

from artifactd.auth.authorizer import Authorizer
from artifactd.auth.bearer import Bearer
from artifactd.auth.principal import Access, Principal, Verb
from artifactd.blobs.digest import union
from artifactd.blobs.staging import staged
from artifactd.blobs.store import SHA256, StagedBlob
from artifactd.catalog.assets import GENERATION, Asset, Page
from artifactd.catalog.blob_stores import BlobStores
from artifactd.catalog.directory import Directory
from artifactd.catalog.repositories import RepositoryRecord
from artifactd.catalog.uploads import Upload, Uploads
from artifactd.clock import Micros, micros
from artifactd.errors import RepositoryNotFound, StorageFailure
from artifactd.formats.exchange import Body, FormData
from artifactd.formats.format import Format
from artifactd.http.recollections import Recollections
from artifactd.repositories.catalog import Catalog
from artifactd.repositories.content import Content, StoredSource
from artifactd.repositories.description import Description
from artifactd.repositories.factory import RepositoryFactory
from artifactd.repositories.holdings import head_of
from artifactd.repositories.inquiry import Inquiry
from artifactd.repositories.publication import touched
from artifactd.repositories.repository import Repository
from artifactd.upstream.asking import Upstreams


@dataclass(frozen=True, slots=True)
class Shared:
    """What the bound services of every exchange stand on."""

    directory: Directory
    factory: RepositoryFactory
    authorizer: Authorizer
    bearer: Bearer
    stores: BlobStores
    uploads: Uploads
    upstreams: Upstreams
    clock: Callable[[], Micros]
    recollections: Recollections


class BoundTokens:
    """Implements `TokenIssuer` for one principal at one entry point."""

    def __init__(self, shared: Shared, principal: Principal, entry: str) -> None:
        self._shared = shared
        self._principal = principal
        self._entry = entry

    def allowed(self, repository: str, path: str, verbs: Iterable[Verb]) -> frozenset[Verb]:
        try:
            record = self._shared.directory.find(repository)
        except RepositoryNotFound:
            return frozenset()
        allows = self._shared.authorizer.allows
        return frozenset(
            verb for verb in verbs if allows(self._principal, verb, record.name, record.id, path)
        )

    def issue(
        self,
        access: Sequence[tuple[str, str, frozenset[Verb]]],
        *,
        claims: Mapping[str, Any],
        lifetime: timedelta,
    ) -> str:
        covered: list[Access] = []
        for repository, pattern, verbs in access:
            try:
                record = self._shared.directory.find(repository)
            except RepositoryNotFound:
                continue
            covered.append(Access(record.id, pattern, self._held(record.id, pattern, verbs)))
        now = self._shared.clock()
        return self._shared.bearer.issue(self._principal, self._entry, covered, claims, lifetime, now)

    def _held(self, repository_id: int, pattern: str, verbs: frozenset[Verb]) -> frozenset[Verb]:
        """Those of `verbs` that a scoped credential covers on all of `pattern`: a token never widens the
        one it was asked with."""
        scopes = self._principal.scopes
        if scopes is None:
            return verbs
        return frozenset(
            verb
            for access in scopes.access
            if access.repository_id == repository_id and _contains(access.path, pattern)
            for verb in verbs & access.verbs
        )


def _contains(outer: str, inner: str) -> bool:
    """Whether every path that fits the pattern `inner` certainly fits `outer`."""
    return outer in ("**", inner) or (outer.endswith("/**") and inner.startswith(outer[:-2]))


class BoundUploads:
    """Implements `UploadDesk` for one repository and principal."""

    def __init__(self, shared: Shared, record: RepositoryRecord, principal: Principal) -> None:
        self._shared = shared
        self._record = record
        self._principal = principal

    def start(self, name: str, algorithms: Sequence[str] = ()) -> Upload:
        record = self._record
        return self._shared.uploads.start(record.id, name, self._principal.id, record.store_id, algorithms)

    def find(self, id: str, name: str) -> Upload:
        return self._shared.uploads.find(id, self._record.id, name, self._principal.id)

    def cancel(self, upload: Upload) -> None:
        uploads = self._shared.uploads
        leased, _ = uploads.lease(upload)
        uploads.end(leased)
        if leased.location is not None:
            self._shared.stores.store(leased.store_id).delete(leased.location)


class BoundServices:
    """Implements `Services` for one exchange."""

    def __init__(
        self,
        shared: Shared,
        format: Format,
        principal: Principal,
        entry: str,
        record: RepositoryRecord | None,
        inquiry: Inquiry | None = None,
        client: str = "",
    ) -> None:
        self._client = client
        self._inquiry = inquiry
        self._shared = shared
        self._format = format
        self._principal = principal
        self._entry = entry
        self._record = record
        self._staged: list[StagedBlob] = []

    @property
    def tokens(self) -> BoundTokens:
        return BoundTokens(self._shared, self._principal, self._entry)

    @property
    def uploads(self) -> BoundUploads:
        assert self._record is not None, "a route of scope 'format' has no repository to upload to"
        return BoundUploads(self._shared, self._record, self._principal)

    def now(self) -> Micros:
        return self._shared.clock()

    def held(self, path: str, *, beside: Asset | None = None) -> Asset | None:
        assert self._record is not None, "a route of scope 'format' has no repository to ask"
        factory = self._shared.factory
        place = (factory.writable(self._record) or self._record).id
        if beside is not None:
            place = beside.repository_id
        return factory.catalog.assets.find(factory.catalog.database, place, path)

    def stage(self, chunks: Iterable[bytes], *, checksums: Sequence[str] = ()) -> StagedBlob:
        assert self._record is not None, "a route of scope 'format' has no repository to store in"
        stores, store_id = self._shared.stores, self._record.store_id
        writer = stores.store(store_id).create(union(SHA256, checksums))
        try:
            for chunk in chunks:
                writer.write(chunk)
        except BaseException:
            writer.abort()
            raise
        made = staged(stores.name(store_id), writer.commit())
        self._staged.append(made)
        return made

    def open(self, blob: StagedBlob) -> BinaryIO:
        assert self._record is not None, "a route of scope 'format' has no repository to store in"
        return self._shared.stores.store(self._record.store_id).open(blob.location)

    def describe(self, path: str, content_type: str, blob: StagedBlob) -> Description:
        with self.open(blob) as file:
            return self._format.describe(path, content_type, file)

    @contextmanager
    def dropping(self, body: Body) -> Iterator[None]:
        """When the block raises, drop what was staged for it and no edit has named: the body, and what
        `stage` made. The bytes of an upload stay the upload's."""
        try:
            yield
        except StorageFailure:
            raise  # nobody knows whether an edit has named them: blob GC finds out
        except Exception:
            file = body.file if isinstance(body, FormData) else body
            for blob in (*self._staged, *([file] if isinstance(file, StagedBlob) else ())):
                if self._record is not None and blob.upload is None:
                    self._shared.factory.catalog.drop(self._record.store_id, blob)
            raise

    def published(self, path: str, revision: int | None) -> Callable[[], bool]:
        assert self._record is not None, "a route of scope 'format' has no repository that publishes"
        factory = self._shared.factory
        record = factory.writable(self._record) or self._record
        rules, settings = factory.rules(record), factory.settings(record)
        entries = [
            publication.entry(key)
            for publication in rules.publications
            for key in touched(publication, [path], settings)
        ]

        def ready() -> bool:
            return revision is None or all(
                _made_from(factory.catalog, record, e) >= revision for e in entries
            )

        return ready

    def remember(self, key: str, content: Content, lasting: timedelta) -> None:
        asset = content.head.asset
        if asset is not None:  # else it is on its way, and nobody has it yet
            self._shared.recollections.keep(self._named(key), asset.id, self.now() + micros(lasting))

    def recall(self, key: str) -> Content | None:
        number = self._shared.recollections.find(self._named(key), self.now())
        catalog, stores = self._shared.factory.catalog, self._shared.stores
        asset = None if number is None else catalog.assets.numbered(catalog.database, number)
        if asset is None or asset.blob is None or asset.withheld is not None:
            return None
        source = StoredSource(stores.named(asset.blob.store), asset.blob.location)
        return Content(head_of(asset, immutable=False), source)

    def _named(self, key: str) -> str:
        """A key of the format's, for this repository at this moment of its history, and this client."""
        assert self._record is not None, "a route of scope 'format' has no repository"
        return "\n".join((str(self._record.id), str(self._principal.id), self._client, key))

    def repository(self, name: str) -> Repository:
        record = self._shared.directory.find(name)
        if record.format != self._format.name:
            raise RepositoryNotFound(name)
        return self._shared.factory.open(record, self._principal, inquiry=self._inquiry)

    def names(self, *, after: str, limit: int) -> Page[str]:
        behind_repository, _, behind_name = after.partition("/")
        found: list[str] = []
        for record in self._shared.directory.all():
            if record.format != self._format.name or record.name < behind_repository or not record.online:
                continue
            start = behind_name if record.name == behind_repository else ""
            repository = self._shared.factory.open(record, self._principal)
            wanted = limit + 1 - len(found)
            names = repository.names(after=start, limit=wanted).value
            found += [f"{record.name}/{name.path}" for name in names]
            if len(found) > limit:
                return Page(found[:limit], found[limit - 1])
        return Page(found, None)


def _made_from(catalog: Catalog, record: RepositoryRecord, entry: str) -> int:
    """The revision that the newest generation was made from, 0 when there is none."""
    asset = catalog.assets.find(catalog.database, record.id, entry)
    notes = None if asset is None else asset.attributes.get(GENERATION)
    return 0 if notes is None else int(notes["revision"])
