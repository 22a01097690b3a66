"""What an upstream said."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Facts:
    """What the headers of an answer say. Names are in lower case; of a repeated header, the values are
    joined by commas (RFC 9110, section 5.3). `url` is the one that answered, after redirects."""

    url: str
    headers: Mapping[str, str]

    @property
    def content_type(self) -> str:
        """The media type, without parameters; empty when none was said."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()


@dataclass(frozen=True, slots=True)
class Answer:
    """A document as it was sent. `absent`: it was not there, and need not be (`More.optional`)."""

    facts: Facts
    body: bytes
    absent: bool = False
