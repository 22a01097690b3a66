"""Asking: equal questions are one request, of a process and of a host; a question outlives whoever had it;
every end is an outcome (proxy R64, R66, R75 to R77)."""

import asyncio
import contextlib
import hashlib
import os
import random
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from artifactd.errors import RateLimited, StorageFailure, UpstreamInvalid, UpstreamUnavailable
from artifactd.upstream import asking, fill
from artifactd.upstream.asking import SLOTS
from artifactd.upstream.breaker import THRESHOLD
from artifactd.upstream.client import Patience
from artifactd.upstream.growing import FollowedGrowing, LocalGrowing
from artifactd.upstream.question import Again, Aim, Failed, Grows, Held, Kept, Missing, Outcome, Question
from artifactd.upstream.rendezvous import LINGERS
from tests.support.fake_answers import Asked, Reply
from tests.support.fake_upstream import FakeUpstream
from tests.support.processes import told
from tests.support.questions import REPOSITORY, UPSTREAM, Desk, read, until
from tests.support.upstream_faults import flipped, paused, reset, stalled, status, truncated

DATA = random.Random("a file").randbytes(1 << 20)
EXPECTED = {"sha256": hashlib.sha256(DATA).hexdigest()}
WRONG_DIGEST = {"sha256": "00" * 32}


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    monkeypatch.setattr(asking, "RETRY_PAUSES", (0.0, 0.0))
    monkeypatch.setattr(fill, "BATCH", 1 << 16)
    desk = Desk(tmp_path)
    yield desk
    desk.close()


@pytest.fixture
def upstream() -> Iterator[FakeUpstream]:
    with FakeUpstream() as upstream:
        upstream.put("/a", DATA, etag='"one"')
        upstream.put("/small", b"bytes")
        yield upstream


def error(outcome: Outcome) -> Exception:
    assert isinstance(outcome, Failed), outcome
    return outcome.error


# Equal questions


def test_many_equal_questions_are_one_request(desk: Desk, upstream: FakeUpstream) -> None:
    # proxy R66
    async def client() -> bytes | None:
        (outcome,) = await desk.upstreams.ask([desk.question("a", f"{upstream.url}/a")])
        assert isinstance(outcome, Grows)
        return await read(outcome.growing)

    async def main() -> list[bytes | None]:
        return await asyncio.gather(*(client() for _ in range(50)))

    assert set(desk.run(main())) == {DATA}
    assert upstream.count() == 1
    assert len(desk.stored()) == 1


def test_different_questions_are_asked_at_once(desk: Desk, upstream: FakeUpstream) -> None:
    gate = threading.Event()
    upstream.fault(stalled(gate=gate))

    async def main() -> None:
        questions = [
            *(desk.question(path, f"{upstream.url}/small") for path in ("1", "2")),
            desk.question("3", f"{upstream.url}/small", upstream=replace(UPSTREAM, repository_id=2)),
            desk.question("4", f"{upstream.url}/small", aim=Aim.LOOK),
        ]
        waiter = asyncio.create_task(desk.upstreams.ask(questions))
        await until(lambda: upstream.count() == 4)
        gate.set()
        assert [type(outcome).__name__ for outcome in await waiter] == ["Kept"] * 3 + ["Seen"]

    desk.run(main())


def test_a_question_can_be_asked_again_once_it_has_ended(desk: Desk, upstream: FakeUpstream) -> None:
    question = desk.question("small", f"{upstream.url}/small")
    for number in range(3):
        assert desk.ask(question) == Kept()
        assert upstream.count() == number + 1
    assert desk.ask(desk.question("b", f"{upstream.url}/b")) == Missing()
    upstream.put("/b", b"bytes")
    assert desk.ask(desk.question("b", f"{upstream.url}/b")) == Kept()


