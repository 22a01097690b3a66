"""From errors to answers: the one table of statuses. A format may override where its clients need another
status, and renders the body its clients read; everyone else gets a line of text."""

from collections.abc import Mapping

from artifactd import errors
from artifactd.repositories.content import Rendered

STATUSES: Mapping[type[errors.ArtifactdError], int] = {
    errors.ArtifactdError: 500,
    errors.NotFound: 404,
    errors.MethodNotAllowed: 405,
    errors.Gone: 410,
    errors.Conflict: 409,
    errors.UploadOffsetMismatch: 416,
    errors.PreconditionFailed: 412,
    errors.Invalid: 400,
    errors.BodyStalled: 408,
    errors.TooLarge: 413,
    errors.RangeNotSatisfiable: 416,
    errors.Unauthenticated: 401,
    errors.Forbidden: 403,
    errors.Withheld: 403,
    errors.ReadOnly: 405,
    errors.Unavailable: 503,
    errors.UpstreamInvalid: 502,
    errors.StorageFailure: 503,
}

RETRY_AFTER = 5
"""Seconds a client is asked to wait when storage failed: long enough for an operator's restart to help."""


def status_of(
    error: errors.ArtifactdError, overrides: Mapping[type[errors.ArtifactdError], int] | None = None
) -> int:
    """The status of `error`: its class's, or that of its nearest ancestor; `overrides` are asked first."""
    for cls in type(error).__mro__:
        if overrides and cls in overrides:
            return overrides[cls]
    for cls in type(error).__mro__:
        if cls in STATUSES:
            return STATUSES[cls]
    raise TypeError(f"{error!r} is no ArtifactdError")


def headers_of(error: errors.ArtifactdError) -> list[tuple[str, str]]:
    """Headers that belong to an error whatever its body looks like."""
    match error:
        case errors.MethodNotAllowed():
            return [("allow", ", ".join(error.allowed))]
        case errors.ReadOnly():
            return [("allow", "GET, HEAD")]  # RFC 9110, section 15.5.6
        case errors.Unavailable():
            return [("retry-after", str(error.retry_after))]
        case errors.StorageFailure():
            return [("retry-after", str(RETRY_AFTER))]
        case errors.BodyStalled():
            return [("connection", "close")]  # RFC 9110, section 15.5.9
        case errors.RangeNotSatisfiable():
            return [("content-range", f"bytes */{error.size}")]
    return []


def plain(error: errors.ArtifactdError, status: int) -> Rendered:
    """A line of text, for clients without a shape of their own."""
    return Rendered(status, [("content-type", "text/plain; charset=utf-8")], f"{error}\n".encode())
