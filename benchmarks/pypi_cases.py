"""The PyPI questions, in the form of `cases.py`.

All peers have the same distributions, and what they hold is read back. nginx serves as plain files what
artifactd answers.
"""

import itertools
import os
import time
from collections.abc import Callable
from functools import partial

from benchmarks import package, processes
from benchmarks.bench import MIB, Bench
from benchmarks.costs import Costs
from benchmarks.load import CONNECTIONS, Numbers, repeating, together
from benchmarks.package import Wheel
from benchmarks.peers import Peer
from benchmarks.report import AtLeast, Measurement, digits, spread
from benchmarks.wire import Connection, UnexpectedAnswer

_OURS = "artifactd"
_NGINX = "nginx"
_PYPISERVER = "pypiserver"
_DEVPI = "devpi-server"
_SIMPLE = "simple-repository-server"
_IDLE = "own idle"
_RATE = "req/s"
_SMALL = 10 << 10
_FILES = 30  # of the usual project, and of each that uploads make
_USUAL = "bench-usual"
_HEAVY = "bench-heavy"
_LARGE = "bench-large"
_ADDED = 10  # files added to the large project in each round, one by one
_TINY = 256


def pypi_page(bench: Bench) -> list[Measurement]:
    """The page of a project with 30 files, not compressed: JSON, but pypiserver has HTML alone."""
    costs = Costs.of_requests()
    names = (_OURS, _NGINX, _PYPISERVER, _DEVPI, _SIMPLE)
    _stock(bench, package.release_line(_USUAL, _FILES, _SMALL), *names)
    _save_page(bench, _USUAL, package.ACCEPT)

    def visit(peer: Peer) -> float:
        path = package.page_path(peer, _USUAL)
        return costs.rate(peer, lambda: bench.wrk.run(peer, path, package.ACCEPT))

    figures = bench.measure({peer.name: partial(visit, peer) for peer in bench.of(*names)})
    title = f"project page GET ({_FILES} files, 16 connections)"
    return [
        bench.compare(title, _RATE, figures, against, AtLeast(times), costs.note(_OURS, against))
        for against, times in ((_NGINX, 1.0), (_PYPISERVER, 100), (_DEVPI, 100), (_SIMPLE, 20))
    ]


def pypi_metadata(bench: Bench) -> list[Measurement]:
    """The metadata of one wheel again and again, which is what pip asks for in place of the wheel."""
    costs = Costs.of_requests()
    wheels = package.release_line(_USUAL, _FILES, _SMALL)
    paths = _files(bench, wheels, _OURS, ending=".metadata")
    if nginx := bench.peers.get(_NGINX):
        paths[_NGINX] = _save(nginx, f"{wheels[0].filename}.metadata", wheels[0].metadata)
    for peer in bench.of(*paths):
        connection = peer.connect()
        if connection.request("GET", paths[peer.name]).expect(200).body != wheels[0].metadata:
            raise UnexpectedAnswer(f"{peer.name} {paths[peer.name]}: not the metadata of the wheel")
        connection.close()

    def visit(peer: Peer) -> float:
        return costs.rate(peer, lambda: bench.wrk.run(peer, paths[peer.name], "Accept: */*\r\n"))

    figures = bench.measure({peer.name: partial(visit, peer) for peer in bench.of(*paths)})
    title = f"`.metadata` GET, cached ({digits(len(wheels[0].metadata) / 1024)} KiB, 16 connections)"
    return [bench.compare(title, _RATE, figures, _NGINX, AtLeast(1.0), costs.note(_OURS, _NGINX))]


def pypi_download(bench: Bench) -> list[Measurement]:
    """A wheel of 64 MiB to 16 clients at once."""
    costs = Costs.of_bytes()
    wheels = package.release_line(_HEAVY, 1, bench.sizes.blob)
    paths = _files(bench, wheels, _OURS, _PYPISERVER, _DEVPI)
    if nginx := bench.peers.get(_NGINX):
        paths[_NGINX] = _save(nginx, wheels[0].filename, wheels[0].content)

    def visit(peer: Peer) -> float:
        work = partial(_download, paths[peer.name])
        return costs.rate(peer, lambda: together(peer, CONNECTIONS, work))

    figures = bench.measure({peer.name: partial(visit, peer) for peer in bench.of(*paths)})
    title = f"wheel GET {bench.sizes.blob // MIB} MiB × {CONNECTIONS} clients"
    return [
        bench.compare(title, "MiB/s", figures, against, budget, costs.note(_OURS, against))
        for against, budget in ((_NGINX, AtLeast(1.3)), (_PYPISERVER, None), (_DEVPI, None))
    ]


