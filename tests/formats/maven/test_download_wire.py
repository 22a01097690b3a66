"""GET and HEAD of files and folders, on the wire (maven B, J)."""

import time
from email.utils import formatdate, parsedate_to_datetime

import pytest

from tests.formats.maven.artifacts import Artifacts
from tests.support.maven_files import ALGORITHMS, File, checksum
from tests.support.server import RunningServer


@pytest.fixture(scope="module")
def deployed(artifacts: Artifacts, server: RunningServer) -> File:
    """A release that these tests only read."""
    file = File("com.ex", server.unused("read"), "1.0")
    artifacts.deploy(file)
    return file


def test_a_file_comes_with_what_clients_know_it_by(artifacts: Artifacts, deployed: File) -> None:
    # maven J10, R20, R21, R23, R27
    answer, head = artifacts.get(deployed.path), artifacts.head(deployed.path)
    assert (answer.status, answer.body) == (200, deployed.content)
    assert (head.status, head.body) == (200, b"")
    for each in (answer, head):
        assert each.header("content-length") == str(len(deployed.content))
        assert each.header("accept-ranges") == "bytes"
        assert each.header("content-type") == "application/java-archive"
        assert each.header("etag").startswith('"')
        assert parsedate_to_datetime(each.header("last-modified"))
        for algorithm in ALGORITHMS:
            stated = each.header(f"x-checksum-{algorithm}")
            assert stated == checksum(deployed.content, algorithm).decode()


def test_a_release_is_for_ever_and_a_snapshot_is_not(artifacts: Artifacts, deployed: File) -> None:
    # maven R100
    assert "immutable" in artifacts.get(deployed.path).header("cache-control")
    snapshot = File("com.ex", deployed.artifact, "1.1-SNAPSHOT", build="20261123.175820-1")
    artifacts.store(snapshot.path, b"build")
    assert artifacts.get(snapshot.path).header("cache-control") == "no-cache"


def test_what_is_not_there_is_not_remembered(artifacts: Artifacts, deployed: File) -> None:
    # maven J13
    for path in (deployed.path.replace("1.0", "9.9"), "com/ex/nothing/maven-metadata.xml"):
        answer = artifacts.get(path)
        assert (answer.status, answer.header("cache-control")) == (404, "no-store")
        problem = artifacts.get(path, accept="application/problem+json,*/*")
        assert problem.header("content-type") == "application/problem+json"
        assert (problem.json()["status"], problem.json()["title"]) == (404, "Not Found")


def test_a_client_that_has_the_file_is_told_so(artifacts: Artifacts, deployed: File) -> None:
    # maven R24
    answer = artifacts.get(deployed.path)
    etag, modified = answer.header("etag"), answer.header("last-modified")
    assert artifacts.get(deployed.path, if_none_match=etag).status == 304
    assert artifacts.get(deployed.path, if_modified_since=modified).status == 304
    assert artifacts.get(deployed.path, if_none_match='"other"').status == 200
    # maven R25: what every client says with everything
    plain = artifacts.get(deployed.path, cache_control="no-cache, no-store", pragma="no-cache")
    assert plain.body == deployed.content


def test_a_download_goes_on_where_it_broke_off(artifacts: Artifacts, deployed: File) -> None:
    # maven R24, J16
    modified = artifacts.get(deployed.path).header("last-modified")
    rest = artifacts.get(deployed.path, range="bytes=10-", if_unmodified_since=modified)
    total = len(deployed.content)
    assert (rest.status, rest.body) == (206, deployed.content[10:])
    assert rest.header("content-range") == f"bytes 10-{total - 1}/{total}"
    before = formatdate(time.time() - 10**7, usegmt=True)
    assert artifacts.get(deployed.path, range="bytes=10-", if_unmodified_since=before).status == 412


def test_nothing_is_compressed(artifacts: Artifacts, deployed: File) -> None:
    # maven R26
    for path in (deployed.path, deployed.pom_path, deployed.metadata_path, f"{deployed.path}.sha1"):
        plain, asked = artifacts.get(path), artifacts.get(path, accept_encoding="gzip,deflate,zstd")
        assert asked.header("content-encoding") == ""
        assert (asked.body, asked.header("etag")) == (plain.body, plain.header("etag"))


