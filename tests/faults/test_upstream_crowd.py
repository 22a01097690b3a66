"""Many clients at once, and several processes: what is on its way is fetched once, whoever asks for it,
and a process that dies in the middle takes nothing with it (proxy R66, R67, R147, T14; docker R188)."""

import http.client
import os
import random
import signal
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest

from tests.support.distributions import wheel
from tests.support.fake_index import FakeIndex
from tests.support.fake_registry import FakeRegistry
from tests.support.fake_upstream import FakeUpstream
from tests.support.indexes import JSON
from tests.support.layouts import pullable
from tests.support.maintenance import broken
from tests.support.proxies import group, hosted, proxy
from tests.support.server import Answer
from tests.support.serving import ADMIN, Running, Serve, eventually
from tests.support.upstream_faults import dripping, paused, stalled, status
from tests.support.wire import Wire

WORKERS = 4
CLIENTS = 100
LARGE = 200 << 20
MOST_GROWTH = 150 << 20
"""Bytes that the processes may grow by together: much less than one copy of what they pass on."""


@pytest.fixture(scope="module")
def large() -> bytes:
    return random.Random(5).randbytes(LARGE)


@pytest.fixture
def upstream() -> Iterator[FakeUpstream]:
    with FakeUpstream() as upstream:
        yield upstream


def read(server: Running, path: str, expected: bytes, *, start: int = 0) -> int:
    """GET these bytes from `start` on, piece by piece; the status. Fails for other bytes; raises OSError or
    HTTPException when the connection ends before they do."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=120)
    headers = {"Authorization": ADMIN.header} | ({"Range": f"bytes={start}-"} if start else {})
    try:
        connection.request("GET", path, headers=headers)
        response = connection.getresponse()
        at = start
        while response.status < 300 and (piece := response.read(1 << 18)):
            assert expected[at : at + len(piece)] == piece, f"other bytes behind {at}"
            at += len(piece)
        if response.status < 300 and at < len(expected):
            raise http.client.IncompleteRead(b"", len(expected) - at)
        return response.status
    finally:
        connection.close()


def processes(server: Running) -> list[int]:
    """Those of a server."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if os.getpgid(int(folder.name)) == server.process.pid:
                found.append(int(folder.name))
        except OSError:
            continue
    return found


def memory(server: Running) -> int:
    """Bytes of all processes that are no file's."""
    total = 0
    for pid in processes(server):
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        total += sum(int(line.split()[1]) << 10 for line in lines if line.startswith("RssAnon"))
    return total


def asking(server: Running, upstream: FakeUpstream) -> list[int]:
    """The processes of a server that are connected to an upstream."""
    port = f":{int(upstream.host.rpartition(':')[2]):04X}"
    sockets = {
        f"socket:[{fields[9]}]"
        for fields in map(str.split, Path("/proc/net/tcp").read_text().splitlines()[1:])
        if fields[2].endswith(port) and fields[3] == "01"
    }
    found = []
    for pid in processes(server):
        if sockets & links(pid):
            found.append(pid)
    return found


def links(pid: int) -> set[str]:
    """What a process has open. It may close something, or end, in this moment."""
    found: set[str] = set()
    with suppress(FileNotFoundError, ProcessLookupError):
        for link in Path(f"/proc/{pid}/fd").iterdir():
            with suppress(FileNotFoundError):
                found.add(str(link.readlink()))
    return found


def ask(server: Running, path: str, accept: str = "*/*") -> Answer:
    with Wire(server) as wire:
        return wire.request("GET", path, None, {"Accept": accept})


