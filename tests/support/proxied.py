"""One document behind a proxy, of each sort there is: what the formats keep for ever, and what they ask for
again; what is known by its digest beforehand, and what is not.

    with SORTS["blob"](server) as proxied:
        proxied.upstream.fault(flipped(), proxied.there)
        assert proxied.attempt() is None
"""

import http.client
import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.support.distributions import wheel
from tests.support.fake_index import FakeIndex
from tests.support.fake_registry import FakeRegistry
from tests.support.fake_upstream import FakeUpstream
from tests.support.indexes import JSON
from tests.support.layouts import pullable
from tests.support.proxies import proxy
from tests.support.server import Answer, RunningServer

SIZE = 300_000
"""Of blobs and files: more than any buffer on the way, and than what is held back until it is verified."""


@dataclass
class Proxied:
    """A document at `path` here, at `there` with the upstream. `expected`: what `read` finds in a right
    answer. `change` lets the upstream have other content there."""

    server: RunningServer
    upstream: FakeUpstream
    repository: str
    path: str
    there: str
    expected: object
    change: Callable[["Proxied"], None] = lambda proxied: None
    read: Callable[[Answer], object] = lambda answer: answer.body
    headers: Mapping[str, str] = field(default_factory=dict)
    immutable: bool = False
    verified: bool = False

    def get(self, **more: str) -> Answer:
        """GET; further headers are keyword arguments: `range="bytes=0-9"`."""
        return self.request("GET", **more)

    def request(self, method: str, **more: str) -> Answer:
        named = {name.replace("_", "-"): value for name, value in more.items()}
        return self.server.request(method, self.path, headers={**self.headers, **named})

    def get_apart(self, **more: str) -> Answer:
        """GET in a thread of its own, whose connection is closed behind it."""
        try:
            return self.get(**more)
        finally:
            self.server.disconnect()

    def attempt(self) -> Answer | None:
        """GET; None when the connection ended before the answer did."""
        try:
            return self.get()
        except (http.client.HTTPException, OSError):
            return None

    def is_right(self, answer: Answer | None) -> bool:
        """Whether this is the document as the upstream has it."""
        return answer is not None and answer.status == 200 and self.read(answer) == self.expected

    def warm(self) -> None:
        """Have a copy."""
        answer = self.get()
        assert self.is_right(answer), answer
        self.upstream.forget()

    @property
    def format(self) -> str:
        """That of the repository."""
        return self.repository.partition("-")[0]

    @property
    def url(self) -> str:
        """What the proxy was told of its upstream."""
        return f"{self.upstream.url}/there/" if self.format == "raw" else self.upstream.url

    @property
    def asked(self) -> int:
        """How often the upstream was asked for it."""
        return self.upstream.count("", self.there)


def is_stale(answer: Answer) -> bool:
    """Whether an answer says that it may be out of date (RFC 9111, sections 5.1 and 5.5)."""
    return answer.header("warning").startswith("110 ") and answer.header("age").isdigit()


def is_later(answer: Answer, *statuses: int) -> bool:
    """Whether an answer has clients try again soon (proxy R148)."""
    wait = answer.header("retry-after")
    return answer.status in (statuses or (503,)) and wait.isdigit() and 1 <= int(wait) <= 30


@contextmanager
def _raw_file(server: RunningServer, **options: Any) -> Iterator[Proxied]:
    with FakeUpstream() as upstream:
        upstream.put("/there/data.bin", _noise("first"))
        name = proxy(server, "raw", f"{upstream.url}/there/", **{"fresh_for": 0, **options})

        def change(proxied: Proxied) -> None:
            proxied.expected = _noise("second")
            upstream.put("/there/data.bin", _noise("second"))

        path = f"/repository/{name}/data.bin"
        yield Proxied(server, upstream, name, path, "/there/data.bin", _noise("first"), change)


@contextmanager
def _tag(server: RunningServer, **options: Any) -> Iterator[Proxied]:
    with FakeRegistry() as registry:
        name = proxy(server, "docker", registry.url, **{"fresh_for": 0, **options})
        first, second = pullable("first"), pullable("second")
        registry.push("team/app", first, "1")

        def change(proxied: Proxied) -> None:
            proxied.expected = second.body
            registry.push("team/app", second, "1")

        path = "/v2/team/app/manifests/1"
        yield Proxied(server, registry, name, _ours(name, path), path, first.body, change)


@contextmanager
def _manifest(server: RunningServer, **options: Any) -> Iterator[Proxied]:
    with FakeRegistry() as registry:
        name = proxy(server, "docker", registry.url, **options)
        image = pullable("content")
        path = f"/v2/team/app/manifests/{registry.push('team/app', image)}"
        yield Proxied(
            *(server, registry, name, _ours(name, path), path, image.body), immutable=True, verified=True
        )


@contextmanager
def _blob(server: RunningServer, **options: Any) -> Iterator[Proxied]:
    with FakeRegistry() as registry:
        name = proxy(server, "docker", registry.url, **options)
        data = _noise("blob")
        path = f"/v2/team/app/blobs/{registry.put_blob('team/app', data)}"
        yield Proxied(
            *(server, registry, name, _ours(name, path), path, data), immutable=True, verified=True
        )


@contextmanager
def _page(server: RunningServer, **options: Any) -> Iterator[Proxied]:
    with FakeIndex() as index:
        name = proxy(server, "pypi", index.url, **{"fresh_for": 0, **options})
        first, second = wheel("acme-app"), wheel("acme-app", "2.0")
        index.publish(first)

        def change(proxied: Proxied) -> None:
            proxied.expected = [first.filename, second.filename]
            index.publish(second)

        def read(answer: Answer) -> object:
            return [file["filename"] for file in answer.json()["files"]]

        path, there = f"/repository/{name}/simple/acme-app/", "/simple/acme-app/"
        yield Proxied(
            *(server, index, name, path, there, [first.filename], change, read), headers={"Accept": JSON}
        )


@contextmanager
def _wheel(server: RunningServer, **options: Any) -> Iterator[Proxied]:
    with FakeIndex() as index:
        name = proxy(server, "pypi", index.url, **options)
        made = wheel("acme-app", files={"acme_app/data": _noise("wheel")})
        index.publish(made)
        path = f"/repository/{name}/packages/acme-app/{made.filename}"
        yield Proxied(
            *(server, index, name, path, index.path(made), made.content), immutable=True, verified=True
        )


Sort = Callable[..., AbstractContextManager[Proxied]]

MUTABLE: Mapping[str, Sort] = {"file": _raw_file, "tag": _tag, "page": _page}
"""What is asked for again: each time, unless the test says otherwise (`fresh_for`)."""

IMMUTABLE: Mapping[str, Sort] = {"manifest": _manifest, "blob": _blob, "wheel": _wheel}
"""What is known beforehand by its digest, and kept for ever."""

SORTS: Mapping[str, Sort] = {**MUTABLE, **IMMUTABLE}


def _ours(name: str, path: str) -> str:
    return path.replace("/v2/", f"/v2/{name}/", 1)


def _noise(seed: str) -> bytes:
    return random.Random(seed).randbytes(SIZE)
