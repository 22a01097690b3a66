"""File names on the pages of other indexes, which have files from before today's rules (PEP 527, 715).

Rule 1: what installers could not ask for, or we could not keep, is no file: a name is printable, has no
slash, does not begin with a dot, and fits a file system.
Rule 2: what ends like no distribution ever did is none either. Whether it names a version does not matter:
old files are passed on as they are (pypi R3, R7).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from packaging.version import InvalidVersion, Version

from artifactd_pypi.filenames import LONGEST, WHEEL, Kind
from artifactd_pypi.names import Release, is_name, parse_version, project_name

_KINDS: Final[Mapping[str, str]] = {
    WHEEL: Kind.WHEEL.value,
    ".egg": "bdist_egg",
    ".exe": "bdist_wininst",
    ".msi": "bdist_msi",
    ".rpm": "bdist_rpm",
    ".dmg": "bdist_dmg",
    ".deb": "bdist_dumb",
    **dict.fromkeys((".tar.gz", ".zip", ".tar.bz2", ".tgz", ".tbz"), Kind.SDIST.value),
    **dict.fromkeys((".tar.xz", ".tar.Z", ".tar"), Kind.SDIST.value),
}
"""How distributions have ended since there are some, and what they are in the words of `filetype`."""

_INSTALLER = re.compile(
    r"(?P<version>.+?)\.(?:win|linux|macosx)[^-]*(?:-(?!py)[^-]*)*(?:-py(?P<python>[0-9.]+))?"
)
_EGG = re.compile(r"(?P<version>[^-]+)(?:-py(?P<python>[0-9.]+))?(?:-.*)?")
_RPM = re.compile(r"(?P<version>.+)-[^-]+")

_BINARIES: Final[Mapping[str, re.Pattern[str]]] = {
    "bdist_egg": _EGG,
    "bdist_wininst": _INSTALLER,
    "bdist_msi": _INSTALLER,
    "bdist_rpm": _RPM,
}


@dataclass(frozen=True, slots=True)
class Said:
    """What a file name says. `version` is None, and `shown` what stands in its place, for one that has none
    (PEP 440)."""

    kind: str
    python: str
    version: Version | None
    shown: str
    release: Release


def read_name(text: str, project: str) -> Said | None:
    """What the name of a file of `project` says, None for what cannot be one."""
    if not text.isprintable() or text.startswith(".") or "/" in text or "\\" in text:
        return None
    suffix = next((suffix for suffix in _KINDS if text.endswith(suffix)), None)
    if suffix is None or len(text.encode()) > LONGEST:
        return None
    stem, kind = text.removesuffix(suffix), _KINDS[suffix]
    if kind == Kind.WHEEL:
        parts = stem.split("-")
        # Old tools wrote an underscore where the version had a dash.
        version = parts[1].replace("_", "-") if len(parts) in (5, 6) else stem
        return _said(kind, parts[-3] if len(parts) in (5, 6) else "", version)
    if kind in _BINARIES:
        found = _BINARIES[kind].fullmatch(_behind(project, stem))
        if found is not None:
            return _said(kind, found.groupdict().get("python") or "any", found["version"].replace("_", "-"))
    return _said(kind, "source" if kind == Kind.SDIST else "any", _behind(project, stem))


def _behind(project: str, stem: str) -> str:
    """What stands behind the project's name: the first reading that is a version, where there is one. All
    of it, where the name is another's."""
    readings = [
        stem[place + 1 :]
        for place, character in enumerate(stem)
        if character == "-" and is_name(stem[:place]) and project_name(stem[:place]) == project
    ]
    return next((text for text in readings if _is_version(text)), readings[0] if readings else stem)


def _is_version(text: str) -> bool:
    try:
        parse_version(text)
    except InvalidVersion:
        return False
    return True


def _said(kind: str, python: str, version: str) -> Said:
    try:
        parsed, release = parse_version(version)
    except InvalidVersion:
        return Said(kind, python, None, version, Release(version))
    return Said(kind, python, parsed, str(parsed), release)
