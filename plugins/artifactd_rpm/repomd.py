"""repomd.xml: what a set of repodata consists of, written and read."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final
from xml.parsers import expat
from xml.sax.saxutils import escape, quoteattr

from artifactd.plugin import UpstreamInvalid

LARGEST: Final = 8 << 20
"""Bytes of a repomd.xml of others (rpm M2); the largest have 30 KiB."""

NAMESPACE: Final = "http://linux.duke.edu/metadata/repo"

RPM: Final = "http://linux.duke.edu/metadata/rpm"

_HEAD: Final = f'<?xml version="1.0" encoding="UTF-8"?>\n<repomd xmlns="{NAMESPACE}" xmlns:rpm="{RPM}">\n'
_DEEPEST: Final = 16  # levels of elements; there are three
_CHECKSUM_NAMED: Final = re.compile(r"(?:.*/)?[0-9a-f]{32,128}-[^/]+")


@dataclass(frozen=True, slots=True)
class Record:
    """A file of the set. `kind` is its type, e.g. `primary`; `href` is relative to the folder that has
    `repodata/`, or to `base`. Checksums are (type, hex), sizes in bytes; the open ones are those of what a
    compressed file holds."""

    kind: str
    href: str
    checksum: tuple[str, str]
    size: int | None = None
    open_checksum: tuple[str, str] | None = None
    open_size: int | None = None
    timestamp: int = 0
    base: str = ""

    @property
    def is_named_by_checksum(self) -> bool:
        return _CHECKSUM_NAMED.fullmatch(self.href) is not None


@dataclass(frozen=True, slots=True)
class Repomd:
    """A repomd.xml. `revision` is a number where we or createrepo_c wrote it."""

    revision: str
    records: Sequence[Record] = ()

    def find(self, *kinds: str) -> Record | None:
        """The record of the first of these kinds that there is."""
        by_kind = {record.kind: record for record in reversed(self.records)}
        return next((by_kind[kind] for kind in kinds if kind in by_kind), None)


def rendered(repomd: Repomd) -> bytes:
    """As createrepo_c writes it (rpm R60)."""
    lines = [_HEAD, f"  <revision>{escape(repomd.revision)}</revision>\n"]
    for record in repomd.records:
        lines.append(f"  <data type={quoteattr(record.kind)}>\n")
        lines.append(_checksum("checksum", record.checksum))
        if record.open_checksum is not None:
            lines.append(_checksum("open-checksum", record.open_checksum))
        lines.append(f"    <location href={quoteattr(record.href)}/>\n")
        lines.append(f"    <timestamp>{record.timestamp}</timestamp>\n")
        if record.size is not None:
            lines.append(f"    <size>{record.size}</size>\n")
        if record.open_size is not None:
            lines.append(f"    <open-size>{record.open_size}</open-size>\n")
        lines.append("  </data>\n")
    return "".join([*lines, "</repomd>\n"]).encode()


def parse(body: bytes) -> Repomd:
    """What a repomd.xml of others says. Records without a location are left out. Raises
    UpstreamInvalid."""
    if len(body) > LARGEST:
        raise UpstreamInvalid(f"a repomd.xml has more than {LARGEST} bytes")
    reader = _Reader()
    try:
        reader.parser.Parse(body, True)
    except (expat.ExpatError, ValueError) as error:
        raise UpstreamInvalid(f"a repomd.xml cannot be read: {error}") from error
    return Repomd(reader.revision, reader.records)


def is_safe(href: str) -> bool:
    """Whether it names a file below the folder that has `repodata/` (rpm R2, R3)."""
    segments = href.split("/")
    return bool(href) and "://" not in href and all(segments) and not {".", ".."} & set(segments)


def _checksum(name: str, checksum: tuple[str, str]) -> str:
    algorithm, digits = checksum
    return f"    <{name} type={quoteattr(algorithm)}>{escape(digits)}</{name}>\n"


@dataclass(slots=True)
class _Found:
    """A `data` element while it is read: its texts and attributes by the path of elements."""

    kind: str
    texts: dict[str, str] = field(default_factory=dict)
    attributes: dict[str, Mapping[str, str]] = field(default_factory=dict)

    def record(self) -> Record | None:
        location = self.attributes.get("location", {})
        if not location.get("href"):
            return None
        return Record(
            self.kind,
            location["href"],
            self._checksum("checksum") or ("", ""),
            self._number("size"),
            self._checksum("open-checksum"),
            self._number("open-size"),
            self._number("timestamp") or 0,
            location.get("http://www.w3.org/XML/1998/namespace base", ""),
        )

    def _checksum(self, name: str) -> tuple[str, str] | None:
        value = self.texts.get(name, "").strip().lower()
        return (self.attributes[name].get("type", "").lower(), value) if value else None

    def _number(self, name: str) -> int | None:
        # Old tools write times with a fraction.
        value = self.texts.get(name, "").strip().partition(".")[0]
        return int(value) if value.isascii() and value.isdigit() and len(value) < 19 else None


class _Reader:
    """Reads with bounds: levels, and a DOCTYPE is refused."""

    def __init__(self) -> None:
        self.revision = ""
        self.records: list[Record] = []
        self._open: list[str] = []
        self._found: _Found | None = None
        self.parser = parser = expat.ParserCreate("UTF-8", namespace_separator=" ")
        parser.buffer_text = True
        parser.StartElementHandler = self._begin
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text
        parser.StartDoctypeDeclHandler = self._refuse

    def _begin(self, name: str, attributes: Mapping[str, str]) -> None:
        local = name.rpartition(" ")[2]
        if not self._open and local != "repomd":
            raise UpstreamInvalid(f"a repomd.xml begins with {local}")
        self._open.append(local)
        if len(self._open) > _DEEPEST:
            raise UpstreamInvalid(f"a repomd.xml has more than {_DEEPEST} levels of elements")
        if self._open[1:] == ["data"]:
            self._found = _Found(attributes.get("type", ""))
        elif self._found is not None and len(self._open) == 3:
            self._found.attributes[local] = dict(attributes)

    def _end(self, name: str) -> None:
        self._open.pop()
        if self._found is not None and len(self._open) == 1:
            record = self._found.record()
            if record is not None:
                self.records.append(record)
            self._found = None

    def _text(self, data: str) -> None:
        if self._open[1:] == ["revision"]:
            self.revision += data
        elif self._found is not None and len(self._open) == 3:
            self._found.texts[self._open[2]] = self._found.texts.get(self._open[2], "") + data

    def _refuse(self, *doctype: object) -> None:
        raise UpstreamInvalid("a repomd.xml has a DOCTYPE")
