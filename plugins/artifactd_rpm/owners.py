"""What paths say: whose a package is, and which files never change. Pure.

An asset path is the path in the URL. `D` stands for the folder that has `repodata/`.
"""

import re
from typing import Final

from artifactd.plugin import WritePolicy
from artifactd_rpm.settings import RpmSettings

REPODATA: Final = "repodata"
REPOMD: Final = f"{REPODATA}/repomd.xml"
METADATA: Final = ".metadata"
"""The folder of `D` that has what its repodata is to list beside packages: one file for each kind."""

PACKAGE: Final = ".rpm"

_POOLS: Final = frozenset(("Packages", "packages", "RPMS", "rpms", "SRPMS", "getPackage"))
"""Folders that hold packages of every name, as distributions lay them out; or of all names with the same
first letter, which their folders are called by then."""

_CHECKSUMS: Final = {32: "md5", 40: "sha1", 56: "sha224", 64: "sha256", 96: "sha384", 128: "sha512"}
_HASHED: Final = re.compile(r"(?:^|/)repodata/([0-9a-f]{32,128})-[^/]+")
_EXTRA: Final = re.compile(r"(?:(.*)/)?\.metadata/([a-z][a-z0-9_-]{0,63})", re.DOTALL)


def owner(path: str) -> str | None:
    """A package's name, within its folder. The same name in another folder, such as that of another
    release of a distribution, is another one's."""
    if not path.endswith(PACKAGE):
        return None
    folder, name = folder_of(path), package_name(path.rpartition("/")[2])
    return f"{folder}/{name}" if folder else name


def folder_of(path: str) -> str:
    """The folder of a package, without the folders at its end that only spread packages out."""
    *segments, name = path.split("/")
    while segments and (segments[-1] in _POOLS or segments[-1] == name[:1].lower()):
        segments.pop()
    return "/".join(segments)


def package_name(filename: str) -> str:
    """The name in `name-version-release.arch.rpm`; of a file called otherwise, what it is called."""
    stem = filename.removesuffix(PACKAGE)
    name = stem.rpartition(".")[0].rsplit("-", 2)
    return name[0] if len(name) == 3 and name[0] else stem


def stated_checksum(path: str) -> tuple[str, str] | None:
    """The algorithm and the checksum that a file of repodata has in its name (rpm R61)."""
    found = _HASHED.search(path)
    if found is None or found.end() != len(path):
        return None
    algorithm = _CHECKSUMS.get(len(found[1]))
    return (algorithm, found[1]) if algorithm else None


def addressed(path: str) -> bool:
    """Whether a path says by a digest which bytes it has."""
    stated = stated_checksum(path)
    return stated is not None and stated[0] in ("sha256", "sha512")


def immutable(path: str, settings: RpmSettings) -> bool:
    """Packages, where nobody may replace them, and files of repodata that are named by their checksums
    (rpm R100)."""
    if path.endswith(PACKAGE):
        return settings.write_policy is not WritePolicy.ALLOW
    return stated_checksum(path) is not None


def extra_kind(path: str) -> tuple[str, str] | None:
    """D and the kind of a file that repodata is to list."""
    found = _EXTRA.fullmatch(path)
    return (found[1] or "", found[2]) if found else None


def depth_of(path: str) -> int:
    """How many folders a path lies in; those of our own do not count."""
    extra = extra_kind(path)
    folder = path.rpartition("/")[0] if extra is None else extra[0]
    return folder.count("/") + 1 if folder else 0
