"""Publishing: from changed assets to the next generation of a publication.

Rule 1: the task is asked for in the write turn of the change, so a change that is there is published, and
one that is not never was. Equal tasks become one run when it begins.
Rule 2: a run reads the repository as of its newest revision, without a transaction that lasts: the past
does not change. What comes later has asked for a run of its own.
Rule 3: a group publishes what its members have published: when one of them has a new generation, the groups
above it are asked for theirs.
Rule 4: all bytes first, then one edit: the files, then the entry document, which must still be the one that
the run began with. A run that was overtaken changes nothing.
"""

import hashlib
import json
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import bindparam, func, select

from artifactd.auth.openpgp import OpenPgpKeys
from artifactd.auth.principal import Principal
from artifactd.auth.signing import SigningKeys
from artifactd.blobs.digest import Digest
from artifactd.catalog.apply import Applied
from artifactd.catalog.assets import GENERATION, Asset, Keep, Reference
from artifactd.catalog.edit import ABSENT, ChangeSet, Delete, Operation, Put, Rules
from artifactd.catalog.kinds import GROUP, HOSTED, PROXY
from artifactd.catalog.repositories import Repositories, RepositoryRecord
from artifactd.db import tables
from artifactd.db.writer import Turn
from artifactd.errors import ArtifactdError, AssetNotFound, PreconditionFailed
from artifactd.repositories.catalog import Catalog
from artifactd.repositories.content import Content
from artifactd.repositories.factory import RepositoryFactory
from artifactd.repositories.generation import File, Inputs, MergeInputs, MergeMember, Writer
from artifactd.repositories.inquiry import Inquiry
from artifactd.repositories.publication import (
    SUPERSEDED_FOR,
    Generation,
    Publication,
    publish_task,
    touched,
)
from artifactd.repositories.waiting import WaitingReader
from artifactd.tasks.task import TaskRun
from artifactd.upstream.asking import Upstreams
from artifactd.upstream.waiting import Waiting

PRINCIPAL: Final = "publisher"

_NOBODY: Final = Principal(PRINCIPAL, 0, frozenset())
"""Who reads members for a group: whoever reads what it publishes has the right to read them all."""

logger = logging.getLogger("artifactd.publishing")


class EntryMissing(ArtifactdError):
    """A publisher made files, but not the one that clients begin at: a fault of the format."""

    message = "publication {publication!r} made no entry document {path!r}"

    def __init__(self, publication: str, path: str) -> None:
        self.publication, self.path = publication, path


