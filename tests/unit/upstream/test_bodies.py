"""Bodies are bytes as they were sent, all of them or an error (proxy R69, T1, T9)."""

import gzip
import socket
import threading
from collections.abc import Callable

import pytest

from artifactd.errors import UpstreamInvalid, UpstreamUnavailable
from artifactd.upstream.client import Patience, Response
from tests.support.upstream_servers import Answer, Heard, answer, head, then_close, then_reset
from tests.unit.upstream.conftest import Asking, Serve

SIZE = 100_000
BODY = bytes(range(256)) * (SIZE // 256) + b"x" * (SIZE % 256)


def chunked(body: bytes, end: bytes = b"0\r\n\r\n") -> bytes:
    pieces = [body[at : at + 30_000] for at in range(0, len(body), 30_000)]
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + end


def test_a_body_in_chunks(serve: Serve, asking: Asking) -> None:
    server = serve(head(200, "Transfer-Encoding: chunked") + chunked(BODY))
    asker = asking(server.url)
    for _ in range(2):
        got = asker.get()
        assert (got.body, got.length, got.delimited) == (BODY, None, True)
    assert server.connections == 1


def test_a_body_that_ends_with_the_connection(serve: Serve, asking: Asking) -> None:
    server = serve(lambda _: then_close(head(200) + BODY))
    got = asking(server.url).get()
    assert (got.body, got.length, got.delimited) == (BODY, None, False)


@pytest.mark.parametrize("sent", [0, 1, SIZE // 2, SIZE - 1])
@pytest.mark.parametrize("end", [then_close, lambda data: then_reset(data, threading.Event())])
def test_a_body_that_is_shorter_than_announced(
    serve: Serve, asking: Asking, sent: int, end: Callable[[bytes], Answer], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.support.upstream_servers.PATIENCE_SECONDS", 0.05)
    server = serve(lambda _: end(head(200, f"Content-Length: {SIZE}") + BODY[:sent]))
    with pytest.raises(UpstreamUnavailable) as caught:
        asking(server.url).get()
    assert caught.value.detail == "the upstream of repository 'hub' broke off its answer"


@pytest.mark.parametrize("end", [b"", b"0", b"0\r\n", b"0\r\n\r", b"5\r\nab"])
def test_chunks_without_their_end(serve: Serve, asking: Asking, end: bytes) -> None:
    server = serve(lambda _: then_close(head(200, "Transfer-Encoding: chunked") + chunked(BODY, end)))
    with pytest.raises(UpstreamUnavailable, match="broke off its answer"):
        asking(server.url).get()


@pytest.mark.parametrize("bad", [b"zz\r\n", b"-1\r\n", b"fffffffffffffffff\r\n", b"1\r\nabc\r\n"])
@pytest.mark.parametrize("later", [False, True])
def test_chunks_that_are_none(serve: Serve, asking: Asking, bad: bytes, later: bool) -> None:
    def answering(_: Heard) -> Answer:
        def send(connection: socket.socket) -> None:
            connection.sendall(head(200, "Transfer-Encoding: chunked") + chunked(BODY, b""))
            if later:
                server.over.wait(0.05)  # so that the head has been read
            connection.sendall(bad)
            server.wait(connection)

        return send

    server = serve(answering)
    with pytest.raises(UpstreamUnavailable, match=r"broke off its answer|sent no valid HTTP"):
        asking(server.url).get()


def test_a_connection_that_is_reset_is_not_the_end_of_a_body(serve: Serve, asking: Asking) -> None:
    # proxy T4
    arrived = threading.Event()
    server = serve(lambda _: then_reset(head(200) + BODY[:1000], arrived))

    async def use(response: Response) -> bytes:
        received = b""
        async for piece in response.chunks():
            received += piece
            arrived.set()
        return received

    with pytest.raises(UpstreamUnavailable, match="broke off its answer"):
        asking(server.url).using("", use)


def test_a_body_that_stalls(serve: Serve, asking: Asking) -> None:
    # proxy R76, T4
    def answering(_: Heard) -> Answer:
        def send(connection: socket.socket) -> None:
            connection.sendall(head(200, "Content-Length: 10") + b"12345")
            server.wait(connection)

        return send

    server = serve(answering)
    with pytest.raises(UpstreamUnavailable) as caught:
        asking(server.url).get(patience=Patience(20, 20, 0.1))
    assert caught.value.detail == "the upstream of repository 'hub' sent nothing for 0.1 s"


def test_a_slow_body_has_all_the_time_it_needs(serve: Serve, asking: Asking) -> None:
    """No limit is on the whole."""

    def answering(_: Heard) -> Answer:
        def send(connection: socket.socket) -> None:
            connection.sendall(head(200, "Content-Length: 8"))
            for _ in range(8):
                server.over.wait(0.06)
                connection.sendall(b"x")

        return send

    server = serve(answering)
    assert asking(server.url).get(patience=Patience(0.3, 0.3, 0.3)).body == b"x" * 8


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd", "nonsense"])
@pytest.mark.parametrize("body", [gzip.compress(BODY), b"no such coding"])
def test_bodies_are_never_decoded(serve: Serve, asking: Asking, coding: str, body: bytes) -> None:
    # proxy R69, T9
    server = serve(answer(200, body, f"Content-Encoding: {coding}"))
    got = asking(server.url).get()
    assert got.body == body
    assert got.facts.headers["content-encoding"] == coding


def test_more_than_was_announced_is_an_error(serve: Serve, asking: Asking) -> None:
    # proxy T3
    server = serve(lambda _: then_close(head(200, "Content-Length: 5") + b"bytes and more"))
    with pytest.raises(UpstreamUnavailable, match="sent no valid HTTP"):
        asking(server.url).get()


def test_a_document_is_read_up_to_a_limit(serve: Serve, asking: Asking) -> None:
    server = serve(answer(200, BODY))

    async def read(response: Response) -> bytes:
        return await response.read(SIZE)

    async def read_less(response: Response) -> bytes:
        return await response.read(SIZE - 1)

    asker = asking(server.url)
    assert asker.using("", read) == BODY
    with pytest.raises(UpstreamInvalid, match=f"a document of more than {SIZE - 1} bytes"):
        asker.using("", read_less)


def test_an_answer_that_is_not_read_takes_its_connection_with_it(serve: Serve, asking: Asking) -> None:
    large = b"x" * 20_000_000
    server = serve(answer(200, large))

    async def look(response: Response) -> int | None:
        return response.length

    asker = asking(server.url)
    assert asker.using("", look) == len(large)
    assert asker.using("", look) == len(large)
    assert server.connections == 2


def test_a_reader_that_is_slow_holds_the_sender_and_not_the_memory(serve: Serve, asking: Asking) -> None:
    """What was read ahead is bounded, and the time it takes us is not the upstream's."""
    large = b"x" * 20_000_000
    server = serve(answer(200, large))

    async def use(response: Response) -> tuple[int, int]:
        import asyncio

        sizes: list[int] = []
        async for piece in response.chunks():
            if len(sizes) < 3:
                await asyncio.sleep(0.1)
            sizes.append(len(piece))
        return sum(sizes), max(sizes)

    size, largest = asking(server.url).using("", use)
    assert size == len(large)
    assert largest <= 1 << 20
