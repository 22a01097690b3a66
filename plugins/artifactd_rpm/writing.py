"""Writing a set of repodata: documents that list packages, files beside them, and the repomd.xml that names
them all. Hosted repositories and groups write their sets with it.

Rule 1: everything is written as it comes, and summed up meanwhile.
Rule 2: equal calls make equal bytes (rpm R64). No time is in them but the revision.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Final

from artifactd.plugin import Generation, PublicationWriter, PublishedFile, StagedBlob, hex_of
from artifactd_rpm.compression import PIECE, Compression, Compressor, decompressed
from artifactd_rpm.media_types import media_type
from artifactd_rpm.owners import REPODATA
from artifactd_rpm.repomd import RPM, Record, Repomd, rendered
from artifactd_rpm.runs import DOCUMENTS, Span

CHECKSUM: Final = "sha256"
"""Of the files of a set, whatever that of their packages is (rpm R125)."""

REPOMD: Final = "repomd.xml"
SIGNATURE: Final = "repomd.xml.asc"
KEY: Final = "repomd.xml.key"
"""The files of a set whose names clients know."""

NAMESPACES: Final = {
    "primary": "http://linux.duke.edu/metadata/common",
    "filelists": "http://linux.duke.edu/metadata/filelists",
    "other": "http://linux.duke.edu/metadata/other",
}
"""Of the documents that list packages."""

_DECLARATION: Final = b'<?xml version="1.0" encoding="UTF-8"?>\n'
_ROOTS: Final = {"primary": "metadata", "filelists": "filelists", "other": "otherdata"}


def join(key: str, path: str) -> str:
    """The path of what lies at `path` in the folder `key`, which is empty for the whole repository."""
    return f"{key}/{path}" if key else path


class CompressedFile:
    """A compressed file while it is written: members (frames), one behind the other, each between `begin`
    and `end`."""

    def __init__(self, file: PublishedFile, compression: Compression) -> None:
        self.open_size = 0
        self._size = 0
        self._file = file
        self._compression = compression
        self._opened = hashlib.sha256()
        self._waiting: list[bytes] = []
        self._waiting_size = 0
        self._member: Compressor | None = None
        self._begun = (0, 0)

    def begin(self) -> None:
        self._member = self._compression.begin()
        self._begun = (self._size, self.open_size)

    def write(self, data: bytes) -> None:
        """A part of the member."""
        self._waiting.append(data)
        self._waiting_size += len(data)
        if self._waiting_size >= PIECE:
            self._compress()

    def end(self) -> Span:
        """The end of the member. Returns where it lies."""
        self._compress()
        assert self._member is not None
        self._put(self._member.flush())
        self._member = None
        offset, open_offset = self._begun
        return Span(offset, self._size - offset, self.open_size - open_offset)

    def copy(self, source: Iterable[bytes], span: Span) -> Span:
        """A whole member that was written before. Returns where it lies now."""
        offset = self._size
        for data in decompressed(self._copied(source), span.open_size):
            self._sum_up(data)
        return Span(offset, span.size, span.open_size)

    def finish(self) -> tuple[StagedBlob, str]:
        """The file, and the checksum of what it holds."""
        return self._file.finish(), self._opened.hexdigest()

    def _copied(self, source: Iterable[bytes]) -> Iterator[bytes]:
        for data in source:
            self._put(data)
            yield data

    def _compress(self) -> None:
        assert self._member is not None
        data = b"".join(self._waiting)
        self._waiting.clear()
        self._waiting_size = 0
        self._sum_up(data)
        self._put(self._member.compress(data))

    def _sum_up(self, data: bytes) -> None:
        self._opened.update(data)
        self.open_size += len(data)

    def _put(self, data: bytes) -> None:
        if data:
            self._file.write(data)
            self._size += len(data)


class RepodataWriter:
    """The set of the folder `key` in the making. Nothing of it is added to the generation before
    `finish`."""

    def __init__(self, key: str, out: PublicationWriter, compression: Compression) -> None:
        self._key = key
        self._out = out
        self._compression = compression
        self._records: list[Record] = []
        self._files: dict[str, StagedBlob | bytes] = {}

    @contextmanager
    def documents(self, count: int) -> Iterator[Sequence[CompressedFile]]:
        """The three `DOCUMENTS` of `count` packages. Their members are written meanwhile."""
        with self._out.create() as primary, self._out.create() as filelists, self._out.create() as other:
            files = [CompressedFile(file, self._compression) for file in (primary, filelists, other)]
            for kind, file in zip(DOCUMENTS, files, strict=True):
                file.begin()
                file.write(_head(kind, count))
                file.end()
            yield files
            for kind, file in zip(DOCUMENTS, files, strict=True):
                file.begin()
                file.write(f"</{_ROOTS[kind]}>".encode())
                file.end()
                self._add_compressed(kind, f"{kind}.xml", file)

    def compress(self, kind: str, name: str, data: Iterable[bytes]) -> None:
        """A compressed file beside them, e.g. the modules."""
        with self._out.create() as created:
            file = CompressedFile(created, self._compression)
            file.begin()
            for piece in data:
                file.write(piece)
            file.end()
            self._add_compressed(kind, name, file)

    def copy(self, kind: str, name: str, data: Iterable[bytes]) -> None:
        """A file beside them as it is. Nothing is added when the data raise."""
        with self._out.create() as created:
            for piece in data:
                created.write(piece)
            blob = created.finish()
        self._add(kind, name, blob)

    def groups(self, comps: Iterable[bytes]) -> None:
        """The groups of packages, as they are and compressed: clients know two types for them (rpm R80)."""
        data = b"".join(comps)
        self.copy("group", "comps.xml", [data])
        self.compress(f"group_{self._compression.suffix[1:]}", "comps.xml", [data])

    def keep(self, name: str, data: bytes) -> str:
        """A file that clients are not told of. Returns its path."""
        path = self._path(f"{hashlib.sha256(data).hexdigest()}-{name}")
        self._files[path] = data
        return path

    def path(self, kind: str) -> str:
        """The path of the file of a type."""
        return next(join(self._key, record.href) for record in self._records if record.kind == kind)

    def finish(
        self, previous: Generation | None, newest: int, *, signed: bool, notes: Mapping[str, Any]
    ) -> None:
        """Write repomd.xml, and add everything to the generation; but if it is what the previous one
        consists of, that stays in force (rpm R63). `newest`: the time of what was put last, in seconds."""
        key = self._out.openpgp_key if signed else b""
        content = hashlib.sha256(rendered(Repomd("", self._records)) + key).hexdigest()
        state: Mapping[str, Any] = {} if previous is None else previous.state
        if state.get("content") == content:
            return
        revision = max(newest, state["revision"] + 1) if state else newest
        records = [replace(record, timestamp=revision) for record in self._records]
        repomd = rendered(Repomd(str(revision), records))
        self._files[self._path(REPOMD)] = repomd
        if signed:
            self._files[self._path(SIGNATURE)] = self._out.sign_openpgp(repomd)
            self._files[self._path(KEY)] = key
        for path, file in self._files.items():
            self._out.add(path, file, content_type=media_type(path))
        self._out.state = {"content": content, "revision": revision, **notes}

    def _path(self, name: str) -> str:
        return join(self._key, f"{REPODATA}/{name}")

    def _add_compressed(self, kind: str, name: str, file: CompressedFile) -> None:
        blob, opened = file.finish()
        self._add(kind, name + self._compression.suffix, blob, (CHECKSUM, opened), file.open_size)

    def _add(
        self,
        kind: str,
        name: str,
        blob: StagedBlob,
        open_checksum: tuple[str, str] | None = None,
        open_size: int | None = None,
    ) -> None:
        checksum = hex_of(blob.digest)
        href = f"{REPODATA}/{checksum}-{name}"
        self._records.append(Record(kind, href, (CHECKSUM, checksum), blob.size, open_checksum, open_size))
        self._files[join(self._key, href)] = blob


def _head(kind: str, count: int) -> bytes:
    namespaces = f'xmlns="{NAMESPACES[kind]}"' + (f' xmlns:rpm="{RPM}"' if kind == "primary" else "")
    return _DECLARATION + f'<{_ROOTS[kind]} {namespaces} packages="{count}">\n'.encode()
