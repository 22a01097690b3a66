"""Proxy repositories: a catalog of their own, and an upstream for what it lacks.

Rule 1: `freshness.py` decides, `upstream/` asks, and here is what joins them. Nothing here waits: what must
be asked is raised (`Wanted`), and this runs again when it was.
Rule 2: without the right to populate, or while an upstream is not to be asked, there is what there is.
Rule 3: what was fetched is an asset like any other; what was said of it beside (`UpstreamState`) is no
revision.
Rule 4: an index is what the upstream says, kept as an asset where the index says, and parsed on read.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, TypeVar

from artifactd.auth.principal import Principal, Verb
from artifactd.catalog.apply import Applied
from artifactd.catalog.assets import Asset, Entry, OwnerName, Page
from artifactd.catalog.edit import ChangeSet, DeleteWhere, Edit, Operation, Put, RecordedEdit
from artifactd.clock import SECOND, Micros
from artifactd.db.writer import Turn
from artifactd.errors import ArtifactdError, AssetNotFound, ReadOnly, Unavailable
from artifactd.repositories.catalog import Catalog
from artifactd.repositories.content import Content, GrowingSource, Head, PartSource, UnreadSource
from artifactd.repositories.copies import UNKNOWN, Copies, http_moment
from artifactd.repositories.fetch import SMALL_COPY, Fetch
from artifactd.repositories.freshness import Plan, bearable, plan
from artifactd.repositories.holdings import Holdings
from artifactd.repositories.index import Document, Index
from artifactd.repositories.inquiry import Cache, Inquiry
from artifactd.repositories.kept import Kept as KeptDocument
from artifactd.repositories.publication import Publication
from artifactd.repositories.questions import Questions, Sight
from artifactd.repositories.rights import Rights
from artifactd.upstream.answer import Answer, Facts
from artifactd.upstream.configuration import Upstream
from artifactd.upstream.question import Failed, Grows, Kept, PartSeen, Seen, Source, Wanted
from artifactd.upstream.watch import Watch

T = TypeVar("T")

STALE_AGAIN: Micros = 2 * SECOND
"""How long a stale answer may be repeated before somebody tries again."""


class ProxyRepository:
    """A proxy, bound to `principal`, whose `rights` count, to the moment of its holdings and to a request.

    Implements `Repository`; its contract is there. What reads may also raise `Wanted`, which is the
    gateway's."""

    def __init__(
        self,
        catalog: Catalog,
        holdings: Holdings,
        principal: Principal,
        rights: Rights,
        upstream: Upstream,
        watch: Watch,
        inquiry: Inquiry,
    ) -> None:
        self.name = holdings.record.name
        self.settings = holdings.settings
        self._catalog = catalog
        self._holdings = holdings
        self._record = holdings.record
        self._principal = principal
        self._rights = rights
        self._upstream = upstream
        self._watch = watch
        self._inquiry = inquiry
        self._copies = Copies(catalog, holdings, principal, upstream)
        stores, store_id = catalog.stores, holdings.record.store_id
        self._questions = Questions(
            self.name,
            upstream,
            watch,
            rights,
            inquiry,
            self._copies,
            stores.store(store_id),
            stores.name(store_id),
        )

    def stat(self, path: str) -> Head:
        self._check(Verb.READ, path)
        return self._content(path, bodiless=True).head

    def get(self, path: str, *, derived: str | None = None) -> Content:
        self._check(Verb.READ, path)
        kept = self._canonical(path)
        if derived is None:
            return self._content(path)
        held, depends = self._holdings.find(kept)
        asset = None if held is None else self._content(path).head.asset
        if asset is not None:
            try:
                return self._holdings.derived(asset, derived, depends)
            except AssetNotFound:
                pass  # of a file that could not be looked into
        return self._content(f"{path}.{derived}")

    def list(self, prefix: str, *, after: str = "", limit: int = 1000) -> Page[Entry]:
        self._check(Verb.READ, prefix)
        return self._holdings.children(prefix, after, limit, self._rights)

    def index(self, index: Index[T], key: str, *, right: Verb = Verb.READ) -> Document[T]:
        selection = index.selects(key)
        self._check(right, selection.prefix or f"{selection.name}/")
        return self._document(index, key)

    def permit(self, verb: Verb, path: str = "") -> None:
        self._check(verb, path)
        if verb is Verb.WRITE or (verb is not Verb.READ and self._holdings.past is not None):
            raise ReadOnly(self.name)

    @contextmanager
    def edit(self, message: str = "") -> Iterator[Edit]:
        """Copies can be deleted, and nothing else."""
        if self._holdings.past is not None:
            raise ReadOnly(self.name)
        edit = RecordedEdit(lambda verb, path: self.permit(Verb(verb), path))
        yield edit
        if any(isinstance(operation, Put) for operation in edit.operations):
            raise ReadOnly(self.name)
        if edit.operations:
            operations = tuple(map(self._where_kept, edit.operations))
            changes = ChangeSet(self._record.id, self._principal.name, message, operations)
            edit.revision = self._holdings.apply(changes, lambda path: True, self._forget).revision

    def names(self, *, after: str = "", limit: int | None = None) -> Document[Sequence[OwnerName]]:
        if self._holdings.past is not None:
            self._check(Verb.READ, "")
        return self._holdings.documents.names(self._rights, after, limit)

    def offers(self, path: str) -> bool:
        """Whether this proxy has the asset, or knows where to ask for it: for a group, whose members answer
        for what belongs to their own files only."""
        sight = self.see(path)
        if plan(sight.cached, self._catalog.database.now()) is Plan.ABSENT:
            return False
        return sight.asset is not None or bool(self.fetches(sight.path))

    # As the asker of its questions

    def fetches(self, path: str) -> Sequence[Fetch]:
        """What the format would ask for a path where it is kept."""
        return self._holdings.rules.fetch(
            path, self.settings, _Looking(self._upstream.url, self._document, self._holdings)
        )

    def see(self, asked: str) -> Sight:
        """What is known of a path now, as it was asked for."""
        path = self._canonical(asked)
        asset, depends = self._holdings.find(path)
        immutable = self._holdings.rules.immutable(path, self.settings)
        state = None
        if not immutable or asset is None:
            state = self._catalog.states.find(self._catalog.database, self._record.id, path)
        return Sight(asked, path, asset, state, depends, immutable)

    # Reading

    def _content(self, path: str, *, bodiless: bool = False) -> Content:
        """What is at a path, as it was asked for."""
        gathered = self._gathered(self._canonical(path))
        if gathered is not None:
            return self._of_set(*gathered, self._canonical(path))
        sight = self.see(path)
        path, asset, depends = sight.path, sight.asset, sight.depends
        if asset is not None and (sight.immutable or self._holdings.past is not None):
            self._stands(path, Cache.HIT, None)
            return self._holdings.content(asset, depends)
        if self._holdings.past is not None:
            raise AssetNotFound(self.name, path)
        cached = sight.cached
        match plan(cached, self._catalog.database.now()):
            case Plan.SERVE:
                assert asset is not None
                self._stands(sight.path, Cache.HIT, cached.fresh_until)
                return self._content_of(asset, sight)
            case Plan.ABSENT:
                self._stands(sight.path, Cache.NEGATIVE, cached.negative_until)
                raise AssetNotFound(self.name, path, depends)
        outcome = self._questions.of_bytes(sight, self, bodiless=bodiless or self._inquiry.bodiless)
        match outcome:
            case Kept():
                return self._content_of(self._kept(sight), sight)
            case Failed():
                return self._content_of(self._stale(sight, outcome.error), sight)
            case Grows():
                self._inquiry.stands(Cache.MISS, 0)
                head = self._head(sight, outcome.facts, outcome.growing.size, outcome.source)
                return Content(head, GrowingSource(outcome.growing))
            case Seen():
                self._inquiry.stands(Cache.MISS, 0)
                return Content(self._head(sight, outcome.facts, outcome.size), UnreadSource())
            case PartSeen():
                self._inquiry.stands(Cache.MISS, 0)
                head = self._head(sight, outcome.facts, outcome.size)
                return Content(head, PartSource(outcome.body, outcome.first))
        self._inquiry.stands(Cache.MISS, cached.negative_until or 0)
        raise AssetNotFound(self.name, path, depends)

    def _gathered(self, path: str) -> tuple[Publication, str] | None:
        """The publication of the upstream that a path is a file of, if that is fetched as one set; and its
        key."""
        for publication in self._holdings.rules.publications:
            key = publication.owns(path)
            if key is not None and path in publication.gathers(key):
                return publication, key
        return None

    def _of_set(self, publication: Publication, key: str, path: str) -> Content:
        """A file of a set: as fresh as the set's entry document, and never of another set than that."""
        sight = self.see(publication.entry(key))
        if self._holdings.past is None:
            cached = sight.cached
            match plan(cached, self._catalog.database.now()):
                case Plan.SERVE:
                    self._stands(sight.path, Cache.HIT, cached.fresh_until)
                case Plan.ABSENT:
                    self._stands(sight.path, Cache.NEGATIVE, cached.negative_until)
                    raise AssetNotFound(self.name, path, sight.depends)
                case _:
                    self._ask_for_set(sight, publication, key)
        asset, depends = self._holdings.asset(path)
        if depends is not None and sight.depends is not None:
            depends = (*sight.depends, *depends)
        return self._content_of(asset, replace(sight, depends=depends))

    def _ask_for_set(self, sight: Sight, publication: Publication, key: str) -> None:
        """Have the set of an entry document here, or a stale one that is bearable. Raises what there is
        instead."""

        def read(fetch: Fetch, answers: Sequence[Answer]) -> Source | None:
            return self._copies.gather(fetch, publication, key, answers)

        match self._questions.of_document(sight, self, read):
            case Kept():
                self._kept(sight)
            case Failed() as failed:
                self._stale(sight, failed.error)
            case _:
                self._inquiry.stands(Cache.MISS, sight.cached.negative_until or 0)
                raise AssetNotFound(self.name, sight.path, sight.depends)

    def _document(self, index: Index[T], key: str) -> Document[T]:
        """The document `key`, as it was asked for."""
        sight, key = self.see(index.path(key)), self._canonical(key)
        asset, cached = sight.asset, sight.cached
        if self._holdings.past is None:
            match plan(cached, self._catalog.database.now()):
                case Plan.SERVE:
                    self._stands(sight.path, Cache.HIT, cached.fresh_until)
                case Plan.ABSENT:
                    self._stands(sight.path, Cache.NEGATIVE, cached.negative_until)
                    asset = None
                case _:
                    asset = self._asked_document(sight, index, key)
        if asset is None:
            return Document(index.build(key, ()), 0, 0, sight.depends)
        kept = self._parsed(index, key, asset)
        return Document(kept.value, asset.revision, asset.added, sight.depends, kept.forms)

    def _asked_document(self, sight: Sight, index: Index[Any], key: str) -> Asset | None:
        """The asset that holds a document once the upstream was asked for it, None when it has none."""

        def read(fetch: Fetch, answers: Sequence[Answer]) -> Source | None:
            return self._copies.read(sight.path, fetch, index, key, answers)

        outcome = self._questions.of_document(sight, self, read)
        match outcome:
            case Kept():
                return self._kept(sight)
            case Failed(AssetNotFound()) if sight.asset is None and self._inquiry.may_ask:
                return None  # the upstream cannot have it, and was not asked
            case Failed():
                return self._stale(sight, outcome.error)
        self._inquiry.stands(Cache.MISS, sight.cached.negative_until or 0)
        return None

    def _parsed(self, index: Index[Any], key: str, asset: Asset) -> KeptDocument:
        place = (self._record.id, index.name, key)
        documents = self._catalog.documents
        kept = documents.find(place)
        if kept is not None and kept.stamp == asset.revision:
            return kept
        if self._inquiry.hurried:
            raise Wanted  # a large page takes too long to parse
        with documents.making(place):
            kept = documents.find(place)
            if kept is None or kept.stamp != asset.revision:
                value = self._copies.parsed(index, key, asset)
                kept = KeptDocument(asset.revision, value, index.size(value))
                documents.keep(place, kept)
        return kept

    def _stands(self, path: str, cache: Cache, until: Micros | None) -> None:
        """A part of the answer; what this very request has asked for is no hit."""
        self._inquiry.stands(Cache.MISS if self._questions.was_asked(path) else cache, until)

    def _content_of(self, asset: Asset, sight: Sight) -> Content:
        """A copy, as old as the upstream says it is."""
        content = self._holdings.content(asset, sight.depends)
        if sight.state is None or not sight.state.modified:
            return content
        modified = http_moment(sight.state.modified, asset.added)
        return replace(content, head=replace(content.head, modified=modified))

    def _kept(self, sight: Sight) -> Asset:
        """What has just been kept, or found to be current."""
        self._inquiry.stands(Cache.MISS, sight.cached.fresh_until)
        if sight.asset is None:
            raise Unavailable(f"the copy of {sight.path!r} was deleted in this moment", retry_after=1)
        return sight.asset

    def _stale(self, sight: Sight, error: ArtifactdError) -> Asset:
        """The copy that is served although the upstream could not be asked, or its answer not be used.
        Raises `error` when there is none that is bearable."""
        now = self._catalog.database.now()
        if sight.asset is None or not bearable(sight.cached, now):
            raise error
        checked = 0 if sight.state is None else sight.state.checked
        retry_at = self._watch.retry_at(self._upstream) or 0
        self._inquiry.is_stale(checked, max(retry_at, now + STALE_AGAIN))
        return sight.asset

    def _head(self, sight: Sight, facts: Facts, size: int | None, source: Source | None = None) -> Head:
        """Facts of what is not in the catalog yet: what the format expects of it, and the headers say."""
        told = source or next(iter(self.fetches(sight.path)), None)
        expected = {} if told is None else told.expected
        named = "" if told is None else told.content_type
        modified = http_moment(facts.headers.get("last-modified", ""), self._catalog.database.now())
        return Head(
            size=told.size if size is None and told is not None else size,
            content_type=named or facts.content_type or UNKNOWN,
            etag=f"sha256:{expected['sha256']}" if "sha256" in expected else "",
            modified=modified,
            checksums=expected,
            immutable=sight.immutable,
        )

    def _forget(self, turn: Turn, applied: Applied) -> None:
        for path in applied.changed:
            self._catalog.states.forget(turn, self._record.id, path)

    def _where_kept(self, operation: Operation) -> Operation:
        if isinstance(operation, DeleteWhere):
            asked = operation.selection
            kept = replace(
                asked,
                name=self._canonical(asked.name),
                prefix=asked.prefix and self._canonical(asked.prefix),
            )
            return replace(operation, selection=kept)
        return replace(operation, path=self._canonical(operation.path))

    def _canonical(self, path: str) -> str:
        return self._holdings.rules.canonical(path, self.settings)

    def _check(self, verb: Verb, path: str) -> None:
        self._rights.check(verb, path)
        if self._holdings.past is not None:
            self._rights.check(Verb.HISTORY, path)


class _Looking:
    """Implements `Look`: `read` gives a document of the proxy whose upstream is at `url`."""

    def __init__(
        self, url: str, read: Callable[[Index[Any], str], Document[Any]], holdings: Holdings
    ) -> None:
        self.url = url
        self._read = read
        self._holdings = holdings

    def document(self, index: Index[T], key: str) -> T:
        value: T = self._read(index, key).value
        return value

    def holds(self, path: str) -> bool:
        return self._holdings.find(path)[0] is not None

    def held(self, path: str) -> bytes | None:
        asset, _ = self._holdings.find(path)
        if asset is None or asset.blob is None or asset.blob.size > SMALL_COPY:
            return None
        return self._holdings.read(asset)
