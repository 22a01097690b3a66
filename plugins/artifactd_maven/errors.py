"""What only a Maven repository can complain about."""

from dataclasses import dataclass
from typing import ClassVar

from artifactd.plugin import Conflict, Invalid, NotFound


class ChecksumUnknown(NotFound):
    """The answer to clients that hope to spare an upload (maven R59): they send the file then."""

    message = "files are not deployed by their checksums here; send the file"


class LengthMissing(Invalid):
    """An upload that does not say whether it has a body."""

    message = "the request has neither Content-Length nor Transfer-Encoding, so it has no body"


@dataclass(eq=False)
class PomMismatch(Conflict):
    """A POM that speaks of another artifact than its path does."""

    element: str
    said: str
    expected: str
    message: ClassVar[str] = "the POM says its {element} is {said!r}, its path {expected!r}"
