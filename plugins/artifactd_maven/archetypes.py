"""`archetype-catalog.xml`: the archetypes that a repository has (maven R90). Hosted repositories note them
as their POMs come; a proxy has its upstream's, word for word; a group has those of its members once each.

Catalogues of upstreams have ten MiB and more, so they are read as a stream, and only to be merged.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final
from xml.parsers import expat
from xml.sax.saxutils import escape

from artifactd.plugin import (
    Answer,
    Asset,
    AssetNotFound,
    Change,
    Exchange,
    Index,
    More,
    Part,
    Representation,
    Selection,
    UpstreamInvalid,
)
from artifactd_maven.inline import Made
from artifactd_maven.layout import ARCHETYPES as PATH
from artifactd_maven.layout import CATALOGUED
from artifactd_maven.media_types import XML
from artifactd_maven.versions import version_key
from artifactd_maven.xml_reading import XmlInvalid, parse_events

LARGEST: Final = 64 << 20
"""Bytes of an upstream's catalogue. The largest known has 15 MiB."""

LONGEST: Final = 500
"""Characters of what is said of an archetype."""

_ENTRY_BYTES: Final = 600
_FIELDS: Final = ("groupId", "artifactId", "version", "description")


@dataclass(frozen=True, slots=True)
class Archetype:
    """An archetype of a catalogue."""

    group: str
    artifact: str
    version: str
    description: str = ""

    @property
    def gav(self) -> tuple[str, str, str]:
        """What tells it from others."""
        return (self.group, self.artifact, self.version)


@dataclass(frozen=True)
class Catalogue:
    """A catalogue. `original`: the file as an upstream sent it, empty when it is made here."""

    noted: Sequence[Archetype] = ()
    original: bytes = b""

    @cached_property
    def archetypes(self) -> Sequence[Archetype]:
        """Its archetypes. Raises UpstreamInvalid."""
        return parse_catalogue(self.original) if self.original else self.noted


class CatalogueIndex:
    """The index of archetypes; there is one."""

    name = "maven archetypes"

    def selects(self, key: str) -> Selection:
        return Selection(key)

    def build(self, key: str, assets: Iterable[Asset]) -> Catalogue:
        return Catalogue([Archetype(**asset.attributes) for asset in assets if asset.withheld is None])

    def apply(self, key: str, document: Catalogue, changes: Sequence[Change]) -> Catalogue | None:
        return None  # a repository has a few, which seldom change

    def size(self, document: Catalogue) -> int:
        return _ENTRY_BYTES * len(document.noted) + 2 * len(document.original)

    def path(self, key: str) -> str:
        return PATH

    def parse(self, key: str, answers: Sequence[Answer]) -> Catalogue | More:
        body = answers[-1].body
        if len(body) > LARGEST:
            raise UpstreamInvalid(f"the upstream's {PATH} has more than {LARGEST} bytes")
        return Catalogue(original=body)

    def merge(self, key: str, parts: Sequence[Part[Catalogue]]) -> Catalogue:
        if len(parts) == 1:
            return parts[0].document
        found: dict[tuple[str, str, str], Archetype] = {}
        for part in parts:
            for archetype in _readable(part.document):
                found.setdefault(archetype.gav, archetype)
        return Catalogue(list(found.values()))


CATALOGUE: Index[Catalogue] = CatalogueIndex()


def catalogue(exchange: Exchange) -> Made:
    """The catalogue. Raises AssetNotFound where there is no archetype."""
    document = exchange.repository.index(CATALOGUE, CATALOGUED)
    value = document.value
    body = value.original
    if not body and value.noted:
        made = document.represented("file", lambda: Representation(XML, render_catalogue(value.noted)))
        body = made.body
    if not body:
        raise AssetNotFound(exchange.repository.name, PATH, document.depends)
    return Made(body, XML, document.changed, document.depends)


def parse_catalogue(data: bytes) -> Sequence[Archetype]:
    """The archetypes of an upstream's file; incomplete entries are left out. Raises UpstreamInvalid."""
    reader = _Reader()
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.text
    try:
        parse_events(parser, data)
    except XmlInvalid as error:
        raise UpstreamInvalid(f"the upstream's {PATH} {error}") from error
    return reader.found


def render_catalogue(archetypes: Sequence[Archetype]) -> bytes:
    """The file, in order. Where archetypes are downloaded from is not said: from whom it is."""
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', "<archetype-catalog>", "  <archetypes>"]
    for each in sorted(archetypes, key=_order):
        told = dict(zip(_FIELDS, (*each.gav, each.description), strict=True))
        fields = [f"      <{name}>{escape(text)}</{name}>" for name, text in told.items() if text]
        lines += ["    <archetype>", *fields, "    </archetype>"]
    return "\n".join([*lines, "  </archetypes>", "</archetype-catalog>", ""]).encode()


def _readable(document: Catalogue) -> Sequence[Archetype]:
    """What a member has; one whose upstream sends something else has none (maven R121)."""
    try:
        return document.archetypes
    except UpstreamInvalid:
        return ()


def _order(archetype: Archetype) -> tuple[Any, ...]:
    group, artifact, version = archetype.gav
    return group, artifact, version_key(version), version


class _Reader:
    """Reads archetypes; depth 1 is the catalogue, 3 an archetype, 4 a field of it."""

    def __init__(self) -> None:
        self.found: list[Archetype] = []
        self._depth = 0
        self._fields: dict[str, str] = {}
        self._text: list[str] = []

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        self._text.clear()
        if self._depth == 3:
            self._fields = {}

    def end(self, name: str) -> None:
        if self._depth == 4:
            self._fields[name] = "".join(self._text).strip()[:LONGEST]
        if self._depth == 3:
            group, artifact, version, description = (self._fields.get(field, "") for field in _FIELDS)
            if group and artifact and version:
                self.found.append(Archetype(group, artifact, version, description))
        self._depth -= 1

    def text(self, data: str) -> None:
        if self._depth == 4:
            self._text.append(data)
