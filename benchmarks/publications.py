"""When artifactd publishes, as its API tells: from a change to the end of the run that publishes it."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from benchmarks import processes
from benchmarks.peers import Peer
from benchmarks.wire import Connection, UnexpectedAnswer

_LOOKS_EVERY = 0.005  # seconds: how exactly the begin of a run is known
_DEADLINE = 600.0


@dataclass(frozen=True, slots=True)
class Published:
    """`key`: of the task. `seconds`: of the run alone. `after`: from the change to its end, the quiet time
    that a run waits for included. `memory`: the greatest that the task process has had by then, in MB."""

    key: str
    seconds: float
    after: float
    memory: float


def published(
    peer: Peer,
    change: Callable[[], object],
    wanted: Callable[[str], bool] = lambda key: True,
    meanwhile: Callable[[], object] | None = None,
) -> Published:
    """Make a change and wait for the run of the first task whose key is `wanted`; `meanwhile` is called
    once, when it has begun."""
    connection = peer.connect()
    try:
        before = max((int(task["id"]) for task in _tasks(connection)), default=0)
        began = time.time()
        change()
        task = _asked_for(connection, before, wanted)
        waited = _instant(task["due"])  # no run begins before
        memory = 0.0
        while task["finished"] is None:
            if time.time() - began > _DEADLINE:
                raise UnexpectedAnswer(f"{task['key']} is not published after {_DEADLINE:.0f} s")
            if task["state"] == "waiting":
                waited = max(waited, time.time())
            elif meanwhile:
                meanwhile()
                meanwhile = None
            memory = max(memory, processes.child_peak_rss(peer.pid))
            time.sleep(max(_LOOKS_EVERY, min(_instant(task["due"]) - time.time(), 1.0)))
            task = json.loads(connection.request("GET", f"/api/v1/tasks/{task['id']}").expect(200).body)
        memory = max(memory, processes.child_peak_rss(peer.pid))
    finally:
        connection.close()
    if task["state"] != "done":
        raise UnexpectedAnswer(
            f"the publication of {task['key']} ended as {task['state']}: {task['progress']}"
        )
    ended = _instant(task["finished"])
    return Published(task["key"], ended - waited, ended - began, memory)


def _asked_for(connection: Connection, before: int, wanted: Callable[[str], bool]) -> dict[str, Any]:
    deadline = time.monotonic() + _DEADLINE
    while time.monotonic() < deadline:
        tasks = _tasks(connection)
        if found := [task for task in tasks if int(task["id"]) > before and wanted(task["key"])]:
            return found[-1]
        time.sleep(_LOOKS_EVERY)
    raise UnexpectedAnswer("nothing is published")


def _tasks(connection: Connection) -> list[dict[str, Any]]:
    """Those that publish, the newest first."""
    answer = connection.request("GET", "/api/v1/tasks?name=publish&limit=20").expect(200)
    found: list[dict[str, Any]] = json.loads(answer.body)["items"]
    return found


def _instant(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()
