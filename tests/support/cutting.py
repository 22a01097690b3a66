"""A TCP proxy that cuts connections, as networks do."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

PIECE = 1 << 14


@contextmanager
def cutting(port: int, *, after: int) -> Iterator[int]:
    """The port of a proxy for a port of this machine. It ends a connection once `after` bytes of answers
    have passed."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=_accept, args=(listening, port, after), daemon=True).start()
        yield listening.getsockname()[1]
        listening.shutdown(socket.SHUT_RDWR)


def _accept(listening: socket.socket, port: int, after: int) -> None:
    with suppress(OSError):  # it is closed
        while True:
            client, _ = listening.accept()
            server = socket.create_connection(("127.0.0.1", port))
            threading.Thread(target=_pass, args=(client, server, None), daemon=True).start()
            threading.Thread(target=_pass, args=(server, client, after), daemon=True).start()


def _pass(source: socket.socket, target: socket.socket, after: int | None) -> None:
    """Pass on what comes, until there is no more or `after` bytes have passed; then end both sides."""
    passed = 0
    with suppress(OSError):
        while piece := source.recv(PIECE):
            if after is not None and passed + len(piece) > after:
                target.sendall(piece[: after - passed])
                break
            target.sendall(piece)
            passed += len(piece)
    for side in (source, target):
        with suppress(OSError):
            side.shutdown(socket.SHUT_RDWR)
        side.close()
