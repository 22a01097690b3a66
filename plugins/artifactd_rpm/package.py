"""A package, as its headers describe it (rpm R41 to R49): what repodata and people are told of it."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import BinaryIO, Final

from artifactd_rpm.dependencies import Dependencies, read_dependencies
from artifactd_rpm.evr import Evr
from artifactd_rpm.headers import Header, PackageInvalid, read_headers
from artifactd_rpm.signatures import Signature, read_signatures
from artifactd_rpm.tags import GHOST, SignatureTag, Tag
from artifactd_rpm.text import clean

MOST_CHANGES: Final = 10
"""Entries of a changelog that repodata has, the newest: what createrepo_c takes by default (rpm R48)."""

LONGEST_NAME: Final = 255
"""Characters of a name, a version or a release: no file system takes a longer file name."""

SOURCE: Final = "src"
"""The architecture of source packages in repodata. Their headers have that of the machine that they were
made on (rpm R42)."""

_NAME: Final = re.compile(r"[^\s/<>&'\"]+")
_ARCH: Final = re.compile(r"[A-Za-z0-9_.-]+")
_IS_DIRECTORY: Final = 0o040000
_FILE_TYPE: Final = 0o170000
_PRIMARY: Final = "/usr/lib/sendmail"


@dataclass(frozen=True, slots=True)
class Change:
    """An entry of the changelog. `date` in seconds since the epoch."""

    author: str
    date: int
    text: str


@dataclass(frozen=True, slots=True)
class Package:
    """A package. Times in seconds since the epoch, sizes in bytes: `size_installed` of its files, and
    `size_archive` of its payload unpacked. The main header lies at the bytes `header_start` to `header_end`
    of the file. `files`: paths and their kinds, which are empty, `dir` or `ghost`. `changes`: oldest
    first."""

    name: str
    epoch: int
    version: str
    release: str
    arch: str
    summary: str
    description: str
    packager: str
    url: str
    license: str
    vendor: str
    group: str
    buildhost: str
    sourcerpm: str
    time_build: int
    size_installed: int
    size_archive: int
    header_start: int
    header_end: int
    dependencies: Dependencies
    files: Sequence[tuple[str, str]]
    changes: Sequence[Change]
    signatures: Sequence[Signature]

    @property
    def evr(self) -> Evr:
        return Evr(self.epoch, self.version, self.release)

    @property
    def nevra(self) -> str:
        """`name-epoch:version-release.arch`, without an epoch of zero."""
        return f"{self.name}-{self.evr}.{self.arch}"

    @property
    def is_source(self) -> bool:
        return self.arch == SOURCE


def is_primary(path: str) -> bool:
    """Whether a file is listed in the primary document, where clients look for what packages require
    (rpm R44)."""
    return path.startswith("/etc/") or path == _PRIMARY or "bin/" in path


def read_package(file: BinaryIO) -> Package:
    """What the headers at the beginning of a file say. Raises PackageInvalid."""
    headers = read_headers(file)
    main, signature = headers.main, headers.signature
    files = list(_files(main))
    return Package(
        name=_named(main, Tag.NAME, _NAME),
        epoch=main.integer(Tag.EPOCH) or 0,
        version=_named(main, Tag.VERSION, _NAME),
        release=_named(main, Tag.RELEASE, _NAME),
        arch=SOURCE if _is_source(main) else _named(main, Tag.ARCH, _ARCH),
        summary=clean(main.string(Tag.SUMMARY)),
        description=clean(main.string(Tag.DESCRIPTION)),
        packager=clean(main.string(Tag.PACKAGER)),
        url=clean(main.string(Tag.URL)),
        license=clean(main.string(Tag.LICENSE)),
        vendor=clean(main.string(Tag.VENDOR)),
        group=clean(main.string(Tag.GROUP)),
        buildhost=clean(main.string(Tag.BUILDHOST)),
        sourcerpm=clean(main.string(Tag.SOURCERPM)),
        time_build=main.integer(Tag.BUILDTIME) or 0,
        size_installed=main.integer(Tag.LONGSIZE, Tag.SIZE) or 0,
        size_archive=_archive_size(main, signature),
        header_start=headers.start,
        header_end=headers.end,
        dependencies=read_dependencies(main, {path for path, _ in files if is_primary(path)}),
        files=files,
        changes=_changes(main),
        signatures=read_signatures(signature),
    )


def _is_source(main: Header) -> bool:
    return Tag.SOURCEPACKAGE in main or Tag.SOURCERPM not in main


def _named(main: Header, tag: Tag, pattern: re.Pattern[str]) -> str:
    """What names the package: it gets into addresses, file names and commands of others."""
    text = clean(main.string(tag))
    if len(text) > LONGEST_NAME or not pattern.fullmatch(text):
        raise PackageInvalid(f"the package has no {tag.name.lower()}, or one that is none: {text[:80]!r}")
    return text


def _archive_size(main: Header, signature: Header) -> int:
    """rpm notes it where it signs; old and future versions in the main header (rpm R43)."""
    size = signature.integer(SignatureTag.LONGARCHIVESIZE, SignatureTag.PAYLOADSIZE)
    return main.integer(Tag.PAYLOADSIZE, Tag.ARCHIVESIZE) or 0 if size is None else size


def _files(main: Header) -> Iterator[tuple[str, str]]:
    modes, flags = main.integers(Tag.FILEMODES), main.integers(Tag.FILEFLAGS)
    for number, path in enumerate(_paths(main)):
        if number < len(modes) and modes[number] & _FILE_TYPE == _IS_DIRECTORY:
            yield path, "dir"
        elif number < len(flags) and flags[number] & GHOST:
            yield path, "ghost"
        else:
            yield path, ""


def _paths(main: Header) -> Iterable[str]:
    """Full paths: from folders and base names, or as very old packages have them."""
    if Tag.BASENAMES not in main:
        return map(clean, main.strings(Tag.OLDFILENAMES))
    folders = main.strings(Tag.DIRNAMES)
    names, indexes = main.strings(Tag.BASENAMES), main.integers(Tag.DIRINDEXES)
    if len(names) != len(indexes) or any(index >= len(folders) for index in indexes):
        raise PackageInvalid("the package's list of files does not fit its list of folders")
    return (clean(folders[index] + name) for index, name in zip(indexes, names, strict=True))


def _changes(main: Header) -> Sequence[Change]:
    """The newest entries, oldest first. Clients order them by date, so those of one day are set apart by
    seconds, as createrepo_c does (rpm R48)."""
    authors, texts = main.strings(Tag.CHANGELOGNAME), main.strings(Tag.CHANGELOGTEXT)
    dates = main.integers(Tag.CHANGELOGTIME)
    if not len(authors) == len(texts) == len(dates):
        raise PackageInvalid("the package's changelog has parts that do not fit each other")
    newest = list(islice(zip(authors, dates, texts, strict=True), MOST_CHANGES))
    found: list[Change] = []
    older = last = -1
    for author, date, text in reversed(newest):
        last = last + 1 if date in (older, last) else date
        older = date
        found.append(Change(clean(author).rstrip(" "), last, clean(text)))
    return found
