"""PUT of files, on the wire (maven C, J)."""

import hashlib
import socket
from urllib.parse import quote

import pytest

from tests.formats.maven.artifacts import Artifacts, refused
from tests.support.maven_files import File, checksum, pom_of
from tests.support.server import ADMIN, RunningServer


def test_a_file_is_new_once(artifacts: Artifacts, lib: File) -> None:
    # maven J1, J2, R40, R50
    for status in (201, 200):
        answer = artifacts.put(lib.path, lib.content)
        assert (answer.status, answer.body, answer.header("content-length")) == (status, b"", "0")
    assert artifacts.get(lib.path).body == lib.content


def test_a_release_keeps_its_bytes(artifacts: Artifacts, lib: File) -> None:
    # maven J3, R50
    artifacts.deploy(lib)
    for path in (lib.path, lib.pom_path):
        answer = artifacts.put(path, artifacts.get(path).body + b"<!-- more -->")
        assert "repository does not allow updating assets" in refused(answer)
    assert artifacts.get(lib.path).body == lib.content


def test_maven_four_shows_what_a_problem_document_says(artifacts: Artifacts, lib: File) -> None:
    # maven J3, R28
    artifacts.store(lib.path, lib.content)
    answer = artifacts.put(lib.path, b"other", accept="application/problem+json,*/*")
    assert (answer.status, answer.header("content-type")) == (400, "application/problem+json")
    problem = answer.json()
    assert (problem["title"], problem["status"]) == ("Bad Request", 400)
    assert "does not allow updating assets" in problem["detail"]
    found = artifacts.get(lib.path, accept="application/problem+json,*/*")
    assert (found.status, found.body) == (200, lib.content)


def test_where_it_is_allowed_a_release_is_replaced(server: RunningServer, lib: File) -> None:
    # maven R50
    loose = Artifacts(server, server.repository("maven", write_policy="allow"))
    assert [loose.put(lib.path, body).status for body in (b"a", b"b", b"b")] == [201, 201, 200]
    assert loose.get(lib.path).body == b"b"
    assert "immutable" not in loose.get(lib.path).header("cache-control")


def test_where_nothing_is_taken_nothing_is(server: RunningServer, lib: File) -> None:
    # maven R50
    closed = Artifacts(server, server.repository("maven", write_policy="deny"))
    for path in (lib.path, f"{lib.path}.sha1", lib.metadata_path):
        answer = closed.put(path, lib.content)
        assert (answer.status, answer.header("allow")) == (405, "GET, HEAD")


def test_snapshots_are_replaced_however_releases_are_kept(artifacts: Artifacts, lib: File) -> None:
    # maven R51, R77
    for name in ("1.1-SNAPSHOT", "1.1-20261123.175820-1"):
        path = f"{lib.folder}/1.1-SNAPSHOT/{lib.artifact}-{name}.jar"
        assert [artifacts.put(path, body).status for body in (b"a", b"b")] == [201, 201]
        assert artifacts.get(path).body == b"b"


def test_a_signature_may_come_later_and_only_once(artifacts: Artifacts, lib: File) -> None:
    # maven R49, R50
    artifacts.deploy(lib)
    before = artifacts.get(lib.metadata_path).body
    assert artifacts.put(f"{lib.path}.asc", b"signature").status == 201
    refused(artifacts.put(f"{lib.path}.asc", b"another"))
    assert artifacts.get(f"{lib.path}.asc").body == b"signature"
    assert artifacts.get(lib.metadata_path).body == before


@pytest.mark.parametrize(
    "name", ["lib 1", "lib_2.13", "lib+b.5", "lib~1", "l%ib", "lib-é"], ids=["a", "b", "c", "d", "e", "f"]
)
def test_names_are_what_they_are(artifacts: Artifacts, server: RunningServer, name: str) -> None:
    # maven R7
    artifact = f"{name}{server.unused('')}"
    path = quote(f"com/ex/{artifact}/1.0+build.5/{artifact}-1.0+build.5.jar", safe="/+")
    artifacts.store(path, b"bytes")
    assert artifacts.get(path).body == b"bytes"
    assert artifacts.get(path.replace("+", "%2B")).body == b"bytes"
    assert artifacts.get(path.replace("com/ex", "com/Ex")).status == 404


