"""Another repository through a proxy, on the wire (maven F)."""

from datetime import timedelta

import pytest

from tests.formats.maven.artifacts import Artifacts, build_metadata
from tests.support.fake_upstream import FakeUpstream
from tests.support.maven_files import ALGORITHMS, File, checksum, pom_of, versions_metadata, versions_of
from tests.support.proxies import command, proxy
from tests.support.server import RunningServer
from tests.support.upstream_faults import flipped, login_page, status, truncated

LIB = File("com.ex", "lib", "1.0")
BUILD = File("com.ex", "lib", "1.1-SNAPSHOT", build="20261123.175820-1")
METADATA = versions_metadata("com.ex", "lib", ["1.0", "1.1"])


def publish(upstream: FakeUpstream, path: str, body: bytes, *, sha1: bool = True) -> None:
    """Have a file upstream, with its checksum beside it."""
    upstream.put(f"/m2/{path}", body)
    if sha1:
        upstream.put(f"/m2/{path}.sha1", checksum(body, "sha1") + b"  " + path.encode() + b"\n")


def asked(upstream: FakeUpstream) -> list[str]:
    return [f"{each.method} {each.path.removeprefix('/m2/')}" for each in upstream.asked()]


def test_a_release_is_asked_for_once(proxied: Artifacts, upstream: FakeUpstream) -> None:
    # maven R100, R101
    publish(upstream, LIB.path, LIB.content)
    for _ in range(3):
        answer = proxied.get(LIB.path)
        assert (answer.status, answer.body) == (200, LIB.content)
        assert answer.header("content-type") == "application/java-archive"
        assert "immutable" in answer.header("cache-control")
    assert asked(upstream) == [f"GET {LIB.path}.sha1", f"GET {LIB.path}"]
    for algorithm in ALGORITHMS:  # maven R101, R102: our own, of these bytes
        assert proxied.get(f"{LIB.path}.{algorithm}").body == checksum(LIB.content, algorithm)
        stated = proxied.get(LIB.path).header(f"x-checksum-{algorithm}")
        assert stated == checksum(LIB.content, algorithm).decode()
    assert upstream.count() == 2
    upstream.stop()
    assert proxied.get(LIB.path).body == LIB.content  # maven R103


def test_the_date_of_a_file_is_the_upstreams(proxied: Artifacts, upstream: FakeUpstream) -> None:
    # maven R109
    publish(upstream, LIB.path, LIB.content)
    answers = [proxied.head(LIB.path), *(proxied.get(LIB.path) for _ in range(3))]
    dates = {answer.header("last-modified") for answer in answers}
    assert dates == {"Sun, 13 Sep 2020 12:26:40 GMT"}, "of the copy too: clients resume by it"


def test_a_head_downloads_nothing(proxied: Artifacts, upstream: FakeUpstream) -> None:
    # maven R108, R22
    publish(upstream, LIB.path, LIB.content)
    answer = proxied.head(LIB.path)
    assert (answer.status, answer.header("content-length")) == (200, str(len(LIB.content)))
    assert answer.header("x-checksum-sha1") == "", "only its upstream says so"
    assert asked(upstream) == [f"GET {LIB.path}.sha1", f"HEAD {LIB.path}"]


def test_no_cache_in_a_request_asks_nothing_upstream(proxied: Artifacts, upstream: FakeUpstream) -> None:
    # maven R25
    publish(upstream, LIB.path, LIB.content)
    for _ in range(2):
        proxied.get(LIB.path, cache_control="no-cache, no-store", pragma="no-cache")
    assert upstream.count("GET", f"/m2/{LIB.path}") == 1


@pytest.mark.parametrize("size", [100, 300_000])
def test_bytes_that_are_not_those_of_the_checksum_are_nobodys(
    proxied: Artifacts, upstream: FakeUpstream, size: int
) -> None:
    # maven R101; proxy R68
    publish(upstream, LIB.path, b"x" * size)
    with upstream.fault(flipped(0.5), f"/m2/{LIB.path}"):
        stored = len(proxied.server.stored())
        try:
            answer = proxied.get(LIB.path)
            assert answer.status == 502
        except Exception:
            proxied.server.disconnect()  # it had begun, and did not end
        assert len(proxied.server.stored()) == stored + 1, "the checksum"
    assert proxied.get(LIB.path).body == b"x" * size


def test_an_upstream_without_checksums_is_believed(proxied: Artifacts, upstream: FakeUpstream) -> None:
    # maven R101
    publish(upstream, LIB.path, LIB.content, sha1=False)
    assert proxied.get(LIB.path).body == LIB.content
    assert proxied.get(f"{LIB.path}.sha1").body == checksum(LIB.content, "sha1")


