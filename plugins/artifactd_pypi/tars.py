"""Metadata of source distributions that are tar files. `tarfile` reads extended headers of any size into
memory before one can say no, so the walk over a tar file is ours."""

import gzip
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO, Final, cast

from isal import igzip, igzip_lib

from artifactd_pypi.limits import (
    DAMAGED,
    MOST_MEMBERS,
    ArchiveInvalid,
    check_name,
    check_ratio,
    check_size,
    top_folder,
)

_PIECE: Final = 256 << 10

# The class's own stub calls it an instance.
_UNREADABLE: Final = (gzip.BadGzipFile, cast(type[Exception], igzip_lib.IsalError), EOFError)


def tar_metadata(file: BinaryIO, size: int) -> bytes:
    stream = _Unzipped(file, size)
    members: dict[str, _Member] = {}
    found: dict[str, bytes] = {}
    for count, member in enumerate(_tar_members(stream), 1):
        check_name(member.name)
        if count > MOST_MEMBERS:
            raise ArchiveInvalid(f"the archive has more than {MOST_MEMBERS} members")
        known = members.setdefault(member.name, member)
        if known is not member and not (known.is_folder and member.is_folder):
            raise ArchiveInvalid(f"the archive has two members {member.name!r}")
        if member.name.count("/") == 1 and member.name.endswith("/PKG-INFO"):
            if not member.is_file:
                raise ArchiveInvalid(f"the archive's {member.name} is not a file")
            check_size(member.name, member.size)
            found[member.name] = stream.take(member.size)
            member.taken = member.size
    stream.drain()
    wanted = f"{top_folder(members)}/PKG-INFO"
    if wanted not in found:
        raise ArchiveInvalid(f"the source distribution has no {wanted}")
    return found[wanted]


@dataclass(slots=True)
class _Member:
    """A member of a tar file. `taken`: bytes of its content that were read while it was the current one."""

    name: str
    size: int
    is_file: bool
    is_folder: bool
    taken: int = 0


class _Unzipped:
    """What comes out of a gzip file, in order, bounded in all and at a time."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        open: Any = igzip.open  # it is not typed
        self._stream: BinaryIO = open(file, "rb")
        self._compressed = size
        self._count = 0

    def take(self, size: int) -> bytes:
        """The next bytes, exactly so many. Raises ArchiveInvalid at a premature end."""
        data = self._read(size) if size else b""
        if len(data) != size:
            raise ArchiveInvalid("the archive ends within a member")
        return data

    def skip(self, size: int) -> None:
        """Pass over the next bytes."""
        while size:
            size -= len(self.take(min(size, _PIECE)))

    def drain(self) -> None:
        """Read on to the end: a checksum stands there."""
        while self._read(_PIECE):
            pass

    def _read(self, size: int) -> bytes:
        try:
            data = self._stream.read(size)
        except _UNREADABLE as error:
            raise ArchiveInvalid(f"{DAMAGED}: {error}") from error
        self._count += len(data)
        check_ratio(self._count, self._compressed)
        return data


_BLOCK: Final = 512
_LARGEST_EXTENSION: Final = 1 << 20
"""Bytes of an extended header or a long name: they hold a path, a few numbers and dates."""


_HEEDED: Final = (b"path", b"size")
"""Records of an extended header that say where the next header is, and what this one is of."""


def _tar_members(stream: _Unzipped) -> Iterator[_Member]:
    """Members of a tar file (POSIX.1-1988, POSIX.1-2001 and GNU), up to the block of zeros at its end."""
    long_name: str | None = None
    extended: dict[str, str] = {}
    everywhere: dict[str, str] = {}
    while True:
        block = stream.take(_BLOCK)
        if not block.strip(b"\0"):
            return
        _check_block(block)
        kind, size = block[156:157], _number(block[124:136])
        if kind in (b"L", b"K", b"x", b"g"):
            if size > _LARGEST_EXTENSION:
                raise ArchiveInvalid("the archive has an extended header out of all proportion")
            data = stream.take(size)
            stream.skip(-size % _BLOCK)
            if kind == b"L":
                long_name = _text(data)
            elif kind != b"K":
                (extended if kind == b"x" else everywhere).update(_records(data))
            continue
        said = everywhere | extended
        if kind not in b"\x0001257" or any(key.startswith("GNU.sparse") for key in said):
            raise ArchiveInvalid("the archive holds something that is neither file, folder nor link")
        name = said.get("path") or long_name or _header_name(block)
        size = _decimal(said["size"]) if "size" in said else size
        if kind in b"125":
            size = 0
        is_folder = kind == b"5" or name.endswith("/")  # the oldest have no kind for it
        is_file = kind in b"\x0007" and not is_folder
        member = _Member(name.removeprefix("./").rstrip("/"), size, is_file, is_folder)
        if member.name not in ("", "."):
            yield member
        stream.skip(member.size - member.taken)
        stream.skip(-member.size % _BLOCK)
        long_name, extended = None, {}


def _check_block(block: bytes) -> None:
    said = _number(block[148:156])
    if sum(block[:148]) + sum(b" " * 8) + sum(block[156:]) != said:
        raise ArchiveInvalid(f"{DAMAGED}: a tar header has a wrong checksum")


def _number(field: bytes) -> int:
    if field[0] & 0x80:  # GNU: binary, for what octal cannot say
        return int.from_bytes(field[1:], "big") if field[0] == 0x80 else _refuse_number(field)
    text = field.strip(b" \0")
    if not text:
        return 0
    if text.strip(b"01234567"):
        return _refuse_number(field)
    return int(text, 8)


def _refuse_number(field: bytes) -> int:
    raise ArchiveInvalid(f"{DAMAGED}: {field!r} is no number of a tar header")


def _decimal(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise ArchiveInvalid("the archive's extended header states a size that is no number")
    return int(text)


def _header_name(block: bytes) -> str:
    name = _text(block[:100])
    prefix = _text(block[345:500]) if block[257:263] == b"ustar\0" else ""
    return f"{prefix}/{name}" if prefix else name


def _records(data: bytes) -> Iterator[tuple[str, str]]:
    """The records `LENGTH KEY=VALUE\\n` of an extended header (POSIX.1-2001, pax)."""
    place = 0
    while place < len(data) and data[place : place + 1] != b"\0":
        space = data.find(b" ", place, place + 20)
        length = _decimal(data[place:space].decode("ascii", "replace")) if space > 0 else 0
        record = data[space + 1 : place + length]
        key, equals, value = record.partition(b"=")
        if not length or not equals or not value.endswith(b"\n"):
            raise ArchiveInvalid("the archive's extended header is malformed")
        if key in _HEEDED or key.startswith(b"GNU.sparse"):
            yield key.decode("utf-8", "replace"), value[:-1].decode("utf-8", "surrogateescape")
        place += length


def _text(field: bytes) -> str:
    return field.partition(b"\0")[0].decode("utf-8", "surrogateescape")
