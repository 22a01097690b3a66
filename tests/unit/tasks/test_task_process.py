import contextlib
import fcntl
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator

import pytest

from artifactd import clock as system
from artifactd.db.writer import Database
from artifactd.tasks.agenda import Agenda
from artifactd.tasks.process import LOCK, TaskProcess
from artifactd.tasks.queue import TaskQueue
from artifactd.tasks.schedule import Schedule
from artifactd.tasks.task import State, Task
from tests.support.databases import Place
from tests.support.processes import command, python, tell, told

WORKER = """
import time
from artifactd.tasks.agenda import Agenda
from artifactd.tasks.process import run_worker
from artifactd.tasks.queue import TaskQueue
from artifactd.tasks.schedule import Schedule
from artifactd.tasks.worker import Worker

folder, idle, parent, leased = Path(sys.argv[2]), sys.argv[3], sys.argv[4], float(sys.argv[5])

def note(run):
    with (folder / "notes").open("a") as notes:
        print(run.task.key, file=notes)

def wait(run):
    note(run)
    while not run.cancelled():
        time.sleep(0.01)

def spawn(run):
    import subprocess
    child = subprocess.Popen(["sleep", "60"], stdout=subprocess.DEVNULL)
    (folder / "sleeper").write_text(str(child.pid))
    note(run)

queue = TaskQueue(database)
schedule = Schedule(database, queue)
worker = Worker(
    queue, schedule, Agenda(database, queue, schedule), {"note": note, "wait": wait, "spawn": spawn},
    now=clock.now, leased_for=timedelta(seconds=leased), renewed_every=timedelta(seconds=leased / 5),
)
ran = run_worker(worker, folder / "tasks.lock", timedelta(seconds=float(idle)), int(parent) or None)
database.close()
sys.exit(0 if ran else 3)
"""


@pytest.fixture
def real(place: Place) -> Iterator[Database]:
    """A database on the system's clock, which the task process goes by too."""
    database = place.open(system.now)
    yield database
    database.close()


@pytest.fixture
def queue(real: Database) -> TaskQueue:
    return TaskQueue(real)


Begin = Callable[..., TaskProcess]


@pytest.fixture
def begin(place: Place, real: Database, queue: TaskQueue) -> Iterator[Begin]:
    """Another web process' TaskProcess; what it spawned ends with the test."""
    made: list[TaskProcess] = []

    def build(idle: float = 30, leased: float = 30) -> TaskProcess:
        agenda = Agenda(real, queue, Schedule(real, queue))
        arguments = (str(idle), str(os.getpid()), str(leased))
        process = TaskProcess(command(place, WORKER, *arguments), place.folder, agenda, system.now)
        made.append(process)
        return process

    yield build
    for process in made:
        process.stop()


def until(condition: Callable[[], bool], seconds: float = 15) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.01)


def notes(place: Place) -> list[str]:
    with contextlib.suppress(FileNotFoundError):
        return (place.folder / "notes").read_text().split()
    return []


def is_free(place: Place) -> bool:
    with (place.folder / LOCK).open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True


def ask(queue: TaskQueue, name: str, key: str) -> int:
    return queue.enqueue(Task(name, key), requested_by="ada")


def test_it_comes_when_there_is_work_and_goes_when_there_is_none(
    place: Place, queue: TaskQueue, begin: Begin
) -> None:
    process = begin(idle=0.2)
    assert not process.wake()
    row = ask(queue, "note", "first")
    assert process.wake()
    until(lambda: queue.get(row).state is State.DONE)
    until(lambda: is_free(place))

    assert not process.wake()
    row = ask(queue, "note", "second")
    until(process.wake)
    until(lambda: queue.get(row).state is State.DONE)
    assert notes(place) == ["first", "second"]


def test_one_runs_per_host_however_many_web_processes_wake_it(
    place: Place, queue: TaskQueue, begin: Begin
) -> None:
    one, two = begin(), begin()
    ask(queue, "note", "any")
    assert [process.wake() for process in (one, two, one, two)] == [True, False, False, False]
    until(lambda: notes(place) == ["any"])
    assert not is_free(place)
    standalone = subprocess.run(command(place, WORKER, "0", "0", "30"), stdin=subprocess.DEVNULL)
    assert standalone.returncode == 3


def test_a_process_of_its_own_takes_the_lock_itself(place: Place, queue: TaskQueue, begin: Begin) -> None:
    ask(queue, "wait", "own")
    with python(place, WORKER, "30", "0", "30"):
        until(lambda: notes(place) == ["own"])
        ask(queue, "note", "other")
        assert not begin().wake()


def test_sigterm_gives_the_task_back_at_once(place: Place, queue: TaskQueue, begin: Begin) -> None:
    process = begin()
    row = ask(queue, "wait", "long")
    assert process.wake()
    until(lambda: notes(place) == ["long"])

    began = time.monotonic()
    process.stop()
    assert time.monotonic() - began < 4  # less than the 5 s after which it is killed
    assert (queue.get(row).state, queue.get(row).attempts) == (State.WAITING, 0)
    assert is_free(place)


def test_another_takes_over_after_a_kill(place: Place, queue: TaskQueue, begin: Begin) -> None:
    first, second = begin(leased=0.5), begin(leased=30)
    row = ask(queue, "wait", "long")
    assert first.wake()
    until(lambda: notes(place) == ["long"])
    assert not second.wake()

    os.kill(child_of(first), signal.SIGKILL)
    until(second.wake)
    until(lambda: notes(place) == ["long", "long"])
    assert (queue.get(row).state, queue.get(row).attempts) == (State.RUNNING, 2)


def test_it_ends_with_the_process_that_spawned_it(place: Place, queue: TaskQueue) -> None:
    parent = f"""
import os
from artifactd.tasks.agenda import Agenda
from artifactd.tasks.process import TaskProcess
from artifactd.tasks.queue import TaskQueue
from artifactd.tasks.schedule import Schedule
queue = TaskQueue(database)
command = [sys.executable, "-c", sys.argv[3], sys.argv[1], sys.argv[2], "30", str(os.getpid()), "30"]
agenda = Agenda(database, queue, Schedule(database, queue))
process = TaskProcess(command, Path(sys.argv[2]), agenda, clock.now)
print(process.wake(), flush=True)
sys.stdin.readline()
os.kill(os.getpid(), {signal.SIGKILL})
"""
    row = ask(queue, "wait", "long")
    worker = command(place, WORKER)[2]
    with python(place, parent, worker) as web:
        assert told(web) == "True"
        until(lambda: notes(place) == ["long"])
        tell(web)
        until(lambda: is_free(place))
    assert queue.get(row).state is State.WAITING


def test_what_a_task_spawned_does_not_hold_the_lock(place: Place, queue: TaskQueue, begin: Begin) -> None:
    process = begin(idle=0.1)
    ask(queue, "spawn", "any")
    assert process.wake()
    until(lambda: notes(place) == ["any"])
    try:
        until(lambda: is_free(place), 5)
    finally:
        os.kill(int((place.folder / "sleeper").read_text()), signal.SIGKILL)


def child_of(process: TaskProcess) -> int:
    child = process._child
    assert child is not None
    return child.pid