def test_a_hundred_clients_of_four_processes_are_one_download(
    serve: Serve, upstream: FakeUpstream, large: bytes
) -> None:
    server = serve(workers=WORKERS)
    upstream.put("/large", large, etag='"large"')
    name = proxy(server, "raw", upstream.url)
    path = f"/repository/{name}/large"
    for _ in range(4 * WORKERS):
        ask(server, f"/repository/{name}/nothing")  # so that no process loads anything on the way
    gate = threading.Event()
    upstream.fault(paused(LARGE // 2, 20, gate=gate), "/large")
    before, most = memory(server), 0
    with ThreadPoolExecutor(CLIENTS) as pool:
        reading = [pool.submit(read, server, path, large) for _ in range(CLIENTS)]
        eventually(lambda: upstream.sent("/large") >= LARGE // 2, 60)
        most = max(most, memory(server))
        gate.set()
        while wait(reading, 0.2).not_done:
            most = max(most, memory(server))
        assert {each.result() for each in reading} == {200}
    assert upstream.count("GET", "/large") == 1
    assert most - before < MOST_GROWTH
    assert read(server, path, large) == 200
    assert upstream.count("GET", "/large") == 1


def test_small_documents_are_asked_for_once_too(serve: Serve) -> None:
    server = serve(workers=WORKERS)
    with FakeRegistry() as registry, FakeIndex() as index:
        image, app = pullable("crowded"), wheel("acme-app")
        registry.push("app", image, "1")
        index.publish(app)
        registry.fault(stalled(0.5))
        index.fault(stalled(0.5))
        docker, pypi = proxy(server, "docker", registry.url), proxy(server, "pypi", index.url)
        for path, upstream, there in (
            (f"/v2/{docker}/app/manifests/1", registry, "/v2/app/manifests/1"),
            (f"/repository/{pypi}/simple/acme-app/", index, "/simple/acme-app/"),
            (f"/repository/{pypi}/packages/acme-app/{app.filename}", index, index.path(app)),
            (f"/v2/{docker}/app/manifests/absent", registry, "/v2/app/manifests/absent"),
        ):
            with ThreadPoolExecutor(40) as pool:
                answers = list(pool.map(partial(ask, server), [path] * 40, [JSON] * 40))
            assert Counter(answer.status for answer in answers) == {404 if "absent" in path else 200: 40}
            assert len({answer.body for answer in answers if answer.status == 200}) <= 1
            assert upstream.count("GET", there) == 1, there


def test_different_files_do_not_wait_for_each_other(serve: Serve, upstream: FakeUpstream) -> None:
    # proxy T14
    server = serve(workers=2)
    name = proxy(server, "raw", upstream.url)
    for number in range(200):
        upstream.put(f"/{number}", f"content {number}".encode() * 1000)
    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(lambda number: ask(server, f"/repository/{name}/{number}"), range(200)))
    assert [answer.body for answer in answers] == [f"content {n}".encode() * 1000 for n in range(200)]
    assert upstream.count("GET") == 200


def test_absences_in_a_group_are_asked_for_once(serve: Serve) -> None:
    # proxy R65; pypi R139
    server = serve(workers=WORKERS)
    with FakeRegistry() as registry, FakeIndex() as index, FakeUpstream() as files:
        paths = {}
        for format, upstream, path in (
            ("docker", registry, "/v2/{}/absent/manifests/1"),
            ("docker", registry, "/v2/{}/absent/blobs/sha256:" + "0" * 64),
            ("pypi", index, "/repository/{}/simple/absent/"),
            ("raw", files, "/repository/{}/absent.txt"),
        ):
            name = group(server, format, hosted(server, format), proxy(server, format, upstream.url))
            paths[path.format(name)] = upstream
        for path in [*paths] * 20:
            assert ask(server, path).status == 404
        for upstream in paths.values():
            asked = Counter(each.path for each in upstream.asked() if "absent" in each.path)
            assert max(asked.values()) == 1, asked


def test_a_process_that_dies_half_way_takes_nothing_with_it(serve: Serve, upstream: FakeUpstream) -> None:
    server = serve(workers=WORKERS)
    data = random.Random(6).randbytes(20 << 20)
    upstream.put("/data", data, etag='"data"')
    name = proxy(server, "raw", upstream.url)
    path = f"/repository/{name}/data"
    for _ in range(3):
        upstream.drop_idle()
        with upstream.fault(paused(len(data) // 2), "/data", times=1), ThreadPoolExecutor(12) as pool:
            reading = [pool.submit(read, server, path, data) for _ in range(12)]
            eventually(lambda: upstream.sent("/data") >= len(data) // 2)
            assert upstream.count("GET", "/data") == 1
            [leader] = asking(server, upstream)
            os.kill(leader, signal.SIGKILL)
            for each in reading:
                error = each.exception(60)
                assert isinstance(error, OSError | http.client.HTTPException) or each.result() in (200, 503)
        assert read(server, path, data) == 200
        with Wire(server) as wire:
            wire.expect(204, "DELETE", path)
        upstream.forget()
    assert broken(server) == []


def test_a_download_goes_on_in_whichever_process(serve: Serve, upstream: FakeUpstream) -> None:
    # proxy R147
    server = serve(workers=WORKERS)
    data = random.Random(7).randbytes(8 << 20)
    upstream.put("/data", data, etag='"data"')
    name = proxy(server, "raw", upstream.url)
    path = f"/repository/{name}/data"
    upstream.fault(dripping(len(data) // 40, 0.05), "/data")
    with ThreadPoolExecutor(20) as pool:
        first = pool.submit(read, server, path, data)
        eventually(lambda: upstream.sent("/data") >= len(data) // 10)
        rest = [pool.submit(read, server, path, data, start=len(data) * n // 20) for n in range(1, 19)]
        assert first.result() == 200
        assert {each.result() for each in rest} == {206}
    assert upstream.count("GET", "/data") == 1


def test_an_outage_in_the_middle_of_a_crowd_ends_by_itself(serve: Serve, upstream: FakeUpstream) -> None:
    server = serve(workers=2)
    name = proxy(server, "raw", upstream.url)
    for number in range(40):
        upstream.put(f"/{number}", f"content {number}".encode())
    with upstream.fault(status(503)), ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda number: ask(server, f"/repository/{name}/{number}"), range(40)))
        assert {answer.status for answer in answers} == {503}
    for number in range(40):
        path = f"/repository/{name}/{number}"
        eventually(lambda: ask(server, path).status == 200, 20)  # noqa: B023 - called at once
