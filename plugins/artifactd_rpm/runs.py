"""Runs: the pieces that the documents of a hosted repository are written in, so that a publication writes
anew what has changed and copies the rest.

Packages are ordered by path, as bytes. Where a run ends is said by the paths in it, not by what was
published before: equal packages make equal runs whatever came and went, and one that comes or goes changes
a run or two. Each run is one member of each compressed document.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final
from zlib import crc32

import msgspec

from artifactd.plugin import SECOND, Asset

DOCUMENTS: Final = ("primary", "filelists", "other")
"""The documents of a set that list packages, in the order of repomd.xml."""

LONGEST: Final = 200
"""Packages of a run at most. One in twenty is cut here, where its neighbours move when one comes or
goes."""

_ENDS: Final = 63
"""A path ends its run where these bits of its checksum are zero: after 64 on average. With half as many,
files are 1 % (gzip) to 5 % (zstd) larger; with twice as many, more is written anew for each upload."""

_NEVRA_BYTES: Final = 8
_DIGEST_BYTES: Final = 16

Row = tuple[str, int]
"""A package: its path, and the revision that added it."""


class Span(msgspec.Struct, frozen=True, array_like=True):
    """Where a run lies in a compressed document, and its size there and uncompressed, in bytes."""

    offset: int
    size: int
    open_size: int


class Run(msgspec.Struct, frozen=True, array_like=True):
    """A run that was published. `rows`: a digest of its packages, listed or not. `omitted`: places in it of
    those that are not listed. `newest`: when the last one was added (seconds since the epoch). `nevras`:
    eight bytes of a digest of each one's NEVRA. `spans`: one for each of `DOCUMENTS`."""

    rows: str
    omitted: tuple[int, ...]
    newest: int
    nevras: bytes
    spans: tuple[Span, ...]


class Published(msgspec.Struct, frozen=True):
    """The runs of a generation, as they are kept in a file of it that repomd.xml does not name. `made`: how
    they were written; those of another way are of no use. `files`: the paths of `DOCUMENTS`."""

    made: str
    files: tuple[str, ...]
    runs: tuple[Run, ...]


@dataclass(frozen=True, slots=True)
class Planned:
    """A run to be published. As `Run`."""

    packages: Sequence[Row]
    rows: str
    newest: int
    nevras: bytes
    omitted: tuple[int, ...] = ()

    @property
    def listed(self) -> Iterator[Row]:
        """Its packages that are listed."""
        return (row for place, row in enumerate(self.packages) if place not in self.omitted)

    @property
    def count(self) -> int:
        return len(self.packages) - len(self.omitted)

    def is_written(self, run: Run) -> bool:
        return (run.rows, run.omitted) == (self.rows, self.omitted)


def encoded(published: Published) -> bytes:
    return msgspec.json.encode(published)


def decoded(data: bytes) -> Published | None:
    """None for what another version has written otherwise."""
    try:
        return msgspec.json.decode(data, type=Published)
    except msgspec.DecodeError:
        return None


def plan(
    rows: Iterable[Row], known: Mapping[str, Run], asset: Callable[[str], Asset], *, all_listed: bool
) -> Sequence[Planned]:
    """The runs of these packages. What is not known of them from runs that were published (by `Run.rows`)
    is read from their assets. Unless `all_listed`, a package that is there twice is listed where it was put
    last (rpm R25)."""
    planned = [_planned(packages, known, asset) for packages in split(rows)]
    return planned if all_listed else _newest_listed(planned)


def split(rows: Iterable[Row]) -> Iterator[Sequence[Row]]:
    """The rows, which are ordered by path as bytes, in runs."""
    run: list[Row] = []
    for row in rows:
        run.append(row)
        if len(run) == LONGEST or not crc32(row[0].encode()) & _ENDS:
            yield run
            run = []
    if run:
        yield run


def _planned(packages: Sequence[Row], known: Mapping[str, Run], asset: Callable[[str], Asset]) -> Planned:
    listed = "".join(f"{path}\n{revision}\n" for path, revision in packages)
    rows = hashlib.blake2b(listed.encode(), digest_size=_DIGEST_BYTES).hexdigest()
    run = known.get(rows)
    if run is not None:
        return Planned(packages, rows, run.newest, run.nevras)
    assets = [asset(path) for path, _ in packages]
    nevras = b"".join(_short(asset.label or asset.path) for asset in assets)
    return Planned(packages, rows, max(asset.added for asset in assets) // SECOND, nevras)


def _newest_listed(planned: Sequence[Planned]) -> Sequence[Planned]:
    latest: dict[bytes, tuple[int, str]] = {}
    twice: set[bytes] = set()
    for run in planned:
        for (path, revision), nevra in zip(run.packages, _nevras(run), strict=True):
            if nevra in latest:
                twice.add(nevra)
            latest[nevra] = max(latest.get(nevra, (0, "")), (revision, path))
    if not twice:
        return planned
    return [replace(run, omitted=tuple(_outdated(run, latest))) for run in planned]


def _outdated(run: Planned, latest: Mapping[bytes, tuple[int, str]]) -> Iterator[int]:
    for place, ((path, revision), nevra) in enumerate(zip(run.packages, _nevras(run), strict=True)):
        if latest[nevra] != (revision, path):
            yield place


def _nevras(run: Planned) -> Iterator[bytes]:
    nevras = run.nevras
    return (nevras[place : place + _NEVRA_BYTES] for place in range(0, len(nevras), _NEVRA_BYTES))


def _short(nevra: str) -> bytes:
    return hashlib.blake2b(nevra.encode(), digest_size=_NEVRA_BYTES).digest()
