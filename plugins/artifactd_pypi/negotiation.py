"""Which form of a page a client gets (Simple repository API, "Version + Format Selection"; RFC 9110,
section 12.5.1). Pure.

Rule 1: a type that is asked for by name is better than one that a wildcard lets in, and JSON better than
HTML among equals: installers name all forms they know. Whoever takes anything is a person, or a tool of the
time before JSON, and gets HTML.
Rule 2: a client that takes nothing of ours gets HTML: 406 would be allowed and would help nobody.
"""

from collections.abc import Sequence
from enum import StrEnum
from functools import lru_cache
from typing import Final

from artifactd.plugin import Arrival


class Form(StrEnum):
    """A form of a page, by its content type."""

    JSON = "application/vnd.pypi.simple.v1+json"
    V1_HTML = "application/vnd.pypi.simple.v1+html"
    HTML = "text/html"

    @property
    def content_type(self) -> str:
        """As it is sent."""
        return self.value if self is Form.JSON else f"{self.value}; charset=utf-8"


_LATEST: Final = {
    "application/vnd.pypi.simple.latest+json": Form.JSON.value,
    "application/vnd.pypi.simple.latest+html": Form.V1_HTML.value,
}


def form_for(arrival: Arrival) -> Form:
    """The form that a request wants: by `?format=`, else by its Accept lines."""
    # A plus that nobody encoded reads as a space in a query.
    asked = arrival.query.get("format", "").replace(" ", "+")
    asked = _LATEST.get(asked, asked)
    if asked in tuple(Form):
        return Form(asked)
    return choose_form(",".join(arrival.headers.getlist("accept")))


def choose_form(accept: str) -> Form:
    """The form that an Accept header prefers. What is malformed in it counts as not said."""
    return _remembered(accept) if len(accept) <= _REMEMBERED else _choose(accept)


_REMEMBERED: Final = 512
"""Characters of the longest header that is remembered: no client of Python's sends more."""


@lru_cache(1024)  # clients of one kind all send the same
def _remembered(accept: str) -> Form:
    return _choose(accept)


def _choose(accept: str) -> Form:
    ranges = _ranges(accept)
    best = Form.HTML
    highest: tuple[float, int] = (0.0, 0)
    for form in (Form.JSON, Form.V1_HTML, Form.HTML):
        kind = form.value.partition("/")[0]
        for precedence, name in ((2, form.value), (1, f"{kind}/*"), (0, "*/*")):
            if name in ranges:
                rank = ranges[name], precedence
                if rank[0] > 0 and rank > highest and (precedence or form is Form.HTML):
                    best, highest = form, rank
                break
    return best


def _ranges(accept: str) -> dict[str, float]:
    """The quality of each media range; its other parameters say nothing here."""
    ranges: dict[str, float] = {}
    for item in accept.split(","):
        name, *parameters = (part.strip().lower() for part in item.split(";"))
        quality = _quality(parameters)
        if name and quality is not None:
            name = _LATEST.get(name, name)
            ranges[name] = max(quality, ranges.get(name, 0.0))
    return ranges


def _quality(parameters: Sequence[str]) -> float | None:
    for parameter in parameters:
        key, _, value = parameter.partition("=")
        if key.strip() == "q":
            try:
                quality = float(value)
            except ValueError:
                return None
            return quality if 0 <= quality <= 1 else None
    return 1.0
