"""What no honest client sends: each gets the right status in the form that registry clients read, nothing
is stored, nothing is lost, and the server goes on."""

import json
import re
import struct
from collections.abc import Iterator
from pathlib import Path
from socket import SO_LINGER, SOL_SOCKET

import pytest

from tests.support.images import OCI_MANIFEST, Built, digest_of, image, index
from tests.support.maintenance import collect
from tests.support.serving import Running, eventually, serving
from tests.support.sockets import CREDENTIALS, Reply, ask, connect, converse, head, parse
from tests.support.wire import Wire

ABSENT = digest_of(b"nobody has sent this")
UPLOADS = "/v2/docker/team/app/blobs/uploads/"
MANIFEST = "/v2/docker/team/app/manifests/1"
TYPE = f"Content-Type: {OCI_MANIFEST}"


@pytest.fixture(scope="module")
def module_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with serving(tmp_path_factory.mktemp("bad-input") / "data") as server:
        with Wire(server) as wire:
            wire.push("docker/team/kept", "1", image("kept"))
        yield server
        assert "Traceback" not in server.log.read_text()


@pytest.fixture
def server(module_server: Running) -> Iterator[Running]:
    """A server that must hold after the test what it held before."""
    before = stored(module_server)
    yield module_server
    eventually(lambda: stored(module_server) == before)
    with Wire(module_server) as wire:
        assert wire.pull("docker/team/kept", "1") == image("kept").digest


def stored(server: Running) -> set[Path]:
    """Every file among the blobs, those that are being received included."""
    return {path for path in (server.data / "blobs").rglob("*") if path.is_file()}


def errors(reply: Reply) -> list[str]:
    """The codes of an error answer, once it has the form that clients read."""
    assert "content-type: application/json" in reply.head
    found = json.loads(reply.body)["errors"]
    assert all({"code", "message", "detail"} == entry.keys() and entry["message"] for entry in found)
    return [entry["code"] for entry in found]


@pytest.mark.parametrize("method", ["GET", "PUT"])
@pytest.mark.parametrize(
    "target",
    [
        "/v2/docker/../../../etc/passwd",
        "/v2/../docker/team/kept/manifests/1",
        "/v2/docker/team/%2e%2e/manifests/1",
        "/v2/%2e%2e/docker/team/manifests/1",
        "/v2/docker/./team/kept/manifests/1",
        "/v2/docker/team/kept/manifests/..",
        "/v2/docker/team/kept/manifests/%2e%2e%2f%2e%2e",
        "/v2/docker/team%2fkept/manifests/1",
        "/v2/docker/team/kept%00/manifests/1",
        "/v2/docker/team/kept/manifests/1%00",
        "/v2/docker/team/kept/manifests/1%0d%0aSet-Cookie:x",
        "/v2/docker//team/kept/manifests/1",
        "/v2/docker/team/kept%zz/manifests/1",
        "/v2/docker/team/kept%ff/manifests/1",
        "/v2/docker/team\\..\\kept/manifests/1",
        "/v2/docker/team/kept/blobs/sha256:../../../../artifactd.db",
        "/v2/docker/team/Kept/manifests/1",
        "/v2/docker/team/ke___pt/manifests/1",
        f"/v2/docker/{'a' * 256}/manifests/1",
    ],
)
def test_a_path_that_could_be_read_in_two_ways_is_no_name(
    server: Running, method: str, target: str
) -> None:
    # docker R1
    reply = ask(server, head(method, target, "Content-Length: 0"))
    assert (reply.status, errors(reply)) == (400, ["NAME_INVALID"])


@pytest.mark.parametrize("target", ["/repository/raw/../docker/x", "/repository/raw/%2e%2e/%2e%2e/x"])
def test_files_cannot_be_put_outside_their_repository(server: Running, target: str) -> None:
    assert ask(server, head("PUT", target, "Content-Length: 1") + b"x").status == 400


