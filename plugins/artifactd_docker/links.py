"""Lists that go on: the `Link: <…>; rel="next"` of another registry (RFC 8288; OCI distribution-spec,
"Listing Tags" and "Listing Referrers")."""

import re
from collections.abc import Sequence
from typing import Final
from urllib.parse import SplitResult, urljoin, urlsplit

from artifactd.plugin import Answer, More, UpstreamInvalid

MOST_PAGES: Final = 100
"""Pages of one list that are asked for. The rest of a longer one is left out."""

_VALUE = r"(?:\"((?:[^\"\\]|\\.)*+)\"|([^\s;,\"]*+))"
_PARAMETER = re.compile(rf"\s*+;\s*+([^\s;,=]++)(?:\s*+=\s*+{_VALUE})?+")
_TARGET = re.compile(r"<([^<>]*+)>")
_PORTS: Final = {"http": 80, "https": 443}


def next_page_of(answers: Sequence[Answer]) -> More | None:
    """Where a list goes on behind `answers`, None at its end. Raises UpstreamInvalid where that is another
    origin: no registry's list does, and whoever follows sends credentials."""
    facts = answers[-1].facts
    target = _next(facts.headers.get("link", ""))
    if target is None or len(answers) >= MOST_PAGES:
        return None
    try:
        url = urljoin(facts.url, target)
        same = _origin(urlsplit(url)) == _origin(urlsplit(facts.url))
    except ValueError:
        same = False
    if not same:
        raise UpstreamInvalid("the upstream's list goes on at another origin")
    return More(url)


def _next(header: str) -> str | None:
    for target in _TARGET.finditer(header):
        end = target.end()
        while (parameter := _PARAMETER.match(header, end)) is not None:
            name, quoted, token = parameter.groups()
            if name.lower() == "rel" and "next" in (quoted or token or "").lower().split():
                return target[1]
            end = parameter.end()
    return None


def _origin(url: SplitResult) -> tuple[str, str | None, int | None]:
    return url.scheme, url.hostname, url.port or _PORTS.get(url.scheme)
