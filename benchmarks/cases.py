"""The questions, one function each: what is pressed, against whom, and the budget it must meet.

A case gets the bench with all peers up and returns its lines of the table. Every figure in it is "more is
better" when it is compared, so a ratio above 1 always speaks for artifactd.
"""

import time
from collections.abc import Callable
from functools import partial

from benchmarks import image, processes
from benchmarks.bench import MIB, Bench
from benchmarks.costs import Costs
from benchmarks.load import CONNECTIONS, downloading, together
from benchmarks.peers import STARTERS, Peer
from benchmarks.report import AtLeast, Measurement, spread
from benchmarks.wire import Connection, Payload

_OURS = "artifactd"
_NGINX = "nginx"
_REGISTRY = "docker-registry"
_OWN_HITS = "own hits"
_RAW = "raw"
_SMALL = 10 << 10
_RATE = "req/s"
_SPEED = "MiB/s"


def manifest_cached(bench: Bench) -> list[Measurement]:
    """One 2 KiB manifest again and again, by tag, over 16 connections; artifactd with Basic credentials."""
    costs = Costs.of_requests()

    def visit(peer: Peer) -> float:
        return costs.rate(peer, lambda: bench.wrk.run(peer, bench.manifest_path(peer)))

    figures = bench.measure(
        {peer.name: partial(visit, peer) for peer in bench.of(_OURS, _NGINX, _REGISTRY)}
    )
    title = "manifest GET, cached (2 KiB, 16 connections)"
    return [
        bench.compare(title, _RATE, figures, _NGINX, AtLeast(1.0), costs.note(_OURS, _NGINX)),
        bench.compare(title, _RATE, figures, _REGISTRY, AtLeast(30), costs.note(_OURS, _REGISTRY)),
    ]


def manifest_uncached(bench: Bench) -> list[Measurement]:
    """The same, with a query string of its own on each request, so that no cache of answers can help."""
    costs = Costs.of_requests()

    def visit(peer: Peer) -> float:
        return costs.rate(peer, lambda: bench.wrk.run(peer, bench.manifest_path(peer), unique=True))

    figures = bench.measure({peer.name: partial(visit, peer) for peer in bench.of(_OURS, _REGISTRY)})
    title = "manifest GET, not cached (unique `?x=N`)"
    return [bench.compare(title, _RATE, figures, _REGISTRY, AtLeast(10), costs.note(_OURS, _REGISTRY))]


def not_found(bench: Bench) -> list[Measurement]:
    """One unknown tag again and again, beside the cached hits of the same server."""
    costs = Costs.of_requests()

    def miss(peer: Peer) -> float:
        path = image.manifest_path(peer, "unknown")
        return costs.rate(peer, lambda: bench.wrk.run(peer, path, status=404))

    def hit(peer: Peer) -> float:
        return costs.rate(peer, lambda: bench.wrk.run(peer, bench.manifest_path(peer)), _OWN_HITS)

    visits: dict[str, Callable[[], float]] = {}
    for peer in bench.of(_OURS, _REGISTRY):
        visits[peer.name] = partial(miss, peer)
        if peer.name == _OURS:
            visits[_OWN_HITS] = partial(hit, peer)
    figures = bench.measure(visits)
    title = "the same 404 again and again (unknown tag)"
    return [
        bench.compare(title, _RATE, figures, _OWN_HITS, AtLeast(0.9), costs.note(_OURS, _OWN_HITS)),
        bench.compare(title, _RATE, figures, _REGISTRY, None, costs.note(_OURS, _REGISTRY)),
    ]