def test_a_page_for_people_is_no_checksum(proxied: Artifacts, upstream: FakeUpstream) -> None:
    publish(upstream, LIB.path, LIB.content)
    upstream.fault(login_page(), "*.sha1")
    assert proxied.get(f"{LIB.path}.sha1").status == 404
    assert proxied.get(LIB.path).body == LIB.content


def test_a_page_for_people_is_no_file(proxied: Artifacts, upstream: FakeUpstream) -> None:
    # maven R101
    publish(upstream, LIB.path, LIB.content, sha1=False)
    upstream.fault(login_page(), "*.jar")
    assert proxied.get(LIB.path).status == 502
    upstream.heal()
    assert proxied.get(LIB.path).body == LIB.content, "nothing was kept of it"


def test_a_checksum_in_a_header_counts_as_well(proxied: Artifacts, upstream: FakeUpstream) -> None:
    # maven R101
    wrong = {"X-Checksum-Sha1": checksum(b"other", "sha1").decode()}
    upstream.put(f"/m2/{LIB.path}", LIB.content, headers=wrong)
    assert proxied.get(LIB.path).status == 502
    right = {"X-Checksum-Sha1": checksum(LIB.content, "sha1").decode()}
    upstream.put(f"/m2/{LIB.path}", LIB.content, headers=right)
    assert proxied.get(LIB.path).body == LIB.content


def test_a_checksum_without_its_file_is_the_upstreams(proxied: Artifacts, upstream: FakeUpstream) -> None:
    # maven R102
    publish(upstream, LIB.path, LIB.content)
    for method in ("HEAD", "GET"):
        answer = proxied.request(method, f"{LIB.path}.sha1")
        assert (answer.status, answer.header("content-length")) == (200, "40"), "without the file's name"
        assert answer.body in (b"", checksum(LIB.content, "sha1"))
        assert answer.header("content-type") == "text/plain"
    assert proxied.get(f"{LIB.path}.sha512").status == 404
    assert not upstream.asked("GET", f"/m2/{LIB.path}"), "nobody wants the file"
    assert proxied.get(LIB.path).body == LIB.content
    assert proxied.get(f"{LIB.path}.sha512").body == checksum(LIB.content, "sha512")


def test_a_signature_is_what_was_signed_with(proxied: Artifacts, upstream: FakeUpstream) -> None:
    publish(upstream, f"{LIB.path}.asc", b"signature", sha1=False)
    assert proxied.get(f"{LIB.path}.asc").body == b"signature"
    assert proxied.get(f"{LIB.path}.asc.sha1").body == checksum(b"signature", "sha1")
    assert asked(upstream) == [f"GET {LIB.path}.asc"]


def test_metadata_is_word_for_word_with_checksums_of_it(proxied: Artifacts, upstream: FakeUpstream) -> None:
    # maven R101: the upstream changes it between the two requests
    upstream.put(f"/m2/{LIB.metadata_path}", METADATA, "text/xml")
    assert proxied.metadata(LIB.folder) == METADATA
    answer = proxied.get(LIB.metadata_path)
    assert answer.header("x-checksum-sha1") == checksum(METADATA, "sha1").decode()
    assert answer.header("content-type") == "application/xml"
    assert answer.header("cache-control") == "no-cache"
    assert not upstream.asked("GET", "*.sha1")
    newer = versions_metadata("com.ex", "lib", ["1.0", "1.1", "1.2"])
    upstream.put(f"/m2/{LIB.metadata_path}", newer, "text/xml")
    assert proxied.metadata(LIB.folder) == newer


def test_metadata_is_fresh_for_an_hour(server: RunningServer, upstream: FakeUpstream) -> None:
    # maven R100
    proxied = Artifacts(server, proxy(server, "maven", f"{upstream.url}/m2"))
    upstream.put(f"/m2/{LIB.metadata_path}", METADATA)
    for _ in range(3):
        assert versions_of(proxied.metadata(LIB.folder)) == ["1.0", "1.1"]
    assert upstream.count() == 1


def test_one_request_tells_versions_and_plugins(proxied: Artifacts, upstream: FakeUpstream) -> None:
    # maven R70, R80
    plugin = b"<plugin><prefix>x</prefix><artifactId>y</artifactId></plugin>"
    body = b"<metadata><plugins>" + plugin + b"</plugins></metadata>"
    upstream.put("/m2/com/ex/maven-metadata.xml", body)
    assert proxied.get("com/ex/maven-metadata.xml").body == body
    assert upstream.count() == 1


