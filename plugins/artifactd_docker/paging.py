"""Pages of names, as tags and the catalog give them: `?n=` and `?last=` in, `Link: rel="next"` out (OCI
distribution-spec, "Listing Tags"; RFC 8288)."""

import re
from dataclasses import dataclass

from artifactd.plugin import QueryParams
from artifactd_docker.errors import PageInvalid

_NUMBER = re.compile(r"[0-9]{1,18}")


@dataclass(frozen=True, slots=True)
class PageAsked:
    """At most `limit` names behind `after`. `after` need not exist; empty means from the start."""

    limit: int
    after: str

    def behind(self, last: str) -> list[tuple[str, str]]:
        """The query for the page that follows the name `last`."""
        return [("n", str(self.limit)), ("last", last)]


def asked_page(query: QueryParams, most: int) -> PageAsked:
    """The page a query asks for, of `most` names when it wants more or does not say. Raises PageInvalid."""
    number = query.get("n")
    if number is not None and not _NUMBER.fullmatch(number):
        raise PageInvalid(f"n={number!r} is not a number of results")
    limit = most if number is None else min(int(number), most)
    return PageAsked(limit, query.get("last", ""))


def next_page(url: str) -> tuple[str, str]:
    """The header that leads on to a relative URL: clients refuse another host than they asked (docker
    R143)."""
    return ("Link", f'<{url}>; rel="next"')
