import itertools
import signal
import threading
from concurrent.futures import TimeoutError as NotYet

import pytest
import sqlalchemy as sa
from sqlalchemy import bindparam

from artifactd.db.generations import GLOBAL
from artifactd.db.tables import secret, task
from artifactd.db.writer import TURN_JOBS, Database, Turn
from artifactd.errors import InvalidInput, StorageFailure
from tests.support.databases import Place
from tests.support.processes import python, tell, told

INSERT = sa.insert(secret).values(name=bindparam("name"), value="", created=0)
NAMES = sa.select(secret.c.name).order_by(secret.c.name)


def put(database: Database, name: str, turn: Turn) -> None:
    turn.run(database.prepare(INSERT), name=name)


def names(database: Database) -> list[str]:
    return [name for (name,) in database.all(database.prepare(NAMES))]


class HeldTurn:
    """Keeps the writer within a turn, so that what is submitted meanwhile shares the next one."""

    def __init__(self, database: Database) -> None:
        self._go = threading.Event()
        begun = threading.Event()

        def job(_turn: Turn) -> None:
            begun.set()
            self._go.wait(10)

        self._future = database.submit(job)
        begun.wait(10)

    def release(self) -> None:
        self._go.set()
        self._future.result(10)


def test_jobs_that_wait_share_a_turn_of_at_most_64(place: Place) -> None:
    database = place.open(itertools.count().__next__)
    held = HeldTurn(database)
    moments = [database.submit(lambda turn: turn.now) for _ in range(TURN_JOBS + 1)]
    held.release()

    assert {future.result(10) for future in moments[:TURN_JOBS]} == {1}
    assert moments[TURN_JOBS].result(10) == 2
    database.close()


def test_a_job_that_raises_is_undone_alone(database: Database) -> None:
    def raises(turn: Turn) -> None:
        put(database, "undone", turn)
        raise InvalidInput("no")

    held = HeldTurn(database)
    before = database.submit(lambda turn: put(database, "before", turn))
    failing = database.submit(raises)
    after = database.submit(lambda turn: put(database, "after", turn))
    held.release()

    before.result(10)
    after.result(10)
    with pytest.raises(InvalidInput):
        failing.result(10)
    assert names(database) == ["after", "before"]


def test_a_statement_the_database_refuses_fails_its_job_alone(database: Database) -> None:
    database.write(lambda turn: put(database, "taken", turn))
    held = HeldTurn(database)
    refused = database.submit(lambda turn: put(database, "taken", turn))
    accepted = database.submit(lambda turn: put(database, "free", turn))
    held.release()

    accepted.result(10)
    with pytest.raises(StorageFailure):
        refused.result(10)
    assert names(database) == ["free", "taken"]


def test_a_turn_that_fails_tells_everyone_and_the_next_one_works(database: Database) -> None:
    def breaks(turn: Turn) -> None:
        turn.connection.connection.driver_connection.close()  # type: ignore[union-attr]

    held = HeldTurn(database)
    futures = [
        database.submit(lambda turn: put(database, "before", turn)),
        database.submit(breaks),
        database.submit(lambda turn: put(database, "after", turn)),
    ]
    held.release()

    for future in futures:
        with pytest.raises(StorageFailure):
            future.result(10)
    assert names(database) == []
    database.write(lambda turn: put(database, "next", turn))
    assert names(database) == ["next"]


def test_who_was_answered_reads_what_it_wrote(database: Database) -> None:
    for number in range(50):
        name = f"{number:03}"
        database.write(lambda turn, name=name: put(database, name, turn))  # type: ignore[misc]
        assert names(database)[-1] == name


def test_a_read_of_several_statements_sees_one_moment(database: Database) -> None:
    with database.read() as reader:
        statement = database.prepare(NAMES)
        assert reader.all(statement) == []
        database.write(lambda turn: put(database, "meanwhile", turn))
        assert reader.all(statement) == []
    assert names(database) == ["meanwhile"]


