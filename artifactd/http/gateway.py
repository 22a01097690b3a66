"""Tier 2: from a request for content to its answer. One path for every format and every kind.

Rule 1: the order is fixed. Decode, locate, authenticate, route, authorise coarsely, receive, handle,
answer.
Rule 2: a right is checked twice: here on the decoded and routed request, and by the repository on the path.
Rule 3: anonymous and not allowed is a 401, whether or not the repository exists.
Rule 4: an answer enters tier 1 only with every counter that any step depended on, taken before that step.
"""

import logging
import re
import time
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import quote

from starlette.datastructures import Headers

from artifactd.auth.authenticators import Authenticators
from artifactd.auth.credentials import Credential
from artifactd.auth.principal import ANONYMOUS, Principal
from artifactd.catalog.assets import Keep
from artifactd.catalog.kinds import HOSTED
from artifactd.catalog.repositories import HISTORY_MARK, RepositoryRecord
from artifactd.clock import SECOND, Micros
from artifactd.db.generations import DIRECTORY
from artifactd.db.writer import Database
from artifactd.errors import (
    ArtifactdError,
    AssetNotFound,
    InvalidPath,
    MethodNotAllowed,
    RepositoryNotFound,
    RouteNotFound,
    Unauthenticated,
)
from artifactd.formats.exchange import Arrival, Body, Exchange, Later, Located
from artifactd.formats.format import ENCODED_SLASH, Format, Route
from artifactd.http.bodies import BodyCache
from artifactd.http.cache import EdgeServices, Key
from artifactd.http.errors import headers_of, plain, status_of
from artifactd.http.handling import Handling
from artifactd.http.headers import IndexedHeaders
from artifactd.http.origin import Origin, TrustedProxies
from artifactd.http.paths import decode, host_name
from artifactd.http.ranges import is_small
from artifactd.http.receive import ClientGone, Receiver, announced_length
from artifactd.http.ring import Record
from artifactd.http.serve import Served, send_rendered, serve
from artifactd.http.services import BoundServices, Shared
from artifactd.repositories.content import Content, Rendered
from artifactd.repositories.inquiry import Inquiry
from artifactd.repositories.past import parse_moment
from artifactd.repositories.representation import Representation

PREFIX = "/repository/"
"""Where every format's repositories are that has no better place."""

REMEMBERED: Micros = 60 * SECOND
"""The longest an answer stays in tier 1: what a lost counter could cost at worst."""

Scope = MutableMapping[str, Any]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]

R = TypeVar("R")

logger = logging.getLogger("artifactd.http")

NOBODY = Principal(ANONYMOUS, 0, frozenset())


_Matcher = tuple[re.Pattern[str], frozenset[str], Route]


@dataclass(frozen=True, slots=True)
class _Compiled:
    """A format with its routes as regular expressions. An entry point declared for one repository serves
    the format's own routes too, so those of a repository are `every`."""

    format: Format
    every: Sequence[_Matcher]
    of_format: Sequence[_Matcher]


class _Request:
    """What is known of a request so far; errors are rendered from it wherever they arise."""

    __slots__ = (
        "_arrival",
        "compiled",
        "credential",
        "entry",
        "headers",
        "inquiry",
        "located",
        "method",
        "origin",
        "record",
        "route",
        "scope",
    )

    def __init__(
        self, compiled: _Compiled, scope: Scope, headers: Headers, origin: Origin, entry: str
    ) -> None:
        self.compiled = compiled
        self.scope = scope
        self.method: str = scope["method"]
        self.headers = headers
        self.origin = origin
        self.entry = entry
        self.credential: Credential | None = None
        self.located: Located | None = None
        self.record: RepositoryRecord | None = None
        self.route: Route | None = None
        self.inquiry: Inquiry | None = None
        self._arrival: Arrival | None = None

    @property
    def arrival(self) -> Arrival:
        """The arrival: with whoever it turned out to be, or nobody while that is not known."""
        return self._arrival or self.arrive(self.scope["path"], NOBODY)

    def arrive(self, path: str, principal: Principal) -> Arrival:
        """It is known now whose request this is, and for which decoded path."""
        origin = self.origin
        self._arrival = Arrival(
            self.method,
            path,
            self.scope["query_string"],
            self.headers,
            self.entry,
            origin.scheme,
            origin.host,
            origin.peer,
            principal,
        )
        return self._arrival


