"""`maven-metadata.xml`: what it says, read, written and merged (maven D). Pure.

One model for its three levels: the plugins of a group, the versions of an artifact, the builds of a
snapshot. One file may have the first two at once (maven R70). What is written depends on nothing but what
it says.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final
from xml.sax.saxutils import escape

from artifactd.plugin import SECOND, Micros, moment
from artifactd_maven.layout import is_snapshot
from artifactd_maven.versions import in_order
from artifactd_maven.xml_reading import Element, XmlInvalid, read_xml

LARGEST: Final = 8 << 20
"""Bytes of a metadata file: 100,000 versions."""

LONGEST_NAME: Final = 255
"""Characters of a version or another name: as many as the name of a file has."""

Pair = tuple[str, str]
"""Classifier and extension."""

_TIMESTAMP = re.compile(r"[0-9]{8}\.[0-9]{6}")
_STAMP = re.compile(r"([0-9]{8}\.[0-9]{6})-([0-9]{1,9})")
_MOMENT = re.compile(r"[0-9]{14}")


@dataclass(frozen=True, slots=True, order=True)
class Stamp:
    """What tells builds of a snapshot apart; the newest is the largest."""

    timestamp: str
    number: int

    def __str__(self) -> str:
        return f"{self.timestamp}-{self.number}"


@dataclass(frozen=True, slots=True)
class SnapshotVersion:
    """Which build has the newest file of its kind. `value` is the version as the file's name has it,
    `updated` the moment (`yyyyMMddHHmmss`)."""

    value: str
    updated: str


@dataclass(frozen=True, slots=True)
class Plugin:
    """A plugin of a group, by the prefix that people call it by."""

    artifact: str
    prefix: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class Metadata:
    """What a file says. `versions` from the oldest to the newest; `updated` is `yyyyMMddHHmmss`, or empty;
    `snapshot` the newest build."""

    group: str = ""
    artifact: str = ""
    version: str = ""
    versions: tuple[str, ...] = ()
    snapshot: Stamp | None = None
    files: Mapping[Pair, SnapshotVersion] = field(default_factory=dict)
    updated: str = ""
    plugins: tuple[Plugin, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether it tells of nothing that clients could ask for."""
        return not (self.versions or self.snapshot or self.files or self.plugins)

    @property
    def latest(self) -> str:
        """The highest version (maven R78)."""
        return self.versions[-1] if self.versions else ""

    @property
    def release(self) -> str:
        """The highest version that is no snapshot."""
        return next((version for version in reversed(self.versions) if not is_snapshot(version)), "")


def parse_stamp(text: str) -> Stamp | None:
    """The build that `yyyyMMdd.HHmmss-N` names."""
    found = _STAMP.fullmatch(text)
    return None if found is None else Stamp(found[1], int(found[2]))


def written(moment_of: Micros) -> str:
    """A moment as metadata has it, in UTC (maven R71)."""
    return f"{moment(moment_of):%Y%m%d%H%M%S}"


