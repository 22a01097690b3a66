"""Errors as publishers and installers show them: a line of text, in words that they look for."""

from collections.abc import Mapping
from typing import Final

from artifactd.plugin import (
    Arrival,
    ArtifactdError,
    AssetExists,
    InsufficientScope,
    MethodNotAllowed,
    NotFound,
    ReadOnly,
    Rendered,
)
from artifactd_pypi.errors import ProjectClosed

STATUSES: Final[Mapping[type[ArtifactdError], int]] = {
    AssetExists: 400,  # clients skip files for which a 400 says "already exists" (pypi R100)
    InsufficientScope: 403,  # these clients have one token, and would only be asked for it again
    ProjectClosed: 403,
}

_TEXT: Final = ("Content-Type", "text/plain; charset=utf-8")


def render_error(error: ArtifactdError, status: int, arrival: Arrival) -> Rendered:
    """The sentence that a publisher prints. Reason phrases are the server's own, so it is the body that
    says it (pypi R103)."""
    text = str(error)
    headers = [_TEXT]
    if isinstance(error, AssetExists):
        filename = error.path.rpartition("/")[2]
        text = (
            f"File already exists: {filename!r} in repository {error.repository!r} has other content, and"
            " its write policy keeps it; use a new version or build number"
        )
    elif isinstance(error, ReadOnly) and arrival.method == "POST":
        text = f"{text}: publish to one that does, such as a hosted repository or a group that has one"
    elif isinstance(error, MethodNotAllowed) and arrival.method == "POST":
        text = f"{text}: uploads go to {'/'.join(arrival.path.split('/')[:3])}/, pages are only read"
    elif isinstance(error, NotFound):
        headers.append(("Cache-Control", "no-store"))
    return Rendered(status, headers, f"{text}\n".encode())
