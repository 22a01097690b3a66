"""Proxies and groups, made as their users make them: through the API.

name = proxy(server, "raw", upstream.url, fresh_for=0)
both = group(server, "raw", hosted, name)
command(server, name, "invalidate", path="")
"""

import itertools
import json
from collections.abc import Mapping
from typing import Any, cast

from tests.support.server import Answer, RunningServer
from tests.support.serving import Running
from tests.support.wire import Wire

Server = RunningServer | Running
_numbers = itertools.count(1)


def proxy(server: Server, format: str, url: str, name: str = "", **upstream: Any) -> str:
    """Make a proxy whose upstream is at `url`; its name. `upstream` are further fields of that object, but
    for `settings`, which are the repository's; addresses of this machine are allowed unless it says
    otherwise. With the `name` of a proxy it is changed."""
    name = name or f"{format}-proxy-{next(_numbers)}"
    settings = upstream.pop("settings", {})
    described = {"url": url, "allow_private": True, **upstream}
    _put(server, name, {"format": format, "kind": "proxy", "upstream": described, **settings})
    return name


def group(server: Server, format: str, *members: str, name: str = "", **more: Any) -> str:
    """Make a group of these members, in this order; its name. `more` are its other fields."""
    name = name or f"{format}-group-{next(_numbers)}"
    _put(server, name, {"format": format, "kind": "group", "members": list(members), **more})
    return name


def hosted(server: Server, format: str, name: str = "", **more: Any) -> str:
    """Make a hosted repository; its name."""
    name = name or f"{format}-hosted-{next(_numbers)}"
    _put(server, name, {"format": format, "kind": "hosted", **more})
    return name


def command(server: Server, name: str, verb: str, **document: Any) -> Answer:
    """Have a proxy do something: `invalidate`, `block`, `unblock`, `prefetch`, `purge`."""
    answer = request(server, "POST", f"/api/v1/repositories/{name}/{verb}", document)
    assert answer.status < 300, answer
    return answer


def described(server: Server, name: str) -> dict[str, Any]:
    """What the API says of a repository."""
    answer = request(server, "GET", f"/api/v1/repositories/{name}")
    assert answer.status == 200, answer
    return cast(dict[str, Any], answer.json())


def request(server: Server, method: str, path: str, document: Any = None) -> Answer:
    """A request to the API, as the administrator."""
    body = b"" if document is None else json.dumps(document).encode()
    headers = {"Content-Type": "application/json"}
    if isinstance(server, RunningServer):
        return server.request(method, path, body, headers=headers)
    with Wire(server) as wire:
        return wire.request(method, path, body, headers)


def _put(server: Server, name: str, document: Mapping[str, Any]) -> None:
    answer = request(server, "PUT", f"/api/v1/repositories/{name}", document)
    assert answer.status in (200, 201), answer