@pytest.mark.parametrize(
    "path",
    ["com/ex/../../etc/passwd", "com/ex/./lib/1/lib-1.jar", "com//ex/1/ex-1.jar", "com%00/ex/1/ex-1.jar"],
)
def test_paths_that_lead_elsewhere_are_refused(artifacts: Artifacts, path: str) -> None:
    # maven R7
    assert artifacts.put(path, b"bytes").status == 400
    assert artifacts.get(path).status in (400, 404)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("com/ex/lib/1.0/", 400),  # maven R40
        ("com/ex/lib/1.0/other-1.0.jar", 400),  # maven K11, R6
        ("com/ex/lib/1.0/lib-1.0", 400),  # maven K10
        ("lib/1.0/lib-1.0.jar", 400),  # maven K9
        ("site/index.html", 400),  # maven R6, R94
        ("com/ex/lib/maven-metadata-local.xml", 400),  # maven R83
        ("com/ex/lib/maven-metadata-central.xml", 400),
        (".meta/prefixes.txt", 400),  # maven R92
        ("archetype-catalog.xml", 400),
        (".nexus/x", 400),
        ("com/ex/lib/1.0/.stated-lib-1.0.jar.sha1", 400),
        ("com/ex/lib/1.0/.announced", 400),
        ("com/ex/.plugins/x", 400),
        (f"com/ex/{'a' * 510}/1/{'a' * 510}-1.jar", 400),
    ],
)
def test_what_a_repository_does_not_have_is_not_put_there(
    artifacts: Artifacts, path: str, status: int
) -> None:
    assert refused(artifacts.put(path, b"bytes"), status)
    assert artifacts.get(path).status == 404


def test_a_permissive_repository_has_any_path(server: RunningServer) -> None:
    # maven R6
    site = Artifacts(server, server.repository("maven", layout_policy="permissive"))
    for path in ("site/index.html", "p2/content.jar", "a", "com/ex/lib/maven-metadata-local.xml"):
        site.store(path, b"<html/>")
        site.store(f"{path}.sha1", checksum(b"<html/>", "sha1"))
        assert site.get(path).body == b"<html/>"
        assert site.get(f"{path}.md5").body == checksum(b"<html/>", "md5")
    refused(site.put("com/ex/.plugins/x", b"{}"))
    assert site.delete("a").status == 204
    assert site.get("a").status == 404


def test_a_file_without_a_byte_is_an_upload_that_went_wrong(artifacts: Artifacts, lib: File) -> None:
    # maven R41, R42
    for name in (lib.path, lib.pom_path, lib.path.replace(".jar", "-x.xml")):
        assert "without a byte" in refused(artifacts.put(name, b""))
        assert artifacts.get(name).status == 404
    artifacts.store(lib.path.replace(".jar", ".txt"), b"")


def test_an_upload_without_a_length_is_refused(artifacts: Artifacts, lib: File) -> None:
    # maven J7, R42
    answer = answer_to_the_head_of_a_put(artifacts, lib.path)
    assert answer.startswith(b"HTTP/1.1 411 ")
    assert b"connection: close" in answer.lower()
    assert artifacts.get(lib.path).status == 404


def test_an_upload_that_breaks_off_leaves_nothing(artifacts: Artifacts, lib: File) -> None:
    # maven J8
    server = artifacts.server
    head = f"PUT /repository/{artifacts.repository}/{lib.path} HTTP/1.1\r\nHost: x\r\n"
    server.send(f"{head}Authorization: {ADMIN.header}\r\nContent-Length: 1000\r\n\r\nshort".encode())
    assert artifacts.get(lib.path).status == 404


def test_an_offer_of_another_protocol_loses_no_byte(artifacts: Artifacts, lib: File) -> None:
    # maven R41, M4
    offer = {
        "connection": "Upgrade, HTTP2-Settings",
        "upgrade": "h2c",
        "http2-settings": "AAEAAEAAAAIAAAAB",
    }
    answer = artifacts.request("PUT", lib.path, lib.content, offer)
    assert answer.status == 201
    assert artifacts.get(lib.path).body == lib.content


def test_a_client_without_rights_is_told_before_it_sends(artifacts: Artifacts, lib: File) -> None:
    # maven J9, R43, R29
    nobody, reader = artifacts.by(None), artifacts.by(artifacts.server.user())
    for path in (lib.path, f"{lib.path}.sha1", lib.metadata_path):
        answer = nobody.put(path, b"x", expect="100-continue")
        assert answer.status == 401
        assert answer.header("www-authenticate").startswith("Basic realm=")
        assert reader.put(path, b"x").status == 403
    for path in (lib.path, "com/ex/none/1/none-1.jar", lib.metadata_path):
        assert nobody.get(path).status == 401  # maven J12


