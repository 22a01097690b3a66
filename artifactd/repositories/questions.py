"""What a proxy asks its upstream, for one request.

Rule 1: a question that has been answered is not asked again: its outcome is the request's.
Rule 2: a question that is not to be asked has an outcome, too: why not.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from artifactd.auth.principal import Verb
from artifactd.blobs.store import BlobStore
from artifactd.catalog.assets import Asset
from artifactd.catalog.upstream_states import UpstreamState
from artifactd.errors import ArtifactdError, AssetNotFound, Forbidden, Unauthenticated, Unavailable
from artifactd.repositories.copies import Copies, absolute
from artifactd.repositories.documents import Depends
from artifactd.repositories.fetch import Fetch
from artifactd.repositories.freshness import Cached
from artifactd.repositories.inquiry import Inquiry
from artifactd.repositories.rights import Rights
from artifactd.upstream.answer import Answer
from artifactd.upstream.configuration import Upstream
from artifactd.upstream.question import (
    Aim,
    Failed,
    Held,
    Key,
    Outcome,
    Question,
    Source,
    Wanted,
    Whole,
)
from artifactd.upstream.watch import Watch

Read = Callable[[Fetch, Sequence[Answer]], Source | None]
"""Takes a document's answers so far: where it goes on, or None once it is kept."""


@dataclass(frozen=True, slots=True)
class Sight:
    """What is known of a path before its upstream is asked. `asked` is how the request wrote it, which is
    what rights are about: grants and the scopes of tokens are in the words of clients. `path` is where it
    is kept. `depends`: the counters from before it was looked for."""

    asked: str
    path: str
    asset: Asset | None
    state: UpstreamState | None
    depends: Depends | None
    immutable: bool

    def differs(self, other: "Sight") -> bool:
        """Whether the upstream was asked between the two."""
        mine, theirs = self.asset, other.asset
        if (mine is None) != (theirs is None) or (mine and theirs and mine.id != theirs.id):
            return True
        return (self.state and self.state.checked) != (other.state and other.state.checked)

    @property
    def cached(self) -> Cached:
        """The same, as `freshness.py` decides by it."""
        held, state = self.asset is not None, self.state
        if state is None:
            return Cached(held, self.immutable)
        return Cached(held, self.immutable, state.fresh_until, state.stale_until, state.negative_until)


class Asker(Protocol):
    """The proxy that a question is for."""

    def fetches(self, path: str) -> Sequence[Fetch]:
        """What its format would ask for a path."""
        ...

    def see(self, asked: str) -> Sight:
        """What is known of a path now."""
        ...


class Questions:
    """Questions of the proxy called `name`; bytes go to `blobs`, the blob store called `blob_store`."""

    def __init__(
        self,
        name: str,
        upstream: Upstream,
        watch: Watch,
        rights: Rights,
        inquiry: Inquiry,
        copies: Copies,
        blobs: BlobStore,
        blob_store: str,
    ) -> None:
        self._name = name
        self._upstream = upstream
        self._watch = watch
        self._rights = rights
        self._inquiry = inquiry
        self._copies = copies
        self._blobs = blobs
        self._blob_store = blob_store

    def of_bytes(self, sight: Sight, asker: Asker, *, bodiless: bool) -> Outcome:
        """How asking for an asset has ended. Raises Wanted until it has."""
        span = "" if bodiless or sight.asset is not None else self._inquiry.span
        known = self._known(sight.path, Aim.STORE)
        if known is None and bodiless:
            known = self._known(sight.path, Aim.LOOK)
        if known is None and span:
            known = self._known(sight.path, Aim.PART, span)
            if isinstance(known, Whole):
                known, span = None, ""
        return known or self._asked(sight, asker, None, bodiless=bodiless, span=span)

    def of_document(self, sight: Sight, asker: Asker, read: Read) -> Outcome:
        """How asking for a document, of which `read` takes the answers, has ended. Raises Wanted until it
        has."""
        return self._known(sight.path, Aim.READ) or self._asked(sight, asker, read)

    def was_asked(self, path: str) -> bool:
        """Whether this request has asked for what is at a path now."""
        mine = (self._upstream.repository_id, path)
        return any(key[:2] == mine for key in self._inquiry.outcomes)

    def _known(self, path: str, aim: Aim, span: str = "") -> Outcome | None:
        return self._inquiry.outcomes.get(self._key(path, aim, span))

    def _key(self, path: str, aim: Aim, span: str = "") -> Key:
        return self._upstream.repository_id, path, aim, span

    def _asked(
        self,
        sight: Sight,
        asker: Asker,
        read: Read | None,
        *,
        bodiless: bool = False,
        span: str = "",
    ) -> Failed:
        """Raise what must be asked, or tell why it is not."""
        if self._inquiry.hurried:
            raise Wanted  # finding out what to ask may take long
        refusal = self._refusal(sight.asked)
        if refusal is not None:
            return Failed(refusal)
        try:
            fetches = asker.fetches(sight.path)
        except Unavailable as error:  # the page that says where it is
            return Failed(error)
        if not fetches:
            return Failed(AssetNotFound(self._name, sight.path, sight.depends))
        streams = not any(fetch.whole for fetch in fetches)
        if read is not None:
            aim = Aim.READ
        elif bodiless and streams:
            aim = Aim.LOOK
        elif span and streams:
            aim = Aim.PART
        else:
            aim = Aim.STORE
        key_of = self._key(sight.path, aim, span if aim is Aim.PART else "")
        raise Wanted([self._question(key_of, sight, asker, fetches, read)])

    def _refusal(self, path: str) -> ArtifactdError | None:
        """Why the upstream is not asked for a path, if it is not."""
        if not self._inquiry.may_ask:
            return AssetNotFound(self._name, path)
        try:
            self._rights.check(Verb.POPULATE, path)
        except (Unauthenticated, Forbidden) as error:
            return error
        return self._watch.refusal(self._upstream)

    def _question(
        self,
        key_of: Key,
        sight: Sight,
        asker: Asker,
        fetches: Sequence[Fetch],
        read: Read | None,
    ) -> Question:
        path, copies, first = sight.path, self._copies, fetches[0]
        return Question(
            key=key_of,
            upstream=self._upstream,
            sources=[
                Source(
                    absolute(self._upstream, fetch.url),
                    fetch.accept,
                    fetch.expected,
                    fetch.size,
                    fetch.content_type,
                    fetch.stated,
                    fetch.checksums,
                    no_page=fetch.no_page,
                )
                for fetch in fetches
            ],
            blobs=self._blobs,
            blob_store=self._blob_store,
            settled=lambda: asker.see(sight.asked).differs(sight),
            confirm=lambda: copies.confirm(path, first, sight.state),
            miss=lambda: copies.miss(path, first, sight.asset, sight.state),
            store=lambda blob, facts: copies.store(path, first, blob, facts),
            read=lambda answers: None if read is None else read(first, answers),
            held=_held(sight, first, document=read is not None),
            whole=first.whole,
            span=key_of[3],
        )


def _held(sight: Sight, fetch: Fetch, *, document: bool) -> Held | None:
    """The copy at hand, as the upstream is asked about it. Documents that go on at further addresses have
    no HEAD that would speak for all of them."""
    asset, state, unchanged = sight.asset, sight.state, fetch.unchanged
    if asset is None:
        return None
    etag, modified = ("", "") if state is None else (state.etag, state.modified)
    if unchanged is None or document:
        return Held(etag, modified)
    attributes = asset.attributes
    return Held(etag, modified, lambda facts: unchanged(facts, attributes))
