"""What the benchmark uploads and reads: wheels that it packs itself, and answers in chunks."""

import hashlib
import io
import socket
import threading
import zipfile

from benchmarks import package
from benchmarks.wire import Connection


def test_a_wheel_that_the_benchmark_packs_is_a_zip_archive_with_what_a_wheel_has() -> None:
    wheel = package.wheel("bench-usual", "1.2", b"padding", "about it")
    with zipfile.ZipFile(io.BytesIO(wheel.content)) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == [
            "bench_usual/padding.bin",
            "bench_usual-1.2.dist-info/METADATA",
            "bench_usual-1.2.dist-info/WHEEL",
            "bench_usual-1.2.dist-info/RECORD",
        ]
        assert archive.read("bench_usual/padding.bin") == b"padding"
        assert archive.read("bench_usual-1.2.dist-info/METADATA") == wheel.metadata
    assert wheel.filename == "bench_usual-1.2-py3-none-any.whl"


def test_the_same_versions_are_the_same_bytes_for_every_peer_and_no_two_are_alike() -> None:
    first, again = (package.release_line.__wrapped__("bench-usual", 3, 64) for _ in range(2))
    assert first == again
    assert len({hashlib.sha256(wheel.content).digest() for wheel in first}) == 3


def test_an_answer_in_chunks_is_read_whole_and_the_connection_goes_on() -> None:
    chunked = (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nT: r\r\n\r\n"
    )
    plain = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            client, _ = server.accept()
            with client:
                for reply in (chunked, plain):
                    client.recv(65536)
                    client.sendall(reply)

        peer = threading.Thread(target=answer)
        peer.start()
        connection = Connection(server.getsockname()[1])
        assert connection.request("GET", "/").body == b"abcde"
        assert connection.request("GET", "/").body == b"ok"
        connection.close()
        peer.join()
