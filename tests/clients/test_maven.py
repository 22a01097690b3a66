"""Maven deploys to hosted repositories and builds from a group of them and of a repository of the world."""

import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tests.support.central import Central, local_repository
from tests.support.homes import Home
from tests.support.hosted import Hosted, Request
from tests.support.maven import Maven
from tests.support.maven_deploys import deploy, fetched
from tests.support.maven_files import File, named, versions_of
from tests.support.maven_projects import (
    GROUP,
    Targets,
    write_consumer,
    write_library,
    write_plugin,
    write_reactor,
)
from tests.support.proxies import group, hosted, proxy
from tests.support.serving import Running
from tests.support.wire import Wire


@dataclass(frozen=True, slots=True)
class Shop:
    """The repositories of a company. Nobody reads them without logging in."""

    server: Running
    central: Central
    releases: str
    snapshots: str
    everything: str

    def url(self, repository: str) -> str:
        return f"{self.server.url}/repository/{repository}/"

    @property
    def targets(self) -> Targets:
        return Targets(self.url(self.releases), self.url(self.snapshots))

    def failures(self) -> list[Request]:
        """What was answered with an error of the server's own."""
        names = (self.releases, self.snapshots, self.everything)
        asked = [each for name in names for each in Hosted(self.server, name).requests()]
        assert asked
        return [each for each in asked if each.status >= 500]


@pytest.fixture(scope="module")
def shop(registry: Running) -> Iterator[Shop]:
    """Two hosted repositories, and a group of them and of a proxy of Central."""
    with Central() as central:
        # Maven gives it to every plugin that names no other.
        central.publish(File("org.codehaus.plexus", "plexus-utils", "1.1"))
        releases = hosted(registry, "maven", version_policy="release")
        snapshots = hosted(registry, "maven", version_policy="snapshot")
        world = proxy(registry, "maven", f"{central.url}/", settings={"version_policy": "release"})
        everything = group(registry, "maven", releases, snapshots, world)
        yield Shop(registry, central, releases, snapshots, everything)


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A local repository that has what builds need, for tests whose matter is elsewhere."""
    return local_repository(tmp_path_factory.mktemp("maven") / "local")


@pytest.fixture
def maven(home: Home, shop: Shop, local: Path) -> Maven:
    """A client that knows what builds need, and nothing of the company's."""
    shutil.rmtree(local / "com/acme", ignore_errors=True)
    return Maven(home, shop.url(shop.everything), local)


def test_a_library_is_deployed_and_a_project_that_uses_it_is_built(
    shop: Shop, maven: Maven, tmp_path: Path
) -> None:
    # maven R20, R21, R44, R47, R73, R78, R120, R121
    maven("deploy", cwd=write_library(tmp_path / "library", "1.0", shop.targets))
    with Wire(shop.server) as wire:
        metadata = fetched(wire, shop.releases, "com/acme/greeting/maven-metadata.xml")
        assert versions_of(metadata) == ["1.0"]
    elsewhere = replace(maven, local=tmp_path / "empty")
    consumer = write_consumer(tmp_path / "consumer", shop.targets, "1.0")
    said = elsewhere("--strict-checksums", "package", cwd=consumer)
    assert "Tests run: 1, Failures: 0" in said
    assert "checksum" not in said.lower()
    assert (consumer / "target" / "consumer-1.0.jar").is_file()
    assert shop.central.count("", "/com/acme/*") == 0
    assert shop.failures() == []


def test_builds_of_a_snapshot_are_counted_and_each_kind_of_file_is_its_newest(
    shop: Shop, maven: Maven, tmp_path: Path
) -> None:
    # maven R29, R75: Maven asks for the metadata without credentials first, and begins to count anew
    # where it is told that there is none.
    with Wire(shop.server, None) as stranger:
        stranger.expect(401, "GET", f"/repository/{shop.snapshots}/com/acme/counted/maven-metadata.xml")
    sources = tmp_path / "sources.jar"
    sources.write_bytes(File(GROUP, "counted", "1.0", "sources").content)
    for number in range(1, 4):
        built = File(GROUP, "counted", "1.0-SNAPSHOT", f"build {number}")
        more = {"sources": str(sources)} if number == 1 else {}
        maven.deploy_file(shop.targets.snapshots, built, **more)
    with Wire(shop.server) as wire:
        folder = "com/acme/counted/1.0-SNAPSHOT"
        metadata = fetched(wire, shop.snapshots, f"{folder}/maven-metadata.xml")
        assert named(metadata, "buildNumber") == "3"
        newest = f"counted-1.0-{named(metadata, 'timestamp')}-3.jar"
        assert fetched(wire, shop.snapshots, f"{folder}/{newest}") == built.content
        assert fetched(wire, shop.everything, f"{folder}/counted-1.0-SNAPSHOT.jar") == built.content
    maven.get(f"{built.coordinates}:jar:sources")
    (resolved,) = (maven.local / folder).glob("counted-1.0-*.*-1-sources.jar")
    assert resolved.read_bytes() == sources.read_bytes()