@pytest.mark.parametrize("aim", [Aim.LOOK, Aim.PART])
def test_what_is_on_its_way_is_not_asked_for_in_parts(desk: Desk, upstream: FakeUpstream, aim: Aim) -> None:
    # proxy R147: a part of what is in flight comes from it, never from a second answer
    gate = threading.Event()
    upstream.fault(paused(0.5, gate=gate))

    async def main() -> None:
        (whole,) = await desk.upstreams.ask([desk.question("a", f"{upstream.url}/a")])
        span = "bytes=-10" if aim is Aim.PART else ""
        (other,) = await desk.upstreams.ask([desk.question("a", f"{upstream.url}/a", aim=aim, span=span)])
        assert isinstance(whole, Grows)
        assert isinstance(other, Grows)
        assert other.growing is whole.growing
        gate.set()
        assert await read(other.growing, len(DATA) - 10) == DATA[-10:]

    desk.run(main())
    assert upstream.count() == 1


def test_who_goes_away_does_not_take_the_answer_along(desk: Desk, upstream: FakeUpstream) -> None:
    gate = threading.Event()
    upstream.fault(stalled(gate=gate))

    async def main() -> None:
        question = desk.question("small", f"{upstream.url}/small")
        leaves = asyncio.create_task(desk.upstreams.ask([question]))
        stays = asyncio.create_task(desk.upstreams.ask([question]))
        await until(lambda: upstream.count() == 1)
        leaves.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await leaves
        gate.set()
        assert await stays == [Kept()]

    desk.run(main())
    assert upstream.count() == 1


# Sources


def test_the_first_source_that_has_it_is_enough(desk: Desk, upstream: FakeUpstream) -> None:
    url = upstream.url
    assert desk.ask(desk.question("x", f"{url}/none", f"{url}/small", f"{url}/a")) == Kept()
    assert desk.kept["x"] == b"bytes"
    assert [asked.path for asked in upstream.asked()] == ["/none", "/small"]
    assert desk.missed == []


def test_a_source_that_fails_is_passed_over(desk: Desk, upstream: FakeUpstream) -> None:
    upstream.fault(status(503), "/broken")
    upstream.fault(status(403), "/refused")
    url = upstream.url
    sources = [f"{url}/{path}" for path in ("broken", "refused", "none", "small")]
    assert desk.ask(desk.question("x", *sources)) == Kept()
    assert desk.kept["x"] == b"bytes"


def test_a_source_with_other_bytes_is_passed_over(desk: Desk, upstream: FakeUpstream) -> None:
    upstream.put("/b", DATA[::-1])
    url = upstream.url
    question = desk.question("x", f"{url}/b", f"{url}/a", expected=EXPECTED, whole=True)
    assert desk.ask(question) == Kept()
    assert desk.kept["x"] == DATA
    assert len(desk.stored()) == 1


def test_a_source_that_could_not_be_asked_may_have_it(desk: Desk, upstream: FakeUpstream) -> None:
    # proxy R102: only if all of them say so it is absent
    upstream.fault(status(503), "/broken")
    url = upstream.url
    for sources in (["broken", "none"], ["none", "broken"]):
        outcome = desk.ask(desk.question("x", *(f"{url}/{path}" for path in sources)))
        assert isinstance(error(outcome), UpstreamUnavailable)
    assert desk.missed == []
    assert desk.ask(desk.question("x", f"{url}/none", f"{url}/nothing")) == Missing()
    assert desk.missed == ["x"], "it is noted once, whatever the number of sources"


def test_the_first_failure_is_the_one_that_is_told(desk: Desk, upstream: FakeUpstream) -> None:
    upstream.fault(status(403), "/refused")
    upstream.fault(status(429, retry_after="3"), "/limited")
    url = upstream.url
    outcome = desk.ask(desk.question("x", f"{url}/refused", f"{url}/limited"))
    assert isinstance(error(outcome), UpstreamInvalid)


# Again, at once


@pytest.mark.parametrize("fault", [status(500), status(502), status(503), status(504), reset()])
def test_a_hiccup_is_not_told(desk: Desk, upstream: FakeUpstream, fault: object) -> None:
    # proxy R76, R148
    upstream.fault(fault, times=2)  # type: ignore[arg-type]
    assert desk.ask(desk.question("small", f"{upstream.url}/small")) == Kept()
    assert desk.upstreams.watch.refusal(UPSTREAM) is None


@pytest.mark.parametrize("code", [404, 403, 429, 416])
def test_an_answer_is_not_asked_for_again(desk: Desk, upstream: FakeUpstream, code: int) -> None:
    upstream.fault(status(code))
    desk.ask(desk.question("small", f"{upstream.url}/small"))
    assert upstream.count() == 1


