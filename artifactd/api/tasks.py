"""Tasks as documents: what waits, runs and has run, and asking for maintenance out of turn."""

from collections.abc import Sequence
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from artifactd.api.documents import checked_by, instant, read
from artifactd.api.operation import Answer, Call, Listed, Operation, Permission, Write
from artifactd.api.pages import Paged, cut, page
from artifactd.api.problems import InvalidDocument, Mistake
from artifactd.errors import InvalidInput, ObjectNotFound
from artifactd.maintenance import SCHEDULE
from artifactd.tasks.task import Progress, State, Task, TaskRow

NAMES = sorted(SCHEDULE)
"""What may be asked for: the rest is asked for by the changes that need it."""


def _check_name(name: str) -> None:
    if name not in NAMES:
        raise InvalidInput(f"{name!r} cannot be asked for; these can: {', '.join(NAMES)}")


class TaskDraft(BaseModel):
    """A task to be done."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, checked_by(_check_name)] = Field(json_schema_extra={"enum": [*NAMES]})


class TaskProgress(BaseModel):
    """How far a run has come, in the task's own units."""

    done: int
    total: int | None = Field(description="null: nobody knows")
    message: str


class TaskState(BaseModel):
    """A request for a task, and what became of it."""

    id: int
    name: str
    key: str = Field(description="what it is about, in the task's own words")
    state: State
    requested_by: str
    created: str = Field(json_schema_extra={"format": "date-time"})
    due: str = Field(json_schema_extra={"format": "date-time"})
    finished: Annotated[str, Field(json_schema_extra={"format": "date-time"})] | None
    attempts: int
    cancelled: bool = Field(description="whether it was asked to stop")
    progress: TaskProgress


class ListTasks(Paged):
    """Which tasks are listed."""

    state: State | None = Field(None, description="only those in this state")
    name: str | None = Field(None, max_length=128, description="only those of this name")


def task_operations() -> Sequence[Operation]:
    """`/tasks`."""
    one = "/tasks/{id}"
    return (
        Operation(
            "listTasks", "GET", "/tasks", "List tasks, newest first", Permission.ADMINISTRATOR,
            _list, {200: Listed(TaskState)}, query=ListTasks,
        ),
        Operation(
            "createTask", "POST", "/tasks", "Ask for a task", Permission.ADMINISTRATOR,
            _create, {202: TaskState}, request=TaskDraft, query=Write,
            details="Equal tasks that wait are done by one run.",
        ),
        Operation(
            "getTask", "GET", one, "Show a task", Permission.ADMINISTRATOR, _get, {200: TaskState},
        ),
        Operation(
            "cancelTask", "DELETE", one, "Cancel a task", Permission.ADMINISTRATOR,
            _cancel, {202: TaskState}, query=Write,
            details="A waiting one is dropped; a running one is asked to stop; a finished one stays.",
        ),
    )  # fmt: skip


def _list(call: Call) -> Answer:
    query: ListTasks = call.query
    after = query.after()
    if after and not _is_number(after):
        raise InvalidDocument([Mistake("this is no `next` of a page", parameter="cursor")])
    rows = call.services.queue.list(
        state=query.state,
        name=query.name,
        before=int(after) if after else None,
        limit=query.limit + 1,
    )
    shown, following = cut(rows, query.limit, lambda row: str(row.id))
    return page(call, "/tasks", [_document(row) for row in shown], following)


def asked_for(call: Call, task: Task) -> Answer:
    """Ask for a task; the answer that shows it."""
    number = call.services.queue.enqueue(task, requested_by=call.principal.name)
    if call.rehearsed:
        asked = TaskRow(
            number, task, State.WAITING, call.principal.name, call.now, call.now, 0, False, Progress(), None
        )
        return Answer(_document(asked), 202)
    return Answer(_document(call.services.queue.get(number)), 202, location=f"/tasks/{number}")


def _create(call: Call) -> Answer:
    return asked_for(call, Task(read(TaskDraft, call.body).name))


def _get(call: Call) -> Answer:
    return Answer(_document(call.services.queue.get(_id(call))))


def _cancel(call: Call) -> Answer:
    number = _id(call)
    call.services.queue.cancel(number)
    return Answer(_document(call.services.queue.get(number)), 202)


def _id(call: Call) -> int:
    text = call.params["id"]
    if not _is_number(text):
        raise ObjectNotFound("task", text)
    return int(text)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 19


def _document(row: TaskRow) -> TaskState:
    return TaskState(
        id=row.id,
        name=row.task.name,
        key=row.task.key,
        state=row.state,
        requested_by=row.requested_by,
        created=instant(row.created),
        due=instant(row.due),
        finished=None if row.finished is None else instant(row.finished),
        attempts=row.attempts,
        cancelled=row.cancel,
        progress=TaskProgress(
            done=row.progress.done, total=row.progress.total, message=row.progress.message
        ),
    )
