"""Pages of lists: `limit` and an opaque `cursor` in, `{"items", "next"}` out.

A cursor is where the last page ended, not a number of rows: what comes and goes meanwhile shifts nothing.
"""

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import Any, TypeVar
from urllib.parse import urlencode

from pydantic import Field

from artifactd.api.documents import CONTROL
from artifactd.api.operation import BASE, Answer, Call, Query
from artifactd.api.problems import InvalidDocument, Mistake

T = TypeVar("T")

LONGEST_PAGE = 1000


class Paged(Query):
    """Parameters of every list."""

    limit: int = Field(100, ge=1, le=LONGEST_PAGE, description="items of a page at most")
    cursor: str = Field("", max_length=1024, description="`next` of the page before")

    def after(self) -> str:
        """Where the page begins. Raises InvalidDocument for a cursor that is not ours."""
        try:
            position = base64.b64decode(self.cursor, b"-_", validate=True).decode()
        except (binascii.Error, ValueError):
            position = "\0"
        if CONTROL.search(position):
            raise InvalidDocument([Mistake("this is no `next` of a page", parameter="cursor")])
        return position


def page(call: Call, path: str, items: Sequence[Any], after: str | None) -> Answer:
    """The answer to `path`, a list of which these are the `items`, and `after` where it goes on."""
    if after is None:
        return Answer({"items": items, "next": None})
    cursor = base64.urlsafe_b64encode(after.encode()).decode()
    following = call.query.model_dump(exclude_unset=True) | {"cursor": cursor}
    link = ("link", f'<{BASE}{path}?{urlencode(following)}>; rel="next"')
    return Answer({"items": items, "next": cursor}, headers=(link,))


def cut(items: Sequence[T], limit: int, key: Callable[[T], str]) -> tuple[Sequence[T], str | None]:
    """The first `limit` of `items`, and where to go on when there are more."""
    shown = items[:limit]
    return shown, key(shown[-1]) if len(items) > limit else None