class Gateway:
    """Serves every format's URLs. `workers` runs handlers and everything else that may wait."""

    def __init__(
        self,
        formats: Mapping[str, Format],
        database: Database,
        shared: Shared,
        authenticators: Authenticators,
        receiver: Receiver,
        proxies: TrustedProxies,
        edge: EdgeServices,
        workers: Executor,
    ) -> None:
        self._formats = {name: _compile(format) for name, format in formats.items()}
        self._mounts = [(mount, self._formats[f.name]) for f in formats.values() for mount in f.mounts]
        self._database = database
        self._shared = shared
        self._authenticators = authenticators
        self._receiver = receiver
        self._proxies = proxies
        self._edge = edge
        self._handling = Handling(workers, shared.upstreams, keyed_in_loop=database.in_process)
        self._in_worker = self._handling.in_worker
        self._bodies = BodyCache()
        self._marks = [0] * 4096
        self.used_tokens: set[int] = set()
        """API tokens used since someone last looked: drained by housekeeping."""

    def format_of(self, path: str) -> _Compiled | None:
        """The format that serves a path as the server read it, or None when it is no content's."""
        for mount, compiled in self._mounts:
            if path.startswith(mount) and path[len(mount) : len(mount) + 1] in ("", "/"):
                return compiled
        if path.startswith(PREFIX):
            name = path.split("/", 3)[2].partition(HISTORY_MARK)[0]
            try:
                return self._formats.get(self._record(name).format, _NO_FORMAT)
            except RepositoryNotFound:
                return _NO_FORMAT
        return None

    async def handle(self, scope: Scope, receive: Receive, send: Send, compiled: _Compiled) -> None:
        """Answer one request for content."""
        started = time.perf_counter_ns()
        now = self._shared.clock()
        request = self._arrive(scope, compiled)
        try:
            taken = self._database.generations.take((DIRECTORY,))
            answer = _dated(await self._answer(scope, request, receive, now), request.inquiry, now)
            served = await self._send(scope, request, answer, send)
        except ClientGone:
            return
        except ArtifactdError as error:
            answer = _dated(self._told(request, error), request.inquiry, now)
            served = await self._send(scope, request, answer, send)
        except Exception as error:
            logger.exception("%s %s failed", request.method, request.arrival.path)
            answer = self._told(request, InternalError(type(error).__name__))
            served = await self._send(scope, request, answer, send)
        record = _record_of(request, answer)
        duration = (time.perf_counter_ns() - started) // 1000
        self._edge.ring.append(
            (now, request.method, served.status, served.bytes_sent, duration, request.origin.peer, record)
        )
        self._remember(scope, request, answer, served, taken, now, record)

    def _arrive(self, scope: Scope, compiled: _Compiled) -> _Request:
        headers = IndexedHeaders(scope["headers"])
        client = scope.get("client")
        origin = self._proxies.origin(client[0] if client else "", scope["scheme"], headers)
        return _Request(compiled, scope, headers, origin, self._entry(scope, origin.host, compiled))

    def _entry(self, scope: Scope, host: str, compiled: _Compiled) -> str:
        entry = self._address(scope, host)
        query: bytes = scope["query_string"]
        return compiled.format.entry(entry, query) if query else entry

    def _address(self, scope: Scope, host: str) -> str:
        server = scope.get("server")
        if server and self._shared.directory.of_port(server[1]) is not None:
            return f"port:{server[1]}"
        name = host_name(host)
        return f"host:{name}" if self._shared.directory.of_host(name) is not None else "main"

    async def _answer(
        self, scope: Scope, request: _Request, receive: Receive, now: Micros
    ) -> Content | Rendered:
        path = decode(scope.get("raw_path") or scope["path"].encode(), slashes=True)
        await self._authenticate(request, path, now)
        self._locate(request)
        params = self._match(request)
        await self._permit(request)
        if _lacks_slash(request):
            return _with_slash(request.arrival)
        exchange = self._exchange(request, params)
        assert request.route is not None
        if request.route.receive is not None:
            return await self._receive_and_handle(request, exchange, receive)
        return await self._handling.answer(request.route, exchange, request.inquiry)

    async def _authenticate(self, request: _Request, path: str, now: Micros) -> None:
        authorization = request.headers.get("authorization")
        credential = self._authenticators.cached(authorization, request.entry, now)
        if credential is None:
            credential = await self._in_worker(
                self._authenticators.authenticate, authorization, request.entry, now
            )
        request.credential = credential
        request.arrive(path, credential.principal)
        if credential.token_id is not None:
            self.used_tokens.add(credential.token_id)

    def _locate(self, request: _Request) -> None:
        located = request.compiled.format.locate(request.arrival, self._shared.directory)
        if located is None:
            if request.arrival.path.startswith(PREFIX):
                request.compiled = _NO_FORMAT  # nothing tells this repository from one that does not exist
                if request.arrival.principal.anonymous:
                    raise Unauthenticated
            raise _nowhere(request.arrival.path)
        request.located = located
        if located.repository is None:
            return
        try:
            record = self._shared.directory.find(located.repository)
            if record.format != request.compiled.format.name:
                raise RepositoryNotFound(located.repository)
        except RepositoryNotFound:
            if request.arrival.principal.anonymous:
                raise Unauthenticated from None
            raise
        request.record = record

    def _match(self, request: _Request) -> Mapping[str, str]:
        assert request.located is not None
        compiled = request.compiled
        allowed: set[str] = set()
        for pattern, methods, route in compiled.every if request.record else compiled.of_format:
            found = pattern.fullmatch(request.located.path)
            if found is None:
                continue
            if request.method in methods:
                request.route = route
                return _params(route, found)
            allowed |= methods
        if request.arrival.principal.anonymous and request.record is not None:
            raise Unauthenticated
        if allowed:
            raise MethodNotAllowed(request.method, sorted(allowed))
        raise _nowhere(request.located.path)

    async def _permit(self, request: _Request) -> None:
        assert request.route is not None
        verb, record = request.route.verb, request.record
        if verb is None or record is None:
            return
        principal = request.arrival.principal
        authorizer = self._shared.authorizer
        if authorizer.known(principal, verb, record.name, record.id) is not True:
            await self._in_worker(authorizer.check, principal, verb, record.name, record.id)

    def _exchange(self, request: _Request, params: Mapping[str, str]) -> Exchange:
        located, record, arrival = request.located, request.record, request.arrival
        assert located is not None
        bound = None
        if record is not None:
            past = None if located.at is None else parse_moment(located.at)
            if record.kind != HOSTED:
                request.inquiry = _inquiry(request)
            bound = self._shared.factory.open(record, arrival.principal, past, request.inquiry)
        services = BoundServices(
            self._shared,
            request.compiled.format,
            arrival.principal,
            arrival.entry,
            record,
            request.inquiry,
            f"{located.at}\n{arrival.peer}\n{arrival.headers.get('user-agent', '')}",
        )
        return Exchange(arrival, located, params, None, services, bound)

    async def _receive_and_handle(
        self, request: _Request, exchange: Exchange, receive: Receive
    ) -> Content | Rendered:
        route, record = request.route, request.record
        assert route is not None and route.receive is not None and record is not None
        services = exchange.services
        assert isinstance(services, BoundServices)
        length = announced_length(request.headers)
        if self._database.in_process:
            sink = route.receive(exchange)
        else:
            sink = await self._in_worker(route.receive, exchange)
        content_type = request.headers.get("content-type", "")
        finish = await self._receiver.take(sink, record.store_id, receive, length, content_type)

        def handle() -> Content | Rendered | Later:
            body: Body = finish()
            received = Exchange(
                exchange.arrival,
                exchange.located,
                exchange.params,
                body,
                exchange.services,
                exchange.bound,
            )
            with services.dropping(body):
                return route.handler(received)

        return await self._handling.settled(await self._in_worker(handle))

    async def _send(
        self, scope: Scope, request: _Request, answer: Content | Rendered, send: Send
    ) -> Served:
        if isinstance(answer, Rendered):
            return await send_rendered(answer, method=request.method, send=send)
        return await serve(
            answer,
            method=request.method,
            request_headers=request.headers,
            send=send,
            extensions=scope.get("extensions") or {},
            body_cache=self._bodies,
            public=request.arrival.principal.anonymous,
        )

    def _told(self, request: _Request, error: ArtifactdError) -> Rendered:
        """`error` in the shape this format's clients read."""
        format = request.compiled.format
        status = status_of(error, format.statuses)
        rendered = None
        # Who has not said who they are does not learn from the shape of an answer which repositories exist.
        hidden = isinstance(error, Unauthenticated) and request.arrival.path.startswith(PREFIX)
        if format.render_error is not None and not (hidden and request.arrival.principal.anonymous):
            rendered = format.render_error(error, status, request.arrival)
        if rendered is None:
            rendered = plain(error, status)
        headers = [*rendered.headers, *headers_of(error)]
        if rendered.status == 401:
            verb = None if request.route is None else request.route.verb
            challenge = format.challenge(request.arrival, request.located, verb, error)
            headers.append(("www-authenticate", challenge))
        depends = error.depends if isinstance(error, AssetNotFound) else None
        return Rendered(rendered.status, headers, rendered.body, depends)

    def _remember(
        self,
        scope: Scope,
        request: _Request,
        answer: Content | Rendered,
        served: Served,
        taken: tuple[tuple[int, int], ...],
        now: Micros,
        record: Record | None,
    ) -> None:
        key = (scope.get("extensions") or {}).get("artifactd.cache_key")
        credential = request.credential
        if key is None or answer.depends is None or served.body is None or credential is None:
            return
        if not self._asked_again(key):
            return
        head_allowed = True
        held = False
        inquiry = request.inquiry
        not_after = now + REMEMBERED
        if inquiry is not None and inquiry.fresh_until is not None:
            not_after = min(not_after, inquiry.fresh_until)
        if isinstance(answer, Content):
            held = isinstance(answer.source, Representation)
            asset = answer.head.asset
            if asset is not None and asset.keep is Keep.WHILE_REFERENCED:
                # A HEAD for it is a promise that must be written down; a GET is not.
                head_allowed = False
                if request.method == "HEAD":
                    return
        self._edge.cache.store(
            key,
            status=served.status,
            headers=served.headers,
            body=served.body,
            taken=(*taken, *credential.depends, *answer.depends),
            not_after=min(not_after, credential.principal.not_after or not_after),
            record=record,
            head_allowed=head_allowed,
            held=held,
        )

    def _asked_again(self, key: Key) -> bool:
        """Whether `key` was asked for lately. Remembering what is asked for once costs more than it saves,
        and would let a scan push out what is asked for often."""
        mark = hash(key)
        slot = mark % len(self._marks)
        known = self._marks[slot] == mark
        self._marks[slot] = mark
        return known

    def _record(self, name: str) -> RepositoryRecord:
        return self._shared.directory.find(name)


