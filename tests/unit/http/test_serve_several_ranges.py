"""Several ranges in one answer: RFC 9110, section 14.6 (rpm R66, K11; proxy R34)."""

import random
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from artifactd.blobs.filesystem import FilesystemBlobStore
from artifactd.blobs.memory import MemoryBlobStore
from artifactd.errors import BlobNotFound
from artifactd.http.multipart_ranges import body_of, filled, length_of
from artifactd.http.ranges import MOST, Range
from artifactd.http.serve import GATHERED, PIECE, SMALL
from artifactd.repositories.content import Content, GrowingSource, InlineSource, StoredSource
from artifactd.upstream.growing import LocalGrowing
from tests.support.programs import Program, installed
from tests.unit.http.conftest import Running
from tests.unit.http.test_serve import ZEROCOPY, Client, ask, head, stored

DATA = random.Random("several ranges").randbytes(2 << 20)
TYPE = "application/vnd.oci.image.manifest.v1+json"

Part = tuple[int, int, int, bytes]
"""First and last position, size of the document, bytes."""


def parts_of(media_type: str, body: bytes, content_type: str = TYPE) -> Iterator[Part]:
    """What a strict reader finds: every line ends with CRLF, every part is as long as it says."""
    boundary = re.fullmatch(r"multipart/byteranges; boundary=([0-9a-f]{1,70})", media_type)
    assert boundary, media_type
    delimiter = b"\r\n--" + boundary[1].encode()
    start = delimiter + b"\r\nContent-Type: " + re.escape(content_type.encode()) + b"\r\n"
    start += rb"Content-Range: bytes (\d+)-(\d+)/(\d+)\r\n\r\n"
    at = 0
    while found := re.compile(start).match(body, at):
        first, last, size = map(int, found.groups())
        at = found.end() + last - first + 1
        yield first, last, size, body[found.end() : at]
    assert body[at:] == delimiter + b"--\r\n"


def parts(client: Client) -> list[Part]:
    assert client.status == 206
    assert client.headers["content-length"] == str(len(client.body))
    assert "content-range" not in client.headers
    return list(parts_of(client.headers["content-type"], client.body))


def slices(data: bytes, *spans: tuple[int, int]) -> list[Part]:
    return [(first, last, len(data), data[first : last + 1]) for first, last in spans]


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, bytes], Content]:
    """Documents, by where they are kept."""
    files = FilesystemBlobStore(tmp_path_factory.mktemp("blobs"), sync=False)
    stores = {"file": files, "memory": MemoryBlobStore()}

    def keep(where: str, data: bytes) -> Content:
        if where == "inline":
            return Content(head(len(data)), InlineSource(data))
        return stored(stores[where], data)

    return keep


@pytest.fixture(scope="module")
def documents(shelf: Callable[[str, bytes], Content]) -> list[tuple[bytes, Content, Any]]:
    """A document of each size, wherever it may be, and what the connection offers."""
    return [
        (data, shelf(where, data), extensions)
        for data in (DATA[:1000], DATA)
        for where, extensions in (("inline", {}), ("file", ZEROCOPY), ("file", {}), ("memory", {}))
    ]


def test_several_ranges_are_parts_of_one_answer(documents: list[tuple[bytes, Content, Any]]) -> None:
    # rpm K11
    for data, content, extensions in documents:
        client = ask(content, ("range", "bytes=0-3,10-13,-5"), extensions=extensions)
        assert parts(client) == slices(data, (0, 3), (10, 13), (len(data) - 5, len(data) - 1))
        whole = ask(content, extensions=extensions)
        for name in ("etag", "last-modified", "accept-ranges", "cache-control", "x-content-type-options"):
            assert client.headers[name] == whole.headers[name]
        assert client.served is not None
        assert (client.served.bytes_sent, client.served.body) == (len(client.body), None)
        assert client.served.complete


@given(st.data())
def test_parts_are_the_bytes_that_were_asked_for(
    documents: list[tuple[bytes, Content, Any]], data: st.DataObject
) -> None:
    document, content, extensions = data.draw(st.sampled_from(documents))
    cuts = data.draw(st.sets(st.integers(0, len(document) - 1), min_size=4, max_size=12))
    ordered = sorted(cuts)
    spans = [(first, last - 1) for first, last in zip(ordered[::2], ordered[1::2], strict=False)]
    spans = data.draw(st.permutations(spans))
    client = ask(
        content,
        ("range", "bytes=" + ",".join(f"{first}-{last}" for first, last in spans)),
        extensions=extensions,
    )
    if "content-range" in client.headers:  # all of them touch
        first, last = min(spans)[0], max(spans)[1]
        assert (client.status, client.body) == (206, document[first : last + 1])
        return
    found = parts(client)
    assert all(bytes_ == document[first : last + 1] for first, last, _, bytes_ in found)
    assert {size for _, _, size, _ in found} == {len(document)}
    of_each = [
        next(n for n, part in enumerate(found) if part[0] <= first and last <= part[1])
        for first, last in spans
    ]
    assert of_each == sorted(of_each)
    assert sum(len(bytes_) for *_, bytes_ in found) == sum(last - first + 1 for first, last in spans)