def pypi_upload(bench: Bench) -> list[Measurement]:
    """Wheels of 10 KiB, each a new file with new content, over 16 keep-alive connections; 30 of a project.
    artifactd waits until each is on the disk."""
    costs = Costs.of_requests()
    numbers = Numbers()
    padding = os.urandom(_SMALL)

    def publish(peer: Peer, connection: Connection) -> float:
        deadline = time.monotonic() + bench.sizes.seconds
        project = ""
        for count in itertools.count():
            if time.monotonic() >= deadline:
                return count
            if count % _FILES == 0:
                project = f"bench-{numbers.take()}"
            package.upload(connection, _upload_path(peer), _release(project, count % _FILES, padding))
        raise AssertionError("count never ends")

    def visit(peer: Peer) -> float:
        first = f"bench-{numbers.peek()}"
        rate = costs.rate(peer, lambda: together(peer, CONNECTIONS, partial(publish, peer)))
        if costs.seen(peer) == 1:  # what it lists and stores is what it was sent
            listed = package.listing(peer, first)
            package.check(peer, listed, [_release(first, number, padding) for number in range(len(listed))])
        return rate

    figures = bench.measure(
        {peer.name: partial(visit, peer) for peer in bench.of(_OURS, _PYPISERVER, _DEVPI)}
    )
    title, unit = "wheel upload (10 KiB, 16 connections)", "uploads/s"
    return [
        bench.compare(title, unit, figures, against, budget, costs.note(_OURS, against))
        for against, budget in ((_PYPISERVER, AtLeast(5)), (_DEVPI, None))
    ]


def pypi_large_page(bench: Bench) -> list[Measurement]:
    """A project of 20,000 files gets one more: how long the next GET of its page takes, how many there are
    then, and how much small requests suffer while this happens without pause."""
    lines = _fill(bench)
    lines += _first_gets(bench)
    lines += _cached_gets(bench)
    lines += _beside_rebuilds(bench)
    return lines


PYPI_CASES: dict[str, Callable[[Bench], list[Measurement]]] = {
    "pypi-page": pypi_page,
    "pypi-metadata": pypi_metadata,
    "pypi-download": pypi_download,
    "pypi-upload": pypi_upload,
    "pypi-large-page": pypi_large_page,
}


def _fill(bench: Bench) -> list[Measurement]:
    """Upload the files of the large project, and see that the page has them."""
    (peer,) = bench.of(_OURS)
    numbers = Numbers()

    def publish(connection: Connection) -> float:
        count = 0
        while (number := numbers.take()) < bench.sizes.files:
            _add(peer, connection, f"1.{number}")
            count += 1
        return count

    costs = Costs.of_requests()
    rate = costs.rate(peer, lambda: together(peer, CONNECTIONS, publish))
    began = time.monotonic()
    listed = package.listing(peer, _LARGE)
    build = time.monotonic() - began
    if len(listed) != bench.sizes.files:
        raise UnexpectedAnswer(f"the page of {_LARGE} lists {len(listed)} files, not {bench.sizes.files}")
    package.check(peer, listed, [_large(f"1.{number}") for number in range(_FILES)])
    note = f"{costs.note(_OURS)}; the first page of all took {build * 1000:,.0f} ms with its parsing"
    title = f"upload of {bench.sizes.files:,} wheels to one project (1 KiB, 16 connections)"
    return [bench.judge(title, "uploads/s", (rate,), None, note)]