def blob_get(bench: Bench) -> list[Measurement]:
    """64 MiB to 16 clients at once, and 1 GiB to one; the memory of artifactd while it does so."""
    size, large = bench.sizes.blob, bench.sizes.large_blob
    lines: list[Measurement] = []
    peaks: list[float] = []
    samples: list[float] = []
    for title, bytes_each, clients, budget in (
        (f"blob GET {_size(size)} × 16 clients", size, CONNECTIONS, AtLeast(1.3)),
        (f"blob GET {_size(large)} × 1 client", large, 1, AtLeast(1.0)),
    ):
        paths = bench.blob_path(bytes_each, _OURS, _NGINX, _REGISTRY)
        costs = Costs.of_bytes()

        def visit(peer: Peer, path: str, clients: int = clients, costs: Costs = costs) -> float:
            ours = peer.name == _OURS
            if ours:
                processes.forget_peak(peer.pid)
            sample = partial(_sample, samples, peer) if ours else None
            work = partial(_download_twice, path)
            speed = costs.rate(peer, lambda: together(peer, clients, work, meanwhile=sample))
            if ours:
                peaks.append(processes.peak_rss(peer.pid))
            return speed

        figures = bench.measure(
            {
                peer.name: partial(visit, peer, paths[peer.name])
                for peer in bench.of(_OURS, _NGINX, _REGISTRY)
            }
        )
        lines.append(bench.compare(title, _SPEED, figures, _NGINX, budget, costs.note(_OURS, _NGINX)))
        lines.append(bench.compare(title, _SPEED, figures, _REGISTRY, None, costs.note(_OURS, _REGISTRY)))
    note = f"greatest PSS seen {max(samples):.0f} MB" if samples else ""
    lines.append(bench.judge("memory during these downloads (peak RSS)", "MB", tuple(peaks), 80, note))
    return lines


def small_during_downloads(bench: Bench) -> list[Measurement]:
    """Cached manifests over 16 connections while four clients of the same server download at full speed."""
    names = (_OURS, _NGINX, _REGISTRY)
    paths = bench.blob_path(bench.sizes.large_blob, *names)
    speeds: dict[str, list[float]] = {name: [] for name in names}

    def visit(peer: Peer) -> float:
        with downloading(peer, paths[peer.name], 4) as received:
            before, began = received(), time.monotonic()
            rate = bench.wrk.run(peer, bench.manifest_path(peer)).rate
            speeds[peer.name].append((received() - before) / MIB / (time.monotonic() - began))
        return rate

    figures = bench.measure({peer.name: partial(visit, peer) for peer in bench.of(*names)})
    title = "manifest GET, cached, beside four full-speed downloads"
    note = "downloads meanwhile, MiB/s: " + ", ".join(
        f"{name} {_middle(values):,.0f}" for name, values in speeds.items() if values
    )
    return [
        bench.compare(title, _RATE, figures, _NGINX, AtLeast(3), note),
        bench.compare(title, _RATE, figures, _REGISTRY, None),
    ]


def blob_push(bench: Bench) -> list[Measurement]:
    """1 GiB of new content over one connection. Both verify it; only artifactd waits for the disk."""
    payload = Payload(bench.sizes.large_blob)
    lines = []
    for how, push in (
        ("POST, chunked PATCH, PUT", image.push_by_patch),
        ("POST, one PUT", image.push_in_one_put),
    ):
        costs = Costs.of_bytes()

        def work(peer: Peer, connection: Connection, push: _Push = push) -> float:
            push(connection, peer.image, payload)
            return payload.size

        def visit(
            peer: Peer, work: Callable[[Peer, Connection], float] = work, costs: Costs = costs
        ) -> float:
            payload.renew()
            speed = costs.rate(peer, lambda: together(peer, 1, partial(work, peer)))
            if costs.seen(peer) == 1:  # what it stores is what it was sent
                image.check(peer, image.blob_path(peer, payload.digest), payload.digest)
            return speed

        figures = bench.measure({peer.name: partial(visit, peer) for peer in bench.of(_OURS, _REGISTRY)})
        title = f"blob push {_size(payload.size)}: {how}"
        lines.append(
            bench.compare(title, _SPEED, figures, _REGISTRY, AtLeast(2.5), costs.note(_OURS, _REGISTRY))
        )
    return lines


