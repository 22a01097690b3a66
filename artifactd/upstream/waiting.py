"""Asking upstreams from a thread that may wait for them: a task's."""

import asyncio
from collections.abc import Sequence

from artifactd.upstream.asking import Upstreams
from artifactd.upstream.growing import Growing
from artifactd.upstream.question import Outcome, Question


class Waiting:
    """Asks on an event loop of its own, which runs while somebody waits. Used by one thread, as a context
    manager."""

    def __init__(self, upstreams: Upstreams) -> None:
        self._upstreams = upstreams
        self._runner = asyncio.Runner()

    def __enter__(self) -> "Waiting":
        self._runner.__enter__()
        return self

    def __exit__(self, *raised: object) -> None:
        try:
            self._runner.run(self._upstreams.close())
        finally:
            self._runner.close()

    def ask(self, questions: Sequence[Question]) -> Sequence[Outcome]:
        """How the questions end."""
        return self._runner.run(self._upstreams.ask(questions))

    def follow(self, growing: Growing) -> None:
        """Wait until all bytes are there. Raises what `Growing.reach` does."""

        async def follow() -> None:
            position = 0
            while position < growing.size:
                position = await growing.reach(position)

        self._runner.run(follow())
