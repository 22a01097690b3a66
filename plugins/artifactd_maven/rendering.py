"""Errors as builds show them: a problem document (RFC 9457) for clients that read one, else a line of text
(maven R28)."""

from collections.abc import Mapping
from typing import Final

import msgspec

from artifactd.plugin import (
    Arrival,
    ArtifactdError,
    AssetExists,
    NotFound,
    Rendered,
)
from artifactd_maven.errors import LengthMissing

STATUSES: Final[Mapping[type[ArtifactdError], int]] = {
    AssetExists: 400,  # tools know that answer to a second deployment of a release (maven R50)
    LengthMissing: 411,
}

_PROBLEM: Final = "application/problem+json"
_TITLES: Final = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    409: "Conflict",
    411: "Length Required",
    412: "Precondition Failed",
    413: "Content Too Large",
    500: "Internal Server Error",
    502: "Bad Gateway",
    503: "Service Unavailable",
}


def render_error(error: ArtifactdError, status: int, arrival: Arrival) -> Rendered:
    """The reason, in the words that tools look for."""
    text = str(error)
    if isinstance(error, AssetExists):
        text = (
            f"repository does not allow updating assets: {error.path!r} in {error.repository!r} has other"
            " content, and its write policy keeps it; deploy a new version"
        )
    headers: list[tuple[str, str]] = []
    if isinstance(error, NotFound):
        headers.append(("Cache-Control", "no-store"))
    if isinstance(error, LengthMissing):
        headers.append(("Connection", "close"))  # who knows what comes next (maven J7)
    if _PROBLEM in arrival.headers.get("accept", ""):
        problem = {"title": _TITLES.get(status, "Error"), "status": status, "detail": text}
        return Rendered(status, [("Content-Type", _PROBLEM), *headers], msgspec.json.encode(problem))
    return Rendered(status, [("Content-Type", "text/plain; charset=utf-8"), *headers], f"{text}\n".encode())
