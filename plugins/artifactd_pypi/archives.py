"""Looking into distributions that nobody vouches for.

Rule 1: nothing is unpacked to a disk, and nothing is held but the metadata and the names of members.
Rule 2: whatever an archive claims is bounded before it is believed: members, sizes, what comes out of what
went in. `tarfile` reads extended headers of any size into memory before one can say no, so the walk over a
tar file is ours; zip's directory is looked at before `zipfile` reads it.
Rule 3: what two readers could see differently is refused: members that occur twice, bytes before or behind
a zip file, a wheel that is a tar file as well.
"""

import gzip
import struct
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO, Final, cast

from isal import igzip, igzip_lib
from packaging.utils import canonicalize_name, canonicalize_version

from artifactd_pypi.errors import UploadInvalid
from artifactd_pypi.filenames import Filename, Kind, Reading

LARGEST_METADATA: Final = 16 << 20
"""Bytes of METADATA or PKG-INFO: a README of a few MB is in some."""

MOST_MEMBERS: Final = 65_535
"""Members of an archive: what a zip file can have without its 64-bit extension."""

ALWAYS_FINE: Final = 64 << 20
"""Bytes that may come out of any archive, however small."""

HIGHEST_RATIO: Final = 50
"""Bytes out per byte in, beyond that: real distributions reach ten, a bomb a thousand."""

LONGEST_NAME: Final = 4096
"""Characters of a member's path: what Linux opens at most."""

_LARGEST_DIRECTORY: Final = 32 << 20  # bytes of a zip file's directory: 500 for each member
_PIECE: Final = 256 << 10
# The class's own stub calls it an instance.
_UNREADABLE: Final = (gzip.BadGzipFile, cast(type[Exception], igzip_lib.IsalError), EOFError)
_DAMAGED: Final = "the file is damaged or not what its name says"


class ArchiveInvalid(UploadInvalid):
    """A file that is not the archive its name says, or one that nobody should open."""


def read_metadata(file: BinaryIO, filename: Filename, reading: Reading) -> bytes:
    """The core metadata in a distribution: METADATA of a wheel, PKG-INFO of a source distribution. Raises
    ArchiveInvalid, also for everything else that makes the archive no distribution."""
    size = file.seek(0, 2)
    file.seek(0)
    try:
        if filename.kind is Kind.WHEEL:
            return _from_wheel(file, size, reading)
        if filename.text.endswith(".zip"):
            return _from_zip(file, size)
        return _from_tar(file, size)
    except (
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        struct.error,
        NotImplementedError,
        ValueError,
    ) as error:
        raise ArchiveInvalid(f"{_DAMAGED}: {error}") from error


# Zip files


def _from_wheel(file: BinaryIO, size: int, reading: Reading) -> bytes:
    with _open_zip(file, size) as archive:
        members = _zip_members(archive, size)
        folders = {name.partition("/")[0] for name in members}
        found = [folder for folder in folders if folder.endswith(".dist-info")]
        if len(found) != 1:
            raise ArchiveInvalid(f"a wheel has one .dist-info folder, this one has {len(found)}")
        _check_folder(found[0], reading)
        for needed in ("METADATA", "WHEEL", "RECORD"):
            if f"{found[0]}/{needed}" not in members:
                raise ArchiveInvalid(f"the wheel has no {needed} in {found[0]}")
        return _read_zip(archive, members[f"{found[0]}/METADATA"])


def _check_folder(folder: str, reading: Reading) -> None:
    name, _, version = folder.removesuffix(".dist-info").partition("-")
    same_version = canonicalize_version(version) == canonicalize_version(reading.version)
    if str(canonicalize_name(name)) != reading.project or not same_version:
        raise ArchiveInvalid(
            f"the wheel's folder {folder} is not that of the name and version in its file name"
        )


def _from_zip(file: BinaryIO, size: int) -> bytes:
    with _open_zip(file, size) as archive:
        members = _zip_members(archive, size)
        wanted = f"{_top(members)}/PKG-INFO"
        if wanted not in members:
            raise ArchiveInvalid(f"the source distribution has no {wanted}")
        return _read_zip(archive, members[wanted])


def _open_zip(file: BinaryIO, size: int) -> zipfile.ZipFile:
    """A zip file whose directory is no larger than it may be, and which is nothing else beside."""
    file.seek(257)
    if file.read(5) == b"ustar":
        raise ArchiveInvalid("the file is a tar file as well")
    file.seek(0)
    if file.read(4) != b"PK\3\4":
        raise ArchiveInvalid("the file does not begin as a zip file does")
    directory = _zip_directory(file, size)
    if directory.members > MOST_MEMBERS:
        raise ArchiveInvalid(f"the archive has {directory.members} members; {MOST_MEMBERS} are allowed")
    if directory.size > _LARGEST_DIRECTORY:
        raise ArchiveInvalid(
            f"the zip file's directory has {directory.size} bytes; names are not that long"
        )
    if directory.start + directory.size != directory.end:
        raise ArchiveInvalid("the zip file's directory is not where it says")
    archive = zipfile.ZipFile(file)
    if len(archive.infolist()) != directory.members:
        archive.close()
        raise ArchiveInvalid("the zip file's directory does not have as many members as it says")
    return archive


