"""What groups publish on a real server: made by its task process, the same from every web process, and
there again after a restart."""

import hashlib
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.support.proxies import group, hosted, request
from tests.support.rpm_headers import rpm
from tests.support.serving import Running, Serve, eventually
from tests.support.wire import Wire

REPOMD = "repodata/repomd.xml"


def get(server: Running, name: str, path: str) -> tuple[int, bytes]:
    """A GET on a connection of its own, so that any process may answer it."""
    with Wire(server) as wire:
        answer = wire.request("GET", f"/repository/{name}/{path}")
    return answer.status, answer.body


def whole_set(server: Running, name: str) -> dict[str, bytes]:
    """The entry document and what it names, each of which is what its name says."""
    status, entry = get(server, name, REPOMD)
    assert status == 200
    files = {REPOMD: entry}
    for href in re.findall(rb'href="([^"]+)"', entry):
        status, files[href.decode()] = get(server, name, href.decode())
        assert status == 200
        assert hashlib.sha256(files[href.decode()]).hexdigest().encode() in href
    assert len(files) > 1
    return files


def test_a_group_s_set_is_made_while_its_first_clients_wait(serve: Serve) -> None:
    server = serve(workers=2)
    eventually(lambda: get(server, "rpm", REPOMD)[0] == 200, 30)  # made on the first start
    both = group(server, "rpm", hosted(server, "rpm"), "rpm")
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: get(server, both, REPOMD), range(8)))
    assert {status for status, _ in answers} == {200}
    assert len({body for _, body in answers}) == 1
    whole_set(server, both)


def test_a_group_s_set_is_there_after_a_restart_and_goes_on(serve: Serve, tmp_path: Path) -> None:
    data = tmp_path / "data"
    server = serve(data=data)
    ours = hosted(server, "rpm")
    eventually(lambda: get(server, ours, REPOMD)[0] == 200, 30)
    both = group(server, "rpm", ours)
    before = whole_set(server, both)
    server.kill()
    server = serve(data=data)
    assert whole_set(server, both) == before
    with Wire(server) as wire:
        wire.expect(201, "PUT", f"/repository/{ours}/Packages/acme-1-1.noarch.rpm", rpm("acme"))
    eventually(lambda: whole_set(server, both) != before, 30)
    answer = request(server, "DELETE", f"/api/v1/repositories/{both}")
    assert answer.status == 204
