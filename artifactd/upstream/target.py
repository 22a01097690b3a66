"""Where a request goes: the one reading of a URL, which the guard, the rules for credentials and the
connection all use, so that no two of them can see different hosts in it."""

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Self
from urllib.parse import quote, urljoin, urlsplit

_PORTS = {"http": 80, "https": 443}
_LONGEST = 16 * 1024  # signed URLs of CDNs have some KiB
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME = re.compile(rf"(?=.{{1,253}}\.?\Z){_LABEL}(?:\.{_LABEL})*\.?")
_NUMERIC = re.compile(r"(?:.*\.)?(?:[0-9]+|0x[0-9a-f]*)\.?")
# Whatever ASCII may stand in a URL is sent as it came: signatures are made of the exact text.
_KEPT = "".join(map(chr, range(0x21, 0x7F))).translate(str.maketrans("", "", '"<>\\'))

_SHARED_LABELS = frozenset(
    ("asn", "com", "edu", "gob", "gov", "ltd", "mil", "net", "nom", "org", "plc", "sch")
)
"""What stands, besides labels of one or two letters, before a country's in names that nobody owns."""


@dataclass(frozen=True, slots=True)
class Target:
    """An absolute URL of HTTP, taken apart. `host` is in lower case, an IPv6 address without brackets;
    `path` includes the query. User names, passwords and fragments are dropped."""

    scheme: str
    host: str
    port: int
    path: str

    @classmethod
    def parse(cls, url: str) -> Self:
        """Raises ValueError for what is no URL of HTTP, and for hosts that programs read differently, such
        as `127.1`."""
        if _CONTROL.search(url) or len(url) > _LONGEST:
            raise ValueError("no URL")
        parts = urlsplit(url)
        if parts.scheme not in _PORTS:
            raise ValueError("no URL of HTTP")
        port = _PORTS[parts.scheme] if parts.port is None else parts.port
        if not port:
            raise ValueError("no port")
        path = parts.path or "/"
        if parts.query:
            path += f"?{parts.query}"
        return cls(parts.scheme, _host(parts.netloc, parts.hostname or ""), port, quote(path, safe=_KEPT))

    @property
    def origin(self) -> tuple[str, str, int]:
        """What credentials are for."""
        return self.scheme, self.host, self.port

    @property
    def authority(self) -> str:
        """The host as it stands in a URL, without the port."""
        return f"[{self.host}]" if ":" in self.host else self.host

    @property
    def is_address(self) -> bool:
        """Whether the host is an IP address."""
        return _is_address(self.host)

    @property
    def url(self) -> str:
        """The whole, with the port unless it is the scheme's own."""
        port = "" if self.port == _PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{self.authority}{port}{self.path}"

    def join(self, reference: str) -> "Target":
        """Where a Location in the answer to this leads. Raises ValueError, like `parse`."""
        return Target.parse(urljoin(self.url, reference.strip(" ")))

    def shares_credentials(self, other: "Target") -> bool:
        """Whether what is secret between us and this may be said to `other`: it is the same origin, or the
        same host's, better protected."""
        if self.origin == other.origin:
            return True
        upgraded = (self.scheme, self.port, other.scheme, other.port) == ("http", 80, "https", 443)
        return upgraded and self.host == other.host


def same_domain(one: str, other: str) -> bool:
    """Whether two hosts, in lower case, are the same or seem to be the same owner's: names with the same
    last two labels; the same last three where the last two are such as `co.uk`, which nobody owns."""
    if one == other:
        return True
    if _is_address(one) or _is_address(other):
        return False
    labels, others = one.rstrip(".").split("."), other.rstrip(".").split(".")
    second, first = ["", *labels][-2:]
    count = 3 if len(first) == 2 and (len(second) <= 2 or second in _SHARED_LABELS) else 2
    return len(labels) >= count and labels[-count:] == others[-count:]


def _host(netloc: str, host: str) -> str:
    if "\\" in netloc:
        raise ValueError("no host")
    if ":" in host:
        if "%" in host:
            raise ValueError("no host that others can reach")
        return str(IPv6Address(host))
    if not host.isascii():
        host = host.encode("idna").decode("ascii").lower()
    if _NUMERIC.fullmatch(host):
        return str(IPv4Address(host.rstrip(".")))
    if not _NAME.fullmatch(host):
        raise ValueError("no host")
    return host


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
