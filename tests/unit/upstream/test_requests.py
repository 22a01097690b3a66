"""What is sent, and what comes back."""

import asyncio
import socket
import subprocess
import sys
import threading

import pytest

from artifactd import __version__
from artifactd.errors import UpstreamInvalid, UpstreamUnavailable
from artifactd.upstream.client import Patience, Request
from tests.support.upstream_servers import Answer, Heard, answer, head, then_close
from tests.unit.upstream.conftest import Asking, Serve, here


def test_importing_the_client_costs_nothing() -> None:
    program = "import sys, artifactd.upstream.client; print({'aiohttp', 'yarl'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


def test_an_answer_is_passed_on_as_it_is(serve: Serve, asking: Asking) -> None:
    server = serve(
        answer(200, b"bytes", 'ETag: W/"a"', "Content-Type: Text/Plain; charset=x", "X-A: 1", "x-a: 2")
    )
    got = asking(server.url).get("a/b%2Fc?d=%2B")
    assert (got.status, got.body, got.length, got.delimited) == (200, b"bytes", 5, True)
    assert got.facts.url == f"{server.url}a/b%2Fc?d=%2B"
    assert got.facts.headers["etag"] == 'W/"a"'
    assert got.facts.headers["x-a"] == "1, 2"
    assert got.facts.content_type == "text/plain"
    assert server.requests == ["GET /a/b%2Fc?d=%2B"]


def test_nothing_is_sent_but_what_is_meant(serve: Serve, asking: Asking) -> None:
    # proxy R69, R72
    server = serve(answer(200))
    asker = asking(server.url)
    asker.send(Request("GET", server.url, "application/json", {"Range": "bytes=5-", "If-Range": '"a"'}))
    assert server.heard[0].headers == {
        "host": f"127.0.0.1:{server.port}",
        "user-agent": f"artifactd/{__version__}",
        "accept": "application/json",
        "accept-encoding": "identity",
        "range": "bytes=5-",
        "if-range": '"a"',
    }


@pytest.mark.parametrize("status", [204, 206, 304, 400, 401, 403, 404, 410, 429, 500, 503])
def test_every_final_status_is_an_answer(serve: Serve, asking: Asking, status: int) -> None:
    server = serve(head(status) if status in (204, 304) else answer(status, b"so"))
    got = asking(server.url).get()
    assert (got.status, got.delimited) == (status, True)


def test_head_has_headers_alone(serve: Serve, asking: Asking) -> None:
    server = serve(head(200, "Content-Length: 1000000"))
    asker = asking(server.url)
    for _ in range(2):
        got = asker.head("a")
        assert (got.status, got.body, got.length, got.delimited) == (200, b"", 1_000_000, True)
    assert server.requests == ["HEAD /a"] * 2
    assert server.connections == 1


def test_early_hints_are_passed_over(serve: Serve, asking: Asking) -> None:
    # proxy T12
    server = serve(head(100) + head(103, "Link: </a>") + answer(200, b"bytes"))
    assert asking(server.url).get().body == b"bytes"


