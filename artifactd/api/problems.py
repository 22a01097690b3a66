"""Problems: errors as RFC 9457 documents, and the few errors that only the API has.

Rule 1: `type` and `title` are stable: programs compare the one, people learn the other. They are the table
below, not the names of classes.
Rule 2: the status is that of `http/errors.py`; only the API's own errors add to it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import msgspec

from artifactd import errors
from artifactd.errors import ArtifactdError
from artifactd.http.errors import headers_of, status_of
from artifactd.repositories.content import Rendered

MEDIA_TYPE = "application/problem+json"
TYPE_PREFIX = "urn:artifactd:problem:"

CHALLENGE = 'Basic realm="artifactd", charset="UTF-8"'
"""The WWW-Authenticate header of a 401 (RFC 7617)."""


@dataclass(frozen=True, slots=True)
class Mistake:
    """One thing that is wrong, and where: `pointer` into the body, or the `parameter` of the query."""

    detail: str
    pointer: str | None = None
    parameter: str | None = None


class InvalidDocument(errors.Invalid):
    """A body or a query that cannot be accepted, with all that is wrong with it."""

    def __init__(self, mistakes: Sequence[Mistake]) -> None:
        self.mistakes = mistakes

    def __str__(self) -> str:
        return "; ".join(f"{each.pointer or each.parameter}: {each.detail}" for each in self.mistakes)


@dataclass(eq=False)
class UnsupportedMediaType(ArtifactdError):
    sent: str
    expected: str
    message: ClassVar[str] = "the body has the Content-Type {sent!r}; send {expected}"


@dataclass(eq=False)
class CrossSite(ArtifactdError):
    """A browser sends what another site made it send, with the credentials it remembers for us."""

    origin: str
    message: ClassVar[str] = "a page of another site ({origin}) may not change anything here"


@dataclass(eq=False)
class NotPermitted(ArtifactdError):
    detail: str
    message: ClassVar[str] = "{detail}"


class InternalError(ArtifactdError):
    """A fault of ours. The log has it whole, under the request's id."""

    message = "an internal error was logged under this request's id"


STATUSES: Mapping[type[ArtifactdError], int] = {
    UnsupportedMediaType: 415,
    CrossSite: 403,
    NotPermitted: 403,
}

KINDS: Mapping[type[ArtifactdError], tuple[str, str]] = {
    errors.ArtifactdError: ("internal", "Internal error"),
    errors.NotFound: ("not-found", "Not found"),
    errors.MethodNotAllowed: ("method-not-allowed", "Method not allowed"),
    errors.Gone: ("gone", "No longer available"),
    errors.Conflict: ("conflict", "Conflict"),
    errors.ObjectExists: ("exists", "Already exists"),
    errors.PreconditionFailed: ("precondition-failed", "Precondition failed"),
    errors.Invalid: ("invalid", "Invalid request"),
    errors.TooLarge: ("too-large", "Body too large"),
    errors.Unauthenticated: ("unauthenticated", "Authentication required"),
    errors.InvalidCredentials: ("invalid-credentials", "Invalid credentials"),
    errors.Forbidden: ("forbidden", "Forbidden"),
    errors.ReadOnly: ("read-only", "Read-only"),
    errors.Unavailable: ("unavailable", "Temporarily unavailable"),
    errors.StorageFailure: ("storage-failure", "Storage failed"),
    UnsupportedMediaType: ("unsupported-media-type", "Unsupported media type"),
    CrossSite: ("cross-site", "Cross-site request refused"),
    NotPermitted: ("forbidden", "Forbidden"),
}
"""Type and title by error, as for statuses: an error has those of its nearest ancestor."""


def render(error: ArtifactdError, request_id: str) -> Rendered:
    """The answer to a request that came to nothing."""
    status = status_of(error, STATUSES)
    slug, title = next(KINDS[cls] for cls in type(error).__mro__ if cls in KINDS)
    document: dict[str, object] = {
        "type": TYPE_PREFIX + slug,
        "title": title,
        "status": status,
        "detail": str(error),
        "request_id": request_id,
    }
    if isinstance(error, InvalidDocument):
        document["errors"] = [_shown(mistake) for mistake in error.mistakes]
    headers = [("content-type", MEDIA_TYPE), *headers_of(error)]
    if status == 401:
        headers.append(("www-authenticate", CHALLENGE))
    return Rendered(status, headers, msgspec.json.encode(document) + b"\n")


def _shown(mistake: Mistake) -> dict[str, str]:
    place = (
        {"parameter": mistake.parameter} if mistake.parameter is not None else {"pointer": mistake.pointer}
    )
    return {name: value for name, value in place.items() if value is not None} | {"detail": mistake.detail}
