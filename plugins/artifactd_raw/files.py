"""GET, HEAD, PUT and DELETE of one file."""

import mimetypes
from typing import Final
from urllib.parse import quote

from artifactd.plugin import (
    ABSENT,
    Content,
    Exchange,
    InvalidInput,
    InvalidPath,
    Rendered,
    Staged,
    StagedBlob,
    Verb,
)

SANDBOX: Final = ("Content-Security-Policy", "sandbox")

LONGEST_PATH: Final = 1024
"""Bytes of a path; databases index no more than a few thousand."""

LONGEST_TYPE: Final = 255
"""Characters of a media type, by RFC 6838 section 4.2."""

_UNKNOWN: Final = "application/octet-stream"
_SAYS_NOTHING: Final = ("", "application/x-www-form-urlencoded")
"""What curl's `--data-binary` sends for any file."""

_ENCODED_TYPES: Final = {
    "gzip": "application/gzip",
    "bzip2": "application/x-bzip2",
    "xz": "application/x-xz",
}
"""A compressed file is served as itself, not as what is in it."""


def get_file(exchange: Exchange) -> Content:
    """A file."""
    return exchange.repository.get(exchange.params["path"]).with_headers(SANDBOX)


def receive_file(exchange: Exchange) -> Staged:
    """Refuse what cannot be stored before it is sent."""
    path = exchange.params["path"]
    if path.endswith("/") or len(path.encode()) > LONGEST_PATH:
        raise InvalidPath(f"a file's path has at most {LONGEST_PATH} bytes and ends in no slash")
    if "content-range" in exchange.arrival.headers:
        raise InvalidInput("a file is put as a whole, without Content-Range")  # RFC 9110, section 14.5
    exchange.repository.permit(Verb.WRITE, path)
    return Staged()


def put_file(exchange: Exchange) -> Rendered:
    """Store a file; with `If-None-Match: *` only where none is."""
    assert isinstance(exchange.body, StagedBlob)
    path, headers = exchange.params["path"], exchange.arrival.headers
    only_new = headers.get("if-none-match", "").strip() == "*"
    with exchange.repository.edit(f"put {path}") as edit:
        edit.put(
            path,
            exchange.body,
            content_type=media_type(path, headers.get("content-type", "")),
            if_digest=ABSENT if only_new else None,
        )
    return Rendered(201, [("Location", quote(exchange.arrival.path)), SANDBOX])


def delete_file(exchange: Exchange) -> Rendered:
    """Delete a file."""
    path = exchange.params["path"]
    with exchange.repository.edit(f"delete {path}") as edit:
        edit.delete(path)
    return Rendered(204, [SANDBOX])


def media_type(path: str, stated: str) -> str:
    """What a file is served as: what its client said, else what its name says."""
    if stated not in _SAYS_NOTHING and len(stated) <= LONGEST_TYPE:
        return stated
    guessed, encoding = mimetypes.guess_type(path, strict=False)
    if encoding is not None:
        return _ENCODED_TYPES.get(encoding, _UNKNOWN)
    return guessed or _UNKNOWN
