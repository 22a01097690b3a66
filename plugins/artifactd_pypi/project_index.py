"""The index of projects: built of assets here, read from the pages of upstreams, merged in groups."""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

from artifactd.plugin import Answer, Asset, Change, Index, More, Part, Selection
from artifactd_pypi.listing import File, file_of
from artifactd_pypi.merging import merged
from artifactd_pypi.names import PROVENANCE, SIGNATURE, is_status, page_path, yanked
from artifactd_pypi.project import Project, Status, order, status_of
from artifactd_pypi.upstream_pages import parse_page

FILE_BYTES: Final = 2000
"""What a file takes in memory, about, with both its renderings."""

_COPIES: Final = 4
"""How often a byte of a row is in memory, about: read, in JSON, in HTML, and what Python adds."""

_FEW: Final = 1000
"""Changes up to which each file is put where it belongs; beyond, sorting them all costs less."""


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
        return max(FILE_BYTES * len(document.files), _COPIES * document.row_bytes)

    def path(self, key: str) -> str:
        return page_path(key)

    def parse(self, key: str, answers: Sequence[Answer]) -> Project | More:
        return parse_page(key, answers[-1])

    def merge(self, key: str, parts: Sequence[Part[Project]]) -> Project:
        return merged(key, parts)


PROJECTS: Index[Project] = Projects()


class _Draft:
    """A project while rows come and go. What `project` holds is copied, never changed."""

    def __init__(self, name: str, project: Project) -> None:
        self._name = name
        self._project = project
        self._by_name = dict(project.by_name)
        self._companions = dict(project.companions)
        self._yanks = dict(project.yanks)
        self._status = project.status
        self._touched: dict[str, None] = {}

    def after(self, changes: Iterable[Change]) -> Project:
        """The project once the rows of `changes` have come and gone."""
        for change in changes:
            below = change.asset.path[len(self._name) + 1 :]
            self._apply(below, change.asset, gone=change.retired or change.asset.withheld is not None)
        for name in self._touched:
            if name in self._by_name:
                self._by_name[name] = self._said(self._by_name[name])
        files, rows = self._patched() if len(self._touched) <= _FEW else self._sorted()
        attested = any(name.endswith(PROVENANCE) for name in self._companions)
        return Project(files, rows, self._by_name, self._companions, self._yanks, self._status, attested)

    def _apply(self, below: str, asset: Asset, *, gone: bool) -> None:
        if not below.startswith("."):
            self._apply_file(below, asset, gone=gone)
        elif is_status(below):
            self._status = Status() if gone else status_of(asset.attributes)
        elif (what := yanked(below)) is not None:
            _set(self._yanks, what, None if gone else asset.attributes["reason"])
            release = what.partition("/")[0]
            self._touch(name for name, file in self._by_name.items() if file.release == release)

    def _apply_file(self, name: str, asset: Asset, *, gone: bool) -> None:
        if name.endswith((SIGNATURE, PROVENANCE)):
            _set(self._companions, name, None if gone else asset.attributes["of"])
            self._touch([name.removesuffix(SIGNATURE).removesuffix(PROVENANCE)])
            return
        if gone:
            self._by_name.pop(name, None)
        else:
            self._by_name[name] = file_of(self._name, name, asset)
        self._touch([name])

    def _touch(self, names: Iterable[str]) -> None:
        self._touched.update(dict.fromkeys(names))

    def _patched(self) -> tuple[Sequence[File], Sequence[bytes]]:
        """Files and rows with the touched ones taken out and put where they belong."""
        files, rows = list(self._project.files), list(self._project.rows)
        for name in self._touched:
            before, file = self._project.by_name.get(name), self._by_name.get(name)
            if before is not None:
                place = bisect_left(files, before.order, key=order)
                del files[place], rows[place]
            if file is not None:
                place = bisect_left(files, file.order, key=order)
                files.insert(place, file)
                rows.insert(place, file.json)
        return files, rows

    def _sorted(self) -> tuple[Sequence[File], Sequence[bytes]]:
        files = sorted(self._by_name.values(), key=order)
        return files, [file.json for file in files]

    def _said(self, file: File) -> File:
        """A file, with what the rest of the project says of it."""
        if not self._companions and not self._yanks and file.is_plain:
            return file
        release, sha256 = file.release, file.hashes["sha256"]
        return replace(
            file,
            signed=self._companions.get(file.filename + SIGNATURE) == sha256,
            attested=self._companions.get(file.filename + PROVENANCE) == sha256,
            yanked=self._yanks.get(f"{release}/{file.filename}", self._yanks.get(release)),
        )


def _set(mapping: dict[str, str], key: str, value: str | None) -> None:
    if value is None:
        mapping.pop(key, None)
    else:
        mapping[key] = value
