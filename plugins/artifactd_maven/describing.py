"""What is found in files: POMs, and jars of plugins."""

from typing import Any, BinaryIO

from artifactd.plugin import Coordinates, Description
from artifactd_maven.layout import Gav, parse
from artifactd_maven.plugin_jars import read_plugin
from artifactd_maven.poms import LARGEST, parse_pom


def describe(path: str, content_type: str, file: BinaryIO) -> Description:
    """The facts of a file of the layout; others have none. Raises InvalidInput for a POM that is none."""
    place = parse(path)
    if place.gav is None or place.checksum:
        return Description()
    attributes = {} if place.signature else _attributes(place.gav, file)
    return Description(coordinates_of(place.gav), place.gav.base, attributes)


def coordinates_of(gav: Gav) -> Coordinates:
    """What a file is of: all builds of a snapshot are one component (maven L4)."""
    return Coordinates(gav.group, gav.artifact, gav.base)


def _attributes(gav: Gav, file: BinaryIO) -> dict[str, Any]:
    if gav.extension == "pom":
        pom = parse_pom(file.read(LARGEST + 1))
        facts = {"packaging": pom.packaging, "name": pom.name, "description": pom.description}
        return {} if gav.classifier else _told(url=pom.url, **facts)
    if gav.extension == "jar" and not gav.classifier:
        plugin = read_plugin(file)
        return {} if plugin is None else {"prefix": plugin.prefix, "plugin_name": plugin.name}
    return {}


def _told(**facts: str) -> dict[str, Any]:
    return {name: fact for name, fact in facts.items() if fact}
