"""What becomes of several web processes when one of them, or the one that watches them, dies."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

from tests.support.serving import Running, eventually, listens

Serve = Callable[..., Running]


def children(pid: int) -> list[int]:
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(child) for child in text.split()]


def web_processes(pid: int) -> list[int]:
    return [c for c in children(pid) if b"spawn_main" in Path(f"/proc/{c}/cmdline").read_bytes()]


def test_a_web_process_that_dies_is_replaced(serve: Serve) -> None:
    server = serve(workers=2)
    before = web_processes(server.process.pid)
    assert len(before) == 2
    os.kill(before[0], signal.SIGKILL)
    eventually(lambda: len(set(web_processes(server.process.pid)) - set(before)) == 1)
    assert server.is_alive()


def test_no_web_process_outlives_its_supervisor(serve: Serve) -> None:
    server = serve(workers=2, environment={"ARTIFACTD_DRAIN_DELAY": "0"})
    os.kill(server.process.pid, signal.SIGKILL)
    eventually(lambda: not listens(server.port))
