"""What a package adds to repodata: one element of each of its three documents, as createrepo_c writes them
(rpm R41, R44 to R49).

A header does not say what is only known of its file, and where that lies: checksum, size, time, location.
So the elements are made once, with marks in their places, and stored with the file; publishing fills the
marks (rpm R68). A mark is a control character, which XML cannot hold, and `clean` lets none through.
"""

import struct
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import zstandard

from artifactd_rpm.dependencies import Dependency
from artifactd_rpm.headers import PackageInvalid
from artifactd_rpm.package import Package, is_primary
from artifactd_rpm.text import clean, in_attribute, in_text

KIND: Final = "repodata"
"""Of the derived document that keeps a package's fragments."""

PARSER_VERSION: Final = 1
"""Raised when the same header shall give other fragments."""

LARGEST: Final = 1 << 30
"""Bytes of all three fragments: what unpacking allows."""

_TYPE: Final = b"\x01T"
_CHECKSUM: Final = b"\x01C"
_SIZE: Final = b"\x01S"
_TIME: Final = b"\x01F"
_HREF: Final = b"\x01H"

_SIZES: Final = struct.Struct(">BIII")
_LEVEL: Final = 3
"""Of zstandard: a fifth of the size for a tenth of the time that the header's parsing takes."""


@dataclass(frozen=True, slots=True)
class Fragments:
    """One `<package>` element for each document, in UTF-8, each ending in a line feed."""

    primary: bytes
    filelists: bytes
    other: bytes


def fragments_of(package: Package) -> Fragments:
    """The elements of a package, with marks for what is not known from its header."""
    return Fragments(
        "".join(_primary(package)).encode(),
        _listed(package, (f"  {_file(path, kind)}" for path, kind in package.files)),
        _listed(
            package,
            (
                f'  <changelog author="{in_attribute(change.author)}" date="{change.date}">'
                f"{in_text(change.text)}</changelog>\n"
                for change in package.changes
            ),
        ),
    )


def filled(
    fragments: Fragments, *, checksum_type: str, checksum: str, size: int, time_file: int, href: str
) -> Fragments:
    """The elements for a file: its checksum in hex, its size in bytes, its time in seconds since the epoch,
    and where it lies, relative to the folder that has `repodata/` (rpm R2, R5: as it is, not quoted)."""
    digest = checksum.encode()
    primary = fragments.primary
    for mark, value in (
        (_TYPE, checksum_type.encode()),
        (_CHECKSUM, digest),
        (_SIZE, b"%d" % size),
        (_TIME, b"%d" % time_file),
        (_HREF, in_attribute(clean(href.encode())).encode()),
    ):
        primary = primary.replace(mark, value, 1)
    return Fragments(
        primary,
        fragments.filelists.replace(_CHECKSUM, digest, 1),
        fragments.other.replace(_CHECKSUM, digest, 1),
    )


def packed(fragments: Fragments) -> bytes:
    """The fragments as one document."""
    parts = (fragments.primary, fragments.filelists, fragments.other)
    if sum(map(len, parts)) > LARGEST:
        raise PackageInvalid(f"more than {LARGEST} bytes of metadata would be made of the package")
    head = _SIZES.pack(PARSER_VERSION, *map(len, parts))
    return head + zstandard.ZstdCompressor(level=_LEVEL).compress(b"".join(parts))


def unpacked(document: bytes) -> Fragments:
    """The fragments that were packed. Raises ValueError for those of another parser's version."""
    version, primary, filelists, other = _SIZES.unpack_from(document)
    if version != PARSER_VERSION:
        raise ValueError(f"fragments of version {version} are not understood")
    data = zstandard.ZstdDecompressor().decompress(
        document[_SIZES.size :], max_output_size=primary + filelists + other
    )
    end = primary + filelists
    return Fragments(data[:primary], data[primary:end], data[end:])


def _primary(package: Package) -> Iterator[str]:
    yield (
        '<package type="rpm">\n'
        f"  <name>{in_text(package.name)}</name>\n"
        f"  <arch>{in_text(package.arch)}</arch>\n"
        f"  {_version(package)}"
        f'  <checksum type="{_TYPE.decode()}" pkgid="YES">{_CHECKSUM.decode()}</checksum>\n'
        f"  <summary>{in_text(package.summary)}</summary>\n"
        f"  <description>{in_text(package.description)}</description>\n"
        f"  <packager>{in_text(package.packager)}</packager>\n"
        f"  <url>{in_text(package.url)}</url>\n"
        f'  <time file="{_TIME.decode()}" build="{package.time_build}"/>\n'
        f'  <size package="{_SIZE.decode()}" installed="{package.size_installed}"'
        f' archive="{package.size_archive}"/>\n'
        f'  <location href="{_HREF.decode()}"/>\n'
        "  <format>\n"
        f"    <rpm:license>{in_text(package.license)}</rpm:license>\n"
        f"    <rpm:vendor>{in_text(package.vendor)}</rpm:vendor>\n"
        f"    <rpm:group>{in_text(package.group)}</rpm:group>\n"
        f"    <rpm:buildhost>{in_text(package.buildhost)}</rpm:buildhost>\n"
        f"    <rpm:sourcerpm>{in_text(package.sourcerpm)}</rpm:sourcerpm>\n"
        f'    <rpm:header-range start="{package.header_start}" end="{package.header_end}"/>\n'
    )
    lists = package.dependencies
    for title, entries in (
        ("provides", lists.provides),
        ("requires", lists.requires),
        ("conflicts", lists.conflicts),
        ("obsoletes", lists.obsoletes),
        ("suggests", lists.suggests),
        ("enhances", lists.enhances),
        ("recommends", lists.recommends),
        ("supplements", lists.supplements),
    ):
        yield from _entries(title, entries)
    for path, kind in package.files:
        if is_primary(path):
            yield f"    {_file(path, kind)}"
    yield "  </format>\n</package>\n"


def _entries(title: str, entries: Sequence[Dependency]) -> Iterator[str]:
    if not entries:
        return
    yield f"    <rpm:{title}>\n"
    for entry in entries:
        facts = {
            "name": entry.name,
            "flags": entry.comparison,
            "epoch": entry.epoch,
            "ver": entry.version,
            "rel": entry.release,
            "pre": "1" if entry.before_install else "",
        }
        written = " ".join(f'{name}="{in_attribute(value)}"' for name, value in facts.items() if value)
        yield f"      <rpm:entry {written}/>\n"
    yield f"    </rpm:{title}>\n"


def _listed(package: Package, lines: Iterable[str]) -> bytes:
    """An element of the documents that only name their packages."""
    name, arch = in_attribute(package.name), in_attribute(package.arch)
    head = f'<package pkgid="{_CHECKSUM.decode()}" name="{name}" arch="{arch}">\n  {_version(package)}'
    return "".join((head, *lines, "</package>\n")).encode()


def _version(package: Package) -> str:
    version, release = in_attribute(package.version), in_attribute(package.release)
    return f'<version epoch="{package.epoch}" ver="{version}" rel="{release}"/>\n'


def _file(path: str, kind: str) -> str:
    marked = f' type="{kind}"' if kind else ""
    return f"<file{marked}>{in_text(path)}</file>\n"
