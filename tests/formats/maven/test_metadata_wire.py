"""`maven-metadata.xml` of hosted repositories, on the wire (maven D)."""

from collections.abc import Iterator
from datetime import timedelta
from email.utils import parsedate_to_datetime

import pytest

from tests.formats.maven.artifacts import Artifacts, at_once, build_metadata, refused
from tests.support.maven_files import (
    ALGORITHMS,
    File,
    checksum,
    named,
    pom_of,
    versions_metadata,
    versions_of,
)
from tests.support.server import RunningServer

QUIET = timedelta(seconds=61)


@pytest.fixture
def later(moving: RunningServer) -> Iterator[Artifacts]:
    """A repository on a server whose time passes."""
    yield Artifacts(moving, moving.repository("maven"))


def build(lib: File, number: int, comment: str = "") -> File:
    return File("com.ex", lib.artifact, "1.1-SNAPSHOT", comment, f"20261123.17582{number}-{number}")


def test_a_version_is_listed_once_it_is_announced(artifacts: Artifacts, lib: File) -> None:
    # maven R44, R72
    artifacts.deploy(lib, announce=False)
    assert artifacts.get(lib.metadata_path).status == 404
    artifacts.announce(lib)
    answer = artifacts.get(lib.metadata_path)
    assert versions_of(answer.body) == ["1.0"]
    assert [named(answer.body, name) for name in ("groupId", "artifactId", "latest", "release")] == [
        "com.ex",
        lib.artifact,
        "1.0",
        "1.0",
    ]
    assert answer.header("content-type") == "application/xml"
    assert answer.header("cache-control") == "no-cache"  # maven R82
    assert answer.header("etag").startswith('"')
    updated = parsedate_to_datetime(answer.header("last-modified"))
    assert named(answer.body, "lastUpdated") == f"{updated:%Y%m%d%H%M%S}"
    assert artifacts.get(lib.metadata_path, if_none_match=answer.header("etag")).status == 304
    assert artifacts.head(lib.metadata_path).header("content-length") == str(len(answer.body))


def test_one_that_nobody_announces_is_listed_after_a_quiet_minute(later: Artifacts, lib: File) -> None:
    later.deploy(lib, announce=False)
    assert later.get(lib.metadata_path).status == 404
    later.server.clock.advance(QUIET)
    assert later.versions(lib) == ["1.0"]
    first = later.metadata(lib.folder)
    later.server.clock.advance(QUIET)
    assert later.metadata(lib.folder) == first  # maven R81: nothing has changed


def test_what_is_under_way_comes_to_what_is_listed(later: Artifacts, lib: File) -> None:
    later.deploy(lib)
    later.deploy(File("com.ex", lib.artifact, "1.1"), announce=False)
    assert later.versions(lib) == ["1.0"]
    later.server.clock.advance(QUIET)
    assert later.versions(lib) == ["1.0", "1.1"]


def test_what_is_announced_and_not_there_is_not_listed(artifacts: Artifacts, lib: File) -> None:
    # maven R72
    artifacts.deploy(lib)
    artifacts.store(lib.metadata_path, versions_metadata("com.ex", lib.artifact, ["0.9", "1.0", "9.9"]))
    assert artifacts.versions(lib) == ["1.0"]


def test_versions_are_ordered_as_maven_orders_them(artifacts: Artifacts, lib: File) -> None:
    # maven R78, R79
    for version in ("1.10", "1.9", "2.0-M1", "1.11-SNAPSHOT", "1.0"):
        artifacts.deploy(File("com.ex", lib.artifact, version))
    body = artifacts.metadata(lib.folder)
    assert versions_of(body) == ["1.0", "1.9", "1.10", "1.11-SNAPSHOT", "2.0-M1"]
    assert (named(body, "latest"), named(body, "release")) == ("2.0-M1", "2.0-M1")


def test_deployments_at_the_same_time_lose_no_version(artifacts: Artifacts, lib: File) -> None:
    # maven R72, R73: each client sends the list that it had, without the others' versions
    def deploy(number: int) -> None:
        file = File("com.ex", lib.artifact, f"1.{number}")
        artifacts.deploy(file, announce=False)
        listed = versions_metadata("com.ex", lib.artifact, [file.version])
        artifacts.store(lib.metadata_path, listed)
        for algorithm in ALGORITHMS:
            artifacts.store(f"{lib.metadata_path}.{algorithm}", checksum(listed, algorithm))

    at_once(artifacts.server, deploy, range(20))
    body = artifacts.metadata(lib.folder)
    assert versions_of(body) == [f"1.{number}" for number in range(20)]
    for algorithm in ALGORITHMS:
        assert artifacts.get(f"{lib.metadata_path}.{algorithm}").body == checksum(body, algorithm)


