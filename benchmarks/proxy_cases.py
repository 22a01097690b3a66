"""The questions about proxies and groups, in the form of `cases.py`.

The upstream is nginx on the same machine, so that its cost is small and the same for all. What a proxy or a
group holds is compared with what a hosted repository of the same server holds.
"""

import itertools
import os
import time
from collections.abc import Callable
from functools import partial

from benchmarks import image, package, processes
from benchmarks.bench import MIB, Bench
from benchmarks.costs import Costs
from benchmarks.load import CONNECTIONS, together
from benchmarks.peers import Peer, start_artifactd
from benchmarks.proxy_peers import LARGE, STORE, UPSTREAM, asked, make_group, make_proxy, offer
from benchmarks.report import AtLeast, Measurement, digits, spread
from benchmarks.wire import Connection, Payload, UnexpectedAnswer

_OURS = "artifactd"
_HOSTED = "own hosted"
_HELD = "own warm"
_SYNCED = f"{STORE}, then fsync"
_RATE = "req/s"
_SPEED = "MiB/s"
_RAW, _DOCKER, _PYPI = "raw-proxy", "docker-proxy", "pypi-proxy"
_DOCKER_GROUP, _PYPI_GROUP = "docker-group", "pypi-group"
_PROJECT = "bench-proxied"
_FILES = 30
_SMALL = 10 << 10
_CLIENTS = 100
_WORKERS = 4
_GROWTH = 100  # MB: far below the 20 GB that go out, and what the file has


def proxy_cold(bench: Bench) -> list[Measurement]:
    """1 GiB that nobody has a copy of, to one client while it is fetched. artifactd verifies it and waits
    until it is on the disk before it sends the end; nginx does neither."""
    (ours,), (upstream,) = bench.of(_OURS), bench.of(UPSTREAM)
    for format, name in (("raw", _RAW), ("docker", _DOCKER)):
        make_proxy(ours, name, format, upstream)
    payload = _large(upstream, bench.sizes.large_blob)
    numbers = itertools.count(time.time_ns())  # no name of an earlier call
    costs = Costs.of_bytes()
    durable: list[float] = []
    read_back: set[str] = set()

    def visit(name: str, peer: Peer, path: Callable[[int], str]) -> float:
        _renew(upstream, payload)
        number = next(numbers)
        target, before = path(number), asked(upstream)
        _have_memory(bench, payload.size)
        work = partial(_download, target)
        speed = costs.rate(peer, lambda: together(peer, 1, work), name)
        if peer.static:
            seconds = payload.size / MIB / speed
            durable.append(payload.size / MIB / (seconds + _sync(peer, f"cold/{number}")))
        if asked(upstream) != before + 1:
            raise UnexpectedAnswer(f"{name} fetched {target} {asked(upstream) - before} times")
        if name not in read_back:
            image.check(peer, target, payload.digest)
            read_back.add(name)
        return speed

    visits: dict[str, Callable[[], float]] = {
        _RAW: partial(visit, _RAW, ours, lambda number: f"/repository/{_RAW}/cold/{number}"),
        _DOCKER: partial(
            visit, _DOCKER, ours, lambda number: f"/v2/{_DOCKER}/cold/{number}/blobs/{payload.digest}"
        ),
    }
    if store := bench.peers.get(STORE):
        visits[STORE] = partial(visit, STORE, store, lambda number: f"/cold/{number}")
    figures = bench.measure(visits)
    title = f"cold {_size(payload.size)} through a proxy × 1 client"
    lines = [
        bench.compare(
            f"{title}: {name}", _SPEED, figures, STORE, AtLeast(0.75), costs.note(name, STORE), name
        )
        for name in (_RAW, _DOCKER)
    ]
    if durable:
        synced = figures | {_SYNCED: tuple(durable)}
        lines.append(bench.compare(f"{title}: {_RAW}", _SPEED, synced, _SYNCED, None, ours=_RAW))
    return lines


def proxy_warm(bench: Bench) -> list[Measurement]:
    """What a proxy has a copy of, beside the same from a hosted repository."""
    _stock(bench)
    manifest = f"bench/image/manifests/{image.digest_of(image.manifest())}"
    return [
        _beside_hosted(
            bench,
            f"manifest GET by digest, from a proxy's copy (2 KiB, {CONNECTIONS} connections)",
            f"/v2/{_DOCKER}/{manifest}",
            f"/v2/docker/{manifest}",
            image.ACCEPT,
        ),
        _beside_hosted(
            bench,
            f"project page GET, from a proxy's copy ({_FILES} files, {CONNECTIONS} connections)",
            f"/repository/{_PYPI}/simple/{_PROJECT}/",
            f"/repository/pypi/simple/{_PROJECT}/",
            package.ACCEPT,
        ),
        _blob_beside_hosted(bench),
    ]


