"""Publishing: from changed assets to the next generation of a publication.

Rule 1: the task is asked for in the write turn of the change, so a change that is there is published, and
one that is not never was. Equal tasks become one run when it begins.
Rule 2: a run reads the repository as of its newest revision, without a transaction that lasts: the past
does not change. What comes later has asked for a run of its own.
Rule 3: all bytes first, then one edit: the files, then the entry document, which must still be the one that
the run began with. A run that was overtaken changes nothing.
"""

import logging
from collections.abc import Mapping

from sqlalchemy import bindparam, func, select

from artifactd.auth.signing import SigningKeys
from artifactd.blobs.digest import Digest
from artifactd.catalog.assets import Asset, Keep, Reference
from artifactd.catalog.edit import ABSENT, ChangeSet, Put, Rules
from artifactd.catalog.repositories import Repositories, RepositoryRecord
from artifactd.db import tables
from artifactd.errors import ArtifactdError, PreconditionFailed
from artifactd.repositories.catalog import Catalog
from artifactd.repositories.factory import RepositoryFactory
from artifactd.repositories.generation import File, Inputs, Writer
from artifactd.repositories.publication import SUPERSEDED_FOR, Generation, Publication
from artifactd.tasks.task import TaskRun

PRINCIPAL = "publisher"
_NOTES = "generation"  # the attribute of the entry document that describes its generation

logger = logging.getLogger("artifactd.publishing")


class EntryMissing(ArtifactdError):
    """A publisher made files, but not the one that clients begin at: a fault of the format."""

    message = "publication {publication!r} made no entry document {path!r}"

    def __init__(self, publication: str, path: str) -> None:
        self.publication, self.path = publication, path


class Publisher:
    """Runs the task `publish`. Safe to run twice: the second run finds that nothing has changed."""

    def __init__(
        self, catalog: Catalog, repositories: Repositories, factory: RepositoryFactory, keys: SigningKeys
    ) -> None:
        self._catalog = catalog
        self._repositories = repositories
        self._factory = factory
        self._keys = keys
        revision = tables.revision
        self._newest = catalog.database.prepare(
            select(func.max(revision.c.id)).where(revision.c.repository_id == bindparam("repository_id"))
        )

    def run(self, run: TaskRun) -> None:
        """Publish one key, if its inputs changed since its last generation."""
        wanted = run.task.arguments
        record = self._repositories.numbered(wanted["repository"])
        if record is None:
            return  # it was deleted, and everything it published with it
        for publication in self._factory.rules(record).publications:
            if publication.name == wanted["publication"]:
                self._publish(run, record, publication, wanted["key"])

    def _publish(self, run: TaskRun, record: RepositoryRecord, publication: Publication, key: str) -> None:
        row = self._catalog.database.one(self._newest, repository_id=record.id)
        revision = 0 if row is None or row[0] is None else int(row[0])
        settings = self._factory.settings(record)
        inputs = Inputs(self._catalog, record, settings, publication, key, revision, run)
        previous = self._previous(record, publication, key, revision)
        input_hash = inputs.hash()
        if previous is not None and previous.input_hash == input_hash:
            return
        with Writer(self._catalog, record, self._keys) as out:
            publication.publish(key, inputs, previous, out)
            if not out.files:
                return
            if publication.entry(key) not in out.files:
                raise EntryMissing(publication.name, publication.entry(key))
            files = out.hand_over()
        generation = Generation(key, revision, input_hash, {}, out.state)
        self._switch(record, publication, generation, previous, files)

    def _previous(
        self, record: RepositoryRecord, publication: Publication, key: str, revision: int
    ) -> Generation | None:
        assets, database = self._catalog.assets, self._catalog.database
        entry = assets.find(database, record.id, publication.entry(key), revision)
        if entry is None or _NOTES not in entry.attributes:
            return None
        notes = entry.attributes[_NOTES]
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
        generation: Generation,
        previous: Generation | None,
        files: Mapping[str, File],
    ) -> None:
        entry = publication.entry(generation.key)
        others = {path: file for path, file in files.items() if path != entry}
        operations = [
            Put(path, file.blob, file.content_type, keep=Keep.WHILE_REFERENCED, linger=SUPERSEDED_FOR)
            for path, file in others.items()
        ]
        notes = {
            "revision": generation.revision,
            "inputs": generation.input_hash,
            "state": generation.state,
        }
        operations.append(
            Put(
                entry,
                files[entry].blob,
                files[entry].content_type,
                attributes={_NOTES: notes},
                references=[Reference(path, required=True) for path in others],
                if_digest=ABSENT if previous is None else _digest(previous.files[entry]),
            )
        )
        message = f"publish {publication.name} {generation.key}".rstrip()
        rules = Rules(self._factory.rules(record).owner, lambda path: True)
        changes = ChangeSet(record.id, PRINCIPAL, message, operations)
        try:
            applied = self._catalog.apply(record.store_id, changes, rules, lambda turn, applied: None)
        except PreconditionFailed:
            logger.info("%s of %s: another run was faster", message, record.name)
            return
        if applied.revision is not None:
            logger.info("%s of %s: %d files", message, record.name, len(files))


def _digest(asset: Asset) -> Digest | None:
    return None if asset.blob is None else asset.blob.digest
