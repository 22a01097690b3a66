"""POMs, as far as a repository needs them (maven R9, R54). Nothing is inherited but what the POM itself
says of its parent, and no expression is resolved."""

import re
from dataclasses import dataclass
from typing import Final

from artifactd.plugin import InvalidInput
from artifactd_maven.errors import PomMismatch
from artifactd_maven.layout import Gav
from artifactd_maven.xml_reading import XmlInvalid, read_xml

LARGEST: Final = 5 << 20
"""Bytes of a POM. The largest at the repository everyone knows have a few hundred KiB."""

LONGEST_FACT: Final = 500
"""Characters of what is kept of a description."""

_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f]+")


@dataclass(frozen=True, slots=True)
class Pom:
    """What a POM says; what it leaves to its parent, or does not say, is empty."""

    group: str
    artifact: str
    version: str
    packaging: str
    name: str = ""
    description: str = ""
    url: str = ""


def parse_pom(data: bytes) -> Pom:
    """Whatever the version of its model. Raises InvalidInput."""
    if len(data) > LARGEST:
        raise InvalidInput(f"the POM has more than {LARGEST} bytes")
    try:
        root = read_xml(data, "project")
    except XmlInvalid as error:
        raise InvalidInput(f"the POM {error}") from error
    parent = root.child("parent")
    group, version = root.say("groupId"), root.say("version")
    if parent is not None:
        group, version = group or parent.say("groupId"), version or parent.say("version")
    return Pom(
        group=_fact(group),
        artifact=_fact(root.say("artifactId")),
        version=_fact(version),
        packaging=_fact(root.say("packaging")) or "jar",
        name=_fact(root.say("name")),
        description=_fact(root.say("description")),
        url=_fact(root.say("url")),
    )


def check_pom(pom: Pom, gav: Gav) -> None:
    """Whether a POM speaks of what its path does. What it does not say, and what only a build knows
    (`${revision}`), is believed. Raises PomMismatch."""
    for element, said, expected in (
        ("groupId", pom.group, (gav.group,)),
        ("artifactId", pom.artifact, (gav.artifact,)),
        ("version", pom.version, (gav.base, gav.version)),
    ):
        if said and "${" not in said and said not in expected:
            raise PomMismatch(element, said, expected[0])


def _fact(text: str) -> str:
    return _UNPRINTABLE.sub(" ", " ".join(text.split()))[:LONGEST_FACT]
