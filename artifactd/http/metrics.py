"""Metrics in the Prometheus exposition format. Labels never hold a path or a user: they would never end."""

import os
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from artifactd.http.ring import Row

BUCKETS = (0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 10.0, 60.0, 600.0)
"""Seconds: from a tier-2 hit to the push of a large layer."""

ROOM = 1 << 20
"""Bytes of each file of counters: for the requests of 200 repositories."""


class Metrics:
    """One process's counters. The processes of a host add up through files in `folder`, which the first
    process empties when the service starts."""

    def __init__(self, folder: Path, version: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        for kind in ("counter", "gauge_max", "histogram"):
            _reserve(folder / f"{kind}_{os.getpid()}.db")
        # prometheus_client reads this when it is imported, so it is imported after.
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)
        import prometheus_client as client
        from prometheus_client import multiprocess

        self._client = client
        self._registry = client.CollectorRegistry()
        multiprocess.MultiProcessCollector(self._registry, path=str(folder))  # type: ignore[no-untyped-call]
        own = client.CollectorRegistry()
        self._requests = client.Counter(
            "artifactd_requests",
            "Requests answered",
            ("format", "repository", "method", "status"),
            registry=own,
        )
        self._proxied = client.Counter(
            "artifactd_proxy_answers",
            "Answers of proxies and groups, by where they came from: hit, miss, stale, negative",
            ("format", "repository", "cache"),
            registry=own,
        )
        self._bytes = client.Counter(
            "artifactd_response_bytes", "Body bytes sent", ("format", "repository"), registry=own
        )
        self._seconds = client.Histogram(
            "artifactd_request_seconds", "Time to answer", ("format",), buckets=BUCKETS, registry=own
        )
        self._lost = client.Counter(
            "artifactd_ring_lost", "Answered requests that were not accounted for", registry=own
        )
        info = client.Gauge(
            "artifactd_build_info",
            "The version that runs",
            ("version",),
            registry=own,
            multiprocess_mode="max",
        )
        info.labels(version).set(1)

    def count(self, rows: Iterable[Row], lost: int) -> None:
        """Account for answered requests."""
        requests: Counter[tuple[str, str, str, str]] = Counter()
        sent: Counter[tuple[str, str]] = Counter()
        proxied: Counter[tuple[str, str, str]] = Counter()
        for _, method, status, body, duration, _, record in rows:
            format, repository = ("", "") if record is None else (record.format, record.repository)
            requests[format, repository, method, f"{status // 100}xx"] += 1
            sent[format, repository] += body
            if record is not None and record.cache:
                # What tier 1 repeats was made once: a miss is one, however often its answer is given.
                cache = "hit" if record.cache == "miss" and not duration else record.cache
                proxied[format, repository, cache] += 1
            if duration:
                self._seconds.labels(format).observe(duration / 1e6)
        for labels, number in requests.items():
            self._requests.labels(*labels).inc(number)
        for answers, number in proxied.items():
            self._proxied.labels(*answers).inc(number)
        for pair, number in sent.items():
            self._bytes.labels(*pair).inc(number)
        if lost:
            self._lost.inc(lost)

    def render(self) -> bytes:
        """Every process's counters together."""
        return self._client.generate_latest(self._registry)


def _reserve(file: Path) -> None:
    """Give a file its room on the disk before prometheus_client maps it, which makes it sparse: to write to
    a hole of a mapped file when the disk is full ends the process (SIGBUS)."""
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        os.posix_fallocate(descriptor, 0, ROOM)
    finally:
        os.close(descriptor)
