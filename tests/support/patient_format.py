"""The toy format with answers that wait, and with answers that are remembered.

PUT `waited/{name}/{version}.toy?within=2` is answered once the package is published, with 202 when that
takes more than two seconds. GET `until/{name}?within=2` is answered once `open_gate(name)` was called, else
with 504. GET `remembering/{name}/{version}.toy` gives a package and remembers it for a minute under its
name, and GET `remembered/{name}` gives what was remembered.
"""

import threading
from dataclasses import replace
from datetime import timedelta
from typing import Final

from artifactd.plugin import AssetNotFound, Content, Exchange, Later, Rendered, Route, StagedBlob, Verb
from tests.support import toy_format

LASTING: Final = timedelta(minutes=1)

_open: set[str] = set()
_lock = threading.Lock()


def open_gate(name: str) -> None:
    """Let everybody go who waits for this name."""
    with _lock:
        _open.add(name)


def _within(exchange: Exchange) -> timedelta:
    return timedelta(seconds=float(exchange.arrival.query.get("within", "20")))


def _put(exchange: Exchange) -> Later:
    assert isinstance(exchange.body, StagedBlob)
    path = f"{exchange.params['name']}/{exchange.params['version']}.toy"
    facts = exchange.services.describe(path, toy_format.TOY, exchange.body)
    with exchange.repository.edit() as edit:
        edit.put(path, exchange.body, content_type=toy_format.TOY, label=facts.label, derived=facts.derived)
    ready = exchange.services.published(path, edit.revision)
    return Later(Rendered(201), ready, _within(exchange), Rendered(202))


def _until(exchange: Exchange) -> Later:
    name = exchange.params["name"]

    def ready() -> bool:
        with _lock:
            return name in _open

    return Later(Rendered(200, body=b"ready"), ready, _within(exchange), Rendered(504, body=b"late"))


def _remembering(exchange: Exchange) -> Content:
    content = exchange.repository.get(f"{exchange.params['name']}/{exchange.params['version']}.toy")
    exchange.services.remember(exchange.params["name"], content, LASTING)
    return content


def _remembered(exchange: Exchange) -> Content:
    content = exchange.services.recall(exchange.params["name"])
    if content is None:
        raise AssetNotFound(exchange.repository.name, exchange.params["name"])
    return content


format = replace(
    toy_format.format,
    name="patient",
    title="Toys that wait",
    routes=(
        Route("PUT", "waited/{name}/{version}.toy", Verb.WRITE, _put, toy_format.receive_package),
        Route("GET", "until/{name}", Verb.READ, _until),
        Route("GET", "until/{name}/keyed", Verb.READ, _until, keyed=True),
        Route("GET", "remembering/{name}/{version}.toy", Verb.READ, _remembering),
        Route("GET", "remembered/{name}", Verb.READ, _remembered),
        *toy_format.format.routes,
    ),
)
