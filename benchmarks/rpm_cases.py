"""The RPM questions, in the form of `cases.py`.

What is published is compared with what createrepo_c and mergerepo_c make of the same packages; the table
gives the quotient of the seconds, so less is better. A run's time is that of the task alone: what it waits
for further changes before is told beside it.
"""

import itertools
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from benchmarks import rpm
from benchmarks.bench import Bench
from benchmarks.costs import Costs
from benchmarks.load import CONNECTIONS, Numbers, together
from benchmarks.peers import Peer
from benchmarks.proxy_peers import UPSTREAM, make_group, make_hosted, make_proxy
from benchmarks.publications import Published, published
from benchmarks.report import AtLeast, AtMost, Measurement, digits, spread
from benchmarks.wire import Connection, UnexpectedAnswer

_OURS = "artifactd"
_IDLE = "own idle"
_SECONDS = "s"
_HOSTED, _STEM = "bench-rpm", "bench"
_OWN, _FIRST, _SECOND, _GROUP = "rpm-own", "rpm-first", "rpm-second", "rpm-group"
_OWNED = 100
_SHARED = 10  # of them are of names that the first upstream has, too
_SETTLED = 300.0  # seconds


def rpm_publish(bench: Bench) -> list[Measurement]:
    """A repository of 10,000 packages gets one more: the run that publishes it, beside
    `createrepo_c --update` of the same packages."""
    (ours,) = bench.of(_OURS)
    rpm.program(rpm.CREATEREPO)
    lines = _fill(bench)
    tree = bench.folder / "rpm-tree"
    rpm.lay(tree, _STEM, range(bench.sizes.packages))
    rpm.createrepo(tree)
    added = itertools.count(bench.sizes.packages), itertools.count(bench.sizes.packages)
    runs: list[Published] = []

    def our_run() -> float:
        runs.append(published(ours, lambda: _put(ours, _HOSTED, _STEM, next(added[0]))))
        return runs[-1].seconds

    def their_run() -> float:
        rpm.lay(tree, _STEM, [next(added[1])])
        return rpm.createrepo(tree, "--update").seconds

    figures = bench.measure({_OURS: our_run, rpm.CREATEREPO: their_run})
    total = bench.sizes.packages + bench.rounds
    theirs = rpm.listed((tree / "repodata/repomd.xml").read_bytes())["primary"]
    if (_listed(ours, _HOSTED), rpm.count((tree / theirs).read_bytes())) != (total, total):
        raise UnexpectedAnswer(f"not both list {total} packages")
    after = digits(spread([run.after for run in runs]).median)
    memory = digits(max(run.memory for run in runs))
    note = f"visible {after} s after the upload, quiet time included; task process at most {memory} MB"
    title = f"one package more at {bench.sizes.packages:,}: the run that publishes it"
    budget = AtMost(0.3, _SECONDS)
    return [*lines, bench.compare(title, _SECONDS, figures, rpm.CREATEREPO, budget, note)]


def rpm_group(bench: Bench) -> list[Measurement]:
    """A group of a hosted repository and proxies of two with 50,000 packages each: the run that merges them
    after an upload, its memory, and how much small requests suffer meanwhile."""
    (ours,) = bench.of(_OURS)
    folders = _stock(bench)
    own = itertools.count(_OWNED)
    hosted = published(ours, lambda: _put(ours, _OWN, _STEM, next(own))).key
    make_group(ours, _GROUP, "rpm", _OWN, _FIRST, _SECOND)
    _wait_for(ours, _GROUP, _OWNED + 1 - _SHARED + 2 * bench.sizes.merged)
    runs: list[Published] = []
    peer_memory: list[float] = []

    def merge(meanwhile: Callable[[], object] | None = None) -> Published:
        change = partial(_put, ours, _OWN, _STEM, next(own))
        return published(ours, change, lambda key: key != hosted, meanwhile)

    def our_run() -> float:
        runs.append(merge())
        return runs[-1].seconds

    def their_run() -> float:
        run = rpm.mergerepo(bench.folder / "rpm-merged", *folders)
        peer_memory.append(run.memory)
        return run.seconds

    figures = bench.measure({_OURS: our_run, rpm.MERGEREPO: their_run})
    title = f"group of a hosted repository and {bench.sizes.merged:,} + {bench.sizes.merged:,} packages"
    memory = tuple(run.memory for run in runs)
    return [
        bench.compare(
            f"{title}: the run that merges", _SECONDS, figures, rpm.MERGEREPO, AtMost(60, _SECONDS)
        ),
        bench.judge(
            f"{title}: memory of the task process (peak RSS)",
            "MB",
            memory,
            300,
            f"{rpm.MERGEREPO}: {digits(spread(peer_memory).median)} MB",
        ),
        _beside_merges(bench, ours, merge, title),
    ]


