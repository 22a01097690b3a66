"""Metadata of wheels and of source distributions that are zip files. The directory is looked at before
`zipfile` reads it."""

import struct
import zipfile
from dataclasses import dataclass
from typing import BinaryIO, Final

from packaging.utils import canonicalize_name, canonicalize_version

from artifactd_pypi.filenames import Reading
from artifactd_pypi.limits import (
    LARGEST_METADATA,
    MOST_MEMBERS,
    ArchiveInvalid,
    check_name,
    check_ratio,
    check_size,
    top_folder,
)

_LARGEST_DIRECTORY: Final = 32 << 20
"""Bytes of a zip file's directory: 500 for each member."""


def wheel_metadata(file: BinaryIO, size: int, reading: Reading) -> bytes:
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


def zip_metadata(file: BinaryIO, size: int) -> bytes:
    with _open_zip(file, size) as archive:
        members = _zip_members(archive, size)
        wanted = f"{top_folder(members)}/PKG-INFO"
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
        check_name(name)
        if name in members:
            raise ArchiveInvalid(f"the archive has two members {name!r}")
        if member.flag_bits & 0x1:
            raise ArchiveInvalid(f"the archive's member {name!r} is encrypted")
        members[name] = member
        stored += member.compress_size
        unpacked += member.file_size
    if stored > size:
        raise ArchiveInvalid("the archive's members overlap")
    check_ratio(unpacked, size)
    return members


def _read_zip(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ArchiveInvalid(f"{member.filename} is compressed in a way that clients cannot read")
    check_size(member.filename, member.file_size)
    with archive.open(member) as file:
        data = file.read(LARGEST_METADATA + 1)
    if len(data) != member.file_size:
        raise ArchiveInvalid(f"{member.filename} is not as long as the archive says")
    return data