@pytest.mark.parametrize(
    ("method", "target", "status", "code"),
    [
        ("GET", "/v2/nobody/app/manifests/1", 404, "NAME_UNKNOWN"),
        ("PUT", "/v2/nobody/app/manifests/1", 404, "NAME_UNKNOWN"),
        ("POST", "/v2/nobody/app/blobs/uploads/", 404, "NAME_UNKNOWN"),
        ("GET", "/v2/docker%2fteam/kept/manifests/1", 404, "NAME_UNKNOWN"),
        ("GET", "/v2/docker/team/nobody/tags/list", 404, "NAME_UNKNOWN"),
        ("GET", "/v2/docker/team/kept/manifests/2", 404, "MANIFEST_UNKNOWN"),
        ("GET", f"/v2/docker/team/kept/manifests/{ABSENT}", 404, "MANIFEST_UNKNOWN"),
        ("DELETE", f"/v2/docker/team/kept/manifests/{ABSENT}", 404, "MANIFEST_UNKNOWN"),
        ("GET", f"/v2/docker/team/kept/blobs/{ABSENT}", 404, "BLOB_UNKNOWN"),
        ("GET", f"{UPLOADS}0123", 404, "BLOB_UPLOAD_UNKNOWN"),
        ("PATCH", f"{UPLOADS}00000000-0000-4000-8000-000000000000", 404, "BLOB_UPLOAD_UNKNOWN"),
        ("PUT", f"{UPLOADS}0123?digest={ABSENT}", 404, "BLOB_UPLOAD_UNKNOWN"),
        ("GET", "/v2/docker/team/kept/blobs/sha256:xyz", 400, "DIGEST_INVALID"),
        ("GET", f"/v2/docker/team/kept/blobs/{ABSENT.upper()}", 400, "DIGEST_INVALID"),
        ("PUT", "/v2/docker/team/kept/manifests/sha256:baddigeststring", 400, "DIGEST_INVALID"),
        ("POST", f"{UPLOADS}?digest=md5:{'0' * 32}", 400, "DIGEST_INVALID"),
        ("PUT", f"/v2/docker/team/kept/manifests/{'t' * 129}", 400, "TAG_INVALID"),
        ("PUT", "/v2/docker/team/kept/manifests/.hidden", 400, "TAG_INVALID"),
        ("GET", "/v2/docker/team/kept/tags/list?n=many", 400, "PAGINATION_NUMBER_INVALID"),
        ("GET", "/v2/docker/team/kept", 404, "NAME_UNKNOWN"),
        ("POST", "/v2/docker/team/kept/manifests/1", 405, "UNSUPPORTED"),
        ("PUT", "/v2/docker/team/kept/tags/list", 405, "UNSUPPORTED"),
    ],
)
def test_what_is_not_there_or_not_possible_is_said_as_clients_read_it(
    server: Running, method: str, target: str, status: int, code: str
) -> None:
    # docker R47, R170, R171
    reply = ask(server, head(method, target, "Content-Length: 0"))
    assert (reply.status, errors(reply)) == (status, [code])


def test_strangers_are_not_told_what_exists(server: Running) -> None:
    def asked(name: str) -> Reply:
        return ask(server, f"GET /v2/{name}/manifests/1 HTTP/1.0\r\nHost: x\r\n\r\n".encode())

    there, not_there = asked("docker/team/kept"), asked("nobody/team/kept")
    assert (there.status, there.body) == (not_there.status, not_there.body)
    assert errors(there) == ["UNAUTHORIZED"]


def with_config(digest: str) -> str:
    config = {"mediaType": "a/b", "digest": digest, "size": 20}
    return json.dumps({"schemaVersion": 2, "config": config, "layers": []})


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("", "MANIFEST_INVALID"),
        ("{", "MANIFEST_INVALID"),
        ("null", "MANIFEST_INVALID"),
        ("[]", "MANIFEST_INVALID"),
        ("{}", "MANIFEST_INVALID"),
        ("\xff\xfe{}", "MANIFEST_INVALID"),
        ('{"schemaVersion": 1}', "MANIFEST_INVALID"),
        ('{"schemaVersion": 2}', "MANIFEST_INVALID"),
        ('{"schemaVersion": 1e999}', "MANIFEST_INVALID"),
        ('{"schemaVersion": 2, "schemaVersion": 2}', "MANIFEST_INVALID"),
        ('{"schemaVersion": 2, "config": {}, "layers": []}', "MANIFEST_INVALID"),
        ('{"schemaVersion": 2, "config": "x", "layers": {}}', "MANIFEST_INVALID"),
        ('{"schemaVersion": 2, "mediaType": "text/plain", "layers": []}', "MANIFEST_INVALID"),
        (with_config("../../artifactd.db"), "MANIFEST_INVALID"),
        (with_config(ABSENT), "MANIFEST_BLOB_UNKNOWN"),
        ("[" * 100_000, "MANIFEST_INVALID"),
        ('{"a":' * 100_000, "MANIFEST_INVALID"),
    ],
    ids=lambda value: value[:30] if isinstance(value, str) else None,
)  # fmt: skip
def test_a_manifest_that_is_none_is_refused(server: Running, body: str, code: str) -> None:
    # docker R64, R66
    data = body.encode("latin-1")
    reply = ask(server, head("PUT", MANIFEST, TYPE, f"Content-Length: {len(data)}") + data)
    assert (reply.status, errors(reply)) == (400, [code])