def test_what_was_fetched_outlives_its_upstream(proxied: Artifacts, upstream: FakeUpstream) -> None:
    # maven R103, R104, R110, J14
    publish(upstream, LIB.path, LIB.content)
    upstream.put(f"/m2/{LIB.metadata_path}", METADATA)
    proxied.get(LIB.path)
    proxied.get(LIB.metadata_path)
    upstream.stop()
    assert proxied.get(LIB.path).body == LIB.content
    assert proxied.get(LIB.metadata_path).body == METADATA
    for path in (LIB.pom_path, "com/ex/other/maven-metadata.xml", BUILD.path):
        answer = proxied.get(path)
        assert answer.status == 503, "never 404: clients would remember it"
        assert 1 <= int(answer.header("retry-after")) <= 30
    upstream.start()
    publish(upstream, LIB.pom_path, pom_of(LIB))
    command(proxied.server, proxied.repository, "unblock")


@pytest.mark.parametrize("code", [401, 429, 500])
def test_an_upstream_that_says_no_is_no_absence(
    proxied: Artifacts, upstream: FakeUpstream, code: int
) -> None:
    # maven R104, R110
    upstream.fault(status(code))
    for path in (LIB.path, LIB.metadata_path):
        assert proxied.get(path).status in (502, 503)


def test_an_absence_is_remembered_for_a_while(moving: RunningServer, upstream: FakeUpstream) -> None:
    # maven R105: a release that comes an hour later is seen
    proxied = Artifacts(moving, proxy(moving, "maven", f"{upstream.url}/m2"))
    for _ in range(2):
        assert proxied.get(LIB.path).status == 404
        assert proxied.get(LIB.metadata_path).status == 404
    assert (
        upstream.count("GET", f"/m2/{LIB.path}") == upstream.count("GET", f"/m2/{LIB.metadata_path}") == 1
    )
    publish(upstream, LIB.path, LIB.content)
    upstream.put(f"/m2/{LIB.metadata_path}", METADATA)
    moving.clock.advance(timedelta(minutes=6))
    assert proxied.get(LIB.metadata_path).status == 200
    moving.clock.advance(timedelta(minutes=5))
    assert proxied.get(LIB.path).body == LIB.content


def test_a_truncated_file_is_never_stored(proxied: Artifacts, upstream: FakeUpstream) -> None:
    # maven T8
    publish(upstream, LIB.path, LIB.content * 3000)
    scheduled = upstream.fault(truncated(0.5), f"/m2/{LIB.path}")
    try:
        answer = proxied.get(LIB.path)
        assert answer.body == LIB.content * 3000 or answer.status >= 500, "it goes on by a range"
    except Exception:
        proxied.server.disconnect()
    scheduled.off()
    assert proxied.get(LIB.path).body == LIB.content * 3000


def test_snapshots_are_found_by_the_upstreams_metadata(proxied: Artifacts, upstream: FakeUpstream) -> None:
    # maven R76, R100
    folder = f"{BUILD.folder}/1.1-SNAPSHOT"
    upstream.put(f"/m2/{folder}/maven-metadata.xml", with_files(BUILD))
    publish(upstream, BUILD.path, BUILD.content)
    path = f"{folder}/lib-1.1-SNAPSHOT.jar"
    answer = proxied.get(path)
    assert (answer.status, answer.body) == (200, BUILD.content)
    assert answer.header("cache-control") == "no-cache"
    assert proxied.get(f"{path}.sha1").body == checksum(BUILD.content, "sha1")
    assert proxied.get(f"{folder}/lib-1.1-SNAPSHOT-sources.jar").status == 404
    escape = with_files(BUILD).replace(b"1.1-20261123.175820-1</value>", b"../../../evil/x</value>")
    upstream.put(f"/m2/{folder}/maven-metadata.xml", escape)
    assert proxied.get(f"{folder}/lib-1.1-SNAPSHOT.war").status == 404
    assert not upstream.asked("", "*evil*")


def test_metadata_of_old_clients_names_builds_and_not_files(
    proxied: Artifacts, upstream: FakeUpstream
) -> None:
    # maven R76
    folder = f"{BUILD.folder}/1.1-SNAPSHOT"
    upstream.put(f"/m2/{folder}/maven-metadata.xml", build_metadata(BUILD))
    publish(upstream, BUILD.path, BUILD.content)
    assert proxied.get(f"{folder}/lib-1.1-SNAPSHOT.jar").body == BUILD.content
    assert proxied.get(f"{folder}/lib-1.1-SNAPSHOT.war").status == 404


