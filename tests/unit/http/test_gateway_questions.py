"""From a request to the questions that it takes, and back: what the gateway asks for whom, what it says of
the answer, how long that is remembered, and as what it is counted (proxy R62, R64, R70, R71, R79)."""

import io
import itertools
import json
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from artifactd.db.writer import Database
from artifactd.http import handling
from artifactd.http.ledger import Ledger
from artifactd.http.ring import Record, Ring
from tests.support.fake_answers import MODIFIED
from tests.support.fake_upstream import FakeUpstream
from tests.support.proxies import command, group, proxy
from tests.support.server import Answer, RunningServer
from tests.support.serving import eventually
from tests.support.upstream_faults import login_page, status

LARGE = b"name: big\nversion: 1\n\n" + random.Random("big").randbytes(300_000)
FRESH = timedelta(minutes=11)
"""Longer than what may change is good for."""


def package(name: str, version: str, body: str = "bytes") -> bytes:
    return f"name: {name}\nversion: {version}\n\n{body}".encode()


class Proxied:
    """A proxy for toys, and its upstream."""

    def __init__(self, server: RunningServer, upstream: FakeUpstream) -> None:
        self.server = server
        self.upstream = upstream
        self.name = proxy(server, "toy", f"{upstream.url}/")

    def put(self, name: str, version: str, body: bytes | None = None, **more: Any) -> None:
        self.upstream.put(f"/packages/{name}/{version}.toy", body or package(name, version), **more)

    def get(self, path: str, method: str = "GET", **headers: str) -> Answer:
        lines = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.server.request(method, f"/repository/{self.name}/{path}", headers=lines)

    def asked(self) -> list[str]:
        """What the upstream was asked for since somebody last looked."""
        asked = [
            f"{each.method} {each.target} {each.header('range')}".strip() for each in self.upstream.asked()
        ]
        self.upstream.forget()
        return asked


@pytest.fixture
def proxied(server: RunningServer) -> Iterator[Proxied]:
    with FakeUpstream() as upstream:
        yield Proxied(server, upstream)


PACKAGE = "packages/demo/1-snapshot.toy"
"""Of a version that may change."""


# What is asked


def test_a_get_asks_once_and_keeps_the_answer(proxied: Proxied) -> None:
    proxied.put("demo", "1")
    first = proxied.get("packages/demo/1.toy")
    assert (first.status, first.body) == (200, package("demo", "1"))
    assert proxied.asked() == ["GET /packages/demo/1.toy"]
    for _ in range(3):
        assert proxied.get("packages/demo/1.toy").body == first.body
    assert proxied.asked() == []


def test_a_head_asks_for_facts(proxied: Proxied) -> None:
    # proxy R71
    proxied.put("demo", "1")
    answer = proxied.get("packages/demo/1.toy", "HEAD")
    assert (answer.status, answer.body) == (200, b"")
    assert answer.header("content-length") == str(len(package("demo", "1")))
    assert answer.header("last-modified") == "Sun, 13 Sep 2020 12:26:40 GMT"
    assert MODIFIED == 1_600_000_000
    assert answer.header("etag") == ""
    assert proxied.asked() == ["HEAD /packages/demo/1.toy"]


def test_a_small_range_asks_for_itself_and_a_large_one_for_the_whole(proxied: Proxied) -> None:
    # proxy R70
    proxied.put("big", "1", LARGE)
    answer = proxied.get("packages/big/1.toy", range="bytes=22-31")
    assert (answer.status, answer.body) == (206, LARGE[22:32])
    assert answer.header("content-range") == f"bytes 22-31/{len(LARGE)}"
    assert proxied.asked() == ["GET /packages/big/1.toy bytes=22-31"]
    for number, (line, start) in enumerate({"bytes=100000-": 100_000, "bytes=0-2000000": 0}.items(), 2):
        proxied.put("big", f"{number}", LARGE)
        answer = proxied.get(f"packages/big/{number}.toy", range=line)
        assert (answer.status, answer.body) == (206, LARGE[start:])
        assert proxied.asked() == [f"GET /packages/big/{number}.toy"]


def test_a_range_with_a_condition_is_compared_here(proxied: Proxied) -> None:
    proxied.put("big", "1", LARGE)
    answer = proxied.get("packages/big/1.toy", range="bytes=0-9", if_range='"other"')
    assert (answer.status, answer.body) == (200, LARGE)
    assert proxied.asked() == ["GET /packages/big/1.toy"]


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_whoever_writes_asks_nobody(proxied: Proxied, method: str) -> None:
    proxied.put("demo", "1")
    assert proxied.get("packages/demo/1.toy", method).status in (404, 405)
    assert proxied.asked() == []


def test_the_past_asks_nobody(proxied: Proxied) -> None:
    proxied.put("demo", "1")
    answer = proxied.server.request("GET", f"/repository/{proxied.name}.at.2100-01-01/packages/demo/1.toy")
    assert answer.status == 404
    assert proxied.asked() == []


