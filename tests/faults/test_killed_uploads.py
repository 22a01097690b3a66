"""SIGKILL of every process of a server while packages are uploaded: after the restart every file that was
acknowledged is listed and served with its metadata, nothing is listed that is not served, and the same
uploads succeed (pypi R99)."""

import http.client
import random
import threading
import time
from collections.abc import Sequence

from tests.support.distributions import Distribution, sdist, wheel
from tests.support.maintenance import broken, collect, known, referenced, stored
from tests.support.serving import Running, Serve
from tests.support.upload_forms import SIGNATURE, form
from tests.support.wire import Wire

EVERY_SECOND = {f"ARTIFACTD_MAINTENANCE__{name}_EVERY": "1" for name in ("COLLECT", "BLOB_GC", "UPLOAD_GC")}
BASE = "/repository/pypi"
JSON = {"Accept": "application/vnd.pypi.simple.v1+json"}
ROUNDS = 8
CLIENTS = 4


def test_at_any_moment_of_uploads(serve: Serve) -> None:
    chance = random.Random(11)
    server = serve(workers=2, environment=EVERY_SECOND)
    for number in range(ROUNDS):
        parts = [releases(f"moment-{number}-{client}") for client in range(CLIENTS)]
        said: list[Distribution] = []
        threads = [
            threading.Thread(target=upload_until_killed, args=(server, part, said)) for part in parts
        ]
        for thread in threads:
            thread.start()
        time.sleep(chance.uniform(0.01, 0.15))
        server.kill()
        for thread in threads:
            thread.join()
        server = serve(workers=2, data=server.data, environment=EVERY_SECOND)
        assert broken(server) == []
        with Wire(server) as wire:
            for distribution in said:
                check(wire, distribution)
            for distribution in [each for part in parts for each in part]:
                upload(wire, distribution)
                check(wire, distribution)
    finish(server)


def releases(name: str) -> Sequence[Distribution]:
    return [build(name, f"{major}.0", summary=name) for major in range(1, 9) for build in (wheel, sdist)]


def upload_until_killed(
    server: Running, distributions: Sequence[Distribution], said: list[Distribution]
) -> None:
    try:
        with Wire(server) as wire:
            for distribution in distributions:
                upload(wire, distribution)
                said.append(distribution)
    except (OSError, http.client.HTTPException):
        pass  # it is dead


def upload(wire: Wire, distribution: Distribution) -> None:
    body, headers = form(distribution, signature=SIGNATURE)
    wire.expect(200, "POST", f"{BASE}/", body, headers)


def check(wire: Wire, distribution: Distribution) -> None:
    """It is listed, and whatever is listed beside it is served whole."""
    page = wire.expect(200, "GET", f"{BASE}/simple/{distribution.name}/", None, JSON).json()
    assert distribution.filename in {file["filename"] for file in page["files"]}
    for file in page["files"]:
        url = f"{BASE}/packages/{distribution.name}/{file['filename']}"
        assert file["gpg-sig"] is True
        assert wire.expect(200, "GET", f"{url}.asc").body.strip() == SIGNATURE.strip()
        if file["filename"] == distribution.filename:
            assert wire.expect(200, "GET", url).body == distribution.content
        if file["core-metadata"]:
            assert len(wire.expect(200, "GET", f"{url}.metadata").body) > 0


def finish(server: Running) -> None:
    """Nothing that a dead process left is left for ever."""
    assert server.stop() == 0
    assert '"level": "error"' not in server.log.read_text()
    before = referenced(server)
    collect(server)
    assert stored(server) == referenced(server) == known(server) == before
    assert broken(server) == []
