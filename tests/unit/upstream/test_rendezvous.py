"""Where processes meet: one asks for a path, whatever becomes of it, and the others learn what it tells
(proxy R66)."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Protocol

import pytest

from artifactd.upstream.rendezvous import LINGERS, Claim, Rendezvous
from tests.support.processes import tell, told

_CLAIMING = """
import sys
from pathlib import Path
from artifactd.upstream.rendezvous import Rendezvous
rendezvous = Rendezvous(Path(sys.argv[1]))
claim = rendezvous.claim(1, sys.argv[2])
print("refused" if claim is None else "claimed", flush=True)
for line in sys.stdin:
    if line.strip() == "tell":
        claim.tell({"state": "growing", "path": "/blobs/1.part"})
    if line.strip() == "release":
        claim.release()
    print("done", flush=True)
"""


FILE = "/blobs/1.part"
NOW = 1_700_000_000.0


def told_of(state: str, file: str = FILE) -> dict[str, Any]:
    """What is told of a fill."""
    return {"state": state, "path": file}


class Start(Protocol):
    def __call__(self, path: str) -> "subprocess.Popen[str]": ...


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "fetches"


@pytest.fixture
def rendezvous(folder: Path) -> Rendezvous:
    return Rendezvous(folder)


@pytest.fixture
def other(folder: Path) -> Iterator[Start]:
    """Start another process, which claims a path and then does what it is told."""
    with ExitStack() as stack:

        def start(path: str) -> "subprocess.Popen[str]":
            process = subprocess.Popen(
                [sys.executable, "-c", _CLAIMING, str(folder), path],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            stack.callback(process.communicate)
            stack.callback(process.kill)
            return process

        yield start


def do(process: "subprocess.Popen[str]", line: str) -> None:
    tell(process, line)
    assert told(process) == "done"


def test_a_claim_is_one_process_s_until_it_lets_go(rendezvous: Rendezvous, other: Start) -> None:
    process = other("a")
    assert told(process) == "claimed"
    assert rendezvous.is_claimed(1, "a")
    assert rendezvous.claim(1, "a") is None
    for repository, path in ((1, "b"), (2, "a")):
        free = rendezvous.claim(repository, path)
        assert free is not None, "another path is another claim"
        free.release()
    do(process, "release")
    assert not rendezvous.is_claimed(1, "a")
    mine = rendezvous.claim(1, "a")
    assert mine is not None
    assert told(other("a")) == "refused"
    mine.release()
    assert told(other("a")) == "claimed"


def test_a_claim_ends_with_its_process_and_its_document_stays(rendezvous: Rendezvous, other: Start) -> None:
    process = other("a")
    assert told(process) == "claimed"
    do(process, "tell")
    assert rendezvous.told(1, "a") == told_of("growing")
    process.kill()
    process.wait(20)
    assert not rendezvous.is_claimed(1, "a")
    assert rendezvous.told(1, "a") is not None, "its followers must be able to see that it has ended"
    claim = rendezvous.claim(1, "a")
    assert claim is not None
    assert rendezvous.told(1, "a") is None, "what a dead process told is not what the next one tells"
    assert rendezvous.told(1, "a", FILE) == told_of("growing"), "who follows the old fill is told of that"
    claim.release()


def test_every_fill_of_a_path_has_its_own_end(rendezvous: Rendezvous) -> None:
    claim = rendezvous.claim(1, "a")
    assert claim is not None
    claim.tell(told_of("failed"))
    claim.tell(told_of("stored", "/blobs/2.part"))
    claim.release()
    assert rendezvous.told(1, "a") == told_of("stored", "/blobs/2.part")
    assert rendezvous.told(1, "a", FILE) == told_of("failed")
    assert rendezvous.told(1, "a", "/blobs/2.part") == told_of("stored", "/blobs/2.part")
    assert rendezvous.told(1, "a", "/blobs/3.part") is None
    assert rendezvous.told(1, "b", FILE) is None


def test_what_is_told_is_replaced_as_a_whole(rendezvous: Rendezvous, folder: Path) -> None:
    claim = rendezvous.claim(1, "a")
    assert claim is not None
    assert rendezvous.told(1, "a") is None
    for state in ("growing", "stored"):
        said = {**told_of(state), "headers": {"etag": '"x"'}}
        claim.tell(said)
        assert rendezvous.told(1, "a") == rendezvous.told(1, "a", FILE) == said
    claim.release()
    assert rendezvous.told(1, "a") is not None, "followers may not have seen it yet"
    assert not [file for file in folder.iterdir() if file.suffix != ".json"]


def test_a_claim_that_was_never_told_of_leaves_nothing(rendezvous: Rendezvous, folder: Path) -> None:
    for _ in range(3):
        claim = rendezvous.claim(1, "../x/" + "long" * 500)
        assert claim is not None
        assert len(list(folder.iterdir())) == 1
        claim.release()
    assert list(folder.iterdir()) == []


def test_looking_at_a_claim_does_not_take_it(rendezvous: Rendezvous, folder: Path) -> None:
    claim = rendezvous.claim(1, "a")
    assert claim is not None
    for _ in range(3):
        assert rendezvous.is_claimed(1, "a")
    claim.release()
    assert not rendezvous.is_claimed(1, "a")
    assert list(folder.iterdir()) == []


def test_many_processes_take_turns(rendezvous: Rendezvous, other: Start) -> None:
    processes = [other("a") for _ in range(4)]
    answers = [told(process) for process in processes]
    assert sorted(answers) == ["claimed", "refused", "refused", "refused"]
    do(processes[answers.index("claimed")], "release")
    claim = rendezvous.claim(1, "a")
    assert claim is not None
    claim.release()


def test_what_ended_long_ago_is_swept_away_and_nothing_else(
    rendezvous: Rendezvous, folder: Path, other: Start
) -> None:
    def known(path: str) -> bool:
        whole = rendezvous.told(1, path) is not None
        assert whole == (rendezvous.told(1, path, FILE) is not None)
        return whole

    def fill(path: str, state: str, age: float) -> Claim:
        before = set(folder.iterdir())
        claim = rendezvous.claim(1, path)
        assert claim is not None
        claim.tell(told_of(state))
        for file in set(folder.iterdir()) - before:
            os.utime(file, (NOW - age, NOW - age))
        return claim

    fill("ended", "stored", LINGERS + 1).release()
    fill("fresh", "stored", 1).release()
    runs = fill("runs", "growing", LINGERS + 1)
    before = set(folder.iterdir())
    died = other("died")
    assert told(died) == "claimed"
    do(died, "tell")
    died.kill()
    died.wait(20)
    for file in set(folder.iterdir()) - before:
        os.utime(file, (NOW - LINGERS - 1, NOW - LINGERS - 1))

    rendezvous.sweep(NOW)
    assert [path for path in ("ended", "fresh", "runs", "died") if known(path)] == ["fresh", "runs"]
    rendezvous.sweep(NOW + LINGERS)
    assert [path for path in ("fresh", "runs") if known(path)] == ["runs"]
    assert rendezvous.claim(1, "runs") is None
    runs.release()
    rendezvous.sweep(NOW + LINGERS)
    assert list(folder.iterdir()) == []


def test_locks_of_the_dead_do_not_pile_up(rendezvous: Rendezvous, folder: Path, other: Start) -> None:
    processes = [other(f"path {number}") for number in range(3)]
    for process in processes:
        assert told(process) == "claimed"
        process.kill()
        process.wait(20)
    newest = max(file.stat().st_mtime for file in folder.iterdir())
    rendezvous.sweep(newest + LINGERS + 1)
    assert list(folder.iterdir()) == []
