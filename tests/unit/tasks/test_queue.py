from datetime import timedelta
from pathlib import Path

import pytest

from artifactd.clock import SECOND, moment
from artifactd.db.generations import TASKS
from artifactd.db.writer import Database, Turn
from artifactd.errors import InvalidInput, ObjectNotFound
from artifactd.tasks import statements
from artifactd.tasks.queue import FIRST_PAUSE, MAX_ATTEMPTS, TaskQueue
from artifactd.tasks.task import Lease, Progress, Renewal, State, Task
from tests.support.clocks import FakeClock
from tests.support.databases import Place
from tests.support.processes import python, tell, told

PUBLISH = Task("publish", "rpm/9")
LEASE = timedelta(seconds=30)


@pytest.fixture
def queue(database: Database) -> TaskQueue:
    return TaskQueue(database)


def ask(queue: TaskQueue, task: Task = PUBLISH, delay: float = 0, at_most: float | None = None) -> int:
    return queue.enqueue(
        task,
        requested_by="ada",
        delay=timedelta(seconds=delay),
        at_most=None if at_most is None else timedelta(seconds=at_most),
    )


def lease(queue: TaskQueue) -> Lease:
    found = queue.lease(LEASE)
    assert found is not None
    return found


def states(queue: TaskQueue) -> list[str]:
    return [row.state for row in reversed(queue.list())]


# Asking


def test_a_task_is_remembered_with_who_asked_and_what_for(queue: TaskQueue, clock: FakeClock) -> None:
    task = Task("import", "pypi", {"from": "/srv", "limit": 3})
    row = queue.get(ask(queue, task))

    assert (row.task, row.state, row.requested_by, row.created) == (task, State.WAITING, "ada", clock())
    assert row.attempts == 0 and row.progress == Progress() and row.finished is None


def test_a_task_enqueued_in_a_turn_that_is_undone_was_never_asked_for(
    queue: TaskQueue, database: Database
) -> None:
    def job(turn: Turn) -> None:
        queue.enqueue(PUBLISH, requested_by="ada", turn=turn)
        raise InvalidInput("no")

    with pytest.raises(InvalidInput):
        database.write(job)
    assert queue.lease(LEASE) is None


def test_enqueueing_moves_the_counter_of_tasks(queue: TaskQueue, database: Database) -> None:
    taken = database.generations.take([TASKS])
    ask(queue)
    assert not database.generations.current(taken)


def test_a_task_that_does_not_exist_is_not_found(queue: TaskQueue) -> None:
    with pytest.raises(ObjectNotFound, match="task '7' does not exist"):
        queue.get(7)
    with pytest.raises(ObjectNotFound):
        queue.cancel(7)


# Coalescing


def test_one_run_answers_everyone_who_asked_before_it(queue: TaskQueue) -> None:
    for number in range(3):
        ask(queue, Task("publish", "rpm/9", {"asked": number}))
    taken = lease(queue)

    assert taken.task == Task("publish", "rpm/9", {"asked": 2})
    assert queue.lease(LEASE) is None
    queue.finish(taken, Progress())
    assert states(queue) == ["done"] * 3


def test_what_is_asked_for_during_a_run_makes_another_run(queue: TaskQueue) -> None:
    ask(queue)
    first = lease(queue)
    ask(queue)
    assert queue.lease(LEASE) is None  # one lease per (name, key)
    queue.finish(first, Progress())

    second = lease(queue)
    assert second.id != first.id
    queue.finish(second, Progress())
    assert states(queue) == ["done", "done"]


def test_other_keys_run_meanwhile_in_the_order_they_became_due(queue: TaskQueue, clock: FakeClock) -> None:
    for key in "abc":
        ask(queue, Task("publish", key))
        clock.advance(timedelta(seconds=1))
    assert [lease(queue).task.key for _ in range(3)] == ["a", "b", "c"]


def test_quiet_time_begins_anew_with_every_request(queue: TaskQueue, clock: FakeClock) -> None:
    ask(queue, delay=5, at_most=60)
    clock.advance(timedelta(seconds=4))
    ask(queue, delay=5, at_most=60)
    clock.advance(timedelta(seconds=4))
    assert queue.lease(LEASE) is None
    clock.advance(timedelta(seconds=1))
    assert lease(queue).task == PUBLISH