def test_each_kind_of_file_is_the_newest_build_that_has_one(artifacts: Artifacts, lib: File) -> None:
    # maven R75
    first, second = build(lib, 1, "a"), build(lib, 2, "b")
    artifacts.store(first.path.replace(".jar", "-sources.jar"), b"sources")
    artifacts.deploy(first)
    artifacts.deploy(second)
    body = artifacts.metadata(f"{lib.folder}/1.1-SNAPSHOT")
    assert named(body, "timestamp") == "20261123.175822"
    assert named(body, "buildNumber") == "2"
    assert named(body, "version") == "1.1-SNAPSHOT"
    values = body.decode().split("<snapshotVersion>")[1:]
    told = {
        (named(each.encode(), "classifier"), named(each.encode(), "extension")): each for each in values
    }
    assert set(told) == {("", "jar"), ("", "pom"), ("sources", "jar")}
    assert "<value>1.1-20261123.175822-2</value>" in told["", "jar"]
    assert "<value>1.1-20261123.175821-1</value>" in told["sources", "jar"]
    assert artifacts.versions(lib) == ["1.1-SNAPSHOT"]
    assert named(artifacts.metadata(lib.folder), "release") == ""


def test_every_value_has_its_file_whoever_deploys_what_at_the_same_time(
    artifacts: Artifacts, lib: File
) -> None:
    # maven R77, T5
    def deploy(number: int) -> None:
        artifacts.deploy(build(lib, number % 10, str(number)), announce=False)
        folder = f"{lib.folder}/1.1-SNAPSHOT"
        artifacts.store(f"{folder}/maven-metadata.xml", build_metadata(build(lib, number % 10)))

    at_once(artifacts.server, deploy, range(8))
    body = artifacts.metadata(f"{lib.folder}/1.1-SNAPSHOT").decode()
    for value in body.split("<value>")[1:]:
        version = value.partition("<")[0]
        path = f"{lib.folder}/1.1-SNAPSHOT/{lib.artifact}-{version}"
        assert artifacts.get(f"{path}.jar").status == artifacts.get(f"{path}.pom").status == 200
    assert "175827-7" in body


def test_files_that_each_build_replaces_are_listed_as_such(artifacts: Artifacts, lib: File) -> None:
    # maven R51, R75
    file = File("com.ex", lib.artifact, "1.1-SNAPSHOT")
    artifacts.deploy(file, announce=False)
    body = artifacts.metadata(f"{lib.folder}/1.1-SNAPSHOT")
    assert "<value>1.1-SNAPSHOT</value>" in body.decode()
    assert b"<snapshot>" not in body


def test_a_version_that_is_deployed_again_stays_listed(artifacts: Artifacts, lib: File) -> None:
    snapshot = File("com.ex", lib.artifact, "1.1-SNAPSHOT")
    artifacts.deploy(snapshot)
    artifacts.store(snapshot.pom_path, pom_of(snapshot) + b"<!-- again -->")
    assert artifacts.versions(lib) == ["1.1-SNAPSHOT"]


def test_deleting_a_version_takes_it_from_the_list(later: Artifacts, lib: File) -> None:
    # maven R58, R81, L3, T12
    files = [File("com.ex", lib.artifact, f"1.{number}") for number in range(3)]
    for file in files:
        later.deploy(file)
    moments = [named(later.metadata(lib.folder), "lastUpdated")]
    for file, left in ((files[2], ["1.0", "1.1"]), (files[0], ["1.1"])):
        later.server.clock.advance(timedelta(seconds=2))
        answer = later.delete(f"{lib.folder}/{file.version}/")
        assert (answer.status, answer.body) == (204, b"")
        assert later.get(file.path).status == later.get(f"{file.path}.sha1").status == 404
        assert later.versions(lib) == left
        moments.append(named(later.metadata(lib.folder), "lastUpdated"))
    assert moments == sorted(set(moments)), "the moment never goes back"
    assert later.delete(f"{lib.folder}/").status == 204
    assert later.get(lib.metadata_path).status == 404
    assert later.delete(f"{lib.folder}/").status == 404
    later.deploy(files[1])
    assert later.versions(lib) == ["1.1"]
    assert named(later.metadata(lib.folder), "lastUpdated") >= moments[-1]