def group_cached(bench: Bench) -> list[Measurement]:
    """What a group of a hosted repository and a proxy answers from its hosted member, beside that one."""
    _stock(bench)
    return [
        _beside_hosted(
            bench,
            f"manifest GET by tag, from a group (2 KiB, {CONNECTIONS} connections)",
            f"/v2/{_DOCKER_GROUP}/bench/image/manifests/latest",
            "/v2/docker/bench/image/manifests/latest",
            image.ACCEPT,
        ),
        _beside_hosted(
            bench,
            f"project page GET, from a group ({_FILES} files, {CONNECTIONS} connections)",
            f"/repository/{_PYPI_GROUP}/simple/{_PROJECT}/",
            f"/repository/pypi/simple/{_PROJECT}/",
            package.ACCEPT,
        ),
    ]


def group_not_found(bench: Bench) -> list[Measurement]:
    """What neither member of a group has, again and again, beside the same from a hosted repository."""
    _stock(bench)
    return [
        _beside_hosted(
            bench,
            "the same 404 of a group again and again (unknown image)",
            f"/v2/{_DOCKER_GROUP}/bench/nothing/manifests/latest",
            "/v2/docker/bench/nothing/manifests/latest",
            image.ACCEPT,
            status=404,
        ),
        _beside_hosted(
            bench,
            "the same 404 of a group again and again (unknown project)",
            f"/repository/{_PYPI_GROUP}/simple/bench-nothing/",
            "/repository/pypi/simple/bench-nothing/",
            package.ACCEPT,
            status=404,
        ),
    ]


def proxy_crowd(bench: Bench) -> list[Measurement]:
    """100 clients at once ask four workers for one file that nobody has a copy of; then for the copy."""
    (upstream,) = bench.of(UPSTREAM)
    bench.of(_OURS)  # where it does not start, four workers do not either
    payload = _large(upstream, bench.sizes.crowd_blob)
    numbers = itertools.count()
    fetches: list[float] = []
    growths: list[float] = []
    residents: list[float] = []
    seconds: list[float] = []
    costs = Costs.of_bytes()
    peer = start_artifactd(bench.folder / "artifactd-crowd", workers=_WORKERS)

    def crowd(path: str, name: str) -> float:
        return costs.rate(peer, lambda: together(peer, _CLIENTS, partial(_download, path)), name)

    def cold() -> float:
        _renew(upstream, payload)
        _have_memory(bench, payload.size)
        processes.forget_peak(peer.pid)
        resident, before = processes.rss(peer.pid), asked(upstream)
        path = f"/repository/{_RAW}/cold/{next(numbers)}"
        speed = crowd(path, _OURS)
        seconds.append(_CLIENTS * payload.size / MIB / speed)
        residents.append(resident)
        growths.append(processes.peak_rss(peer.pid) - resident)
        fetches.append(asked(upstream) - before)
        image.check(peer, path, payload.digest)
        return speed

    try:
        make_proxy(peer, _RAW, "raw", upstream)
        held = f"/repository/{_RAW}/cold/held"
        image.check(peer, held, payload.digest)
        figures = bench.measure({_OURS: cold, _HELD: lambda: crowd(held, _HELD)})
    finally:
        peer.stop()
    title = f"cold {_size(payload.size)} × {_CLIENTS} clients, {_WORKERS} workers"
    took = f"{digits(spread(seconds).median)} s for all; {costs.note(_OURS, _HELD)}"
    memory = f"{digits(spread(residents).median)} MB before, all processes together"
    return [
        bench.judge(f"{title}: requests to the upstream", "requests", tuple(fetches), 2),
        bench.judge(f"{title}: growth of memory (peak RSS)", "MB", tuple(growths), _GROWTH, memory),
        bench.compare(title, _SPEED, figures, _HELD, None, took),
    ]


PROXY_CASES: dict[str, Callable[[Bench], list[Measurement]]] = {
    "proxy-cold": proxy_cold,
    "proxy-warm": proxy_warm,
    "group-cached": group_cached,
    "group-not-found": group_not_found,
    "proxy-crowd": proxy_crowd,
}