def _first_gets(bench: Bench) -> list[Measurement]:
    """One file more, then the page as pip asks for it; the same with no compression."""
    (peer,) = bench.of(_OURS)
    numbers = itertools.count()
    spent: dict[str, list[float]] = {}

    def visit(name: str, headers: str) -> float:
        path = package.page_path(peer, _LARGE)
        connection = peer.connect()
        seconds = []
        used = 0.0
        for _ in range(_ADDED):
            before = processes.cpu_seconds(peer.pid)
            _add(peer, connection, f"2.{next(numbers)}")
            began = time.monotonic()
            connection.request("GET", path, headers).expect(200)
            seconds.append(time.monotonic() - began)
            used += processes.cpu_seconds(peer.pid) - before
        connection.close()
        spent.setdefault(name, []).append(used / _ADDED * 1000)
        return spread(seconds).median * 1000

    ways = {"gzip": package.GZIP, "not compressed": package.ACCEPT}
    figures = bench.measure({name: partial(visit, name, headers) for name, headers in ways.items()})
    added = f"2.{next(numbers) - 1}"
    package.check(peer, package.listing(peer, _LARGE), [_large(added)])
    lines = []
    for name, headers in ways.items():
        size = len(package.page(peer, _LARGE, headers).body)
        title = f"page of {bench.sizes.files:,} files, one file added: the next GET, {name}"
        note = f"{size / MIB:.1f} MiB; CPU-ms of upload and GET: {digits(spread(spent[name]).median)}"
        lines.append(bench.judge(title, "ms", figures[name], 40 if name == "gzip" else None, note))
    return lines


def _cached_gets(bench: Bench) -> list[Measurement]:
    """The page of the large project again and again, compressed."""
    costs = Costs.of_requests()
    _save_page(bench, _LARGE, package.GZIP)

    def visit(peer: Peer) -> float:
        path = package.page_path(peer, _LARGE)
        return costs.rate(peer, lambda: bench.wrk.run(peer, path, package.GZIP))

    figures = bench.measure({peer.name: partial(visit, peer) for peer in bench.of(_OURS, _NGINX)})
    title = f"page of {bench.sizes.files:,} files, gzip: GET, cached (16 connections)"
    return [bench.compare(title, _RATE, figures, _NGINX, None, costs.note(_OURS, _NGINX))]


def _beside_rebuilds(bench: Bench) -> list[Measurement]:
    """The page of the usual project while another client adds a file to the large one and gets its page,
    again and again."""
    (peer,) = bench.of(_OURS)
    package.stock(peer, package.release_line(_USUAL, _FILES, _SMALL))
    path, large = package.page_path(peer, _USUAL), package.page_path(peer, _LARGE)
    numbers = Numbers()
    rebuilds: list[float] = []

    def rebuild(connection: Connection) -> None:
        _add(peer, connection, f"3.{numbers.take()}")
        connection.request("GET", large, package.GZIP).expect(200)

    def idle() -> float:
        return bench.wrk.run(peer, path, package.ACCEPT).rate

    def beside() -> float:
        with repeating(peer, rebuild) as done:
            before = done()
            run = bench.wrk.run(peer, path, package.ACCEPT)
            rebuilds.append((done() - before) / run.seconds)
        return run.rate

    figures = bench.measure({_IDLE: idle, _OURS: beside})
    note = f"page rebuilt {digits(spread(rebuilds).median)} times a second"
    title = f"project page GET while the page of {bench.sizes.files:,} files is rebuilt without pause"
    return [bench.compare(title, _RATE, figures, _IDLE, AtLeast(0.6), note)]


def _stock(bench: Bench, wheels: tuple[Wheel, ...], *names: str) -> None:
    for peer in bench.of(*names):
        if peer.index:
            package.stock(peer, wheels)


def _files(bench: Bench, wheels: tuple[Wheel, ...], *names: str, ending: str = "") -> dict[str, str]:
    """Where each of the peers has the first of these wheels."""
    name = wheels[0].filename
    return {peer.name: package.stock(peer, wheels)[name].path + ending for peer in bench.of(*names)}


def _save_page(bench: Bench, project: str, headers: str) -> None:
    """Let nginx have our page as a file, in the same coding."""
    (peer,) = bench.of(_OURS)
    if nginx := bench.peers.get(_NGINX):
        _save(nginx, f"{project}.json", package.page(peer, project, headers).body)


def _save(peer: Peer, name: str, content: bytes) -> str:
    if peer.static is None:
        raise ValueError(f"{peer.name} serves no folder")
    (peer.static / name).write_bytes(content)
    return f"/{name}"


def _upload_path(peer: Peer) -> str:
    return peer.index.upload if peer.index else ""


def _release(project: str, number: int, padding: bytes) -> Wheel:
    """The wheel with this number, other bytes than any other."""
    return package.wheel(project, f"1.{number}", padding)


def _large(version: str) -> Wheel:
    return package.wheel(_LARGE, version, bytes(_TINY))


def _add(peer: Peer, connection: Connection, version: str) -> None:
    package.upload(connection, _upload_path(peer), _large(version))


def _download(path: str, connection: Connection) -> float:
    return connection.download(path)
