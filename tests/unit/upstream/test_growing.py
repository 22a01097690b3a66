"""Bytes on their way: what may be sent when, who is woken, and how it ends (proxy R67, R68)."""

import asyncio
import os
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

import pytest

from artifactd.errors import UpstreamInvalid, UpstreamUnavailable
from artifactd.upstream.growing import HELD_BACK, FollowedGrowing, LocalGrowing

R = TypeVar("R")

SIZE = HELD_BACK + 1000


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "blob.part"
    path.write_bytes(b"")
    return path


def run(work: Coroutine[Any, Any, R]) -> R:
    async def bounded() -> R:
        async with asyncio.timeout(20):
            return await work

    return asyncio.run(bounded())


def grow(file: Path, size: int) -> None:
    with file.open("ab") as out:
        out.write(b"x" * (size - file.stat().st_size))


# A fill of this process


def test_the_end_is_held_back_until_all_is_verified(file: Path) -> None:
    async def main() -> None:
        growing = LocalGrowing(str(file), SIZE)
        growing.advance(10)
        assert await growing.reach(0) == 10
        growing.advance(SIZE)
        assert await growing.reach(10) == 1000
        waiting = asyncio.create_task(growing.reach(1000))
        await asyncio.sleep(0)
        assert not waiting.done()
        growing.finish()
        assert await waiting == SIZE
        assert await growing.reach(0) == SIZE

    run(main())


def test_what_is_no_larger_than_what_is_held_back_waits_for_its_end(file: Path) -> None:
    async def main() -> None:
        growing = LocalGrowing(str(file), HELD_BACK)
        growing.advance(HELD_BACK)
        waiting = asyncio.create_task(growing.reach(0))
        await asyncio.sleep(0)
        assert not waiting.done()
        growing.finish()
        assert await waiting == HELD_BACK

    run(main())


def test_everybody_who_waits_is_woken_and_goes_on_alone(file: Path) -> None:
    async def main() -> None:
        growing = LocalGrowing(str(file), SIZE)
        near, far = (asyncio.create_task(growing.reach(position)) for position in (0, 500))
        gone = asyncio.create_task(growing.reach(0))
        await asyncio.sleep(0)
        gone.cancel()
        growing.advance(100)
        assert await near == 100
        await asyncio.sleep(0)
        assert not far.done(), "it needs more than that"
        growing.advance(600)
        assert await far == 600
        assert gone.cancelled()

    run(main())


def test_a_failure_is_told_to_everybody_now_and_later(file: Path) -> None:
    async def main() -> None:
        growing = LocalGrowing(str(file), SIZE)
        waiting = [asyncio.create_task(growing.reach(0)) for _ in range(3)]
        await asyncio.sleep(0)
        growing.fail(UpstreamInvalid("other bytes"))
        for each in waiting:
            with pytest.raises(UpstreamInvalid, match="other bytes"):
                await each
        with pytest.raises(UpstreamInvalid):
            await growing.reach(0)
        growing.advance(SIZE)
        with pytest.raises(UpstreamInvalid):
            await growing.reach(0)

    run(main())


def test_a_failure_comes_too_late_when_all_is_there(file: Path) -> None:
    async def main() -> None:
        growing = LocalGrowing(str(file), SIZE)
        growing.finish()
        growing.fail(UpstreamUnavailable("too late"))
        assert await growing.reach(0) == SIZE

    run(main())


def test_the_file_is_closed_with_its_last_reader_and_outlives_its_name(file: Path) -> None:
    growing = LocalGrowing(str(file), SIZE)
    grow(file, 10)
    file.unlink()
    descriptor = growing.descriptor
    assert os.pread(descriptor, 10, 0) == b"x" * 10
    del growing
    with pytest.raises(OSError, match="descriptor"):
        os.fstat(descriptor)


# A fill of another process


def test_another_process_is_followed_by_what_it_writes_and_tells(file: Path) -> None:
    told: dict[str, Any] = {"state": "growing", "path": str(file)}

    async def main() -> None:
        growing = FollowedGrowing(str(file), SIZE, lambda: told)
        waiting = asyncio.create_task(growing.reach(0))
        await asyncio.sleep(0)
        assert not waiting.done()
        grow(file, 100)
        assert await waiting == 100
        grow(file, SIZE)
        assert await growing.reach(100) == 1000
        waiting = asyncio.create_task(growing.reach(1000))
        await asyncio.sleep(0.05)
        assert not waiting.done(), "its end is not verified"
        told["state"] = "stored"
        assert await waiting == SIZE

    run(main())


def test_what_was_verified_once_stays_so(file: Path) -> None:
    looks: list[dict[str, Any] | None] = [{"state": "stored"}]

    async def main() -> None:
        grow(file, SIZE)
        growing = FollowedGrowing(str(file), SIZE, lambda: looks.pop())
        assert await growing.reach(0) == SIZE
        assert await growing.reach(1000) == SIZE, "the document may be gone"

    run(main())


@pytest.mark.parametrize(
    ("told", "words"),
    [(None, "has ended"), ({"state": "failed", "detail": "it broke off"}, "it broke off")],
)
def test_the_end_of_another_process_or_of_its_fill_is_told(
    file: Path, told: dict[str, Any] | None, words: str
) -> None:
    grow(file, SIZE)
    growing = FollowedGrowing(str(file), SIZE, lambda: told)
    with pytest.raises(UpstreamUnavailable, match=words):
        run(growing.reach(0))


def test_a_fill_that_has_ended_and_left_no_file_cannot_be_followed(tmp_path: Path) -> None:
    for make in (LocalGrowing, lambda path, size: FollowedGrowing(path, size, dict)):
        with pytest.raises(FileNotFoundError):
            make(str(tmp_path / "gone"), SIZE)
