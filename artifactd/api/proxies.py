"""What is done with a proxy beside changing it: its copies are invalidated, purged or fetched ahead, and
its upstream is left alone for a while."""

import hashlib
from collections.abc import Sequence
from typing import Annotated

import msgspec
from pydantic import BaseModel, ConfigDict, Field

from artifactd.api.documents import checked_by, read
from artifactd.api.operation import Answer, Call, Operation, Permission, Write
from artifactd.api.tasks import TaskState, asked_for
from artifactd.api.upstreams import UpstreamStatus, failures, status
from artifactd.catalog.repositories import RepositoryRecord
from artifactd.errors import Conflict, InvalidInput
from artifactd.tasks.task import Task

PREFETCH = "prefetch"
PURGE = "purge"

MOST_PATHS = 1000
"""Of one prefetch: about what an upstream answers within a task's patience."""


class NoProxy(Conflict):
    """Only a proxy has an upstream, and copies of what that has."""

    message = "repository {repository!r} is {kind}: only a proxy has an upstream"

    def __init__(self, repository: str, kind: str) -> None:
        self.repository, self.kind = repository, kind


def _check_path(path: str) -> None:
    if {"", ".", ".."} & set(path.split("/")):
        raise InvalidInput("a path has no slash at either end, and no empty segments, '.' or '..'")


def _check_prefix(path: str) -> None:
    if path:
        _check_path(path.removesuffix("/"))


Path = Annotated[str, checked_by(_check_path), Field(max_length=4096)]
Prefix = Annotated[str, checked_by(_check_prefix), Field(max_length=4096)]


class Invalidation(BaseModel):
    """Which copies are checked when they are next asked for."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    path: Prefix = Field("", description="an asset's path, or one that others are below; empty: everything")


class Prefetch(BaseModel):
    """What is fetched ahead."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    paths: list[Path] = Field(min_length=1, max_length=MOST_PATHS, description="paths of assets")


class Purge(BaseModel):
    """Which copies are deleted."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    path: Prefix = Field(description="an asset's path, or one that others are below; empty: everything")


def proxy_operations() -> Sequence[Operation]:
    """`/repositories/{name}/…`, for proxies."""
    one = "/repositories/{name}"
    return (
        Operation(
            "invalidateRepository", "POST", f"{one}/invalidate", "Check a proxy's copies anew",
            Permission.ADMINISTRATOR, _invalidate, {204: None}, request=Invalidation, query=Write,
            details="Copies that may change are checked when they are next asked for, and what was not"
            " there is asked for again. No copy is deleted.",
        ),
        Operation(
            "blockRepository", "POST", f"{one}/block", "Keep a proxy from asking its upstream",
            Permission.ADMINISTRATOR, _block, {200: UpstreamStatus}, query=Write,
            details="Clients are served what is held, fresh or not.",
        ),
        Operation(
            "unblockRepository", "POST", f"{one}/unblock", "Let a proxy ask its upstream again",
            Permission.ADMINISTRATOR, _unblock, {200: UpstreamStatus}, query=Write,
        ),
        Operation(
            "prefetchRepository", "POST", f"{one}/prefetch", "Fetch into a proxy ahead",
            Permission.ADMINISTRATOR, _prefetch, {202: TaskState}, request=Prefetch, query=Write,
        ),
        Operation(
            "purgeRepository", "POST", f"{one}/purge", "Delete a proxy's copies",
            Permission.ADMINISTRATOR, _purge, {202: TaskState}, request=Purge, query=Write,
            details="They are fetched again when they are next asked for.",
        ),
    )  # fmt: skip


def _invalidate(call: Call) -> Answer:
    record = _proxy(call)
    call.services.states.invalidate(record.id, read(Invalidation, call.body).path)
    return Answer(None, 204)


def _block(call: Call) -> Answer:
    return _blocked(call, blocked=True)


def _unblock(call: Call) -> Answer:
    return _blocked(call, blocked=False)


def _blocked(call: Call, *, blocked: bool) -> Answer:
    record = call.services.repositories.block(_proxy(call).name, blocked=blocked)
    return Answer(status(record, failures(call.services.database), detailed=True))


def _prefetch(call: Call) -> Answer:
    record = _proxy(call)
    paths = list(dict.fromkeys(read(Prefetch, call.body).paths))
    return asked_for(call, _task(PREFETCH, record, paths=paths))


def _purge(call: Call) -> Answer:
    record = _proxy(call)
    return asked_for(call, _task(PURGE, record, path=read(Purge, call.body).path))


def _task(name: str, record: RepositoryRecord, **arguments: object) -> Task:
    """A task about a proxy. Its key tells its arguments apart, since equal tasks are done by one run, with
    the newest one's."""
    told = hashlib.sha256(msgspec.json.encode(arguments)).hexdigest()[:16]
    return Task(name, f"{record.id}/{told}", {"repository": record.id, **arguments})


def _proxy(call: Call) -> RepositoryRecord:
    """The proxy that the path names. Raises RepositoryNotFound, NoProxy."""
    record = call.services.repositories.find(call.params["name"])
    if record.upstream is None:
        raise NoProxy(record.name, record.kind)
    return record
