"""Version policies, and the table of exact answers (maven R52, J)."""

import pytest

from tests.formats.maven.artifacts import Artifacts, build_metadata, refused
from tests.support.maven_files import File, checksum, versions_metadata
from tests.support.server import RunningServer

BUILD = "20261123.175820-1"


@pytest.mark.parametrize(
    ("policy", "version", "build"),
    [("release", "1.1-SNAPSHOT", BUILD), ("release", "1.1-SNAPSHOT", ""), ("snapshot", "1.1", "")],
)
def test_a_repository_takes_the_versions_of_its_policy(
    server: RunningServer, policy: str, version: str, build: str
) -> None:
    # maven R52, J6
    repository = Artifacts(server, server.repository("maven", version_policy=policy))
    wrong = File("com.ex", "lib", version, build=build)
    for path in (wrong.path, wrong.pom_path, f"{wrong.path}.sha1", f"{wrong.path}.asc"):
        assert f"version policy of this repository is '{policy}'" in refused(repository.put(path, b"x"))
        assert repository.get(path).status == 404
    problem = repository.put(wrong.path, b"x", accept="application/problem+json,*/*").json()
    assert "version policy" in problem["detail"]  # maven R28
    listed = versions_metadata("com.ex", "lib", [version])
    assert repository.put(wrong.metadata_path, listed).status == 201, "that is for both"
    assert repository.get(wrong.metadata_path).status == 404
    if policy == "release":
        path = f"{wrong.folder}/{version}/maven-metadata.xml"
        assert "version policy" in refused(repository.put(path, build_metadata(wrong)))


@pytest.mark.parametrize(
    ("policy", "version", "build"),
    [
        ("release", "1.1", ""),
        ("snapshot", "1.1-SNAPSHOT", BUILD),
        ("mixed", "1.1", ""),
        ("mixed", "1.1-SNAPSHOT", BUILD),
    ],
)
def test_the_others_are_taken(server: RunningServer, policy: str, version: str, build: str) -> None:
    # maven R52, K16
    repository = Artifacts(server, server.repository("maven", version_policy=policy))
    right = File("com.ex", "lib", version, build=build)
    repository.deploy(right)
    assert repository.get(right.path).body == right.content
    assert repository.versions(right) == [version]


def test_a_release_that_looks_dated_is_a_release(server: RunningServer) -> None:
    # maven K16
    repository = Artifacts(server, server.repository("maven", version_policy="release"))
    dated = File("com.ex", "lib", "1.0-20240101")
    repository.deploy(dated)
    assert repository.versions(dated) == ["1.0-20240101"]


def test_the_answers_are_exactly_these(server: RunningServer, artifacts: Artifacts, lib: File) -> None:
    # maven J: the rest of the table is where each of its lines is about
    put, get = artifacts.put, artifacts.get
    sha1 = checksum(lib.content, "sha1")
    table = [
        (put(lib.path, lib.content), 201, {"content-length": "0"}),  # maven J1
        (put(lib.path, lib.content), 200, {"content-length": "0"}),  # maven J2
        (put(lib.path, b"other"), 400, {}),  # maven J3
        (put(f"{lib.path}.sha1", sha1), 201, {}),  # maven J4
        (put(f"{lib.metadata_path}.sha1", sha1), 201, {}),  # maven J5
        (get(lib.path), 200, {"accept-ranges": "bytes", "x-checksum-sha1": sha1.decode()}),  # maven J10
        (get(f"{lib.path}.sha256"), 200, {"content-length": "64", "content-type": "text/plain"}),  # J11
        (get("com/ex/none/1/none-1.jar"), 404, {"cache-control": "no-store"}),  # maven J13
        (put(f"{lib.path}.sha1", checksum(b"other", "sha1")), 400, {}),  # maven J4
    ]
    for place, (answer, status, headers) in enumerate(table):
        assert answer.status == status, place
        for name, value in headers.items():
            assert answer.header(name) == value, (place, name)


def test_settings_are_checked(server: RunningServer) -> None:
    from tests.support.proxies import request

    for wrong in ({"version_policy": "none"}, {"layout_policy": "loose"}, {"unknown": True}):
        document = {"format": "maven", "kind": "hosted", **wrong}
        assert request(server, "PUT", "/api/v1/repositories/maven-wrong", document).status == 400
