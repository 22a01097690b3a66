"""Wheels that no honest tool makes: each is refused, in little time and memory.

`HOSTILE` has a builder of each by what is wrong with it. Their file names, names and versions are all in
order, so that the archive is what a refusal is about; the deflated bombs are of few bytes and made at once.
"""

import io
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from tests.support.distributions import Distribution, core_metadata, sdist, wheel, zipped

NAME, VERSION = "hostile", "1.0"
FILENAME = f"{NAME}-{VERSION}-py3-none-any.whl"
INFO = f"{NAME}-{VERSION}.dist-info"
METADATA = core_metadata(NAME, VERSION)
WHEEL = b"Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
MEGABYTE = 1 << 20
STORED, DEFLATED = zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED


@dataclass(frozen=True, slots=True)
class Member:
    """A member as it is written: what it really holds in `data`, and what is said of it. None: the truth.
    `packed` is the compressed data where `data` would be too large to hold."""

    name: bytes
    data: bytes = b""
    method: int = DEFLATED
    packed: bytes | None = None
    size: int | None = None
    crc: int | None = None
    flags: int = 0
    mode: int = stat.S_IFREG | 0o644
    local_name: bytes | None = None
    extra: bytes = b""
    offset: int | None = None
    """Where its local header is said to be. Given, none is written."""


def written(
    members: Sequence[Member], *, before: bytes = b"", after: bytes = b"", count: int | None = None
) -> bytes:
    """A ZIP file of these members. Offsets count from the file's first byte, `before` included."""
    out, directory = bytearray(before), bytearray()
    for member in members:
        packed = member.packed if member.packed is not None else _packed(member)
        size = len(member.data) if member.size is None else member.size
        crc = zlib.crc32(member.data) if member.crc is None else member.crc
        offset = len(out) if member.offset is None else member.offset
        facts = (20, member.flags, member.method, 0, 0x21, crc, len(packed), size)
        if member.offset is None:
            local = member.local_name or member.name
            out += struct.pack("<4s5H3L2H", b"PK\3\4", *facts, len(local), 0) + local + packed
        directory += struct.pack(
            "<4s6H3L5H2L",
            b"PK\1\2",
            (3 << 8) | 20,
            *facts,
            len(member.name),
            len(member.extra),
            0,
            0,
            0,
            member.mode << 16,
            offset,
        )
        directory += member.name + member.extra
    number = len(members) if count is None else count
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, number, number, len(directory), len(out), 0)
    return bytes(out + directory + end + after)


def hostile(content: bytes) -> Distribution:
    """A wheel of these bytes."""
    return Distribution(NAME, VERSION, FILENAME, content, METADATA)


@cache
def zeros(size: int) -> tuple[bytes, int]:
    """A deflate stream of that many megabytes of zeros, and their CRC: made from one megabyte."""
    piece = bytes(MEGABYTE)
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = packer.compress(piece) + packer.flush(zlib.Z_FULL_FLUSH)
    crc = 0
    for _ in range(size):
        crc = zlib.crc32(piece, crc)
    return packed * size + packer.flush(), crc


def _packed(member: Member) -> bytes:
    if member.method != DEFLATED:
        return member.data
    packer = zlib.compressobj(6, zlib.DEFLATED, -15)
    return packer.compress(member.data) + packer.flush()


MODULE = Member(b"hostile.py", b"pass\n")
DESCRIBED = Member(f"{INFO}/METADATA".encode(), METADATA)
ABOUT = Member(f"{INFO}/WHEEL".encode(), WHEEL)
RECORD = Member(f"{INFO}/RECORD".encode(), b"hostile.py,,\n")
HONEST = (MODULE, DESCRIBED, ABOUT, RECORD)


def _with(*members: Member) -> Distribution:
    """An honest wheel and these."""
    return hostile(written([*HONEST, *members]))


def _described_by(member: Member) -> Distribution:
    """A wheel with this for its METADATA."""
    return hostile(written([MODULE, member, ABOUT, RECORD]))


def _without(member: Member) -> Distribution:
    return hostile(written([each for each in HONEST if each is not member]))


def _metadata(**said: object) -> Member:
    """METADATA, and what is said of it."""
    return Member(DESCRIBED.name, **{"data": METADATA, **said})  # type: ignore[arg-type]


def _bomb() -> Distribution:
    packed, crc = zeros(1024)
    return _with(Member(b"bomb.bin", packed=packed, size=1024 * MEGABYTE, crc=crc))


def _metadata_bomb() -> Distribution:
    packed, crc = zeros(1024)
    return _described_by(Member(DESCRIBED.name, packed=packed, size=1024 * MEGABYTE, crc=crc))


def _metadata_bomb_that_says_it_is_small() -> Distribution:
    packed, crc = zeros(1024)
    return _described_by(Member(DESCRIBED.name, packed=packed, size=len(METADATA), crc=crc))


