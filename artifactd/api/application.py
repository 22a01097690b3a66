"""The ASGI application under `/api/`.

Rule 1: the order is fixed. Decode, route, site, admit, body, handle. So nobody sends a body who would be
refused anyway, and an unknown path tells nothing that credentials guard.
Rule 2: handlers are plain functions in a worker thread; the event loop only reads and sends.
Rule 3: every answer carries the request's id and is kept by no cache.
"""

import asyncio
import logging
import re
import time
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from typing import Any, TypeVar
from uuid import uuid4

import pydantic_core
from starlette.datastructures import Headers, QueryParams
from starlette.routing import compile_path

from artifactd.api import problems
from artifactd.api.admission import admit, check_site
from artifactd.api.documents import parse_object, read_query
from artifactd.api.openapi import described
from artifactd.api.operation import BASE, Answer, Call, Operation, Write
from artifactd.api.proxies import proxy_operations
from artifactd.api.publications import publication_operations
from artifactd.api.repositories import RepositoryResource
from artifactd.api.roles import role_operations
from artifactd.api.services import ApiServices
from artifactd.api.signing_keys import signing_key_operations
from artifactd.api.system import system_operations
from artifactd.api.tasks import task_operations
from artifactd.api.tokens import token_operations
from artifactd.api.users import user_operations
from artifactd.auth.credentials import Credential
from artifactd.errors import ArtifactdError, LengthMismatch, MethodNotAllowed, RouteNotFound, TooLarge
from artifactd.formats.format import Format
from artifactd.http.paths import decode
from artifactd.http.receive import ClientGone, announced_length
from artifactd.http.serve import send_rendered
from artifactd.repositories.content import Rendered

LARGEST_BODY = 1 << 20
"""Bytes of a request: a role with all the grants it may have is a third of that."""

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

R = TypeVar("R")

_SAFE_ID = re.compile(r"[A-Za-z0-9._:/+=@-]{1,128}")

_JSON = re.compile(r"application/(?:[\w.-]+\+)?json", re.IGNORECASE)

logger = logging.getLogger("artifactd.api")


def operations(formats: Mapping[str, Format]) -> Sequence[Operation]:
    """Everything the API can do on a server with these formats, its own description included."""
    listed = [
        *RepositoryResource(formats).operations(),
        *proxy_operations(),
        *signing_key_operations(),
        *publication_operations(),
        *user_operations(),
        *role_operations(),
        *token_operations(),
        *task_operations(),
        *system_operations(formats),
    ]
    return described(listed)


def create(services: ApiServices, workers: Executor) -> "ApiApplication":
    """The application. `workers` runs handlers and everything else that may wait."""
    return ApiApplication(services, workers)


@dataclass(frozen=True, slots=True)
class _Resource:
    path: re.Pattern[str]
    by_method: Mapping[str, Operation]


