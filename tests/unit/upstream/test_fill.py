"""Fills: bytes are verified before anybody has the whole of them, continued where they broke off, and gone
without a trace when they are not right (proxy R66 to R69, R76, T1 to T4, T9, T12)."""

import asyncio
import hashlib
import random
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from artifactd.errors import (
    ArtifactdError,
    StorageFailure,
    UpstreamInvalid,
    UpstreamUnavailable,
)
from artifactd.upstream import fill
from artifactd.upstream.answer import Facts
from artifactd.upstream.growing import HELD_BACK
from artifactd.upstream.question import Failed, Grows, Held, Kept, Outcome
from tests.support.fake_answers import Asked, Fault, Reply
from tests.support.fake_upstream import FakeUpstream
from tests.support.questions import Desk, read, until
from tests.support.upstream_faults import (
    dripping,
    flipped,
    framed,
    gzipped,
    hung_up,
    labelled,
    misdeclared,
    old_fashioned,
    paused,
    replaced,
    reset,
    status,
    truncated,
)

DATA = random.Random("a file").randbytes(3 << 20)
SMALL = DATA[:1000]
EXPECTED = {"sha256": hashlib.sha256(DATA).hexdigest()}


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    monkeypatch.setattr("artifactd.upstream.asking.RETRY_PAUSES", ())
    monkeypatch.setattr(fill, "BATCH", 1 << 18)
    desk = Desk(tmp_path)
    yield desk
    desk.close()


@pytest.fixture
def upstream() -> Iterator[FakeUpstream]:
    with FakeUpstream() as upstream:
        upstream.put("/a", DATA, etag='"one"')
        upstream.put("/small", SMALL)
        yield upstream


def fetch(desk: Desk, upstream: FakeUpstream, path: str = "a", **more: object) -> tuple[Outcome, object]:
    """How a question ends, and the bytes that a client gets meanwhile, or what it is told instead."""

    async def main() -> tuple[Outcome, object]:
        question = desk.question(path, f"{upstream.url}/{path}", **more)  # type: ignore[arg-type]
        (outcome,) = await desk.upstreams.ask([question])
        if not isinstance(outcome, Grows):
            return outcome, None
        try:
            return outcome, await read(outcome.growing)
        except ArtifactdError as error:
            return outcome, error

    return desk.run(main())


def broken(fault: Fault) -> Fault:
    """The fault, after a while in which what came before it is taken: what is on its way when a connection
    ends may be lost."""
    return lambda asked, reply: paused(0.25, 0.1)(asked, fault(asked, reply))


def failed(told: tuple[Outcome, object]) -> ArtifactdError:
    """What both of them are told."""
    outcome, error = told
    error = outcome.error if isinstance(outcome, Failed) else error
    assert isinstance(error, ArtifactdError), told
    return error


def ranges(upstream: FakeUpstream) -> list[str]:
    return [asked.header("range") for asked in upstream.asked("GET")]


# What is right


def test_a_large_file_is_followed_while_it_comes(desk: Desk, upstream: FakeUpstream) -> None:
    outcome, got = fetch(desk, upstream)
    assert isinstance(outcome, Grows)
    assert outcome.growing.size == len(DATA)
    assert outcome.facts.headers["etag"] == '"one"'
    assert outcome.source.url.endswith("/a")
    assert got == desk.kept["a"] == DATA
    assert len(desk.stored()) == 1
    assert upstream.count() == 1


@pytest.mark.parametrize("size", [0, 1, HELD_BACK])
def test_a_small_file_is_answered_once_it_is_kept(desk: Desk, upstream: FakeUpstream, size: int) -> None:
    upstream.put("/b", DATA[:size])
    assert fetch(desk, upstream, "b") == (Kept(), None)
    assert desk.kept["b"] == DATA[:size]


def test_so_is_what_handlers_look_into(desk: Desk, upstream: FakeUpstream) -> None:
    assert fetch(desk, upstream, whole=True) == (Kept(), None)
    assert desk.kept["a"] == DATA


def test_nobody_has_the_end_before_it_is_kept(desk: Desk, upstream: FakeUpstream) -> None:
    gate = threading.Event()
    question = desk.question("a", f"{upstream.url}/a", store=lambda: bool(gate.wait(20)))

    async def main() -> None:
        (outcome,) = await desk.upstreams.ask([question])
        assert isinstance(outcome, Grows)
        position = 0
        while position < len(DATA) - HELD_BACK:
            position = await outcome.growing.reach(position)
        end = asyncio.create_task(outcome.growing.reach(position))
        await asyncio.sleep(0.02)
        assert not end.done()
        assert desk.kept == {}
        gate.set()
        assert await end == len(DATA)
        assert desk.kept["a"] == DATA, "and who has it finds it kept"

    desk.run(main())


