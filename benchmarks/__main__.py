"""The command line: start the peers, put the questions, print the table and write it into the README."""

import argparse
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.bench import QUICK, Bench, Sizes
from benchmarks.cases import CASES
from benchmarks.machine import describe
from benchmarks.maven_cases import MAVEN_CASES
from benchmarks.peers import STARTERS, Peer, PeerAbsent
from benchmarks.proxy_cases import PROXY_CASES
from benchmarks.proxy_peers import starters
from benchmarks.pypi_cases import PYPI_CASES
from benchmarks.pypi_peers import PYPI_STARTERS
from benchmarks.report import Measurement, publish, table
from benchmarks.rpm_cases import RPM_CASES

_CASES = CASES | PYPI_CASES | MAVEN_CASES | PROXY_CASES | RPM_CASES
_README = Path(__file__).with_name("README.md")


def main() -> int:
    """0 when every case ran, met or missed; 1 when one could not be run to its end."""
    options = _options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the peers are stopped then too
    sizes = QUICK if options.quick else Sizes()
    # What every round makes stays on the disk: two pushes to artifactd and two to the registry, and what
    # two proxies and nginx fetch.
    needed = sizes.large_blob * (options.rounds * 7 + 7)
    with tempfile.TemporaryDirectory(prefix="artifactd-bench-") as name:
        if shutil.disk_usage(name).free < needed:
            print(f"{name}: {needed >> 30} GiB of free disk are needed; set TMPDIR", file=sys.stderr)
            return 1
        lines, failures = _run(Bench(Path(name), options.rounds, sizes), options.case or list(_CASES))
    generated = f"{_heading(options.rounds, quick=options.quick)}\n\n{table(lines)}"
    print(f"\n{generated}")
    whole = not (options.quick or options.case or failures)
    if options.output or whole:
        publish(options.output or _README, generated)
    for failure in failures:
        print(failure, file=sys.stderr)
    return 1 if failures else 0


def _run(bench: Bench, cases: list[str]) -> tuple[list[Measurement], list[str]]:
    lines: list[Measurement] = []
    failures: list[str] = []
    try:
        failures += _start(bench, STARTERS)
        bench.prepare()
        for name in cases:
            if name in PYPI_CASES:
                failures += _start(bench, PYPI_STARTERS)
            if name in PROXY_CASES | RPM_CASES:
                failures += _start(bench, starters(bench.peers))
            began = time.monotonic()
            try:
                lines += _CASES[name](bench)
            except PeerAbsent as absent:
                lines.append(Measurement(name, "", skipped=str(absent)))
            except Exception as failure:  # one broken case must not cost the others their minutes
                failures.append(f"{name}: {type(failure).__name__}: {failure}")
                lines.append(Measurement(name, "", skipped="the case failed"))
                _say(failures[-1])
            _say(f"{name}: {time.monotonic() - began:.0f} s")
    finally:
        for peer in bench.peers.values():
            peer.stop()
    return lines, failures


def _start(bench: Bench, starters: Mapping[str, Callable[[Path], Peer]]) -> list[str]:
    """Start those that are not up yet; returns why artifactd is not."""
    failures = []
    for name, start in starters.items():
        if name in bench.peers or name in bench.absent:
            continue
        try:
            bench.peers[name] = start(bench.folder / name)
        except PeerAbsent as absent:
            bench.absent[name] = str(absent)
            if name == "artifactd":  # the others are only here to be compared with it
                failures.append(str(absent))
            _say(f"skipped: {absent}")
    return failures


def _heading(rounds: int, *, quick: bool) -> str:
    day = datetime.now(UTC).strftime("%Y-%m-%d")
    small = " Small sizes: a smoke test, not a measurement." if quick else ""
    return f"{day}, {rounds} rounds, {describe()}.{small}"


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "--rounds", type=int, default=5, metavar="N", help="rounds of each case (default 5)"
    )
    parser.add_argument("--case", action="append", choices=list(_CASES), help="only this case; repeatable")
    parser.add_argument("--quick", action="store_true", help="small sizes, to see that everything runs")
    parser.add_argument(
        "--output", type=Path, metavar="FILE", help="write the table here (default README.md)"
    )
    options = parser.parse_args()
    if options.rounds < 1:
        parser.error("--rounds must be at least 1")
    return options


if __name__ == "__main__":
    sys.exit(main())