class InternalError(ArtifactdError):
    """A fault of ours. The log has it whole; the client gets its kind."""

    message = "an internal error ({kind}) was logged"

    def __init__(self, kind: str) -> None:
        self.kind = kind


def _compile(format: Format) -> _Compiled:
    every = [(route.regex(), frozenset(route.methods.split()), route) for route in format.routes]
    return _Compiled(format, every, [matcher for matcher in every if matcher[2].scope == "format"])


_NO_FORMAT = _compile(Format(name="", title="", routes=()))
"""Answers for repositories that do not exist."""


def _nowhere(path: str) -> ArtifactdError:
    """Why nothing is served at `path`. Most clients that encode a slash mean to trick somebody."""
    if ENCODED_SLASH in path:
        return InvalidPath("the path holds an encoded slash")
    return RouteNotFound(path)


def _lacks_slash(request: _Request) -> bool:
    """Whether a repository is looked at without the slash behind its name, from where relative links would
    lead elsewhere."""
    arrival = request.arrival
    return (
        arrival.path.count("/") == 2
        and arrival.path.startswith(PREFIX)
        and arrival.method in ("GET", "HEAD")
    )


def _with_slash(arrival: Arrival) -> Rendered:
    """To the same with a slash. Relative: whatever stands in front of us may have another name and
    scheme."""
    query = f"?{arrival.query_string.decode('latin-1')}" if arrival.query_string else ""
    return Rendered(308, [("location", f"{quote(arrival.path.removeprefix(PREFIX))}/{query}")])


