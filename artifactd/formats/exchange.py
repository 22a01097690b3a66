"""What a format's handler gets, and where a request's body may go."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, BinaryIO, Protocol

from starlette.datastructures import Headers, QueryParams

from artifactd.auth.principal import Principal, Verb
from artifactd.blobs.store import StagedBlob
from artifactd.catalog.assets import Asset, Page
from artifactd.catalog.uploads import Upload
from artifactd.clock import Micros
from artifactd.repositories.content import Content, Rendered
from artifactd.repositories.description import Description
from artifactd.repositories.repository import Repository


@dataclass(frozen=True, slots=True)
class Arrival:
    """A request before its body. `path` is decoded, without the query string. `entry` is how the client
    came in: `main`, `host:NAME` or `port:N`. `scheme` and `host` (with the port) are what the client
    sees."""

    method: str
    path: str
    query_string: bytes
    headers: Headers
    entry: str
    scheme: str
    host: str
    peer: str
    principal: Principal

    @property
    def query(self) -> QueryParams:
        """The query, parsed anew at each call: most requests have none that anyone reads."""
        return QueryParams(self.query_string)


@dataclass(frozen=True, slots=True)
class Located:
    """Where a request goes: `path` within the repository named `repository`, or, with no repository, within
    the format. `prefix` is what the client wrote before `path` in names that we give back to it. `at` is
    the moment of the past that was asked for, as written."""

    repository: str | None
    path: str
    prefix: str = ""
    at: str | None = None


@dataclass(frozen=True, slots=True)
class InMemory:
    """The body as bytes, `limit` of them at most (TooLarge)."""

    limit: int


@dataclass(frozen=True, slots=True)
class Staged:
    """The body as a StagedBlob. `checksums`: algorithms to compute beside sha256. `expected`: algorithm →
    hex (DigestMismatch). `limit` in bytes, None for no limit of its own."""

    limit: int | None = None
    checksums: Sequence[str] = ()
    expected: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Append:
    """The body continues an upload at its offset. With `expected` (algorithm → hex) it ends it too, and the
    handler gets a StagedBlob; otherwise the handler gets the Upload with its new offset.

    `length`: bytes the client announced beside Content-Length; others are refused (LengthMismatch) and
    dropped. `keep_partial`: bytes of a client that vanishes are kept."""

    upload: Upload
    expected: Mapping[str, str] | None = None
    length: int | None = None
    keep_partial: bool = True


Fields = Mapping[str, Sequence[str]]
"""What a form said, in the order it came, by field."""


def sha256_only(fields: Fields) -> Sequence[str]:
    """For forms that state no checksums of their file."""
    return ()


@dataclass(frozen=True, slots=True)
class Form:
    """A multipart form (RFC 7578): fields in memory, at most `fields` of them with `field_limit` bytes each
    and `total_limit` together; the one file, in `file_field` or one of `other_file_fields`, streamed into
    the blob store, `file_limit` bytes at most. Files in `small_files` are fields like others. `checksums`:
    algorithms to compute of the file beside sha256, told by the fields that came before it."""

    file_field: str
    file_limit: int | None = None
    field_limit: int = 1 << 20
    fields: int = 1000
    total_limit: int = 1 << 24
    small_files: Sequence[str] = ()
    checksums: Callable[[Fields], Sequence[str]] = sha256_only
    other_file_fields: Sequence[str] = ()


Sink = InMemory | Staged | Append | Form


@dataclass(frozen=True, slots=True)
class FormData:
    """A received form. `file` is None when the form had no file."""

    fields: Fields
    filename: str
    content_type: str
    file: StagedBlob | None


Body = bytes | StagedBlob | Upload | FormData | None


@dataclass(frozen=True, slots=True)
class Later:
    """What a handler returns whose answer is to wait until `ready` says so (in a thread, a few times a
    second), but no longer than `timeout`: then the answer is `otherwise`."""

    answer: Rendered
    ready: Callable[[], bool]
    timeout: timedelta
    otherwise: Rendered


class TokenIssuer(Protocol):
    """Short bearer tokens for the principal of this exchange, good at its entry point."""

    def allowed(self, repository: str, path: str, verbs: Iterable[Verb]) -> frozenset[Verb]:
        """Those of `verbs` the principal has on `path`. An unknown repository gives none."""
        ...

    def issue(
        self,
        access: Sequence[tuple[str, str, frozenset[Verb]]],
        *,
        claims: Mapping[str, Any],
        lifetime: timedelta,
    ) -> str:
        """A token for (repository, path pattern, verbs), narrowed to what the principal has. `claims` are
        added for outside services that trust our keys; we do not read them back."""
        ...


class UploadDesk(Protocol):
    """Uploads of this exchange's repository and principal."""

    def start(self, name: str, algorithms: Sequence[str] = ()) -> Upload:
        """Begin one for an owner name."""
        ...

    def find(self, id: str, name: str) -> Upload:
        """Raises UploadNotFound, also for someone else's."""
        ...

    def cancel(self, upload: Upload) -> None:
        """End it and drop its bytes. Raises UploadBusy while a request is writing."""
        ...


