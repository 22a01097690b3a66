"""What a proxy asks its upstream for (rpm G). Pure.

Rule 1: repomd.xml, its signature and its key are fetched as one set, by the publication; here stands only
where the first of them is.
Rule 2: whatever is known of a file is stated, so that other bytes are neither kept nor passed on: by its
name, by the repomd.xml at hand, by the primary at hand.
Rule 3: nobody waits for metadata that only would be good to check by.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Final

from artifactd.plugin import IMMUTABLE, MUTABLE, Fetch, Freshness, Look, UpstreamInvalid, quoted
from artifactd_rpm import repomd
from artifactd_rpm.known_packages import ALGORITHMS, KNOWN_PACKAGES
from artifactd_rpm.media_types import media_type
from artifactd_rpm.mirrors import MIRRORS, MIRRORS_PATH, Mirrors
from artifactd_rpm.owners import PACKAGE, REPODATA, REPOMD, immutable, stated_checksum
from artifactd_rpm.settings import RpmSettings, Source

FOUND_SOON: Final = timedelta(seconds=15)
"""How long a file of repodata stays absent: mirrors get files and the list of them in any order
(rpm R103)."""

OF_NAMELESS: Final = Freshness(timedelta(0), timedelta(days=7))
"""For files of repodata without a checksum in their name: an old one does not fit a new repomd.xml."""

OF_METALINKS: Final = Freshness(timedelta(minutes=1))
"""They say which repomd.xml is right, so they must not be older than that."""

OF_MIRRORLISTS: Final = Freshness(timedelta(hours=1))
"""An old list is better than none, however old it is."""

DEEPEST: Final = 20
"""Folders above a package in which repodata is looked for."""


def fetch(path: str, settings: RpmSettings, look: Look) -> Sequence[Fetch]:
    """The file at a path, or the list of mirrors. Folders are not asked for."""
    if any(segment in ("", ".", "..") for segment in path.split("/")):
        return ()
    listed = settings.source is not Source.BASEURL
    if path == MIRRORS_PATH:
        return (_list(settings, look),) if listed else ()
    mirrors = look.document(MIRRORS, "") if listed else Mirrors(("",))
    if not path.endswith(REPOMD) or not mirrors.versions:
        expected, size, negative_for = _known(path, look)
        return [
            _file(f"{base}{quoted(path)}", path, settings, expected, size, negative_for)
            for base in mirrors.urls
        ]
    return [
        _file(f"{base}{quoted(path)}", path, settings, version.checksum, version.size)
        for version in mirrors.versions
        for base in mirrors.urls
    ]


def _list(settings: RpmSettings, look: Look) -> Fetch:
    freshness = OF_METALINKS if settings.source is Source.METALINK else OF_MIRRORLISTS
    return Fetch(settings.mirrors_at or look.url.rstrip("/"), freshness, whole=True)


def _file(
    url: str,
    path: str,
    settings: RpmSettings,
    expected: Mapping[str, str],
    size: int | None,
    negative_for: timedelta | None = None,
) -> Fetch:
    if immutable(path, settings):
        freshness = IMMUTABLE
    elif _in_repodata(path) and not path.endswith(REPOMD):
        freshness = OF_NAMELESS
    else:
        freshness = MUTABLE
    return Fetch(
        url,
        freshness,
        expected=expected,
        size=size,
        content_type=media_type(path),
        negative_for=negative_for,
        no_page=path.endswith(PACKAGE) or _in_repodata(path),
    )


def _known(path: str, look: Look) -> tuple[Mapping[str, str], int | None, timedelta | None]:
    """What the bytes at a path must be, as far as is known here: checksum and size. And how long they may
    be remembered as absent: not at all when they are listed."""
    if path.endswith(PACKAGE):
        return *_of_package(path, look), None
    if not _in_repodata(path) or path.endswith(REPOMD):
        return {}, None, None
    stated = stated_checksum(path)
    named = {} if stated is None else {stated[0]: stated[1]}
    folder = path.rpartition(f"{REPODATA}/")[0]
    record = _record(folder, path, look)
    if record is None:
        return named, None, FOUND_SOON
    algorithm, checksum = record.checksum
    algorithm = {"sha": "sha1"}.get(algorithm, algorithm)
    expected = {algorithm: checksum} if algorithm in ALGORITHMS else {}
    return expected | named, record.size, timedelta(0)


def _in_repodata(path: str) -> bool:
    return path.rpartition("/")[0].rpartition("/")[2] == REPODATA


def _record(folder: str, path: str, look: Look) -> repomd.Record | None:
    """What the repomd.xml at hand says of one of its files."""
    known = _repomd(folder, look)
    href = path.removeprefix(folder)
    return None if known is None else next((each for each in known.records if each.href == href), None)


def _of_package(path: str, look: Look) -> tuple[Mapping[str, str], int | None]:
    """What the primary at hand says of a package: that of the nearest folder above it that has repodata."""
    folder = next((each for each in _above(path) if look.holds(f"{each}{REPOMD}")), None)
    known = None if folder is None else _repomd(folder, look)
    primary = None if known is None else known.find("primary")
    if primary is None or not primary.is_named_by_checksum or not look.holds(f"{folder}{primary.href}"):
        return {}, None
    try:
        packages = look.document(KNOWN_PACKAGES, f"{folder}{primary.href}")
    except UpstreamInvalid:
        return {}, None  # a primary that clients may read, but that is not to be read here
    return packages.find(path.removeprefix(folder or ""))


def _above(path: str) -> Iterator[str]:
    """The folders above a path, the nearest first: each ends in a slash, the last is empty."""
    segments = path.split("/")[:-1]
    for count in range(len(segments), max(-1, len(segments) - DEEPEST), -1):
        yield "".join(f"{segment}/" for segment in segments[:count])


def _repomd(folder: str, look: Look) -> repomd.Repomd | None:
    body = look.held(f"{folder}{REPOMD}")
    if body is None:
        return None
    try:
        return repomd.parse(body)
    except UpstreamInvalid:
        return None
