"""Who we are to an upstream, and to whom we say it.

Rule 1: a secret goes to the upstream's own origin, and to token services of its host, of its domain or of
the `realms` that its proxy lists. Nobody else is even asked, since a realm is what the far end says it is.
Rule 2: one request fetches a token; others that need the same one wait for it (docker R181).
"""

import asyncio
from base64 import b64encode
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import quote, urlencode

import msgspec

from artifactd.errors import UpstreamInvalid, UpstreamUnavailable
from artifactd.upstream.challenges import Challenge
from artifactd.upstream.configuration import Upstream
from artifactd.upstream.target import Target, same_domain

if TYPE_CHECKING:
    from artifactd.upstream.client import Patience

Fetch = Callable[[Target, str, "Patience"], Awaitable[tuple[int, bytes]]]
"""Asks a token service: the URL, the Authorization and the patience; the status and the body."""

_LIFETIME = 60.0  # Docker token specification: of a token that does not say
_MARGIN = 30.0  # seconds before its end from which a token is no longer used
_LONGEST = 24 * 60 * 60.0
_REMEMBERED = 500  # tokens of up to some KiB each

K = TypeVar("K")
V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class Ask:
    """What a token is asked for with: all that a challenge says of it. `address` is the realm."""

    address: Target
    service: str
    scopes: Sequence[str]

    @property
    def target(self) -> Target:
        """The request for it."""
        fields = [("service", self.service)] if self.service else []
        fields += [("scope", scope) for scope in self.scopes]
        path, _, query = self.address.path.partition("?")
        query = "&".join(filter(None, (query, urlencode(fields, quote_via=quote))))
        return Target(
            self.address.scheme, self.address.host, self.address.port, f"{path}?{query}" if query else path
        )


@dataclass(frozen=True, slots=True)
class _Token:
    authorization: str = field(repr=False)
    until: float  # on the clock of the event loop


class _Answer(msgspec.Struct):
    """Of a token service. Docker's registries say `token`, OAuth `access_token`."""

    token: str | None = None
    access_token: str | None = None
    expires_in: float | None = None