def test_a_manifest_of_another_digest_is_refused(server: Running) -> None:
    # docker R65
    body = index().body + b"\n"
    target = f"/v2/docker/team/app/manifests/{index().digest}"
    sent = head(
        "PUT",
        target,
        "Content-Type: application/vnd.oci.image.index.v1+json",
        f"Content-Length: {len(body)}",
    )
    reply = ask(server, sent + body)
    assert (reply.status, errors(reply)) == (400, ["DIGEST_INVALID"])


def test_a_manifest_that_is_too_large_is_refused_before_it_is_sent(server: Running) -> None:
    # docker R60
    announced = ask(server, head("PUT", MANIFEST, TYPE, "Content-Length: 4194305", "Expect: 100-continue"))
    assert (announced.status, errors(announced)) == (413, ["SIZE_INVALID"])
    body = b"100000\r\n" + b" " * (1 << 20) + b"\r\n"
    unknown = ask(
        server, head("PUT", MANIFEST, TYPE, "Transfer-Encoding: chunked") + body * 5 + b"0\r\n\r\n"
    )
    assert (unknown.status, errors(unknown)) == (413, ["SIZE_INVALID"])


def test_the_largest_manifest_is_taken(module_server: Running) -> None:
    # docker R60
    whole = index(annotations={"filler": ""})
    filled = whole.body.replace(
        b'"filler": ""', b'"filler": "' + b"x" * (4_194_304 - len(whole.body)) + b'"'
    )
    assert len(filled) == 4_194_304
    with Wire(module_server) as wire:
        wire.put_manifest("docker/team/large", "1", Built(filled, whole.media_type))
        assert wire.expect(200, "GET", "/v2/docker/team/large/manifests/1").body == filled


def test_bytes_of_another_digest_are_not_stored(server: Running) -> None:
    # docker R112
    reply = ask(server, head("POST", f"{UPLOADS}?digest={ABSENT}", "Content-Length: 3") + b"abc")
    assert (reply.status, errors(reply)) == (400, ["DIGEST_INVALID"])
    with Wire(server) as wire:
        for last in (b"", b"!"):
            begun = wire.expect(202, "POST", UPLOADS, b"").header("location")
            wire.expect(202, "PATCH", begun, b"abc")
            wire.expect(400, "PUT", f"{begun}?digest={ABSENT}", last)
            wire.expect(404, "GET", begun)
        wire.expect(404, "HEAD", f"/v2/docker/team/app/blobs/{ABSENT}")


@pytest.mark.parametrize("body", [b"12345", b"1234567890+"], ids=["short", "long"])
@pytest.mark.parametrize("method", ["PATCH", "PUT"])
def test_a_chunk_of_another_length_than_it_says_is_dropped(
    server: Running, method: str, body: bytes
) -> None:
    # docker R106
    with Wire(server) as wire:
        begun = wire.expect(202, "POST", UPLOADS, b"").header("location")
        wire.expect(202, "PATCH", begun, b"first")
        target = begun if method == "PATCH" else f"{begun}?digest={ABSENT}"
        wrong = wire.expect(400, method, target, body, {"Content-Range": "5-14"})
        assert wrong.json()["errors"][0]["code"] == "SIZE_INVALID"
        assert wire.expect(204, "GET", begun).header("range") == "0-4"
        wire.expect(204, "DELETE", begun)


