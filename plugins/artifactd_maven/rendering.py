"""Errors as builds show them: a problem document (RFC 9457) for clients that read one, else a line of text
(maven R28)."""

from collections.abc import Mapping
from http import HTTPStatus
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
        problem = {"title": HTTPStatus(status).phrase, "status": status, "detail": text}
        return Rendered(status, [("Content-Type", _PROBLEM), *headers], msgspec.json.encode(problem))
    return Rendered(status, [("Content-Type", "text/plain; charset=utf-8"), *headers], f"{text}\n".encode())