def test_modules_are_deployed_side_by_side_and_used_together(
    shop: Shop, maven: Maven, tmp_path: Path
) -> None:
    # maven R45, T5
    maven("-T", "2", "deploy", cwd=write_reactor(tmp_path / "reactor", "2.0-SNAPSHOT", shop.targets))
    shutil.rmtree(maven.local / "com/acme")
    maven.get(f"{GROUP}:door:2.0-SNAPSHOT")
    for artifact, extension in (("door", "jar"), ("greeting", "jar"), ("reactor", "pom")):
        folder = maven.local / "com/acme" / artifact / "2.0-SNAPSHOT"
        assert list(folder.glob(f"{artifact}-2.0-*.*-1.{extension}")), artifact


def test_a_release_is_deployed_once(shop: Shop, maven: Maven) -> None:
    # maven R50, T4, J3: this Maven shows the status; newer ones show what else is said.
    file = File(GROUP, "settled", "1.0")
    with Wire(shop.server) as wire:
        deploy(wire, shop.releases, file)
        arguments = maven.deployment(shop.targets.releases, replace(file, comment="built again"))
        said = maven.refused("deploy:deploy-file", *arguments)
        assert f"/repository/{shop.releases}/{file.path}, status: 400 Bad Request" in said
        assert fetched(wire, shop.releases, file.path) == file.content
        assert versions_of(fetched(wire, shop.releases, file.metadata_path)) == ["1.0"]


VERSIONS = ("1.0.0.Final", "1.0+build.5", "1.2", "1.9", "1.10", "2.0-M1")


def test_versions_that_are_deployed_at_once_are_all_listed(
    shop: Shop, maven: Maven, tmp_path: Path
) -> None:
    # maven R4, R7, R72, R73, R78, R124
    archive = tmp_path / "archive.tar.gz"
    archive.write_bytes(bytes(1000))
    attached = {"files": str(archive), "classifiers": "jdk1.5", "types": "tar.gz"}
    files = [File(GROUP, "raced", version) for version in VERSIONS]

    def client(file: File) -> None:
        more = attached if file.version == VERSIONS[0] else {}
        alone = replace(maven, local=local_repository(tmp_path / file.version))
        alone.deploy_file(shop.targets.releases, file, **more)

    with ThreadPoolExecutor(len(files)) as pool:
        list(pool.map(client, files))
    with Wire(shop.server) as wire:
        metadata = fetched(wire, shop.everything, files[0].metadata_path)
        assert versions_of(metadata) == list(VERSIONS)
        assert named(metadata, "release") == named(metadata, "latest") == VERSIONS[-1]
        path = files[0].path.replace(".jar", "-jdk1.5.tar.gz")
        assert fetched(wire, shop.everything, path) == archive.read_bytes()
    maven.get(f"{GROUP}:raced:LATEST", "--strict-checksums")
    assert (maven.local / files[-1].path).read_bytes() == files[-1].content
    assert shop.failures() == []


def test_a_plugin_is_found_by_its_prefix(shop: Shop, maven: Maven, tmp_path: Path) -> None:
    # maven R70, R80, R121: beside those of the world, which are found by theirs.
    plugin = write_plugin(maven.home, tmp_path / "polite-plugin.jar")
    file = File(f"{GROUP}.plugins", "polite-plugin", "1.0")
    properties = {"file": str(plugin), "packaging": "maven-plugin"}
    maven.deploy_file(shop.targets.releases, file, **properties)
    known = replace(maven, plugin_group=file.group)
    assert "hello from a plugin" in known("polite:greet", "enforcer:help")
