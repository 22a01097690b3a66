"""Hashing in lanes: order, bounds, failures, and states that are given back once."""

import hashlib
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from artifactd.blobs.hashing import IN_FLIGHT, SMALL, Hashing, HeldStates

PIECES = st.lists(st.sampled_from([0, 1, 4096, SMALL - 1, SMALL, SMALL + 1, 4 * SMALL]), max_size=12)


@settings(max_examples=50, deadline=None)
@given(PIECES)
def test_checksums_do_not_depend_on_how_the_bytes_are_cut(sizes: list[int]) -> None:
    pieces = [bytes([index]) * size for index, size in enumerate(sizes)]
    with ThreadPoolExecutor(2) as pool:
        hashing = Hashing(("sha256", "md5"), pool.submit)
        for piece in pieces:
            hashing.update(piece)
        found = hashing.checksums()
    whole = b"".join(pieces)
    assert found == {name: hashlib.new(name, whole).hexdigest() for name in ("sha256", "md5")}


def test_a_writer_waits_when_hashing_lags_too_far_behind() -> None:
    waiting: list[Callable[[], None]] = []
    hashing = Hashing(("sha256",), waiting.append)
    piece = bytes(1024 * 1024)
    for _ in range(IN_FLIGHT // len(piece)):
        hashing.update(piece)
    over = threading.Thread(target=hashing.update, args=(piece,))
    over.start()
    over.join(0.05)
    assert over.is_alive()
    waiting.pop()()
    over.join()
    while waiting:
        waiting.pop()()
    assert hashing.checksums() == {"sha256": hashlib.sha256(bytes(IN_FLIGHT + len(piece))).hexdigest()}


def test_a_failure_in_a_lane_reaches_the_stream() -> None:
    class Broken:
        def update(self, data: bytes, /) -> None:
            raise MemoryError

        def hexdigest(self) -> str:
            return ""

    with ThreadPoolExecutor(1) as pool:
        hashing = Hashing(("sha256",), pool.submit, {"sha256": Broken()})
        for _ in range(10):
            hashing.update(bytes(4 * SMALL))
        with pytest.raises(MemoryError):
            hashing.checksums()


def test_states_are_given_back_once_and_only_for_the_same_bytes() -> None:
    held = HeldStates(2)
    state = {"sha256": hashlib.sha256()}
    held.keep("a", (5,), state)
    assert held.take("a", (5,)) == state
    assert held.take("a", (5,)) == {}
    held.keep("a", (5,), state)
    assert held.take("a", (6,)) == {}
    assert held.take("a", (5,)) == {}


def test_the_oldest_states_are_forgotten_first() -> None:
    held = HeldStates(2)
    states = {name: {"sha256": hashlib.sha256(name.encode())} for name in "abc"}
    for name, state in states.items():
        held.keep(name, 0, state)
    assert [held.take(name, 0) for name in "abc"] == [{}, states["b"], states["c"]]
