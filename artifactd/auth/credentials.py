"""Credentials: what an Authorization header holds, and what became of it."""

import base64
import binascii
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from artifactd.auth.principal import Principal
from artifactd.clock import Micros
from artifactd.db.generations import Stripe
from artifactd.errors import InvalidCredentials

LONGEST_HEADER = 16_384
"""Characters of an Authorization header: more than any token of ours, and a bound on what is hashed."""


class Kind(StrEnum):
    """How a principal was made known."""

    NONE = "none"
    PASSWORD = "password"  # noqa: S105
    API_TOKEN = "api token"  # noqa: S105
    BEARER = "bearer"


@dataclass(frozen=True, slots=True)
class Presented:
    """An Authorization header, taken apart. For Bearer, `user` is empty and `secret` the token."""

    scheme: str
    user: str
    secret: str


@dataclass(frozen=True, slots=True)
class Credential:
    """A verified credential. It holds while the counters in `depends` stand and `principal.not_after` has
    not passed. `token_id` is the API token that was used, for recording its last use."""

    principal: Principal
    kind: Kind
    token_id: int | None
    depends: tuple[tuple[Stripe, int], ...]


@dataclass(frozen=True, slots=True)
class Refused:
    """A credential that was judged and found wrong, which may change when a counter in `depends` moves."""

    depends: tuple[tuple[Stripe, int], ...]


class Authenticator(Protocol):
    """Knows one kind of credential."""

    def authenticate(self, presented: Presented, entry: str, now: Micros) -> Credential | Refused | None:
        """Judge credentials presented at the entry point `entry`: right, wrong, or (None) not mine to
        judge. `depends` was taken before the first read that it stands for. May take 100 ms; raises
        Unavailable when it cannot judge now."""
        ...


def parse(authorization: str) -> Presented:
    """An Authorization header's value (RFC 9110, 11.4), Basic (RFC 7617) or Bearer (RFC 6750). Raises
    InvalidCredentials when it is malformed or of another scheme."""
    scheme, _, rest = authorization.strip().partition(" ")
    scheme, rest = scheme.lower(), rest.strip()
    if scheme == "bearer" and rest and " " not in rest:
        return Presented(scheme, "", rest)
    if scheme != "basic":
        raise InvalidCredentials
    try:
        raw = base64.b64decode(rest, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidCredentials from error
    try:
        text = raw.decode()
    except UnicodeDecodeError:  # Java clients encode as ISO 8859-1 where they were not told otherwise
        text = raw.decode("iso-8859-1")
    user, colon, secret = text.partition(":")
    if not colon or "\0" in text:
        raise InvalidCredentials
    return Presented(scheme, user, secret)