def test_a_version_whose_files_are_deleted_one_by_one_is_gone(artifacts: Artifacts, lib: File) -> None:
    # maven R81, L4
    artifacts.deploy(lib)
    assert artifacts.delete(f"{lib.path}.sha1").status == 204, "it goes with its file"
    assert artifacts.get(f"{lib.path}.sha1").status == 200
    for path in (lib.path, lib.pom_path):
        assert artifacts.delete(path).status == 204
        assert artifacts.delete(path).status == 404
    assert artifacts.get(lib.metadata_path).status == 404
    artifacts.deploy(lib, announce=False)
    assert artifacts.get(lib.metadata_path).status == 404, "it is deployed as if for the first time"


def test_deleting_a_build_brings_the_one_before_back(artifacts: Artifacts, lib: File) -> None:
    # maven R53, R81
    first, second = build(lib, 1, "a"), build(lib, 2, "b")
    for each in (first, second):
        artifacts.deploy(each)
    folder = f"{lib.folder}/1.1-SNAPSHOT"
    for path in (second.path, second.pom_path):
        assert artifacts.delete(path).status == 204
    assert named(artifacts.metadata(folder), "buildNumber") == "1"
    assert artifacts.get(f"{folder}/{lib.artifact}-1.1-SNAPSHOT.jar").body == first.content
    assert artifacts.delete(f"{folder}/").status == 204
    assert artifacts.get(f"{folder}/maven-metadata.xml").status == 404
    assert artifacts.get(lib.metadata_path).status == 404


def test_what_is_made_here_is_not_deleted(artifacts: Artifacts, lib: File) -> None:
    artifacts.deploy(lib)
    for path in (lib.metadata_path, "archetype-catalog.xml"):
        assert artifacts.delete(path).status == 405
    assert artifacts.delete("com/ex/").status == 404, "a group is no artifact"
    assert artifacts.delete(f"{lib.folder}/9.9/").status == 404
    assert artifacts.delete("com/").status == 404


@pytest.mark.parametrize(
    ("path", "body", "reason"),
    [
        ("com/ex/lib/maven-metadata.xml", b"<metadata>", "well-formed"),
        ("com/ex/lib/maven-metadata.xml", b"<html/>", "root element"),
        ("com/ex/lib/maven-metadata.xml", b"<!DOCTYPE m><metadata/>", "document type"),  # maven T11
        (
            "com/ex/lib/maven-metadata.xml",
            b"<metadata><groupId>com.ex</groupId><artifactId>other</artifactId></metadata>",
            "com.ex:other",
        ),
        (
            "com/ex/lib/maven-metadata.xml",
            b"<metadata><groupId>com</groupId><artifactId>lib</artifactId></metadata>",
            "com:lib",
        ),
        (
            "com/ex/lib/1-SNAPSHOT/maven-metadata.xml",
            b"<metadata><groupId>com.ex</groupId><artifactId>lib</artifactId>"
            b"<version>2-SNAPSHOT</version></metadata>",
            "2-SNAPSHOT",
        ),
        (
            "com/ex/lib/1-SNAPSHOT/maven-metadata.xml",
            b"<metadata><groupId>com.ex</groupId><artifactId>other</artifactId></metadata>",
            "com.ex:other",
        ),
    ],
    ids=range(7),
)
def test_metadata_of_something_else_is_refused(
    artifacts: Artifacts, path: str, body: bytes, reason: str
) -> None:
    # maven R55
    assert reason in refused(artifacts.put(path, body))
    assert artifacts.get(path).status == 404


def test_metadata_is_no_larger_than_any_is(artifacts: Artifacts, lib: File) -> None:
    assert artifacts.put(lib.metadata_path, b" " * ((8 << 20) + 1)).status == 413


def plugins(*of: tuple[str, str]) -> bytes:
    listed = "".join(
        f"<plugin><name>{artifact}</name><prefix>{prefix}</prefix><artifactId>{artifact}</artifactId></plugin>"
        for artifact, prefix in of
    )
    return f"<metadata><plugins>{listed}</plugins></metadata>".encode()


def test_plugins_of_a_group_are_there_by_their_prefixes(
    artifacts: Artifacts, server: RunningServer
) -> None:
    # maven R70, R80: each client knows its own plugin only
    group = server.unused("org/plug")
    for artifact, prefix in (("b-maven-plugin", "b"), ("a-maven-plugin", "a"), ("b-maven-plugin", "b")):
        artifacts.store(f"{group}/maven-metadata.xml", plugins((artifact, prefix)))
    body = artifacts.metadata(group).decode()
    assert body.count("<plugin>") == 2
    assert body.index("<prefix>a</prefix>") < body.index("<prefix>b</prefix>")
    assert "<groupId>" not in body
    strange = plugins(("../../x", "x"), ("y", "a b"))
    artifacts.store(f"{group}/maven-metadata.xml", strange)
    assert artifacts.metadata(group).decode() == body