def test_who_has_a_copy_does_not_wait(desk: Desk, upstream: FakeUpstream) -> None:
    upstream.fault(status(503))
    outcome = desk.ask(desk.question("small", f"{upstream.url}/small", held=Held('"one"')))
    assert isinstance(error(outcome), UpstreamUnavailable)
    assert upstream.count() == 1


def test_a_failure_that_took_long_is_not_asked_for_again(
    desk: Desk, upstream: FakeUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "PATIENT", Patience(5.0, 1.05, 5.0))
    upstream.fault(stalled())
    outcome = desk.ask(desk.question("small", f"{upstream.url}/small"))
    assert isinstance(error(outcome), UpstreamUnavailable)
    assert upstream.count() == 1


def test_what_clients_have_begun_to_read_is_not_begun_anew(desk: Desk, upstream: FakeUpstream) -> None:
    gate = threading.Event()
    upstream.put("/a", DATA, etag="")
    upstream.fault(paused(0.25, gate=gate))
    upstream.fault(truncated(0.5))

    async def main() -> None:
        (outcome,) = await desk.upstreams.ask([desk.question("a", f"{upstream.url}/a")])
        assert isinstance(outcome, Grows)
        position = await outcome.growing.reach(0)
        gate.set()
        with pytest.raises(UpstreamUnavailable):
            await read(outcome.growing, position)

    desk.run(main())
    assert upstream.count() == 1


# Breakers and limits


def test_an_upstream_that_fails_is_left_alone(desk: Desk, upstream: FakeUpstream) -> None:
    # proxy R75
    upstream.fault(status(503))
    held = Held('"one"')
    for number in range(THRESHOLD):
        desk.ask(desk.question(f"{number}", f"{upstream.url}/{number}", held=held))
    asked = upstream.count()
    for number in range(20):
        outcome = desk.ask(desk.question(f"more {number}", f"{upstream.url}/small"))
        assert isinstance(error(outcome), UpstreamUnavailable)
    assert upstream.count() == asked == THRESHOLD
    other = replace(UPSTREAM, repository_id=2)
    upstream.heal()
    assert desk.ask(desk.question("small", f"{upstream.url}/small", upstream=other)) == Kept()


def test_what_waits_for_its_turn_is_not_asked_once_others_have_failed(
    desk: Desk, upstream: FakeUpstream
) -> None:
    upstream.fault(stalled(0.05))
    upstream.fault(status(503))
    held = Held('"one"')

    async def main() -> None:
        questions = [
            desk.question(f"{number}", f"{upstream.url}/{number}", held=held) for number in range(200)
        ]
        outcomes = await desk.upstreams.ask(questions)
        assert all(isinstance(error(outcome), UpstreamUnavailable) for outcome in outcomes)

    desk.run(main())
    assert upstream.count("GET") <= SLOTS + THRESHOLD


def test_a_limit_is_kept_by_every_question(desk: Desk, upstream: FakeUpstream) -> None:
    # proxy R74
    upstream.fault(status(429, retry_after="3600"))
    outcomes = [desk.ask(desk.question(f"{n}", f"{upstream.url}/{n}")) for n in range(5)]
    assert upstream.count() == 1
    for outcome in outcomes:
        told = error(outcome)
        assert isinstance(told, RateLimited)
        assert 1 <= told.retry_after <= 30


def test_an_upstream_has_so_many_requests_at_a_time(desk: Desk, upstream: FakeUpstream) -> None:
    # proxy R77
    gate = threading.Event()
    upstream.fault(stalled(gate=gate))

    async def main() -> None:
        questions = [desk.question(f"{n}", f"{upstream.url}/small") for n in range(SLOTS + 5)]
        waiter = asyncio.create_task(desk.upstreams.ask(questions))
        await until(lambda: upstream.count() == SLOTS)
        await asyncio.sleep(0.05)
        assert upstream.count() == SLOTS
        other = replace(UPSTREAM, repository_id=2)
        elsewhere = asyncio.create_task(
            desk.upstreams.ask([desk.question("o", f"{upstream.url}/small", upstream=other)])
        )
        await until(lambda: upstream.count() == SLOTS + 1)
        gate.set()
        assert set(await waiter) == {Kept()}
        assert await elsewhere == [Kept()]

    desk.run(main())