class Services(Protocol):
    """What a handler may use beside its repository."""

    @property
    def tokens(self) -> TokenIssuer:
        """Bearer tokens for the exchange's principal."""
        ...

    @property
    def uploads(self) -> UploadDesk:
        """Uploads to the exchange's repository."""
        ...

    def now(self) -> Micros:
        """The present, in microseconds since the epoch."""
        ...

    def held(self, path: str, *, beside: Asset | None = None) -> Asset | None:
        """What this exchange's repository holds at a path now; of a group, what its writable member holds.
        With `beside`, what the repository holds that this asset is from, which for a group's answer is one
        of its members. No right of the principal's is asked for: it is for what the format must know, such
        as its own facts, and not for what it tells."""
        ...

    def stage(self, chunks: Iterable[bytes], *, checksums: Sequence[str] = ()) -> StagedBlob:
        """Put bytes into the blob store of this exchange's repository. They are dropped when the handler
        raises before an edit has named them, as its body is."""
        ...

    def open(self, blob: StagedBlob) -> BinaryIO:
        """Received bytes, to be looked into. The caller closes it."""
        ...

    def describe(self, path: str, content_type: str, blob: StagedBlob) -> Description:
        """The facts of received bytes, by the format's own `describe`. Raises what that raises."""
        ...

    def published(self, path: str, revision: int | None) -> Callable[[], bool]:
        """Tells whether all publications that a change of `path` touches have been made since `revision`,
        which an edit made (None: it changed nothing). Of a group: of its writable member."""
        ...

    def remember(self, key: str, content: Content, lasting: timedelta) -> None:
        """Remember what the client of this exchange was given, in all processes of this host, for ten
        minutes at most."""
        ...

    def recall(self, key: str) -> Content | None:
        """What was remembered under `key` for this client and repository, if that was not too long ago: the
        same bytes, whatever is at their path now. No right is asked for."""
        ...

    def repository(self, name: str) -> Repository:
        """Another repository, bound to the same principal. Raises RepositoryNotFound."""
        ...

    def names(self, *, after: str, limit: int) -> Page[str]:
        """`repository/name` of every name the principal may read in this format's repositories, in
        order."""
        ...


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request on its way through a handler. `params` are the pattern's, decoded. `body` is what the
    route's sink made of it, None while `receive` decides and for requests without a body."""

    arrival: Arrival
    located: Located
    params: Mapping[str, str]
    body: Body
    services: Services
    bound: Repository | None

    @property
    def repository(self) -> Repository:
        """The repository, bound to the principal. Only routes of scope `format` have none."""
        assert self.bound is not None, "a route of scope 'format' has no repository"
        return self.bound
