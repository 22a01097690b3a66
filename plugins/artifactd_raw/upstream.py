"""What a proxy asks its upstream for: the same path below the upstream's address, whatever serves it."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from artifactd.plugin import Fetch, Freshness, Look, Settings, quoted

OF_FILES: Final = Freshness(timedelta(minutes=10))
"""Nothing tells whether a file will change. An old copy is better than none, however old it is."""


def fetch(path: str, settings: Settings, look: Look) -> Sequence[Fetch]:
    """The file at a path. Folders are not asked for: a page about them would be kept as if it were one."""
    if any(segment in ("", ".", "..") for segment in path.split("/")):
        return ()
    return (Fetch(f"{look.url}{quoted(path)}", OF_FILES),)
