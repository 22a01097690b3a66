import logging
import threading
from collections.abc import Callable, Mapping
from datetime import timedelta

import pytest

from artifactd.db.writer import Database
from artifactd.tasks.agenda import Agenda
from artifactd.tasks.queue import FIRST_PAUSE, TaskQueue
from artifactd.tasks.schedule import Schedule
from artifactd.tasks.task import Handler, Progress, State, Task, TaskRun, TaskStopped
from artifactd.tasks.worker import Worker
from tests.support.clocks import FakeClock

PUBLISH = Task("publish", "rpm/9", {"full": True})
Make = Callable[[Mapping[str, Handler]], Worker]


@pytest.fixture
def queue(database: Database) -> TaskQueue:
    return TaskQueue(database)


@pytest.fixture
def schedule(database: Database, queue: TaskQueue) -> Schedule:
    return Schedule(database, queue)


@pytest.fixture
def make(database: Database, queue: TaskQueue, schedule: Schedule, clock: FakeClock) -> Make:
    """A worker with these handlers, which renews its lease every hundredth of a second."""

    def build(handlers: Mapping[str, Handler]) -> Worker:
        agenda = Agenda(database, queue, schedule)
        often = timedelta(milliseconds=10)
        return Worker(queue, schedule, agenda, handlers, now=clock, renewed_every=often)

    return build


