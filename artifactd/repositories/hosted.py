"""Hosted repositories: their content was published here."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TypeVar

from artifactd.auth.principal import Principal, Verb
from artifactd.catalog.apply import Applied
from artifactd.catalog.assets import Entry, OwnerName, Page
from artifactd.catalog.edit import ChangeSet, Edit, RecordedEdit
from artifactd.db.writer import Turn
from artifactd.errors import AssetNotFound, Generated, ReadOnly
from artifactd.repositories.catalog import Catalog
from artifactd.repositories.content import Content, Head
from artifactd.repositories.holdings import Holdings
from artifactd.repositories.index import Document, Index
from artifactd.repositories.policy import WritePolicy, replaceable
from artifactd.repositories.publication import being_made, publish_all_task, publish_task, tasks_after
from artifactd.repositories.rights import Rights
from artifactd.tasks.task import Task

T = TypeVar("T")


class HostedRepository:
    """A hosted repository, bound to `principal`, whose `rights` count, and to the moment of its holdings.

    Implements `Repository`; its contract is there."""

    def __init__(self, catalog: Catalog, holdings: Holdings, principal: Principal, rights: Rights) -> None:
        self.name = holdings.record.name
        self.settings = holdings.settings
        self._catalog = catalog
        self._holdings = holdings
        self._record = holdings.record
        self._principal = principal
        self._rights = rights

    def stat(self, path: str) -> Head:
        self._check(Verb.READ, path)
        asset, _ = self._holdings.asset(path)
        self._holdings.touch(asset)
        return self._holdings.head(asset)

    def get(self, path: str, *, derived: str | None = None) -> Content:
        self._check(Verb.READ, path)
        asset, depends = self._holdings.find(path)
        if asset is None:
            self._await_first(path)
            raise AssetNotFound(self.name, path, depends)
        if derived is not None:
            return self._holdings.derived(asset, derived, depends)
        return self._holdings.content(asset, depends)

    def list(self, prefix: str, *, after: str = "", limit: int = 1000) -> Page[Entry]:
        self._check(Verb.READ, prefix)
        return self._holdings.children(prefix, after, limit, self._rights)

    def index(self, index: Index[T], key: str, *, right: Verb = Verb.READ) -> Document[T]:
        selection = index.selects(key)
        self._check(right, selection.prefix or f"{selection.name}/")
        depends = self._holdings.depends(selection.name)
        return self._holdings.documents.read(index, key, selection, depends)

    def permit(self, verb: Verb, path: str = "") -> None:
        self._check(verb, path)
        if verb is Verb.READ:
            return
        if self._in_the_past or (verb is Verb.WRITE and self._policy is WritePolicy.DENY):
            raise ReadOnly(self.name)
        if any(publication.owns(path) is not None for publication in self._holdings.rules.publications):
            raise Generated(self.name, path)

    @contextmanager
    def edit(self, message: str = "") -> Iterator[Edit]:
        if self._in_the_past:
            raise ReadOnly(self.name)
        edit = RecordedEdit(lambda verb, path: self.permit(Verb(verb), path))
        yield edit
        if edit.operations:
            changes = ChangeSet(self._record.id, self._principal.name, message, tuple(edit.operations))
            edit.revision = self._holdings.apply(changes, self._replaceable, self._publish).revision

    def names(self, *, after: str = "", limit: int | None = None) -> Document[Sequence[OwnerName]]:
        if self._in_the_past:
            self._check(Verb.READ, "")
        return self._holdings.documents.names(self._rights, after, limit)

    def offers(self, path: str) -> bool:
        """Whether the asset is here: for a group, whose members answer for what belongs to their own files
        only."""
        asset, _ = self._holdings.find(path)
        return asset is not None

    def _await_first(self, path: str) -> None:
        """Raise Unpublished for the entry document of a first generation that is to be made."""
        for publication in () if self._in_the_past else self._holdings.rules.publications:
            key = publication.owns(path)
            if key is None or publication.entry(key) != path:
                continue
            one = publish_task(self._record.id, publication.name, key)
            due = one if key in publication.keys(self.settings) else None
            made = partial(self._is_made, path, (one, publish_all_task(self._record.id)), due)
            if due is not None or not made():
                raise being_made(self.name, made)

    def _is_made(self, path: str, tasks: Sequence[Task], due: Task | None) -> bool:
        """Whether a path has something, or none of the tasks that could give it something is to come.
        `due`: the one that is asked for where none is, since nobody has wanted it before."""
        if self._holdings.find(path)[0] is not None:
            return True
        queue = self._catalog.queue
        if any(map(queue.is_pending, tasks)):
            return False
        if due is not None:
            queue.enqueue(due, requested_by=self._principal.name)
        return due is None

    def _replaceable(self, path: str) -> bool:
        return replaceable(self._policy, self._holdings.rules.write_class(path, self.settings))

    def _publish(self, turn: Turn, applied: Applied) -> None:
        publications = self._holdings.rules.publications
        for publication, task in tasks_after(publications, self._record.id, applied.changed, self.settings):
            self._catalog.queue.enqueue(
                task,
                requested_by=self._principal.name,
                delay=publication.quiet,
                at_most=publication.longest_wait,
                turn=turn,
            )

    @property
    def _policy(self) -> WritePolicy:
        policy: WritePolicy = self.settings.write_policy
        return policy

    @property
    def _in_the_past(self) -> bool:
        return self._holdings.past is not None

    def _check(self, verb: Verb, path: str) -> None:
        self._rights.check(verb, path)
        if self._in_the_past:
            self._rights.check(Verb.HISTORY, path)
