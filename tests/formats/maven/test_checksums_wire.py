"""Checksums that clients put and get, on the wire (maven R47, R48, R73, J)."""

from datetime import timedelta

import pytest

from tests.formats.maven.artifacts import Artifacts, refused
from tests.support.maven_files import ALGORITHMS, File, checksum
from tests.support.server import RunningServer


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_checksum_is_that_of_the_file_whatever_was_put(
    artifacts: Artifacts, lib: File, algorithm: str
) -> None:
    # maven J11, R48
    artifacts.store(lib.path, lib.content)
    for method in ("GET", "HEAD"):
        answer = artifacts.request(method, f"{lib.path}.{algorithm}")
        expected = checksum(lib.content, algorithm)
        assert answer.status == 200
        assert answer.header("content-type") == "text/plain"
        assert answer.header("content-length") == str(len(expected))
        assert answer.body == (expected if method == "GET" else b"")
    etag = artifacts.get(f"{lib.path}.{algorithm}").header("etag")
    assert artifacts.get(f"{lib.path}.{algorithm}", if_none_match=etag).status == 304


@pytest.mark.parametrize(
    "form", ["{}", "{}\n", "{}  lib-1.0.jar\n", "{} *lib.jar", "SHA1(lib-1.0.jar)= {}", "  {}  "]
)
def test_an_equal_checksum_is_taken_however_it_is_written(
    artifacts: Artifacts, lib: File, form: str
) -> None:
    # maven J4, R47
    artifacts.store(lib.path, lib.content)
    for algorithm in ("sha1", "md5", "sha256", "sha512"):
        written = form.format(checksum(lib.content, algorithm).decode())
        for text in (written, written.upper()):
            answer = artifacts.put(f"{lib.path}.{algorithm}", text.encode())
            assert (answer.status, answer.body) == (201, b"")
    assert artifacts.get(lib.path).body == lib.content


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_checksum_of_other_bytes_withdraws_the_file(
    artifacts: Artifacts, lib: File, algorithm: str
) -> None:
    # maven J4, R47: the client only warns, and a green build would have stored a broken file
    artifacts.store(lib.path, b"with a flipped bit")
    said = refused(artifacts.put(f"{lib.path}.{algorithm}", checksum(lib.content, algorithm)))
    assert "withdrawn" in said and algorithm in said
    assert artifacts.get(lib.path).status == 404
    assert artifacts.get(f"{lib.path}.{algorithm}").status == 404
    artifacts.store(lib.path, lib.content)  # the next attempt
    artifacts.store(f"{lib.path}.{algorithm}", checksum(lib.content, algorithm))


def test_a_file_that_each_build_replaces_is_not_withdrawn(artifacts: Artifacts, lib: File) -> None:
    # maven R51: the checksum may be of the build before
    path = f"{lib.folder}/1.1-SNAPSHOT/{lib.artifact}-1.1-SNAPSHOT.jar"
    artifacts.store(path, b"second")
    refused(artifacts.put(f"{path}.sha1", checksum(b"first", "sha1")))
    assert artifacts.get(path).body == b"second"


def test_an_old_file_is_not_withdrawn(moving: RunningServer, lib: File) -> None:
    old = Artifacts(moving, moving.repository("maven"))
    old.store(lib.path, lib.content)
    moving.clock.advance(timedelta(hours=2))
    refused(old.put(f"{lib.path}.sha1", checksum(b"other", "sha1")))
    assert old.get(lib.path).body == lib.content


