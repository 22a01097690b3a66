"""Circuit breakers: an upstream that fails is left alone for a while, and asked in the background whether
it is back. Pure, but for the clock that is given.

Rule 1: only what says that the upstream cannot be asked counts: connections, timeouts, 5xx. An absence, a
refusal or a lie is an answer.
Rule 2: while it is open nobody waits: there is a copy, or an error at once.
Rule 3: a limit of requests (429) is kept until it is over, whatever else happens.
"""

from dataclasses import dataclass
from typing import Final

from artifactd.clock import SECOND, Micros

THRESHOLD: Final = 3
"""Failures in a row that open it: one may be chance, and each costs somebody a deadline."""

PAUSES: Final[tuple[int, ...]] = (1, 2, 4, 8, 15, 30, 60)
"""Seconds until the next probe; the last stays."""

LONGEST_LIMIT: Final[Micros] = 15 * 60 * SECOND
"""The longest that an upstream's Retry-After is believed."""


@dataclass(slots=True)
class Breaker:
    """One upstream's. Microseconds throughout. `retry_at`: it is open until a probe then says otherwise;
    `limited_until`: the upstream wants no requests until then."""

    failures: int = 0
    failing_since: Micros | None = None
    retry_at: Micros | None = None
    limited_until: Micros = 0
    probes: int = 0
    detail: str = ""

    @property
    def is_open(self) -> bool:
        """Whether nobody but a probe asks."""
        return self.retry_at is not None

    def failed(self, detail: str, now: Micros) -> bool:
        """Count a failure; whether the breaker has just opened."""
        self.failures += 1
        self.detail = detail
        if self.failing_since is None:
            self.failing_since = now
        if self.is_open or self.failures < THRESHOLD:
            return False
        self.retry_at = now + PAUSES[0] * SECOND
        return True

    def probed_in_vain(self, now: Micros) -> None:
        """A probe has failed: the next one comes later."""
        self.probes += 1
        self.retry_at = now + PAUSES[min(self.probes, len(PAUSES) - 1)] * SECOND

    def answered(self) -> bool:
        """It was asked and has answered; whether the breaker has just closed."""
        was_open = self.is_open
        self.failures = self.probes = 0
        self.failing_since = self.retry_at = None
        self.detail = ""
        return was_open

    def limited(self, seconds: float, now: Micros) -> None:
        """It wants no requests for so long."""
        self.limited_until = max(self.limited_until, now + min(int(seconds * SECOND), LONGEST_LIMIT))
