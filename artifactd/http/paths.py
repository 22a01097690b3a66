"""Request paths, decoded once, before anything looks at them. Pure.

Rights, routes and assets all see the same decoded path, so no spelling of a path reaches what another
spelling would not. What could be read in two ways is refused.
"""

import re
from urllib.parse import unquote_to_bytes

from artifactd.errors import InvalidPath
from artifactd.formats.format import ENCODED_SLASH

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_ENCODED_SLASH = re.compile(rb"%2[fF]")
_BROKEN_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")


def decode(raw: bytes, *, slashes: bool = False) -> str:
    """The path of a request target, without its query. Raises InvalidPath for what is not UTF-8, for
    control characters, an encoded slash, empty segments (but the last), and the segments `.` and `..`.

    `slashes`: encoded slashes may be; they are `ENCODED_SLASH` in the result, and what they separate is
    held to the same rules as segments are."""
    if b"%" in raw:
        if _BROKEN_ESCAPE.search(raw):
            raise InvalidPath("the path holds a % that begins no escape")
        if b"%2f" in raw.lower():
            if not slashes:
                raise InvalidPath("the path holds an encoded slash")
            # Judged as if its slashes were plain: encoding them lets nothing in.
            judged = decode(_ENCODED_SLASH.sub(b"/", raw))
            parts = (unquote_to_bytes(part).decode() for part in _ENCODED_SLASH.split(raw))
            marked = ENCODED_SLASH.join(parts)
            assert marked.replace(ENCODED_SLASH, "/") == judged
            return marked
        raw = unquote_to_bytes(raw)
    try:
        path = raw.decode()
    except UnicodeDecodeError as error:
        raise InvalidPath("the path is not UTF-8") from error
    if _CONTROL.search(path):
        raise InvalidPath("the path holds a control character")
    if "//" in path:
        raise InvalidPath("the path holds an empty segment")
    if "/." in path and any(segment in (".", "..") for segment in path.split("/")):
        raise InvalidPath("the path holds a segment '.' or '..'")
    return path


def host_name(authority: str) -> str:
    """`Registry.example:5000` as `registry.example`; IPv6 literals keep their brackets."""
    if authority.startswith("["):
        return authority.partition("]")[0].lower() + "]"
    return authority.partition(":")[0].lower()
