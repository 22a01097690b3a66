"""Several web processes on one socket: started, watched, replaced when they die, and ended together."""

import logging
import multiprocessing
import os
import signal
import socket
import threading
from collections.abc import Callable
from multiprocessing.context import SpawnProcess
from types import FrameType

RESTART_PAUSE = 1.0
"""Seconds before a dead process is replaced: one that cannot start must not burn a core."""

logger = logging.getLogger("artifactd.server")

Serve = Callable[[socket.socket], None]
"""A web process' main, importable by name: it runs in a fresh interpreter."""


class Supervisor:
    """Runs `count` processes of `serve` on `listening` until SIGTERM or SIGINT."""

    def __init__(self, serve: Serve, listening: socket.socket, count: int) -> None:
        self._serve = serve
        self._listening = listening
        self._count = count
        self._ending = threading.Event()
        self._processes: list[SpawnProcess] = []
        self._signals: list[int] = []

    def run(self) -> None:
        """Returns when every process has ended."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._end)
        self._processes = [self._start() for _ in range(self._count)]
        while not self._ending.wait(RESTART_PAUSE):
            self._replace_dead()
        while self._signals or any(process.is_alive() for process in self._processes):
            while self._signals:
                self._forward(self._signals.pop(0))
            for process in self._processes:
                process.join(0.1)

    def _start(self) -> SpawnProcess:
        context = multiprocessing.get_context("spawn")
        process = context.Process(target=self._serve, args=(self._listening,))
        process.start()
        return process

    def _replace_dead(self) -> None:
        for index, process in enumerate(self._processes):
            if not process.is_alive():
                logger.error("web process %s ended with %s and is replaced", process.pid, process.exitcode)
                self._processes[index] = self._start()

    def _forward(self, number: int) -> None:
        for process in self._processes:
            if process.is_alive() and process.pid is not None:
                os.kill(process.pid, number)

    def _end(self, number: int, _frame: FrameType | None) -> None:
        self._signals.append(number)
        self._ending.set()