RPM_CASES: dict[str, Callable[[Bench], list[Measurement]]] = {
    "rpm-publish": rpm_publish,
    "rpm-group": rpm_group,
}


def _fill(bench: Bench) -> list[Measurement]:
    """Upload the packages, and wait until all are published."""
    (ours,) = bench.of(_OURS)
    make_hosted(ours, _HOSTED, "rpm")
    numbers = Numbers()

    def upload(connection: Connection) -> float:
        done = 0
        while (number := numbers.take()) < bench.sizes.packages:
            _send(connection, _HOSTED, _STEM, number)
            done += 1
        return done

    costs = Costs.of_requests()
    rate = costs.rate(ours, lambda: together(ours, CONNECTIONS, upload))
    began = time.monotonic()
    _wait_for(ours, _HOSTED, bench.sizes.packages)
    note = f"{costs.note(_OURS)}; all are published {time.monotonic() - began:.0f} s after the last one"
    title = f"upload of {bench.sizes.packages:,} packages (3 KiB, {CONNECTIONS} connections)"
    return [bench.judge(title, "uploads/s", (rate,), None, note)]


def _stock(bench: Bench) -> list[Path]:
    """Let the upstream have two repositories, and artifactd proxies of them and a repository of its own;
    returns the upstream's folders."""
    (ours,), (upstream,) = bench.of(_OURS), bench.of(UPSTREAM)
    assert upstream.static is not None
    folders = []
    for name in (_FIRST, _SECOND):
        folder = upstream.static / name
        rpm.lay_metadata(folder, name, bench.sizes.merged)
        make_proxy(ours, name, "rpm", upstream, f"{name}/")
        folders.append(folder)
    make_hosted(ours, _OWN, "rpm")
    for number in range(_OWNED - _SHARED):
        _put(ours, _OWN, _STEM, number)
    for number in range(_SHARED):
        _put(ours, _OWN, _FIRST, number)
    _wait_for(ours, _OWN, _OWNED)
    return folders


def _beside_merges(
    bench: Bench, ours: Peer, merge: Callable[[Callable[[], object]], Published], title: str
) -> Measurement:
    """A cached manifest over 16 connections while a merge runs."""
    path = bench.manifest_path(ours)
    rates: list[float] = []
    shares: list[float] = []

    def beside() -> float:
        run = merge(lambda: rates.append(bench.wrk.run(ours, path).rate))
        shares.append(min(1.0, run.seconds / bench.sizes.seconds))
        return rates[-1]

    figures = bench.measure({_IDLE: lambda: bench.wrk.run(ours, path).rate, _OURS: beside})
    note = f"it ran for {spread(shares).low:.0%} of the load at least"
    return bench.compare(
        f"manifest GET, cached, beside the merge of a {title}", "req/s", figures, _IDLE, AtLeast(0.6), note
    )


def _wait_for(peer: Peer, repository: str, packages: int) -> None:
    """Until a repository's metadata lists so many packages."""
    deadline = time.monotonic() + _SETTLED
    while (found := _listed(peer, repository)) != packages:
        if time.monotonic() > deadline:
            raise UnexpectedAnswer(
                f"{repository} lists {found} packages after {_SETTLED:.0f} s, not {packages}"
            )
        time.sleep(0.5)


def _listed(peer: Peer, repository: str) -> int:
    """How many packages a repository's metadata lists; none while there is no metadata."""
    connection = peer.connect()
    folder = f"/repository/{repository}/"
    answer = connection.request("GET", f"{folder}repodata/repomd.xml").expect(200, 404, 503)
    try:
        if answer.status != 200:
            return 0
        primary = rpm.listed(answer.body)["primary"]
        return rpm.count(connection.request("GET", folder + primary).expect(200).body)
    finally:
        connection.close()


def _put(peer: Peer, repository: str, stem: str, number: int) -> None:
    connection = peer.connect()
    _send(connection, repository, stem, number)
    connection.close()


def _send(connection: Connection, repository: str, stem: str, number: int) -> None:
    filename, content = rpm.package(stem, number)
    connection.request("PUT", f"/repository/{repository}/{filename}", "", content).expect(201)
