"""What is asked of an upstream, and how that ends.

A repository that needs its upstream raises `Wanted`: the gateway asks on the event loop and runs the
handler again, which then finds the answer in the catalog or among the outcomes of its request. So no
thread waits for an upstream, and formats know nothing of it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from artifactd.blobs.store import BlobStore, StagedBlob
from artifactd.errors import ArtifactdError
from artifactd.upstream.answer import Answer, Facts
from artifactd.upstream.configuration import Upstream
from artifactd.upstream.growing import Growing


class Aim(StrEnum):
    """What a question is for. STORE: the bytes, into the blob store. READ: a document, into memory, which
    may go on at further addresses. LOOK: the facts alone. PART: some of the bytes, which are not kept."""

    STORE = "store"
    READ = "read"
    LOOK = "look"
    PART = "part"


Key = tuple[int, str, Aim, str]
"""(repository, path, aim, range): equal questions are asked once."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where to ask, and what must come: see `Fetch`, which says the same in the format's words."""

    url: str
    accept: str = "*/*"
    expected: Mapping[str, str] = field(default_factory=dict)
    size: int | None = None
    content_type: str = ""
    stated: Callable[[Facts], Mapping[str, str]] | None = None
    checksums: Sequence[str] = ()
    optional: bool = False
    no_page: bool = False

    def expected_of(self, facts: Facts) -> Mapping[str, str]:
        """The checksums that the bytes of an answer must have: what was known, and what its headers say."""
        return self.expected if self.stated is None else {**self.stated(facts), **self.expected}


@dataclass(frozen=True, slots=True)
class Held:
    """The copy at hand. `etag` and `modified` as the upstream wrote them, empty when it did not.
    `is_current` tells by the headers of a HEAD whether it still is, None when they do not say; without it
    the upstream is asked by a conditional GET."""

    etag: str = ""
    modified: str = ""
    is_current: Callable[[Facts], bool | None] | None = None


@dataclass(frozen=True, slots=True)
class Question:
    """One thing to ask. `sources` are tried in order. `held`: there is a copy, so nobody waits long.
    `whole`: answered once it is stored. `span`: the range (RFC 9110, section 14.1.2) of a PART.

    The functions run in worker threads, and may write. `settled`: whether the catalog knows more than when
    the question was made; `store` takes bytes that were verified; `read` takes the answers so far and gives
    the source where the document goes on, or None once it is stored; `confirm`: the copy is current;
    `miss`: it is not there (404, 410), and whether that is believed."""

    key: Key
    upstream: Upstream
    sources: Sequence[Source]
    blobs: BlobStore
    blob_store: str
    settled: Callable[[], bool]
    confirm: Callable[[], None]
    miss: Callable[[], bool]
    store: Callable[[StagedBlob, Facts], None]
    read: Callable[[Sequence[Answer]], Source | None]
    held: Held | None = None
    whole: bool = False
    span: str = ""

    @property
    def aim(self) -> Aim:
        return self.key[2]


class Wanted(Exception):
    """The answer takes these questions first. None at all: it takes a thread, in which to find out."""

    def __init__(self, questions: Sequence[Question] = ()) -> None:
        super().__init__("an upstream is to be asked")
        self.questions = questions


@dataclass(frozen=True, slots=True)
class Kept:
    """It is in the catalog now, or the copy there is current."""


@dataclass(frozen=True, slots=True)
class Again:
    """Somebody else has asked meanwhile: the catalog may know now."""


@dataclass(frozen=True, slots=True)
class Missing:
    """It is not there, says the upstream."""


@dataclass(frozen=True, slots=True)
class Seen:
    """Its facts. `size` in bytes, None when the upstream did not say."""

    facts: Facts
    size: int | None


@dataclass(frozen=True, slots=True)
class PartSeen:
    """Bytes [first, first + len(body)) of `size`."""

    facts: Facts
    body: bytes
    first: int
    size: int


@dataclass(frozen=True, slots=True)
class Whole:
    """The upstream gives no parts: the whole is to be asked for."""


@dataclass(frozen=True, slots=True)
class Failed:
    """It could not be asked, or not be used."""

    error: ArtifactdError


@dataclass(frozen=True, slots=True)
class Grows:
    """Its bytes are on their way."""

    facts: Facts
    growing: Growing
    source: Source


Outcome = Kept | Again | Missing | Seen | PartSeen | Whole | Failed | Grows