@pytest.mark.parametrize("count", [127, MOST])
def test_clients_of_chunked_files_get_all_their_ranges(
    documents: list[tuple[bytes, Content, Any]], count: int
) -> None:
    # rpm R66
    spans = [(2000 * n, 2000 * n + n % 9) for n in range(count)]
    wanted = "bytes=" + ",".join(f"{first}-{last}" for first, last in spans)
    for data, content, extensions in documents[4:]:
        assert parts(ask(content, ("range", wanted), extensions=extensions)) == slices(data, *spans)


def test_small_parts_of_a_file_share_writes_and_large_ones_bypass_them(
    shelf: Callable[[str, bytes], Content],
) -> None:
    small = ",".join(f"{n * 100}-{n * 100 + 49}" for n in range(100))
    client = ask(shelf("file", DATA), ("range", f"bytes={small},100000-399999,500000-500009"))
    kinds = [message.rpartition(".")[2] for message in client.messages]
    assert kinds == ["start", "body", "zerocopysend", "body"]
    assert len(parts(client)) == 102


@pytest.mark.parametrize(("where", "extensions"), [("file", ZEROCOPY), ("file", {}), ("memory", {})])
def test_memory_does_not_grow_with_what_is_asked_for(
    shelf: Callable[[str, bytes], Content], where: str, extensions: Any
) -> None:
    largest = 0

    class Watching(Client):
        async def send(self, message: Any) -> None:
            nonlocal largest
            largest = max(largest, len(message.get("body", b"")))
            await super().send(message)

    step = len(DATA) // 128
    spans = [*((step * n, step * n + GATHERED - 400) for n in range(90)), (step * 90, len(DATA) - 2)]
    wanted = "bytes=" + ",".join(f"{first}-{last}" for first, last in spans)
    client = ask(shelf(where, DATA), ("range", wanted), extensions=extensions, client=Watching())
    assert parts(client) == slices(DATA, *spans)
    assert largest <= (SMALL + GATHERED if extensions else SMALL + PIECE)


def test_what_selects_nothing_is_dropped_and_one_that_is_left_is_no_part(
    documents: list[tuple[bytes, Content, Any]],
) -> None:
    for data, content, extensions in documents:
        past = f"{len(data)}-"
        client = ask(content, ("range", f"bytes={past},2-5,9-8"), extensions=extensions)
        assert (client.status, client.body) == (206, data[2:6])
        assert client.headers["content-range"] == f"bytes 2-5/{len(data)}"
        assert client.headers["content-type"] == TYPE
        none = ask(content, ("range", f"bytes={past},{past}"), extensions=extensions)
        assert (none.status, none.headers["content-range"]) == (416, f"bytes */{len(data)}")


@pytest.mark.parametrize("wanted", ["0-,0-,0-", "0-9,20-29,5-14", "0-1,a-b"])
def test_what_no_client_needs_is_answered_by_the_whole(
    documents: list[tuple[bytes, Content, Any]], wanted: str
) -> None:
    # proxy R34
    for data, content, extensions in documents:
        client = ask(content, ("range", f"bytes={wanted}"), extensions=extensions)
        assert (client.status, client.body) == (200, data)


def test_conditions_hold_for_several_ranges_as_for_one(shelf: Callable[[str, bytes], Content]) -> None:
    # proxy R35
    content = shelf("file", DATA[:1000])
    several = ("range", "bytes=0-1,5-6")
    assert len(parts(ask(content, several, ("if-range", '"sha256:abc"')))) == 2
    assert ask(content, several, ("if-range", '"sha256:def"')).status == 200
    assert ask(content, several, ("if-none-match", '"sha256:abc"')).status == 304


def test_a_formats_type_is_that_of_every_part(shelf: Callable[[str, bytes], Content]) -> None:
    content = shelf("file", DATA[:1000]).with_headers(("Content-Type", "text/html"))
    client = ask(content, ("range", "bytes=0-1,5-6"))
    found = list(parts_of(client.headers["content-type"], client.body, "text/html"))
    assert [part[:2] for part in found] == [(0, 1), (5, 6)]


