"""The token service: a short bearer token for what a client may do of what it asks (Docker registry token
specification; docker R24 to R29).

Rule 1: asking for too much is no error. The token covers the part that is allowed, which may be nothing.
Rule 2: a token never covers more than the credential that it was asked with.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

import msgspec

from artifactd.plugin import Exchange, Rendered, RouteNotFound, Verb, moment
from artifactd_docker.errors import NameInvalid
from artifactd_docker.location import ImagePlace, find_image
from artifactd_docker.names import BLOBS, MANIFESTS, TAGS
from artifactd_docker.namespaces import MAIN

LIFETIME = timedelta(minutes=5)
"""Long enough for a push's next request, short enough to be forgotten. Rights are checked at each request
anyway."""

MOST_SCOPES = 100
"""Scopes of one token: it travels in a header."""

_VERBS: Mapping[str, Verb] = {"pull": Verb.READ, "push": Verb.WRITE, "delete": Verb.DELETE}
_SCOPE = re.compile(r"([a-z0-9]+)(?:\([a-z0-9]+\))?:(.+):([^:]*)")

_EVERYTHING = "**"


@dataclass(frozen=True, slots=True)
class Scope:
    """What a client asks for: actions on the `name` of a resource of some `type`."""

    type: str
    name: str
    actions: tuple[str, ...]


Access = tuple[str, str, frozenset[Verb]]
"""Repository, pattern of asset paths, verbs."""


def parse_scopes(values: Iterable[str]) -> list[Scope]:
    """Scopes from parameters that may each hold several. A name may hold a colon (a host and port), so type
    and actions are split off its ends. What is no scope asks for nothing."""
    found: list[Scope] = []
    for text in " ".join(values).split()[:MOST_SCOPES]:
        match = _SCOPE.fullmatch(text)
        if match is not None:
            type, name, actions = match.groups()
            found.append(Scope(type, name, tuple(dict.fromkeys(filter(None, actions.split(","))))))
    return found


def get_token(exchange: Exchange) -> Rendered:
    """A token for the scopes asked for, as far as the principal has the rights."""
    access: list[Access] = []
    said: list[Mapping[str, object]] = []
    for scope in parse_scopes(exchange.arrival.query.getlist("scope")):
        grant = _GRANTS.get(scope.type)
        covered, actions = ((), ()) if grant is None else grant(exchange, scope)
        access += covered
        said.append({"type": scope.type, "name": scope.name, "actions": actions})
    token = exchange.services.tokens.issue(access, claims={"access": said}, lifetime=LIFETIME)
    return _rendered(exchange, token)


def refuse_oauth(exchange: Exchange) -> Rendered:
    """POST is OAuth, which this service does not speak. 404 is how clients learn to use GET (docker
    R25)."""
    raise RouteNotFound(exchange.arrival.path)


Granted = tuple[Sequence[Access], Sequence[str]]


def _grant_image(exchange: Exchange, scope: Scope) -> Granted:
    try:
        place = find_image(exchange, scope.name)
    except NameInvalid:
        return (), ()
    wanted = _VERBS if "*" in scope.actions else scope.actions
    allowed = _allowed(exchange, place)
    actions = [each for each in wanted if each in _VERBS and _VERBS[each] in allowed]
    verbs = frozenset(_VERBS[each] for each in actions)
    if not verbs:
        return (), ()
    if Verb.READ in verbs:
        verbs |= allowed & {Verb.POPULATE}  # what a pull takes where a proxy has to ask its upstream
    if place.at is not None:
        verbs |= {Verb.HISTORY}
    return [(place.repository, f"{place.image}/**", verbs)], actions


def _allowed(exchange: Exchange, place: ImagePlace) -> frozenset[Verb]:
    """Verbs that a token for the whole image may cover. The principal's rights are asked again at each
    request, so some right is enough; those of a scoped credential are not, so it must cover everything."""
    paths = [f"{place.image}/{kind}/~" for kind in (BLOBS, MANIFESTS, TAGS)]
    verbs = (*_VERBS.values(), Verb.POPULATE)
    allowed = [exchange.services.tokens.allowed(place.repository, path, verbs) for path in paths]
    if exchange.arrival.principal.scopes is None:
        return frozenset().union(*allowed)
    return allowed[0].intersection(*allowed)


def _grant_catalog(exchange: Exchange, scope: Scope) -> Granted:
    """Reading names takes reading everywhere; who may read little sees little. A scoped credential has no
    such scope to give on."""
    if scope.name != "catalog" or "*" not in scope.actions:
        return (), ()
    if exchange.arrival.principal.scopes is not None:
        return (), ()
    repositories = _repositories(exchange)
    return [(name, _EVERYTHING, frozenset({Verb.READ})) for name in repositories], ["*"]


def _repositories(exchange: Exchange) -> list[str]:
    """The repositories of this entry point that hold any image the principal may read."""
    if exchange.arrival.entry != MAIN and exchange.located.repository is not None:
        return [exchange.located.repository]
    found: list[str] = []
    after = ""
    while page := exchange.services.names(after=after, limit=1).items:
        found.append(page[0].partition("/")[0])
        after = f"{found[-1]}/\U0010ffff"  # behind every name of that repository
    return found


_GRANTS: Mapping[str, Callable[[Exchange, Scope], Granted]] = {
    "repository": _grant_image,
    "registry": _grant_catalog,
}


def _rendered(exchange: Exchange, token: str) -> Rendered:
    document = {
        "token": token,
        "access_token": token,
        "expires_in": int(LIFETIME.total_seconds()),
        "issued_at": moment(exchange.services.now()).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    headers = [("Content-Type", "application/json"), ("Cache-Control", "no-store")]
    return Rendered(200, headers, msgspec.json.encode(document))