def test_a_group_may_be_an_artifact_as_well(artifacts: Artifacts, lib: File) -> None:
    # maven R70, K8
    artifacts.deploy(lib)
    artifacts.store(lib.metadata_path, plugins(("x-maven-plugin", "x")))
    body = artifacts.metadata(lib.folder)
    assert versions_of(body) == ["1.0"]
    assert "<prefix>x</prefix>" in body.decode()


def test_a_jar_tells_that_it_is_a_plugin(artifacts: Artifacts, server: RunningServer) -> None:
    # maven R80, R81
    import io
    import zipfile

    group = server.unused("org/plug")
    dotted = group.replace("/", ".")
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as jar:
        jar.writestr(
            "META-INF/maven/plugin.xml", "<plugin><name>X</name><goalPrefix>x</goalPrefix></plugin>"
        )
    file = File(dotted, "x-maven-plugin", "1.0")
    artifacts.store(file.path, buffer.getvalue())
    artifacts.store(file.pom_path, pom_of(file))
    artifacts.announce(file)
    body = artifacts.metadata(group).decode()
    assert "<artifactId>x-maven-plugin</artifactId>" in body and "<prefix>x</prefix>" in body
    assert artifacts.delete(f"{group}/x-maven-plugin/").status == 204
    assert artifacts.get(f"{group}/maven-metadata.xml").status == 404


def test_who_may_not_write_to_a_group_deploys_its_plugin_all_the_same(
    artifacts: Artifacts, server: RunningServer
) -> None:
    import io
    import zipfile

    from artifactd.auth.principal import Verb

    group = server.unused("org/plug")
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as jar:
        jar.writestr("META-INF/maven/plugin.xml", "<plugin><goalPrefix>x</goalPrefix></plugin>")
    file = File(group.replace("/", "."), "x-maven-plugin", "1.0")
    login = server.user((artifacts.repository, f"{file.folder}/**", [Verb.READ, Verb.WRITE]))
    artifacts.by(login).store(file.path, buffer.getvalue())
    assert artifacts.get(f"{group}/maven-metadata.xml").status == 404


def test_who_may_write_one_artifact_deploys_it_as_a_whole(
    artifacts: Artifacts, server: RunningServer, lib: File
) -> None:
    # maven R44
    from artifactd.auth.principal import Verb

    grant = (artifacts.repository, f"{lib.folder}/**", [Verb.READ, Verb.WRITE])
    own = artifacts.by(server.user(grant))
    for file in (lib, build(lib, 1)):
        own.deploy(file)
    assert own.versions(lib) == ["1.0", "1.1-SNAPSHOT"]
    refused(own.put(f"{lib.path}.sha1", checksum(b"other", "sha1")))
    assert own.get(lib.path).status == 404, "it is withdrawn"
    assert own.put(lib.metadata_path.replace("lib-", "other-"), b"<metadata/>").status == 403
    pom = pom_of(File("com.ex", lib.artifact, "3.0"))
    pom = pom.replace(b"</version>", b"</version><packaging>maven-archetype</packaging>")
    own.store(File("com.ex", lib.artifact, "3.0").pom_path, pom)


def test_archetypes_are_catalogued(server: RunningServer) -> None:
    # maven R90, R56
    repository = Artifacts(server, server.repository("maven"))
    assert repository.get("archetype-catalog.xml").status == 404
    for version in ("1.10", "1.9"):
        file = File("com.ex", "start", version)
        pom = pom_of(file).replace(
            b"</version>",
            b"</version><packaging>maven-archetype</packaging><description>A &lt;</description>",
        )
        repository.store(file.pom_path, pom)
    answer = repository.get("archetype-catalog.xml")
    listed = answer.text.split("<archetype>")[1:]
    assert [named(each.encode(), "version") for each in listed] == ["1.9", "1.10"]
    assert "<description>A &lt;</description>" in listed[0]
    assert repository.get("archetype-catalog.xml.sha1").body == checksum(answer.body, "sha1")
    assert repository.delete("com/ex/start/1.9/").status == 204
    assert repository.get("archetype-catalog.xml").text.count("<archetype>") == 1


def test_the_past_has_the_metadata_that_it_had(later: Artifacts, lib: File) -> None:
    from artifactd.clock import moment

    later.deploy(lib)
    then = f"{moment(later.server.clock()):%Y-%m-%dt%H%M%Sz}"
    later.server.clock.advance(timedelta(seconds=2))
    later.deploy(File("com.ex", lib.artifact, "2.0"))
    past = later.of(f"{later.repository}.at.{then}")
    assert later.versions(lib) == ["1.0", "2.0"]
    assert past.versions(lib) == ["1.0"]
    assert past.put(lib.path, b"x").status == 405