def _stock(bench: Bench) -> None:
    """Let hosted repositories and the upstream have the same image and the same page, and artifactd proxies
    of the one and groups of both."""
    (ours,), (upstream,) = bench.of(_OURS), bench.of(UPSTREAM)
    package.stock(ours, package.release_line(_PROJECT, _FILES, _SMALL))
    page = package.page(ours, _PROJECT).body
    manifest = image.manifest()
    offer(upstream, f"/v2/bench/image/manifests/{image.digest_of(manifest)}", manifest)
    offer(upstream, f"/simple/{_PROJECT}/index.json", page)
    for format, hosted, proxy, group in (
        ("docker", "docker", _DOCKER, _DOCKER_GROUP),
        ("pypi", "pypi", _PYPI, _PYPI_GROUP),
    ):
        make_proxy(ours, proxy, format, upstream)
        make_group(ours, group, format, hosted, proxy)


def _beside_hosted(
    bench: Bench, title: str, path: str, hosted: str, headers: str, *, status: int = 200
) -> Measurement:
    """One answer again and again, and how often the upstream was asked for it after the first time."""
    (ours,), (upstream,) = bench.of(_OURS), bench.of(UPSTREAM)
    costs = Costs.of_requests()
    _answer(ours, path, headers, status)
    before = asked(upstream)

    def visit(name: str, target: str) -> float:
        return costs.rate(ours, lambda: bench.wrk.run(ours, target, headers, status=status), name)

    figures = bench.measure({_OURS: partial(visit, _OURS, path), _HOSTED: partial(visit, _HOSTED, hosted)})
    note = f"{costs.note(_OURS, _HOSTED)}; upstream asked {asked(upstream) - before} times"
    return bench.compare(title, _RATE, figures, _HOSTED, AtLeast(0.95), note)


def _blob_beside_hosted(bench: Bench) -> Measurement:
    """A blob to 16 clients at once."""
    (ours,), (upstream,) = bench.of(_OURS), bench.of(UPSTREAM)
    assert upstream.static is not None
    payload = Payload(bench.sizes.blob)
    connection = ours.connect()
    image.push_by_patch(connection, ours.image, payload)
    connection.close()
    folder = upstream.static / "v2/bench/image/blobs"
    folder.mkdir(parents=True, exist_ok=True)
    payload.save(folder / payload.digest)
    costs = Costs.of_bytes()
    paths = {
        _OURS: f"/v2/{_DOCKER}/bench/image/blobs/{payload.digest}",
        _HOSTED: image.blob_path(ours, payload.digest),
    }
    for path in paths.values():
        image.check(ours, path, payload.digest)
    before = asked(upstream)

    def visit(name: str) -> float:
        work = partial(_download, paths[name])
        return costs.rate(ours, lambda: together(ours, CONNECTIONS, work), name)

    figures = bench.measure({name: partial(visit, name) for name in paths})
    note = f"{costs.note(_OURS, _HOSTED)}; upstream asked {asked(upstream) - before} times"
    title = f"blob GET {_size(payload.size)} × {CONNECTIONS} clients, from a proxy's copy"
    return bench.compare(title, _SPEED, figures, _HOSTED, AtLeast(0.95), note)


def _answer(peer: Peer, path: str, headers: str, status: int) -> None:
    """Ask once, as the first who does: a proxy has its copy then."""
    connection = peer.connect()
    connection.request("GET", path, headers).expect(status)
    connection.close()


def _large(upstream: Peer, size: int) -> Payload:
    """The content of the upstream's large file."""
    assert upstream.static is not None
    payload = Payload(size)
    payload.save(upstream.static / LARGE)
    return payload


def _renew(upstream: Peer, payload: Payload) -> None:
    """Let the large file have bytes that no blob store has."""
    assert upstream.static is not None
    payload.renew()
    payload.save_tail(upstream.static / LARGE)


def _have_memory(bench: Bench, size: int) -> None:
    """See that the machine has so many bytes for its page cache. The first use of a page costs a virtual
    machine ten times what its next does, and would be most of what is measured."""
    scratch = bench.folder / "scratch"
    block = bytes(MIB)
    with scratch.open("wb") as file:
        for _ in range(size * 5 // 4 // MIB):
            file.write(block)
    scratch.unlink()


def _sync(peer: Peer, name: str) -> float:
    """Have a file of nginx's be on the disk; returns the seconds that it took."""
    assert peer.static is not None
    began = time.monotonic()
    with (peer.static / name).open("rb") as file:
        os.fsync(file.fileno())
    return time.monotonic() - began


def _download(path: str, connection: Connection) -> float:
    return connection.download(path)


def _size(size: int) -> str:
    return f"{size >> 30} GiB" if size >= 1 << 30 else f"{size >> 20} MiB"
