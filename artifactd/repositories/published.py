"""What a group has published: files that a task made from its members' publications.

Rule 1: they are assets of the group itself, switched like those of a hosted repository. Whoever asks gets
the generation there is; that a member has another one since is noticed here, and a task makes the next.
Rule 2: everything of all members has gone into it, so it takes the right to read on all of them.
Rule 3: before there is a first generation, the answer waits for it.
"""

from collections.abc import Sequence
from typing import Final

from artifactd.auth.principal import Verb
from artifactd.catalog.assets import GENERATION, Asset, Entry, Page
from artifactd.clock import SECOND, Micros
from artifactd.errors import (
    ArtifactdError,
    AssetNotFound,
    Forbidden,
    Unauthenticated,
    Unavailable,
    UpstreamInvalid,
)
from artifactd.repositories.catalog import Catalog
from artifactd.repositories.content import Content
from artifactd.repositories.holdings import Holdings
from artifactd.repositories.inquiry import Cache, Inquiry
from artifactd.repositories.member import Member
from artifactd.repositories.publication import Publication, being_made, publish_task
from artifactd.repositories.rights import Rights
from artifactd.upstream.question import Question, Wanted

NOTICED_FOR: Final[Micros] = 10 * SECOND
"""How long a process leaves it at having asked for the next generation."""

_PRINCIPAL: Final = "publisher"


class GroupPublications:
    """The publications of one group, as somebody sees it whose members are `members`."""

    def __init__(
        self, catalog: Catalog, holdings: Holdings, members: Sequence[Member], inquiry: Inquiry
    ) -> None:
        self._catalog = catalog
        self._holdings = holdings
        self._members = members
        self._inquiry = inquiry

    def of(self, path: str) -> tuple[Publication, str] | None:
        """The publication that a path is a file of, and its key."""
        for publication in self._holdings.rules.publications:
            key = publication.owns(path)
            if key is not None:
                return publication, key
        return None

    def children(self, prefix: str, after: str, limit: int, rights: Rights) -> Page[Entry]:
        """What the group itself has right below `prefix`."""
        return self._holdings.children(prefix, after, limit, rights)

    def content(self, publication: Publication, key: str, path: str, derived: str | None = None) -> Content:
        """A file of a generation, or what was derived from it. Raises AssetNotFound, Forbidden,
        Unavailable, Unpublished."""
        for member in self._members:
            member.open().permit(Verb.READ, path)
        entry, _ = self._holdings.find(publication.entry(key))
        if self._holdings.past is None:
            if entry is None:
                self._begin(publication, key)
            else:
                self._notice(publication, key, entry)
        asset, depends = self._holdings.asset(path)
        if derived is not None:
            return self._holdings.derived(asset, derived, depends)
        return self._holdings.content(asset, depends)

    def _begin(self, publication: Publication, key: str) -> None:
        """Have the first generation made, if a member has anything for it. All are asked at once."""
        entry = publication.entry(key)
        questions: list[Question] = []
        failure: ArtifactdError | None = None
        found = False
        for member in self._members:
            try:
                member.open().get(entry)
                found = True
            except (AssetNotFound, Forbidden, Unauthenticated):
                continue  # or it is nothing that this caller may have fetched
            except (Unavailable, UpstreamInvalid) as error:
                failure = failure or error
            except Wanted as wanted:
                if not wanted.questions:
                    raise
                questions += wanted.questions
        if questions:
            raise Wanted(questions)
        if failure is not None:
            raise failure
        if not found:
            raise AssetNotFound(self._holdings.record.name, entry)
        self._ask_for(publication, key)
        name = self._holdings.record.name
        raise being_made(name, lambda: self._holdings.find(entry)[0] is not None)

    def _notice(self, publication: Publication, key: str, entry: Asset) -> None:
        """Ask for the next generation when a member has changed since this one, or may have upstream."""
        notes = entry.attributes[GENERATION]
        now = self._catalog.database.now()
        until: Micros | None = None
        is_due = notes["version"] != self._holdings.record.version
        for member in self._members:
            path = member.canonical(entry.path)
            if member.asks_upstream:
                state = self._catalog.states.find(self._catalog.database, member.record.id, path)
                fresh_until = 0 if state is None else state.fresh_until
                if state is not None and state.negative_until is not None:
                    fresh_until = max(fresh_until or 0, state.negative_until)
                if fresh_until is not None:
                    is_due = is_due or (fresh_until <= now and _may_have_asked(member, path))
                    until = fresh_until if until is None else min(until, fresh_until)
            held = self._catalog.assets.find(self._catalog.database, member.record.id, path)
            known = notes["members"].get(str(member.record.id))
            is_due = is_due or known != (None if held is None else held.revision)
        if is_due:
            self._ask_for(publication, key)
            until = now + NOTICED_FOR
        self._inquiry.stands(Cache.HIT, until)

    def _ask_for(self, publication: Publication, key: str) -> None:
        if self._inquiry.hurried:
            raise Wanted  # to ask for a task takes a write
        task = publish_task(self._holdings.record.id, publication.name, key)
        now = self._catalog.database.now()
        if self._catalog.noticed.get(task.key, 0) > now - NOTICED_FOR:
            return
        self._catalog.noticed[task.key] = now
        self._catalog.queue.enqueue(task, requested_by=_PRINCIPAL)


def _may_have_asked(member: Member, path: str) -> bool:
    """Whether the caller may cause questions to the member's upstream."""
    try:
        member.open().permit(Verb.POPULATE, path)
    except (Forbidden, Unauthenticated):
        return False
    return True
