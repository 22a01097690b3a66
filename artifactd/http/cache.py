"""Tier 1: small answers remembered as they go on the wire.

Rule 1: an entry answers only a request of the same key (method, listener port, Host, target, credential
tag, Accept, Accept-Encoding), and only while its counters stand and its time has not come.
Rule 2: `recognise` lets through only requests whose every header either is in the key, is compared on the
hit (If-None-Match), or cannot change an answer. What it does not let through goes to tier 2.
Rule 3: entries are bounded by bytes, hits and negatives (404) apart, so that a scan for absent names cannot
push out what people download. A body that several entries share is counted once.
Rule 4: used by one event loop, so nothing here locks.
"""

import secrets
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

from artifactd import clock
from artifactd.clock import Micros
from artifactd.db.generations import Generations
from artifactd.http.conditional import lists
from artifactd.http.headers import STATUS_LINES, encode
from artifactd.http.ring import Ring, Taken

Key = tuple[bytes, int, bytes, bytes, bytes, bytes, bytes]
"""(method, listener port, Host, target, credential tag, Accept, Accept-Encoding)."""

MIB = 1 << 20
BODY_LIMIT = 64 << 10
"""Larger bodies are not remembered here: their cost is the wire, not the way to it."""

HELD_LIMIT = 4 * MIB
"""The same for bodies that are in memory whether or not they are remembered here."""

_PER_ENTRY = 1024
"""What an entry costs besides its bytes, about: objects, the key, two dictionary slots."""

_PLAIN, _BARS, _HOST, _AUTHORIZATION, _ACCEPT, _ENCODING, _NONE_MATCH, _CONNECTION = range(8)

_ROLES: Mapping[bytes, int] = {
    b"host": _HOST,
    b"authorization": _AUTHORIZATION,
    b"accept": _ACCEPT,
    b"accept-encoding": _ENCODING,
    b"if-none-match": _NONE_MATCH,
    b"connection": _CONNECTION,
    b"user-agent": _PLAIN,
    # Maven and dnf send `no-cache` with whatever they ask for. What is remembered here is what its handler
    # would say: this is the origin's memory, and no cache on the way (RFC 9111, section 5.2.1.4).
    b"cache-control": _PLAIN,
    b"pragma": _PLAIN,
    **dict.fromkeys(
        (
            *(
                b"content-length",
                b"transfer-encoding",
                b"cookie",
                b"range",
                b"if-range",
                b"upgrade",
                b"expect",
            ),
            *(b"if-match", b"if-modified-since", b"if-unmodified-since", b"forwarded", b"x-real-ip"),
        ),
        _BARS,
    ),
}


@dataclass(slots=True)
class Entry:
    """One remembered answer. `block` is its header lines, without Date and Server, which are the
    moment's."""

    status_line: bytes
    block: bytes
    block_304: bytes
    body: bytes
    status: int
    etag: str
    taken: Taken
    not_after: Micros
    record: Any
    head_allowed: bool
    used: bool = False

    def matches(self, if_none_match: bytes) -> bool:
        """Whether the client has this very answer already."""
        return bool(self.etag) and self.status == 200 and lists(if_none_match.decode("latin-1"), self.etag)


class ResponseCache:
    """The remembered answers of one process. Sizes in bytes."""

    def __init__(
        self,
        generations: Generations,
        *,
        hits: int = 32 * MIB,
        negatives: int = 4 * MIB,
        now: Callable[[], Micros] = clock.now,
    ) -> None:
        self._page = generations.page
        self._now = now
        self._hits = _Shelf(hits)
        self._negatives = _Shelf(negatives)
        self._secret = secrets.token_bytes(32)

    def credential_tag(self, authorization: bytes) -> bytes:
        """What stands for an Authorization header in a key; the empty tag stands for none."""
        return blake2b(authorization, key=self._secret, digest_size=16).digest()

    def get(self, key: Key) -> Entry | None:
        """The answer to `key`, if it still holds. A HEAD may be answered from what a GET left here."""
        entry = self._valid(key)
        if entry is None and key[0] == b"HEAD":
            entry = self._valid((b"GET", *key[1:]))
            if entry is not None and not entry.head_allowed:
                return None
        return entry

    def store(
        self,
        key: Key,
        *,
        status: int,
        headers: Sequence[tuple[str, str]],
        body: bytes,
        taken: Taken,
        not_after: Micros,
        record: Any = None,
        head_allowed: bool = True,
        held: bool = False,
    ) -> bool:
        """Remember the answer to `key`. `taken` are the counters from before it was made; `body` is empty
        for a HEAD; `held`: it is kept elsewhere, too. Returns whether it was taken: other statuses than 200
        and 404, large bodies, cookies, and headers that HTTP does not allow are not."""
        names = {name.lower(): value for name, value in headers}
        if (
            status not in (200, 404)
            or len(body) > (HELD_LIMIT if held else BODY_LIMIT)
            or "set-cookie" in names
            or not_after <= self._now()
        ):
            return False
        length = [] if "content-length" in names else [("content-length", str(len(body)))]
        try:
            block = encode([*headers, *(length if key[0] == b"GET" else [])])
            block_304 = encode(line for line in headers if not line[0].lower().startswith("content-"))
        except ValueError:
            return False
        entry = Entry(
            status_line=STATUS_LINES[status],
            block=block + b"\r\n",
            block_304=block_304 + b"\r\n",
            body=body,
            status=status,
            etag=names.get("etag", "").strip('"'),
            taken=tuple(dict.fromkeys(taken)),
            not_after=not_after,
            record=record,
            head_allowed=head_allowed,
        )
        self._hits.drop(key)
        self._negatives.drop(key)
        (self._hits if status == 200 else self._negatives).put(key, entry)
        return True

    def clear(self) -> None:
        """Forget everything."""
        self._hits.clear()
        self._negatives.clear()

    @property
    def sizes(self) -> tuple[int, int]:
        """Bytes held by hits and by negatives."""
        return self._hits.size, self._negatives.size

    def _valid(self, key: Key) -> Entry | None:
        entry = self._hits.entries.get(key)
        shelf = self._hits
        if entry is None:
            shelf = self._negatives
            entry = shelf.entries.get(key)
            if entry is None:
                return None
        page = self._page
        for stripe, value in entry.taken:
            if page[stripe] != value:
                shelf.drop(key)
                return None
        if self._now() >= entry.not_after:
            shelf.drop(key)
            return None
        entry.used = True
        return entry


