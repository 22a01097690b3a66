"""Errors as clients of repositories read them: a line of text, which no cache keeps (rpm K4)."""

from artifactd.plugin import Arrival, ArtifactdError, Rendered
from artifactd_rpm.media_types import TEXT


def render_error(error: ArtifactdError, status: int, arrival: Arrival) -> Rendered:
    """A file that is absent now may be published a second later."""
    headers = [("Content-Type", TEXT), ("Cache-Control", "no-store")]
    return Rendered(status, headers, f"{error}\n".encode())