def _metadata_of_100_megabytes() -> Distribution:
    packed, crc = zeros(100)
    return _described_by(Member(DESCRIBED.name, packed=packed, size=100 * MEGABYTE, crc=crc))


def _overlapping() -> Distribution:
    """A thousand members that are one: 10 MB of zeros each, of the same few bytes (Fifield)."""
    packed, crc = zeros(10)
    kernel = Member(b"0", packed=packed, size=10 * MEGABYTE, crc=crc)
    others = [
        Member(str(number).encode(), packed=packed, size=10 * MEGABYTE, crc=crc, offset=0)
        for number in range(1, 1000)
    ]
    return hostile(written([kernel, *others, *HONEST]))


def _million_members() -> Distribution:
    """A million entries of the central directory, all of one empty file: ZIP64, as so many need."""
    local = struct.pack("<4s5H3L2H", b"PK\3\4", 20, 0, 0, 0, 0x21, 0, 0, 0, 7, 0) + b"0000000"
    entry = struct.pack(
        "<4s6H3L5H2L", b"PK\1\2", (3 << 8) | 20, 20, 0, 0, 0, 0x21, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0
    )
    directory = b"".join(b"%b%07d" % (entry, number) for number in range(1_000_000))
    return hostile(local + directory + _end64(1_000_000, len(directory), len(local)))


def _end64(count: int, size: int, offset: int, *, at: int | None = None) -> bytes:
    """The end of a ZIP64 file, whose central directory has that many entries and bytes; `at`: where its
    end record is said to be."""
    where = offset + size if at is None else at
    return (
        struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, count, count, size, offset)
        + struct.pack("<4sLQL", b"PK\6\7", 0, where, 1)
        + struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    )


def _zip64_end_elsewhere() -> Distribution:
    whole = written(HONEST)
    at = whole.index(b"PK\5\6")
    offset = whole.index(b"PK\1\2")
    return hostile(whole[:at] + _end64(len(HONEST), at - offset, offset, at=1 << 62))


def _zip64_size_without_end() -> Distribution:
    extra = struct.pack("<2H2Q", 1, 16, 1 << 62, 1 << 62)
    return _described_by(_metadata(size=0xFFFFFFFF, extra=extra))


def _zip64_extra_too_short() -> Distribution:
    return _described_by(_metadata(size=0xFFFFFFFF, extra=struct.pack("<2H", 1, 16)))


