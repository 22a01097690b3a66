"""Group repositories: other repositories as one.

Rule 1: members are asked in order, and the first that has it answers. Members of members are members.
Rule 2: a name that a hosted member has ever held is owned: no upstream is asked for it, and no proxy adds
to it, unless the group says so (`merge`). Who asks changes nothing about that.
Rule 3: a member that could not be asked may have it: then there is no answer, unless the path itself says
which bytes are right.
Rule 4: what a caller may not see of a member is not there for it, and neither is a member it may not see.
Rule 5: what belongs to a file comes from the member that the file comes from.
Rule 6: what is published is the group's own, made from all members (`published.py`).
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, TypeVar

from artifactd.auth.patterns import Pattern
from artifactd.auth.principal import Verb
from artifactd.catalog.assets import Asset, Entry, OwnerName, Page
from artifactd.catalog.edit import Edit
from artifactd.catalog.repositories import RepositoryRecord
from artifactd.db.generations import name_stripe, names_stripe, repository_stripe
from artifactd.errors import (
    ArtifactdError,
    AssetNotFound,
    Forbidden,
    ReadOnly,
    Unauthenticated,
    Unavailable,
    UpstreamInvalid,
)
from artifactd.repositories.catalog import Catalog, FormatRules
from artifactd.repositories.content import Content, Head
from artifactd.repositories.documents import Depends
from artifactd.repositories.index import Document, Index, Part
from artifactd.repositories.kept import Kept
from artifactd.repositories.member import Member, MemberRepository, addressed_member
from artifactd.repositories.mounting import mount_first
from artifactd.repositories.published import GroupPublications
from artifactd.repositories.rights import Rights
from artifactd.upstream.question import Question, Wanted

T = TypeVar("T")

_INVISIBLE = (Forbidden, Unauthenticated)
"""The caller may not see this of the member: for it, it is not there."""

_NOT_ASKED = (Unavailable, UpstreamInvalid)
"""The member may have it, and nobody knows."""


class GroupRepository:
    """A group, whose `rights` are asked for first, and then those on each member. `settings` are the
    writable member's, where there is one.

    Implements `Repository`; its contract is there."""

    def __init__(
        self,
        catalog: Catalog,
        record: RepositoryRecord,
        rules: FormatRules,
        settings: Any,
        rights: Rights,
        members: Sequence[Member],
        published: GroupPublications,
        *,
        writable: str | None = None,
        merge: Sequence[Pattern] = (),
        reserved: Sequence[Pattern] = (),
    ) -> None:
        self.name = record.name
        self.settings = settings
        self._catalog = catalog
        self._record = record
        self._rules = rules
        self._rights = rights
        self._members = members
        self._published = published
        self._writable = writable
        self._merge = merge
        self._reserved = reserved

    def stat(self, path: str) -> Head:
        self._rights.check(Verb.READ, path)
        if (answer := self._of_its_own(path)) is not None:
            return answer.head
        found, _ = self._first(path, lambda repository: repository.stat(path))
        return found

    def get(self, path: str, *, derived: str | None = None) -> Content:
        self._rights.check(Verb.READ, path)
        if (answer := self._of_its_own(path, derived)) is not None:
            return answer
        # A derived document is of the file that this group has, or of none.
        main = None if derived is None else path
        content, depends = self._first(
            path, lambda repository: repository.get(path, derived=derived), main=main
        )
        known = content.depends is not None and depends is not None
        return replace(content, depends=(*depends, *content.depends) if known else None)  # type: ignore[misc]

    def index(self, index: Index[T], key: str, *, right: Verb = Verb.READ) -> Document[T]:
        selection = index.selects(key)
        self._rights.check(right, selection.prefix or f"{selection.name}/")
        if right is not Verb.READ:
            return self._writable_member().index(index, key, right=right)  # what is to be changed
        members, depends = self._for_name(selection.name)
        parts, documents, failure = self._parts(index, key, members)
        if failure is not None:
            raise failure
        for document in documents:
            depends = None if depends is None or document.depends is None else (*depends, *document.depends)
        if not parts:
            return Document(index.build(key, ()), 0, 0, depends, merged=True)
        revision = sum(document.revision for document in documents)
        changed = max(document.changed for document in documents)
        seen = " ".join(part.member for part in parts)
        place = (self._record.id, index.name, f"{key}\n{seen}")
        kept = self._catalog.documents.find(place)
        if kept is None or kept.stamp != revision:
            value = index.merge(key, parts)
            # Revisions only grow, so their sum is the same only while all of them are.
            kept = Kept(revision, value, index.size(value))
            self._catalog.documents.keep(place, kept)
        return Document(kept.value, revision, changed, depends, kept.forms, merged=True)

    def permit(self, verb: Verb, path: str = "") -> None:
        self._rights.check(verb, path)
        if verb is not Verb.READ:
            self._writable_member().permit(verb, path)

    @contextmanager
    def edit(self, message: str = "") -> Iterator[Edit]:
        """An edit of the writable member. What it requires and another member has is put there first."""
        with self._writable_member().edit(message) as edit:
            yield edit
            mount_first(edit, self._held_elsewhere)

    def names(self, *, after: str = "", limit: int | None = None) -> Document[Sequence[OwnerName]]:
        database = self._catalog.database
        stripes = [names_stripe(member.record.id) for member in self._members]
        depends: Depends | None = database.generations.take((repository_stripe(self._record.id), *stripes))
        found: dict[str, OwnerName] = {}
        for member in self._members:
            try:
                document = member.open().names(after=after, limit=limit)
            except _INVISIBLE:
                continue
            except _NOT_ASKED:
                depends = None
                continue
            both = depends is not None and document.depends is not None
            depends = (*depends, *document.depends) if both else None  # type: ignore[misc]
            for name in document.value:
                found.setdefault(name.path, name)
        names = sorted(found.values(), key=lambda name: name.path.encode())[:limit]
        revision = max((name.revision for name in names), default=0)
        changed = max((name.changed for name in names), default=0)
        return Document(names, revision, changed, depends, merged=True)

    def offers(self, path: str) -> bool:
        """Whether a member does."""
        members, _ = self._for_name(self._rules.owner(path) or "")
        return any(member.open().offers(path) for member in members)

    def allows(self, name: str, path: str) -> bool:
        """Whether the member of this name may answer for a path."""
        return any(member.record.name == name for member in self._for_path(path)[0])

    # Who answers

    def _of_its_own(self, path: str, derived: str | None = None) -> Content | None:
        """What the group answers itself: a file that it publishes, or one that names the member it is
        of."""
        addressed = addressed_member(path)
        if addressed is not None:
            return self._of_member(path, *addressed, derived)
        published = self._published.of(path)
        return None if published is None else self._published.content(*published, path, derived)

    def _of_member(self, asked: str, name: str, path: str, derived: str | None) -> Content:
        members, depends = self._for_path(path)
        for member in members:
            if member.record.name == name:
                try:
                    content = member.open().get(path, derived=derived)
                except _INVISIBLE:
                    break
                known = content.depends is not None and depends is not None
                return replace(content, depends=(*depends, *content.depends) if known else None)  # type: ignore[misc]
        raise AssetNotFound(self.name, asked, depends)

    def _first(
        self, path: str, ask: Callable[[MemberRepository], T], main: str | None = None
    ) -> tuple[T, Depends | None]:
        """What the first member has that has any, and the counters that the choice stands on. `main`: the
        file that it belongs to, when its path does not say so."""
        main = main or self._rules.companion(path)
        members, depends = self._for_path(path)
        failure: ArtifactdError | None = None
        for member in members:
            try:
                repository = member.open()
                if main is not None and not repository.offers(main):
                    continue
                return ask(repository), depends
            except AssetNotFound as missing:
                both = depends is not None and missing.depends is not None
                depends = (*depends, *missing.depends) if both else None  # type: ignore[misc]
                if main is not None and _has(repository, main):
                    break
            except _INVISIBLE:
                continue
            except _NOT_ASKED as error:
                if not self._rules.addressed(path):
                    raise
                failure = failure or error
        if failure is not None:
            raise failure
        raise AssetNotFound(self.name, path, depends)

    def _for_path(self, path: str) -> tuple[Sequence[Member], Depends | None]:
        """The members that may answer for a path. Where the path says which bytes are right, those come
        first that hold something of its name: the others need not be asked at all (docker R201)."""
        owner = self._rules.owner(path)
        members, depends = self._for_name(owner or "")
        if owner is not None and self._rules.addressed(path):
            members = sorted(members, key=lambda member: not self._holds(member, owner))
        return members, depends

    def _for_name(self, owner: str) -> tuple[Sequence[Member], Depends | None]:
        """The members that may answer for an owner name, empty for what belongs to none."""
        owned_as = self._rules.owned_as(owner) if owner else owner
        owner = owned_as or ""
        hosted = [member for member in self._members if not member.asks_upstream]
        # However it is written: a name that is owned is not to be asked for by another spelling either.
        names = {owner, *(each.canonical(owner) for each in self._members if each.asks_upstream and owner)}
        depends = self._catalog.database.generations.take(
            (
                repository_stripe(self._record.id),
                *(name_stripe(member.record.id, name) for member in self._members for name in names),
            )
        )
        if owned_as is None:
            return (), depends
        if not owner:
            return self._members, depends
        if any(pattern.matches(name) for pattern in self._reserved for name in names):
            return hosted, depends
        owned = any(self._holds(member, name) for member in hosted for name in names)
        if owned and not any(pattern.matches(owner) for pattern in self._merge):
            return hosted, depends
        return self._members, depends

    def _holds(self, member: Member, owner: str) -> bool:
        """Whether a member has ever held anything of the name."""
        catalog = self._catalog
        return catalog.assets.name(catalog.database, member.record.id, owner) is not None

    def _parts(
        self, index: Index[T], key: str, members: Sequence[Member]
    ) -> tuple[list[Part[T]], list[Document[T]], ArtifactdError | None]:
        """What the members have for a document. All that must be asked for it is asked at once."""
        parts: list[Part[T]] = []
        documents: list[Document[T]] = []
        questions: list[Question] = []
        failure: ArtifactdError | None = None
        for member in members:
            try:
                document = member.open().index(index, key)
            except _INVISIBLE:
                continue
            except _NOT_ASKED as error:
                failure = failure or error
                continue
            except Wanted as wanted:
                if not wanted.questions:
                    raise
                questions += wanted.questions
                continue
            documents.append(document)
            if document.revision:
                parts.append(Part(member.record.name, document.value))
        if questions:
            raise Wanted(questions)
        return parts, documents, failure

    # Writing

    def _writable_member(self) -> MemberRepository:
        for member in self._members:
            if member.record.name == self._writable:
                return member.open()
        raise ReadOnly(self.name)

    def _held_elsewhere(self, path: str) -> Asset | None:
        """An asset that another member has at `path` and the writable one has not, where no byte need move
        to put it there."""
        store = self._catalog.stores.name(self._record.store_id)  # the writable member's, too
        own = [member for member in self._members if member.record.name == self._writable]
        if any(self._at(member, path) is not None for member in own):
            return None
        for member in self._members:
            asset = self._at(member, path)
            if asset is None or asset.withheld is not None or not self._may_read(member, path):
                continue
            if asset.blob is None or asset.blob.store == store:
                return asset
        return None

    def _at(self, member: Member, path: str) -> Asset | None:
        catalog = self._catalog
        return catalog.assets.find(catalog.database, member.record.id, path)

    def _may_read(self, member: Member, path: str) -> bool:
        try:
            member.open().permit(Verb.READ, path)
        except _INVISIBLE:
            return False
        return True

    # Last: within the class its name hides the builtin one.

    def list(self, prefix: str, *, after: str = "", limit: int = 1000) -> Page[Entry]:
        self._rights.check(Verb.READ, prefix)
        own = self._published.children(prefix, after, limit, self._rights)
        found = {entry.path: entry for entry in own.items}
        ends = [] if own.next is None else [own.next]
        for member in self._members:
            try:
                page = member.open().list(prefix, after=after, limit=limit)
            except _INVISIBLE:
                continue
            if page.next is not None:
                ends.append(page.next)
            for entry in page.items:
                if self._published.of(prefix + entry.path) is None:
                    found.setdefault(entry.path, entry)
        # A member shows more behind its page, which may lie before what another one has shown.
        end = min(ends, key=str.encode, default=None)
        entries = sorted(found.values(), key=lambda entry: entry.path.encode())
        if end is not None:
            entries = [entry for entry in entries if entry.path.encode() <= end.encode()]
        if len(entries) > limit:
            return Page(entries[:limit], entries[limit - 1].path)
        return Page(entries, end)


def _has(repository: MemberRepository, path: str) -> bool:
    """Whether a member has the asset for sure, as far as the caller may know: a proxy may only know where
    to ask for it. Raises what says that nobody knows."""
    try:
        repository.stat(path)
    except (AssetNotFound, *_INVISIBLE):
        return False
    return True