def test_who_waits_too_long_for_a_turn_is_told_so(
    desk: Desk, upstream: FakeUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "SLOTS", 1)
    upstream.fault(stalled(), "/a")

    async def main() -> None:
        first = asyncio.create_task(desk.upstreams.ask([desk.question("a", f"{upstream.url}/a")]))
        await until(lambda: upstream.count() == 1)
        monkeypatch.setattr(asking, "PATIENT", Patience(1.0, 0.1, 1.0))
        (outcome,) = await desk.upstreams.ask([desk.question("small", f"{upstream.url}/small")])
        told = error(outcome)
        assert isinstance(told, UpstreamUnavailable)
        assert "too many requests" in str(told)
        first.cancel()

    desk.run(main())
    assert upstream.count("", "/small") == 0


# Every end is an outcome


def test_a_fault_of_ours_is_an_outcome_and_is_logged(
    desk: Desk, upstream: FakeUpstream, caplog: pytest.LogCaptureFixture
) -> None:
    def follow(answers: object) -> None:
        raise ZeroDivisionError

    desk.follow = follow
    outcome = desk.ask(desk.question("small", f"{upstream.url}/small", aim=Aim.READ))
    assert isinstance(error(outcome), UpstreamUnavailable)
    assert "ZeroDivisionError" in caplog.text
    assert "ZeroDivisionError" not in str(error(outcome))


def test_our_own_errors_are_outcomes(desk: Desk, upstream: FakeUpstream) -> None:
    def full() -> None:
        raise StorageFailure("no space left on device")

    outcome = desk.ask(desk.question("small", f"{upstream.url}/small", store=full))
    assert isinstance(error(outcome), StorageFailure)
    assert upstream.count() == 1


def test_the_end_of_the_process_is_an_outcome(desk: Desk, upstream: FakeUpstream) -> None:
    upstream.fault(stalled())

    async def main() -> None:
        aims = (Aim.STORE, Aim.READ, Aim.LOOK, Aim.PART)
        questions = [desk.question(aim.value, f"{upstream.url}/a", aim=aim) for aim in aims]
        waiter = asyncio.create_task(desk.upstreams.ask(questions))
        await until(lambda: upstream.count() == 4)
        await desk.upstreams.close()
        for outcome in await waiter:
            assert isinstance(error(outcome), UpstreamUnavailable)

    desk.run(main())
    assert desk.stored() == []
    assert desk.told() == []


# Other processes


def ask(desk: Desk, upstream: FakeUpstream, path: str = "a", **more: object) -> Question:
    return desk.question(path, f"{upstream.url}/{path}", **more)  # type: ignore[arg-type]


def test_another_process_follows_what_one_fetches(desk: Desk, upstream: FakeUpstream) -> None:
    # proxy R66
    gate = threading.Event()
    upstream.fault(paused(0.5, gate=gate))
    others = [desk.process() for _ in range(3)]

    async def main() -> None:
        (mine,) = await desk.upstreams.ask([ask(desk, upstream)])
        assert isinstance(mine, Grows)
        assert isinstance(mine.growing, LocalGrowing)
        followed = []
        for other in others:
            (theirs,) = await other.ask([ask(desk, upstream)])
            assert isinstance(theirs, Grows)
            assert isinstance(theirs.growing, FollowedGrowing)
            assert theirs.facts == mine.facts
            assert theirs.source == mine.source
            followed.append(asyncio.create_task(read(theirs.growing)))
        await asyncio.sleep(0.05)
        assert not any(each.done() for each in followed)
        gate.set()
        assert await asyncio.gather(*followed) == [DATA] * 3

    desk.run(main())
    assert upstream.count() == 1


def test_parts_and_facts_come_from_it_too(desk: Desk, upstream: FakeUpstream) -> None:
    gate = threading.Event()
    upstream.fault(paused(0.5, gate=gate))
    other = desk.process()

    async def main() -> None:
        await desk.upstreams.ask([ask(desk, upstream)])
        outcomes = await other.ask(
            [ask(desk, upstream, aim=Aim.LOOK), ask(desk, upstream, aim=Aim.PART, span="bytes=0-9")]
        )
        assert all(isinstance(outcome, Grows) for outcome in outcomes)
        gate.set()
        for outcome in outcomes:
            assert isinstance(outcome, Grows)
            assert await read(outcome.growing) == DATA

    desk.run(main())
    assert upstream.count() == 1


