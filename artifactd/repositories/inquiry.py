"""What one request wants of upstreams, and what it has learned of them so far.

A handler runs again after each question, so what it found out must outlive it: outcomes are kept here, and
what its answer stands on. One inquiry belongs to one request, whichever repositories that comes to.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from artifactd.clock import Micros
from artifactd.upstream.question import Again, Key, Outcome, Question

MOST_QUESTIONS: Final = 32
"""Rounds of questions for one answer: a page, the page that says where it is, each member of a group."""


class Cache(StrEnum):
    """Where an answer came from, as it is counted: a copy that was good, the upstream, a copy that was past
    its time because the upstream could not be asked, or an absence that was remembered."""

    HIT = "hit"
    MISS = "miss"
    STALE = "stale"
    NEGATIVE = "negative"


_RANKS = {"": 0, Cache.HIT: 1, Cache.NEGATIVE: 2, Cache.MISS: 3, Cache.STALE: 4}
"""An answer that several copies went into is called after the worst."""


@dataclass(slots=True)
class Inquiry:
    """`may_ask`: whether upstreams may be asked at all. `bodiless`: nobody will read bytes (HEAD). `span`:
    a small range that is wanted alone, as its header says it. `hurried`: on the event loop, where nothing
    may take long.

    `fresh_until`: the answer is good until then (microseconds), None is for ever. `checked`: when the
    oldest copy of a stale answer was last known to be current."""

    may_ask: bool = False
    bodiless: bool = False
    span: str = ""
    hurried: bool = False
    outcomes: dict[Key, Outcome] = field(default_factory=dict)
    fresh_until: Micros | None = None
    checked: Micros | None = None
    cache: str = ""

    def begin(self) -> None:
        """The handler runs (again): its answer stands on nothing yet."""
        self.fresh_until = self.checked = None
        self.cache = ""

    def learn(self, questions: Sequence[Question], outcomes: Sequence[Outcome]) -> None:
        """What was asked has been answered."""
        for question, outcome in zip(questions, outcomes, strict=True):
            if not isinstance(outcome, Again):
                self.outcomes[question.key] = outcome

    def stands(self, cache: Cache, until: Micros | None) -> None:
        """A part of the answer, good until then."""
        if _RANKS[cache] > _RANKS[self.cache]:
            self.cache = cache
        if until is not None:
            self.fresh_until = until if self.fresh_until is None else min(self.fresh_until, until)

    def is_stale(self, checked: Micros, until: Micros) -> None:
        """A part of the answer was last checked then, and may be said again until then."""
        self.stands(Cache.STALE, until)
        self.checked = checked if self.checked is None else min(self.checked, checked)
