"""What proxies are compared with, and what they ask: nginx with `proxy_store`, and nginx as the upstream of
both.

The upstream writes a line for every request, which is how a case knows what was asked of it.
"""

import json
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from benchmarks.image import MANIFEST_TYPE
from benchmarks.package import PAGE_TYPE
from benchmarks.peers import Peer, PeerAbsent, free_port, launch, nginx

UPSTREAM = "upstream"
STORE = "nginx-proxy_store"

LARGE = "large"
"""The upstream's file at every path below `/cold/` and `/v2/cold/`: a new path is one that nobody has."""

_LOG = "requests.log"
_ANSWERS = (200, 403, 404)


def starters(peers: Mapping[str, Peer]) -> dict[str, Callable[[Path], Peer]]:
    """In the order to start them; `peers` are those that are up by then."""
    return {UPSTREAM: start_upstream, STORE: partial(start_store, peers=peers)}


def start_upstream(folder: Path) -> Peer:
    """nginx with one worker, which serves `folder`/static as registries and indexes serve theirs."""
    port = free_port()
    static = folder / "static"
    static.mkdir(parents=True, exist_ok=True)
    http = f"""log_format short '$request_method $status $uri';
  server {{
    listen 127.0.0.1:{port};
    root {static};
    access_log {folder}/{_LOG} short;
    location ~ ^/(v2/)?cold/ {{ rewrite ^ /{LARGE} break; }}
    location ~ /manifests/ {{ types {{}} default_type {MANIFEST_TYPE}; }}
    location /simple/ {{ index index.json; types {{}} default_type {PAGE_TYPE}; }}
  }}"""
    return launch(UPSTREAM, nginx(folder, http), folder, port, "/", answers=_ANSWERS, static=static)


def start_store(folder: Path, peers: Mapping[str, Peer]) -> Peer:
    """nginx with one worker, which fetches what it has no file of, and keeps it in `folder`/static."""
    if UPSTREAM not in peers:
        raise PeerAbsent(f"{STORE} has no upstream")
    port = free_port()
    static = folder / "static"
    static.mkdir(parents=True, exist_ok=True)
    http = f"""access_log off;
  server {{
    listen 127.0.0.1:{port};
    root {static};
    location / {{ error_page 404 = @fetch; log_not_found off; }}
    location @fetch {{ proxy_pass http://127.0.0.1:{peers[UPSTREAM].port}; proxy_store on; }}
  }}"""
    return launch(STORE, nginx(folder, http), folder, port, "/", answers=_ANSWERS, static=static)


def asked(upstream: Peer) -> int:
    """How many requests the upstream has answered."""
    return (upstream.folder / _LOG).read_bytes().count(b"\n")


def offer(upstream: Peer, path: str, content: bytes) -> None:
    """Let the upstream have a document at a path."""
    assert upstream.static is not None
    file = upstream.static / path.lstrip("/")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)


def make_hosted(peer: Peer, name: str, format: str) -> None:
    """Let artifactd have a hosted repository."""
    _make(peer, name, {"format": format, "kind": "hosted"})


def make_proxy(peer: Peer, name: str, format: str, upstream: Peer, folder: str = "") -> None:
    """Let artifactd have a proxy of the upstream, or of a folder of it (with a slash at its end)."""
    url = f"http://127.0.0.1:{upstream.port}/{folder}"
    _make(peer, name, {"format": format, "kind": "proxy", "upstream": {"url": url, "allow_private": True}})


def make_group(peer: Peer, name: str, format: str, *members: str) -> None:
    """Let artifactd have a group of these members."""
    _make(peer, name, {"format": format, "kind": "group", "members": list(members)})


def _make(peer: Peer, name: str, described: Mapping[str, object]) -> None:
    connection = peer.connect()
    headers = "Content-Type: application/json\r\n"
    body = json.dumps(described).encode()
    connection.request("PUT", f"/api/v1/repositories/{name}", headers, body).expect(200, 201)
    connection.close()
