"""Publications: sets of files made from a repository's assets by a task, stored, possibly signed, and
switched as a whole.

A publication has one *entry document*, whose path never changes, and files that it names. Clients begin at
the entry document, so whoever replaces that switches the set. Rule 1: all files of a generation appear in
one edit; there is no moment with half of one. Rule 2: the entry document refers to the other files, and
those are kept only while referred to: what a new generation no longer needs stays for `SUPERSEDED_FOR`,
for clients that still hold the old entry document. So its files are named by their checksums, but for the
few whose names clients know.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, BinaryIO, Final, Protocol

from artifactd.blobs.store import Blob, StagedBlob
from artifactd.catalog.assets import Asset
from artifactd.tasks.task import Task

QUIET: Final = timedelta(seconds=5)
"""A run waits for this long without a change: a CI job that uploads a hundred files is published once."""

LONGEST_WAIT: Final = timedelta(seconds=60)
"""A run comes this long after the first change, however many follow: longer looks like a lost upload."""

SUPERSEDED_FOR: Final = timedelta(hours=48)
"""How long the files of an old generation can be fetched: clients revalidate an entry document once a day
or every other day."""


@dataclass(frozen=True, slots=True)
class Generation:
    """One published set. `revision`: what of the repository it was made from. `input_hash`: equal when
    nothing it is made from has changed. `files` by path, the entry document among them. `state`: the
    publisher's own notes (JSON)."""

    key: str
    revision: int
    input_hash: str
    files: Mapping[str, Asset]
    state: Mapping[str, Any]


class PublicationInputs(Protocol):
    """What a generation is made from: one revision of the repository, however long the publisher reads."""

    @property
    def settings(self) -> Any:
        """The repository's settings object."""
        ...

    def __iter__(self) -> Iterator[Asset]:
        """The assets below `Publication.selects`, ordered by path as bytes; never a publication's own."""
        ...

    def open(self, asset: Asset) -> BinaryIO:
        """An asset's bytes; those of the previous generation's files too. The caller closes it."""
        ...

    def derived(self, asset: Asset, kind: str) -> bytes:
        """The document of this kind that was derived from the asset's bytes. Raises AssetNotFound."""
        ...


class PublishedFile(Protocol):
    """A file of a new generation while it is written."""

    def write(self, data: bytes) -> None: ...

    def finish(self) -> StagedBlob:
        """No more bytes. The result has size and checksums; `PublicationWriter.add` gives it its path."""
        ...


class PublicationWriter(Protocol):
    """Where a publisher puts a new generation. Nothing is visible before `publish` has returned; when it
    raises, nothing is kept. One that adds nothing leaves the previous generation in force."""

    state: Mapping[str, Any]
    """Notes for the next run, empty at first (JSON values; they live with the entry document)."""

    @property
    def public_key(self) -> bytes:
        """The repository's public key, PEM (SubjectPublicKeyInfo, RFC 8410)."""
        ...

    def sign(self, data: bytes) -> bytes:
        """A detached Ed25519 signature (RFC 8032) by the repository's key, 64 bytes. Equal data have equal
        signatures."""
        ...

    def create(self, *, checksums: Iterable[str] = ()) -> AbstractContextManager[PublishedFile]:
        """Begin a file; several may be written at the same time. `checksums`: algorithms to compute beside
        sha256."""
        ...

    def add(self, path: str, file: StagedBlob | Blob | bytes, *, content_type: str) -> None:
        """Make a file part of the generation: one that was written, one of the previous generation
        (`asset.blob`), or a small one from memory."""
        ...


class Publication(Protocol):
    """A kind of published set, e.g. the repodata of a folder. All methods but `publish` are pure."""

    @property
    def name(self) -> str:
        """Names it among the format's publications; without a slash."""
        ...

    @property
    def version(self) -> int:
        """Raised when equal inputs shall give other files than before."""
        ...

    @property
    def quiet(self) -> timedelta:
        """How long a run waits for further changes; usually `QUIET`."""
        ...

    @property
    def longest_wait(self) -> timedelta:
        """How long it waits at most; usually `LONGEST_WAIT`."""
        ...

    def touches(self, path: str) -> Iterable[str]:
        """The keys to publish after a change of this path. Never asked about paths it owns."""
        ...

    def owns(self, path: str) -> str | None:
        """The key that `path` is a file of, or None. Clients cannot write where a publication does."""
        ...

    def selects(self, key: str) -> str:
        """The path prefix of its inputs: empty, or ending in a slash."""
        ...

    def entry(self, key: str) -> str:
        """The path of its entry document, which `publish` always adds."""
        ...

    def publish(
        self, key: str, inputs: PublicationInputs, previous: Generation | None, out: PublicationWriter
    ) -> None:
        """Make the next generation. Runs in the task process; equal inputs must give equal bytes. It is not
        called when nothing changed since `previous`."""
        ...


def tasks_after(
    publications: Sequence[Publication], repository_id: int, changed: Iterable[str]
) -> Iterator[tuple[Publication, Task]]:
    """What is to be published after a change of the paths `changed`; each task once."""
    paths = list(changed)
    for publication in publications:
        inputs = [path for path in paths if publication.owns(path) is None]
        for key in {key: None for path in inputs for key in publication.touches(path)}:
            arguments = {"repository": repository_id, "publication": publication.name, "key": key}
            yield publication, Task("publish", f"{repository_id}/{publication.name}/{key}", arguments)