@pytest.mark.parametrize("stated", ["9-13", "0-4", "5-3", "x", "bytes=5-9", "5-99999999999999999999"])
def test_a_chunk_from_another_place_is_refused(server: Running, stated: str) -> None:
    # docker R106, R109
    with Wire(server) as wire:
        begun = wire.expect(202, "POST", UPLOADS, b"").header("location")
        wire.expect(202, "PATCH", begun, b"first")
        wrong = wire.expect(416, "PATCH", begun, b"other", {"Content-Range": stated})
        assert (wrong.header("range"), wrong.header("location")) == ("0-4", begun)
        wire.expect(204, "DELETE", begun)


@pytest.mark.parametrize("abruptly", [False, True], ids=["closed", "reset"])
@pytest.mark.parametrize("chunked", [False, True], ids=["announced", "chunked"])
def test_a_client_that_vanishes_while_it_sends_can_come_back(
    server: Running, chunked: bool, abruptly: bool
) -> None:
    # docker R115: an announced piece is dropped, of a stream what is durable stays.
    data = bytes(range(256)) * 4096
    with Wire(server) as wire:
        begun = wire.expect(202, "POST", UPLOADS, b"").header("location")
        framing = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {len(data)}"
        sent = (b"%x\r\n" % len(data) if chunked else b"") + data[:700_000]
        vanish(server, head("PATCH", begun, framing) + sent, abruptly)
        eventually(lambda: wire.request("PATCH", begun, b"").status == 202)  # its lease has ended
        offset = int(wire.expect(204, "GET", begun).header("range").removeprefix("0-"))
        offset += 1 if offset else 0
        assert offset <= 700_000 if chunked else offset == 0
        wire.expect(202, "PATCH", begun, data[offset:], {"Content-Range": f"{offset}-{len(data) - 1}"})
        wire.expect(201, "PUT", f"{begun}?digest={digest_of(data)}", b"")
        assert wire.expect(200, "GET", f"/v2/docker/team/app/blobs/{digest_of(data)}").body == data
    forget(server, data)


@pytest.mark.parametrize("abruptly", [False, True], ids=["closed", "reset"])
@pytest.mark.parametrize("continued", [False, True], ids=["whole", "rest"])
def test_a_client_that_vanishes_in_the_closing_request_can_come_back(
    server: Running, continued: bool, abruptly: bool
) -> None:
    data = bytes(range(255)) * 4096
    with Wire(server) as wire:
        begun = wire.expect(202, "POST", UPLOADS, b"").header("location")
        start = 100_000 if continued else 0
        if continued:
            wire.expect(202, "PATCH", begun, data[:start])
        end = f"{begun}?digest={digest_of(data)}"
        vanish(
            server, head("PUT", end, f"Content-Length: {len(data) - start}") + data[start:700_000], abruptly
        )
        eventually(lambda: wire.request("PUT", end, data[start:]).status == 201)
        assert wire.expect(200, "GET", f"/v2/docker/team/app/blobs/{digest_of(data)}").body == data
    forget(server, data)


def test_a_client_that_vanishes_leaves_nothing(server: Running) -> None:
    data = bytes(range(254)) * 4096
    whole = head("POST", f"{UPLOADS}?digest={digest_of(data)}", f"Content-Length: {len(data)}")
    vanish(server, whole + data[:-1], abruptly=True)
    vanish(
        server, head("PUT", MANIFEST, TYPE, "Content-Length: 100") + b'{"schemaVersion": 2', abruptly=True
    )
    with Wire(server) as wire:
        wire.expect(404, "HEAD", f"/v2/docker/team/app/blobs/{digest_of(data)}")
        wire.expect(404, "HEAD", MANIFEST)


def test_every_line_of_a_repeated_header_is_read(server: Running) -> None:
    # docker R43
    lines = [f"Accept: application/vnd.example.{number}" for number in range(5)]
    reply = ask(server, head("GET", "/v2/docker/team/kept/manifests/1", *lines, f"Accept: {OCI_MANIFEST}"))
    assert (reply.status, digest_of(reply.body)) == (200, image("kept").digest)


@pytest.mark.parametrize(
    "lines",
    [
        ["Authorization: Basic bm9ib2R5Om5vdGhpbmc="],
        [f"Authorization: {CREDENTIALS}"],
    ],
    ids=["others", "the same"],
)
def test_two_credentials_are_none(server: Running, lines: list[str]) -> None:
    reply = ask(server, head("GET", "/v2/docker/team/kept/manifests/1", *lines))
    assert reply.status in (400, 401)


