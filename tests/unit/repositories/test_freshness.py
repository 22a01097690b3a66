"""The policy of proxies as a table (proxy R60, R62, R65, M)."""

import pytest

from artifactd.repositories.freshness import Cached, Plan, bearable, plan

NOW = 1_000
BEFORE, LATER = NOW - 1, NOW + 1


def held(
    fresh: int | None = 0, stale: int | None = 0, negative: int | None = None, *, immutable: bool = False
) -> Cached:
    return Cached(True, immutable, fresh, stale, negative)


def absent(negative: int | None = None, *, immutable: bool = False) -> Cached:
    return Cached(False, immutable, 0, 0, negative)


ROWS: list[tuple[Cached, Plan, bool]] = [
    # Nothing is here.
    (absent(), Plan.FETCH, False),
    (absent(LATER), Plan.ABSENT, False),
    (absent(NOW), Plan.FETCH, False),
    (absent(BEFORE), Plan.FETCH, False),
    (absent(immutable=True), Plan.FETCH, False),
    (absent(LATER, immutable=True), Plan.ABSENT, False),
    # A copy of what never changes: whatever else is known.
    (held(immutable=True), Plan.SERVE, True),
    (held(BEFORE, BEFORE, immutable=True), Plan.SERVE, True),
    (held(BEFORE, BEFORE, LATER, immutable=True), Plan.SERVE, True),
    # A copy of what may change.
    (held(LATER, BEFORE), Plan.SERVE, False),
    (held(LATER, LATER), Plan.SERVE, True),
    (held(NOW, LATER), Plan.REVALIDATE, True),
    (held(BEFORE, LATER), Plan.REVALIDATE, True),
    (held(BEFORE, NOW), Plan.REVALIDATE, False),
    (held(BEFORE, BEFORE), Plan.REVALIDATE, False),
    # For ever (-1 in the settings), and never without asking (0): proxy M, R140.
    (held(None, None), Plan.SERVE, True),
    (held(None, BEFORE), Plan.SERVE, False),
    (held(BEFORE, None), Plan.REVALIDATE, True),
    (held(0, 0), Plan.REVALIDATE, False),
    # The upstream has denied it meanwhile, and what is here is no longer to be given.
    (held(LATER, LATER, LATER), Plan.ABSENT, True),
    (held(LATER, LATER, NOW), Plan.SERVE, True),
    (held(BEFORE, LATER, BEFORE), Plan.REVALIDATE, True),
]


@pytest.mark.parametrize(("cached", "expected", "bears"), ROWS)
def test_what_is_done_about_a_path(cached: Cached, expected: Plan, bears: bool) -> None:
    assert plan(cached, NOW) is expected
    assert bearable(cached, NOW) is bears


def test_a_path_of_which_nothing_is_known_is_asked_for() -> None:
    assert plan(Cached(False), NOW) is Plan.FETCH
    assert plan(Cached(True), NOW) is Plan.REVALIDATE
    assert plan(Cached(True, immutable=True), NOW) is Plan.SERVE
    assert not bearable(Cached(True), NOW)
