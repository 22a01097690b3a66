"""What the file name of a distribution says (binary distribution format; PEP 625 and what came before).

A source distribution's name can be read in several ways: `foo-1.0-1.tar.gz` is version `1.0-1` (a post
release) of `foo`, or version `1` of `foo-1.0`. The form and the archive tell which; the others must stay
free, because a file name is unique in a repository (pypi R8).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from packaging.utils import InvalidWheelFilename, parse_wheel_filename
from packaging.version import InvalidVersion, Version

from artifactd_pypi.errors import UploadInvalid
from artifactd_pypi.names import ProjectName, is_name, project_name

LONGEST: Final = 255
"""Bytes of a file name that every file system takes."""

WHEEL: Final = ".whl"
_SDISTS: Final = (".tar.gz", ".zip")


class Kind(StrEnum):
    """What a distribution is, in the words of the upload form's `filetype`."""

    WHEEL = "bdist_wheel"
    SDIST = "sdist"


@dataclass(frozen=True, slots=True)
class Reading:
    """One way to read a file name."""

    project: ProjectName
    version: Version


@dataclass(frozen=True, slots=True)
class Filename:
    """A file name and all its readings, of which there is one for a wheel. `python`: the Python versions a
    wheel is for, as written; `source` for a source distribution."""

    text: str
    kind: Kind
    python: str
    readings: Sequence[Reading]

    def read_as(self, project: str) -> Reading | None:
        """The reading in which it is this project's."""
        return next((reading for reading in self.readings if reading.project == project), None)


def parse_filename(text: str) -> Filename:
    """`text` as the name of a file of some project. Raises UploadInvalid."""
    if not text:
        raise UploadInvalid("the file has no name")
    if not text.isascii() or not text.isprintable() or set(text) & set("/\\ ") or text.startswith("."):
        raise UploadInvalid(
            f"the file name {text!r} is not possible: use printable ASCII without spaces and slashes, not"
            " beginning with a dot"
        )
    if len(text) > LONGEST:
        raise UploadInvalid(
            f"the file name {text[:40]!r}… has {len(text)} characters; {LONGEST} are possible"
        )
    if text.endswith(WHEEL):
        return _wheel(text)
    for suffix in _SDISTS:
        if text.endswith(suffix):
            return Filename(text, Kind.SDIST, "source", _readings(text, text.removesuffix(suffix)))
    raise UploadInvalid(
        f"the file name {text!r} is neither a wheel's (.whl) nor a source distribution's (.tar.gz, .zip)"
    )


def _wheel(text: str) -> Filename:
    try:
        _, version, _, _ = parse_wheel_filename(text)
        project = project_name(text.partition("-")[0])
    except InvalidWheelFilename as error:
        raise UploadInvalid(f"the file name {text!r} is not that of a wheel: {error}") from error
    python = text.removesuffix(WHEEL).split("-")[-3]
    return Filename(text, Kind.WHEEL, python, (Reading(project, version),))


def _readings(text: str, stem: str) -> Sequence[Reading]:
    readings: list[Reading] = []
    for place, character in enumerate(stem):
        if character == "-" and is_name(stem[:place]):
            try:
                readings.append(Reading(project_name(stem[:place]), Version(stem[place + 1 :])))
            except InvalidVersion:
                continue
    if not readings:
        raise UploadInvalid(
            f"the file name {text!r} is not a name and a version (PEP 440) joined by a dash"
        )
    return tuple(readings)