SMUGGLED = b"GET /v2/docker/team/kept/manifests/1 HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.mark.parametrize(
    ("lines", "body"),
    [
        (["Content-Length: 3", "Transfer-Encoding: chunked"], b"0\r\n\r\n"),
        (["Transfer-Encoding: chunked", "Content-Length: 3"], b"0\r\n\r\n"),
        (["Content-Length: 3", "Content-Length: 4"], b"abcd"),
        (["Content-Length: 3", "Content-Length: 3"], b"abc"),
        (["Content-Length: 3, 3"], b"abc"),
        (["Content-Length: +3"], b"abc"),
        (["Content-Length: -3"], b"abc"),
        (["Content-Length: 0x3"], b"abc"),
        (["Content-Length: 3 3"], b"abc"),
        (["Content-Length: 99999999999999999999999"], b"abc"),
        (["Transfer-Encoding: xchunked"], b"0\r\n\r\n"),
        (["Transfer-Encoding: chunked, identity"], b"0\r\n\r\n"),
        (["Transfer-Encoding: gzip, chunked"], b"0\r\n\r\n"),
        (["Transfer-Encoding: chunked", "Transfer-Encoding: identity"], b"0\r\n\r\n"),
        (["Transfer-Encoding : chunked"], b"0\r\n\r\n"),
        (["Transfer-Encoding:\x0bchunked"], b"0\r\n\r\n"),
        ([" Transfer-Encoding: chunked"], b"0\r\n\r\n"),
        (["X: a\nTransfer-Encoding: chunked"], b"0\r\n\r\n"),
        (["X: a\rTransfer-Encoding: chunked"], b"0\r\n\r\n"),
        (["X: \x00"], b""),
        (["Host: elsewhere.test"], b""),
        (["Transfer-Encoding: chunked"], b"5;a=\nb\r\nhello\r\n0\r\n\r\n"),
        (["Transfer-Encoding: chunked"], b"-1\r\nx\r\n0\r\n\r\n"),
        (["Transfer-Encoding: chunked"], b"0x1\r\nx\r\n0\r\n\r\n"),
        (["Transfer-Encoding: chunked"], b"fffffffffffffffff\r\nx"),
        (["Transfer-Encoding: chunked"], b"1\r\nxx\r\n0\r\n\r\n"),
        (["Transfer-Encoding: chunked"], b"1\nx\n0\n\n"),
    ],
)
def test_a_request_whose_end_is_unclear_ends_the_connection(
    server: Running, lines: list[str], body: bytes
) -> None:
    # RFC 9112, 6.3 and 11.2: whatever stands behind it may be somebody else's request.
    received = converse(
        server, head("POST", f"{UPLOADS}?digest={ABSENT}", *lines, close=False) + body + SMUGGLED
    )
    assert parse(received).status == 400
    assert len(re.findall(rb"HTTP/1.1 \d{3} ", received)) == 1


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"GET /v2/ HTTP/1.1\r\n\r\n", 400),
        (b"GET /v2/ HTTP/2.0\r\nHost: x\r\n\r\n", 505),
        (b"GET /v2/ x HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"GET http:/v2/ HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"GET /v2/#x HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"GET /v2/\xc3\xa4/manifests/1 HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"GET /v2/ HTTP/1.1\r\nHost: a/b\r\n\r\n", 400),
        (b"BREW /v2/ HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"CONNECT x:80 HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", 400),
        (b"GET /v2/" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414),
        (b"GET /v2/ HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 70_000 + b"\r\n\r\n", 431),
    ],
    ids=lambda value: repr(value[:40]) if isinstance(value, bytes) else None,
)
def test_what_is_no_request_is_refused(server: Running, data: bytes, status: int) -> None:
    received = converse(server, data)
    assert parse(received).status == status
    assert len(re.findall(rb"HTTP/1.1 \d{3} ", received)) == 1


def vanish(server: Running, data: bytes, abruptly: bool) -> None:
    """Send `data` and close the connection, by a reset where `abruptly`."""
    with connect(server) as connection:
        connection.sendall(data)
        if abruptly:
            connection.setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("ii", 1, 0))


def forget(server: Running, data: bytes) -> None:
    """Delete a blob, and have its bytes given back."""
    with Wire(server) as wire:
        wire.expect(202, "DELETE", f"/v2/docker/team/app/blobs/{digest_of(data)}")
    collect(server)