def test_the_lines_between_parts_are_never_the_same_twice(shelf: Callable[[str, bytes], Content]) -> None:
    # Whoever uploads a file must not know what will set its parts apart.
    content = shelf("file", DATA[:1000])
    types = {ask(content, ("range", "bytes=0-1,5-6")).headers["content-type"] for _ in range(3)}
    assert len(types) == 3


@pytest.mark.parametrize(
    ("wanted", "status", "length"),
    [("0-1,5-6", 200, 100_000), ("0-1,2-6", 206, 7), ("100000-,100001-", 416, 0)],
)
def test_of_bytes_on_their_way_several_ranges_get_all(
    tmp_path: Path, wanted: str, status: int, length: int
) -> None:
    (tmp_path / "fill").write_bytes(DATA[:100_000])
    growing = LocalGrowing(str(tmp_path / "fill"), 100_000)
    growing.finish()
    client = ask(Content(head(100_000), GrowingSource(growing)), ("range", f"bytes={wanted}"))
    assert (client.status, client.body) == (status, DATA[:length])
    assert client.headers["content-length"] == str(length)


@pytest.mark.parametrize("extensions", [ZEROCOPY, {}], ids=["sendfile", "pieces"])
@pytest.mark.parametrize("where", ["file", "memory"])
def test_absent_bytes_are_an_error_before_anything_is_sent(
    shelf: Callable[[str, bytes], Content], where: str, extensions: Any
) -> None:
    content = shelf(where, DATA)
    assert isinstance(content.source, StoredSource)
    content.source.store.delete(content.source.location)
    client = Client()
    with pytest.raises(BlobNotFound):
        ask(content, ("range", "bytes=0-1,50000-99999"), extensions=extensions, client=client)
    assert client.messages == []


@pytest.mark.parametrize("extensions", [ZEROCOPY, {}], ids=["sendfile", "pieces"])
@pytest.mark.parametrize("leaves_after", [0, 100])
def test_a_client_that_leaves_is_told_in_the_result(
    shelf: Callable[[str, bytes], Content], extensions: Any, leaves_after: int
) -> None:
    client = Client(leaves_after=leaves_after)
    ask(shelf("file", DATA), ("range", "bytes=0-1,9-99999,200000-"), extensions=extensions, client=client)
    assert client.served is not None
    assert (client.served.complete, client.served.bytes_sent) == (False, len(client.body))


def test_a_body_says_how_long_it_is_before_it_is_read() -> None:
    spans = [Range(0, 4), Range(10, 1), Range(999, 1)]
    body = body_of(spans, 1000, "text/plain", "between")
    assert length_of(body) == len(filled(body, DATA[:1000]))
    assert filled([Range(2, 3)], b"0123456789") == b"234"


# On the wire


def request(location: str, wanted: str) -> bytes:
    return f"GET /blob/{location} HTTP/1.1\r\nHost: x\r\nRange: bytes={wanted}\r\n\r\n".encode()


def test_a_connection_goes_on_after_several_ranges(running: Running) -> None:
    location = running.toy.keep(DATA)
    spans = [(1, 2), (100, 120_000), (200_000, 200_010), (300_000, 2_000_000)]
    with running.connect() as wire:
        for _ in range(2):
            wire.send(request(location, ",".join(f"{first}-{last}" for first, last in spans)))
            answer = wire.response()
            assert answer.status == 206
            media_type = answer.headers["content-type"]
            found = list(parts_of(media_type, answer.body, "application/octet-stream"))
            assert found == slices(DATA, *spans)


def test_curl_gets_its_ranges(ours: Running, tmp_path: Path) -> None:
    # rpm K11
    curl = Program(installed("curl"), ("--fail", "--silent", "--show-error", "--noproxy", "*"))
    for data, wanted, spans in (
        (DATA[:1000], "0-3,10-13", [(0, 3), (10, 13)]),
        (DATA, "0-3,10-13,100000-1999999", [(0, 3), (10, 13), (100_000, 1_999_999)]),
    ):
        url = f"http://127.0.0.1:{ours.port}/blob/{ours.toy.keep(data)}"
        media_type = curl("-r", wanted, "-o", tmp_path / "out", "-w", "%{content_type}", url)
        body = (tmp_path / "out").read_bytes()
        assert list(parts_of(media_type, body, "application/octet-stream")) == slices(data, *spans)