def _also_a_tar() -> Distribution:
    """A tar file with a ZIP file behind it, whose offsets know of it: either reader finds its own."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("other.py"))
    return hostile(written(HONEST, before=out.getvalue()))


def _renamed(build: Callable[[], bytes]) -> Callable[[], Distribution]:
    return lambda: hostile(build())


def _tar() -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        archive.addfile(tarfile.TarInfo(f"{INFO}/METADATA"))
    return out.getvalue()


def _cut(content: bytes, by: int) -> bytes:
    return content[:-by]


def _zip_sdist(members: Mapping[str, bytes]) -> Distribution:
    return Distribution(NAME, VERSION, f"{NAME}-{VERSION}.zip", zipped(members), METADATA)


HOSTILE: Mapping[str, Callable[[], Distribution]] = {
    "a bomb of 1 GB": _bomb,
    "METADATA of 1 GB": _metadata_bomb,
    "METADATA of 1 GB that is said to be small": _metadata_bomb_that_says_it_is_small,
    "METADATA of 100 MB": _metadata_of_100_megabytes,
    "METADATA that is said to be 4 GB": lambda: _described_by(_metadata(size=0xFFFFFFF0)),
    "a thousand members that overlap": _overlapping,
    "a million members": _million_members,
    "METADATA twice": lambda: _with(DESCRIBED),
    "a module twice": lambda: _with(MODULE),
    "an absolute path": lambda: _with(Member(b"/etc/passwd", b"x")),
    "a path that leads out": lambda: _with(Member(b"../outside.py", b"x")),
    "a path that leads out from inside": lambda: _with(Member(b"a/../../outside.py", b"x")),
    "a path with backslashes that leads out": lambda: _with(Member(b"..\\outside.py", b"x")),
    "a path on a drive": lambda: _with(Member(b"C:\\outside.py", b"x")),
    "METADATA that is encrypted": lambda: _described_by(_metadata(flags=1)),
    "METADATA that is a link": lambda: _described_by(
        Member(DESCRIBED.name, b"/etc/passwd", mode=stat.S_IFLNK | 0o777)
    ),
    "METADATA of an unknown compression": lambda: _described_by(_metadata(method=99)),
    "METADATA of another checksum": lambda: _described_by(_metadata(crc=1)),
    "METADATA that does not unpack": lambda: _described_by(_metadata(packed=b"\xff" * 40)),
    "METADATA under another name in its local header": lambda: _described_by(
        _metadata(local_name=f"{INFO}/metadata".encode())
    ),
    "half of it": lambda: hostile(written(HONEST)[: len(written(HONEST)) // 2]),
    "all but its last bytes": lambda: hostile(_cut(written(HONEST), 10)),
    "something before it": lambda: hostile(b"#!/bin/sh\nexit\n" + written(HONEST)),
    "something before it that it knows of": lambda: hostile(written(HONEST, before=b"MZ" + bytes(500))),
    "something behind it": lambda: hostile(written(HONEST, after=b"something else")),
    "a second ZIP file behind it": lambda: hostile(written(HONEST, after=written([MODULE]))),
    "a tar file too": _also_a_tar,
    "a tar file": _renamed(_tar),
    "a tar.gz": _renamed(lambda: sdist(NAME, VERSION).content),
    "nothing": _renamed(lambda: b""),
    "a page": _renamed(lambda: b"<!DOCTYPE html><p>Log in first"),
    "two dist-info folders": lambda: _with(
        Member(b"other-1.0.dist-info/METADATA", core_metadata("other", "1.0"))
    ),
    "the dist-info folder of another": lambda: wheel(NAME, VERSION, dist_info="other-1.0.dist-info"),
    "no dist-info folder": lambda: hostile(written([MODULE])),
    "no METADATA": lambda: _without(DESCRIBED),
    "no WHEEL": lambda: _without(ABOUT),
    "no RECORD": lambda: _without(RECORD),
    "METADATA in a deeper folder only": lambda: _described_by(Member(b"a/" + DESCRIBED.name, METADATA)),
    "fewer members than it says": lambda: hostile(written(HONEST, count=len(HONEST) + 3)),
    "more members than it says": lambda: hostile(written(HONEST, count=1)),
    "a ZIP64 end that is elsewhere": _zip64_end_elsewhere,
    "a ZIP64 size of exabytes": _zip64_size_without_end,
    "a ZIP64 size that is cut": _zip64_extra_too_short,
    "a local header that is elsewhere": lambda: _described_by(_metadata(offset=0xFFFFFFF0)),
    "a name with NUL": lambda: _with(Member(b"a\0b.py", b"x")),
    "a name that is not UTF-8 and said to be": lambda: _with(Member(b"\xff\xfe.py", b"x", flags=0x800)),
    "a member without a name": lambda: _with(Member(b"", b"x")),
    "METADATA with a version of 2 MB": lambda: wheel(
        NAME, VERSION, metadata=METADATA.replace(b"\nVersion: 1.0", b"\nVersion: 1" + b".0" * MEGABYTE)
    ),
    "a zip of two folders": lambda: _zip_sdist(
        {f"{NAME}-{VERSION}/PKG-INFO": METADATA, "other/setup.py": b""}
    ),
    "a zip without PKG-INFO": lambda: _zip_sdist({f"{NAME}-{VERSION}/setup.py": b""}),
    "a zip with PKG-INFO at the top": lambda: _zip_sdist({"PKG-INFO": METADATA}),
    "a zip that leads out": lambda: _zip_sdist(
        {f"{NAME}-{VERSION}/PKG-INFO": METADATA, f"{NAME}-{VERSION}/../../outside": b""}
    ),
}


def _saying(make: Callable[[], bytes]) -> Callable[[], Distribution]:
    """A wheel of a project of its own, whose METADATA goes on like this."""

    def build() -> Distribution:
        lines = make()
        name = f"slow{len(lines)}"
        return wheel(name, VERSION, metadata=core_metadata(name, VERSION) + lines)

    return build


SLOW: Mapping[str, Callable[[], Distribution]] = {
    "a million classifiers": _saying(lambda: b"Classifier: a\n" * 1_000_000),
    "30,000 different headers": _saying(
        lambda: b"".join(b"X-%d: a\n" % number for number in range(30_000))
    ),
    "a million lines of one header": _saying(lambda: b"Description: a\n" + b"        b\n" * 1_000_000),
    "200,000 links": _saying(
        lambda: b"".join(b"Project-URL: %d, x\n" % number for number in range(200_000))
    ),
    "500,000 parts": _saying(
        lambda: b"Content-Type: multipart/mixed; boundary=x\n\n" + b"--x\n\n" * 500_000
    ),
    "500,000 messages": _saying(
        lambda: b"Content-Type: multipart/digest; boundary=x\n\n" + b"--x\n\n" * 500_000
    ),
    "messages in messages": _saying(lambda: b"\n".join([b"Content-Type: message/rfc822\n"] * 50_000)),
    "parts in parts": _saying(
        lambda: b"".join(
            b"Content-Type: multipart/mixed; boundary=x%d\n\n--x%d\n" % (n, n) for n in range(5000)
        )
    ),
}
"""Wheels whose METADATA is text like any other, and takes a parser of mail very long."""
