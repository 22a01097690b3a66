"""What a proxy asks its upstream for: values that a format makes, without I/O."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final, Protocol, TypeVar
from urllib.parse import quote

from artifactd.repositories.index import Index
from artifactd.upstream.answer import Facts

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Freshness:
    """How long a copy is good. `fresh_for`: without asking again; None is for ever. `stale_for`: from then
    on, while the upstream cannot be asked; None is for ever."""

    fresh_for: timedelta | None
    stale_for: timedelta | None = None


IMMUTABLE: Final = Freshness(None)
"""For paths that never hold other bytes."""

SMALL_COPY: Final = 8 << 20
"""Bytes of a copy that is read into memory to find out what to ask for."""

MUTABLE: Final = Freshness(timedelta(minutes=10), timedelta(days=7))
"""For documents that change."""


@dataclass(frozen=True, slots=True)
class Fetch:
    """One request to an upstream, by GET. `url` is absolute, or relative to the upstream's.

    `accept`: the Accept header. `expected` (algorithm → hex) and `size`: what the bytes must be; others are
    not kept, and not sent on as a whole. `content_type` replaces what the upstream says. `whole`: answered
    once it is stored, for documents whose facts a handler reads; else bytes are passed on as they come.
    `unchanged`: whether the headers of a HEAD say that the copy with these attributes is current, None when
    they do not tell; with it, copies are revalidated by HEAD. `stated`: the checksums (as `expected`) that
    the headers of an answer say its bytes have. `checksums`: algorithms to compute beside sha256, for the
    checksums that clients ask for. `negative_for`: how long an absence is remembered at most, where the
    proxy's own setting is longer. `no_page`: it is no HTML, so an answer that is a page is not taken for
    it: many a server shows one, to log in, in place of what is asked for."""

    url: str
    freshness: Freshness = MUTABLE
    accept: str = "*/*"
    expected: Mapping[str, str] = field(default_factory=dict)
    size: int | None = None
    content_type: str = ""
    whole: bool = False
    unchanged: Callable[[Facts, Mapping[str, Any]], bool | None] | None = None
    stated: Callable[[Facts], Mapping[str, str]] | None = None
    checksums: Sequence[str] = ()
    negative_for: timedelta | None = None
    no_page: bool = False


class Look(Protocol):
    """What `Format.fetch` may use: the proxy that it is asked for."""

    @property
    def url(self) -> str:
        """The upstream's address, ending in a slash."""
        ...

    def document(self, index: Index[T], key: str) -> T:
        """A document of this proxy, asked for upstream if need be. Empty when there is none."""
        ...

    def holds(self, path: str) -> bool:
        """Whether this proxy has a copy at a path, however old."""
        ...

    def held(self, path: str) -> bytes | None:
        """The copy at a path, however old, if it is small (`SMALL_COPY`)."""
        ...


_UNQUOTED: Final = "/!$&'()*,;=:@"
"""What a path has unquoted (RFC 3986, section 3.3), but for the plus sign: some read a space in it."""


def quoted(path: str) -> str:
    """A path of ours as what stands behind an upstream's address."""
    return quote(path, safe=_UNQUOTED)


def fetch_nothing(path: str, settings: Any, look: Look) -> Sequence[Fetch]:
    """For formats that have no proxies."""
    return ()
