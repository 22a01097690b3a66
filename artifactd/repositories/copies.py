"""What becomes of a proxy's answers: copies in its catalog, and what is remembered of them.

Everything here runs in worker threads, after an upstream has answered and with no lock held.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Final, TypeVar
from urllib.parse import urljoin

from artifactd.auth.principal import Principal
from artifactd.blobs.digest import of_bytes
from artifactd.blobs.staging import stage
from artifactd.blobs.store import StagedBlob
from artifactd.catalog.apply import Applied
from artifactd.catalog.assets import Asset, Reference
from artifactd.catalog.edit import ChangeSet, Delete, Operation, Put
from artifactd.catalog.upstream_states import UpstreamState
from artifactd.clock import SECOND, Micros, micros
from artifactd.db.writer import Turn
from artifactd.errors import ArtifactdError, AssetNotFound, Invalid, UpstreamInvalid
from artifactd.repositories.catalog import Catalog
from artifactd.repositories.description import Description
from artifactd.repositories.fetch import Fetch
from artifactd.repositories.holdings import MODIFIED, Holdings
from artifactd.repositories.index import Index, More
from artifactd.repositories.kept import Kept as KeptDocument
from artifactd.repositories.publication import Gathered, Publication
from artifactd.tasks.task import Task
from artifactd.upstream.answer import Answer, Facts
from artifactd.upstream.configuration import Upstream
from artifactd.upstream.question import Source
from artifactd.upstream.response import following_url

T = TypeVar("T")

UNKNOWN: Final = "application/octet-stream"

DOUBTED_FOR: Final[Micros] = 30 * SECOND
"""How long a copy is kept in use after the upstream has denied it once."""


AWAITED_FOR: Final[Micros] = 20 * SECOND
"""How long the files of a newer set are waited for before its entry document is looked at again."""


class Copies:
    """Writes the copies of one proxy."""

    def __init__(
        self, catalog: Catalog, holdings: Holdings, principal: Principal, upstream: Upstream
    ) -> None:
        self._catalog = catalog
        self._holdings = holdings
        self._record = holdings.record
        self._principal = principal
        self._upstream = upstream

    def store(self, path: str, fetch: Fetch, blob: StagedBlob, facts: Facts) -> None:
        """Verified bytes become the asset at `path`, and at the other paths that they are known by."""
        content_type = fetch.content_type or facts.content_type or UNKNOWN
        modified = _modified(facts, self._catalog.database.now())
        try:
            description = self._describe(path, content_type, blob)
            operations: list[Operation] = [
                _put(alias, blob, content_type, self._describe(alias, content_type, blob), modified)
                for alias in description.aliases
            ]
        except ArtifactdError:
            self._catalog.drop(self._record.store_id, blob)
            raise
        operations.append(_put(path, blob, content_type, description, modified))
        self._apply(f"fetch {path}", path, operations, self._state(fetch, facts))

    def read(
        self, path: str, fetch: Fetch, index: Index[Any], key: str, answers: Sequence[Answer]
    ) -> Source | None:
        """A document's answers so far: where it goes on, or None once they are kept at `path`."""
        value = index.parse(key, answers)
        if isinstance(value, More):
            return self._following(value, fetch, answers)
        parts = [
            {"url": each.facts.url, "headers": _remembered(each.facts), "size": len(each.body)}
            for each in answers
        ]
        body = b"".join(answer.body for answer in answers)
        stores, store_id = self._catalog.stores, self._record.store_id
        put = Put(
            path,
            stage(stores.store(store_id), stores.name(store_id), body),
            answers[0].facts.content_type or UNKNOWN,
            attributes={"answers": parts},
        )
        applied = self._apply(f"fetch {path}", path, [put], self._state(fetch, answers[0].facts))
        if applied.revision is not None:
            place = (self._record.id, index.name, key)
            kept = KeptDocument(applied.revision, value, index.size(value))
            self._catalog.documents.keep(place, kept)
        return None

    def gather(
        self, fetch: Fetch, publication: Publication, key: str, answers: Sequence[Answer]
    ) -> Source | None:
        """The answers so far for a publication that the upstream has made: where it goes on, or None once
        its files are kept, in one edit. A set that replaces another waits for the files that it needs:
        until they are here, the other one stays."""
        gathered = publication.gather(key, answers)
        if isinstance(gathered, More):
            return self._following(gathered, fetch, answers)
        entry = publication.entry(key)
        held = {path for path in publication.gathers(key) if self._holds(path)}
        for path in gathered.doubtful:
            if path in held:
                raise UpstreamInvalid(f"what the upstream sends as {path!r} is no such file")
        missing = [path for path in gathered.needs if not self._holds(path)] if entry in held else []
        if missing or self._is_half(entry, gathered):
            self._await(entry, missing)
            return None
        stores, store_id = self._catalog.stores, self._record.store_id
        store, name = stores.store(store_id), stores.name(store_id)
        operations: list[Operation] = [
            Put(path, stage(store, name, body), content_type)
            for path, (body, content_type) in gathered.files.items()
        ]
        operations += [Delete(path) for path in sorted(held - gathered.files.keys())]
        self._apply(f"fetch {entry}", entry, operations, self._state(fetch, answers[0].facts))
        return None

    def parsed(self, index: Index[T], key: str, asset: Asset) -> T:
        """The document that is kept as an asset."""
        body, start = self._holdings.read(asset), 0
        answers: list[Answer] = []
        # One that was fetched as a file, since a client asked for that first, is one answer.
        whole = {"url": "", "headers": {"content-type": asset.content_type}, "size": len(body)}
        for part in asset.attributes.get("answers", [whole]):
            end = start + part["size"]
            answers.append(Answer(Facts(part["url"], part["headers"]), body[start:end]))
            start = end
        value = index.parse(key, answers)
        if isinstance(value, More):
            raise UpstreamInvalid(f"the copy of {asset.path!r} is not whole")
        return value

    def confirm(self, path: str, fetch: Fetch, state: UpstreamState | None) -> None:
        """The copy at `path` is current."""
        known = {} if state is None else {"etag": state.etag, "last-modified": state.modified}
        self._note(path, self._state(fetch, Facts("", known)))

    def miss(self, path: str, fetch: Fetch, asset: Asset | None, state: UpstreamState | None) -> bool:
        """The upstream has nothing at `path`; whether that is believed. What was there a moment ago is
        given a second chance: many an index is moved about while it is asked."""
        now = self._catalog.database.now()
        misses = 1 if state is None else state.misses + 1
        negative_for = micros(self._upstream.negative_for)
        if fetch.negative_for is not None:
            negative_for = min(negative_for, micros(fetch.negative_for))
        if asset is not None and misses == 1 and state is not None:
            until = now + min(negative_for, DOUBTED_FOR)
            self._note(path, replace(state, fresh_until=until, misses=misses))
            return False
        absent = UpstreamState("", "", now, 0, 0, misses, now + negative_for)
        if asset is None:
            self._note(path, absent)
        else:
            try:
                self._apply(f"gone upstream: {path}", path, [Delete(path)], absent)
            except AssetNotFound:
                self._note(path, absent)
        return True

    def _following(self, more: More, fetch: Fetch, answers: Sequence[Answer]) -> Source:
        url = following_url(answers[-1].facts.url, more.url)
        if url is None:
            raise UpstreamInvalid(
                f"a document of the upstream of repository {self._record.name!r} goes on elsewhere"
            )
        return Source(url, fetch.accept, optional=more.optional)

    def _holds(self, path: str) -> bool:
        return self._holdings.find(path)[0] is not None

    def _is_half(self, entry: str, gathered: Gathered) -> bool:
        """Whether the upstream has replaced the entry document, and not yet what signs it."""
        if not self._holds(entry) or self._is_held(entry, gathered):
            return False
        return any(self._is_held(path, gathered) for path in gathered.vouching)

    def _is_held(self, path: str, gathered: Gathered) -> bool:
        """Whether what came for a path is what is held there."""
        held, _ = self._holdings.find(path)
        if held is None or held.blob is None or path not in gathered.files:
            return False
        return held.blob.digest == of_bytes(gathered.files[path][0])

    def _await(self, entry: str, paths: Sequence[str]) -> None:
        """Have the files of a newer set fetched, and look for it again when they may be here."""
        state = self._catalog.states.find(self._catalog.database, self._record.id, entry)
        now = self._catalog.database.now()
        known = state or UpstreamState("", "", now, None, None)
        arguments = {"repository": self._record.id, "paths": paths, "then": entry}
        task = Task("prefetch", f"{self._record.id}/{entry}", arguments)

        def job(turn: Turn) -> None:
            later = replace(known, checked=now, fresh_until=now + AWAITED_FOR)
            self._catalog.states.note(turn, self._record.id, entry, later)
            for path in paths:  # the upstream has them now, or will soon
                self._catalog.states.forget(turn, self._record.id, path)
            if paths:
                self._catalog.queue.enqueue(task, requested_by=self._principal.name, turn=turn)

        self._catalog.database.write(job)

    def _state(self, fetch: Fetch, facts: Facts) -> UpstreamState:
        now = self._catalog.database.now()
        freshness, upstream = fetch.freshness, self._upstream
        if freshness.fresh_for is None:
            return UpstreamState("", "", now, None, None)
        fresh_for = freshness.fresh_for if upstream.fresh_for is None else upstream.fresh_for
        stale_for = freshness.stale_for if upstream.stale_for is None else upstream.stale_for
        fresh_until = _until(now, fresh_for)
        stale_until = None if fresh_until is None else _until(fresh_until, stale_for)
        headers = facts.headers
        etag, modified = headers.get("etag", ""), headers.get("last-modified", "")
        return UpstreamState(etag, modified, now, fresh_until, stale_until)

    def _describe(self, path: str, content_type: str, blob: StagedBlob) -> Description:
        """The facts of a file. One that its format cannot read is served all the same: it is the
        upstream's, and its client may know better."""
        store = self._catalog.stores.store(self._record.store_id)
        with store.open(blob.location) as file:
            try:
                return self._holdings.rules.describe(path, content_type, file)
            except Invalid:
                return Description()

    def _apply(
        self, message: str, path: str, operations: Sequence[Operation], state: UpstreamState
    ) -> Applied:
        changes = ChangeSet(self._record.id, self._principal.name, message, operations)

        def then(turn: Turn, applied: Applied) -> None:
            self._catalog.states.note(turn, self._record.id, path, state)

        return self._holdings.apply(changes, lambda path: True, then)

    def _note(self, path: str, state: UpstreamState) -> None:
        self._catalog.database.write(
            lambda turn: self._catalog.states.note(turn, self._record.id, path, state)
        )