class Credentials:
    """What is known of how to prove ourselves to one upstream, whose own address is `home`. Lives on one
    event loop."""

    def __init__(self, upstream: Upstream, home: Target, fetch: Fetch) -> None:
        self._upstream = upstream
        self._home = home
        self._fetch = fetch
        self._realms = frozenset(host.lower() for host in upstream.realms)
        self._basic: set[tuple[str, str, int]] = set()
        self._asks: dict[str, Ask] = {}
        self._tokens: dict[Ask, _Token] = {}
        self._pending: dict[Ask, asyncio.Task[_Token | None]] = {}

    def are_for(self, target: Target) -> bool:
        """Whether `target` may be sent any of this."""
        return self._home.shares_credentials(target)

    def known(self, target: Target) -> str:
        """The Authorization to try at once; empty before `target` has asked for one."""
        if self._upstream.token:
            return f"Bearer {self._upstream.token}"
        ask = self._asks.get(_family(target))
        if ask is not None and (token := self._held(ask)) is not None:
            return token.authorization
        return self._password() if target.origin in self._basic else ""

    async def answer(
        self,
        target: Target,
        challenges: Sequence[Challenge],
        tried: str,
        fetched: set[Ask],
        patience: "Patience",
    ) -> str:
        """The Authorization to try after `target` refused `tried` with these challenges; empty when there
        is none. `fetched` is what tokens were fetched for on behalf of the same request: the same are not
        fetched again.

        Raises UpstreamInvalid for a realm that is not trusted, which has not been contacted, and for a
        token service that makes no sense; UpstreamUnavailable for one that does not answer."""
        if self._upstream.token:
            return ""
        distrusted = None
        for challenge in challenges:
            if (ask := _asked(challenge)) is None:
                continue
            if self._trusts(ask.address):
                return await self._bearer(target, ask, tried, fetched, patience)
            distrusted = ask.address
        if self._upstream.username and any(each.scheme == "basic" for each in challenges):
            self._basic.add(target.origin)
            password = self._password()
            return "" if tried == password else password
        if distrusted is not None:
            where = "an address" if distrusted.is_address else repr(distrusted.host)
            raise UpstreamInvalid(
                f"the upstream of repository {self._upstream.repository!r} sends us for a token to "
                f"{where}, which is not of its domain; list it in `realms` to trust it"
            )
        return ""

    async def close(self) -> None:
        """Stop asking for tokens."""
        pending = [*self._pending.values()]
        for task in pending:
            task.cancel()
        await asyncio.gather(*pending, return_exceptions=True)

    async def _bearer(
        self, target: Target, ask: Ask, tried: str, fetched: set[Ask], patience: "Patience"
    ) -> str:
        token = self._held(ask)
        if token is None or token.authorization == tried:
            if ask in fetched:
                return ""
            fetched.add(ask)
            self._tokens.pop(ask, None)
            token = await self._fetched(ask, patience)
        if token is None:
            return ""
        _remember(self._asks, _family(target), ask)
        return token.authorization

    def _held(self, ask: Ask) -> _Token | None:
        token = self._tokens.get(ask)
        return token if token is not None and asyncio.get_running_loop().time() < token.until else None

    async def _fetched(self, ask: Ask, patience: "Patience") -> _Token | None:
        """A new token; None when the service refused us."""
        task = self._pending.get(ask)
        if task is None:
            task = asyncio.create_task(self._request(ask, patience))
            self._pending[ask] = task
            task.add_done_callback(lambda done: self._ended(ask, done))
        try:
            # Whoever began it may have had more patience, and its going away is not the others' end.
            async with asyncio.timeout(patience.connect + patience.first_byte):
                return await asyncio.shield(task)
        except TimeoutError:
            raise UpstreamUnavailable(f"{self._service()} did not answer in time") from None

    def _ended(self, ask: Ask, task: "asyncio.Task[_Token | None]") -> None:
        del self._pending[ask]
        if not task.cancelled():
            task.exception()  # is looked at, also when all who waited have gone

    async def _request(self, ask: Ask, patience: "Patience") -> _Token | None:
        began = asyncio.get_running_loop().time()
        status, body = await self._fetch(ask.target, self._password(), patience)
        if status in (401, 403):
            return None
        if status == 429 or status >= 500:
            raise UpstreamUnavailable(f"{self._service()} answered with {status}")
        try:
            answer = msgspec.json.decode(body, type=_Answer, strict=False)
        except msgspec.MsgspecError:
            answer = _Answer()
        value = answer.token or answer.access_token
        if status != 200 or not value or not all("!" <= character <= "~" for character in value):
            raise UpstreamInvalid(f"{self._service()} gave no token")
        lifetime = _LIFETIME if answer.expires_in is None else min(answer.expires_in, _LONGEST)
        token = _Token(f"Bearer {value}", began + lifetime - _MARGIN)
        _remember(self._tokens, ask, token)
        return token

    def _trusts(self, service: Target) -> bool:
        if (self._home.scheme, service.scheme) == ("https", "http"):
            return False
        return service.host in self._realms or same_domain(self._home.host, service.host)

    def _password(self) -> str:
        if not self._upstream.username:
            return ""
        secret = f"{self._upstream.username}:{self._upstream.password}"
        return f"Basic {b64encode(secret.encode()).decode()}"

    def _service(self) -> str:
        return f"the token service of the upstream of repository {self._upstream.repository!r}"


def _asked(challenge: Challenge) -> Ask | None:
    """The token that a challenge wants; None when it does not say where from."""
    if challenge.scheme != "bearer":
        return None
    try:
        address = Target.parse(challenge.parameters.get("realm", ""))
    except ValueError:
        return None
    scopes = tuple(challenge.parameters.get("scope", "").split())
    return Ask(address, challenge.parameters.get("service", ""), scopes)


def _family(target: Target) -> str:
    """Requests that will want the same token. In a registry, the last two segments of a path are a kind
    and a name, and scopes are of what stands before. A wrong guess costs the round trip that a right one
    saves."""
    return target.path.partition("?")[0].rsplit("/", 2)[0]


def _remember(known: dict[K, V], key: K, value: V) -> None:
    """The last of them, as many as are worth their memory."""
    known.pop(key, None)
    known[key] = value
    if len(known) > _REMEMBERED:
        del known[next(iter(known))]
