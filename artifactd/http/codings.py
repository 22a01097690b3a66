"""Which content coding a client gets: RFC 9110, section 12.5.3. Pure."""

import re
from collections.abc import Sequence
from functools import lru_cache

_ITEM = re.compile(r"\s*([A-Za-z0-9!#$%&'*+.^_`|~-]+)\s*(?:;\s*[qQ]\s*=\s*([0-9.]+)\s*)?")


_REMEMBERED = 256
"""Characters of the longest header that is remembered."""


def choose_coding(accept_encoding: str | None, offered: Sequence[str]) -> str | None:
    """The one of `offered` (the best first) that the client likes best, or None for the bytes as they are:
    when it says nothing, takes none of them, or likes that better. What is malformed counts as not said."""
    asked = accept_encoding or ""
    return _remembered(asked, offered) if len(asked) <= _REMEMBERED else _choose(asked, offered)


@lru_cache(1024)  # clients of one kind all send the same
def _remembered(asked: str, offered: Sequence[str]) -> str | None:
    return _choose(asked, offered)


def _choose(asked: str, offered: Sequence[str]) -> str | None:
    weights = _weights(asked)
    plain = weights.get("identity", 0.0)
    chosen: str | None = None
    best = 0.0
    for coding in offered:
        weight = weights.get(coding, weights.get("*", 0.0))
        if weight > best and weight >= plain:
            chosen, best = coding, weight
    return chosen


def _weights(header: str) -> dict[str, float]:
    weights: dict[str, float] = {}
    for item in header.split(","):
        found = _ITEM.fullmatch(item)
        if found is None:
            continue
        name, weight = found.groups()
        try:
            weights[name.lower().removeprefix("x-")] = 1.0 if weight is None else min(float(weight), 1.0)
        except ValueError:
            continue
    return weights