UNUSUAL: dict[str, Fault] = {
    "chunked": framed("chunked"),
    "hung up": hung_up(),
    "in pieces": dripping(len(DATA) // 10, 0.005),
    "a pause": paused(0.5, 0.05),
    "labelled as compressed": labelled(),
}


@pytest.mark.parametrize("unusual", UNUSUAL)
def test_every_way_to_send_a_file_is_understood(desk: Desk, upstream: FakeUpstream, unusual: str) -> None:
    # proxy R69, T9, T12
    upstream.fault(UNUSUAL[unusual])
    fetch(desk, upstream)
    assert desk.kept["a"] == DATA


def test_without_a_length_nobody_follows(desk: Desk, upstream: FakeUpstream) -> None:
    upstream.fault(framed("chunked"))
    assert fetch(desk, upstream) == (Kept(), None)
    assert desk.kept["a"] == DATA


# What is wrong

WRONG: dict[str, Fault] = {
    "a bit at the beginning": flipped(0),
    "a bit at the end": flipped(-1),
    "other bytes": replaced(DATA[::-1]),
    "fewer bytes": replaced(DATA[:-1]),
    "compressed": gzipped(),
    "a few other bytes": replaced(b"<html>log in</html>"),
}


@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize("whole", [False, True])
def test_other_bytes_than_were_expected_are_nobody_s(
    desk: Desk, upstream: FakeUpstream, wrong: str, whole: bool
) -> None:
    # proxy R68, T2, T3
    upstream.fault(WRONG[wrong])
    error = failed(fetch(desk, upstream, expected=EXPECTED, whole=whole))
    assert isinstance(error, UpstreamInvalid)
    assert EXPECTED["sha256"] in str(error)
    assert desk.stored() == []
    assert desk.kept == {}
    upstream.heal()
    fetch(desk, upstream, expected=EXPECTED, whole=whole)
    assert desk.kept["a"] == DATA


def test_any_checksum_can_be_expected(desk: Desk, upstream: FakeUpstream) -> None:
    checksums = {name: hashlib.new(name, DATA).hexdigest() for name in ("md5", "sha1", "sha512")}
    fetch(desk, upstream, expected=checksums)
    assert desk.kept["a"] == DATA
    upstream.fault(flipped())
    error = failed(fetch(desk, upstream, expected=checksums))
    assert isinstance(error, UpstreamInvalid)
    assert len(desk.stored()) == 1


def test_what_an_answer_says_of_its_bytes_must_be_true(desk: Desk, upstream: FakeUpstream) -> None:
    def stated(facts: Facts) -> Mapping[str, str]:
        return {"sha256": facts.headers["x-digest"]}

    right, wrong = EXPECTED["sha256"], "00" * 32
    for said, expected in ((right, {}), (right, EXPECTED), (wrong, EXPECTED)):
        upstream.put("/a", DATA, headers={"X-Digest": said})
        fetch(desk, upstream, expected=expected, stated=stated)
        assert desk.kept.pop("a") == DATA, "what was known beforehand counts for more"
    upstream.put("/a", DATA, headers={"X-Digest": wrong})
    error = failed(fetch(desk, upstream, stated=stated))
    assert isinstance(error, UpstreamInvalid)
    assert desk.kept == {}


def test_a_checksum_of_its_headers_is_enough_to_go_on_by(desk: Desk, upstream: FakeUpstream) -> None:
    upstream.put("/a", DATA, etag="", headers={"X-Digest": EXPECTED["sha256"]})
    upstream.fault(truncated(0.5), times=1)
    fetch(desk, upstream, stated=lambda facts: {"sha256": facts.headers["x-digest"]})
    assert desk.kept["a"] == DATA
    assert upstream.count() == 2


@pytest.mark.parametrize("framing", ["length", "chunked"])
@pytest.mark.parametrize("by", [-1, 1])
def test_another_size_than_was_expected_is_refused(
    desk: Desk, upstream: FakeUpstream, framing: str, by: int
) -> None:
    upstream.fault(framed(framing))  # type: ignore[arg-type]
    error = failed(fetch(desk, upstream, size=len(DATA) + by))
    assert isinstance(error, UpstreamInvalid)
    assert f"instead of {len(DATA) + by}" in str(error)
    assert desk.stored() == []
    assert desk.kept == {}


def test_a_wrong_length_is_found_out(desk: Desk, upstream: FakeUpstream) -> None:
    # proxy T3
    upstream.put("/a", DATA, etag="")
    for by in (-1, 1, -len(DATA) // 2):
        upstream.fault(misdeclared(by), times=1)
        fetch(desk, upstream, expected=EXPECTED)
        assert desk.stored() == []
        assert desk.kept == {}


# What breaks off


@pytest.mark.parametrize("fault", [truncated(0.5), truncated(0.5, "chunked"), truncated(-1)])
def test_what_breaks_off_is_continued_by_its_validator(
    desk: Desk, upstream: FakeUpstream, fault: Fault
) -> None:
    # proxy R69, R76
    upstream.fault(broken(fault), times=1)
    fetch(desk, upstream)
    assert desk.kept["a"] == DATA
    first, second = upstream.asked("GET")
    assert first.header("range") == ""
    begin = int(second.header("range").removeprefix("bytes=").removesuffix("-"))
    assert 0 < begin < len(DATA)
    assert second.header("if-range") == '"one"'
    assert second.sent == len(DATA) - begin, "what was there was not sent again"
    assert len(desk.stored()) == 1


def test_a_connection_that_is_reset_is_continued_too(desk: Desk, upstream: FakeUpstream) -> None:
    """What was on its way when it was reset is lost, which may be all of it."""
    upstream.fault(reset(0.5), times=1)
    _, got = fetch(desk, upstream)
    assert desk.kept["a"] == DATA
    assert got in (None, DATA)
    assert upstream.count() == 2


def test_it_is_continued_as_often_as_it_comes_further(desk: Desk, upstream: FakeUpstream) -> None:
    upstream.fault(truncated(len(DATA) // 8))
    outcome, got = fetch(desk, upstream)
    assert isinstance(outcome, Grows)
    assert got == DATA
    assert upstream.count() > 6


def test_what_was_lost_before_its_first_byte_is_begun_anew(desk: Desk, upstream: FakeUpstream) -> None:
    """Clients wait already, and have nothing yet."""
    upstream.put("/a", DATA, etag="", modified=None)
    upstream.fault(truncated(0), times=2)
    outcome, got = fetch(desk, upstream)
    assert isinstance(outcome, Grows)
    assert got == desk.kept["a"] == DATA
    assert ranges(upstream) == ["", "", ""]


def test_what_is_known_by_its_digest_needs_no_validator(desk: Desk, upstream: FakeUpstream) -> None:
    upstream.put("/a", DATA, etag="", modified=None)
    upstream.fault(truncated(0.5), times=1)
    fetch(desk, upstream, expected=EXPECTED)
    assert desk.kept["a"] == DATA
    assert "if-range" not in upstream.asked("GET")[1].headers
    assert len(ranges(upstream)) == 2


def test_who_sends_it_all_again_is_understood_if_the_digest_is_known(
    desk: Desk, upstream: FakeUpstream
) -> None:
    def ignoring(asked: Asked, reply: Reply) -> Reply:
        fault = status(200, DATA) if asked.header("range") else broken(truncated(0.5))
        return fault(asked, reply)

    upstream.fault(ignoring)
    outcome, got = fetch(desk, upstream, expected=EXPECTED)
    assert isinstance(outcome, Grows)
    assert got == desk.kept["a"] == DATA
    assert upstream.count() == 2


def test_and_is_not_believed_without_one(
    desk: Desk, upstream: FakeUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What changed under its strong validator: the 200 to a Range is another file."""
    monkeypatch.setattr(fill, "MOST_RESUMES", 2)

    def changed(asked: Asked, reply: Reply) -> Reply:
        if asked.header("range"):
            return status(200, DATA[::-1])(asked, reply)
        return broken(truncated(0.5))(asked, reply)

    upstream.fault(changed)
    error = failed(fetch(desk, upstream))
    assert isinstance(error, UpstreamUnavailable)
    assert desk.stored() == []
    assert desk.kept == {}


@pytest.mark.parametrize("etag", ["", 'W/"weak"'])
def test_nothing_is_continued_that_may_be_another_file(
    desk: Desk, upstream: FakeUpstream, etag: str
) -> None:
    # proxy R69: a weak validator says nothing of bytes (RFC 9110, section 8.8.1)
    upstream.put("/a", DATA, etag=etag)
    upstream.fault(broken(truncated(0.5)), times=1)
    error = failed(fetch(desk, upstream))
    assert isinstance(error, UpstreamUnavailable)
    assert ranges(upstream) == [""]
    assert desk.stored() == []
    assert desk.kept == {}


@pytest.mark.parametrize(
    "line", ["bytes 0-9/10", f"bytes 7-{len(DATA) - 1}/{len(DATA)}", "items 1-2/3", ""]
)
def test_a_part_that_does_not_go_on_where_it_broke_is_not_taken(
    desk: Desk, upstream: FakeUpstream, monkeypatch: pytest.MonkeyPatch, line: str
) -> None:
    monkeypatch.setattr(fill, "MOST_RESUMES", 1)

    def elsewhere(asked: Asked, reply: Reply) -> Reply:
        if asked.header("range"):
            return Reply(206, [("Content-Range", line)] if line else [], DATA[7:])
        return broken(truncated(0.5))(asked, reply)

    upstream.fault(elsewhere)
    failed(fetch(desk, upstream))
    assert desk.stored() == []
    assert desk.kept == {}


@pytest.mark.parametrize("code", [404, 416, 500, 503])
def test_an_upstream_that_gives_up_on_a_file_ends_it(
    desk: Desk, upstream: FakeUpstream, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    monkeypatch.setattr(fill, "MOST_RESUMES", 2)

    def gone(asked: Asked, reply: Reply) -> Reply:
        return Reply(code) if asked.header("range") else broken(truncated(0.5))(asked, reply)

    upstream.fault(gone)
    error = failed(fetch(desk, upstream, expected=EXPECTED))
    assert isinstance(error, UpstreamUnavailable)
    assert upstream.count() == 1 + 2
    assert desk.stored() == []
    assert desk.missed == []


def test_what_ends_with_its_connection_is_not_known_to_be_whole(desk: Desk, upstream: FakeUpstream) -> None:
    # proxy R69
    for fault in (old_fashioned(), truncated(0.5, "close")):
        upstream.fault(fault, times=1)
        error = failed(fetch(desk, upstream))
        assert isinstance(error, UpstreamInvalid)
        assert desk.stored() == []
    upstream.fault(old_fashioned())
    fetch(desk, upstream, expected=EXPECTED)
    assert desk.kept["a"] == DATA


def test_a_file_that_ends_with_its_connection_too_early_is_refused(
    desk: Desk, upstream: FakeUpstream
) -> None:
    upstream.fault(truncated(0.5, "close"))
    failed(fetch(desk, upstream, expected=EXPECTED))
    assert desk.stored() == []
    assert desk.kept == {}


# What cannot be kept


def test_an_answer_that_cannot_be_kept_is_passed_on_all_the_same(
    desk: Desk, upstream: FakeUpstream
) -> None:
    def full() -> None:
        raise StorageFailure("no space left on device")

    outcome, got = fetch(desk, upstream, store=full)
    assert isinstance(outcome, Grows)
    assert got == DATA, "the bytes are right"
    assert desk.kept == {}


def test_unless_nobody_has_begun_to_read_it(desk: Desk, upstream: FakeUpstream) -> None:
    def full() -> None:
        raise StorageFailure("no space left on device")

    outcome, _ = fetch(desk, upstream, "small", store=full)
    assert isinstance(outcome, Failed)
    assert isinstance(outcome.error, StorageFailure)


def test_a_full_disk_is_an_outcome_and_leaves_nothing(
    desk: Desk, upstream: FakeUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    create = desk.store.create

    def failing(*arguments: object) -> object:
        writer = create(*arguments)  # type: ignore[arg-type]

        def write(data: bytes) -> None:
            raise StorageFailure("no space left on device")

        monkeypatch.setattr(writer, "write", write, raising=False)
        return writer

    monkeypatch.setattr(desk.store, "create", failing)
    error = failed(fetch(desk, upstream))
    assert isinstance(error, StorageFailure)
    monkeypatch.undo()
    assert desk.stored() == []


def test_a_fault_of_ours_is_told_to_those_who_follow(
    desk: Desk, upstream: FakeUpstream, caplog: pytest.LogCaptureFixture
) -> None:
    def broken() -> None:
        raise ZeroDivisionError

    outcome, _ = fetch(desk, upstream, "small", store=broken)
    assert isinstance(outcome, Failed)
    assert isinstance(outcome.error, UpstreamUnavailable)
    assert "ZeroDivisionError" in caplog.text


# Meanwhile


def test_what_has_come_is_passed_on_before_more_comes(
    desk: Desk, upstream: FakeUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    # proxy R67: clients give up where nothing comes for a while
    monkeypatch.setattr(fill, "BATCH", 1 << 20)
    upstream.fault(paused(1 << 19))

    async def main() -> None:
        (outcome,) = await desk.upstreams.ask([desk.question("a", f"{upstream.url}/a")])
        assert isinstance(outcome, Grows)
        async with asyncio.timeout(2):
            assert await outcome.growing.reach(0) > 0

    desk.run(main())


def test_a_slow_reader_slows_nobody(desk: Desk, upstream: FakeUpstream) -> None:
    # proxy R67
    async def main() -> None:
        question = desk.question("a", f"{upstream.url}/a")
        (slow,) = await desk.upstreams.ask([question])
        assert isinstance(slow, Grows)
        assert await slow.growing.reach(0) > 0
        (fast,) = await desk.upstreams.ask([question])
        if isinstance(fast, Grows):
            assert await read(fast.growing) == DATA
        await until(lambda: "a" in desk.kept)
        assert await read(slow.growing) == DATA

    desk.run(main())
    assert upstream.count() <= 2


def test_a_fill_goes_on_when_nobody_waits_for_it(desk: Desk, upstream: FakeUpstream) -> None:
    # proxy R67
    gate = threading.Event()
    upstream.fault(paused(0.5, gate=gate))

    async def main() -> None:
        question = desk.question("a", f"{upstream.url}/a", whole=True)
        waiter = asyncio.create_task(desk.upstreams.ask([question]))
        await until(lambda: upstream.sent("/a"))
        waiter.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiter
        gate.set()
        await until(lambda: "a" in desk.kept)

    desk.run(main())
    assert desk.kept["a"] == DATA


@pytest.mark.parametrize("whole", [False, True])
def test_the_end_of_the_process_ends_fills_and_leaves_nothing(
    desk: Desk, upstream: FakeUpstream, whole: bool
) -> None:
    upstream.fault(paused(0.5))

    async def main() -> None:
        question = desk.question("a", f"{upstream.url}/a", whole=whole)
        waiter = asyncio.create_task(desk.upstreams.ask([question]))
        await until(lambda: upstream.sent("/a") and desk.stored())
        await asyncio.sleep(0.02)
        await desk.upstreams.close()
        (outcome,) = await waiter
        if isinstance(outcome, Grows):
            with pytest.raises(UpstreamUnavailable):
                await read(outcome.growing)
        else:
            assert isinstance(outcome, Failed)
            assert isinstance(outcome.error, UpstreamUnavailable)

    desk.run(main())
    assert desk.stored() == []
    assert desk.kept == {}
    assert not [file for file in desk.told() if file.suffix == ".lock"]


@pytest.mark.parametrize("step", ["write", "commit"])
def test_the_end_of_the_process_waits_for_what_the_disk_does(
    desk: Desk, upstream: FakeUpstream, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """A writer is one thread's at a time: what is closed while another one writes may be another file."""
    create, busy, entered = desk.store.create, threading.Lock(), threading.Event()
    overlaps: list[str] = []

    def watched(*arguments: object) -> object:
        writer = create(*arguments)  # type: ignore[arg-type]
        slow, abort = getattr(writer, step), writer.abort

        def slowly(*arguments: object) -> object:
            with busy:
                entered.set()
                threading.Event().wait(0.1)
                return slow(*arguments)

        def aborting() -> None:
            if not busy.acquire(blocking=False):
                overlaps.append(step)
            else:
                busy.release()
            abort()

        monkeypatch.setattr(writer, step, slowly, raising=False)
        monkeypatch.setattr(writer, "abort", aborting, raising=False)
        return writer

    monkeypatch.setattr(desk.store, "create", watched)

    async def main() -> None:
        waiter = asyncio.create_task(
            desk.upstreams.ask([desk.question("a", f"{upstream.url}/a", whole=True)])
        )
        await until(entered.is_set)
        await desk.upstreams.close()
        await waiter

    desk.run(main())
    assert overlaps == []
    assert desk.stored() == [] or "a" in desk.kept


def test_a_copy_is_only_replaced_by_what_is_right(desk: Desk, upstream: FakeUpstream) -> None:
    upstream.fault(flipped(-1))
    error = failed(fetch(desk, upstream, held=Held('"zero"'), expected=EXPECTED))
    assert isinstance(error, UpstreamInvalid)
    assert desk.kept == {}
    assert desk.confirmed == []
