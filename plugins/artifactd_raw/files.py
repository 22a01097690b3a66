"""GET, HEAD, PUT and DELETE of one file."""

import mimetypes
from typing import Final
from urllib.parse import quote

from artifactd.plugin import (
    Asset,
    Content,
    Exchange,
    InvalidInput,
    InvalidPath,
    PreconditionFailed,
    Rendered,
    Staged,
    StagedBlob,
    Verb,
)
from artifactd_raw.checksums import stated
from artifactd_raw.conditions import is_as_known, is_not_known

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


class Encoded(InvalidInput):
    """A file in a content coding: kept, it would be served as what it is not."""


def get_file(exchange: Exchange) -> Content:
    """A file."""
    return exchange.repository.get(exchange.params["path"]).with_headers(SANDBOX)


def receive_file(exchange: Exchange) -> Staged:
    """Refuse what cannot be stored before it is sent."""
    path, headers = exchange.params["path"], exchange.arrival.headers
    if path.endswith("/") or len(path.encode()) > LONGEST_PATH:
        raise InvalidPath(f"a file's path has at most {LONGEST_PATH} bytes and ends in no slash")
    if "content-range" in headers:
        raise InvalidInput("a file is put as a whole, without Content-Range")  # RFC 9110, section 14.5
    if headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise Encoded("a file is put as it is, without Content-Encoding")  # RFC 9110, section 15.5.16
    expected = stated(headers)
    exchange.repository.permit(Verb.WRITE, path)
    if "if-none-match" in headers and not is_not_known(headers, exchange.services.held(path)):
        raise PreconditionFailed(path)
    return Staged(expected=expected)


def put_file(exchange: Exchange) -> Rendered:
    """Store a file, under the conditions of RFC 9110, section 13."""
    assert isinstance(exchange.body, StagedBlob)
    path, headers, body = exchange.params["path"], exchange.arrival.headers, exchange.body

    def holds(present: Asset | None) -> None:
        if not (is_as_known(headers, present, body.digest) and is_not_known(headers, present)):
            raise PreconditionFailed(path)

    with exchange.repository.edit(f"put {path}") as edit:
        edit.check(path, holds)
        edit.put(path, body, content_type=media_type(path, headers.get("content-type", "")))
    etag = ("ETag", f'"{body.digest}"')
    return Rendered(201, [("Location", quote(exchange.arrival.path)), etag, SANDBOX])


def delete_file(exchange: Exchange) -> Rendered:
    """Delete a file, under the same conditions."""
    path, headers = exchange.params["path"], exchange.arrival.headers
    if path.endswith("/"):
        raise InvalidPath("a folder goes with the last of its files, which are deleted one by one")

    def holds(present: Asset | None) -> None:
        # 13.2.1: what is not there is 404, whatever was hoped of it.
        if present and not (is_as_known(headers, present, None) and is_not_known(headers, present)):
            raise PreconditionFailed(path)

    with exchange.repository.edit(f"delete {path}") as edit:
        edit.check(path, holds)
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
