"""Breakers: when an upstream is left alone, and for how long (proxy R74, R75)."""

from artifactd.clock import SECOND
from artifactd.upstream.breaker import LONGEST_LIMIT, PAUSES, THRESHOLD, Breaker

NOW = 1_700_000_000 * SECOND


def opened() -> Breaker:
    breaker = Breaker()
    for _ in range(THRESHOLD):
        breaker.failed("down", NOW)
    return breaker


def test_failures_in_a_row_open_it_once() -> None:
    breaker = Breaker()
    told = [breaker.failed(f"failure {number}", NOW + number) for number in range(THRESHOLD + 2)]
    assert told == [number == THRESHOLD - 1 for number in range(THRESHOLD + 2)]
    assert breaker.is_open
    assert breaker.failing_since == NOW, "since the first of them"
    assert breaker.retry_at == NOW + THRESHOLD - 1 + PAUSES[0] * SECOND, "later ones change nothing"
    assert breaker.detail == f"failure {THRESHOLD + 1}"


def test_an_answer_in_between_starts_the_count_anew() -> None:
    breaker = Breaker()
    for _ in range(10):
        for _ in range(THRESHOLD - 1):
            assert not breaker.failed("down", NOW)
        assert not breaker.answered(), "it was never open"
        assert breaker.failing_since is None
    assert not breaker.is_open


def test_probes_come_ever_later_up_to_a_limit() -> None:
    breaker, now, pauses = opened(), NOW, []
    for _ in range(len(PAUSES) + 3):
        assert breaker.retry_at is not None
        pauses.append((breaker.retry_at - now) // SECOND)
        now = breaker.retry_at
        breaker.probed_in_vain(now)
    assert pauses == [*PAUSES, *[PAUSES[-1]] * 3]
    assert sorted(PAUSES) == list(PAUSES)
    assert breaker.failing_since == NOW


def test_an_answer_closes_it_and_forgets_everything() -> None:
    breaker = opened()
    for _ in range(4):
        breaker.probed_in_vain(NOW)
    assert breaker.answered()
    assert breaker == Breaker()
    for _ in range(THRESHOLD):
        breaker.failed("down", NOW)
    assert breaker.retry_at == NOW + PAUSES[0] * SECOND, "the pauses begin anew too"


def test_a_limit_of_requests_is_kept_until_it_is_over() -> None:
    breaker = opened()
    breaker.limited(60, NOW)
    breaker.limited(5, NOW)
    assert breaker.limited_until == NOW + 60 * SECOND, "a shorter one takes nothing away"
    assert breaker.answered()
    assert breaker.limited_until == NOW + 60 * SECOND
    breaker.limited(31_536_000, NOW)
    assert breaker.limited_until == NOW + LONGEST_LIMIT, "no upstream can ask for a year"
    assert not breaker.is_open
