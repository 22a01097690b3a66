"""What can go wrong, in domain words.

Rule 1: this file imports nothing of ours and knows no HTTP. Statuses are one table in `http/errors.py`;
bodies are the format's.
Rule 2: an error is a class with typed facts; its message is made from them, here.
Rule 3: "not here" (NotFound) and "could not ask" (Unavailable) are never the same error.

    ArtifactdError
    ├── NotFound
    │   ├── RepositoryNotFound   ├── AssetNotFound   ├── BlobNotFound   ├── UploadNotFound
    │   ├── RouteNotFound        └── ObjectNotFound  (a user, role, token, task … of the API)
    ├── MethodNotAllowed
    ├── Gone                     (history that retention has taken)
    ├── Conflict
    │   ├── AssetExists          ├── AssetReferenced ├── UploadBusy     ├── UploadOffsetMismatch
    │   ├── ObjectExists         └── PreconditionFailed
    ├── Invalid
    │   ├── InvalidInput         (├── InvalidPath  └── InvalidDigest)
    │   ├── DigestMismatch       ├── ReferencesMissing               └── LengthMismatch
    ├── TooLarge
    ├── RangeNotSatisfiable
    ├── Unauthenticated
    │   ├── InvalidCredentials   └── InsufficientScope
    ├── Forbidden
    ├── Withheld                 (the kill switch)
    ├── ReadOnly
    │   └── Generated            (a path whose files are made here)
    ├── Unavailable              (could not ask; `retry_after` seconds)
    │   ├── UpstreamUnavailable  └── RateLimited
    ├── UpstreamInvalid          (was asked, and its answer cannot be used)
    └── StorageFailure
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar


class ArtifactdError(Exception):
    """Base of every error this project raises on purpose. `str()` is a sentence for a person, made from the
    facts."""

    message: ClassVar[str] = "artifactd error"

    def __str__(self) -> str:
        return self.message.format(**vars(self))


class _OnAPath:
    """An error about a path, or, where that is empty, about any."""

    path: str
    message: ClassVar[str]
    anywhere: ClassVar[str]

    def __str__(self) -> str:
        return (self.message if self.path else self.anywhere).format(**vars(self))


class NotFound(ArtifactdError):
    message = "not found"


@dataclass(eq=False)
class RepositoryNotFound(NotFound):
    repository: str
    message: ClassVar[str] = "repository {repository!r} does not exist"


@dataclass(eq=False)
class AssetNotFound(NotFound):
    """`depends`: the counters of the change feed that were taken before it was looked for, when known: as
    long as they stand it is still not there."""

    repository: str
    path: str
    depends: Sequence[tuple[int, int]] | None = None
    message: ClassVar[str] = "{path!r} is not in repository {repository!r}"


@dataclass(eq=False)
class BlobNotFound(NotFound):
    location: str
    message: ClassVar[str] = "no blob is stored at {location!r}"


@dataclass(eq=False)
class UploadNotFound(NotFound):
    upload: str
    message: ClassVar[str] = "upload {upload!r} does not exist or has ended"


@dataclass(eq=False)
class RouteNotFound(NotFound):
    path: str
    message: ClassVar[str] = "nothing is served at {path!r}"


@dataclass(eq=False)
class ObjectNotFound(NotFound):
    kind: str
    name: str
    message: ClassVar[str] = "{kind} {name!r} does not exist"


@dataclass(eq=False)
class MethodNotAllowed(ArtifactdError):
    method: str
    allowed: Sequence[str]
    message: ClassVar[str] = "{method} is not possible here"


@dataclass(eq=False)
class Gone(ArtifactdError):
    repository: str
    earliest: str
    message: ClassVar[str] = "repository {repository!r} can be read from {earliest} on"


class Conflict(ArtifactdError):
    message = "conflict"


@dataclass(eq=False)
class AssetExists(Conflict):
    repository: str
    path: str
    message: ClassVar[str] = (
        "{path!r} exists in repository {repository!r} with other content, and its write policy keeps it"
    )


@dataclass(eq=False)
class AssetReferenced(Conflict):
    repository: str
    path: str
    by: str
    message: ClassVar[str] = "{path!r} in repository {repository!r} is needed by {by!r}"


@dataclass(eq=False)
class UploadBusy(Conflict):
    upload: str
    message: ClassVar[str] = "upload {upload!r} is receiving another request"


@dataclass(eq=False)
class UploadOffsetMismatch(Conflict):
    upload: str
    offset: int
    message: ClassVar[str] = "upload {upload!r} continues at byte {offset}"


@dataclass(eq=False)
class ObjectExists(Conflict):
    kind: str
    name: str
    message: ClassVar[str] = "{kind} {name!r} exists"


@dataclass(eq=False)
class PreconditionFailed(Conflict):
    what: str
    message: ClassVar[str] = "{what} has changed since it was read"


class Invalid(ArtifactdError):
    message = "the request is invalid"


@dataclass(eq=False)
class InvalidInput(Invalid):
    """What was sent cannot be accepted; `detail` says why, in a sentence."""

    detail: str
    message: ClassVar[str] = "{detail}"


class InvalidPath(InvalidInput):
    pass


class InvalidDigest(InvalidInput):
    pass


@dataclass(eq=False)
class DigestMismatch(Invalid):
    algorithm: str
    expected: str
    actual: str
    message: ClassVar[str] = "the bytes received have {algorithm} {actual}, not {expected}"


@dataclass(eq=False)
class ReferencesMissing(Invalid):
    repository: str
    paths: Sequence[str]
    message: ClassVar[str] = "repository {repository!r} lacks what this needs: {paths}"


@dataclass(eq=False)
class LengthMismatch(Invalid):
    declared: int
    received: int
    message: ClassVar[str] = "{declared} bytes were announced and {received} received"


@dataclass(eq=False)
class BodyStalled(ArtifactdError):
    seconds: float
    message: ClassVar[str] = "nothing of the body came for {seconds:g} seconds"


@dataclass(eq=False)
class TooLarge(ArtifactdError):
    limit: int
    message: ClassVar[str] = "the body is larger than the {limit} bytes allowed here"


@dataclass(eq=False)
class RangeNotSatisfiable(ArtifactdError):
    size: int
    message: ClassVar[str] = "the range lies outside the {size} bytes"


class Unauthenticated(ArtifactdError):
    message = "authentication is required"


class InvalidCredentials(Unauthenticated):
    message = "the credentials are wrong, expired or revoked"


@dataclass(eq=False)
class InsufficientScope(_OnAPath, Unauthenticated):
    """The principal may, its token may not: another token would do."""

    verb: str
    repository: str
    path: str
    message: ClassVar[str] = "the token does not cover {verb} on {path!r} in repository {repository!r}"
    anywhere: ClassVar[str] = "the token does not cover {verb} in repository {repository!r}"


@dataclass(eq=False)
class Forbidden(_OnAPath, ArtifactdError):
    principal: str
    verb: str
    repository: str
    path: str
    message: ClassVar[str] = "{principal} may not {verb} {path!r} in repository {repository!r}"
    anywhere: ClassVar[str] = "{principal} may not {verb} in repository {repository!r}"


@dataclass(eq=False)
class Withheld(ArtifactdError):
    repository: str
    path: str
    reason: str
    message: ClassVar[str] = "{path!r} in repository {repository!r} is withheld: {reason}"


@dataclass(eq=False)
class ReadOnly(ArtifactdError):
    repository: str
    message: ClassVar[str] = "repository {repository!r} takes no writes"


@dataclass(eq=False)
class Generated(ReadOnly):
    path: str
    message: ClassVar[str] = (
        "{path!r} in repository {repository!r} is made from its content: change that, and this follows"
    )


@dataclass(eq=False)
class Unavailable(ArtifactdError):
    detail: str
    retry_after: int = 5
    message: ClassVar[str] = "{detail}; try again later"


class UpstreamUnavailable(Unavailable):
    """An upstream that did not answer, or said that something was wrong with it."""


class RateLimited(Unavailable):
    """An upstream that wants to be asked later."""


@dataclass(eq=False)
class UpstreamInvalid(ArtifactdError):
    """An upstream that refused us, sent something else than it should have, or may not be asked at all."""

    detail: str
    message: ClassVar[str] = "{detail}"


@dataclass(eq=False)
class StorageFailure(ArtifactdError):
    detail: str
    message: ClassVar[str] = "storage failed: {detail}"