def test_nobody_waits_longer_than_the_longest_wait(queue: TaskQueue, clock: FakeClock) -> None:
    start = clock()
    ask(queue, delay=5, at_most=12)
    while queue.lease(LEASE) is None:
        clock.advance(timedelta(seconds=1))
        ask(queue, delay=5, at_most=12)
    assert clock() - start == 12 * SECOND


def test_a_delay_without_longest_wait_is_the_longest_wait(queue: TaskQueue, clock: FakeClock) -> None:
    start = clock()
    ask(queue, delay=5)
    while queue.lease(LEASE) is None:
        clock.advance(timedelta(seconds=1))
        ask(queue, delay=5)
    assert clock() - start == 5 * SECOND


def test_a_request_without_delay_ends_the_quiet_time(queue: TaskQueue) -> None:
    ask(queue, delay=60, at_most=600)
    ask(queue)
    queue.finish(lease(queue), Progress())
    assert states(queue) == ["done", "done"]


# Leases


def test_a_lease_that_is_not_renewed_is_taken_over(queue: TaskQueue, clock: FakeClock) -> None:
    ask(queue)
    dead = lease(queue)
    clock.advance(timedelta(seconds=29))
    assert queue.lease(LEASE) is None
    clock.advance(timedelta(seconds=1))

    taken = lease(queue)
    assert (taken.task, taken.attempt) == (PUBLISH, 2)
    # The old holder was only slow: nothing it says counts any more.
    assert queue.heartbeat(dead, Progress(9), LEASE) is Renewal.LOST
    queue.finish(dead, Progress(9))
    queue.fail(dead, "late")
    queue.release(dead)
    assert states(queue) == ["running"]
    queue.finish(taken, Progress(1))
    assert queue.list()[0].progress == Progress(1)


def test_a_lease_that_is_renewed_stays(queue: TaskQueue, clock: FakeClock) -> None:
    row = ask(queue)
    held = lease(queue)
    for done in range(5):
        clock.advance(timedelta(seconds=20))
        assert queue.heartbeat(held, Progress(done, 5, "files"), LEASE) is Renewal.HELD
        assert queue.lease(LEASE) is None
    assert queue.get(row).progress == Progress(4, 5, "files")


def test_a_task_whose_workers_all_die_fails(queue: TaskQueue, clock: FakeClock) -> None:
    row = ask(queue)
    for attempt in range(1, MAX_ATTEMPTS + 1):
        assert lease(queue).attempt == attempt
        clock.advance(LEASE)
    assert queue.lease(LEASE) is None
    assert queue.get(row).state is State.FAILED
    assert "died" in queue.get(row).progress.message


def test_a_released_task_runs_again_at_once_and_loses_no_attempt(queue: TaskQueue) -> None:
    ask(queue)
    queue.release(lease(queue))
    assert lease(queue).attempt == 1


def test_processes_never_run_equal_tasks_at_once(place: Place, queue: TaskQueue) -> None:
    for _ in range(3):
        for key in range(10):
            ask(queue, Task("publish", str(key)))
    script = """
from artifactd.tasks.queue import TaskQueue
queue = TaskQueue(database)
print("ready", flush=True)
sys.stdin.readline()
while (lease := queue.lease(timedelta(days=36500))) is not None:
    print(lease.task.key, flush=True)
print("over", flush=True)
"""
    with python(place, script) as one, python(place, script) as two:
        assert (told(one), told(two)) == ("ready", "ready")
        tell(one)
        tell(two)
        keys = [*iter(lambda: told(one), "over"), *iter(lambda: told(two), "over")]
    assert sorted(keys) == [str(key) for key in range(10)]


# Failing


def test_a_failed_task_is_tried_again_after_ever_longer_pauses(queue: TaskQueue, clock: FakeClock) -> None:
    row = ask(queue)
    pauses = []
    for _ in range(MAX_ATTEMPTS - 1):
        queue.fail(lease(queue), "disk full")
        assert queue.get(row).state is State.WAITING
        failed = clock()
        while (due := queue.next_due()) is not None and due > clock():
            assert queue.lease(LEASE) is None
            clock.at = due
        pauses.append(moment(clock()) - moment(failed))
    queue.fail(lease(queue), "disk full")

    assert pauses == [FIRST_PAUSE, 2 * FIRST_PAUSE, 4 * FIRST_PAUSE, 8 * FIRST_PAUSE]
    found = queue.get(row)
    assert (found.state, found.attempts, found.finished) == (State.FAILED, MAX_ATTEMPTS, clock())
    assert found.progress.message == "disk full"
    assert queue.next_due() is None