def test_a_group_s_answer_takes_as_many_rounds_as_it_takes(
    server: RunningServer, proxied: Proxied, monkeypatch: pytest.MonkeyPatch
) -> None:
    with FakeUpstream() as other:
        both = group(server, "toy", proxied.name, proxy(server, "toy", f"{other.url}/"))
        numbers = itertools.count(1)

        def get() -> Answer:
            version = next(numbers)
            other.put(f"/packages/demo/{version}.toy", package("demo", f"{version}"))
            return server.request("GET", f"/repository/{both}/packages/demo/{version}.toy")

        assert get().status == 200
        monkeypatch.setattr(handling, "MOST_QUESTIONS", 2)
        answer = get()
        assert answer.status == 503
        assert "too many questions" in answer.text
        assert 1 <= int(answer.header("retry-after")) <= 30


# What is said of the answer


def test_an_answer_past_its_time_says_so(proxied: Proxied) -> None:
    # proxy R62: RFC 9111, sections 5.1 and 5.5
    proxied.put("demo", "1-snapshot")
    fresh = proxied.get(PACKAGE)
    assert (fresh.header("age"), fresh.header("warning")) == ("", "")
    proxied.server.clock.advance(FRESH)
    proxied.upstream.fault(status(503))
    stale = proxied.get(PACKAGE)
    assert (stale.status, stale.body) == (200, fresh.body)
    assert stale.header("warning").startswith("110 ")
    assert FRESH.total_seconds() <= int(stale.header("age")) < FRESH.total_seconds() + 60
    assert stale.header("etag") == fresh.header("etag")
    unchanged = proxied.get(PACKAGE, if_none_match=fresh.header("etag"))
    assert unchanged.status == 304
    assert unchanged.header("warning").startswith("110 ")
    proxied.upstream.heal()
    eventually(lambda: proxied.get(PACKAGE).header("warning") == "", 15)


def test_a_rendered_page_says_so_too(proxied: Proxied) -> None:
    proxied.upstream.put("/names/demo", b'{"versions": ["1"]}')
    assert proxied.get("names/demo").json() == {"versions": ["1"]}
    proxied.server.clock.advance(FRESH)
    proxied.upstream.fault(login_page())
    stale = proxied.get("names/demo")
    assert stale.json() == {"versions": ["1"]}
    assert stale.header("warning").startswith("110 ")
    assert stale.header("age").isdigit()


def test_an_error_is_in_the_words_of_the_format(proxied: Proxied) -> None:
    # proxy R64
    proxied.upstream.fault(status(403), "/packages/demo/1.toy")
    proxied.upstream.fault(status(503), "/packages/demo/2.toy")
    refused, failed, absent = (proxied.get(f"packages/demo/{number}.toy") for number in (1, 2, 3))
    assert (refused.status, refused.json()["toy"]) == (502, "UpstreamInvalid")
    assert (failed.status, failed.json()["toy"]) == (503, "UpstreamUnavailable")
    assert 1 <= int(failed.header("retry-after")) <= 30
    assert (absent.status, absent.json()["toy"]) == (404, "AssetNotFound")
    for answer in (refused, failed, absent):
        assert answer.header("www-authenticate") == ""
        assert proxied.upstream.host not in answer.text


# How long it is remembered


def test_an_answer_is_not_repeated_beyond_its_time(proxied: Proxied) -> None:
    proxied.put("demo", "1-snapshot")
    for _ in range(4):  # the third is given by what remembers answers
        assert proxied.get(PACKAGE).body == package("demo", "1-snapshot")
    proxied.put("demo", "1-snapshot", package("demo", "1-snapshot", "new"))
    assert proxied.get(PACKAGE).body == package("demo", "1-snapshot")
    proxied.server.clock.advance(FRESH)
    assert proxied.get(PACKAGE).body == package("demo", "1-snapshot", "new")


def test_an_absence_is_not_repeated_beyond_its_time(proxied: Proxied) -> None:
    for _ in range(4):
        assert proxied.get(PACKAGE).status == 404
    assert len(proxied.asked()) == 1
    proxied.put("demo", "1-snapshot")
    assert proxied.get(PACKAGE).status == 404
    proxied.server.clock.advance(FRESH)
    assert proxied.get(PACKAGE).status == 200


def test_what_is_asked_about_each_time_is_not_remembered_at_all(proxied: Proxied) -> None:
    proxy(proxied.server, "toy", f"{proxied.upstream.url}/", proxied.name, fresh_for=0)
    proxied.put("demo", "1-snapshot")
    for number in range(5):
        body = package("demo", "1-snapshot", f"{number}")
        proxied.put("demo", "1-snapshot", body)
        assert proxied.get(PACKAGE).body == body


def test_a_stale_answer_is_given_up_soon(proxied: Proxied) -> None:
    proxied.put("demo", "1-snapshot")
    proxied.get(PACKAGE)
    proxied.server.clock.advance(FRESH)
    with proxied.upstream.fault(status(403)):
        for _ in range(4):
            assert proxied.get(PACKAGE).header("warning")
    proxied.server.clock.advance(timedelta(seconds=3))
    assert proxied.get(PACKAGE).header("warning") == ""