def absolute(upstream: Upstream, url: str) -> str:
    """Where a fetch goes: `url` may be relative to the upstream's, and is never taken for a scheme."""
    return url if url.startswith(("https://", "http://")) else urljoin(upstream.url, f"./{url}")


def http_moment(text: str, otherwise: Micros) -> Micros:
    """A date of HTTP (RFC 9110, section 5.6.7), or `otherwise` for what is none or lies ahead."""
    try:
        found = parsedate_to_datetime(text)
        if found.tzinfo is None:
            found = found.replace(tzinfo=UTC)
        return min(int(found.timestamp()) * SECOND, otherwise)
    except (ValueError, OverflowError):
        return otherwise


def _modified(facts: Facts, now: Micros) -> Mapping[str, Any]:
    """When the upstream's file was last changed, as an attribute of the copy: it is the copy's date, too
    (maven R109)."""
    said = facts.headers.get("last-modified", "")
    modified = http_moment(said, now) if said else now
    return {MODIFIED: modified} if modified < now else {}


def _put(
    path: str, blob: StagedBlob, content_type: str, description: Description, more: Mapping[str, Any]
) -> Put:
    """A copy needs nothing that is not here: the rest comes when it is asked for (docker R187)."""
    return Put(
        path,
        blob,
        content_type,
        coordinates=description.coordinates,
        attributes={**description.attributes, **more},
        label=description.label,
        references=[Reference(each.path, each.kind) for each in description.references],
        derived=description.derived,
    )


def _until(since: Micros, duration: timedelta | None) -> Micros | None:
    """The end of a duration; None, and one below zero, never ends."""
    return None if duration is None or duration < timedelta(0) else since + micros(duration)


def _remembered(facts: Facts) -> dict[str, str]:
    """The headers that a document is parsed with."""
    return {name: facts.headers[name] for name in ("content-type", "link") if name in facts.headers}
