"""The wire, by raw sockets, against a real server: our protocol class on both loops and, where a rule is
not ours alone, uvicorn's h11."""

import hashlib
import os
import random
import threading
from typing import Any

import h11
import pytest

from artifactd.http.fallback import choose_protocol, fits
from artifactd.http.protocol import ArtifactProtocol

STRIPE = 77
PUT = b"PUT /echo/ HTTP/1.1\r\nHost: here\r\n"
GET = b"GET /echo/ HTTP/1.1\r\nHost: here\r\n"
H2C = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAEAAEAAAAIAAAAB\r\n"


def get(path: str, *lines: bytes) -> bytes:
    return b"GET %b HTTP/1.1\r\nHost: here\r\n%b\r\n" % (
        path.encode(),
        b"".join(line + b"\r\n" for line in lines),
    )


def put(path: str, body: bytes, lines: bytes = b"") -> tuple[bytes, bytes]:
    length = str(len(body)).encode()
    return b"PUT %b HTTP/1.1\r\nHost: here\r\n%bContent-Length: %b\r\n\r\n" % (
        path.encode(),
        lines,
        length,
    ), body


def noise(size: int) -> bytes:
    return random.Random(size).randbytes(size)


# Requests and responses


def test_many_requests_share_a_connection(running: Any) -> None:
    with running.connect() as wire:
        for number in range(5):
            wire.send(get(f"/echo/{number}?q=%2F"))
            seen = wire.response().json()
            assert (seen["path"], seen["query"]) == (f"/echo/{number}", "q=%2F")


def test_a_path_is_decoded_and_kept_as_sent(running: Any) -> None:
    seen = running.ask(get("/echo/a%2Fb%20c")).json()
    assert (seen["path"], seen["raw_path"]) == ("/echo/a/b c", "/echo/a%2Fb%20c")


def test_pipelined_requests_are_answered_in_order(running: Any) -> None:
    with running.connect() as wire:
        wire.send(b"".join((get("/gate/"), get("/echo/2"), *put("/echo/3", b"abc"), get("/chunks/"))))
        assert running.toy.entered.wait(20)
        running.toy.gate.set()
        assert wire.response().body == b"gate"
        assert wire.response().json()["path"] == "/echo/2"
        assert wire.response().json()["size"] == 3
        assert wire.response().body == b"one two "


def test_a_request_may_arrive_byte_by_byte(running: Any) -> None:
    with running.connect() as wire:
        for byte in b"".join(put("/echo/", b"slow")):
            wire.send(bytes([byte]))
        assert wire.response().json()["size"] == 4


def test_an_upload_of_50_mib_arrives_whole(running: Any) -> None:
    body = noise(50 << 20)
    with running.connect() as wire:
        wire.send(*put("/echo/", body))
        assert wire.response().json()["sha256"] == hashlib.sha256(body).hexdigest()
        wire.send(get("/echo/again"))
        assert wire.response().status == 200


def test_a_chunked_body_arrives_whole_and_its_trailers_are_no_headers(running: Any) -> None:
    chunks = [noise(size) for size in (1, 70_000, 300_000)]
    with running.connect() as wire:
        wire.send(PUT + b"Transfer-Encoding: chunked\r\n\r\n")
        for chunk in chunks:
            wire.send(b"%x\r\n" % len(chunk), chunk, b"\r\n")
        wire.send(b"0\r\nAuthorization: Basic eDp5\r\n\r\n")
        seen = wire.response().json()
        assert seen["sha256"] == hashlib.sha256(b"".join(chunks)).hexdigest()
        assert "authorization" not in [name for name, _ in seen["headers"]]


def test_head_has_headers_and_no_body(running: Any) -> None:
    location = running.toy.keep(noise(100_000))
    with running.connect() as wire:
        wire.send(b"HEAD /blob/%b HTTP/1.1\r\nHost: here\r\n\r\n" % location.encode())
        assert wire.response(head=True).headers["content-length"] == "100000"
        wire.send(b"HEAD /chunks/ HTTP/1.1\r\nHost: here\r\n\r\n", get("/echo/next"))
        assert wire.response(head=True).status == 200
        assert wire.response().json()["path"] == "/echo/next"


