"""Benchmarks, side by side: artifactd beside nginx, docker-registry, PyPI servers and createrepo_c, in one
run.

Start reading at `cases.py`: one function per question; those of PyPI are in `pypi_cases.py`, of Maven in
`maven_cases.py`, of proxies and groups in `proxy_cases.py`, of RPM in `rpm_cases.py`. `peers.py`,
`pypi_peers.py` and `proxy_peers.py` start the servers, `load.py` and `wire.py` press on them, `image.py` is
the docker dialogue, `package.py` that of PyPI, `rpm.py` that of RPM, `publications.py` tells when artifactd
publishes, `processes.py` reads memory and CPU from /proc, `report.py` turns rounds into medians of ratios
and a table (pure, and unit-tested).

Rule 1: every peer is started by its outside contract (a command line, a port, a readiness URL); nothing
here imports artifactd.
Rule 2: a figure is a median of per-round quotients. Absolute figures of one machine are context only.
Rule 3: only processes started here are stopped, each by its own handle.
"""