def with_files(file: File) -> bytes:
    value = file.version.replace("SNAPSHOT", file.build)
    listed = "".join(
        f"<snapshotVersion><extension>{extension}</extension><value>{value}</value>"
        "<updated>20261123175820</updated></snapshotVersion>"
        for extension in ("jar", "pom", "war")
    )
    return build_metadata(file).replace(
        b"</versioning>", f"<snapshotVersions>{listed}</snapshotVersions></versioning>".encode()
    )


def test_versions_that_the_policy_excludes_are_not_asked_for(
    server: RunningServer, upstream: FakeUpstream
) -> None:
    # maven R126, R52
    settings = {"version_policy": "release"}
    releases = Artifacts(server, proxy(server, "maven", f"{upstream.url}/m2", settings=settings))
    publish(upstream, BUILD.path, BUILD.content)
    upstream.put(f"/m2/{BUILD.folder}/1.1-SNAPSHOT/maven-metadata.xml", build_metadata(BUILD))
    for path in (BUILD.path, f"{BUILD.path}.sha1", f"{BUILD.folder}/1.1-SNAPSHOT/maven-metadata.xml"):
        assert releases.get(path).status == 404
    assert upstream.count() == 0


@pytest.mark.parametrize(
    "path",
    [
        "robots.txt",
        "favicon.ico",
        ".nexus/x",
        ".meta/repository-metadata.xml",
        "site/index.html",
        "com/ex/lib/1.0/lib-1.0",
        "com/ex/lib/1.0/other-1.0.jar",
        "com/ex/lib/",
        "com/ex/lib/maven-metadata-central.xml",
    ],
)
def test_what_no_repository_has_is_not_asked_for(
    proxied: Artifacts, upstream: FakeUpstream, path: str
) -> None:
    # maven R93, R6, R8
    assert proxied.get(path).status == 404
    assert upstream.count() == 0


def test_special_files_come_through(proxied: Artifacts, upstream: FakeUpstream) -> None:
    # maven R90, R91, R92
    prefixes = b"## repository-prefixes/2.0\n/com/ex\n"
    for path, body in (
        (".meta/prefixes.txt", prefixes),
        ("archetype-catalog.xml", b"<archetype-catalog/>"),
        (".index/nexus-maven-repository-index.properties", b"nexus.index.id=x\n"),
        (".index/nexus-maven-repository-index.gz", b"\x1f\x8b"),
    ):
        assert proxied.get(path).status == 404
        upstream.put(f"/m2/{path}", body)
        command(proxied.server, proxied.repository, "invalidate", path="")
        assert proxied.get(path).body == body, path
        assert proxied.get(f"{path}.sha1").body == checksum(body, "sha1"), path


def test_metadata_that_is_none_is_not_passed_on(proxied: Artifacts, upstream: FakeUpstream) -> None:
    # maven T11
    for body in (b"<html>Sign in</html>", b'<!DOCTYPE m [<!ENTITY a "ha">]><metadata>&a;</metadata>', b""):
        upstream.put(f"/m2/{LIB.metadata_path}", body)
        assert proxied.get(LIB.metadata_path).status == 502
    upstream.put(f"/m2/{LIB.metadata_path}", METADATA)
    assert proxied.get(LIB.metadata_path).body == METADATA


def test_a_strange_pom_is_the_upstreams_affair(proxied: Artifacts, upstream: FakeUpstream) -> None:
    for version, body in (
        ("1", b"<project>&eacute;</project>"),
        ("2", pom_of(File("other", "thing", "9"))),
    ):
        path = File("com.ex", "lib", version).pom_path
        upstream.put(f"/m2/{path}", body)
        assert proxied.get(path).body == body


def test_nothing_is_put_into_a_proxy_or_deleted_of_it(proxied: Artifacts, upstream: FakeUpstream) -> None:
    # maven J17, R58
    publish(upstream, LIB.path, LIB.content)
    upstream.put(f"/m2/{LIB.metadata_path}", METADATA)
    for _ in range(2):  # the second waits until the first one's bytes are kept
        proxied.get(LIB.path)
    for method, path in (
        ("PUT", LIB.path),
        ("PUT", f"{LIB.path}.sha1"),
        ("PUT", LIB.metadata_path),
        ("DELETE", LIB.path),
        ("DELETE", LIB.metadata_path),
        ("DELETE", f"{LIB.folder}/1.0/"),
    ):
        answer = proxied.request(method, path, b"x" if method == "PUT" else b"")
        assert (answer.status, answer.header("allow")) == (405, "GET, HEAD"), (method, path)
    assert proxied.get(LIB.path).body == LIB.content