@pytest.mark.parametrize("signature", ["", ".asc"])
def test_a_snapshot_by_its_version_is_the_newest_build(
    artifacts: Artifacts, lib: File, signature: str
) -> None:
    # maven R76
    builds = [
        File(
            "com.ex",
            lib.artifact,
            "1.1-SNAPSHOT",
            comment=str(number),
            build=f"20261123.17582{number}-{number}",
        )
        for number in (1, 2)
    ]
    for build in builds:
        artifacts.deploy(build)
        artifacts.store(f"{build.path}.asc", b"signature of " + build.content)
    path = f"{lib.folder}/1.1-SNAPSHOT/{lib.artifact}-1.1-SNAPSHOT.jar{signature}"
    newest = artifacts.get(f"{builds[1].path}{signature}")
    answer = artifacts.get(path)
    assert (answer.status, answer.body) == (200, newest.body)
    assert answer.header("etag") == newest.header("etag")
    assert answer.header("cache-control") == "no-cache"
    for algorithm in ALGORITHMS:
        assert artifacts.get(f"{path}.{algorithm}").body == checksum(newest.body, algorithm)
        assert answer.header(f"x-checksum-{algorithm}") == checksum(newest.body, algorithm).decode()
    assert artifacts.get(path.replace(".jar", "-sources.jar")).status == 404
    artifacts.store(path, b"put under this name")  # maven R51: then it is that
    assert artifacts.get(path).body == b"put under this name"


def test_each_build_is_seen_at_once_by_the_version(artifacts: Artifacts, lib: File) -> None:
    path = f"{lib.folder}/1.1-SNAPSHOT/{lib.artifact}-1.1-SNAPSHOT.jar"
    assert artifacts.get(path).status == 404
    for number in (1, 2, 3):
        build = File(
            "com.ex", lib.artifact, "1.1-SNAPSHOT", str(number), f"20261123.17582{number}-{number}"
        )
        artifacts.deploy(build)
        assert artifacts.get(path).body == build.content


def test_a_repository_can_take_names_literally(server: RunningServer, lib: File) -> None:
    # maven R76
    literal = Artifacts(server, server.repository("maven", resolve_snapshots=False))
    literal.deploy(File("com.ex", lib.artifact, "1.1-SNAPSHOT", build="20261123.175820-1"))
    path = f"{lib.folder}/1.1-SNAPSHOT/{lib.artifact}-1.1-SNAPSHOT.jar"
    assert literal.get(path).status == 404


def test_a_folder_lists_files_and_nothing_of_ours(artifacts: Artifacts, lib: File) -> None:
    # maven R8
    artifacts.deploy(lib)
    artifacts.delete(f"{lib.folder}/1.0/")
    artifacts.deploy(File("com.ex", lib.artifact, "2.0"))
    listed = artifacts.get(f"{lib.folder}/", accept="application/json").json()
    assert [(item["name"], item["kind"]) for item in listed["items"]] == [("2.0", "folder")]
    page = artifacts.get(f"{lib.folder}/2.0/")
    assert page.header("content-type").startswith("text/html")
    assert f"{lib.artifact}-2.0.jar" in page.text
    assert ".announced" not in page.text
    assert artifacts.get("").status == 200
    assert artifacts.get("com/ex/nothing/").status == 404


@pytest.mark.parametrize(
    "path",
    ["com/ex/.plugins/x", ".archetypes/x", "robots.txt", ".nexus/x", ".meta/repository-metadata.xml"],
)
def test_some_things_are_never_there(artifacts: Artifacts, path: str) -> None:
    # maven R93
    assert artifacts.get(path).status == artifacts.get(f"{path}.sha1").status == 404


def test_a_hosted_repository_has_no_list_of_prefixes(artifacts: Artifacts, deployed: File) -> None:
    # maven R92
    assert artifacts.get(".meta/prefixes.txt").status == 404


def test_who_may_read_one_artifact_reads_its_metadata(artifacts: Artifacts, deployed: File) -> None:
    from artifactd.auth.principal import Verb

    reader = artifacts.by(
        artifacts.server.user((artifacts.repository, f"{deployed.folder}/**", [Verb.READ]))
    )
    assert reader.get(deployed.metadata_path).status == 200
    assert reader.get(f"{deployed.path}.sha1").status == 200
    assert reader.get("com/ex/other/maven-metadata.xml").status == 403  # maven R30