def test_a_counter_moves_with_the_commit_and_not_without(database: Database) -> None:
    def moves(turn: Turn) -> None:
        turn.moves(100)

    def raises(turn: Turn) -> None:
        turn.moves(101)
        raise InvalidInput("no")

    taken, other = database.generations.take([100]), database.generations.take([101])
    database.write(moves)
    with pytest.raises(InvalidInput):
        database.write(raises)

    assert not database.generations.current(taken)
    assert database.generations.current(other)


def test_a_job_cannot_wait_for_another(database: Database) -> None:
    with pytest.raises(RuntimeError, match="wait for ever"):
        database.write(lambda _turn: database.write(lambda _inner: None))


def test_closing_finishes_what_waits_and_may_be_repeated(place: Place) -> None:
    database = place.open()
    futures = [
        database.submit(lambda turn, name=name: put(database, name, turn))  # type: ignore[misc]
        for name in "abc"
    ]
    database.close()
    database.close()

    assert all(future.done() for future in futures)
    reopened = place.open()
    assert names(reopened) == ["a", "b", "c"]
    reopened.close()


def test_one_process_waits_for_the_turn_of_another(place: Place, database: Database) -> None:
    script = """
def job(turn):
    print("within", flush=True)
    sys.stdin.readline()
database.write(job)
print("over", flush=True)
"""
    with python(place, script) as other:
        assert told(other) == "within"
        waiting = database.submit(lambda turn: put(database, "mine", turn))
        with pytest.raises(NotYet):
            waiting.result(0.1)
        tell(other)
        waiting.result(10)
        assert told(other) == "over"
    assert names(database) == ["mine"]


def test_ids_are_in_the_order_of_commits_across_processes(place: Place, database: Database) -> None:
    script = """
from artifactd.tasks.queue import TaskQueue
from artifactd.tasks.task import Task
queue = TaskQueue(database)
for number in range(40):
    queue.enqueue(Task("any"), requested_by=sys.argv[3])
print("over", flush=True)
"""
    ids = database.prepare(sa.select(task.c.id).where(task.c.id > bindparam("after")).order_by(task.c.id))
    everything = database.prepare(sa.select(task.c.id).order_by(task.c.id))
    seen: list[int] = []
    with python(place, script, "one") as one, python(place, script, "two") as two:
        ended = threading.Thread(target=lambda: (told(one), told(two)))
        ended.start()
        while ended.is_alive():
            seen += [id for (id,) in database.all(ids, after=seen[-1] if seen else 0)]
        seen += [id for (id,) in database.all(ids, after=seen[-1] if seen else 0)]

    # What follows the last id seen is everything new: a reader never misses an earlier one.
    assert len(seen) == 80
    assert seen == [id for (id,) in database.all(everything)]


@pytest.mark.parametrize(
    ("step", "kept"), [("begin", []), ("end", ["written"])], ids=["before COMMIT", "after COMMIT"]
)
def test_a_process_killed_within_its_turn_makes_every_reader_look_again(
    place: Place, database: Database, step: str, kept: list[str]
) -> None:
    script = """
import os
from sqlalchemy import insert
from artifactd.db.tables import secret
begin = database.generations.begin
def die(stripes):
    if sys.argv[3] == "begin":
        begin(stripes)
    os.kill(os.getpid(), 9)
setattr(database.generations, sys.argv[3], die)
statement = database.prepare(insert(secret).values(name="written", value="", created=0))
database.write(lambda turn: turn.run(statement))
"""
    taken = database.generations.take([])
    database.recover()
    assert database.generations.current(taken)

    with python(place, script, step) as other:
        assert other.wait(20) == -signal.SIGKILL
    database.recover()

    assert not database.generations.current(taken)
    assert names(database) == kept
    after = database.generations.page[GLOBAL]
    database.recover()
    assert database.generations.page[GLOBAL] == after


def test_a_turn_after_a_killed_one_recovers_by_itself(place: Place, database: Database) -> None:
    script = """
import os
database.generations.end = lambda stripes: os.kill(os.getpid(), 9)
database.write(lambda turn: None)
"""
    taken = database.generations.take([])
    with python(place, script) as other:
        assert other.wait(20) == -signal.SIGKILL

    database.write(lambda turn: None)

    assert not database.generations.current(taken)
