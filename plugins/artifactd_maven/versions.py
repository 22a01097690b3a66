"""The order of Maven's versions (maven R79), as the POM reference specifies it under "Version Order".

A version is split at dots, hyphens, underscores and wherever digits meet letters. Numbers behind a dot come
after numbers behind a hyphen, and those after words. Words that announce a release come before it, others
behind it. What says nothing (0, `final`, `ga`, `release`) at the end of a part is left out, so that `1`,
`1.0` and `1.0.Final` are one version.

Where the reference is not an order, this is one: a word is a part of its own, whatever is before it.
"""

import re
from functools import lru_cache
from typing import Final

Key = tuple[tuple[int, int, str], ...]

_PARTS = re.compile(r"[0-9]+|[^0-9._-]+|[._-]")
_BEFORE_RELEASE: Final = {"alpha": -5, "beta": -4, "milestone": -3, "rc": -2, "cr": -2, "snapshot": -1}
_DIGITS: Final = tuple("0123456789")
_SHORT: Final = {"a": "alpha", "b": "beta", "m": "milestone"}
_NOTHING: Final = frozenset(("", "final", "ga", "release"))
_END: Final = (0, 0, "")
_SERVICE_PACK, _WORD, _NUMBER, _DOTTED_NUMBER = 1, 2, 3, 4


@lru_cache(1 << 16)  # metadata is made again with each build, of the same versions
def version_key(version: str) -> Key:
    """Sorts versions; equal for versions that are one. For text of bounded length."""
    parts: list[tuple[int, int, str]] = []
    dotted, after_word = True, False
    words = _PARTS.findall(version.lower())
    for word, following in zip(words, [*words[1:], ""], strict=False):
        if word in "._-":
            dotted, after_word = word == ".", False
            if not dotted:
                _trim(parts)
        elif word[0] in _DIGITS:
            if after_word:
                _trim(parts)
            parts.append((_DOTTED_NUMBER if dotted and not after_word else _NUMBER, int(word), ""))
        else:
            _trim(parts)
            parts.append(_rank(_SHORT.get(word, word) if following[:1] in _DIGITS else word))
            after_word = True
    _trim(parts)
    parts.append(_END)
    return tuple(parts)


def in_order(versions: set[str]) -> tuple[str, ...]:
    """Versions from the oldest to the newest; those that are one, as text."""
    return tuple(sorted(versions, key=lambda version: (version_key(version), version)))


def _rank(word: str) -> tuple[int, int, str]:
    if word in _NOTHING:
        return _END
    if word in _BEFORE_RELEASE:
        return (_BEFORE_RELEASE[word], 0, "")
    return (_SERVICE_PACK, 0, "") if word == "sp" else (_WORD, 0, word)


def _trim(parts: list[tuple[int, int, str]]) -> None:
    """Leave out what says nothing at the end of a part."""
    while parts and (parts[-1] == _END or (parts[-1][0] >= _NUMBER and parts[-1][1] == 0)):
        parts.pop()
