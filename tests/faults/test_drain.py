"""SIGTERM while somebody pushes: load balancers are told at once, what is under way is finished."""

import http.client
import signal
import socket
import time

import pytest

from tests.support.images import digest_of
from tests.support.layouts import pullable
from tests.support.serving import Running, Serve, eventually, listens
from tests.support.sockets import connect, head, parse
from tests.support.wire import Wire

DELAY = 3.0
"""Seconds in which a server that ends still takes requests: enough to see it do so."""


@pytest.mark.parametrize("workers", [1, 3])
def test_a_push_that_is_under_way_is_finished(serve: Serve, workers: int) -> None:
    server = serve(workers=workers, environment={"ARTIFACTD_DRAIN_DELAY": str(DELAY)})
    built = pullable("drained", layer_size=400_000)
    config, slow, other = built.blobs
    with Wire(server) as wire:
        wire.push_blob("docker/app", config)
        wire.push_blob("docker/app", other)
        begun = wire.expect(202, "POST", "/v2/docker/app/blobs/uploads/", b"").header("location")
        with connect(server) as connection:
            connection.sendall(head("PATCH", begun, f"Content-Length: {len(slow)}") + slow[:100_000])
            server.process.send_signal(signal.SIGTERM)
            ended = time.monotonic() + DELAY
            eventually(lambda: all(readiness(server) == 503 for _ in range(2 * workers)), DELAY)
            connection.sendall(slow[100_000:])
            assert parse(answer(connection)).status == 202
        # New requests, on this connection and on others, are taken until the delay is over.
        wire.expect(201, "PUT", f"{begun}?digest={digest_of(slow)}", b"")
        wire.put_manifest("docker/app", "1", built)
        assert time.monotonic() < ended, "too slow to tell"
    assert server.process.wait(20) == 0
    eventually(lambda: not server.is_alive())
    with Wire(serve(data=server.data)) as wire:
        assert wire.pull("docker/app", "1") == built.digest


def test_a_request_may_take_longer_than_the_delay(serve: Serve) -> None:
    server = serve()
    data = b"a slow layer " * 50_000
    with connect(server) as connection:
        target = f"/v2/docker/app/blobs/uploads/?digest={digest_of(data)}"
        connection.sendall(head("POST", target, f"Content-Length: {len(data)}") + data[:300_000])
        time.sleep(0.2)
        server.process.send_signal(signal.SIGTERM)
        eventually(lambda: not listens(server.port))
        assert server.process.poll() is None
        connection.sendall(data[300_000:])
        assert parse(answer(connection)).status == 201
    assert server.process.wait(20) == 0
    with Wire(serve(data=server.data)) as wire:
        assert wire.expect(200, "GET", f"/v2/docker/app/blobs/{digest_of(data)}").body == data


def test_a_client_that_never_finishes_does_not_hold_the_server_up_for_ever(serve: Serve) -> None:
    server = serve(environment={"ARTIFACTD_DRAIN_TIMEOUT": "1"})
    with connect(server) as connection:
        target = f"/v2/docker/app/blobs/uploads/?digest={digest_of(b'')}"
        connection.sendall(head("POST", target, "Content-Length: 1000000") + b"x" * 300_000)
        time.sleep(0.2)
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(10) == 0
    eventually(lambda: not server.is_alive())
    with Wire(serve(data=server.data)) as wire:
        assert wire.answers()


def readiness(server: Running) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=5)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status
    finally:
        connection.close()


def answer(connection: socket.socket) -> bytes:
    received = b""
    while b"\r\n\r\n" not in received:
        piece = connection.recv(1 << 16)
        assert piece, "the connection was closed"
        received += piece
    return received
