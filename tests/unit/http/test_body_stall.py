"""A client that announces more than it sends."""

import asyncio
from collections.abc import MutableMapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from artifactd.errors import BodyStalled
from artifactd.formats.exchange import InMemory
from artifactd.http import receive
from artifactd.http.errors import headers_of, status_of


async def stalling() -> MutableMapping[str, Any]:
    """Nothing comes, and nothing says that nothing will."""
    await asyncio.Event().wait()
    raise AssertionError


def test_a_body_of_which_nothing_comes_ends_with_408_and_the_connection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(receive, "STALL_SECONDS", 0.01)
    with ThreadPoolExecutor(1) as workers:
        receiver = receive.Receiver(None, None, workers)  # type: ignore[arg-type]  # in memory: no store
        with pytest.raises(BodyStalled) as raised:
            asyncio.run(receiver.take(InMemory(100), 1, stalling, 100, ""))
    assert status_of(raised.value) == 408
    assert ("connection", "close") in headers_of(raised.value)
