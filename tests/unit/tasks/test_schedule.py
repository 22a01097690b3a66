from datetime import timedelta

import pytest

from artifactd.clock import SECOND
from artifactd.db.writer import Database
from artifactd.tasks.agenda import Agenda
from artifactd.tasks.queue import TaskQueue
from artifactd.tasks.schedule import Recurrence, Schedule
from artifactd.tasks.task import Progress, Task
from tests.support.clocks import FakeClock
from tests.support.databases import Place
from tests.support.processes import python, tell, told

GC = Task("blob-gc", "default")
HOUR = timedelta(hours=1)


@pytest.fixture
def queue(database: Database) -> TaskQueue:
    return TaskQueue(database)


@pytest.fixture
def schedule(database: Database, queue: TaskQueue) -> Schedule:
    return Schedule(database, queue)


def waiting(queue: TaskQueue) -> list[Task]:
    return [row.task for row in queue.list()]


def test_a_recurring_task_is_enqueued_when_its_time_comes_and_once(
    schedule: Schedule, queue: TaskQueue, clock: FakeClock
) -> None:
    schedule.set(GC, HOUR)
    assert schedule.due(clock()) == 0
    clock.advance(HOUR)

    assert schedule.due(clock()) == 1
    assert schedule.due(clock()) == 0
    assert waiting(queue) == [GC]
    assert queue.list()[0].requested_by == "schedule"


def test_one_run_makes_up_for_a_downtime_and_the_rhythm_stays(
    schedule: Schedule, queue: TaskQueue, clock: FakeClock
) -> None:
    start = clock()
    schedule.set(GC, HOUR)
    clock.advance(timedelta(days=3, minutes=20))

    assert schedule.due(clock()) == 1
    assert schedule.list() == [Recurrence(GC, HOUR, start + 73 * 3600 * SECOND)]
    assert schedule.next_due() == start + 73 * 3600 * SECOND
    assert waiting(queue) == [GC]


def test_setting_the_same_again_keeps_the_next_time(schedule: Schedule, clock: FakeClock) -> None:
    schedule.set(GC, HOUR)
    before = schedule.list()
    clock.advance(timedelta(minutes=50))
    schedule.set(GC, HOUR)
    assert schedule.list() == before

    schedule.set(GC, timedelta(minutes=5))
    assert schedule.list() == [Recurrence(GC, timedelta(minutes=5), clock() + 300 * SECOND)]


def test_what_is_removed_recurs_no_more(schedule: Schedule, queue: TaskQueue, clock: FakeClock) -> None:
    schedule.set(GC, HOUR)
    schedule.remove(GC)
    schedule.remove(GC)
    clock.advance(HOUR)
    assert schedule.due(clock()) == 0
    assert schedule.next_due() is None
    assert waiting(queue) == []


@pytest.mark.parametrize(
    ("task", "every"), [(Task("gc", "", {"a": 1}), HOUR), (GC, timedelta(0))], ids=["arguments", "never"]
)
def test_what_cannot_recur_is_refused(schedule: Schedule, task: Task, every: timedelta) -> None:
    with pytest.raises(ValueError, match="recur"):
        schedule.set(task, every)


def test_several_processes_enqueue_each_recurrence_once(
    place: Place, schedule: Schedule, queue: TaskQueue, clock: FakeClock
) -> None:
    for key in range(20):
        schedule.set(Task("gc", str(key)), HOUR)
    clock.advance(HOUR)
    script = """
from artifactd.tasks.queue import TaskQueue
from artifactd.tasks.schedule import Schedule
schedule = Schedule(database, TaskQueue(database))
print("ready", flush=True)
now = int(sys.stdin.readline())
print(sum(schedule.due(now) for _ in range(5)), flush=True)
"""
    with python(place, script) as one, python(place, script) as two:
        assert (told(one), told(two)) == ("ready", "ready")
        tell(one, str(clock()))
        tell(two, str(clock()))
        assert int(told(one)) + int(told(two)) == 20
    assert sorted(int(task.key) for task in waiting(queue)) == list(range(20))


def test_the_agenda_knows_tasks_leases_and_recurrences(
    database: Database, schedule: Schedule, queue: TaskQueue, clock: FakeClock
) -> None:
    agenda = Agenda(database, queue, schedule)
    assert not agenda.is_due(clock())

    schedule.set(GC, HOUR)
    assert not agenda.is_due(clock())
    clock.advance(HOUR)
    assert agenda.is_due(clock())
    schedule.due(clock())
    assert agenda.is_due(clock())

    held = queue.lease(timedelta(seconds=30))
    assert held is not None
    assert not agenda.is_due(clock())
    clock.advance(timedelta(seconds=30))
    assert agenda.is_due(clock())
    queue.finish(held, Progress())
    assert not agenda.is_due(clock())


def test_the_agenda_sees_what_another_host_enqueued_within_seconds(
    database: Database, schedule: Schedule, queue: TaskQueue, clock: FakeClock, place: Place
) -> None:
    agenda = Agenda(database, queue, schedule)
    assert not agenda.is_due(clock())
    elsewhere = Place(place.url, place.folder / "another host")
    other = elsewhere.open(clock)
    TaskQueue(other).enqueue(GC, requested_by="ada")
    other.close()

    clock.advance(timedelta(seconds=5))
    assert agenda.is_due(clock())
