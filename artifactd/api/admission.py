"""Admission: whether a request is let through to its handler. What a handler shows or touches beyond that
is decided where it is known whose it is."""

from urllib.parse import urlsplit

from starlette.datastructures import Headers

from artifactd.api.operation import Operation, Permission
from artifactd.api.problems import CrossSite, NotPermitted
from artifactd.api.services import ApiServices
from artifactd.auth.credentials import Credential, Kind
from artifactd.auth.principal import ANONYMOUS, Principal
from artifactd.clock import Micros
from artifactd.errors import Unauthenticated

SAFE_METHODS = frozenset({"GET", "HEAD"})

ENTRY = "main"
"""The API has one entry point, whatever host name or port it is reached by."""

NOBODY = Credential(Principal(ANONYMOUS, 0, frozenset()), Kind.NONE, None, ())

_DEFAULT_PORTS = {"http": ":80", "https": ":443"}


def check_site(method: str, headers: Headers, host: str) -> None:
    """Refuse a write that a page of another site makes a browser send, with the credentials it remembers
    for us. `host` is what the client calls us. Raises CrossSite."""
    if method in SAFE_METHODS:
        return
    origin = headers.get("origin")
    if origin is not None:
        parts = urlsplit(origin)
        port = _DEFAULT_PORTS.get(parts.scheme, "")
        if parts.netloc.lower().removesuffix(port) != host.lower().removesuffix(port):
            raise CrossSite(origin)
    if headers.get("sec-fetch-site") == "cross-site":
        raise CrossSite("Sec-Fetch-Site: cross-site")


def admit(
    services: ApiServices, operation: Operation, authorization: str | None, now: Micros
) -> Credential:
    """Whose request it is, once `operation` is open to it. May take 100 ms and read the database. Raises
    Unauthenticated, InvalidCredentials, NotPermitted, Unavailable."""
    if operation.permission is Permission.PUBLIC:
        return NOBODY
    credential = services.authenticators.authenticate(authorization, ENTRY, now)
    principal = credential.principal
    if principal.anonymous:
        raise Unauthenticated
    if operation.permission is Permission.AUTHENTICATED:
        return credential
    if principal.scopes is not None:
        raise NotPermitted(
            "a token with scopes cannot be used for this; use a password, or a token without"
        )
    if operation.permission is Permission.ADMINISTRATOR and not services.authorizer.administers(principal):
        raise NotPermitted(f"user {principal.name!r} is no administrator")
    return credential