def test_invalidated_answers_are_made_anew(proxied: Proxied) -> None:
    # proxy R79
    proxied.put("demo", "1-snapshot")
    for _ in range(4):
        proxied.get(PACKAGE)
    for _ in range(4):
        assert proxied.get("packages/demo/2-snapshot.toy").status == 404
    proxied.put("demo", "1-snapshot", package("demo", "1-snapshot", "new"))
    proxied.put("demo", "2-snapshot")
    command(proxied.server, proxied.name, "invalidate", path="")
    assert proxied.get(PACKAGE).body == package("demo", "1-snapshot", "new")
    assert proxied.get("packages/demo/2-snapshot.toy").status == 200


def test_through_a_group_a_member_s_new_answer_is_seen_at_once(
    server: RunningServer, proxied: Proxied
) -> None:
    # proxy R105
    ours = server.repository("toy")
    both = group(server, "toy", ours, proxied.name)
    proxied.put("demo", "1")
    path = f"/repository/{both}/packages/demo/1.toy"
    for _ in range(4):
        assert server.request("GET", path).body == package("demo", "1")
    mine = package("demo", "1", "ours")
    assert server.request("PUT", f"/repository/{ours}/packages/demo/1.toy", mine).status == 201
    assert server.request("GET", path).body == mine


# As what it is counted


def counted(server: RunningServer, name: str) -> dict[str, int]:
    """The answers of a repository, by where they came from. All servers of a process count in the folder of
    the first."""
    from prometheus_client import CollectorRegistry, generate_latest, multiprocess

    files: list[Path] = []
    for each in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):  # closed in this moment
            files.append(each.readlink())
    folder = next(file.parent for file in files if file.name == f"counter_{os.getpid()}.db")
    registry = CollectorRegistry()
    multiprocess.MultiProcessCollector(registry, path=str(folder))
    found: dict[str, int] = {}
    for line in generate_latest(registry).decode().splitlines():
        if line.startswith("artifactd_proxy_answers_total{") and f'repository="{name}"' in line:
            label = line.partition('cache="')[2].partition('"')[0]
            found[label] = round(float(line.rpartition(" ")[2]))
    return found


def test_answers_are_counted_by_where_they_came_from(proxied: Proxied) -> None:
    server, name = proxied.server, proxied.name
    proxied.put("demo", "1-snapshot")
    proxied.put("big", "1", LARGE)
    proxied.get(PACKAGE)
    proxied.get(PACKAGE)
    proxied.get("packages/big/1.toy")
    proxied.get("packages/demo/none.toy")
    proxied.get("packages/demo/none.toy")
    server.clock.advance(timedelta(minutes=11))
    proxied.upstream.fault(status(403))
    proxied.get(PACKAGE)
    expected = {"miss": 3, "hit": 1, "negative": 1, "stale": 1}
    try:
        eventually(lambda: counted(server, name) == expected)
    except AssertionError:
        assert counted(server, name) == expected
        raise
    hosted = server.repository("toy")
    server.request("GET", f"/repository/{hosted}/packages/demo/1.toy")
    assert counted(server, hosted) == {}


_COUNTING = """
import sys
from pathlib import Path
from artifactd.http.metrics import Metrics
from artifactd.http.ring import Record
metrics = Metrics(Path(sys.argv[1]), "1")
def row(cache, duration):
    record = Record(1, "hub", "toy", "a", "", 1, "ann", cache)
    return (0, "GET", 200, 7, duration, "127.0.0.1", record)
rows = [row("miss", 5), row("miss", 0), row("miss", 0), row("hit", 0), row("", 5), row("stale", 0)]
metrics.count(rows, 0)
print(metrics.render().decode())
"""


def test_what_is_repeated_from_memory_is_a_hit(tmp_path: Path) -> None:
    """A miss is one, however often its answer is given."""
    made = subprocess.run(
        [sys.executable, "-c", _COUNTING, str(tmp_path)], capture_output=True, text=True, check=True
    )
    lines = [line for line in made.stdout.splitlines() if line.startswith("artifactd_proxy_answers_total")]
    found = {line.partition('cache="')[2].partition('"')[0]: float(line.split()[-1]) for line in lines}
    assert found == {"miss": 1, "hit": 3, "stale": 1}
    assert all('repository="hub"' in line and 'format="toy"' in line for line in lines)


class Uncounted:
    """Metrics that nobody reads."""

    def count(self, rows: object, lost: int) -> None:
        pass


@pytest.mark.parametrize("place", ["sqlite"], indirect=True)
@pytest.mark.parametrize("cache", ["hit", "miss", "stale", "negative", ""])
def test_the_access_log_says_it_too(database: Database, cache: str) -> None:
    ring, lines = Ring(10), io.StringIO()
    record = Record(1, "hub", "toy", "demo/1.toy", "", 7, "ann")
    ring.append((0, "GET", 200, 7, 5, "127.0.0.1", replace(record, cache=cache)))
    Ledger(database, ring, Uncounted(), lines).drain()  # type: ignore[arg-type]
    line = json.loads(lines.getvalue())
    assert (line["repository"], line["path"]) == ("hub", "demo/1.toy")
    assert line.get("cache", "") == cache
    assert ("cache" in line) == bool(cache)
