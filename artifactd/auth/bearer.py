"""Bearer tokens: short, signed JWTs (RFC 7519, ES256) for one entry point, issued by the token service.

Rule 1: rights are never in a token, only what narrows them: a change of roles counts at the next request,
whatever tokens are around. `adt` holds the scopes by repository id; `access` repeats them in the words of
the protocol, for an outside registry that trusts our published key, and is not read here.
Rule 2: one key pair for all processes, made in the write turn of whoever needs it first.
"""

import hashlib
import secrets
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import msgspec

from artifactd.auth import patterns
from artifactd.auth.accounts import Accounts
from artifactd.auth.principal import Access, Principal, Scopes, Verb
from artifactd.auth.stored_secrets import StoredSecrets
from artifactd.clock import SECOND, Micros
from artifactd.db.writer import Database
from artifactd.errors import InvalidCredentials

_ALGORITHM = "ES256"
_SECRET = "bearer-key"  # noqa: S105 - the row's name
_SKEW = 60  # seconds the clocks of two hosts may differ before a fresh token is "not yet valid"


@dataclass(frozen=True, slots=True)
class Claims:
    """What a token says, once its signature, times and audience have been verified. Seconds since the
    epoch."""

    uid: int
    sub: str
    aud: str
    exp: int
    nbf: int
    adt: Sequence[tuple[int, str, frozenset[Verb]]]


@dataclass(frozen=True, slots=True)
class _Key:
    id: str  # RFC 7638 thumbprint
    private: Any
    public: Any
    jwk: Mapping[str, str]


class Bearer:
    """Issues and verifies bearer tokens. Thread-safe."""

    def __init__(self, database: Database, issuer: str = "artifactd") -> None:
        self._issuer = issuer
        self._accounts = Accounts(database)
        self._lock = threading.Lock()
        self._loaded: _Key | None = None
        self._secrets = StoredSecrets(database)

    def issue(
        self,
        principal: Principal,
        audience: str,
        access: Sequence[Access],
        extra: Mapping[str, Any],
        lifetime: timedelta,
        now: Micros,
    ) -> str:
        """A token with which `principal` (anonymous included) may use `access` at the entry point
        `audience`, for `lifetime` (whole seconds) but not beyond the credential it was asked with. `extra`
        are more claims. Raises InvalidInput for a path pattern that is none."""
        import jwt

        for each in access:
            patterns.compile(each.path)
        seconds = now // SECOND
        ends = seconds + int(lifetime.total_seconds())
        if principal.not_after is not None:
            ends = min(ends, principal.not_after // SECOND)
        key = self._key()
        claims = {
            **extra,
            "iss": self._issuer,
            "sub": principal.name,
            "uid": principal.id,
            "aud": audience,
            "iat": seconds,
            "nbf": seconds,
            "exp": ends,
            "jti": secrets.token_urlsafe(12),
            "adt": [[each.repository_id, each.path, sorted(each.verbs)] for each in access],
        }
        return jwt.encode(claims, key.private, algorithm=_ALGORITHM, headers={"kid": key.id})

    def verify(self, token: str, audience: str, now: Micros) -> Principal:
        """Who holds `token`, narrowed to its scopes. Raises InvalidCredentials for a token that is not
        ours, not for `audience`, altered, expired, or of a user that is gone or switched off."""
        return self.principal(self.decode(token, audience, now))

    def decode(self, token: str, audience: str, now: Micros) -> Claims:
        """The first half of `verify`: what the token says of itself. Asks nothing of the database."""
        import jwt

        try:
            key = self._key()
            if jwt.get_unverified_header(token).get("kid") != key.id:
                raise InvalidCredentials
            claims = msgspec.convert(
                jwt.decode(
                    token,
                    key.public,
                    algorithms=[_ALGORITHM],
                    audience=audience,
                    issuer=self._issuer,
                    # Times are compared below, with the clock that was given.
                    options={"verify_exp": False, "verify_nbf": False, "verify_iat": False},
                ),
                Claims,
            )
        except (jwt.PyJWTError, msgspec.ValidationError, ValueError) as error:
            raise InvalidCredentials from error
        if not (claims.nbf - _SKEW) * SECOND <= now < claims.exp * SECOND:
            raise InvalidCredentials
        return claims

    def principal(self, claims: Claims) -> Principal:
        """The second half of `verify`: the user it was issued to, as it is now."""
        accounts = self._accounts
        account = accounts.numbered(claims.uid) if claims.uid else accounts.anonymous()
        if account is None or not account.active or account.name != claims.sub:
            raise InvalidCredentials
        return Principal(
            account.name,
            account.id,
            account.roles,
            Scopes(tuple(Access(*each) for each in claims.adt), claims.aud),
            claims.exp * SECOND,
        )

    def jwks(self) -> dict[str, Any]:
        """The public key as a JSON Web Key Set (RFC 7517), for whoever wants to trust our tokens."""
        return {"keys": [dict(self._key().jwk)]}

    def _key(self) -> _Key:
        if self._loaded is None:
            with self._lock:
                if self._loaded is None:
                    self._loaded = _load(self._secrets.made_once(_SECRET, _generate))
        return self._loaded


def _generate() -> str:
    """A new private key as PEM."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    return (
        ec.generate_private_key(ec.SECP256R1())
        .private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        .decode()
    )


def _load(pem: str) -> _Key:
    from cryptography.hazmat.primitives import serialization
    from jwt.algorithms import ECAlgorithm
    from jwt.utils import base64url_encode

    private: Any = serialization.load_pem_private_key(pem.encode(), None)
    public = private.public_key()
    jwk = ECAlgorithm.to_jwk(public, as_dict=True)
    # RFC 7638, section 3: the required members in order, without white space.
    canonical = msgspec.json.encode({name: jwk[name] for name in ("crv", "kty", "x", "y")})
    thumbprint = base64url_encode(hashlib.sha256(canonical).digest()).decode()
    return _Key(
        thumbprint,
        private,
        public,
        {**jwk, "kid": thumbprint, "use": "sig", "alg": _ALGORITHM},
    )
