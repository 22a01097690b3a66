"""What a proxy does about a path: the whole policy, without I/O.

Rule 1: what can never change is never asked for again.
Rule 2: a copy is good for as long as it was declared fresh; then the upstream is asked whether it still is.
Rule 3: when it cannot be asked, an old copy is better than none, for as long as it was declared bearable.
Rule 4: only a true absence is remembered, and not for long.
"""

from dataclasses import dataclass
from enum import StrEnum

from artifactd.clock import Micros


class Plan(StrEnum):
    """What to do. SERVE the copy; it is known to be ABSENT; REVALIDATE the copy, of which the upstream is
    asked whether it is current; FETCH what is not here."""

    SERVE = "serve"
    ABSENT = "absent"
    REVALIDATE = "revalidate"
    FETCH = "fetch"


@dataclass(frozen=True, slots=True)
class Cached:
    """What is known of a path (microseconds; None is for ever). `held`: there is a copy. `immutable`: of a
    path that never holds other bytes. `negative_until`: the upstream has said that it is not there."""

    held: bool
    immutable: bool = False
    fresh_until: Micros | None = 0
    stale_until: Micros | None = 0
    negative_until: Micros | None = None


def plan(cached: Cached, now: Micros) -> Plan:
    """What to do about a path."""
    if cached.held and cached.immutable:
        return Plan.SERVE
    if cached.negative_until is not None and now < cached.negative_until:
        return Plan.ABSENT
    if not cached.held:
        return Plan.FETCH
    return Plan.SERVE if _before(now, cached.fresh_until) else Plan.REVALIDATE


def bearable(cached: Cached, now: Micros) -> bool:
    """Whether the copy may be served while the upstream cannot be asked."""
    return cached.held and (cached.immutable or _before(now, cached.stale_until))


def _before(now: Micros, until: Micros | None) -> bool:
    return until is None or now < until
