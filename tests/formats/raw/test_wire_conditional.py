"""Conditions on files, read and written: hosted, behind a proxy and in a group."""

import base64
import hashlib
from collections.abc import Iterator

import pytest

from artifactd.auth.principal import Verb
from tests.support.fake_upstream import FakeUpstream
from tests.support.proxies import group, proxy
from tests.support.server import RunningServer

BODY = b"0123456789"
ETAG = f'"sha256:{hashlib.sha256(BODY).hexdigest()}"'
EARLIER, LATER = "Thu, 01 Jan 1998 00:00:00 GMT", "Wed, 01 Jan 2070 00:00:00 GMT"


@pytest.fixture(scope="module")
def kinds(server: RunningServer) -> Iterator[dict[str, str]]:
    """The path of one file with these bytes, by the kind of the repository it is in."""
    hosted = server.repository("raw")
    server.request("PUT", f"/repository/{hosted}/a.bin", BODY)
    with FakeUpstream() as upstream:
        upstream.put("/a.bin", BODY)
        behind = proxy(server, "raw", f"{upstream.url}/")
        server.request("GET", f"/repository/{behind}/a.bin")
        names = {"hosted": hosted, "proxy": behind, "group": group(server, "raw", behind, hosted)}
        yield {kind: f"/repository/{name}/a.bin" for kind, name in names.items()}


@pytest.fixture
def raw(server: RunningServer) -> str:
    return f"/repository/{server.repository('raw')}"


@pytest.mark.parametrize("kind", ["hosted", "proxy", "group"])
@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"If-None-Match": ETAG}, 304),  # proxy R31, Q3
        ({"If-None-Match": f"W/{ETAG}"}, 304),
        ({"If-None-Match": "*"}, 304),
        ({"If-None-Match": f'"one", {ETAG}, "three"'}, 304),
        ({"If-None-Match": '"other"'}, 200),
        ({"If-Modified-Since": LATER}, 304),  # proxy Q4
        ({"If-Modified-Since": EARLIER}, 200),
        ({"If-Modified-Since": "yesterday"}, 200),
        ({"If-Modified-Since": LATER, "If-None-Match": '"other"'}, 200),
        ({"If-Match": '"other"'}, 412),  # proxy Q5
        ({"If-Match": ETAG}, 200),
        ({"If-Unmodified-Since": EARLIER}, 412),
        ({"Range": "bytes=0-0"}, 206),  # proxy R33, Q6
        ({"Range": "bytes=0-"}, 206),
        ({"Range": "bytes=-99999999999"}, 206),
        ({"Range": "bytes=10-"}, 416),
        ({"Range": "bytes=5-2"}, 416),
        ({"Range": "bytes=a-b"}, 200),
        ({"Range": "lines=1-2"}, 200),
        ({"Range": "bytes=" + ",".join(f"{n}-{n}" for n in range(1000))}, 200),  # proxy R34
        ({"Range": "bytes=2-4", "If-Range": ETAG}, 206),  # proxy R35, Q7
        ({"Range": "bytes=2-4", "If-Range": '"other"'}, 200),
    ],
)
def test_a_reader_may_say_what_it_has(
    server: RunningServer, kinds: dict[str, str], kind: str, headers: dict[str, str], status: int
) -> None:
    answer = server.request("GET", kinds[kind], headers=headers)
    assert answer.status == status
    if status in (200, 304):
        assert answer.header("etag") == ETAG
        assert answer.body == (BODY if status == 200 else b"")
    if status == 416:
        assert answer.header("content-range") == "bytes */10"


@pytest.mark.parametrize("kind", ["hosted", "proxy", "group"])
def test_a_file_is_sent_as_it_is(server: RunningServer, kinds: dict[str, str], kind: str) -> None:
    # proxy R30, R36, R39, Q1, Q2
    answers = [
        server.request(method, kinds[kind], headers={"Accept-Encoding": "gzip, br, zstd"})
        for method in ("GET", "HEAD")
    ]
    for answer in answers:
        assert answer.status == 200
        assert (answer.header("content-length"), answer.header("etag")) == ("10", ETAG)
        assert answer.header("accept-ranges") == "bytes"
        assert not answer.header("content-encoding")
    assert [answer.body for answer in answers] == [BODY, b""]


def put(server: RunningServer, path: str, body: bytes, **headers: str) -> int:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return server.request("PUT", path, body, headers=named).status


def test_a_file_is_replaced_only_where_it_is_what_its_writer_knows(server: RunningServer, raw: str) -> None:
    # proxy R32
    path = f"{raw}/counter"
    assert put(server, path, b"1", If_Match="*") == 412
    first = server.request("PUT", path, b"1").header("etag")
    assert first == server.request("HEAD", path).header("etag")
    assert put(server, path, b"2", If_Match=first) == 201
    assert put(server, path, b"3", If_Match=first) == 412
    second = server.request("HEAD", path).header("etag")
    assert put(server, path, b"3", If_Match=f"W/{second}") == 412
    assert server.request("GET", path).body == b"2"
    assert put(server, path, b"3", If_Match=f'"other", {second}') == 201
    assert put(server, path, b"4", If_Match="*") == 201
    assert server.request("GET", path).body == b"4"