def test_who_asks_during_the_pause_waits_for_its_end(queue: TaskQueue, clock: FakeClock) -> None:
    ask(queue)
    queue.fail(lease(queue), "upstream down")
    ask(queue)
    assert queue.lease(LEASE) is None
    clock.advance(FIRST_PAUSE)
    queue.finish(lease(queue), Progress())
    assert states(queue) == ["done", "done"]


# Cancelling


def test_a_waiting_task_that_is_cancelled_never_runs(queue: TaskQueue, clock: FakeClock) -> None:
    row = ask(queue)
    queue.cancel(row)
    assert queue.lease(LEASE) is None
    assert queue.get(row).state is State.CANCELLED
    assert queue.get(row).finished == clock()


def test_a_running_task_learns_of_its_cancellation_with_its_next_heartbeat(queue: TaskQueue) -> None:
    rows = [ask(queue), ask(queue)]
    held = lease(queue)
    queue.cancel(rows[0])
    assert queue.heartbeat(held, Progress(), LEASE) is Renewal.CANCELLED
    queue.finish(held, Progress(), cancelled=True)
    assert states(queue) == ["cancelled", "cancelled"]


def test_a_cancelled_task_is_not_tried_again(queue: TaskQueue, clock: FakeClock) -> None:
    for end in (lambda held: queue.fail(held, "no"), queue.release, lambda _held: clock.advance(LEASE)):
        row = ask(queue)
        held = lease(queue)
        queue.cancel(row)
        end(held)
        assert queue.lease(LEASE) is None
        assert queue.get(row).state is State.CANCELLED


def test_cancelling_what_has_finished_changes_nothing(queue: TaskQueue) -> None:
    row = ask(queue)
    queue.finish(lease(queue), Progress())
    queue.cancel(row)
    assert queue.get(row).state is State.DONE


# Looking


def test_what_is_due_next_is_known(queue: TaskQueue, clock: FakeClock) -> None:
    assert queue.next_due() is None
    ask(queue, delay=60)
    assert queue.next_due() == clock() + 60 * SECOND
    ask(queue, Task("other"))
    assert queue.next_due() == clock()
    lease(queue)
    assert queue.next_due() == clock() + 30 * SECOND  # unless the lease is renewed


def test_rows_are_listed_newest_first_in_pages(queue: TaskQueue) -> None:
    rows = [ask(queue, Task(name)) for name in ("a", "b", "a", "b", "a")]
    lease(queue)

    assert [row.id for row in queue.list(limit=2)] == [rows[4], rows[3]]
    assert [row.id for row in queue.list(limit=2, before=rows[3])] == [rows[2], rows[1]]
    assert [row.id for row in queue.list(name="b")] == [rows[3], rows[1]]
    assert [row.id for row in queue.list(state=State.RUNNING)] == [rows[4], rows[2], rows[0]]


def test_finished_rows_are_forgotten_after_thirty_days(queue: TaskQueue, clock: FakeClock) -> None:
    ask(queue)
    queue.finish(lease(queue), Progress())
    clock.advance(timedelta(days=29))
    recent = ask(queue)
    queue.finish(lease(queue), Progress())
    waiting = ask(queue, delay=10 * 86_400)
    clock.advance(timedelta(days=1, seconds=1))

    assert queue.prune(clock()) == 1
    assert queue.prune(clock()) == 0
    assert [row.id for row in queue.list()] == [waiting, recent]


def test_looking_for_work_never_reads_what_has_finished(sqlite_template: Path, tmp_path: Path) -> None:
    database = Place(f"sqlite:///{sqlite_template}", tmp_path).open()
    with database.connect() as connection:
        for statement in (statements.ready(), statements.next_ready(), statements.next_expiry()):
            sql = database.prepare(statement).sql
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", (0,) * sql.count("?")).all()
            assert not any("SCAN task" in row[3] for row in plan), plan
    database.close()
