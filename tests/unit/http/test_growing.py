"""Answers of bytes that are still on their way, of parts, and of what nobody reads (proxy R11, R67, R68,
R70, R147)."""

import asyncio
import io
import os
import random
from collections.abc import MutableMapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from starlette.datastructures import Headers

from artifactd.errors import ArtifactdError, PreconditionFailed, UpstreamInvalid, UpstreamUnavailable
from artifactd.http.bodies import BodyCache
from artifactd.http.sendfile import TransferAborted
from artifactd.http.serve import PIECE, Served, serve
from artifactd.repositories.content import Content, GrowingSource, Head, PartSource, Source, UnreadSource
from artifactd.upstream.growing import HELD_BACK, LocalGrowing
from tests.unit.http.conftest import Running

DATA = random.Random("a file").randbytes(1 << 20)
SENDFILE: dict[str, Any] = {"http.response.zerocopysend": {}}
BOTH = pytest.mark.parametrize("extensions", [SENDFILE, {}], ids=["sendfile", "pieces"])
BROKEN = UpstreamUnavailable("the upstream of repository 'hub' broke off its answer")


@dataclass
class Client:
    """What a client would get. `leaves_after` so many bytes."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    more: list[bool] = field(default_factory=list)
    largest: int = 0
    leaves_after: int | None = None
    served: Served | None = None

    async def send(self, message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {name.decode(): value.decode() for name, value in message["headers"]}
            return
        if self.leaves_after is not None and len(self.body) >= self.leaves_after:
            raise TransferAborted("left")
        if message["type"] == "http.response.zerocopysend":
            with io.FileIO(message["file"], closefd=False) as file:
                file.seek(message["offset"])
                piece = file.read(message["count"])
            assert len(piece) == message["count"], "what is sent is there"
        else:
            piece = message["body"]
        self.body += piece
        self.more.append(message["more_body"])
        self.largest = max(self.largest, len(piece))


@dataclass
class Growing:
    """Bytes that come in these steps; behind the last of them an error, if there is one."""

    path: Path
    steps: list[int]
    error: ArtifactdError | None = None
    size: int = len(DATA)
    asked: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.path.write_bytes(b"")
        self.descriptor = os.open(self.path, os.O_RDONLY)
        self._there = 0

    async def reach(self, position: int) -> int:
        self.asked.append(position)
        await asyncio.sleep(0)
        while self._there <= position:
            if not self.steps:
                assert self.error is not None
                raise self.error
            step = self.steps.pop(0)
            with self.path.open("ab") as file:
                file.write(DATA[self._there : step])
            self._there = step
        return self._there


def head(size: int | None = len(DATA), etag: str = "", **more: Any) -> Head:
    return Head(size, "application/octet-stream", etag, 1_700_000_000_000_000, **more)


def ask(
    source: Source,
    *lines: tuple[str, str],
    method: str = "GET",
    extensions: Any = SENDFILE,
    client: Client | None = None,
    of: Head | None = None,
) -> Client:
    client = client or Client()

    async def run() -> None:
        async with asyncio.timeout(20):
            client.served = await serve(
                Content(of or head(), source),
                method=method,
                request_headers=Headers(raw=[(name.encode(), value.encode()) for name, value in lines]),
                send=client.send,
                extensions=extensions,
                body_cache=BodyCache(),
            )

    asyncio.run(run())
    return client


def served(client: Client) -> Served:
    assert client.served is not None
    return client.served


@BOTH
@pytest.mark.parametrize("steps", [[len(DATA)], [1, 2, 70_000, len(DATA)], [len(DATA) - 1, len(DATA)]])
def test_bytes_go_out_as_they_come(tmp_path: Path, extensions: Any, steps: list[int]) -> None:
    growing = Growing(tmp_path / "part", list(steps))
    client = ask(GrowingSource(growing), extensions=extensions)
    assert (client.status, client.body) == (200, DATA)
    assert client.headers["content-length"] == str(len(DATA))
    assert client.headers["accept-ranges"] == "bytes"
    assert client.more == [True] * (len(client.more) - 1) + [False]
    assert (served(client).bytes_sent, served(client).complete, served(client).body) == (
        len(DATA), True, None,
    )  # fmt: skip
    assert growing.asked == [0, *steps[:-1]], "it waits only for what is not there"
    if not extensions:
        assert client.largest <= PIECE


@BOTH
@pytest.mark.parametrize(
    ("wanted", "start", "end"),
    [
        ("0-9", 0, 10),
        ("500000-500009", 500_000, 500_010),
        ("1048570-", 1_048_570, len(DATA)),
        ("-5", len(DATA) - 5, len(DATA)),
        ("1000000-99999999", 1_000_000, len(DATA)),
    ],
)
def test_a_range_waits_for_its_own_bytes(
    tmp_path: Path, extensions: Any, wanted: str, start: int, end: int
) -> None:
    # proxy R147
    growing = Growing(tmp_path / "part", [400_000, 900_000, len(DATA)])
    client = ask(GrowingSource(growing), ("range", f"bytes={wanted}"), extensions=extensions)
    assert (client.status, client.body) == (206, DATA[start:end])
    assert client.headers["content-range"] == f"bytes {start}-{end - 1}/{len(DATA)}"
    assert client.headers["content-length"] == str(end - start)
    assert growing.asked[0] == start
    assert bool(growing.steps) == (end < 900_000), "it waits for no more"


def test_a_range_behind_its_end_is_not_waited_for(tmp_path: Path) -> None:
    growing = Growing(tmp_path / "part", [])
    client = ask(GrowingSource(growing), ("range", f"bytes={len(DATA)}-"))
    assert (client.status, client.headers["content-range"]) == (416, f"bytes */{len(DATA)}")
    assert growing.asked == []


def test_a_head_waits_for_nothing(tmp_path: Path) -> None:
    growing = Growing(tmp_path / "part", [])
    client = ask(GrowingSource(growing), method="HEAD")
    assert (client.status, client.body) == (200, b"")
    assert client.headers["content-length"] == str(len(DATA))
    assert growing.asked == []


# Failures


@BOTH
@pytest.mark.parametrize("error", [BROKEN, UpstreamInvalid("other bytes")])
def test_before_the_first_byte_a_failure_is_an_error(
    tmp_path: Path, extensions: Any, error: ArtifactdError
) -> None:
    # proxy R64
    client = Client()
    with pytest.raises(type(error)):
        ask(GrowingSource(Growing(tmp_path / "part", [], error)), extensions=extensions, client=client)
    assert (client.status, client.more) == (0, [])


@BOTH
def test_a_range_whose_bytes_do_not_come_is_an_error_too(tmp_path: Path, extensions: Any) -> None:
    client = Client()
    growing = Growing(tmp_path / "part", [500_000], BROKEN)
    with pytest.raises(UpstreamUnavailable):
        ask(GrowingSource(growing), ("range", "bytes=-5"), extensions=extensions, client=client)
    assert client.status == 0


@BOTH
def test_behind_it_the_answer_breaks_off(
    tmp_path: Path, extensions: Any, caplog: pytest.LogCaptureFixture
) -> None:
    # proxy R11
    growing = Growing(tmp_path / "part", [1000, 500_000], BROKEN)
    client = ask(GrowingSource(growing), extensions=extensions)
    assert client.status == 200
    assert client.body == DATA[:500_000]
    assert all(client.more), "the last byte never goes out"
    assert (served(client).bytes_sent, served(client).complete) == (500_000, False)
    assert "breaks off after 500000 bytes" in caplog.text


@BOTH
def test_a_client_that_leaves_is_told_in_the_result(tmp_path: Path, extensions: Any) -> None:
    growing = Growing(tmp_path / "part", [1000, 500_000, len(DATA)])
    client = ask(GrowingSource(growing), extensions=extensions, client=Client(leaves_after=1000))
    assert (served(client).bytes_sent, served(client).complete) == (1000, False)
    assert growing.steps == [len(DATA)], "nobody waits for the rest on its behalf"


# What is known of it


def test_an_etag_that_is_not_known_is_not_sent(tmp_path: Path) -> None:
    source = GrowingSource(Growing(tmp_path / "part", [len(DATA)]))
    client = ask(source)
    assert "etag" not in client.headers
    assert client.headers["last-modified"] == "Tue, 14 Nov 2023 22:13:20 GMT"
    known = ask(GrowingSource(Growing(tmp_path / "part2", [len(DATA)])), of=head(etag="sha256:abc"))
    assert known.headers["etag"] == '"sha256:abc"'


@pytest.mark.parametrize(
    "line",
    [
        ("if-none-match", '"sha256:abc"'),
        ("if-none-match", "*"),
        ("if-modified-since", "Fri, 01 Jan 2100 00:00:00 GMT"),
    ],
)
def test_no_condition_holds_for_what_is_not_known(tmp_path: Path, line: tuple[str, str]) -> None:
    client = ask(GrowingSource(Growing(tmp_path / "part", [len(DATA)])), line)
    assert (client.status, client.body) == (200, DATA)


def test_what_is_known_by_its_digest_is_compared_before_it_comes(tmp_path: Path) -> None:
    growing = Growing(tmp_path / "part", [])
    known = head(etag="sha256:abc", immutable=True)
    client = ask(GrowingSource(growing), ("if-none-match", '"sha256:abc"'), of=known)
    assert (client.status, client.body) == (304, b"")
    assert growing.asked == []
    with pytest.raises(PreconditionFailed):
        ask(GrowingSource(growing), ("if-match", '"sha256:def"'), of=known)


def test_a_range_of_another_document_is_answered_by_the_whole(tmp_path: Path) -> None:
    lines = [("range", "bytes=0-9"), ("if-range", '"sha256:abc"')]
    unknown = ask(GrowingSource(Growing(tmp_path / "part", [len(DATA)])), *lines)
    assert (unknown.status, len(unknown.body)) == (200, len(DATA))
    known = ask(GrowingSource(Growing(tmp_path / "part2", [len(DATA)])), *lines, of=head(etag="sha256:abc"))
    assert (known.status, known.body) == (206, DATA[:10])


# Parts, and what nobody reads


def test_a_part_says_what_it_is_a_part_of() -> None:
    # proxy R70
    client = ask(PartSource(DATA[5:15], 5), ("range", "bytes=5-14"))
    assert (client.status, client.body) == (206, DATA[5:15])
    assert client.headers["content-range"] == f"bytes 5-14/{len(DATA)}"
    assert client.headers["content-length"] == "10"
    assert "etag" not in client.headers
    assert served(client).body is None, "it is nothing to be remembered"
    assert served(client).bytes_sent == 10


@pytest.mark.parametrize(("size", "length"), [(7, "7"), (0, "0"), (None, None)])
def test_what_nobody_reads_is_told_by_its_facts(size: int | None, length: str | None) -> None:
    # proxy R71
    client = ask(UnreadSource(), method="HEAD", of=head(size))
    assert (client.status, client.body) == (200, b"")
    assert client.headers.get("content-length") == length
    assert client.headers["content-type"] == "application/octet-stream"
    assert "etag" not in client.headers


# On the wire


class Mood:
    """An application that serves one fill, and tells of errors as the gateway does."""

    def __init__(self, running: Running, path: Path) -> None:
        path.write_bytes(b"")
        self.path = path
        self.running = running
        self.growing: LocalGrowing | None = None
        self.ends: list[Served | str] = []
        running.in_loop(self._make)
        running.toy._grow = self  # type: ignore[attr-defined]

    def _make(self) -> None:
        self.growing = LocalGrowing(str(self.path), len(DATA))

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        assert self.growing is not None
        try:
            self.ends.append(
                await serve(
                    Content(head(), GrowingSource(self.growing)),
                    method=scope["method"],
                    request_headers=Headers(scope=scope),
                    send=send,
                    extensions=scope.get("extensions") or {},
                    body_cache=BodyCache(),
                )
            )
        except ArtifactdError as error:
            self.ends.append(str(error))
            body = str(error).encode()
            headers = [(b"content-length", str(len(body)).encode())]
            await send({"type": "http.response.start", "status": 503, "headers": headers})
            await send({"type": "http.response.body", "body": body})

    def write(self, end: int) -> None:
        """Have more of the file, and tell those who follow."""
        start = self.path.stat().st_size
        with self.path.open("ab") as file:
            file.write(DATA[start:end])
        assert self.growing is not None
        growing = self.growing
        self.running.in_loop(lambda: growing.advance(end))

    def finish(self) -> None:
        self.write(len(DATA))
        assert self.growing is not None
        self.running.in_loop(self.growing.finish)

    def fail(self) -> None:
        assert self.growing is not None
        growing = self.growing
        self.running.in_loop(lambda: growing.fail(BROKEN))


REQUEST = b"GET /grow HTTP/1.1\r\nHost: a\r\n\r\n"


@pytest.fixture
def mood(running: Running, tmp_path: Path) -> Mood:
    return Mood(running, tmp_path / "blob.part")


def test_a_client_follows_a_fill_to_its_end(running: Running, mood: Mood) -> None:
    with running.connect() as wire:
        wire.send(REQUEST)
        mood.write(100_000)
        assert "200" in wire.head().split("\r\n")[0]
        assert wire.exactly(100_000) == DATA[:100_000]
        mood.write(len(DATA))
        end = len(DATA) - HELD_BACK
        assert wire.exactly(end - 100_000) == DATA[100_000:end]
        wire.raw.settimeout(0.1)
        with pytest.raises(TimeoutError):
            wire.exactly(1)
        wire.raw.settimeout(20)
        mood.finish()
        assert wire.exactly(HELD_BACK) == DATA[end:]
        wire.send(REQUEST)
        assert wire.response().body == DATA, "the connection can be used again"


def test_many_clients_follow_one_fill(running: Running, mood: Mood) -> None:
    wires = [running.connect() for _ in range(8)]
    try:
        for wire in wires:
            wire.send(REQUEST)
        for end in range(100_000, len(DATA), 250_000):
            mood.write(end)
        mood.finish()
        for wire in wires:
            assert wire.response().body == DATA
    finally:
        for wire in wires:
            wire.raw.close()


def test_a_failure_before_the_first_byte_is_an_answer(running: Running, mood: Mood) -> None:
    with running.connect() as wire:
        wire.send(REQUEST)
        mood.write(0)
        mood.fail()
        answer = wire.response()
        assert (answer.status, answer.body) == (503, str(BROKEN).encode())


def test_a_failure_behind_it_ends_the_connection(running: Running, mood: Mood) -> None:
    # proxy R11: no client may take what it has for the whole
    with running.connect() as wire:
        wire.send(REQUEST)
        mood.write(len(DATA))
        head = wire.head()
        assert f"content-length: {len(DATA)}" in head.lower()
        assert wire.exactly(10) == DATA[:10]
        mood.fail()
        received = 10
        while data := _received(wire.raw):
            received += len(data)
        assert received <= len(DATA) - HELD_BACK
    (end,) = mood.ends
    assert isinstance(end, Served)
    assert not end.complete


def _received(raw: Any) -> bytes:
    try:
        data: bytes = raw.recv(1 << 20)
    except ConnectionResetError:
        return b""
    return data
