"""The RPM dialogue of the benchmark: packages that cost next to nothing to make, and the metadata of trees
of them, as createrepo_c writes it.

All packages are one: a header with a number in it, which is replaced. So each takes a few microseconds, has
the size of any other, and is one to every RPM program.
"""

import gzip
import hashlib
import os
import re
import shutil
import struct
import subprocess
import time
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from benchmarks.peers import PeerAbsent

CREATEREPO = "createrepo_c"
MERGEREPO = "mergerepo_c"

_NUMBER = "%08d"
_PLACEHOLDER = b"00000000"
_ONLY = 98_765_432  # a number that is part of no other in its metadata
_FILES = 12
_INT16, _INT32, _STRING, _BINARY, _STRINGS, _TRANSLATED = 3, 4, 6, 7, 8, 9
_ALIGNMENT = {_INT16: 2, _INT32: 4}
_MAGIC = b"\x8e\xad\xe8\x01\x00\x00\x00\x00"
_SIGNATURES, _IMMUTABLE = 62, 63  # the tags of the region that each of the two headers is

_Value = str | list[int] | list[str]


def package(stem: str, number: int) -> tuple[str, bytes]:
    """The file name of a package, and its bytes; `stem` begins its name."""
    name = f"{stem}-{_NUMBER % number}"
    header, payload = _template(stem)
    header = header.replace(_PLACEHOLDER, (_NUMBER % number).encode())
    return f"{name}-1.0-1.noarch.rpm", _lead(name) + _signature(header, payload) + header + payload