def test_the_answer_comes_before_the_body(artifacts: Artifacts) -> None:
    # maven R43
    lines = ("Expect: 100-continue", "Content-Length: 500000000")
    assert answer_to_the_head_of_a_put(artifacts, "site/x", *lines).startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize("algorithm", ["Sha1", "Md5", "Sha256", "Sha512"])
def test_a_checksum_in_the_request_must_hold(artifacts: Artifacts, lib: File, algorithm: str) -> None:
    right = hashlib.new(algorithm.lower(), lib.content).hexdigest()
    wrong = hashlib.new(algorithm.lower(), b"other").hexdigest()
    header = f"X-Checksum-{algorithm}"
    assert artifacts.request("PUT", lib.path, lib.content, {header: wrong}).status == 400
    assert artifacts.get(lib.path).status == 404
    assert artifacts.request("PUT", lib.path, lib.content, {header: right.upper()}).status == 201
    assert artifacts.request("PUT", lib.path, lib.content, {header: "no checksum"}).status == 200


def test_nothing_is_deployed_by_its_checksum(artifacts: Artifacts, lib: File) -> None:
    # maven R59
    headers = {"X-Checksum-Deploy": "true", "X-Checksum-Sha1": checksum(b"x", "sha1").decode()}
    assert "send the file" in refused(artifacts.request("PUT", lib.path, b"", headers), 404)
    assert artifacts.get(lib.path).status == 404


def test_a_pom_must_be_one_and_of_its_path(artifacts: Artifacts, lib: File) -> None:
    # maven R54, T11
    assert "the POM is not well-formed" in refused(artifacts.put(lib.pom_path, b"<project>"))
    laughs = b'<!DOCTYPE p [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><project>&b;</project>'
    assert "document type" in refused(artifacts.put(lib.pom_path, laughs))
    other = File("com.evil", lib.artifact, "1.0")
    said = refused(artifacts.put(lib.pom_path, pom_of(other)), 409)
    assert "'com.evil'" in said and "'com.ex'" in said
    assert artifacts.get(lib.pom_path).status == 404
    artifacts.store(lib.pom_path, pom_of(lib))
    stored = len(artifacts.server.stored())
    refused(artifacts.put(lib.pom_path.replace(".pom", "-x.pom"), b"<!DOCTYPE p><p/>"))
    assert len(artifacts.server.stored()) == stored, "what is refused leaves nothing"


def test_where_nobody_cares_a_pom_is_any_file(server: RunningServer, lib: File) -> None:
    # maven R54
    loose = Artifacts(server, server.repository("maven", pom_consistency=False))
    loose.store(lib.pom_path, b"<html>&eacute;")
    assert loose.get(lib.pom_path).body == b"<html>&eacute;"


def test_files_of_all_kinds_are_artifacts(artifacts: Artifacts, lib: File) -> None:
    # maven R9, R10, R27, K13, K14
    base = lib.path.removesuffix(".jar")
    types = {
        ".jar": "application/java-archive",
        "-sources.jar": "application/java-archive",
        ".module": "application/json",
        "-build.pom": "application/xml",
        "-x.xml": "application/xml",
        ".jar.asc": "text/plain",
        "-jdk1.5.tar.gz": "application/octet-stream",
        ".klib": "application/octet-stream",
    }
    for name, kind in types.items():
        body = pom_of(lib) if name.endswith("pom") else name.encode()
        artifacts.store(f"{base}{name}", body)
        answer = artifacts.get(f"{base}{name}", accept_encoding="gzip")
        assert (answer.body, answer.header("content-type")) == (body, kind)
        assert answer.header("content-encoding") == ""


def test_methods_of_dav_are_none_of_ours(artifacts: Artifacts) -> None:
    # maven R40
    answer = artifacts.request("MKCOL", "com/ex/")
    assert answer.status == 405
    assert answer.header("dav") == ""


def answer_to_the_head_of_a_put(artifacts: Artifacts, path: str, *lines: str) -> bytes:
    """What comes back before a byte of the body is sent."""
    target = f"/repository/{artifacts.repository}/{path}"
    head = (f"PUT {target} HTTP/1.1", "Host: x", f"Authorization: {ADMIN.header}", *lines, "", "")
    with socket.create_connection(artifacts.server.address, timeout=30) as connection:
        connection.sendall("\r\n".join(head).encode())
        return connection.recv(1 << 16)