def test_100_continue_comes_when_the_application_wants_the_body(running: Any) -> None:
    head, body = put("/echo/", b"patience", b"Expect: 100-continue\r\n")
    with running.connect() as wire:
        wire.send(head)
        assert wire.response().status == 100
        wire.send(body)
        assert wire.response().json()["size"] == 8


def test_without_100_continue_the_connection_ends_because_a_body_may_follow(ours: Any) -> None:
    head, _ = put("/early/", b"never sent", b"Expect: 100-continue\r\n")
    with ours.connect() as wire:
        wire.send(head)
        response = wire.response()
        assert (response.status, response.headers["connection"]) == (401, "close")
        assert wire.closed()


def test_an_early_answer_leaves_the_connection_usable(running: Any) -> None:
    with running.connect() as wire:
        wire.send(*put("/early/", noise(3 << 20)))
        assert wire.response().status == 401
        wire.send(get("/echo/next"))
        assert wire.response().json()["path"] == "/echo/next"


def test_a_failure_between_head_and_body_is_a_500(ours: Any) -> None:
    with ours.connect() as wire:
        wire.send(get("/fails/"))
        assert wire.response().status == 500
        assert wire.closed()


def test_a_client_that_leaves_in_its_body_is_noticed(running: Any) -> None:
    head, _ = put("/echo/", b"never all of it")
    with running.connect() as wire:
        wire.send(head, b"nev")
    assert running.toy.ended.wait(20)
    assert running.toy.ends == ["disconnect"]


def test_a_stream_ends_when_its_client_has_left(ours: Any) -> None:
    with ours.connect() as wire:
        wire.send(get("/stream/"))
        wire.head()
    assert ours.toy.ended.wait(20)


def test_http_1_0_is_answered_and_closed(running: Any) -> None:
    with running.connect() as wire:
        wire.send(b"GET /echo/ HTTP/1.0\r\n\r\n")
        assert wire.response().status == 200
        assert wire.closed()


def test_the_host_of_an_absolute_target_counts(ours: Any) -> None:
    seen = ours.ask(b"GET http://there:81/echo/x?y HTTP/1.1\r\nHost: here\r\n\r\n").json()
    assert (seen["path"], seen["query"]) == ("/echo/x", "y")
    assert [value for name, value in seen["headers"] if name == "host"] == ["there:81"]


def test_an_idle_connection_is_closed_even_in_the_middle_of_a_head(
    ours: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ours.server.config, "timeout_keep_alive", 0.1)
    with ours.connect() as silent, ours.connect() as half:
        half.send(b"GET /echo/ HT")
        assert silent.closed()
        assert half.closed()


# Upgrades (Java 11+ clients, Maven 4)


@pytest.mark.parametrize("together", [True, False], ids=["one-packet", "two-packets"])
def test_an_offer_of_h2c_is_declined_and_the_body_arrives(running: Any, together: bool) -> None:
    head, body = put("/echo/", noise(200_000), H2C)
    with running.connect() as wire:
        wire.send(*([head + body] if together else [head, body]))
        seen = wire.response().json()
        assert seen["sha256"] == hashlib.sha256(body).hexdigest()
        wire.send(get("/echo/after"))
        assert wire.response().json()["path"] == "/echo/after"


