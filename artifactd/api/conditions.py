"""Conditional writes (RFC 9110, section 13): who names the version it has read loses nobody's changes.

An ETag holds the row as well as its version: an object that was deleted and made again is another one.
"""

from collections.abc import Callable

from artifactd.api.operation import Answer, Call
from artifactd.errors import PreconditionFailed

ATTEMPTS = 5
"""Times a merge without If-Match is tried anew because someone wrote in between."""


def etag(row: int, version: int) -> str:
    """The entity tag of a version of an object."""
    return f'"{row}.{version}"'


def expected_version(call: Call, what: str, current: tuple[int, int] | None) -> int | None:
    """The version that a write must find according to If-Match, None for any; `current` is the object's
    row and version as read just now, None when there is none. Raises PreconditionFailed when the condition
    is not met already."""
    if call.if_none_match == "*" and current is not None:
        raise PreconditionFailed(what)
    if call.if_match is None:
        return None
    if current is None:
        raise PreconditionFailed(what)
    tags = {tag.strip() for tag in call.if_match.split(",")}
    if "*" in tags:
        return None
    if etag(*current) not in tags:
        raise PreconditionFailed(what)
    return current[1]


def persistently(call: Call, attempt: Callable[[], Answer]) -> Answer:
    """What `attempt` answers, which reads an object and writes it back at the version it read. When someone
    wrote in between it is made again, unless the client has named its version: then that is the answer."""
    for _ in range(ATTEMPTS - 1):
        try:
            return attempt()
        except PreconditionFailed:
            if call.if_match is not None:
                raise
    return attempt()
