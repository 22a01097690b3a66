"""Pages of names, as tags and the catalog give them: `?n=` and `?last=` in, `Link: rel="next"` out (OCI
distribution-spec, "Listing Tags"; RFC 8288)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from artifactd.plugin import QueryParams
from artifactd_docker.errors import PageInvalid

_NUMBER = re.compile(r"[0-9]{1,18}")


@dataclass(frozen=True, slots=True)
class PageAsked:
    """At most `limit` names behind `after`. `after` need not exist; empty means from the start."""

    limit: int
    after: str


def asked_page(query: QueryParams, most: int) -> PageAsked:
    """The page a query asks for, of `most` names when it wants more or does not say. Raises PageInvalid."""
    number = query.get("n")
    if number is not None and not _NUMBER.fullmatch(number):
        raise PageInvalid(f"n={number!r} is not a number of results")
    limit = most if number is None else min(int(number), most)
    return PageAsked(limit, query.get("last", ""))


def next_page(path: str, parameters: Sequence[tuple[str, str]]) -> tuple[str, str]:
    """The header that leads on. Relative: clients refuse another host than they asked (docker R143)."""
    return ("Link", f'<{path}?{urlencode(parameters)}>; rel="next"')
