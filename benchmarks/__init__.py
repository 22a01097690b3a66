"""Benchmarks, side by side: artifactd beside nginx, docker-registry and PyPI servers, in one run.

Start reading at `cases.py`: one function per question; those of PyPI are in `pypi_cases.py`, those of
proxies and groups in `proxy_cases.py`. `peers.py`, `pypi_peers.py` and `proxy_peers.py` start the servers,
`load.py` and `wire.py` press on them, `image.py` is the docker dialogue and `package.py` that of PyPI,
`processes.py` reads their memory and CPU from /proc, `report.py` turns rounds into medians of ratios and a
table (pure, and unit-tested).

Rule 1: every peer is started by its outside contract (a command line, a port, a readiness URL); nothing
here imports artifactd.
Rule 2: a figure is a median of per-round quotients. Absolute figures of one machine are context only.
Rule 3: only processes started here are stopped, each by its own handle.
"""
