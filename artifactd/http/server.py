"""The server process: sockets, the drain, and the ports that repositories declare."""

import asyncio
import logging
import signal
import socket
from collections.abc import Callable
from datetime import timedelta
from types import FrameType
from typing import Any

import uvicorn

from artifactd.http.fallback import choose_protocol

KEEP_ALIVE_SECONDS = 75
"""Longer than the usual 60 s of load balancers in front, so that they close idle connections, not we."""

logger = logging.getLogger("artifactd.server")


def bind(host: str, port: int, *, shared: bool = False) -> socket.socket:
    """A socket to listen on. `shared`: other processes bind the same address too. Raises OSError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listening.bind((host, port))
        listening.set_inheritable(True)
    except BaseException:
        listening.close()
        raise
    return listening


class DrainingServer(uvicorn.Server):
    """uvicorn's server, which on SIGTERM first says that it will end, and only then stops accepting.

    `declared` gives the ports that repositories declare; the server follows it. `on_drain` is told when the
    drain begins."""

    def __init__(
        self,
        config: uvicorn.Config,
        *,
        host: str,
        declared: Callable[[], frozenset[int]],
        drain_delay: timedelta,
        on_drain: Callable[[], None],
    ) -> None:
        super().__init__(config)
        self._host = host
        self._declared = declared
        self._drain_delay = drain_delay.total_seconds()
        self._on_drain = on_drain
        self._draining = False
        self._listening: dict[int, asyncio.base_events.Server] = {}
        self._refused: set[int] = set()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """The first SIGTERM begins the drain; SIGINT and a second signal end it at once."""
        self._on_drain()
        if sig == signal.SIGTERM and not self._draining and self._drain_delay > 0:
            self._draining = True
            asyncio.get_event_loop().call_later(self._drain_delay, self._stop)
        elif self.should_exit:
            self.force_exit = True
        else:
            self._stop()

    def _stop(self) -> None:
        self.should_exit = True

    async def on_tick(self, counter: int) -> bool:
        if counter % 5 == 0 and not self._draining:
            await self._follow_declared()
        return await super().on_tick(counter)

    async def _follow_declared(self) -> None:
        declared = self._declared()
        self._refused &= declared
        for port in declared - self._listening.keys() - self._refused:
            try:
                listening = bind(self._host, port, shared=True)
            except OSError as error:
                self._refused.add(port)
                logger.error("cannot listen on the declared port %d: %s", port, error.strerror)
                continue
            loop = asyncio.get_running_loop()
            self._listening[port] = await loop.create_server(
                self._protocol, sock=listening, backlog=self.config.backlog
            )
            self.servers.append(self._listening[port])
            logger.info("listening on the declared port %d", port)
        for port in self._listening.keys() - declared:
            server = self._listening.pop(port)
            self.servers.remove(server)
            server.close()
            logger.info("no longer listening on port %d", port)

    def _protocol(self) -> asyncio.Protocol:
        protocol: Any = self.config.http_protocol_class
        made: asyncio.Protocol = protocol(
            config=self.config, server_state=self.server_state, app_state=self.lifespan.state
        )
        return made


def configured(application: Any, drain_timeout: timedelta) -> uvicorn.Config:
    """How uvicorn runs the application: our protocol class, no middleware, no logging of its own."""
    return uvicorn.Config(
        application,
        http=choose_protocol(),
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=int(drain_timeout.total_seconds()) or 1,
        backlog=2048,
    )