class _Shelf:
    """Entries in a second-chance queue, bounded by bytes."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._shares: dict[int, int] = {}  # id of a body → how many entries hold it
        self.entries: OrderedDict[Key, Entry] = OrderedDict()
        self.size = 0

    def put(self, key: Key, entry: Entry) -> None:
        self.entries[key] = entry
        shares = self._shares.get(id(entry.body), 0)
        self._shares[id(entry.body)] = shares + 1
        self.size += _own_size(key, entry) + (0 if shares else len(entry.body))
        while self.size > self._limit:
            oldest = next(iter(self.entries))
            candidate = self.entries[oldest]
            if candidate.used:
                candidate.used = False
                self.entries.move_to_end(oldest)
            else:
                self.drop(oldest)

    def drop(self, key: Key) -> None:
        entry = self.entries.pop(key, None)
        if entry is None:
            return
        self.size -= _own_size(key, entry)
        shares = self._shares.pop(id(entry.body)) - 1
        if shares:
            self._shares[id(entry.body)] = shares
        else:
            self.size -= len(entry.body)

    def clear(self) -> None:
        self.entries.clear()
        self._shares.clear()
        self.size = 0


def _own_size(key: Key, entry: Entry) -> int:
    return (
        _PER_ENTRY
        + len(key[2])
        + len(key[3])
        + len(key[5])
        + len(key[6])
        + len(entry.block)
        + len(entry.block_304)
    )


@dataclass(frozen=True, slots=True)
class EdgeServices:
    """What the protocol class needs from the application: it finds them as the attribute `edge` of the ASGI
    application that uvicorn runs. `now` in microseconds.

    `ignored_headers` (lower case) may be present without effect, such as the X-Forwarded-For of a proxy
    that nothing reads; `watched_headers` are read by an authenticator or a rule, so a request with one
    goes to tier 2.
    """

    cache: ResponseCache
    ring: Ring
    now: Callable[[], Micros] = clock.now
    ignored_headers: frozenset[bytes] = frozenset()
    watched_headers: frozenset[bytes] = frozenset()
    roles: Mapping[bytes, int] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        roles = {
            **_ROLES,
            **dict.fromkeys(self.ignored_headers, _PLAIN),
            **dict.fromkeys(self.watched_headers, _BARS),
        }
        object.__setattr__(self, "roles", roles)


Recognised = tuple[bytes, bytes | None, bytes, bytes, bytes | None]
"""(Host, Authorization, Accept, Accept-Encoding, If-None-Match)."""


def recognise(headers: Iterable[tuple[bytes, bytes]], roles: Mapping[bytes, int]) -> Recognised | None:
    """The parts of a request's headers (lower-case names) that tier 1 needs; None when it is not for tier
    1."""
    host: bytes | None = None
    authorization: bytes | None = None
    accept = b""
    encoding = b""
    none_match: bytes | None = None
    for name, value in headers:
        role = roles.get(name)
        if role is None:
            if name.startswith(b"x-forwarded-"):
                return None
        elif role == _HOST:
            if host is not None:
                return None
            host = value
        elif role == _PLAIN:
            pass
        elif role == _ACCEPT:
            accept = accept + b"," + value if accept else value  # one line per type is usual: docker R43
        elif role == _ENCODING:
            encoding = encoding + b"," + value if encoding else value
        elif role == _AUTHORIZATION:
            if authorization is not None:
                return None
            authorization = value
        elif role == _NONE_MATCH:
            none_match = value if none_match is None else none_match + b"," + value
        elif role == _CONNECTION:
            if value.lower() != b"keep-alive":
                return None
        else:
            return None
    return None if host is None else (host, authorization, accept, encoding, none_match)
