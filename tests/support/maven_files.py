"""Files as Maven's clients put them into repositories: jars of a few bytes, their POMs, and the metadata
that clients make of what they know."""

import hashlib
import io
import re
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass

ALGORITHMS = ("sha1", "md5", "sha256", "sha512")
"""Of the checksums that lie beside files; clients make the first two."""


@dataclass(frozen=True, slots=True)
class File:
    """A jar of a version. `comment` tells what was built from what others build; `build` is that of a
    snapshot, `yyyyMMdd.HHmmss-N`."""

    group: str
    artifact: str
    version: str
    comment: str = ""
    build: str = ""

    @property
    def coordinates(self) -> str:
        """As clients are told."""
        return f"{self.group}:{self.artifact}:{self.version}"

    @property
    def folder(self) -> str:
        """Of the artifact, without a slash at the end."""
        return f"{self.group.replace('.', '/')}/{self.artifact}"

    @property
    def path(self) -> str:
        version = self.version.replace("SNAPSHOT", self.build) if self.build else self.version
        return f"{self.folder}/{self.version}/{self.artifact}-{version}.jar"

    @property
    def pom_path(self) -> str:
        return f"{self.path.removesuffix('.jar')}.pom"

    @property
    def metadata_path(self) -> str:
        """Of what lists the versions."""
        return f"{self.folder}/maven-metadata.xml"

    @property
    def content(self) -> bytes:
        """The bytes of a jar with one file."""
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as jar:
            text = f"{self.group}:{self.artifact}:{self.version} {self.comment}"
            jar.writestr(zipfile.ZipInfo("about.txt"), text)
        return buffer.getvalue()


def pom_of(file: File) -> bytes:
    """The least that a POM says."""
    return (
        "<project><modelVersion>4.0.0</modelVersion>"
        f"<groupId>{file.group}</groupId><artifactId>{file.artifact}</artifactId>"
        f"<version>{file.version}</version></project>"
    ).encode()


def versions_metadata(group: str, artifact: str, versions: Sequence[str]) -> bytes:
    """What lists the versions of an artifact, with the last one as the newest."""
    listed = "".join(f"<version>{version}</version>" for version in versions)
    return (
        f"<metadata><groupId>{group}</groupId><artifactId>{artifact}</artifactId><versioning>"
        f"<release>{versions[-1]}</release><versions>{listed}</versions>"
        "<lastUpdated>20200101000000</lastUpdated></versioning></metadata>"
    ).encode()


def versions_of(metadata: bytes) -> list[str]:
    """The versions that metadata lists, in its order."""
    listed = re.search(rb"<versions>(.*)</versions>", metadata, re.DOTALL)
    return [] if listed is None else re.findall(r"<version>([^<]*)</version>", listed[1].decode())


def named(metadata: bytes, element: str) -> str:
    """The text of the first element of a name; empty when there is none."""
    found = re.search(f"<{element}>([^<]*)</{element}>", metadata.decode())
    return "" if found is None else found[1]


def checksum(content: bytes, algorithm: str) -> bytes:
    """As it is sent: hexadecimal, without a line's end."""
    return hashlib.new(algorithm, content).hexdigest().encode()
