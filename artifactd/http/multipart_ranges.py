"""Several ranges of one document in one body: `multipart/byteranges` (RFC 9110, section 14.6; RFC 2046,
section 5.1). Pure.

A `Body` says what to send without holding it: the lines between parts as bytes, the parts as ranges of the
document. The whole document, and one range of it, are bodies too.
"""

from collections.abc import Sequence

from artifactd.http.ranges import Range

Body = Sequence[bytes | Range]


def media_type(boundary: str) -> str:
    """The Content-Type of an answer whose parts `boundary` sets apart."""
    return f"multipart/byteranges; boundary={boundary}"


def body_of(spans: Sequence[Range], size: int, content_type: str, boundary: str) -> Body:
    """`spans` of a document of `size` bytes of `content_type`, each a part. `boundary` occurs nowhere in
    them.

    A delimiter begins with CRLF, before the first part as well: an empty preamble, which other servers send
    too.
    """
    parts: list[bytes | Range] = []
    for span in spans:
        lines = [f"--{boundary}", f"Content-Type: {content_type}"]
        lines.append(f"Content-Range: {span.content_range(size)}")
        parts += ("\r\n" + "\r\n".join(lines) + "\r\n\r\n").encode("latin-1"), span
    parts.append(f"\r\n--{boundary}--\r\n".encode())
    return parts


def length_of(body: Body) -> int:
    """The bytes of all of it."""
    return sum(len(part) if isinstance(part, bytes) else part.length for part in body)


def filled(body: Body, document: bytes) -> bytes:
    """All of it, with the ranges taken from the whole `document`."""
    return b"".join(part if isinstance(part, bytes) else document[part.start : part.end] for part in body)
