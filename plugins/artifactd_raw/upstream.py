"""What a proxy asks its upstream for: the same path below the upstream's address, whatever serves it."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final
from urllib.parse import quote

from artifactd.plugin import Fetch, Freshness, Look, Settings

OF_FILES: Final = Freshness(timedelta(minutes=10))
"""Nothing tells whether a file will change. An old copy is better than none, however old it is."""

_AS_IT_IS: Final = "/!$&'()*,;=:@"
"""What a path has unquoted (RFC 3986, section 3.3), but for the plus sign: some read a space in it."""


def fetch(path: str, settings: Settings, look: Look) -> Sequence[Fetch]:
    """The file at a path. Folders are not asked for: a page about them would be kept as if it were one."""
    if any(segment in ("", ".", "..") for segment in path.split("/")):
        return ()
    return (Fetch(f"{look.url}{quote(path, safe=_AS_IT_IS)}", OF_FILES),)
