"""Patterns: which paths, or which repositories, a grant or a scope means.

Rule 1: a pattern is segments between slashes. `*` stands for any characters of one segment, none included;
`**` may only be the last segment, and stands for what is before it and everything below: `a/**` fits `a`,
`a/b` and `a/b/c`, but not `ab`. `**` alone fits everything. Nothing else is special; case counts.
Rule 2: a pattern answers the same for a path in memory (`matches`) and for a column in SQL (`where`). In
SQL it is an index range; only a `*` adds an expression, and that is the very one `matches` uses.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, and_, false, or_, true

from artifactd.errors import InvalidInput

LONGEST_PATTERN = 1024
"""Characters; as long as a path may usefully be."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """A compiled pattern. `literal` is what every fitting path begins with; `below` tells whether it ended
    in `**`; `expression` is there only when it has a `*`. Equal texts make equal patterns."""

    text: str
    literal: str
    below: bool
    expression: re.Pattern[str] | None

    @property
    def everything(self) -> bool:
        """Whether every path fits."""
        return self.below and self.expression is None and not self.literal

    def matches(self, path: str) -> bool:
        """Whether `path` fits."""
        if self.expression is not None:
            return self.expression.search(path) is not None
        if not self.below:
            return path == self.literal
        return not self.literal or path == self.literal or path.startswith(self.literal + "/")

    def where(self, column: ColumnElement[str]) -> ColumnElement[bool]:
        """`matches`, for the paths in `column` (collated `C`)."""
        if self.everything:
            return true()
        if self.expression is not None:
            # The same expression on both engines: SQLAlchemy gives SQLite Python's own `re`, and what is
            # used of it (escaped literals, [^/]*, \A, \Z) means the same to PostgreSQL.
            return and_(*_begins(column, self.literal), column.regexp_match(self.expression.pattern))
        if not self.below:
            return column == self.literal
        # One range first, because an index is searched for a range, but not for an alternative of two.
        # What lies between `a` and `a/` in it (`a-b`, `a.b`) is sorted out row by row.
        return and_(
            column >= self.literal,
            column < self.literal + "0",  # what follows a slash
            or_(column == self.literal, column >= self.literal + "/"),
        )


def compile(text: str) -> Pattern:
    """`text` as a pattern. Raises InvalidInput when it is not one."""
    if text == "**":
        return Pattern(text, "", True, None)
    segments = text.split("/")
    if len(text) > LONGEST_PATTERN or "\0" in text or {"", ".", ".."} & set(segments):
        raise InvalidInput(
            f"{text!r} is not a pattern: it takes up to {LONGEST_PATTERN} characters, without a slash at"
            " either end and without empty segments, '.' or '..'"
        )
    below = segments[-1] == "**"
    if below:
        segments.pop()
    if any("**" in segment for segment in segments):
        raise InvalidInput(f"{text!r} is not a pattern: '**' may only be its last segment")
    body = "/".join(segments)
    literal, star, _ = body.partition("*")
    if not star:
        return Pattern(text, body, below, None)
    fixed = "[^/]*".join(re.escape(part) for part in body.split("*"))
    return Pattern(text, literal, below, re.compile(rf"\A{fixed}(?:/|\Z)" if below else rf"\A{fixed}\Z"))


class PatternSet:
    """Several patterns as one: a path fits when any of them does. A lookup costs one step per segment of
    the path, plus one per pattern with a `*`."""

    __slots__ = ("_below", "_everything", "_exact", "_globs", "patterns")

    def __init__(self, patterns: Iterable[Pattern]) -> None:
        self.patterns = tuple(dict.fromkeys(patterns))
        self._everything = next((each for each in self.patterns if each.everything), None)
        plain = [each for each in self.patterns if each.expression is None and not each.everything]
        self._exact = {each.literal: each for each in plain if not each.below}
        self._below = {each.literal: each for each in plain if each.below}
        self._globs = [
            (each.expression.search, each) for each in self.patterns if each.expression is not None
        ]

    @property
    def everything(self) -> bool:
        """Whether one of the patterns fits every path."""
        return self._everything is not None

    def find(self, path: str) -> Pattern | None:
        """A pattern that `path` fits, or None."""
        if self._everything is not None:
            return self._everything
        found = self._exact.get(path)
        if found is None and self._below:
            end = path.find("/")
            while end >= 0 and found is None:
                found = self._below.get(path[:end])
                end = path.find("/", end + 1)
            if found is None:
                found = self._below.get(path)
        if found is None:
            found = next((each for search, each in self._globs if search(path)), None)
        return found

    def where(self, column: ColumnElement[str]) -> ColumnElement[bool]:
        """Whether `find` would find a pattern, for the paths in `column`."""
        if self._everything is not None:
            return true()
        return or_(false(), *(each.where(column) for each in self.patterns if not self._covered(each)))

    def _covered(self, pattern: Pattern) -> bool:
        """Whether a `…/**` of this set has all that `pattern` has, so that SQL needs one range less."""
        parent, slash, _ = pattern.literal.rpartition("/")
        while slash:
            if parent in self._below:
                return True
            parent, slash, _ = parent.rpartition("/")
        return not pattern.below and pattern.expression is None and pattern.literal in self._below


def _begins(column: ColumnElement[str], prefix: str) -> list[ColumnElement[Any]]:
    """`column` begins with `prefix`, as a range of its index."""
    if not prefix:
        return []
    conditions: list[ColumnElement[Any]] = [column >= prefix]
    end = _after(prefix)
    if end is not None:
        conditions.append(column < end)
    return conditions


def _after(prefix: str) -> str | None:
    """The least text greater than all that begin with `prefix`, by code points; None if there is none."""
    body = prefix.rstrip("\U0010ffff")
    if not body:
        return None
    following = ord(body[-1]) + 1
    if 0xD800 <= following <= 0xDFFF:  # surrogates are not characters: UTF-8 goes on after them
        following = 0xE000
    return body[:-1] + chr(following)
