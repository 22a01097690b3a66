"""Names of projects, and the asset paths made of them.

A file lies at `<project>/<file name>`, the name normalised; its signature and its provenance lie beside it.
What we note about a project are facts below names that begin with a dot, as no file's does.
"""

import re
from functools import lru_cache
from typing import Final, NewType

from packaging.utils import canonicalize_version
from packaging.version import InvalidVersion, Version

from artifactd_pypi.errors import UploadInvalid, quoted

ProjectName = NewType("ProjectName", str)
"""Normalised; made only by `project_name`."""

Release = NewType("Release", str)
"""A version by which files belong together: `1.0` and `1.0.0` are the same (PEP 440). Made only by
`parse_version`."""

LONGEST_NAME: Final = 200
"""Characters of a project's name or of a version: both together must fit a file name."""

METADATA: Final = ".metadata"  # PEP 658
SIGNATURE: Final = ".asc"
PROVENANCE: Final = ".provenance"  # PEP 740

_BESIDE: Final = (METADATA, SIGNATURE, PROVENANCE)

_PAGE: Final = ".page"
_STATUS: Final = ".status"
_YANKED: Final = ".yanked"
_DELETED: Final = ".deleted"

# ASCII alone: `\w` and `str.isalnum` take letters and digits that only look like these (pypi R2).
_VALID = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")
_SEPARATORS = re.compile(r"[-_.]+")


def project_name(text: str) -> ProjectName:
    """`text` as the normalised name of a project (PEP 503, PEP 508). Raises UploadInvalid."""
    if not is_name(text):
        raise UploadInvalid(
            f"{quoted(text)} cannot name a project: use at most {LONGEST_NAME} ASCII letters and digits,"
            " with dots, dashes and underscores between them"
        )
    return ProjectName(_SEPARATORS.sub("-", text).lower())


def is_name(text: str) -> bool:
    """Whether `text` is a valid name, normalised or not."""
    return len(text) <= LONGEST_NAME and _VALID.fullmatch(text) is not None


def parse_version(text: str) -> tuple[Version, Release]:
    """A version, and what its files have in common, however each spells it. Raises InvalidVersion."""
    if len(text) > LONGEST_NAME:
        raise InvalidVersion(f"a version of {len(text)} characters fits no file name")
    return _parsed(text)


@lru_cache(16_384)  # many files have the same one
def _parsed(text: str) -> tuple[Version, Release]:
    version = Version(text)
    return version, Release(canonicalize_version(version))


def owner(path: str) -> str | None:
    """The project that an asset path belongs to."""
    project, slash, _ = path.partition("/")
    return project if slash else None


def file_path(project: ProjectName, filename: str) -> str:
    """Where a file lies, or what lies beside one."""
    return f"{project}/{filename}"


def main_name(name: str) -> str:
    """The name of the file that lies at `name`, or that what lies there is of."""
    for suffix in _BESIDE:
        if name.endswith(suffix):
            return name.removesuffix(suffix)
    return name


def companion(path: str) -> str | None:
    """The path of the file that what lies at `path` is of, None for what stands for itself."""
    main = main_name(path)
    return main if main != path else None


def page_path(project: str) -> str:
    """Where a proxy keeps the page of its upstream."""
    return f"{project}/{_PAGE}"


def status_path(project: ProjectName) -> str:
    """The fact that says a project's status (PEP 792)."""
    return f"{project}/{_STATUS}"


def yank_path(project: ProjectName, release: Release, filename: str = "") -> str:
    """The fact that says a release, or one file of it, is yanked (PEP 592)."""
    return f"{project}/{_YANKED}/{release}" + (f"/{filename}" if filename else "")


def deleted_path(project: ProjectName, filename: str) -> str:
    """The fact that says what a file was that had this name."""
    return f"{project}/{_DELETED}/{filename}"


def is_page(below: str) -> bool:
    """Whether the path `below` a project is that of an upstream's page."""
    return below == _PAGE


def is_status(below: str) -> bool:
    """Whether the path `below` a project is that of its status."""
    return below == _STATUS


def yanked(below: str) -> str | None:
    """The release, or release and file name, that a path below a project says is yanked."""
    folder, slash, rest = below.partition("/")
    return rest if slash and folder == _YANKED else None
