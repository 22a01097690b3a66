"""What is done with a publication in the contracts, whichever it is."""

import contextlib
from collections.abc import Iterator
from datetime import timedelta
from typing import ClassVar

import pytest

from artifactd.repositories.publication import publish_task
from artifactd.tasks.task import Task
from tests.contracts.format_contract import Client


class Publishing:
    """The half of `PublishedSet` that has nothing to do with what is published. `publication` is its name,
    `signing` what its publisher calls to sign."""

    publication: ClassVar[str]
    signing: ClassVar[str]

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch

    def settle(self, client: Client) -> None:
        client.server.clock.advance(timedelta(seconds=6))
        client.server.run_tasks()

    def ask_again(self, client: Client) -> None:
        core = client.server.core
        record = core.repositories.find(client.repository)
        core.queue.enqueue(publish_task(record.id, self.publication, ""), requested_by="a test")
        client.server.run_tasks()

    def collect(self, client: Client) -> None:
        client.server.core.queue.enqueue(Task("collect"), requested_by="a test")
        client.server.run_tasks()

    @contextlib.contextmanager
    def breaking(self) -> Iterator[None]:
        def fail(*_: object) -> bytes:
            raise RuntimeError("the key is away")

        with self._monkeypatch.context() as patch:
            patch.setattr(self.signing, fail)
            yield
