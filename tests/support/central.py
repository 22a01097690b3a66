"""A repository as Maven Central is one, with what Debian installs for offline builds.

    with Central() as central:
        ... central.url ...
        central.publish(File("org.elsewhere", "thing", "1.0"))
        central.stop()

Files, their checksums and the metadata of artifacts and of groups of plugins are made when they are asked
for: to start one costs nothing.
"""

import hashlib
import os
import re
from pathlib import Path
from urllib.parse import unquote

from tests.support.fake_answers import Asked, Reply, Resource
from tests.support.fake_upstream import FakeUpstream
from tests.support.maven_files import ALGORITHMS, File, pom_of, versions_metadata
from tests.support.parts import require

DEBIAN = Path("/usr/share/maven-repo")
METADATA = "maven-metadata.xml"
_PLUGIN = re.compile(r"(?:maven-(?P<ours>[a-z-]+)-plugin|(?P<theirs>[a-z-]+)-maven-plugin)")


class Central(FakeUpstream):
    """What Debian has, and what was published here. The test is skipped where Maven's plugins are not
    installed."""

    def __init__(self) -> None:
        super().__init__()
        there = (DEBIAN / "org/apache/maven/plugins/maven-deploy-plugin").is_dir()
        require("mvn", there, "Maven's plugins are not installed")

    def publish(self, *files: File) -> None:
        """Have more files, each with a POM beside it."""
        for file in files:
            self.put(f"/{file.path}", file.content)
            self.put(f"/{file.pom_path}", pom_of(file))

    def find(self, asked: Asked) -> Resource | Reply | None:
        path = unquote(asked.path)
        main, _, algorithm = path.rpartition(".")
        if algorithm not in ALGORITHMS:
            return self._found(path)
        found = self._found(main)
        return found and Resource(hashlib.new(algorithm, found.body).hexdigest().encode(), "text/plain")

    def _found(self, path: str) -> Resource | None:
        known = self._resources.get(path)
        if isinstance(known, Resource):
            return known
        file = DEBIAN / path.removeprefix("/")
        if file.is_file():
            return Resource(file.read_bytes(), modified=file.stat().st_mtime)
        if file.name == METADATA and file.parent.is_dir():
            return _metadata(file.parent)
        return None


def local_repository(folder: Path, *, without: str = "") -> Path:
    """A local repository in which everything that Debian has was installed, but for the group or artifact
    at the path `without`. It is made of links, which takes a fifth of a second. Clients that run at the
    same time need one each."""
    _link(DEBIAN, folder, without)
    return folder


def _link(source: Path, target: Path, without: str) -> None:
    target.mkdir()
    for each in os.scandir(source):
        if each.path == f"{DEBIAN}/{without}":
            continue
        if each.is_dir(follow_symlinks=False):
            _link(source / each.name, target / each.name, without)
        else:
            (target / each.name).symlink_to(each.path)


def _metadata(folder: Path) -> Resource | None:
    names = sorted(each.name for each in os.scandir(folder) if each.is_dir())
    versions = [name for name in names if (folder / name / f"{folder.name}-{name}.pom").is_file()]
    if versions:
        released = sorted((each for each in versions if each[0].isdigit()), key=_natural)
        group = ".".join(folder.relative_to(DEBIAN).parts[:-1])
        return Resource(versions_metadata(group, folder.name, released), "text/xml")
    plugins = "".join(
        f"<plugin><name>{name}</name><prefix>{match['ours'] or match['theirs']}</prefix>"
        f"<artifactId>{name}</artifactId></plugin>"
        for name in names
        if (match := _PLUGIN.fullmatch(name))
    )
    return Resource(f"<metadata><plugins>{plugins}</plugins></metadata>".encode(), "text/xml")


def _natural(version: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", version)]
