"""Several repositories as one, on the wire (maven G)."""

import logging
from collections.abc import Callable

import pytest

from artifactd.auth.principal import Verb
from tests.formats.maven.artifacts import Artifacts
from tests.support.fake_upstream import FakeUpstream
from tests.support.maven_files import ALGORITHMS, File, checksum, named, versions_metadata, versions_of
from tests.support.proxies import group, hosted, proxy
from tests.support.server import RunningServer
from tests.support.upstream_faults import status

LIB, LATER = File("com.ex", "lib", "1.0"), File("com.ex", "lib", "2.0")
THEIRS = File("org.theirs", "thing", "1.0")
Both = Callable[..., Artifacts]


@pytest.fixture
def own(server: RunningServer) -> Artifacts:
    """A hosted repository of the test's own."""
    return Artifacts(server, hosted(server, "maven"))


@pytest.fixture
def both(server: RunningServer, own: Artifacts, proxied: Artifacts) -> Both:
    """A group of the hosted repository, which takes what is deployed, and the proxy."""

    def make(*, reverse: bool = False, **more: object) -> Artifacts:
        members = [own.repository, proxied.repository][:: -1 if reverse else 1]
        return Artifacts(server, group(server, "maven", *members, **{"writable": own.repository, **more}))

    return make


def publish(upstream: FakeUpstream, file: File, *versions: str) -> None:
    """Have a file upstream, its checksum, and metadata with these versions."""
    upstream.put(f"/m2/{file.path}", file.content)
    upstream.put(f"/m2/{file.path}.sha1", checksum(file.content, "sha1"))
    listed = versions_metadata(file.group, file.artifact, versions or [file.version])
    upstream.put(f"/m2/{file.metadata_path}", listed)


def test_artifacts_of_every_member_are_there(both: Both, own: Artifacts, upstream: FakeUpstream) -> None:
    # maven R120, R121, R125
    own.deploy(LIB)
    publish(upstream, THEIRS)
    everyone = both()
    for file in (LIB, THEIRS):
        assert everyone.get(file.path).body == file.content
        assert everyone.versions(file) == ["1.0"]
        for algorithm in ALGORITHMS:
            assert everyone.get(f"{file.path}.{algorithm}").body == checksum(file.content, algorithm)
        everyone.metadata(file.folder)
    assert everyone.get("com/ex/none/maven-metadata.xml").status == 404
    assert everyone.get("com/ex/none/1/none-1.jar").status == 404


@pytest.mark.parametrize("reverse", [False, True])
def test_a_name_of_ours_is_never_asked_for_elsewhere(
    both: Both, own: Artifacts, upstream: FakeUpstream, reverse: bool
) -> None:
    # maven R127: `lib 99` upstream must not win
    own.deploy(LIB)
    publish(upstream, File("com.ex", "lib", "99"), "1.0", "99")
    everyone = both(reverse=reverse)
    assert everyone.versions(LIB) == ["1.0"]
    assert everyone.get(File("com.ex", "lib", "99").path).status == 404
    own.delete(f"{LIB.folder}/")
    assert everyone.get(LIB.metadata_path).status == 404
    assert upstream.count() == 0


def test_a_name_may_be_merged_on_purpose(both: Both, own: Artifacts, upstream: FakeUpstream) -> None:
    # maven R121, R122, R78
    own.deploy(LIB)
    own.deploy(File("com.ex", "lib", "1.10"))
    publish(upstream, File("com.ex", "lib", "1.9"), "1.9", "2.0-rc1", "1.0")
    everyone = both(merge=["com/ex/lib"])
    answer = everyone.get(LIB.metadata_path)
    assert versions_of(answer.body) == ["1.0", "1.9", "1.10", "2.0-rc1"]
    assert named(answer.body, "latest") == "2.0-rc1"
    for algorithm in ALGORITHMS:
        assert everyone.get(f"{LIB.metadata_path}.{algorithm}").body == checksum(answer.body, algorithm)
        assert answer.header(f"x-checksum-{algorithm}") == checksum(answer.body, algorithm).decode()


def test_checksums_are_those_of_the_members_file(server: RunningServer, lib: File) -> None:
    # maven R120: the jar of one and the checksum of the other would not fit
    first, second = (Artifacts(server, hosted(server, "maven")) for _ in range(2))
    bodies = {first: b"first", second: b"second"}
    for repository, body in bodies.items():
        repository.store(lib.path, body)
        repository.store(f"{lib.path}.asc", b"signature of " + body)
    for members in ((first, second), (second, first)):
        everyone = first.of(group(server, "maven", *(member.repository for member in members)))
        body = bodies[members[0]]
        assert everyone.get(lib.path).body == body
        assert everyone.get(f"{lib.path}.asc").body == b"signature of " + body
        for algorithm in ALGORITHMS:
            assert everyone.get(f"{lib.path}.{algorithm}").body == checksum(body, algorithm)
    first.delete(f"{lib.path}.asc")
    everyone = first.of(group(server, "maven", first.repository, second.repository))
    assert everyone.get(f"{lib.path}.asc").status == 404, "the other one's signs something else"