class Publisher:
    """Runs the task `publish`. Safe to run twice: the second run finds that nothing has changed.
    `upstreams` makes what asks for the members of groups, for one run."""

    def __init__(
        self,
        catalog: Catalog,
        repositories: Repositories,
        factory: RepositoryFactory,
        keys: SigningKeys,
        openpgp: OpenPgpKeys,
        upstreams: Callable[[], Upstreams],
    ) -> None:
        self._catalog = catalog
        self._repositories = repositories
        self._factory = factory
        self._keys = keys
        self._openpgp = openpgp
        self._upstreams = upstreams
        revision = tables.revision
        self._newest = catalog.database.prepare(
            select(func.max(revision.c.id)).where(revision.c.repository_id == bindparam("repository_id"))
        )

    def run(self, run: TaskRun) -> None:
        """Publish one key, or all keys of a repository, if their inputs changed since the last
        generation."""
        wanted = run.task.arguments
        record = self._repositories.numbered(wanted["repository"])
        if record is None or record.kind == PROXY:
            return  # it was deleted, and everything it published with it; or has what its upstream has
        for publication in self._factory.rules(record).publications:
            if wanted.get("publication", publication.name) != publication.name:
                continue
            for key in [wanted["key"]] if "key" in wanted else self._keys_of(publication, record):
                if record.kind == GROUP:
                    self._merge(run, record, publication, key)
                else:
                    self._publish(run, record, publication, key)

    def _keys_of(self, publication: Publication, record: RepositoryRecord) -> Sequence[str]:
        """Every key that a repository has something for."""
        found: dict[str, None] = {}
        for leaf in self._factory.members(record) if record.kind == GROUP else [record]:
            settings = self._factory.settings(leaf)
            paths = [path for path, _ in self._rows(leaf)]
            if leaf.kind == HOSTED:
                found |= dict.fromkeys(publication.keys(settings))
                found |= dict.fromkeys(touched(publication, paths, settings))
            owned = (publication.owns(path) for path in paths)
            found |= {key: None for key in owned if key is not None}
        return list(found)

    def _rows(self, record: RepositoryRecord) -> Iterator[tuple[str, int]]:
        revision = self._revision(record)
        return self._catalog.assets.rows_below(self._catalog.database, record.id, "", revision)

    def _revision(self, record: RepositoryRecord) -> int:
        row = self._catalog.database.one(self._newest, repository_id=record.id)
        return 0 if row is None or row[0] is None else int(row[0])

    def _publish(self, run: TaskRun, record: RepositoryRecord, publication: Publication, key: str) -> None:
        revision = self._revision(record)
        settings = self._factory.settings(record)
        rotation = self._openpgp.rotation(record.id)
        inputs = Inputs(self._catalog, record, settings, publication, key, revision, run, rotation)
        previous = self._previous(record, publication, key, revision)
        input_hash = inputs.hash()
        if previous is not None and previous.input_hash == input_hash:
            return
        with self._writer(record) as out:
            publication.publish(key, inputs, previous, out)
            self._switch(record, publication, key, previous, out, revision, input_hash, {})

    def _merge(self, run: TaskRun, record: RepositoryRecord, publication: Publication, key: str) -> None:
        revision = self._revision(record)
        previous = self._previous(record, publication, key, revision)
        with Waiting(self._upstreams()) as upstreams:
            members, entries = self._members(record, publication, key, upstreams)
            if not members and previous is None:
                return
            facts: dict[str, Any] = {"version": record.version, "members": entries}
            told = [publication.name, publication.version, self._openpgp.rotation(record.id), facts]
            input_hash = hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()
            if previous is not None and previous.input_hash == input_hash:
                return
            with self._writer(record) as out:
                settings = self._factory.settings(record)
                publication.merge(key, MergeInputs(settings, members), previous, out)
                self._switch(record, publication, key, previous, out, revision, input_hash, facts)

    def _members(
        self, record: RepositoryRecord, publication: Publication, key: str, upstreams: Waiting
    ) -> tuple[Sequence[MergeMember], Mapping[str, int]]:
        """The members that have something for a key, and the revisions of their entry documents by their
        ids. Raises Unavailable and UpstreamInvalid for one of which nobody knows: then nothing is made."""
        group = self._factory.group(record, _NOBODY, Inquiry())
        members: list[MergeMember] = []
        entries: dict[str, int] = {}
        path = publication.entry(key)
        for leaf in self._factory.members(record):
            inquiry = Inquiry(may_ask=True)
            reader = WaitingReader(self._factory.trusted(leaf, _NOBODY, inquiry), inquiry, upstreams)
            try:
                entry: Content = reader.stored(path)
            except AssetNotFound:
                continue
            assert entry.head.asset is not None, "what is stored is in the catalog"
            entries[str(leaf.id)] = entry.head.asset.revision
            members.append(
                MergeMember(
                    leaf.name,
                    asks_upstream=leaf.kind == PROXY,
                    reader=reader,
                    entry=(path, entry),
                    allows=_by_owner(
                        self._factory.rules(record).owner,
                        lambda path, name=leaf.name: group.allows(name, path),  # type: ignore[misc]
                    ),
                )
            )
        return members, entries

    def _writer(self, record: RepositoryRecord) -> Writer:
        return Writer(self._catalog, record, self._keys, self._openpgp)

    def _previous(
        self, record: RepositoryRecord, publication: Publication, key: str, revision: int
    ) -> Generation | None:
        assets, database = self._catalog.assets, self._catalog.database
        entry = assets.find(database, record.id, publication.entry(key), revision)
        if entry is None or GENERATION not in entry.attributes:
            return None
        notes = entry.attributes[GENERATION]
        files = {entry.path: entry}
        for reference in assets.references(database, entry.id):
            file = assets.find(database, record.id, reference.path, revision)
            if file is not None:
                files[file.path] = file
        return Generation(key, notes["revision"], notes["inputs"], files, notes["state"])

    def _switch(
        self,
        record: RepositoryRecord,
        publication: Publication,
        key: str,
        previous: Generation | None,
        out: Writer,
        revision: int,
        input_hash: str,
        facts: Mapping[str, Any],
    ) -> None:
        entry, state = publication.entry(key), out.state
        if out.files:
            if entry not in out.files:
                raise EntryMissing(publication.name, entry)
            files: Mapping[str, File] = out.hand_over()
        elif previous is not None:  # it is made from other things now, and is what it was
            files, state = _files(previous), previous.state
        else:
            return
        others = {path: file for path, file in files.items() if path != entry}
        operations: list[Operation] = [
            Put(path, file.blob, file.content_type, keep=Keep.WHILE_REFERENCED, linger=SUPERSEDED_FOR)
            for path, file in others.items()
        ]
        # Their names are the same for all generations: what belongs to no other must not stay beside one.
        stale = {} if previous is None else previous.files
        operations += [
            Delete(path) for path in publication.gathers(key) if path in stale and path not in files
        ]
        operations.append(
            Put(
                entry,
                files[entry].blob,
                files[entry].content_type,
                attributes={
                    GENERATION: {"revision": revision, "inputs": input_hash, "state": state, **facts}
                },
                references=[Reference(path, required=True) for path in others],
                if_digest=ABSENT if previous is None else _digest(previous.files[entry]),
            )
        )
        message = f"publish {publication.name} {key}".rstrip()
        rules = Rules(self._factory.rules(record).owner, lambda path: True)
        changes = ChangeSet(record.id, PRINCIPAL, message, operations)

        def enqueue_above(turn: Turn, applied: Applied) -> None:
            for group in groups:
                task = publish_task(group.id, publication.name, key)
                self._catalog.queue.enqueue(task, requested_by=PRINCIPAL, turn=turn)

        groups = list(self._factory.groups_of(record))
        try:
            applied = self._catalog.apply(record.store_id, changes, rules, enqueue_above)
        except PreconditionFailed:
            logger.info("%s of %s: another run was faster", message, record.name)
            return
        if applied.revision is not None:
            logger.info("%s of %s: %d files", message, record.name, len(files))


def _by_owner(owner: Callable[[str], str | None], allows: Callable[[str], bool]) -> Callable[[str], bool]:
    """Whether a group may have a path from a member: asked once for each owner name."""
    known: dict[str, bool] = {}

    def allowed(path: str) -> bool:
        name = owner(path)
        if name is None:
            return allows(path)
        if name not in known:
            known[name] = allows(path)
        return known[name]

    return allowed


def _files(generation: Generation) -> Mapping[str, File]:
    return {
        path: File(asset.blob, asset.content_type)
        for path, asset in generation.files.items()
        if asset.blob is not None
    }


def _digest(asset: Asset) -> Digest | None:
    return None if asset.blob is None else asset.blob.digest