def _params(route: Route, found: re.Match[str]) -> Mapping[str, str]:
    params = found.groupdict()
    if not route.raw:
        return params
    return {name: value.replace(ENCODED_SLASH, "/") for name, value in params.items()}


def _record_of(request: _Request, answer: Content | Rendered) -> Record | None:
    record, located = request.record, request.located
    if record is None or located is None:
        return None
    path, digest = located.path.replace(ENCODED_SLASH, "/"), ""
    if isinstance(answer, Content) and answer.head.asset is not None:
        asset = answer.head.asset
        path = asset.path
        digest = "" if asset.blob is None else asset.blob.digest
    principal = request.arrival.principal
    cache = "" if request.inquiry is None else request.inquiry.cache
    return Record(record.id, record.name, record.format, path, digest, principal.id, principal.name, cache)


def _inquiry(request: _Request) -> Inquiry:
    """What a request may ask upstreams for: only to read, and only of the present."""
    headers, located = request.headers, request.located
    reads = request.method in ("GET", "HEAD") and located is not None and located.at is None
    wanted = headers.get("range", "") if request.method == "GET" and "if-range" not in headers else ""
    return Inquiry(
        may_ask=reads, bodiless=request.method == "HEAD", span=wanted if is_small(wanted) else ""
    )


def _dated(answer: Content | Rendered, inquiry: Inquiry | None, now: Micros) -> Content | Rendered:
    """An answer that is past its time says so (RFC 9111, sections 5.1 and 5.5; the latter is obsolete, and
    what people look for)."""
    if inquiry is None or inquiry.checked is None or not inquiry.may_ask:
        return answer
    age = max(0, now - inquiry.checked) // SECOND
    lines = (("age", str(age)), ("warning", '110 - "Response is Stale"'))
    if isinstance(answer, Content):
        return answer.with_headers(*lines)
    return Rendered(answer.status, (*answer.headers, *lines), answer.body, answer.depends)