class Waits:
    """A handler that runs until it is told to stop, or allowed to end."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.end = threading.Event()

    def __call__(self, run: TaskRun) -> None:
        self.begun.set()
        while not run.cancelled() and not self.end.wait(0.005):
            pass


def ask(queue: TaskQueue, task: Task = PUBLISH) -> int:
    return queue.enqueue(task, requested_by="ada")


def test_a_handler_gets_its_task_and_the_present(make: Make, queue: TaskQueue, clock: FakeClock) -> None:
    seen = []
    worker = make({"publish": lambda run: seen.append((run.task, run.now()))})
    row = ask(queue)

    assert worker.run_due()
    assert not worker.run_due()
    assert seen == [(PUBLISH, clock())]
    assert queue.get(row).state is State.DONE


def test_progress_is_seen_during_the_run_and_after_it(make: Make, queue: TaskQueue) -> None:
    row = ask(queue)
    seen = []

    def publish(run: TaskRun) -> None:
        run.progress(3, 10, "packages")
        while (progress := queue.get(row).progress) == Progress():
            pass
        seen.append(progress)
        run.progress(10, 10)

    make({"publish": publish}).run_due()
    assert seen == [Progress(3, 10, "packages")]
    assert queue.get(row).progress == Progress(10, 10)


def test_a_failure_is_logged_once_with_its_facts_and_tried_again(
    make: Make, queue: TaskQueue, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    attempts = []

    def publish(_run: TaskRun) -> None:
        attempts.append(clock())
        if len(attempts) == 1:
            raise OSError("disk full")

    worker = make({"publish": publish})
    row = ask(queue)
    with caplog.at_level(logging.INFO):
        assert worker.run_due()

    (record,) = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert "task publish rpm/9 failed, attempt 1 of 5" in record.getMessage()
    assert record.exc_info is not None
    assert queue.get(row).progress.message == "OSError: disk full"
    assert not worker.run_due()
    clock.advance(FIRST_PAUSE)
    assert worker.run_due()
    assert queue.get(row).state is State.DONE


def test_a_task_nobody_knows_waits_for_a_version_that_does(make: Make, queue: TaskQueue) -> None:
    row = ask(queue, Task("new-in-the-next-version"))
    assert make({}).run_due()
    assert queue.get(row).state is State.WAITING
    assert "does not know" in queue.get(row).progress.message


def test_a_cancelled_task_stops_at_its_next_checkpoint(make: Make, queue: TaskQueue) -> None:
    waits = Waits()
    worker = make({"publish": waits})
    row = ask(queue)
    thread = threading.Thread(target=worker.run_due)
    thread.start()
    waits.begun.wait(10)
    queue.cancel(row)
    thread.join(10)

    assert not thread.is_alive()
    assert queue.get(row).state is State.CANCELLED
    assert not worker.run_due()


def test_a_handler_may_stop_by_raising(make: Make, queue: TaskQueue) -> None:
    row = ask(queue)

    def publish(run: TaskRun) -> None:
        queue.cancel(row)
        while not run.cancelled():
            pass
        raise TaskStopped

    make({"publish": publish}).run_due()
    assert queue.get(row).state is State.CANCELLED


def test_stopping_without_having_been_asked_to_is_a_failure(make: Make, queue: TaskQueue) -> None:
    def publish(_run: TaskRun) -> None:
        raise TaskStopped

    row = ask(queue)
    worker = make({"publish": publish})
    assert worker.run_due()
    assert not worker.run_due()  # a pause first: given back at once, it would be run again without end
    assert queue.get(row).attempts == 1


def test_a_worker_that_stops_gives_its_task_back(make: Make, queue: TaskQueue) -> None:
    waits = Waits()
    worker = make({"publish": waits})
    row = ask(queue)
    ask(queue, Task("publish", "other"))
    thread = threading.Thread(target=worker.run)
    thread.start()
    waits.begun.wait(10)
    worker.stop()
    thread.join(10)

    assert not thread.is_alive()
    assert (queue.get(row).state, queue.get(row).attempts) == (State.WAITING, 0)
    assert [row.state for row in queue.list()] == [State.WAITING, State.WAITING]


def test_a_task_that_ends_despite_the_stop_is_done(make: Make, queue: TaskQueue) -> None:
    workers: list[Worker] = []
    workers.append(make({"publish": lambda _run: workers[0].stop()}))
    row = ask(queue)
    workers[0].run()
    assert queue.get(row).state is State.DONE


def test_a_worker_whose_lease_was_taken_over_stops_and_says_nothing(
    make: Make, queue: TaskQueue, clock: FakeClock
) -> None:
    slow = Waits()
    row = ask(queue)

    def publish(run: TaskRun) -> None:
        # As if this process had been asleep: its lease ended before its thread could renew it.
        while queue.lease(timedelta(days=1)) is None:
            clock.advance(timedelta(seconds=31))
        slow(run)

    make({"publish": publish}).run_due()
    assert slow.begun.is_set()
    assert (queue.get(row).state, queue.get(row).attempts) == (State.RUNNING, 2)


def test_two_workers_run_equal_tasks_one_after_the_other(make: Make, queue: TaskQueue) -> None:
    running: list[str] = []
    overlaps: list[str] = []
    runs: list[str] = []

    def publish(run: TaskRun) -> None:
        if run.task.key in running:
            overlaps.append(run.task.key)
        running.append(run.task.key)
        if len(runs) < 10:
            ask(queue, run.task)  # asked for during the run: another run
        runs.append(run.task.key)
        running.remove(run.task.key)

    workers = [make({"publish": publish}) for _ in range(2)]
    for key in "ab":
        ask(queue, Task("publish", key))
    threads = [threading.Thread(target=w.run, args=(timedelta(seconds=0.3),)) for w in workers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)

    assert overlaps == []
    assert len(runs) >= 11
    assert {row.state for row in queue.list()} == {State.DONE}


def test_what_recurs_is_run_when_its_time_comes(
    make: Make, schedule: Schedule, queue: TaskQueue, clock: FakeClock
) -> None:
    runs = []
    worker = make({"gc": lambda run: runs.append(run.task)})
    schedule.set(Task("gc"), timedelta(hours=1))
    assert not worker.run_due()
    clock.advance(timedelta(hours=1))
    assert worker.run_due()
    assert not worker.run_due()
    assert runs == [Task("gc")]


def test_an_idle_worker_ends(make: Make, queue: TaskQueue) -> None:
    row = ask(queue)
    make({"publish": lambda _run: None}).run(timedelta(seconds=0.05))
    assert queue.get(row).state is State.DONE


def test_a_worker_nobody_wants_any_more_ends_and_gives_its_task_back(make: Make, queue: TaskQueue) -> None:
    waits = Waits()
    row = ask(queue)
    make({"publish": waits}).run(wanted=lambda: not waits.begun.is_set())
    assert queue.get(row).state is State.WAITING


def test_a_database_that_is_away_for_a_moment_does_not_end_the_worker(
    make: Make, queue: TaskQueue, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    worker = make({"publish": lambda _run: worker.stop()})
    row = ask(queue)
    lease, failures = queue.lease, [OSError("away")]

    def flaky(lease_for: timedelta) -> object:
        if failures:
            raise failures.pop()
        return lease(lease_for)

    monkeypatch.setattr(queue, "lease", flaky)
    worker.run()
    assert queue.get(row).state is State.DONE
    assert "cannot be reached" in caplog.text
