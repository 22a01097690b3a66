"""Addresses of other servers, as people write them. Pure.

No message of these functions repeats an address: it may hold a password.
"""

import re
from collections.abc import Mapping
from typing import Annotated, Any
from urllib.parse import SplitResult, unquote, urlsplit

from pydantic import Field

from artifactd.api.documents import checked_by
from artifactd.errors import InvalidInput

HIDDEN = "***"
"""Stands for credentials that are not shown."""

_NAME = re.compile(
    r"(?=.{1,253}$)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*"
)
_ADDRESS = re.compile(r"https?://[!#-;=?-\[\]_a-z~]+", re.IGNORECASE)
_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,252})|\[[0-9a-fA-F:.]+\]")
_PORTS = {"http": 80, "https": 443}


def _check_host(host: str) -> None:
    if _NAME.fullmatch(host) is None:
        raise InvalidInput("a host is a DNS name in lower case, without a port")


Host = Annotated[str, checked_by(_check_host), Field(max_length=253)]


def check_upstream(url: str) -> None:
    """Raises InvalidInput unless `url` can be an upstream's."""
    parts = _parts(url)
    if parts.query or parts.fragment or url[-1] in "?#":
        raise InvalidInput("an upstream's URL ends with its path, without a query or fragment")
    if "@" in parts.netloc:
        raise InvalidInput("credentials go into `username` and `password`")


def check_http_proxy(url: str) -> None:
    """Raises InvalidInput unless `url` can be an HTTP proxy's."""
    parts = _parts(url)
    if parts.path not in ("", "/") or parts.query or parts.fragment:
        raise InvalidInput("an HTTP proxy's URL ends with its host and port")


def with_slash(url: str) -> str:
    """An upstream's URL as it is stored: what is asked for is appended."""
    return url if url.endswith("/") else f"{url}/"


def origin_of(url: str) -> tuple[str, str, int]:
    """Scheme, host and port of a checked URL: what its credentials are for (RFC 6454, section 4)."""
    parts = urlsplit(url)
    return parts.scheme, parts.hostname or "", parts.port or _PORTS[parts.scheme]


def split_login(url: str) -> tuple[str, str | None]:
    """A checked URL, without a slash at its end, and its `user:password` apart, None when it has none."""
    scheme, _, rest = url.rstrip("/").partition("://")
    login, at, place = rest.rpartition("@")
    return f"{scheme}://{place}", login if at else None


def with_login(url: str, login: str) -> str:
    """The opposite of `split_login`."""
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{login}@{rest}"


def without_userinfo(upstream: Mapping[str, Any]) -> Mapping[str, Any]:
    """An upstream as it was sent, with the credentials of its `url` in their own fields. Raises
    InvalidInput when it has those twice."""
    url = upstream.get("url")
    if not isinstance(url, str) or "@" not in url:
        return upstream
    try:
        parts = _parts(url)
    except InvalidInput:
        return upstream  # said where the document is checked
    userinfo, at, place = parts.netloc.rpartition("@")
    if not at:
        return upstream
    if any(upstream.get(field) is not None for field in ("username", "password", "token")):
        raise InvalidInput("the URL has credentials, and so has the upstream; give them once")
    username, colon, password = userinfo.partition(":")
    return {
        **upstream,
        "url": parts._replace(netloc=place).geturl(),
        "username": unquote(username) or None,
        "password": unquote(password) if colon and password else None,
    }


def _parts(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise InvalidInput("this is not a URL") from None
    place = parts.netloc.rpartition("@")[2]
    host = place.rpartition(":")[0] if port is not None or place.endswith(":") else place
    if _ADDRESS.fullmatch(url) is None or _HOST.fullmatch(host) is None or port == 0:
        raise InvalidInput("this is not a URL that begins with http:// or https:// and a host")
    return parts