def test_who_repeats_what_nobody_answered_is_answered(server: RunningServer, raw: str) -> None:
    # proxy R32, R112
    path = f"{raw}/repeated"
    first = server.request("PUT", path, b"1").header("etag")
    for _ in range(2):
        assert put(server, path, b"2", If_Match=first) == 201


def test_a_file_is_written_only_where_others_have_not_been(server: RunningServer, raw: str) -> None:
    # proxy R32
    path = f"{raw}/elsewhere"
    assert put(server, path, b"1", If_None_Match=ETAG) == 201
    assert put(server, path, BODY, If_None_Match=ETAG) == 201
    assert put(server, path, b"3", If_None_Match=ETAG) == 412
    assert put(server, path, b"3", If_None_Match=f"W/{ETAG}") == 412
    assert put(server, path, b"3", If_Unmodified_Since=EARLIER) == 412
    assert put(server, path, b"3", If_Unmodified_Since="yesterday") == 201
    assert put(server, path, b"4", If_Unmodified_Since=LATER) == 201


def test_what_cannot_be_written_is_refused_before_it_is_sent(server: RunningServer, raw: str) -> None:
    # proxy R13, R32
    server.request("PUT", f"{raw}/there", b"1")
    login = base64.b64encode(b"admin:the admin's password").decode()
    for path, header, status in (
        ("there", "If-None-Match: *", b"412"),
        ("new", "Content-Encoding: gzip", b"415"),
        ("new", "X-Checksum-Sha1: none", b"400"),
    ):
        lines = [f"PUT {raw}/{path} HTTP/1.1", "Host: x", f"Authorization: Basic {login}", header]
        lines += ["Expect: 100-continue", "Content-Length: 1000000000", "Connection: close"]
        answer = server.send("\r\n".join([*lines, "", ""]).encode())
        assert answer.startswith(b"HTTP/1.1 " + status), answer


def test_a_file_is_deleted_only_where_it_is_what_its_deleter_knows(server: RunningServer, raw: str) -> None:
    def delete(**headers: str) -> int:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return server.request("DELETE", f"{raw}/a", headers=named).status

    assert delete(If_Match="*") == 404
    server.request("PUT", f"{raw}/a", BODY)
    assert delete(If_Match='"other"') == 412
    assert delete(If_Unmodified_Since=EARLIER) == 412
    assert delete(If_Match=ETAG) == 204
    assert server.request("GET", f"{raw}/a").status == 404


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Checksum-Sha1": hashlib.sha1(BODY).hexdigest()},
        {"Content-MD5": base64.b64encode(hashlib.md5(BODY).digest()).decode()},
        {"Repr-Digest": f"sha-512=:{base64.b64encode(hashlib.sha512(BODY).digest()).decode()}:"},
    ],
    ids=["x-checksum", "content-md5", "repr-digest"],
)
def test_what_a_client_states_of_its_file_is_verified(
    server: RunningServer, raw: str, headers: dict[str, str]
) -> None:
    # proxy R114
    before = set(server.stored())
    assert server.request("PUT", f"{raw}/stated", BODY[::-1], headers=headers).status == 400
    assert server.request("GET", f"{raw}/stated").status == 404
    assert set(server.stored()) == before
    assert server.request("PUT", f"{raw}/stated", BODY, headers=headers).status == 201


def test_a_file_in_a_content_coding_is_not_taken(server: RunningServer, raw: str) -> None:
    # proxy Q11: served again, it would be something else.
    assert put(server, f"{raw}/coded", b"x", Content_Encoding="gzip") == 415
    assert server.request("GET", f"{raw}/coded").status == 404
    assert put(server, f"{raw}/coded", b"x", Content_Encoding="identity") == 201


def test_folders_are_neither_put_nor_deleted(server: RunningServer, raw: str) -> None:
    server.request("PUT", f"{raw}/folder/a", b"1")
    for method in ("PUT", "DELETE"):
        assert server.request(method, f"{raw}/folder/", b"").status == 400
    assert server.request("GET", f"{raw}/folder/a").status == 200


def test_conditions_hold_through_a_group_for_the_member_that_is_written_to(server: RunningServer) -> None:
    # proxy R106
    hosted = server.repository("raw")
    all_ = f"/repository/{group(server, 'raw', hosted, writable=hosted)}"
    new = {"If-None-Match": "*"}
    assert server.request("PUT", f"{all_}/a", b"1", headers=new).status == 201
    assert server.request("PUT", f"{all_}/a", b"2", headers=new).status == 412
    etag = server.request("GET", f"{all_}/a").header("etag")
    assert put(server, f"{all_}/a", b"2", If_Match=etag) == 201
    assert server.request("DELETE", f"{all_}/a", headers={"If-Match": etag}).status == 412
    assert server.request("GET", f"/repository/{hosted}/a").body == b"2"


def test_a_condition_is_no_way_around_a_right(server: RunningServer, raw: str) -> None:
    server.request("PUT", f"{raw}/mine/a", BODY)
    reader = server.user((raw.rpartition("/")[2], "**", [Verb.READ]))
    for method in ("PUT", "DELETE"):
        for headers in ({"If-None-Match": "*"}, {"If-Match": '"other"'}):
            assert server.request(method, f"{raw}/mine/a", b"", login=reader, headers=headers).status == 403