def test_versions_of_hosted_members_are_merged_as_they_come(server: RunningServer, lib: File) -> None:
    # maven R124: at once
    first, second = (Artifacts(server, hosted(server, "maven")) for _ in range(2))
    everyone = first.of(group(server, "maven", first.repository, second.repository))
    for number in range(6):
        file = File("com.ex", lib.artifact, f"1.{number}")
        (first, second)[number % 2].deploy(file)
        assert everyone.versions(file)[-1] == file.version
        assert named(everyone.metadata(file.folder), "release") == file.version
    second.delete(f"{lib.folder}/1.5/")
    assert everyone.versions(lib)[-1] == "1.4"  # maven T12


def test_snapshots_of_members_are_merged(server: RunningServer, lib: File) -> None:
    # maven R75, R121
    first, second = (Artifacts(server, hosted(server, "maven")) for _ in range(2))
    everyone = first.of(group(server, "maven", first.repository, second.repository))
    builds = [
        File("com.ex", lib.artifact, "1-SNAPSHOT", str(number), f"20261123.17582{number}-{number}")
        for number in (1, 2)
    ]
    first.store(builds[0].path.replace(".jar", "-sources.jar"), b"sources")
    first.deploy(builds[0])
    second.deploy(builds[1])
    folder = f"{lib.folder}/1-SNAPSHOT"
    body = everyone.metadata(folder)
    assert named(body, "buildNumber") == "2"
    assert b"1-20261123.175821-1</value>" in body, "the sources of the one before"
    assert everyone.get(f"{folder}/{lib.artifact}-1-SNAPSHOT.jar").body == builds[1].content
    assert everyone.get(f"{folder}/{lib.artifact}-1-SNAPSHOT-sources.jar").body == b"sources"


def test_a_member_that_is_down_hides_no_version(both: Both, upstream: FakeUpstream) -> None:
    # maven R123: a part of the list would be a wrong list
    publish(upstream, THEIRS)
    everyone = both()
    with upstream.fault(status(503)):
        answer = everyone.get(THEIRS.metadata_path)
        assert answer.status == 503
        assert answer.header("retry-after")
        assert everyone.get(THEIRS.path).status == 503
    assert everyone.versions(THEIRS) == ["1.0"]
    upstream.stop()
    assert everyone.versions(THEIRS) == ["1.0"], "as it was"


def test_plugins_of_a_group_are_those_of_all_members(
    both: Both, own: Artifacts, upstream: FakeUpstream
) -> None:
    # maven R80, R121
    def plugins(prefix: str) -> bytes:
        return (
            f"<metadata><plugins><plugin><prefix>{prefix}</prefix>"
            f"<artifactId>{prefix}-maven-plugin</artifactId></plugin></plugins></metadata>"
        ).encode()

    own.store("org/plug/maven-metadata.xml", plugins("ours"))
    upstream.put("/m2/org/plug/maven-metadata.xml", plugins("theirs"))
    body = both().metadata("org/plug").decode()
    assert "<prefix>ours</prefix>" in body and "<prefix>theirs</prefix>" in body
    owned = File("org", "plug", "1.0")
    own.deploy(owned)
    body = both().metadata("org/plug").decode()
    assert "theirs" not in body, "the name is ours"
    assert versions_of(body.encode()) == ["1.0"]


def test_metadata_about_something_else_is_left_out(
    both: Both, own: Artifacts, upstream: FakeUpstream, caplog: pytest.LogCaptureFixture
) -> None:
    # maven R121
    own.deploy(LIB)
    evil = versions_metadata("com.evil", "lib", ["9"])
    upstream.put(f"/m2/{LIB.metadata_path}", evil)
    with caplog.at_level(logging.WARNING, "artifactd.maven"):
        assert both(merge=["**"]).versions(LIB) == ["1.0"]
    assert "com.evil:lib" in caplog.text


