"""A `Watch` for tests whose repositories have no upstreams."""

import asyncio
from collections.abc import Callable
from typing import Any

from artifactd.upstream.client import Clients
from artifactd.upstream.watch import Watch


def unwatched_upstreams(now: Callable[[], int]) -> Watch:
    """One that has never seen a failure."""

    async def in_worker(function: Callable[..., Any], *arguments: Any) -> Any:
        return await asyncio.to_thread(function, *arguments)

    return Watch(
        Clients(user_agent="test"),
        now=now,
        health=lambda upstream, breaker: None,
        is_current=lambda upstream: True,
        start=asyncio.ensure_future,
        in_worker=in_worker,
    )