def lay(folder: Path, stem: str, numbers: Iterable[int]) -> None:
    """Have the packages with these numbers as files of a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in numbers:
        filename, content = package(stem, number)
        (folder / filename).write_bytes(content)


def lay_metadata(folder: Path, stem: str, count: int) -> None:
    """Have the metadata of so many packages in a folder, without the packages: createrepo_c writes that of
    one, and its number and its checksum are replaced."""
    only = folder / "only"
    lay(only, stem, [_ONLY])
    createrepo(only)
    (folder / "repodata").mkdir(parents=True, exist_ok=True)
    repomd = (only / "repodata/repomd.xml").read_bytes()
    for kind, location in listed(repomd).items():
        one = gzip.decompress((only / location).read_bytes())
        (checksum,) = set(re.findall(rb'pkgid="(?:YES">)?([0-9a-f]{64})', one))
        many = _multiplied(one, checksum, stem, count)
        compressed = gzip.compress(many, 1, mtime=0)
        renamed = f"repodata/{hashlib.sha256(compressed).hexdigest()}-{kind}.xml.gz"
        (folder / renamed).write_bytes(compressed)
        repomd = _described(repomd, kind, renamed, compressed, many)
    (folder / "repodata/repomd.xml").write_bytes(repomd)
    shutil.rmtree(only)


@dataclass(frozen=True, slots=True)
class Run:
    """What a program took: seconds, and its greatest resident memory in MB."""

    seconds: float
    memory: float


def createrepo(folder: Path, *options: str) -> Run:
    """Have createrepo_c write the metadata of a folder; its defaults, but for the databases, which nothing
    reads any more."""
    return _run(CREATEREPO, "--quiet", "--no-database", *options, str(folder))


def mergerepo(target: Path, *folders: Path) -> Run:
    """Have mergerepo_c merge the metadata of folders."""
    sources = [word for folder in folders for word in ("--repo", str(folder))]
    return _run(MERGEREPO, "--no-database", "--all", *sources, "--outputdir", str(target))


def program(name: str) -> str:
    """Where it is; `PeerAbsent` when it is not installed."""
    found = shutil.which(name)
    if found is None:
        raise PeerAbsent(f"{name} is not installed")
    return found


def listed(repomd: bytes) -> dict[str, str]:
    """Where each document is that an entry document names, by its type."""
    records = re.findall(rb'<data type="([\w-]+)">(.*?)</data>', repomd, re.DOTALL)
    found = {}
    for kind, record in records:
        (location,) = re.findall(rb'<location href="([^"]+)"', record)
        found[kind.decode()] = location.decode()
    return found


def count(primary: bytes) -> int:
    """How many packages a primary document lists, compressed as it came."""
    document = gzip.decompress(primary)
    (stated,) = re.findall(rb'<metadata [^>]*packages="(\d+)"', document[:1000])
    found = document.count(b"</package>")
    if found != int(stated):
        raise ValueError(f"it lists {found} packages and says {int(stated)}")
    return found


def _multiplied(one: bytes, checksum: bytes, stem: str, count: int) -> bytes:
    begin, end = one.index(b"<package "), one.index(b"</package>\n") + len(b"</package>\n")
    element, number = one[begin:end], str(_ONLY).encode()
    parts = [one[:begin].replace(b'packages="1"', b'packages="%d"' % count)]
    for each in range(count):
        name = (_NUMBER % each).encode()
        other = hashlib.sha256(stem.encode() + name).hexdigest().encode()
        parts.append(element.replace(number, name).replace(checksum, other))
    return b"".join([*parts, one[end:]])


def _described(repomd: bytes, kind: str, location: str, compressed: bytes, document: bytes) -> bytes:
    """An entry document that names another document of this type."""
    begin = repomd.index(b'<data type="%b">' % kind.encode())
    end = repomd.index(b"</data>", begin)
    record = repomd[begin:end]
    for element, value in (
        (b"checksum", hashlib.sha256(compressed).hexdigest()),
        (b"open-checksum", hashlib.sha256(document).hexdigest()),
        (b"size", len(compressed)),
        (b"open-size", len(document)),
    ):
        record = re.sub(rb"(<%b[^>]*>)[^<]*" % element, rb"\g<1>" + str(value).encode(), record)
    record = re.sub(rb'(<location href=")[^"]*', rb"\g<1>" + location.encode(), record)
    return repomd[:begin] + record + repomd[end:]


def _run(name: str, *options: str) -> Run:
    began = time.monotonic()
    process = subprocess.Popen([program(name), *options], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{name} ended with {process.returncode}")
    return Run(time.monotonic() - began, usage.ru_maxrss * 1024 / 1e6)


@cache
def _template(stem: str) -> tuple[bytes, bytes]:
    """The header and the payload of a package whose number is the placeholder."""
    name = f"{stem}-{_PLACEHOLDER.decode()}"
    payload = gzip.compress(bytes(1024), mtime=0)
    files = range(_FILES)
    tags: dict[int, tuple[int, _Value]] = {
        100: (_STRINGS, ["C"]),
        1000: (_STRING, name),
        1001: (_STRING, "1.0"),
        1002: (_STRING, "1"),
        1004: (_TRANSLATED, ["A package of the benchmark"]),
        1005: (_TRANSLATED, ["Packages have a description of the usual length. " * 6]),
        1006: (_INT32, [1_700_000_000]),
        1007: (_STRING, "builder.example"),
        1009: (_INT32, [_FILES * 1000]),
        1014: (_STRING, "Apache-2.0"),
        1016: (_TRANSLATED, ["Unspecified"]),
        1020: (_STRING, "upstream.example"),
        1021: (_STRING, "linux"),
        1022: (_STRING, "noarch"),
        1028: (_INT32, [1000 for _ in files]),
        1030: (_INT16, [0o100644 for _ in files]),
        1034: (_INT32, [1_700_000_000 for _ in files]),
        1035: (_STRINGS, ["ab" * 32 for _ in files]),
        1037: (_INT32, [0 for _ in files]),
        1039: (_STRINGS, ["root" for _ in files]),
        1040: (_STRINGS, ["root" for _ in files]),
        1044: (_STRING, f"{name}-1.0-1.src.rpm"),
        1047: (_STRINGS, [name, f"config({name})"]),
        1048: (_INT32, [0, 0, 0x100000A]),
        1049: (_STRINGS, ["/bin/sh", "libbench.so.1()(64bit)", "rpmlib(CompressedFileNames)"]),
        1050: (_STRINGS, ["", "", "3.0.4-1"]),
        1064: (_STRING, "4.18.0"),
        1080: (_INT32, [1_700_000_000 - day * 86_400 for day in range(3)]),
        1081: (_STRINGS, [f"Anna <anna@acme.example> - 1.0-{day}" for day in range(3)]),
        1082: (_STRINGS, ["- a change that is told in a line or so" for _ in range(3)]),
        1112: (_INT32, [8, 8]),
        1113: (_STRINGS, ["1.0-1", "1.0-1"]),
        1116: (_INT32, [file % 2 for file in files]),
        1117: (_STRINGS, [f"file-{file}.conf" for file in files]),
        1118: (_STRINGS, [f"/usr/share/{name}/", f"/usr/lib/{name}/"]),
        1124: (_STRING, "cpio"),
        1125: (_STRING, "gzip"),
        1126: (_STRING, "9"),
        5011: (_INT32, [8]),
        5092: (_STRINGS, [hashlib.sha256(payload).hexdigest()]),
        5093: (_INT32, [8]),
    }
    return _header(_IMMUTABLE, tags), payload


def _lead(name: str) -> bytes:
    return struct.pack(">4sBBHH66sHH16x", b"\xed\xab\xee\xdb", 3, 0, 0, 1, name.encode(), 1, 5)


def _signature(header: bytes, payload: bytes) -> bytes:
    """The sizes and digests that stand before a header, filled up to a multiple of eight bytes."""
    section = _header(
        _SIGNATURES,
        {
            269: (_STRING, hashlib.sha1(header).hexdigest()),
            273: (_STRING, hashlib.sha256(header).hexdigest()),
            1000: (_INT32, [len(header) + len(payload)]),
        },
    )
    return section + bytes(-len(section) % 8)


def _header(region: int, tags: dict[int, tuple[int, _Value]]) -> bytes:
    """A header structure: its index, then its values; all of it is one region."""
    index, store = b"", bytearray()
    for tag in sorted(tags):
        kind, value = tags[tag]
        store += bytes(-len(store) % _ALIGNMENT.get(kind, 1))
        at = len(store)
        store += _encoded(kind, value)
        index += struct.pack(">IIII", tag, kind, at, 1 if isinstance(value, str) else len(value))
    # The region's entry comes first and leads to its trailer, which tells how long the index is.
    entry = struct.pack(">IIII", region, _BINARY, len(store), 16)
    store += struct.pack(">IIiI", region, _BINARY, -len(index) - 16, 16)
    return _MAGIC + struct.pack(">II", len(tags) + 1, len(store)) + entry + index + bytes(store)


def _encoded(kind: int, value: _Value) -> bytes:
    if isinstance(value, str):
        return value.encode() + b"\0"
    if kind == _INT16:
        return b"".join(struct.pack(">H", each) for each in value)
    if kind == _INT32:
        return b"".join(struct.pack(">I", each) for each in value)
    return b"".join(str(each).encode() + b"\0" for each in value)