def test_what_is_deployed_goes_to_the_writable_member(
    both: Both, own: Artifacts, upstream: FakeUpstream
) -> None:
    # maven R58
    everyone = both()
    everyone.deploy(LIB)
    assert own.get(LIB.path).body == everyone.get(LIB.path).body == LIB.content
    assert own.versions(LIB) == everyone.versions(LIB) == ["1.0"]
    assert everyone.put(LIB.path, b"other").status == 400
    assert everyone.put(f"{LIB.path}.sha1", checksum(b"other", "sha1")).status == 400
    assert own.get(LIB.path).status == 404, "it is withdrawn there"
    assert everyone.delete(f"{LIB.folder}/1.0/").status == 204
    assert own.get(LIB.metadata_path).status == 404


def test_nothing_is_put_into_a_group_without_such_a_member(
    server: RunningServer, own: Artifacts, proxied: Artifacts
) -> None:
    # maven J17
    own.deploy(LIB)
    closed = own.of(group(server, "maven", own.repository, proxied.repository))
    for method, path in (
        ("PUT", LATER.path),
        ("PUT", LIB.metadata_path),
        ("DELETE", LIB.path),
        ("DELETE", f"{LIB.folder}/"),
    ):
        answer = closed.request(method, path, b"x" if method == "PUT" else b"")
        assert (answer.status, answer.header("allow")) == (405, "GET, HEAD"), (method, path)


def test_a_group_has_no_list_of_prefixes(both: Both, upstream: FakeUpstream) -> None:
    # maven J18, R92: one member's would hide what the others have
    upstream.put("/m2/.meta/prefixes.txt", b"## repository-prefixes/2.0\n/org\n")
    everyone = both()
    assert everyone.get(".meta/prefixes.txt").status == 404
    assert everyone.get(".meta/prefixes.txt.sha1").status == 404


def test_archetypes_of_all_members_are_catalogued(
    both: Both, own: Artifacts, upstream: FakeUpstream
) -> None:
    # maven R90
    def entry(group: str, version: str, more: str = "") -> str:
        return (
            f"<archetype><groupId>{group}</groupId><artifactId>start</artifactId>"
            f"<version>{version}</version>{more}</archetype>"
        )

    catalogue = (
        "<archetype-catalog><archetypes>"
        + entry("org.z", "1.10", "<repository>http://127.0.0.1:9/</repository>")
        + entry("org.z", "1.9")
        + entry("com.ex", "1", "<description>theirs</description>")
        + "<archetype><groupId>incomplete</groupId></archetype></archetypes></archetype-catalog>"
    )
    upstream.put("/m2/archetype-catalog.xml", catalogue.encode())
    pom = (
        b"<project><groupId>com.ex</groupId><artifactId>start</artifactId><version>1</version>"
        b"<packaging>maven-archetype</packaging><description>ours</description></project>"
    )
    own.store("com/ex/start/1/start-1.pom", pom)
    body = both().get("archetype-catalog.xml").text
    listed = [
        (named(each.encode(), "groupId"), named(each.encode(), "version"))
        for each in body.split("<archetype>")[1:]
    ]
    assert listed == [("com.ex", "1"), ("org.z", "1.9"), ("org.z", "1.10")]
    assert "ours" in body and "theirs" not in body
    assert "<repository>" not in body
    upstream.put("/m2/archetype-catalog.xml", b"<html>no catalogue</html")
    assert both().get("archetype-catalog.xml").text.count("<archetype>") == 1


def test_versions_that_a_member_excludes_are_not_asked_of_it(
    server: RunningServer, upstream: FakeUpstream, own: Artifacts
) -> None:
    # maven R126
    releases = proxy(server, "maven", f"{upstream.url}/m2", settings={"version_policy": "release"})
    everyone = own.of(group(server, "maven", own.repository, releases))
    snapshot = File("org.other", "lib", "1-SNAPSHOT", build="20261123.175820-1")
    assert everyone.get(snapshot.path).status == 404
    assert everyone.get(f"{snapshot.folder}/1-SNAPSHOT/maven-metadata.xml").status == 404
    assert upstream.count() == 0
    publish(upstream, THEIRS)
    assert everyone.get(THEIRS.path).body == THEIRS.content


def test_who_may_not_see_a_member_does_not_see_it_through_the_group(
    both: Both, own: Artifacts, upstream: FakeUpstream
) -> None:
    # maven R128, T13
    own.deploy(LIB)
    everyone = both()
    reader = everyone.by(everyone.server.user((everyone.repository, "**", [Verb.READ])))
    assert reader.get(LIB.metadata_path).status == 404
    assert reader.get(LIB.path).status == 404
    assert upstream.count() == 0, "the name is still ours"
    granting = both(rights="group")
    reader = granting.by(granting.server.user((granting.repository, "**", [Verb.READ])))
    assert reader.get(LIB.path).body == LIB.content
    assert reader.versions(LIB) == ["1.0"]