def test_old_http_is_understood(serve: Serve, asking: Asking) -> None:
    # proxy T12
    server = serve(lambda _: then_close(b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nbytes"))
    asker = asking(server.url)
    assert [asker.get().body, asker.get().body] == [b"bytes"] * 2
    assert server.connections == 2


def test_connections_are_kept(serve: Serve, asking: Asking) -> None:
    server = serve(answer(200, b"bytes"))
    asker = asking(server.url)
    for _ in range(5):
        asker.get()
    assert server.connections == 1


def test_connections_that_were_closed_in_the_meantime_are_no_failure(serve: Serve, asking: Asking) -> None:
    # proxy T12
    server = serve(answer(200, b"bytes"))
    asker = asking(server.url)
    for _ in range(3):
        asker.get()
        server.hang_up()
    assert asker.get().status == 200
    assert server.connections == 4


def test_a_request_that_meets_the_end_of_kept_connections_is_sent_again(
    serve: Serve, asking: Asking
) -> None:
    """The far end closes connections when the next request is on its way, which nobody can know."""
    first, together = 4, threading.Barrier(4)

    def answering(heard: Heard) -> Answer:
        if len(server.heard) <= first:
            together.wait(20)  # so that each has a connection of its own
            return answer(200, b"bytes")
        return answer(200, b"again") if heard.connection >= first else then_close(b"")

    server = serve(answering)
    asker = asking(server.url)
    asker.get_all(*["a"] * first)
    assert server.connections == first
    assert asker.get().body == b"again"
    assert server.connections == first + 1


@pytest.mark.parametrize("begun", [b"", b"HTTP/1.1 2", b"HTTP/1.1 200 OK\r\nContent-Len"])
def test_a_server_that_never_answers_is_not_asked_for_ever(
    serve: Serve, asking: Asking, begun: bytes
) -> None:
    server = serve(lambda _: then_close(begun))
    with pytest.raises(UpstreamUnavailable, match="broke off its answer"):
        asking(server.url).get()
    assert len(server.heard) <= 2


def test_a_host_has_a_hundred_connections_and_no_more(serve: Serve, asking: Asking) -> None:
    full = threading.Event()

    def answering(_: Heard) -> Answer:
        if server.connections >= 100:
            full.set()
        full.wait(20)
        return answer(200)

    server = serve(answering)
    got = asking(server.url).get_all(*["a"] * 150)
    assert [each.status for each in got] == [200] * 150
    assert server.connections == 100


def test_no_cookies_are_kept(serve: Serve, asking: Asking) -> None:
    server = serve(answer(200, b"", "Set-Cookie: a=b; Path=/"))
    asker = asking(server.named("upstream.example"), here)
    asker.get()
    asker.get()
    assert "cookie" not in server.heard[1].headers


def test_nobody_listens(asking: Asking) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(UpstreamUnavailable) as caught:
        asking(f"http://127.0.0.1:{port}/").get()
    assert (
        caught.value.detail
        == "the upstream of repository 'hub' cannot be connected to (connection refused)"
    )
    assert caught.value.retry_after == 5


def test_a_name_that_nobody_knows(asking: Asking) -> None:
    async def unknown(host: str, port: int) -> list[str]:
        raise OSError(-2, "Name or service not known")

    with pytest.raises(UpstreamUnavailable) as caught:
        asking("http://upstream.example/", unknown).get()
    assert caught.value.detail == "the address of the upstream of repository 'hub' cannot be found"


def test_a_name_that_nobody_answers_for_in_time(asking: Asking) -> None:
    async def slow(host: str, port: int) -> list[str]:
        await asyncio.sleep(20)
        raise AssertionError

    with pytest.raises(UpstreamUnavailable, match=r"could not be connected to within 0\.05 s"):
        asking("http://upstream.example/", slow).get(patience=Patience(0.05, 20, 20))


def test_an_address_that_does_not_answer(asking: Asking) -> None:
    # proxy R76: a listener whose queue is full drops what comes
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        address = listener.getsockname()
        waiting = [socket.socket() for _ in range(4)]
        for each in waiting:
            each.setblocking(False)
            each.connect_ex(address)
        with pytest.raises(UpstreamUnavailable, match=r"could not be connected to within 0\.2 s"):
            asking(f"http://127.0.0.1:{address[1]}/").get(patience=Patience(0.2, 20, 20))
        for each in waiting:
            each.close()


def test_an_answer_that_does_not_come(serve: Serve, asking: Asking) -> None:
    # proxy R76, T4
    server = serve(lambda _: server.wait)
    with pytest.raises(UpstreamUnavailable) as caught:
        asking(server.url).get(patience=Patience(20, 0.1, 20))
    assert caught.value.detail == "the upstream of repository 'hub' did not answer within 0.1 s"


def test_who_no_longer_waits_leaves_nothing_behind(serve: Serve, asking: Asking) -> None:
    server = serve(lambda _: server.wait)
    asker = asking(server.url)

    async def main() -> None:
        waiting = asyncio.create_task(asker.client.send(Request("GET", server.url)).__aenter__())
        while not server.heard:
            await asyncio.sleep(0.01)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        while not server.lost:
            await asyncio.sleep(0.01)

    asker.run(main())


def test_an_answer_that_comes_late_but_in_time(serve: Serve, asking: Asking) -> None:
    """Each limit is of its own: the body may take longer than the first byte."""
    late = threading.Event()

    def answering(_: Heard) -> Answer:
        def send(connection: socket.socket) -> None:
            connection.sendall(head(200, "Content-Length: 10") + b"12345")
            late.wait(0.5)
            connection.sendall(b"67890")

        return send

    server = serve(answering)
    assert asking(server.url).get(patience=Patience(0.3, 0.3, 20)).body == b"1234567890"


BROKEN = {
    "no HTTP": b"SSH-2.0-OpenSSH_9.0\r\n\r\n",
    "no status": b"HTTP/1.1 abc OK\r\n\r\n",
    "two lengths": head(200, "Content-Length: 3", "Content-Length: 4") + b"abcd",
    "one length twice": head(200, "Content-Length: 3", "Content-Length: 3") + b"abc",
    "a list of lengths": head(200, "Content-Length: 3, 3") + b"abc",
    "a length that is none": head(200, "Content-Length: +3") + b"abc",
    "a negative length": head(200, "Content-Length: -3") + b"abc",
    "a length and chunks": head(200, "Content-Length: 3", "Transfer-Encoding: chunked") + b"0\r\n\r\n",
    "chunks and a length": head(200, "Transfer-Encoding: chunked", "Content-Length: 3") + b"0\r\n\r\n",
    "another coding": head(200, "Transfer-Encoding: gzip, chunked") + b"0\r\n\r\n",
    "a coding alone": head(200, "Transfer-Encoding: gzip") + b"abc",
    "a line within a line": head(200, "Content-Length: 0", "X-A: b\rX-C: d"),
    "NUL in a line": head(200, "Content-Length: 0", "X-A: b\0c"),
    "a control character in a line": head(200, "Content-Length: 0", "X-A: b\x01c"),
    "another protocol": head(101, "Upgrade: x", "Connection: upgrade"),
}  # fmt: skip


@pytest.mark.parametrize("kind", BROKEN)
def test_what_is_no_valid_http_is_not_read(serve: Serve, asking: Asking, kind: str) -> None:
    # proxy T13
    server = serve(lambda _: then_close(BROKEN[kind]))
    with pytest.raises(UpstreamUnavailable, match="sent no valid HTTP"):
        print(asking(server.url).get())


LARGE = {
    "a line": head(200, "Content-Length: 0", f"X-A: {'a' * 40_000}"),
    "a name": head(200, "Content-Length: 0", f"X-{'a' * 40_000}: b"),
    "many lines": head(200, "Content-Length: 0", *(f"X-{n}: a" for n in range(1000))),
    "the status": b"HTTP/1.1 200 " + b"a" * 40_000 + b"\r\n\r\n",
}


@pytest.mark.parametrize("kind", LARGE)
def test_headers_that_are_too_large_are_not_read(serve: Serve, asking: Asking, kind: str) -> None:
    # proxy R89, T13
    server = serve(lambda _: then_close(LARGE[kind]))
    with pytest.raises(UpstreamInvalid) as caught:
        asking(server.url).get()
    assert caught.value.detail == "the upstream of repository 'hub' sent larger headers than are read"


def test_headers_of_some_size_are_read(serve: Serve, asking: Asking) -> None:
    server = serve(answer(200, b"bytes", f"X-A: {'a' * 30_000}"))
    assert asking(server.url).get().body == b"bytes"


def test_a_folded_line_is_one_line(serve: Serve, asking: Asking) -> None:
    # RFC 9112, section 5.2
    server = serve(answer(200, b"", "X-A: b\r\n c: d"))
    assert asking(server.url).get().facts.headers["x-a"] == "b c: d"


def test_header_values_in_other_scripts_are_text(serve: Serve, asking: Asking) -> None:
    utf8, latin = "ü".encode().decode("latin-1"), "ü"
    server = serve(answer(200, b"", f"X-A: {utf8}", f"X-B: {latin}"))
    got = asking(server.url).get()
    assert (got.facts.headers["x-a"], got.facts.headers["x-b"]) == ("ü", "ü")


@pytest.mark.parametrize("url", ["ftp://upstream.example/", "upstream.example", "http:/upstream.example/"])
def test_what_is_no_address_of_http_is_not_asked(asking: Asking, url: str) -> None:
    asker = asking("http://upstream.example/")
    with pytest.raises(UpstreamInvalid, match="leads to an address that is none of HTTP"):
        asker.send(Request("GET", url))
    with pytest.raises(UpstreamInvalid, match="leads to an address that is none of HTTP"):
        asking(url).send(Request("GET", "http://upstream.example/"))