@dataclass(frozen=True, slots=True)
class _Directory:
    members: int
    start: int
    size: int
    end: int


def _zip_directory(file: BinaryIO, size: int) -> _Directory:
    """Where the directory of a zip file is, by the record at the file's end (APPNOTE 4.3.16, 4.3.14)."""
    tail_size = min(size, 22 + 0xFFFF)
    file.seek(size - tail_size)
    tail = file.read(tail_size)
    place = tail.rfind(b"PK\5\6")
    if place < 0 or len(tail) - place < 22:
        raise ArchiveInvalid("the file ends before its zip directory does")
    disk, first, here, members, length, start, comment = struct.unpack(
        "<4HLLH", tail[place + 4 : place + 22]
    )
    if place + 22 + comment != len(tail):
        raise ArchiveInvalid("bytes follow the end of the zip file")
    if disk or first or here != members:
        raise ArchiveInvalid("the zip file is one part of several")
    end = size - tail_size + place
    if members != 0xFFFF and length != 0xFFFFFFFF and start != 0xFFFFFFFF:
        return _Directory(members, start, length, end)
    file.seek(max(0, end - 20))
    signature, _, end, _ = struct.unpack("<4sLQL", file.read(20))
    file.seek(min(end, size))
    record = file.read(56)
    if signature != b"PK\6\7" or len(record) != 56 or record[:4] != b"PK\6\6":
        raise ArchiveInvalid("the zip file lacks the 64-bit record that it speaks of")
    members, length, start = struct.unpack("<3Q", record[32:56])
    return _Directory(members, start, length, end)


def _zip_members(archive: zipfile.ZipFile, size: int) -> dict[str, zipfile.ZipInfo]:
    """Members by name. Raises ArchiveInvalid for names that lead elsewhere or occur twice, for encryption,
    and for what would come out of proportion."""
    members: dict[str, zipfile.ZipInfo] = {}
    stored = unpacked = 0
    for member in archive.infolist():
        name = member.orig_filename
        _check_name(name)
        if name in members:
            raise ArchiveInvalid(f"the archive has two members {name!r}")
        if member.flag_bits & 0x1:
            raise ArchiveInvalid(f"the archive's member {name!r} is encrypted")
        members[name] = member
        stored += member.compress_size
        unpacked += member.file_size
    if stored > size:
        raise ArchiveInvalid("the archive's members overlap")
    _check_ratio(unpacked, size)
    return members


def _read_zip(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ArchiveInvalid(f"{member.filename} is compressed in a way that clients cannot read")
    _check_size(member.filename, member.file_size)
    with archive.open(member) as file:
        data = file.read(LARGEST_METADATA + 1)
    if len(data) != member.file_size:
        raise ArchiveInvalid(f"{member.filename} is not as long as the archive says")
    return data


# Tar files


def _from_tar(file: BinaryIO, size: int) -> bytes:
    stream = _Unzipped(file, size)
    members: dict[str, _Member] = {}
    found: dict[str, bytes] = {}
    for count, member in enumerate(_tar_members(stream), 1):
        _check_name(member.name)
        if count > MOST_MEMBERS:
            raise ArchiveInvalid(f"the archive has more than {MOST_MEMBERS} members")
        known = members.setdefault(member.name, member)
        if known is not member and not (known.is_folder and member.is_folder):
            raise ArchiveInvalid(f"the archive has two members {member.name!r}")
        if member.name.count("/") == 1 and member.name.endswith("/PKG-INFO"):
            if not member.is_file:
                raise ArchiveInvalid(f"the archive's {member.name} is not a file")
            _check_size(member.name, member.size)
            found[member.name] = stream.take(member.size)
            member.taken = member.size
    stream.drain()
    wanted = f"{_top(members)}/PKG-INFO"
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
            raise ArchiveInvalid(f"{_DAMAGED}: {error}") from error
        self._count += len(data)
        _check_ratio(self._count, self._compressed)
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
        raise ArchiveInvalid(f"{_DAMAGED}: a tar header has a wrong checksum")


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
    raise ArchiveInvalid(f"{_DAMAGED}: {field!r} is no number of a tar header")


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


# What both have in common


def _check_name(name: str) -> None:
    if len(name) > LONGEST_NAME:
        raise ArchiveInvalid(f"the archive's member {name[:100]!r}… has a name of {len(name)} characters")
    segments = name.rstrip("/").split("/")
    if not name or "\0" in name or "\\" in name or ":" in segments[0] or {"", ".", ".."} & set(segments):
        raise ArchiveInvalid(f"the archive's member {name!r} leads out of it")


def _check_size(name: str, size: int) -> None:
    if size > LARGEST_METADATA:
        raise ArchiveInvalid(f"{name} has {size} bytes; {LARGEST_METADATA} are allowed")


def _check_ratio(unpacked: int, packed: int) -> None:
    if unpacked > ALWAYS_FINE and unpacked > HIGHEST_RATIO * packed:
        raise ArchiveInvalid(
            f"more than {HIGHEST_RATIO} times its size comes out of the archive, as of no distribution"
        )


def _top(names: Iterable[str]) -> str:
    tops = {name.partition("/")[0] for name in names}
    if len(tops) != 1:
        raise ArchiveInvalid(f"a source distribution has one folder on top, this one has {len(tops)}")
    return tops.pop()
