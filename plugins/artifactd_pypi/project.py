"""A project as its page shows it: its files, and what signatures, yanks and its status say of them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import pairwise
from typing import Any, Final

from packaging.version import InvalidVersion, Version

from artifactd_pypi.listing import File
from artifactd_pypi.names import Release, parse_version

LATEST: Final = "1.4"
"""The version of the simple repository API that our own pages keep to."""

FIRST: Final = "1.0"


class State(StrEnum):
    """What a project may be (PEP 792)."""

    ACTIVE = "active"
    ARCHIVED = "archived"
    QUARANTINED = "quarantined"
    DEPRECATED = "deprecated"


@dataclass(frozen=True, slots=True)
class Status:
    """A project's status, and why; the reason may be empty."""

    state: State = State.ACTIVE
    reason: str = ""

    @property
    def is_open(self) -> bool:
        """Whether it takes uploads."""
        return self.state not in (State.ARCHIVED, State.QUARANTINED)


@dataclass(frozen=True, slots=True)
class Project:
    """A project as it stands. `files` in order of version, then name; `rows`, each of them in JSON, in the
    same order; `by_name`, the same files. `companions`: signatures and provenances by name, with the sha256
    of the file that each is of. `yanks`: reasons by release, and by release and file name. `listed`: the
    versions that an upstream names. `more` and `meta`: keys of an upstream's page, and of its `meta`, that
    nobody here knows.

    What can be patched after one upload is kept, so that it is not made anew for 20,000 files."""

    files: Sequence[File] = ()
    rows: Sequence[bytes] = ()
    by_name: Mapping[str, File] = field(default_factory=dict)
    companions: Mapping[str, str] = field(default_factory=dict)
    yanks: Mapping[str, str] = field(default_factory=dict)
    status: Status = Status()
    attested: bool = False
    """Whether any of the files has a provenance."""
    listed: Sequence[str] = ()
    more: Mapping[str, Any] = field(default_factory=dict)
    meta: Mapping[str, Any] = field(default_factory=dict)
    sized: bool = True
    """Whether the size of every file is known."""
    row_bytes: int = 0
    """Of rows that an upstream has a say in: nobody bounds theirs."""

    def offered(self) -> Sequence[File]:
        """The files that clients may have: none of a project in quarantine."""
        return () if self.status.state is State.QUARANTINED else self.files

    def offers(self, filename: str) -> File | None:
        """The file of a name, if clients may have it."""
        return None if self.status.state is State.QUARANTINED else self.by_name.get(filename)

    @property
    def api_version(self) -> str:
        """What its page may say it keeps to: PEP 700 and all that is built on it make sizes mandatory, so
        files of an upstream that does not tell theirs have a page of the first version (pypi R41, R154)."""
        return LATEST if self.sized else FIRST

    @property
    def versions(self) -> Sequence[str]:
        """The versions of the files that are offered, and those that an upstream names; each once, in
        order."""
        files = self.offered()
        shown = [
            file.shown
            for before, file in pairwise((None, *files))
            if file and file.version and (before is None or before.release != file.release)
        ]
        if not self.listed or self.status.state is State.QUARANTINED:
            return shown
        # As the upstream spells them: `1.0.0` and `1.0` are one version.
        versions = {_comparable(text): text for text in (*shown, *self.listed)}
        return [versions[key] for key in sorted(versions)]

    def of_release(self, release: Release) -> Sequence[File]:
        """The files of a version."""
        return [file for file in self.files if file.release == release]


def project_of(
    files: Mapping[str, File],
    status: Status,
    listed: Sequence[str] = (),
    more: Mapping[str, Any] | None = None,
    meta: Mapping[str, Any] | None = None,
) -> Project:
    """A project of files by name, all of which say themselves what is to be said of them."""
    ordered = sorted(files.values(), key=order)
    rows = [file.json for file in ordered]
    return Project(
        files=ordered,
        rows=rows,
        by_name=files,
        status=status,
        attested=any(file.attested for file in ordered),
        listed=listed,
        more=more or {},
        meta=meta or {},
        sized=all(file.size is not None for file in ordered),
        row_bytes=sum(map(len, rows)),
    )


def status_of(attributes: Mapping[str, str]) -> Status:
    """What the fact about a project's status says."""
    return Status(State(attributes["status"]), attributes["reason"])


def order(file: File) -> tuple[bool, Version, str]:
    """Where a file stands on a page."""
    return file.order


def union(*versions: Iterable[str]) -> Sequence[str]:
    """All of some lists of versions, each version once, as it is spelled first."""
    found: dict[tuple[bool, Any], str] = {}
    for text in (each for group in versions for each in group):
        found.setdefault(_comparable(text), text)
    return list(found.values())


def _comparable(text: str) -> tuple[bool, Any]:
    """What a version is told from others by and sorted by: what is none comes first, as text."""
    try:
        return True, parse_version(text)[0]
    except InvalidVersion:
        return False, text
