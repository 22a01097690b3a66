"""Answers that wait until something has come about."""

import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta

import pytest

from tests.support import patient_format
from tests.support.proxies import group
from tests.support.server import ADMIN, Answer, RunningServer, running
from tests.support.serving import eventually

CROWD = 100
"""Requests at once: more than a process has worker threads."""


@pytest.fixture(scope="module")
def patient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with running(tmp_path_factory.mktemp("patient"), {"patient": patient_format.format}) as server:
        yield server


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(4) as threads:
        yield threads


class Toys:
    """A repository whose uploads are answered when they are published."""

    def __init__(self, server: RunningServer, threads: ThreadPoolExecutor) -> None:
        self.server = server
        self.name = server.repository("patient")
        self._threads = threads

    def put(self, version: str, within: float = 20, *, through: str = "") -> "Future[Answer]":
        """Begin to put a package, `through` a group if one is given; its answer."""
        name = through or self.name
        path = f"/repository/{name}/waited/tool/{version}.toy?within={within}"
        body = f"name: tool\nversion: {version}\n\nbytes".encode()

        def put() -> Answer:
            try:
                return self.server.request("PUT", path, body)
            finally:
                self.server.disconnect()

        return self._threads.submit(put)

    def holds(self, version: str) -> bool:
        path = f"/repository/{self.name}/packages/tool/{version}.toy"
        return self.server.request("HEAD", path).status == 200

    def publish(self) -> None:
        """Let quiet time pass, and publish."""
        self.server.clock.advance(timedelta(seconds=6))
        self.server.run_tasks()

    def count(self) -> int:
        """The packages that are published."""
        return int(self.server.request("GET", f"/repository/{self.name}/catalog.json").json()["packages"])


@pytest.fixture
def toys(patient: RunningServer, threads: ThreadPoolExecutor) -> Toys:
    return Toys(patient, threads)


def test_the_answer_comes_when_it_is_ready(toys: Toys) -> None:
    answer = toys.put("1")
    eventually(lambda: toys.holds("1"))
    time.sleep(0.3)
    assert not answer.done()
    toys.publish()
    assert answer.result(20).status == 201
    assert toys.count() == 1


def test_it_waits_for_what_this_very_change_leads_to(toys: Toys) -> None:
    first = toys.put("1")
    eventually(lambda: toys.holds("1"))
    toys.publish()
    assert first.result(20).status == 201
    second = toys.put("2", within=0.2)
    assert second.result(20).status == 202, "what was published before does not count"
    assert toys.count() == 1
    toys.publish()
    assert toys.count() == 2


def test_what_changes_nothing_waits_for_nothing(toys: Toys) -> None:
    first = toys.put("1", within=0)
    assert first.result(20).status == 202
    assert toys.put("1").result(5).status == 201
    toys.publish()


def test_through_a_group_it_waits_for_the_member_that_was_written_to(
    toys: Toys, patient: RunningServer
) -> None:
    both = group(patient, "patient", toys.name, writable=toys.name)
    answer = toys.put("1", through=both)
    eventually(lambda: toys.holds("1"))
    assert not answer.done()
    toys.publish()
    assert answer.result(20).status == 201


@pytest.mark.parametrize("suffix", ["", "/keyed"])
def test_the_other_answer_comes_when_it_takes_too_long(
    patient: RunningServer, toys: Toys, suffix: str
) -> None:
    """Also where the handler runs on the event loop."""
    began = time.monotonic()
    path = f"/repository/{toys.name}/until/late{suffix}?within=0.4"
    answer = patient.request("GET", path)
    assert (answer.status, answer.body) == (504, b"late")
    assert 0.4 <= time.monotonic() - began < 5


def test_what_is_ready_already_is_answered_at_once(patient: RunningServer, toys: Toys) -> None:
    patient_format.open_gate("ready")
    for suffix in ("", "/keyed"):
        answer = patient.request("GET", f"/repository/{toys.name}/until/ready{suffix}")
        assert (answer.status, answer.body) == (200, b"ready")


def received(connection: socket.socket) -> bytes:
    """Everything that comes until the end."""
    return b"".join(iter(lambda: connection.recv(4096), b""))


def test_a_crowd_that_waits_holds_no_threads(patient: RunningServer, toys: Toys) -> None:
    request = (
        f"GET /repository/{toys.name}/until/crowd?within=60 HTTP/1.1\r\nHost: x\r\n"
        f"Authorization: {ADMIN.header}\r\nConnection: close\r\n\r\n"
    ).encode()
    threads_before = threading.active_count()
    crowd = [socket.create_connection(patient.address, timeout=30) for _ in range(CROWD)]
    try:
        for connection in crowd:
            connection.sendall(request)
        slowest = 0.0
        for number in range(5):
            began = time.monotonic()
            assert toys.holds(f"{number}") is False
            slowest = max(slowest, time.monotonic() - began)
        assert slowest < 5
        assert threading.active_count() - threads_before < CROWD / 2
        patient_format.open_gate("crowd")
        answers = [received(connection) for connection in crowd]
    finally:
        for connection in crowd:
            connection.close()
    assert {answer[:12] for answer in answers} == {b"HTTP/1.1 200"}
    assert {answer.endswith(b"ready") for answer in answers} == {True}
