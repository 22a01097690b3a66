"""What upstreams last said of paths, on both engines (proxy R65, R78, R79)."""

import pytest

from artifactd.blobs.memory import MemoryBlobStore
from artifactd.catalog.upstream_states import UpstreamState, UpstreamStates
from artifactd.db import tables
from artifactd.db.generations import repository_stripe
from artifactd.db.writer import Database
from tests.support.clocks import FakeClock
from tests.support.shelves import Shelf

COPY = UpstreamState('"one"', "Tue, 14 Nov 2023 22:13:20 GMT", 1000, 2000, 3000)
FOR_EVER = UpstreamState("", "", 1000, None, None)
DOUBTED = UpstreamState('W/"two"', "", 1000, 2000, 3000, 1)
ABSENT = UpstreamState("", "", 1000, 0, 0, 2, 5000)


@pytest.fixture
def shelf(database: Database, clock: FakeClock) -> Shelf:
    return Shelf(database, MemoryBlobStore(clock))


@pytest.fixture
def states(shelf: Shelf) -> UpstreamStates:
    return shelf.catalog.states


def note(shelf: Shelf, path: str, state: UpstreamState, repository: int | None = None) -> None:
    number = shelf.record.id if repository is None else repository
    shelf.database.write(lambda turn: shelf.catalog.states.note(turn, number, path, state))


def known(shelf: Shelf) -> dict[str, tuple[int | None, bool]]:
    """Of each path: how long the copy is fresh, and whether it is known not to be there."""
    return {
        row["path"]: (row["fresh_until"], row["negative_until"] is not None)
        for row in shelf.rows(tables.upstream_state)
        if row["repository_id"] == shelf.record.id
    }


@pytest.mark.parametrize("state", [COPY, FOR_EVER, DOUBTED, ABSENT])
def test_what_was_said_last_is_found(shelf: Shelf, states: UpstreamStates, state: UpstreamState) -> None:
    assert states.find(shelf.database, shelf.record.id, "app/x") is None
    for each in (COPY, state):
        note(shelf, "app/x", each)
        assert states.find(shelf.database, shelf.record.id, "app/x") == each
    other = shelf.add("other")
    assert states.find(shelf.database, other.id, "app/x") is None
    assert states.find(shelf.database, shelf.record.id, "app/X") is None
    assert len(shelf.rows(tables.upstream_state)) == 1


def test_what_is_forgotten_was_never_said(shelf: Shelf, states: UpstreamStates) -> None:
    note(shelf, "app/x", COPY)
    note(shelf, "app/y", COPY)
    shelf.database.write(lambda turn: states.forget(turn, shelf.record.id, "app/x"))
    assert states.find(shelf.database, shelf.record.id, "app/x") is None
    assert states.find(shelf.database, shelf.record.id, "app/y") == COPY


ALL = {
    "app": COPY,
    "app/x": COPY,
    "app/doubted": DOUBTED,
    "app/absent": ABSENT,
    "app/sub/y": COPY,
    "app/fixed": FOR_EVER,
    "app-2/x": COPY,
    "app0": COPY,
    "lib/absent": ABSENT,
}


@pytest.mark.parametrize(
    ("path", "stale", "gone"),
    [
        ("", {"app", "app/x", "app/doubted", "app/sub/y", "app-2/x", "app0"}, {"app/absent", "lib/absent"}),
        ("app", {"app", "app/x", "app/doubted", "app/sub/y"}, {"app/absent"}),
        ("app/", {"app/x", "app/doubted", "app/sub/y"}, {"app/absent"}),
        ("app/sub", {"app/sub/y"}, set()),
        ("app/x", {"app/x"}, set()),
        ("lib/absent", set(), {"lib/absent"}),
        ("none", set(), set()),
    ],
)
def test_copies_at_a_path_and_below_it_are_to_be_checked_and_absences_forgotten(
    shelf: Shelf, states: UpstreamStates, path: str, stale: set[str], gone: set[str]
) -> None:
    for each, state in ALL.items():
        note(shelf, each, state)
    states.invalidate(shelf.record.id, path)
    found = known(shelf)
    assert set(ALL) - set(found) == gone
    assert {each for each, (fresh, _) in found.items() if fresh == 0} - {
        "lib/absent",
        "app/absent",
    } == stale
    assert found["app/fixed"] == (None, False), "what is good for ever is not asked for again"
    kept = states.find(shelf.database, shelf.record.id, "app/x")
    assert kept is not None
    assert (kept.etag, kept.modified, kept.stale_until) == (COPY.etag, COPY.modified, COPY.stale_until)


def test_answers_that_stood_on_them_are_made_anew(shelf: Shelf, states: UpstreamStates) -> None:
    generations = shelf.database.generations
    taken = generations.take((repository_stripe(shelf.record.id),))
    note(shelf, "app/x", COPY)
    assert generations.current(taken), "that a copy was checked is no change"
    states.invalidate(shelf.record.id, "app")
    assert not generations.current(taken)


def test_they_go_with_their_repository(shelf: Shelf, states: UpstreamStates) -> None:
    other = shelf.add("other")
    note(shelf, "app/x", COPY, other.id)
    note(shelf, "app/x", COPY)
    shelf.repositories.delete("other")
    assert [row["repository_id"] for row in shelf.rows(tables.upstream_state)] == [shelf.record.id]
