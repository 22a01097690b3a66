"""The words: a task, its row, a lease on it, how far it has come, and what a handler is given."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from artifactd.clock import Micros


@dataclass(frozen=True, slots=True)
class Task:
    """Something to be done. Tasks with equal `name` and `key` are equal: however many wait, one run answers
    them all, with the newest one's `arguments` (JSON values)."""

    name: str
    key: str = ""
    arguments: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.name} {self.key}".rstrip()


class State(StrEnum):
    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run has come, in the task's own units; `total` is None when nobody knows."""

    done: int = 0
    total: int | None = None
    message: str = ""


@dataclass(frozen=True, slots=True)
class TaskRow:
    """One request for a task, as the queue remembers it."""

    id: int
    task: Task
    state: State
    requested_by: str
    created: Micros
    due: Micros
    attempts: int
    cancel: bool
    progress: Progress
    finished: Micros | None


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to run `task`, until it is ended or not renewed in time. `attempt` counts from 1."""

    id: str
    task: Task
    attempt: int


class Renewal(StrEnum):
    """What a holder learns when it renews its lease."""

    HELD = "held"
    CANCELLED = "cancelled"
    LOST = "lost"


class Report(Protocol):
    """Tells how far a run has come. Costs nothing: call it as often as it changes."""

    def __call__(self, done: int, total: int | None = None, message: str = "") -> None: ...


@dataclass(frozen=True, slots=True)
class TaskRun:
    """What a handler works with. It asks `cancelled` at every point where it can stop, and then returns or
    raises TaskStopped; whether it was cancelled or has to make way for a shutdown is not its concern."""

    task: Task
    now: Callable[[], Micros]
    progress: Report
    cancelled: Callable[[], bool]


Handler = Callable[[TaskRun], None]


class TaskStopped(Exception):
    """Raised by a handler that saw `cancelled` somewhere deep; without that, it is a failure like any
    other."""