def small_publish(bench: Bench) -> list[Measurement]:
    """10 KiB of new content each, 16 keep-alive connections: docker blob (POST, PUT) and raw file (PUT)."""
    payload = Payload(_SMALL)
    costs = Costs.of_requests()

    def push_blobs(peer: Peer, connection: Connection) -> float:
        return _repeat(bench, payload, lambda: image.push_small(connection, peer.image, payload))

    def put_files(peer: Peer, connection: Connection) -> float:
        return _repeat(bench, payload, lambda: _put_raw(connection, payload))

    def visit(name: str, peer: Peer, work: Callable[[Peer, Connection], float]) -> float:
        return costs.rate(peer, lambda: together(peer, CONNECTIONS, partial(work, peer)), name)

    visits: dict[str, Callable[[], float]] = {}
    for peer in bench.of(_OURS, _REGISTRY):
        visits[peer.name] = partial(visit, peer.name, peer, push_blobs)
        if peer.name == _OURS:
            visits[_RAW] = partial(visit, _RAW, peer, put_files)
    figures = bench.measure(visits)
    title, unit, budget = "small publish (10 KiB, 16 connections)", "publishes/s", AtLeast(5)
    lines = []
    for name, how in ((_OURS, "blob POST, PUT"), (_RAW, "raw PUT")):
        note = costs.note(name, _REGISTRY)
        lines.append(bench.compare(f"{title}: {how}", unit, figures, _REGISTRY, budget, note, name))
    return lines


def start(bench: Bench) -> list[Measurement]:
    """From the command to the first ready answer on existing data, and the memory one second later."""
    seconds: dict[str, list[float]] = {}
    memory: dict[str, list[tuple[float, float]]] = {}

    def visit(name: str) -> float:
        folder = bench.folder / f"start-{name}"
        if not folder.exists():
            STARTERS[name](folder).stop()
        peer = STARTERS[name](folder)
        try:
            time.sleep(1)  # idle means that what the start set off has ended
            memory.setdefault(name, []).append((processes.rss(peer.pid), processes.pss(peer.pid)))
        finally:
            peer.stop()
        seconds.setdefault(name, []).append(peer.ready_seconds)
        return peer.ready_seconds

    bench.measure({peer.name: partial(visit, peer.name) for peer in bench.of(_OURS, _REGISTRY)})
    ours, theirs = memory.get(_OURS, []), memory.get(_REGISTRY, [])
    start_note = f"docker-registry {_middle(seconds[_REGISTRY]):.2f} s" if theirs else ""
    memory_note = ""
    if ours:
        memory_note = f"PSS {_middle([pss for _, pss in ours]):.0f} MB"
    if theirs:
        memory_note += f" docker-registry RSS {_middle([rss for rss, _ in theirs]):.0f} MB"
    return [
        bench.judge("start to ready, existing data", "s", tuple(seconds.get(_OURS, ())), 0.8, start_note),
        bench.judge("idle memory (RSS)", "MB", tuple(rss for rss, _ in ours), 100, memory_note.strip()),
    ]


CASES: dict[str, Callable[[Bench], list[Measurement]]] = {
    "manifest-cached": manifest_cached,
    "manifest-uncached": manifest_uncached,
    "not-found": not_found,
    "blob-get": blob_get,
    "small-during-downloads": small_during_downloads,
    "blob-push": blob_push,
    "small-publish": small_publish,
    "start": start,
}

_Push = Callable[[Connection, str, Payload], None]


def _download_twice(path: str, connection: Connection) -> float:
    return connection.download(path) + connection.download(path)


def _sample(samples: list[float], peer: Peer) -> None:
    samples.append(processes.pss(peer.pid))


def _put_raw(connection: Connection, payload: Payload) -> None:
    path = f"/repository/raw/bench/{payload.digest[7:]}"
    connection.request("PUT", path, "", payload.content()).expect(200, 201, 204)


def _repeat(bench: Bench, payload: Payload, publish: Callable[[], None]) -> float:
    """Publish new content until the time is over; returns how often."""
    count = 0
    deadline = time.monotonic() + bench.sizes.seconds
    while time.monotonic() < deadline:
        payload.renew()
        publish()
        count += 1
    return count


def _middle(values: list[float]) -> float:
    return spread(values).median


def _size(size: int) -> str:
    return f"{size >> 30} GiB" if size >= 1 << 30 else f"{size >> 20} MiB"
