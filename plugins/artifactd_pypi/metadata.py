"""Facts of a distribution, found in its core metadata (core metadata specification; PEP 621, 639, 643).

The archive is believed, not the form that came with it; only that they agree is checked. Newer minor
versions of the metadata are taken as they are (pypi R96).
"""

import hashlib
import re
from collections.abc import Mapping
from typing import Any, BinaryIO, Final

from packaging.version import InvalidVersion, Version

from artifactd.plugin import Coordinates, Description
from artifactd_pypi.errors import UploadInvalid
from artifactd_pypi.filenames import LONGEST, Filename, Kind, Reading, parse_filename
from artifactd_pypi.names import companion, owner, project_name

METADATA_KIND: Final = "metadata"
"""METADATA of a wheel as a derived document: what clients ask for in place of the wheel (PEP 658)."""

PKG_INFO_KIND: Final = "pkg-info"
"""PKG-INFO of a source distribution. It may say less than what is built of it (PEP 643): for people."""

LONGEST_FACT: Final = 1024
"""Characters of a fact that pages and lists repeat."""

MOST_LINES: Final = 100_000
"""Lines of metadata before its body: old tools wrote a README there."""

_FIELDS: Final = frozenset(
    b"metadata-version name version dynamic platform supported-platform summary description"
    b" description-content-type keywords home-page download-url author author-email maintainer"
    b" maintainer-email license license-expression license-file classifier requires-dist requires-python"
    b" requires-external project-url provides-extra provides-dist obsoletes-dist provides requires"
    b" obsoletes import-name import-namespace".split()
)
"""The fields of core metadata up to 2.6. Parsers of mail, which others are read by, do more with a header
than anybody wants here."""

_END_OF_HEAD = re.compile(rb"\r?\n\r?\n")
_METADATA_VERSION = re.compile(r"[12]\.[0-9]{1,3}")
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")

Raw = Mapping[str, Any]
"""Core metadata by field, in the names and shapes of `packaging.metadata.RawMetadata`."""


def describe(path: str, content_type: str, file: BinaryIO) -> Description:
    """The facts of a distribution at its asset path; what lies beside one has none. Raises UploadInvalid
    when the archive is none, or speaks of something else than its name does."""
    if companion(path) is not None:
        return Description()
    filename = parse_filename(path.rpartition("/")[2])
    reading = filename.read_as(owner(path) or "")
    if reading is None:
        raise UploadInvalid(f"{filename.text!r} is not the name of a file of project {owner(path)!r}")
    # Imported with the first upload: a server that only serves starts without archives and their parsers.
    from artifactd_pypi.archives import read_metadata

    data = read_metadata(file, filename, reading)
    raw = parse_metadata(data)
    document = "METADATA" if filename.kind is Kind.WHEEL else "PKG-INFO"
    version = _agreed(raw, document, filename, reading)
    attributes: dict[str, Any] = {
        "version": str(version),
        "kind": filename.kind.value,
        "python": filename.python,
        "summary": clean(raw.get("summary", ""))[:LONGEST_FACT],
    }
    requires_python = clean(raw.get("requires_python", "")).strip()
    if requires_python:
        if len(requires_python) > LONGEST_FACT:
            raise UploadInvalid(f"Requires-Python in {document} is longer than {LONGEST_FACT} characters")
        attributes["requires_python"] = requires_python
    derived = PKG_INFO_KIND
    if filename.kind is Kind.WHEEL:
        derived = METADATA_KIND
        attributes["metadata"] = hashlib.sha256(data).hexdigest()
    return Description(
        coordinates=Coordinates("", reading.project, str(version)),
        label=str(version),
        attributes=attributes,
        derived={derived: data},
    )


def parse_metadata(data: bytes) -> Raw:
    """Core metadata as it is written, whatever it says. Fields that nobody knows are left out, and what
    occurs twice though it may not, or is not UTF-8. Raises UploadInvalid for a head of too many lines."""
    end = _END_OF_HEAD.search(data)
    head, body = (data, b"") if end is None else (data[: end.start()], data[end.end() :])
    if head.count(b"\n") > MOST_LINES:
        raise UploadInvalid(f"the metadata has more than {MOST_LINES} lines before its description")
    from packaging.metadata import parse_email  # as above

    raw, _ = parse_email(b"\n".join(_known_lines(head)) + b"\n")
    found: dict[str, Any] = {**raw}
    if body.strip():
        found["description"] = body.decode("utf-8", "replace")
    return found


def _known_lines(head: bytes) -> list[bytes]:
    """The lines of fields that core metadata has, with those that continue them."""
    lines: list[bytes] = []
    known = False
    for line in head.splitlines():
        if not line.startswith((b" ", b"\t")):
            known = line.partition(b":")[0].strip().lower() in _FIELDS
        if known:
            lines.append(line)
    return lines


def clean(text: str) -> str:
    """Text that every database takes and every terminal shows: without control characters and lone
    surrogates (pypi V10). Lines stay."""
    return _UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", text).encode("utf-8", "replace").decode()


def _agreed(raw: Raw, document: str, filename: Filename, reading: Reading) -> Version:
    """The version, if name and version are those of the file name. Raises UploadInvalid."""
    for field, title in (
        ("metadata_version", "Metadata-Version"),
        ("name", "Name"),
        ("version", "Version"),
    ):
        if not raw.get(field):
            raise UploadInvalid(f"{document} in {filename.text} has no {title}, or more than one")
        if len(raw[field]) > LONGEST:
            raise UploadInvalid(f"{title} in {document} has {len(raw[field])} characters")
    if not _METADATA_VERSION.fullmatch(raw["metadata_version"]):
        raise UploadInvalid(
            f"{document} has Metadata-Version {clean(raw['metadata_version'])!r}; 1 and 2 are known"
        )
    if project_name(raw["name"]) != reading.project:
        raise UploadInvalid(
            f"{document} says its name is {raw['name']!r}, the file name {reading.project!r}"
        )
    try:
        version = Version(raw["version"])
    except InvalidVersion as error:
        raise UploadInvalid(f"{document} has a version that is none (PEP 440): {error}") from error
    if version != reading.version:
        raise UploadInvalid(f"{document} says its version is {version}, the file name {reading.version}")
    return version
