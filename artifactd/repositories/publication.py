"""Publications: sets of files made from a repository's assets by a task, stored, possibly signed, and
switched as a whole.

A publication has one *entry document*, whose path never changes, and files that it names. Clients begin at
the entry document, so whoever replaces that switches the set. Rule 1: all files of a generation appear in
one edit; there is no moment with half of one. Rule 2: the entry document refers to the other files, and
those are kept only while referred to: what a new generation no longer needs stays for `SUPERSEDED_FOR`,
for clients that still hold the old entry document. So its files are named by their checksums, but for the
few whose names clients know.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, BinaryIO, Final, Protocol

from artifactd.blobs.store import Blob, StagedBlob
from artifactd.catalog.assets import Asset
from artifactd.errors import Unavailable
from artifactd.repositories.index import More
from artifactd.tasks.task import Task
from artifactd.upstream.answer import Answer

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

    def rows(self) -> Iterator[tuple[str, int]]:
        """The same assets as iterating gives, in short: path, and the revision that added what is there."""
        ...

    def asset(self, path: str) -> Asset:
        """The asset at one of these paths. Raises AssetNotFound."""
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


class PublicationMember(Protocol):
    """What one member of a group has for a publication of the group's. `asks_upstream`: it is a proxy."""

    @property
    def name(self) -> str: ...

    @property
    def asks_upstream(self) -> bool: ...

    def open(self, path: str) -> BinaryIO:
        """An asset of the member, asked for upstream if need be. The entry document stays the same for as
        long as the publisher reads. The caller closes it. Raises AssetNotFound, Unavailable,
        UpstreamInvalid."""
        ...

    def allows(self, path: str) -> bool:
        """Whether the group may have the asset at this path from the member: proxies add nothing to a name
        that a hosted member owns."""
        ...


class GroupInputs(Protocol):
    """What a group's generation is made from."""

    @property
    def settings(self) -> Any:
        """The settings object of the group's writable member; of a group without one, the defaults."""
        ...

    @property
    def members(self) -> Sequence[PublicationMember]:
        """Those members, in order, that have an entry document for the key."""
        ...


@dataclass(frozen=True, slots=True)
class Gathered:
    """The files that an upstream's publication begins with: path → bytes and content type. `needs`: paths
    of files that must be here before this set takes the place of an older one. `doubtful`: paths of the set
    for which the upstream sent what is no such file; where there was one, the set is not believed.
    `vouching`: paths of files that sign the entry document: what signed another one does not sign this."""

    files: Mapping[str, tuple[bytes, str]]
    needs: Sequence[str] = ()
    doubtful: Sequence[str] = ()
    vouching: Sequence[str] = ()


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

    @property
    def openpgp_key(self) -> bytes:
        """The public keys to check `sign_openpgp` with, ASCII-armoured (RFC 9580, section 6.2)."""
        ...

    def sign_openpgp(self, data: bytes) -> bytes:
        """A detached OpenPGP signature of exactly these bytes by the repository's key, ASCII-armoured and
        checked. Raises when it cannot be made."""
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
    """A kind of published set, e.g. the repodata of a folder. A hosted repository publishes it from its
    assets, a group from what its members have published, and a proxy has its upstream's. All methods but
    `publish` and `merge` are pure."""

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

    def touches(self, path: str, settings: Any) -> Iterable[str]:
        """The keys to publish after a change of this path. Never asked about paths it owns."""
        ...

    def keys(self, settings: Any) -> Iterable[str]:
        """The keys that are published even while there is nothing to publish."""
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

    def merge(
        self, key: str, inputs: GroupInputs, previous: Generation | None, out: PublicationWriter
    ) -> None:
        """The same for a group."""
        ...

    def gathers(self, key: str) -> Sequence[str]:
        """The paths of the files that a proxy fetches as one set, since they belong together and their
        names do not say so; the entry document is the first. `Format.fetch` says where that is; what else
        is published is fetched when it is asked for."""
        ...

    def gather(self, key: str, answers: Sequence[Answer]) -> Gathered | More:
        """The set from what an upstream said, which begins with the entry document, or where it goes on.
        Raises UpstreamInvalid for what is no such set."""
        ...


FIRST_WITHIN: Final = timedelta(seconds=20)
"""How long an answer waits for the first generation: package managers give up after 30 s of silence."""


class Unpublished(Exception):
    """A first generation is being made. Control flow: the gateway waits until it is `ready`, for
    `FIRST_WITHIN` at most, and runs the handler again; then it answers with `error`."""

    def __init__(self, ready: Callable[[], bool], error: Unavailable) -> None:
        super().__init__("a first generation is being made")
        self.ready = ready
        self.error = error


def being_made(repository: str, ready: Callable[[], bool]) -> Unpublished:
    """What to raise while a repository's first generation is not there: until `ready` says so."""
    error = Unavailable(f"what repository {repository!r} publishes is being made", retry_after=5)
    return Unpublished(ready, error)


def publish_task(repository_id: int, publication: str, key: str) -> Task:
    """The task that publishes one key."""
    arguments = {"repository": repository_id, "publication": publication, "key": key}
    return Task("publish", f"{repository_id}/{publication}/{key}", arguments)


def publish_all_task(repository_id: int) -> Task:
    """The task that publishes whatever a repository publishes, since its settings or members have
    changed."""
    return Task("publish", str(repository_id), {"repository": repository_id})


def tasks_after(
    publications: Sequence[Publication], repository_id: int, changed: Iterable[str], settings: Any
) -> Iterator[tuple[Publication, Task]]:
    """What is to be published after a change of the paths `changed`; each task once."""
    paths = list(changed)
    for publication in publications:
        for key in touched(publication, paths, settings):
            yield publication, publish_task(repository_id, publication.name, key)


def touched(publication: Publication, paths: Iterable[str], settings: Any) -> Sequence[str]:
    """The keys of a publication that a change of these paths touches, each once."""
    inputs = (path for path in paths if publication.owns(path) is None)
    return list({key: None for path in inputs for key in publication.touches(path, settings)})
