"""The index of a project: its files, with what signatures, yanks and its status say of them."""

from bisect import insort
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final

from artifactd.plugin import Asset, Change, Index, Selection
from artifactd_pypi.listing import File, file_of
from artifactd_pypi.names import PROVENANCE, SIGNATURE, Release, is_status, yanked

FILE_BYTES: Final = 2000
"""What a file takes in memory, about, with both its renderings."""

_FEW: Final = 1000
"""Changes up to which each file is put where it belongs; beyond, sorting them all costs less."""


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
    """A project as it stands. `files` in order of version, then name. `companions`: signatures and
    provenances by name, with the sha256 of the file that each is of. `yanks`: reasons by release, and by
    release and file name."""

    files: Sequence[File] = ()
    companions: Mapping[str, str] = field(default_factory=dict)
    yanks: Mapping[str, str] = field(default_factory=dict)
    status: Status = Status()
    attested: bool = False
    """Whether any of the files has a provenance."""

    def offered(self) -> Sequence[File]:
        """The files that clients may have: none of a project in quarantine."""
        return () if self.status.state is State.QUARANTINED else self.files

    def of_release(self, release: Release) -> Sequence[File]:
        """The files of a version."""
        return [file for file in self.files if file.release == release]


class Projects:
    """The index of projects by normalised name."""

    name = "pypi projects"

    def selects(self, key: str) -> Selection:
        return Selection(key)

    def build(self, key: str, assets: Iterable[Asset]) -> Project:
        return _Draft(key, Project()).after(Change(asset, retired=False) for asset in assets)

    def apply(self, key: str, document: Project, changes: Sequence[Change]) -> Project:
        return _Draft(key, document).after(changes)

    def size(self, document: Project) -> int:
        return FILE_BYTES * len(document.files)


PROJECTS: Index[Project] = Projects()


class _Draft:
    """A project while rows come and go. What `project` holds is copied, never changed."""

    def __init__(self, name: str, project: Project) -> None:
        self._name = name
        self._project = project
        self._files = {file.filename: file for file in project.files}
        self._companions = dict(project.companions)
        self._yanks = dict(project.yanks)
        self._status = project.status
        self._touched: dict[str, None] = {}

    def after(self, changes: Iterable[Change]) -> Project:
        """The project once the rows of `changes` have come and gone."""
        for change in changes:
            below = change.asset.path[len(self._name) + 1 :]
            self._apply(below, change.asset, gone=change.retired or change.asset.withheld is not None)
        attested = any(name.endswith(PROVENANCE) for name in self._companions)
        return Project(self._ordered(), self._companions, self._yanks, self._status, attested)

    def _apply(self, below: str, asset: Asset, *, gone: bool) -> None:
        if not below.startswith("."):
            self._apply_file(below, asset, gone=gone)
        elif is_status(below):
            self._status = Status() if gone else status_of(asset.attributes)
        elif (what := yanked(below)) is not None:
            _set(self._yanks, what, None if gone else asset.attributes["reason"])
            release = what.partition("/")[0]
            self._touch(name for name, file in self._files.items() if file.release == release)

    def _apply_file(self, name: str, asset: Asset, *, gone: bool) -> None:
        if name.endswith((SIGNATURE, PROVENANCE)):
            _set(self._companions, name, None if gone else asset.attributes["of"])
            self._touch([name.removesuffix(SIGNATURE).removesuffix(PROVENANCE)])
            return
        if gone:
            self._files.pop(name, None)
        else:
            self._files[name] = file_of(self._name, name, asset)
        self._touch([name])

    def _touch(self, names: Iterable[str]) -> None:
        self._touched.update(dict.fromkeys(names))

    def _ordered(self) -> Sequence[File]:
        changed = [self._said(self._files[name]) for name in self._touched if name in self._files]
        files = [file for file in self._project.files if file.filename not in self._touched]
        if len(changed) > _FEW:
            return sorted([*files, *changed], key=_order)
        for file in changed:
            insort(files, file, key=_order)
        return files

    def _said(self, file: File) -> File:
        """A file, with what the rest of the project says of it."""
        if not self._companions and not self._yanks and file.is_plain:
            return file
        release = file.release
        return replace(
            file,
            signed=self._companions.get(file.filename + SIGNATURE) == file.sha256,
            attested=self._companions.get(file.filename + PROVENANCE) == file.sha256,
            yanked=self._yanks.get(f"{release}/{file.filename}", self._yanks.get(release)),
        )


def status_of(attributes: Mapping[str, str]) -> Status:
    """What the fact about a project's status says."""
    return Status(State(attributes["status"]), attributes["reason"])


def _order(file: File) -> tuple[object, str]:
    return file.order


def _set(mapping: dict[str, str], key: str, value: str | None) -> None:
    if value is None:
        mapping.pop(key, None)
    else:
        mapping[key] = value
