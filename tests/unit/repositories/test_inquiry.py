"""What a request has learned of upstreams, and what its answer stands on."""

from typing import Any

import pytest

from artifactd.repositories.inquiry import Cache, Inquiry
from artifactd.upstream.question import Again, Aim, Kept, Missing, Outcome


class Question:
    """What an inquiry knows a question by."""

    def __init__(self, path: str, aim: Aim = Aim.STORE) -> None:
        self.key = (1, path, aim, "")


def learn(inquiry: Inquiry, *pairs: tuple[Any, Outcome]) -> None:
    inquiry.learn([question for question, _ in pairs], [outcome for _, outcome in pairs])


def test_outcomes_are_kept_by_what_was_asked() -> None:
    inquiry = Inquiry()
    learn(inquiry, (Question("a"), Kept()), (Question("a", Aim.LOOK), Missing()))
    learn(inquiry, (Question("b"), Missing()))
    assert inquiry.outcomes == {
        (1, "a", Aim.STORE, ""): Kept(),
        (1, "a", Aim.LOOK, ""): Missing(),
        (1, "b", Aim.STORE, ""): Missing(),
    }


def test_what_somebody_else_has_asked_is_to_be_looked_up() -> None:
    inquiry = Inquiry()
    learn(inquiry, (Question("a"), Again()), (Question("b"), Kept()))
    assert list(inquiry.outcomes) == [(1, "b", Aim.STORE, "")]


def test_outcomes_outlive_a_handler_and_what_it_stood_on_does_not() -> None:
    inquiry = Inquiry()
    learn(inquiry, (Question("a"), Kept()))
    inquiry.is_stale(5, 10)
    inquiry.begin()
    assert (inquiry.cache, inquiry.fresh_until, inquiry.checked) == ("", None, None)
    assert len(inquiry.outcomes) == 1


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ([], ("", None)),
        ([(Cache.HIT, None)], (Cache.HIT, None)),
        ([(Cache.HIT, None), (Cache.HIT, 7)], (Cache.HIT, 7)),
        ([(Cache.HIT, 9), (Cache.MISS, 7), (Cache.HIT, 8)], (Cache.MISS, 7)),
        ([(Cache.MISS, 7), (Cache.NEGATIVE, 9)], (Cache.MISS, 7)),
        ([(Cache.HIT, 7), (Cache.NEGATIVE, 5)], (Cache.NEGATIVE, 5)),
        ([(Cache.STALE, 9), (Cache.MISS, 0)], (Cache.STALE, 0)),
    ],
)
def test_an_answer_is_called_after_its_worst_part_and_good_for_as_long_as_each(
    parts: list[tuple[Cache, int | None]], expected: tuple[str, int | None]
) -> None:
    inquiry = Inquiry()
    for part in parts:
        inquiry.stands(*part)
    assert (inquiry.cache, inquiry.fresh_until) == expected


def test_a_stale_answer_is_as_old_as_its_oldest_part() -> None:
    inquiry = Inquiry()
    inquiry.stands(Cache.HIT, 50)
    for checked, until in ((30, 12), (10, 11), (20, 13)):
        inquiry.is_stale(checked, until)
    assert (inquiry.cache, inquiry.checked, inquiry.fresh_until) == (Cache.STALE, 10, 11)


def test_without_a_word_nothing_is_asked() -> None:
    assert not Inquiry().may_ask