class ApiApplication:
    """Answers requests for the API."""

    def __init__(self, services: ApiServices, workers: Executor) -> None:
        self._services = services
        self._rehearsing = services.rehearsing()
        self._workers = workers
        self._resources = _resources(operations(services.formats))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = time.perf_counter_ns()
        now = self._services.clock()
        headers = Headers(raw=scope["headers"])
        client = scope.get("client")
        origin = self._services.proxies.origin(client[0] if client else "", scope["scheme"], headers)
        request_id = _request_id(headers)
        try:
            operation, params = self._route(scope)
            check_site(scope["method"], headers, origin.host)
            credential = await self._admit(operation, headers, now)
            query = read_query(operation.query, QueryParams(scope["query_string"]).multi_items())
            body = await _body(operation, headers, receive)
            rehearsed = isinstance(query, Write) and query.dry_run
            call = Call(
                services=self._rehearsing if rehearsed else self._services,
                credential=credential,
                params=params,
                query=query,
                body={},
                if_match=headers.get("if-match"),
                if_none_match=headers.get("if-none-match"),
                origin=f"{origin.scheme}://{origin.host}",
                now=now,
                rehearsed=rehearsed,
            )
            rendered = await self._in_worker(_answered, operation, call, body)
        except ClientGone:
            return
        except ArtifactdError as error:
            rendered = problems.render(error, request_id)
        except Exception:
            logger.exception("%s %s failed (request %s)", scope["method"], scope["path"], request_id)
            rendered = problems.render(problems.InternalError(), request_id)
        common = [("x-request-id", request_id), ("cache-control", "no-store")]
        rendered = Rendered(rendered.status, [*rendered.headers, *common], rendered.body)
        served = await send_rendered(rendered, method=scope["method"], send=send)
        duration = (time.perf_counter_ns() - started) // 1000
        row = (now, scope["method"], served.status, served.bytes_sent, duration, origin.peer, None)
        self._services.ring.append(row)

    def _route(self, scope: Scope) -> tuple[Operation, Mapping[str, str]]:
        path = decode(scope["raw_path"] if scope.get("raw_path") else scope["path"].encode())
        method = "GET" if scope["method"] == "HEAD" else scope["method"]
        for resource in self._resources:
            found = resource.path.fullmatch(path)
            if found is None:
                continue
            operation = resource.by_method.get(method)
            if operation is None:
                allowed = set(resource.by_method) | ({"HEAD"} if "GET" in resource.by_method else set())
                raise MethodNotAllowed(scope["method"], sorted(allowed))
            return operation, found.groupdict()
        raise RouteNotFound(path)

    async def _admit(self, operation: Operation, headers: Headers, now: int) -> Credential:
        authorization = headers.get("authorization")
        credential = await self._in_worker(admit, self._services, operation, authorization, now)
        if credential.token_id is not None:
            self._services.used_token(credential.token_id)
        return credential

    async def _in_worker(self, function: Callable[..., R], *arguments: Any) -> R:
        return await asyncio.get_running_loop().run_in_executor(self._workers, function, *arguments)


def _resources(listed: Sequence[Operation]) -> Sequence[_Resource]:
    by_path: dict[str, dict[str, Operation]] = {}
    for operation in listed:
        by_path.setdefault(BASE + operation.path, {})[operation.method] = operation
    return [_Resource(compile_path(path)[0], by_method) for path, by_method in by_path.items()]


def _request_id(headers: Headers) -> str:
    """The id that the client or a proxy gave, when it can be written anywhere; else a new one."""
    given = headers.get("x-request-id", "")
    return given if _SAFE_ID.fullmatch(given) else uuid4().hex


async def _body(operation: Operation, headers: Headers, receive: Receive) -> bytes | None:
    """The body of an operation that takes one. Raises UnsupportedMediaType, TooLarge, LengthMismatch,
    ClientGone."""
    if operation.request is None:
        return None
    content_type = headers.get("content-type", "").partition(";")[0].strip()
    if _JSON.fullmatch(content_type) is None:
        raise problems.UnsupportedMediaType(content_type, "application/json")
    length = announced_length(headers)
    if length is not None and length > LARGEST_BODY:
        raise TooLarge(LARGEST_BODY)
    body = bytearray()
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        body += message.get("body", b"")
        more = message.get("more_body", False)
        if len(body) > LARGEST_BODY:
            raise TooLarge(LARGEST_BODY)
    if length is not None and length != len(body):
        raise LengthMismatch(length, len(body))
    return bytes(body)


def _answered(operation: Operation, call: Call, body: bytes | None) -> Rendered:
    """Handle the call, and write its answer down. A rehearsal points at nothing: it has made nothing."""
    if body is not None:
        call = replace(call, body=parse_object(body))
    answer: Answer = operation.handler(call)
    headers = list(answer.headers)
    if answer.etag is not None:
        headers.append(("etag", answer.etag))
    if answer.location is not None and not call.rehearsed:
        headers.append(("location", BASE + answer.location))
    if answer.document is None:
        return Rendered(answer.status, headers)
    headers.append(("content-type", "application/json"))
    return Rendered(answer.status, headers, pydantic_core.to_json(answer.document) + b"\n")