@pytest.mark.parametrize("more", [{"whole": True}, {"aim": Aim.READ}])
def test_who_cannot_follow_waits_and_looks_again(
    desk: Desk, upstream: FakeUpstream, more: dict[str, object]
) -> None:
    gate = threading.Event()
    upstream.fault(paused(0.5, gate=gate))
    desk.settled = lambda: bool(desk.kept or desk.pages)
    other = desk.process()

    async def main() -> None:
        mine = asyncio.create_task(desk.upstreams.ask([ask(desk, upstream, **more)]))
        await until(lambda: upstream.sent())
        theirs = asyncio.create_task(other.ask([ask(desk, upstream, **more)]))
        await asyncio.sleep(0.05)
        assert not theirs.done()
        gate.set()
        assert await mine == [Kept()]
        assert await theirs == [Again()]

    desk.run(main())
    assert upstream.count() == 1


def test_what_was_not_found_out_is_asked_again(desk: Desk, upstream: FakeUpstream) -> None:
    """Another process has asked and failed: nothing is known that was not known before."""
    gate = threading.Event()
    upstream.fault(stalled(gate=gate), times=1)
    upstream.fault(status(403), times=1)
    other = desk.process()

    async def main() -> None:
        mine = asyncio.create_task(desk.upstreams.ask([ask(desk, upstream, whole=True)]))
        await until(lambda: upstream.count() == 1)
        theirs = asyncio.create_task(other.ask([ask(desk, upstream, whole=True)]))
        await asyncio.sleep(0.05)
        gate.set()
        assert isinstance(error((await mine)[0]), UpstreamInvalid)
        assert await theirs == [Kept()]

    desk.run(main())
    assert upstream.count() == 2


