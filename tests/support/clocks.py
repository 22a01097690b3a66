"""A clock that tests set."""

from datetime import timedelta

from artifactd.clock import SECOND, Micros, micros

START: Micros = 1_700_000_000 * SECOND
"""In the past: what is due by this clock is due for a process that goes by the system's."""


class FakeClock:
    """The present as a test wants it: a callable like `artifactd.clock.now` that stands still until it is
    advanced."""

    def __init__(self, at: Micros = START) -> None:
        self.at = at

    def __call__(self) -> Micros:
        return self.at

    def advance(self, by: timedelta) -> Micros:
        """Let `by` pass; the new present."""
        self.at += micros(by)
        return self.at