def micros_of(updated: str) -> Micros | None:
    """The moment that metadata has written; None for what is none."""
    try:
        found = datetime.strptime(updated, "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        return None
    return int(found.timestamp()) * SECOND


def parse_metadata(data: bytes) -> Metadata:
    """What a file says; elements that nobody knows are left out. Raises XmlInvalid."""
    if len(data) > LARGEST:
        raise XmlInvalid(f"has more than {LARGEST} bytes")
    root = read_xml(data, "metadata")
    versioning = root.child("versioning") or Element("versioning")
    named = versioning.child("versions") or Element("versions")
    files = versioning.child("snapshotVersions") or Element("snapshotVersions")
    plugins = root.child("plugins") or Element("plugins")
    updated = versioning.say("lastUpdated")
    versions = {_name(each.text.strip(), "version") for each in named.all("version")}
    return Metadata(
        group=_name(root.say("groupId"), "groupId"),
        artifact=_name(root.say("artifactId"), "artifactId"),
        version=_name(root.say("version"), "version"),
        versions=in_order(versions - {""}),
        snapshot=_snapshot(versioning.child("snapshot")),
        files=_files(files.all("snapshotVersion")),
        updated=updated if _MOMENT.fullmatch(updated) else "",
        plugins=tuple(
            Plugin(
                _name(each.say("artifactId"), "artifactId"),
                _name(each.say("prefix"), "prefix"),
                each.say("name")[:LONGEST_NAME],
            )
            for each in plugins.all("plugin")
            if each.say("prefix") and each.say("artifactId")
        ),
    )


def render_metadata(metadata: Metadata) -> bytes:
    """The file. Equal metadata have equal bytes."""
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', '<metadata modelVersion="1.1.0">']
    lines += _said(1, groupId=metadata.group, artifactId=metadata.artifact, version=metadata.version)
    versioning = _versioning(metadata)
    if versioning:
        lines += ["  <versioning>", *versioning, "  </versioning>"]
    if metadata.plugins:
        lines.append("  <plugins>")
        for plugin in metadata.plugins:
            told = _said(3, name=plugin.name, prefix=plugin.prefix, artifactId=plugin.artifact)
            lines += ["    <plugin>", *told, "    </plugin>"]
        lines.append("  </plugins>")
    return "\n".join([*lines, "</metadata>", ""]).encode()


def merge_metadata(parts: Sequence[Metadata]) -> Metadata:
    """The metadata of several repositories as one (maven R121); on a clash the first one wins."""
    if len(parts) == 1:
        return parts[0]
    files: dict[Pair, SnapshotVersion] = {}
    for part in parts:
        for pair, file in part.files.items():
            known = files.get(pair)
            if known is None or _newness(file) > _newness(known):
                files[pair] = file
    stamps = [part.snapshot for part in parts if part.snapshot is not None]
    return Metadata(
        group=next((part.group for part in parts if part.group), ""),
        artifact=next((part.artifact for part in parts if part.artifact), ""),
        version=next((part.version for part in parts if part.version), ""),
        versions=in_order({version for part in parts for version in part.versions}),
        snapshot=max(stamps, default=None),
        files=files,
        updated=max((part.updated for part in parts), default=""),
        plugins=merge_plugins(plugin for part in parts for plugin in part.plugins),
    )


def merge_plugins(plugins: Iterable[Plugin]) -> tuple[Plugin, ...]:
    """Each plugin under each of its prefixes once (maven R80), in order."""
    found: dict[tuple[str, str], Plugin] = {}
    for plugin in plugins:
        found.setdefault((plugin.prefix, plugin.artifact), plugin)
    return tuple(found[key] for key in sorted(found))


def _newness(file: SnapshotVersion) -> tuple[bool, str, int, str]:
    """A build of its own comes before a file that every build replaces (maven R75)."""
    found = _STAMP.search(file.value)
    stamp = ("", 0) if found is None else (found[1], int(found[2]))
    return (found is not None, *stamp, file.updated)


def _versioning(metadata: Metadata) -> list[str]:
    lines: list[str] = []
    if metadata.versions:
        lines += _said(2, latest=metadata.latest, release=metadata.release)
        versions = (f"      <version>{escape(version)}</version>" for version in metadata.versions)
        lines += ["    <versions>", *versions, "    </versions>"]
    if metadata.snapshot is not None:
        stamp = metadata.snapshot
        told = _said(3, timestamp=stamp.timestamp, buildNumber=str(stamp.number))
        lines += ["    <snapshot>", *told, "    </snapshot>"]
    lines += _said(2, lastUpdated=metadata.updated)
    if metadata.files:
        lines.append("    <snapshotVersions>")
        for (classifier, extension), file in sorted(metadata.files.items()):
            told = _said(
                4, classifier=classifier, extension=extension, value=file.value, updated=file.updated
            )
            lines += ["      <snapshotVersion>", *told, "      </snapshotVersion>"]
        lines.append("    </snapshotVersions>")
    return lines


def _said(depth: int, **elements: str) -> list[str]:
    """Lines of elements that have something to say."""
    indent = "  " * depth
    return [f"{indent}<{name}>{escape(text)}</{name}>" for name, text in elements.items() if text]


def _snapshot(element: Element | None) -> Stamp | None:
    if element is None:
        return None
    timestamp, number = element.say("timestamp"), element.say("buildNumber")
    if not _TIMESTAMP.fullmatch(timestamp):
        return None
    return Stamp(
        timestamp, int(number) if number.isascii() and number.isdigit() and len(number) < 10 else 0
    )


def _files(elements: Iterable[Element]) -> Mapping[Pair, SnapshotVersion]:
    found: dict[Pair, SnapshotVersion] = {}
    for element in elements:
        extension, value = (
            _name(element.say("extension"), "extension"),
            _name(element.say("value"), "value"),
        )
        updated = element.say("updated")
        if extension and value:
            pair = (_name(element.say("classifier"), "classifier"), extension)
            found[pair] = SnapshotVersion(value, updated if _MOMENT.fullmatch(updated) else "")
    return found


def _name(text: str, element: str) -> str:
    if len(text) > LONGEST_NAME:
        raise XmlInvalid(f"has a <{element}> of {len(text)} characters")
    return text