def test_an_offer_of_h2c_with_a_chunked_body_is_declined(running: Any) -> None:
    with running.connect() as wire:
        wire.send(PUT + H2C + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhel")
        wire.send(b"lo\r\n0\r\n\r\n", get("/echo/after"))
        assert wire.response().json()["size"] == 5
        assert wire.response().json()["path"] == "/echo/after"


def test_offers_may_follow_each_other_in_one_packet(running: Any) -> None:
    offer = get("/echo/get", H2C.rstrip())
    with running.connect() as wire:
        wire.send(offer + offer + b"".join(put("/echo/put", b"12345", H2C)) + get("/echo/plain"))
        answers = [wire.response().json() for _ in range(4)]
        assert [(a["path"], a["size"]) for a in answers] == [
            ("/echo/get", 0),
            ("/echo/get", 0),
            ("/echo/put", 5),
            ("/echo/plain", 0),
        ]


def test_an_offer_in_pieces_is_declined(running: Any) -> None:
    with running.connect() as wire:
        request = b"".join(put("/echo/", b"piece by piece", H2C))
        for start in range(0, len(request), 7):
            wire.send(request[start : start + 7])
        assert wire.response().json()["size"] == 14


def test_websockets_are_not_offered(running: Any) -> None:
    offer = get("/echo/", b"Connection: Upgrade", b"Upgrade: websocket", b"Sec-WebSocket-Version: 13")
    assert running.ask(offer).status == 200


# Heads that another server could read differently


AMBIGUOUS = {
    "two lengths": PUT + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabc",
    "a length with a sign": PUT + b"Content-Length: +3\r\n\r\nabc",
    "an unknown coding": PUT + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "two codings": PUT + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "space before the colon": GET + b"Content-Length : 3\r\n\r\nabc",
    "no host": b"GET /echo/ HTTP/1.1\r\nAccept: */*\r\n\r\n",
    "two hosts": GET + b"Host: there\r\n\r\n",
    "an ambiguous offer": (PUT + b"Host: there\r\n" + H2C + b"Content-Length: 3\r\n\r\nabc"),
    "a NUL": GET + b"X-Name: a\0b\r\n\r\n",
    "a bare CR": GET + b"X-Name: a\rb: c\r\n\r\n",
    "a control character in the target": b"GET /echo/\x01 HTTP/1.1\r\nHost: here\r\n\r\n",
    "a raw byte in the target": b"GET /echo/\xc3\xa9 HTTP/1.1\r\nHost: here\r\n\r\n",
    "no HTTP": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
}
AMBIGUOUS_FOR_US = {
    "a length and a coding": PUT + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a coding and a length": PUT + b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
    "a coding in HTTP/1.0": (
        b"PUT /echo/ HTTP/1.0\r\nHost: here\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    ),
    "a folded line": GET + b"X-Name: a\r\n b\r\n\r\n",
    "bare line feeds": b"GET /echo/ HTTP/1.1\nHost: here\n\n",
    "a host with a path": b"GET /echo/ HTTP/1.1\r\nHost: here/there\r\n\r\n",
    "a fragment": b"GET /echo/#part HTTP/1.1\r\nHost: here\r\n\r\n",
    "a foreign scheme": b"GET ftp://here/echo/ HTTP/1.1\r\nHost: here\r\n\r\n",
    "an asterisk": b"OPTIONS * HTTP/1.1\r\nHost: here\r\n\r\n",
    "a tunnel": b"CONNECT here:1 HTTP/1.1\r\nHost: here\r\n\r\n",
}


@pytest.mark.parametrize("name", AMBIGUOUS)
def test_an_ambiguous_head_is_refused_and_the_connection_ends(running: Any, name: str) -> None:
    with running.connect() as wire:
        wire.send(AMBIGUOUS[name])
        assert wire.response().status == 400
        assert wire.closed()
    assert running.toy.calls == []


@pytest.mark.parametrize("name", AMBIGUOUS_FOR_US)
def test_our_class_refuses_what_h11_reads(ours: Any, name: str) -> None:
    with ours.connect() as wire:
        wire.send(AMBIGUOUS_FOR_US[name])
        assert wire.response().status == 400
        assert wire.closed()
    assert ours.toy.calls == []


def test_other_versions_are_refused(ours: Any) -> None:
    assert ours.ask(b"GET /echo/ HTTP/2.0\r\nHost: here\r\n\r\n").status == 505


def test_a_target_above_16_kib_is_a_414(ours: Any) -> None:
    assert ours.ask(get("/echo/" + "x" * (16 << 10))).status == 414
    assert ours.ask(get("/echo/" + "x" * (15 << 10))).status == 200


def test_headers_above_64_kib_are_a_431(ours: Any) -> None:
    assert ours.ask(get("/echo/", *([b"X-Long: " + b"x" * 1000] * 70))).status == 431
    assert ours.ask(get("/echo/", *([b"X-Long: " + b"x" * 1000] * 60))).status == 200


def test_a_head_without_end_is_a_431(ours: Any) -> None:
    with ours.connect() as wire:
        wire.send(GET + b"X-Endless: ")
        try:
            for _ in range(80):
                wire.send(b"x" * (8 << 10))
        except ConnectionError:
            pass
        assert wire.response().status == 431


def test_a_refusal_waits_for_the_responses_before_it(ours: Any) -> None:
    with ours.connect() as wire:
        wire.send(get("/gate/") + get("/echo/second") + b"BROKEN\r\n\r\n" + get("/echo/never"))
        assert ours.toy.entered.wait(20)
        ours.toy.gate.set()
        assert wire.response().body == b"gate"
        assert wire.response().json()["path"] == "/echo/second"
        assert wire.response().status == 400
        assert wire.closed()
    assert "/echo/never" not in ours.toy.calls


def test_a_broken_chunk_ends_the_request(ours: Any) -> None:
    with ours.connect() as wire:
        wire.send(PUT + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nnonsense\r\n")
        assert wire.response().status == 400
        assert wire.closed()
    assert ours.toy.ended.wait(20)
    assert ours.toy.ends == ["disconnect"]


@pytest.mark.parametrize("name", AMBIGUOUS_FOR_US)
def test_h11_reads_it_which_is_not_what_we_would_do(name: str) -> None:
    """Tells the day that h11 changes: the docstring of `fallback.py` says what it does."""
    connection = h11.Connection(h11.SERVER)
    connection.receive_data(AMBIGUOUS_FOR_US[name])
    assert isinstance(connection.next_event(), h11.Request)


# Files


@pytest.fixture(scope="module")
def large() -> bytes:
    return noise(64 << 20)


def test_a_file_of_64_mib_arrives_byte_for_byte_and_the_connection_lives_on(
    running: Any, large: bytes
) -> None:
    location = running.toy.keep(large)
    digest = hashlib.sha256(large).hexdigest()
    with running.connect() as wire:
        for _ in range(2):
            wire.send(get(f"/blob/{location}"))
            assert "content-length: 67108864" in wire.head()
            assert wire.body_digest(len(large)) == digest
        wire.send(get("/echo/after"))
        assert wire.response().json()["path"] == "/echo/after"


def test_a_range_of_a_file_arrives_byte_for_byte(running: Any, large: bytes) -> None:
    location = running.toy.keep(large[: 3 << 20])
    response = running.ask(get(f"/blob/{location}", b"Range: bytes=100001-2500000"))
    assert (response.status, response.headers["content-range"]) == (206, "bytes 100001-2500000/3145728")
    assert response.body == large[100001:2500001]


def test_pipelined_files_keep_their_order(running: Any, large: bytes) -> None:
    parts = [large[:300_000], large[300_000:900_000], large[:70_000]]
    locations = [running.toy.keep(part) for part in parts]
    with running.connect() as wire:
        wire.send(b"".join(get(f"/blob/{location}") for location in locations))
        for part in parts:
            assert wire.response().body == part


def test_a_client_with_a_small_window_gets_everything(running: Any, large: bytes) -> None:
    data = large[: 2 << 20]
    location = running.toy.keep(data)
    with running.connect(receive_buffer=4096) as wire:
        wire.send(get(f"/blob/{location}"))
        assert wire.response().body == data


def test_a_client_that_leaves_in_a_download_is_noticed_and_nothing_stays_open(
    ours: Any, large: bytes
) -> None:
    location = ours.toy.keep(large)
    with ours.connect(receive_buffer=65536) as wire:
        wire.send(get(f"/blob/{location}"))
        wire.head()
    assert ours.toy.ended.wait(20)
    assert ours.toy.ends == ["cut"]
    assert ours.ask(get("/echo/")).status == 200


def test_a_client_that_stalls_in_a_download_is_dropped(
    ours: Any, large: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("artifactd.http.cycle.STALL_SECONDS", 0.2)
    location = ours.toy.keep(large)
    with ours.connect(receive_buffer=4096) as wire:
        wire.send(get(f"/blob/{location}"))
        assert ours.toy.ended.wait(20)
        assert ours.toy.ends == ["cut"]


def test_a_file_shorter_than_announced_ends_the_connection(ours: Any, large: bytes) -> None:
    location = ours.toy.keep(large)
    with ours.connect(receive_buffer=4096) as wire:
        wire.send(get(f"/blob/{location}"))
        wire.head()
        os.truncate(ours.toy.store.path(location), 1000)
        with pytest.raises((AssertionError, ConnectionError)):
            wire.body_digest(len(large))
    assert ours.toy.ended.wait(20)
    assert ours.toy.ends == ["cut"]


def test_small_requests_are_answered_while_downloads_run(ours: Any, large: bytes) -> None:
    location = ours.toy.keep(large)
    digest = hashlib.sha256(large).hexdigest()
    digests: list[str] = []

    def download() -> None:
        with ours.connect() as wire:
            wire.send(get(f"/blob/{location}"))
            wire.head()
            digests.append(wire.body_digest(len(large)))

    with ours.connect(receive_buffer=4096) as stalled, ours.connect() as wire:
        stalled.send(get(f"/blob/{location}"))  # under way from the first small request to the last
        stalled.head()
        threads = [threading.Thread(target=download) for _ in range(4)]
        for thread in threads:
            thread.start()
        for number in range(50):
            wire.send(get(f"/echo/{number}"))
            assert wire.response().json()["path"] == f"/echo/{number}"
        for thread in threads:
            thread.join(60)
    assert digests == [digest] * 4


# Tier 1


@pytest.fixture
def small(ours: Any) -> str:
    return f"/blob/{ours.toy.keep(b'a small document')}"


def test_the_second_answer_does_not_reach_the_application_and_is_the_same(ours: Any, small: str) -> None:
    with ours.connect() as wire:
        wire.send(get(small))
        first = wire.response()
        wire.send(get(small))
        second = wire.response()
    assert first.body == second.body == b"a small document"
    assert first.headers.items() - {("date", first.headers["date"])} == (
        second.headers.items() - {("date", second.headers["date"])}
    )
    assert ours.toy.calls == [small]
    (row,) = ours.toy.edge.ring.drain()
    assert row[1:] == ("GET", 200, 16, 0, "127.0.0.1", "a record")


def test_a_moved_counter_ends_an_entry(ours: Any, small: str) -> None:
    ours.ask(get(small))
    ours.toy.generations.end([STRIPE])
    ours.ask(get(small))
    assert ours.toy.calls == [small, small]


def test_head_is_answered_from_what_get_left_and_not_the_reverse(ours: Any, small: str) -> None:
    head = get(small).replace(b"GET", b"HEAD")
    assert ours.ask(head).headers["content-length"] == "16"
    assert ours.ask(head).headers["content-length"] == "16"
    assert ours.toy.calls == [small]
    assert ours.ask(get(small)).body == b"a small document"
    assert ours.toy.calls == [small, small]
    ours.in_loop(ours.toy.edge.cache.clear)
    ours.ask(get(small))
    with ours.connect() as wire:
        wire.send(head + get(small))
        assert wire.response(head=True).headers["content-length"] == "16"
        assert wire.response().body == b"a small document"
    assert ours.toy.calls == [small, small, small]


def test_if_none_match_is_compared_on_the_hit(ours: Any, small: str) -> None:
    etag = ours.ask(get(small)).headers["etag"]
    for value in (etag, etag.strip('"'), f'"other", {etag}', f"W/{etag}"):
        response = ours.ask(get(small, b"If-None-Match: " + value.encode()))
        assert (response.status, response.headers["etag"]) == (304, etag)
        assert "content-length" not in response.headers
    assert ours.ask(get(small, b'If-None-Match: "other"')).status == 200
    assert ours.toy.calls == [small]


@pytest.mark.parametrize(
    "line",
    [
        b"Authorization: Basic eDp5",
        b"Accept: application/json",
        b"Accept-Encoding: gzip",
        b"Cookie: session=1",
        b"Range: bytes=0-3",
        b"If-Modified-Since: Thu, 01 Jan 1970 00:00:00 GMT",
        b"X-Forwarded-For: 192.0.2.1",
        b"Forwarded: for=192.0.2.1",
        b"Connection: close",
        b"Content-Length: 0",
        b"Expect: 100-continue",
        H2C.rstrip(),
    ],
    ids=lambda line: line.split(b":")[0].decode(),
)
def test_a_request_that_could_get_another_answer_reaches_the_application(
    ours: Any, small: str, line: bytes
) -> None:
    ours.ask(get(small))
    ours.ask(get(small, line))
    assert ours.toy.calls == [small, small]


def test_hits_and_misses_on_one_connection_keep_their_order(ours: Any, small: str) -> None:
    ours.ask(get(small))
    with ours.connect() as wire:
        wire.send(get(small) + get("/gate/") + get(small) + get("/echo/last") + get(small))
        assert wire.response().body == b"a small document"
        assert ours.toy.entered.wait(20)
        ours.toy.gate.set()
        assert wire.response().body == b"gate"
        assert wire.response().body == b"a small document"
        assert wire.response().json()["path"] == "/echo/last"
        assert wire.response().body == b"a small document"


def test_a_repeated_head_is_answered_only_while_its_entry_holds(ours: Any, small: str) -> None:
    with ours.connect() as wire:
        for _ in range(4):
            wire.send(get(small))
            assert wire.response().body == b"a small document"
        assert ours.toy.calls == [small]
        ours.toy.generations.end([STRIPE])
        for _ in range(3):
            wire.send(get(small))
            assert wire.response().body == b"a small document"
        assert ours.toy.calls == [small, small]


def test_a_body_that_looks_like_a_repeated_head_is_a_body(ours: Any, small: str) -> None:
    head = get(small)
    for early in (False, True):
        path = "/early/" if early else "/echo/"
        with ours.connect() as wire:
            for _ in range(3):
                wire.send(head)
                assert wire.response().status == 200
            wire.send(put(path, head)[0])
            if early:
                assert wire.response().status == 401
            else:
                ours.in_loop(lambda: None)  # so that the body comes in a packet of its own
            wire.send(head)
            if not early:
                assert wire.response().json()["size"] == len(head)
            wire.send(get("/echo/next"))
            assert wire.response().json()["path"] == "/echo/next"


def test_a_repeated_head_in_pieces_or_behind_another_request_keeps_its_place(ours: Any, small: str) -> None:
    head = get(small)
    with ours.connect() as wire:
        for _ in range(3):
            wire.send(head)
            assert wire.response().status == 200
        wire.send(get("/gate/"))
        assert ours.toy.entered.wait(20)
        wire.send(head)
        ours.in_loop(lambda: None)
        ours.toy.gate.set()
        assert wire.response().body == b"gate"
        assert wire.response().body == b"a small document"
        for size in (1, 5, len(head) - 1):
            wire.send(head[:size])
            ours.in_loop(lambda: None)
            wire.send(head[size:])
            assert wire.response().body == b"a small document"


# The end


def test_a_response_under_way_at_shutdown_is_finished_and_closes(ending: Any) -> None:
    with ending.connect() as busy, ending.connect() as idle:
        busy.send(get("/gate/"))
        assert ending.toy.entered.wait(20)
        ending.server.should_exit = True
        assert idle.closed()
        ending.toy.gate.set()
        response = busy.response()
        assert (response.body, response.headers["connection"]) == (b"gate", "close")
        assert busy.closed()


def test_our_class_is_chosen_and_h11_when_uvicorn_has_changed() -> None:
    from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

    assert choose_protocol() is ArtifactProtocol
    assert not fits(H11Protocol, RequestResponseCycle)
