"""Repodata while it is published: many uploads make few generations, no client meets half of one, and a
publisher that dies leaves what there was."""

import hashlib
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import func, select

from artifactd.db import tables
from tests.support.dnf import Dnf, dnf
from tests.support.proxies import hosted
from tests.support.rpms import Rpms, built
from tests.support.rpms_repos import REPOMD
from tests.support.rpms_served import Served
from tests.support.serving import Running, eventually, serving
from tests.support.wire import Wire

UPLOADS = 200
CLIENTS = 3
ROUNDS = 4
"""How often each client refreshes and asks while others publish, if the machine is quick enough."""

SECONDS = 12

KILLS = 8

PUBLISHERS = """
import os, sys
from pathlib import Path
from artifactd.app import Core
from artifactd.settings import Settings
from artifactd.tasks.task import Task

def publish(data, repository, key):
    core = Core(Settings(data=Path(data)))
    worker = core.worker()
    arguments = {"repository": core.repositories.find(repository).id}
    core.queue.enqueue(Task("publish", key, arguments), requested_by="test")
    print("ready", flush=True)
    while worker.run_due():
        pass

for key in sys.stdin:
    process = os.fork()
    if process == 0:
        publish(*sys.argv[1:], key.strip())
        os._exit(0)
    print(process, flush=True)
    os.waitpid(process, 0)
    print("ended", flush=True)
"""


@pytest.fixture(scope="session")
def rpms(tmp_path_factory: pytest.TempPathFactory) -> Rpms:
    return built(tmp_path_factory)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with serving(tmp_path_factory.mktemp("publishing") / "data", workers=2) as server:
        yield server


@pytest.fixture
def own(server: Running) -> Served:
    own = Served(server, hosted(server, "rpm"))
    eventually(lambda: own.get(REPOMD).status == 200, 60)  # the first generation, of nothing
    return own


def test_many_uploads_at_once_are_few_generations(own: Served, rpms: Rpms, tmp_path: Path) -> None:
    # rpm R26, T5: within the quiet time, and nothing is left out.
    files = rpms.many[:UPLOADS]
    local = threading.local()

    def upload(file: Path) -> int:
        wire: Wire | None = getattr(local, "wire", None)
        if wire is None:
            wire = local.wire = stack.enter_context(Wire(own.server))
        return wire.request("PUT", f"{own.path}/Packages/{file.name}", file.read_bytes()).status

    with ExitStack() as stack, ThreadPoolExecutor(8) as pool:
        assert set(pool.map(upload, files)) == {201}
    eventually(lambda: own.count() == UPLOADS, 25)
    assert generations(own) <= 4
    with dnf(tmp_path / "machine") as machine:
        machine.repository("ours", own.url, **own.signed)
        assert len(machine.query()) == UPLOADS


def generations(served: Served) -> int:
    """How many entry documents there ever were."""
    with served.server.core() as core, core.database.connect() as connection:
        record = core.repositories.find(served.name)
        asset = tables.asset.c
        statement = select(func.count()).where(asset.repository_id == record.id, asset.path == REPOMD)
        return int(connection.execute(statement).scalar_one())


def test_no_client_meets_half_of_a_generation(own: Served, rpms: Rpms, tmp_path: Path) -> None:
    # rpm R62, R91; T5: they insist on the signature, and ask for everything anew each time.
    own.publish(rpms.many[0])
    ended = threading.Event()
    failures: list[str] = []

    def consume(machine: Dnf) -> None:
        for _ in range(ROUNDS):
            if time.monotonic() > deadline:
                break
            for said in (machine.refresh(), machine.attempt("--refresh", "repoquery", "--file", "/absent")):
                if said.code != 0:
                    failures.append(said.text)

    def publish() -> None:
        for file in rpms.many[1:]:
            if ended.is_set():
                break
            own.publish(file)

    with ExitStack() as stack, ThreadPoolExecutor(CLIENTS + 1) as pool:
        machines = [stack.enter_context(dnf(tmp_path / f"machine{number}")) for number in range(CLIENTS)]
        for number, machine in enumerate(machines):
            # Clients are told apart by their address, here the same, or by what they call themselves.
            machine.repository("ours", own.url, **own.signed, user_agent=f"libdnf (client {number})")
        deadline = time.monotonic() + SECONDS
        publishing = pool.submit(publish)
        consuming = [pool.submit(consume, machine) for machine in machines]
        try:
            for each in consuming:
                each.result()
        finally:
            ended.set()
        publishing.result()
    assert failures == []
    assert generations(own) > 2


def test_a_publisher_that_dies_leaves_what_there_was(own: Served, rpms: Rpms, tmp_path: Path) -> None:
    # rpm R69, T6
    chance = random.Random(7)
    own.publish(*rpms.many[:30])
    with publishers(own) as begin:
        assert own.put(rpms.many[30]).status == 201
        process = begin("whole")
        began = time.monotonic()
        process.ended()
        took = time.monotonic() - began
        for number, file in enumerate(rpms.many[31 : 31 + KILLS]):
            assert own.put(file).status == 201
            process = begin(f"killed{number}")
            time.sleep(chance.uniform(0, took))
            process.kill()
            complete(own)
    own.settle()
    complete(own)
    with dnf(tmp_path / "machine") as machine:
        machine.repository("ours", own.url, **own.signed)
        assert len(machine.query()) == 31 + KILLS


@dataclass(frozen=True, slots=True)
class Publishing:
    """A process that publishes."""

    number: int
    told: Callable[[], str]

    def ended(self) -> None:
        assert self.told() == "ended\n"

    def kill(self) -> None:
        with suppress(ProcessLookupError):
            os.kill(self.number, signal.SIGKILL)
        self.ended()


@contextmanager
def publishers(served: Served) -> Iterator[Callable[[str], Publishing]]:
    """Begins processes that publish, each once it is told a key of its own. They are forks of one that has
    loaded everything."""
    command = [sys.executable, "-c", PUBLISHERS, str(served.server.data), served.name]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as forking:
        assert forking.stdin is not None and forking.stdout is not None
        tell, told = forking.stdin, forking.stdout.readline

        def begin(key: str) -> Publishing:
            tell.write(f"{key}\n")
            tell.flush()
            lines = {told(), told()}  # in any order
            [number] = lines - {"ready\n"}
            return Publishing(int(number), told)

        try:
            yield begin
        finally:
            tell.close()


def complete(served: Served) -> None:
    """Insist that the entry document is signed, and that all that it names is there and right."""
    for path in served.repomd().files.values():
        answer = served.get(path)
        assert answer.status == 200, answer
        assert path.partition("repodata/")[2].startswith(hashlib.sha256(answer.body).hexdigest())
    assert served.get(f"{REPOMD}.asc").status == 200
