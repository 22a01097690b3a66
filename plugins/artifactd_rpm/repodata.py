"""The repodata of a hosted repository: written from what was derived from its packages, and what has not
changed since the previous set is copied (rpm R68, L1 to L3)."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from itertools import chain
from typing import BinaryIO, Final

from artifactd.plugin import (
    SECOND,
    Asset,
    AssetNotFound,
    Blob,
    Generation,
    PublicationInputs,
    PublicationWriter,
    hex_of,
    new_hash,
)
from artifactd_rpm.compression import COMPRESSIONS, pieces
from artifactd_rpm.fragments import KIND, Fragments, filled, unpacked
from artifactd_rpm.owners import PACKAGE, extra_kind
from artifactd_rpm.runs import DOCUMENTS, Planned, Published, Row, Run, Span, decoded, encoded, plan
from artifactd_rpm.writing import CHECKSUM, CompressedFile, RepodataWriter, join

VERSION: Final = 1
"""Raised when equal packages shall make other bytes."""

_GROUPS: Final = "comps"
_COMPRESSED: Final = {"modules": "modules.yaml", "updateinfo": "updateinfo.xml"}
_SUFFIXES: Final = {
    b"\x1f\x8b": ".gz",
    b"\x28\xb5\x2f\xfd": ".zst",
    b"\xfd7zXZ\x00": ".xz",
    b"BZh": ".bz2",
    b"<": ".xml",
}
"""Of other kinds: clients tell compressions by names."""


def publish_repodata(
    key: str, inputs: PublicationInputs, previous: Generation | None, out: PublicationWriter
) -> None:
    """Write the set of the folder `key`."""
    settings = inputs.settings
    made = f"{VERSION} {settings.checksum_type} {settings.compression}"
    packages, metadata = _told_apart(key, inputs.rows())
    repodata = RepodataWriter(key, out, COMPRESSIONS[settings.compression])
    with _Before(inputs, previous, made) as before:
        runs = plan(packages, before.runs, inputs.asset, all_listed=settings.duplicates == "all")
        with repodata.documents(sum(run.count for run in runs)) as files:
            written = [before.copied(run, files) or _written(run, key, inputs, files) for run in runs]
    newest = max([run.newest for run in runs], default=0)
    for path in metadata:
        asset = inputs.asset(path)
        newest = max(newest, asset.added // SECOND)
        _add_metadata(asset, inputs, repodata)
    places = tuple(repodata.path(kind) for kind in DOCUMENTS)
    kept = repodata.keep("runs.json", encoded(Published(made, places, tuple(written))))
    repodata.finish(previous, newest, signed=settings.sign_metadata, notes={"runs": kept})


def is_published(path: str) -> bool:
    """Whether what is at a path has a part in the repodata of its folder."""
    return path.endswith(PACKAGE) or extra_kind(path) is not None


class _Before:
    """The set that was published before, as far as it can be used again: `runs` by `Run.rows`."""

    def __init__(self, inputs: PublicationInputs, previous: Generation | None, made: str) -> None:
        self.runs: Mapping[str, Run] = {}
        self._files: Sequence[BinaryIO] = ()
        self._places = [0 for _ in DOCUMENTS]
        self._stack = ExitStack()
        if previous is None or previous.state["runs"] not in previous.files:
            return
        with inputs.open(previous.files[previous.state["runs"]]) as file:
            published = decoded(file.read())
        if published is None or published.made != made or not set(published.files) <= set(previous.files):
            return
        self.runs = {run.rows: run for run in published.runs}
        opened = (inputs.open(previous.files[path]) for path in published.files)
        self._files = [self._stack.enter_context(file) for file in opened]

    def __enter__(self) -> "_Before":
        return self

    def __exit__(self, *raised: object) -> None:
        self._stack.close()

    def copied(self, run: Planned, files: Sequence[CompressedFile]) -> Run | None:
        """Copy a run that has not changed, None if it has. To be asked in their order."""
        known = self.runs.get(run.rows)
        if known is None or known.omitted != run.omitted:
            return None
        spans = [
            file.copy(self._member(document, span), span)
            for document, (file, span) in enumerate(zip(files, known.spans, strict=True))
        ]
        return _published(run, spans)

    def _member(self, document: int, span: Span) -> Iterator[bytes]:
        file, place = self._files[document], self._places[document]
        for _ in pieces(file, span.offset - place):
            pass  # not every blob store can seek
        self._places[document] = span.offset + span.size
        return pieces(file, span.size)


def _told_apart(key: str, rows: Iterable[Row]) -> tuple[Sequence[Row], Sequence[str]]:
    """The packages, and the paths of the metadata that was uploaded."""
    packages: list[Row] = []
    metadata: list[str] = []
    for row in rows:
        if row[0].endswith(PACKAGE):
            packages.append(row)
        elif (extra := extra_kind(row[0])) is not None and extra[0] == key:
            metadata.append(row[0])
    return packages, metadata


def _written(run: Planned, key: str, inputs: PublicationInputs, files: Sequence[CompressedFile]) -> Run:
    for file in files:
        file.begin()
    for path, _ in run.listed:
        fragments = _fragments(inputs.asset(path), path.removeprefix(join(key, "")), inputs)
        for file, kind in zip(files, DOCUMENTS, strict=True):
            file.write(getattr(fragments, kind))
    return _published(run, [file.end() for file in files])


def _published(run: Planned, spans: Sequence[Span]) -> Run:
    return Run(run.rows, run.omitted, run.newest, run.nevras, tuple(spans))


def _fragments(asset: Asset, href: str, inputs: PublicationInputs) -> Fragments:
    if asset.blob is None:
        raise AssetNotFound(str(asset.repository_id), asset.path)
    checksum_type = inputs.settings.checksum_type
    return filled(
        unpacked(inputs.derived(asset, KIND)),
        checksum_type=checksum_type,
        checksum=_checksum(asset, asset.blob, checksum_type, inputs),
        size=asset.blob.size,
        time_file=asset.added // SECOND,
        href=href,
    )


def _checksum(asset: Asset, blob: Blob, algorithm: str, inputs: PublicationInputs) -> str:
    """The checksum of a package. It is computed for those that were put before the setting said so."""
    if algorithm == CHECKSUM:
        return hex_of(blob.digest)
    known = blob.checksums.get(algorithm)
    if known is not None:
        return known
    summed = new_hash(algorithm)
    with inputs.open(asset) as file:
        for piece in pieces(file):
            summed.update(piece)
    return summed.hexdigest()


def _add_metadata(asset: Asset, inputs: PublicationInputs, repodata: RepodataWriter) -> None:
    """Publish what was uploaded for a kind, verbatim (rpm R80 to R82)."""
    kind = asset.path.rpartition("/")[2]
    with inputs.open(asset) as file:
        if kind == _GROUPS:
            repodata.groups(pieces(file))
        elif kind in _COMPRESSED:
            repodata.compress(kind, _COMPRESSED[kind], pieces(file))
        else:
            data = pieces(file)
            first = next(data, b"")
            suffix = next((suffix for magic, suffix in _SUFFIXES.items() if first.startswith(magic)), "")
            repodata.copy(kind, kind + suffix, chain([first], data))