def test_nobody_waits_for_another_process_for_ever(
    desk: Desk, upstream: FakeUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    upstream.fault(stalled())
    other = desk.process()

    async def main() -> None:
        mine = asyncio.create_task(desk.upstreams.ask([ask(desk, upstream)]))
        await until(lambda: upstream.count() == 1)
        monkeypatch.setattr(asking, "PATIENT", Patience(0.05, 0.05, 1.0))
        (outcome,) = await other.ask([ask(desk, upstream)])
        told = error(outcome)
        assert isinstance(told, UpstreamUnavailable)
        assert "takes too long" in str(told)
        mine.cancel()

    desk.run(main())


def test_a_failure_is_told_to_the_followers_in_other_processes(desk: Desk, upstream: FakeUpstream) -> None:
    gate = threading.Event()
    upstream.fault(paused(0.5, gate=gate))
    other = desk.process()

    async def main() -> None:
        await desk.upstreams.ask([ask(desk, upstream, expected=WRONG_DIGEST)])
        (theirs,) = await other.ask([ask(desk, upstream, expected=WRONG_DIGEST)])
        assert isinstance(theirs, Grows)
        following = asyncio.create_task(read(theirs.growing))
        gate.set()
        with pytest.raises(UpstreamUnavailable, match="other bytes than it should have"):
            await following

    desk.run(main())
    assert desk.stored() == []


def test_followers_of_a_fill_do_not_take_a_later_one_for_it(desk: Desk, upstream: FakeUpstream) -> None:
    """A slow client of another process: the fill that it follows turned out wrong, the next one right."""
    gate = threading.Event()
    upstream.fault(paused(0.5, gate=gate), times=1)
    upstream.fault(flipped(-1), times=1)
    other = desk.process()

    async def main() -> None:
        await desk.upstreams.ask([ask(desk, upstream, expected=EXPECTED)])
        (theirs,) = await other.ask([ask(desk, upstream, expected=EXPECTED)])
        assert isinstance(theirs, Grows)
        position = await theirs.growing.reach(0)
        gate.set()
        await until(lambda: not any(file.suffix == ".lock" for file in desk.told()))
        assert desk.stored() == []
        (mine,) = await desk.upstreams.ask([ask(desk, upstream, expected=EXPECTED)])
        if isinstance(mine, Grows):
            assert await read(mine.growing) == DATA
        await until(lambda: desk.kept)
        with pytest.raises(UpstreamUnavailable):
            await read(theirs.growing, position)

    desk.run(main())
    assert desk.kept["a"] == DATA


def test_what_cannot_be_kept_is_right_for_everybody(desk: Desk, upstream: FakeUpstream) -> None:
    gate = threading.Event()
    upstream.fault(paused(0.5, gate=gate))
    other = desk.process()

    def full() -> None:
        raise StorageFailure("no space left on device")

    async def main() -> None:
        (mine,) = await desk.upstreams.ask([ask(desk, upstream, store=full)])
        (theirs,) = await other.ask([ask(desk, upstream)])
        assert isinstance(mine, Grows)
        assert isinstance(theirs, Grows)
        gate.set()
        assert await read(mine.growing) == DATA
        await asyncio.sleep(0.05)
        assert await read(theirs.growing) == DATA

    desk.run(main())


_DYING = """
import sys, time
from pathlib import Path
from artifactd.upstream.rendezvous import Rendezvous
folder, file, url = sys.argv[1:4]
claim = Rendezvous(Path(folder)).claim(int(sys.argv[4]), sys.argv[5])
Path(file).write_bytes(b"x" * (1 << 19))
told = {"state": "growing", "size": 1 << 20, "url": url, "headers": {}, "source": 0, "path": file}
claim.tell(told)
print("told", flush=True)
time.sleep(60)
"""


def test_a_process_that_dies_in_a_fill_ends_it_and_the_next_one_takes_over(
    desk: Desk, upstream: FakeUpstream, tmp_path: Path
) -> None:
    # proxy R66
    url = f"{upstream.url}/a"
    arguments = [str(tmp_path / "fetches"), str(tmp_path / "dying.part"), url, str(REPOSITORY), "a"]
    process = subprocess.Popen(
        [sys.executable, "-c", _DYING, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert told(process) == "told"

        async def main() -> None:
            (outcome,) = await desk.upstreams.ask([desk.question("a", url)])
            assert isinstance(outcome, Grows)
            position = await outcome.growing.reach(0)
            assert position == 1 << 19
            waiting = asyncio.create_task(outcome.growing.reach(position))
            await asyncio.sleep(0.05)
            assert not waiting.done()
            process.kill()
            process.wait(20)
            with pytest.raises(UpstreamUnavailable, match="has ended"):
                await waiting

        desk.run(main())
        assert upstream.count() == 0
        assert isinstance(desk.ask(desk.question("a", url)), Grows)
        assert desk.kept["a"] == DATA
    finally:
        process.kill()
        process.communicate()


def test_what_fills_left_behind_is_tidied_up(desk: Desk, upstream: FakeUpstream, tmp_path: Path) -> None:
    desk.ask(ask(desk, upstream))
    documents = desk.told()
    assert documents
    desk.upstreams.tidy()
    assert desk.told() == documents, "followers may not have seen them yet"
    for document in documents:
        old = document.stat().st_mtime - LINGERS - 1
        os.utime(document, (old, old))
    desk.upstreams.tidy()
    assert desk.told() == []


def test_a_new_configuration_has_a_new_client_and_the_old_one_ends_its_work(
    desk: Desk, upstream: FakeUpstream
) -> None:
    # proxy R78
    gate = threading.Event()

    def answer(asked: Asked) -> Reply:
        return Reply(200, [], asked.header("authorization").encode())

    upstream.route("/who", answer)
    upstream.fault(paused(0.5, gate=gate), "/a")

    async def main() -> None:
        url = f"{upstream.url}/"
        old = replace(UPSTREAM, url=url, username="old", password="secret")
        (grows,) = await desk.upstreams.ask([desk.question("a", f"{upstream.url}/a", upstream=old)])
        new = replace(old, version=2, username="new")
        assert await desk.upstreams.ask([desk.question("who", f"{url}who", upstream=new)]) == [Kept()]
        gate.set()
        assert isinstance(grows, Grows)
        assert await read(grows.growing) == DATA

    desk.run(main())
    assert len(upstream.asked("GET", "/who")) >= 1
