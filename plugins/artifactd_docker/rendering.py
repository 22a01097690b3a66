"""Errors as registry clients read them (OCI distribution-spec, "Error Codes"), and what a 401 demands."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

import msgspec

from artifactd.plugin import (
    Arrival,
    ArtifactdError,
    AssetExists,
    AssetNotFound,
    AssetReferenced,
    Conflict,
    DigestMismatch,
    Forbidden,
    InsufficientScope,
    InvalidCredentials,
    InvalidDigest,
    InvalidPath,
    LengthMismatch,
    Located,
    MethodNotAllowed,
    RangeNotSatisfiable,
    RateLimited,
    ReadOnly,
    ReferencesMissing,
    Rendered,
    RepositoryNotFound,
    RouteNotFound,
    StorageFailure,
    TooLarge,
    Unauthenticated,
    Unavailable,
    UploadBusy,
    UploadNotFound,
    UploadOffsetMismatch,
    Verb,
    Withheld,
)
from artifactd_docker.errors import ImageNotFound, Refused, TooManyTags
from artifactd_docker.location import BASE, CATALOG, TOKEN
from artifactd_docker.names import BLOBS, TAGS, kind_of, last_of

API_VERSION = ("Docker-Distribution-Api-Version", "registry/2.0")

STATUSES: Mapping[type[ArtifactdError], int] = {
    AssetExists: 403,
    AssetReferenced: 405,
    RateLimited: 429,
    ReadOnly: 405,
    TooManyTags: 414,
}

_CODES: Mapping[type[ArtifactdError], str] = {
    AssetExists: "DENIED",
    AssetReferenced: "UNSUPPORTED",
    Conflict: "DENIED",
    DigestMismatch: "DIGEST_INVALID",
    Forbidden: "DENIED",
    ImageNotFound: "NAME_UNKNOWN",
    InvalidDigest: "DIGEST_INVALID",
    InvalidPath: "NAME_INVALID",
    LengthMismatch: "SIZE_INVALID",
    MethodNotAllowed: "UNSUPPORTED",
    RangeNotSatisfiable: "RANGE_INVALID",
    RateLimited: "TOOMANYREQUESTS",
    ReadOnly: "UNSUPPORTED",
    ReferencesMissing: "MANIFEST_BLOB_UNKNOWN",
    RepositoryNotFound: "NAME_UNKNOWN",
    RouteNotFound: "NAME_UNKNOWN",
    StorageFailure: "UNAVAILABLE",
    TooLarge: "SIZE_INVALID",
    Unauthenticated: "UNAUTHORIZED",
    Unavailable: "UNAVAILABLE",
    UploadBusy: "BLOB_UPLOAD_INVALID",
    UploadNotFound: "BLOB_UPLOAD_UNKNOWN",
    UploadOffsetMismatch: "RANGE_INVALID",
    Withheld: "DENIED",
}

_PUSHING = ("POST", "PUT", "PATCH")
_SUFFIXES = (
    (BLOBS, "uploads", None),
    ("manifests", None),
    (BLOBS, None),
    ("tags", "list"),
    ("referrers", None),
)
"""What follows a name in a path, segment by segment; None is any."""


def render_error(error: ArtifactdError, status: int, arrival: Arrival) -> Rendered:
    """`error` as JSON."""
    headers = [("Content-Type", "application/json"), API_VERSION]
    if isinstance(error, UploadOffsetMismatch):
        headers += [("Location", quote(arrival.path)), ("Range", upload_range(error.offset))]
    return Rendered(status, headers, msgspec.json.encode({"errors": _entries(error)}))


def upload_range(offset: int) -> str:
    """The bytes that an upload holds. Clients cannot read an empty range, so nothing looks like one byte
    (docker R107)."""
    return f"0-{max(offset - 1, 0)}"


def challenge(arrival: Arrival, located: Located | None, verb: Verb | None, error: Exception) -> str:
    """What a 401 demands: a token of ours for what was tried. The name in its scope is the client's, as are
    scheme and host (docker R9, R22, R23)."""
    if arrival.path == TOKEN:
        return 'Basic realm="artifactd", charset="UTF-8"'
    parts = [
        f'Bearer realm="{arrival.scheme}://{quote(arrival.host, safe=":[]")}{TOKEN}"',
        f'service="{arrival.entry}"',
    ]
    scopes = [needed_scope(arrival.method, arrival.path)]
    source = arrival.query.get("from")
    if source and not isinstance(error, InsufficientScope):
        # A retry with more scope understands one resource only (docker R31).
        scopes.append(f"repository:{quote(source)}:pull")
    if scopes[0] is not None:
        parts.append(f'scope="{" ".join(filter(None, scopes))}"')
    if isinstance(error, InsufficientScope):
        parts.append('error="insufficient_scope"')
    elif isinstance(error, InvalidCredentials) and _bears(arrival):
        parts.append('error="invalid_token"')
    return ",".join(parts)


def needed_scope(method: str, path: str) -> str | None:
    """The scope of a token for this request, or None when it takes no particular one."""
    if path == CATALOG:
        return "registry:catalog:*"
    segments = path.removeprefix(f"{BASE}/").split("/")
    for suffix in _SUFFIXES:
        name, end = segments[: -len(suffix)], segments[-len(suffix) :]
        if name and all(wanted in (None, found) for wanted, found in zip(suffix, end, strict=False)):
            return f"repository:{quote('/'.join(name))}:{_actions(method, uploading=len(suffix) == 3)}"
    return None


def _actions(method: str, *, uploading: bool) -> str:
    if uploading or method in _PUSHING:
        return "pull,push"
    return "pull,delete" if method == "DELETE" else "pull"


def _bears(arrival: Arrival) -> bool:
    return arrival.headers.get("authorization", "")[:7].lower() == "bearer "


def _entries(error: ArtifactdError) -> Sequence[Mapping[str, Any]]:
    if isinstance(error, ReferencesMissing):
        return [
            {
                "code": _code(error),
                "message": f"{last_of(path)} is not in the repository: push it before what refers to it",
                "detail": {"digest": last_of(path)},
            }
            for path in error.paths
        ]
    return [{"code": _code(error), "message": _message(error), "detail": None}]


def _message(error: ArtifactdError) -> str:
    if isinstance(error, AssetExists) and kind_of(error.path) == TAGS:
        return f"tag is immutable: {last_of(error.path)!r} exists, and the write policy keeps it as it is"
    return str(error)


def _code(error: ArtifactdError) -> str:
    if isinstance(error, Refused):
        return error.code
    for cls in type(error).__mro__:
        if cls in _CODES:
            return _CODES[cls]
    if isinstance(error, AssetNotFound):
        return "BLOB_UNKNOWN" if kind_of(error.path) == BLOBS else "MANIFEST_UNKNOWN"
    return "UNKNOWN"