def test_a_checksum_may_come_before_its_file(artifacts: Artifacts, lib: File) -> None:
    # maven R45, R47
    for algorithm in ("sha1", "md5"):
        artifacts.store(f"{lib.path}.{algorithm}", checksum(lib.content, algorithm))
        assert artifacts.get(f"{lib.path}.{algorithm}").status == 404
    said = refused(artifacts.put(lib.path, b"with a flipped bit"))
    assert "came before it" in said
    assert artifacts.get(lib.path).status == 404
    artifacts.store(lib.path, lib.content)
    assert artifacts.get(f"{lib.path}.sha1").body == checksum(lib.content, "sha1")
    folder = artifacts.get(f"{lib.folder}/1.0/", accept="application/json").json()
    assert [item["name"] for item in folder["items"]] == [f"{lib.artifact}-1.0.jar"]


def test_a_corrected_checksum_counts(artifacts: Artifacts, lib: File) -> None:
    for stated in (b"other", lib.content):
        artifacts.store(f"{lib.path}.sha1", checksum(stated, "sha1"))
    artifacts.store(lib.path, lib.content)


def test_a_checksum_that_waits_for_too_long_is_forgotten(moving: RunningServer, lib: File) -> None:
    # maven L1: an attempt that was given up must not be in the way of the next
    late = Artifacts(moving, moving.repository("maven"))
    late.store(f"{lib.path}.sha1", checksum(b"given up", "sha1"))
    refused(late.put(lib.path, lib.content))
    moving.clock.advance(timedelta(hours=2))
    late.store(lib.path, lib.content)


@pytest.mark.parametrize("text", [b"", b"no checksum", b"abc123", b"\xff" * 40, b"0" * 39, b"g" * 40])
def test_what_is_no_checksum_is_refused(artifacts: Artifacts, lib: File, text: bytes) -> None:
    artifacts.store(lib.path, lib.content)
    assert "sha1" in refused(artifacts.put(f"{lib.path}.sha1", text))
    assert artifacts.get(lib.path).status == 200


def test_a_checksum_is_small(artifacts: Artifacts, lib: File) -> None:
    assert artifacts.put(f"{lib.path}.sha1", b"0" * 5000).status == 413


def test_checksums_of_metadata_are_taken_and_mean_nothing(artifacts: Artifacts, lib: File) -> None:
    # maven J5, R73
    artifacts.deploy(lib)
    for algorithm in ALGORITHMS:
        path = f"{lib.metadata_path}.{algorithm}"
        assert artifacts.put(path, checksum(b"the client's", algorithm)).status == 201
        served = artifacts.get(lib.metadata_path)
        assert artifacts.get(path).body == checksum(served.body, algorithm)
        assert served.header(f"x-checksum-{algorithm}") == checksum(served.body, algorithm).decode()


def test_signatures_have_checksums_too(artifacts: Artifacts, lib: File) -> None:
    # maven R3, R48, K5
    artifacts.store(f"{lib.path}.asc", b"signature")
    for algorithm in ALGORITHMS:
        artifacts.store(f"{lib.path}.asc.{algorithm}", checksum(b"signature", algorithm))
        assert artifacts.get(f"{lib.path}.asc.{algorithm}").body == checksum(b"signature", algorithm)
    refused(artifacts.put(f"{lib.path}.asc.sha1", checksum(b"other", "sha1")))
    assert artifacts.get(f"{lib.path}.asc").status == 404


def test_the_checksum_of_a_replaced_file_changes_with_it(artifacts: Artifacts, lib: File) -> None:
    # maven L8
    path = f"{lib.folder}/2-SNAPSHOT/{lib.artifact}-2-SNAPSHOT.jar"
    for body in (b"first", b"second"):
        artifacts.store(path, body)
        assert artifacts.get(f"{path}.sha1").body == checksum(body, "sha1")
        assert artifacts.get(path).header("x-checksum-sha1") == checksum(body, "sha1").decode()


def test_there_is_no_checksum_of_what_is_not_there(artifacts: Artifacts, lib: File) -> None:
    for path in (f"{lib.path}.sha1", f"{lib.metadata_path}.sha1", "archetype-catalog.xml.sha1"):
        answer = artifacts.get(path)
        assert (answer.status, answer.header("cache-control")) == (404, "no-store")
