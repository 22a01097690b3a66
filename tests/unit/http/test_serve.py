"""From Content to a response, without a network."""

import asyncio
import io
from collections.abc import MutableMapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from starlette.datastructures import Headers

from artifactd.blobs.filesystem import FilesystemBlobStore
from artifactd.blobs.memory import MemoryBlobStore
from artifactd.errors import BlobNotFound, PreconditionFailed, StorageFailure
from artifactd.http.bodies import BodyCache
from artifactd.http.sendfile import TransferAborted
from artifactd.http.serve import SMALL, Served, send_rendered, serve
from artifactd.repositories.content import Content, Head, InlineSource, Rendered, StoredSource, represented
from artifactd.repositories.representation import PLAIN, Representation

ZEROCOPY = {"http.response.zerocopysend": {}}
DATA = bytes(range(256)) * 8192  # 2 MiB


@dataclass
class Client:
    """What a client would get."""

    served: Served | None = None
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    messages: list[str] = field(default_factory=list)
    leaves_after: int | None = None

    async def send(self, message: MutableMapping[str, Any]) -> None:
        self.messages.append(message["type"])
        if message["type"] == "http.response.start":
            self.status = message["status"]
            pairs = [(name.decode(), value.decode()) for name, value in message["headers"]]
            self.headers = dict(pairs)
            assert len(self.headers) == len(pairs)
            return
        if self.leaves_after is not None and len(self.body) >= self.leaves_after:
            raise TransferAborted("left")
        if message["type"] == "http.response.zerocopysend":
            with io.FileIO(message["file"], closefd=False) as file:
                file.seek(message["offset"])
                self.body += file.read(message["count"])
        else:
            self.body += message["body"]


def ask(
    content: Content,
    *lines: tuple[str, str],
    method: str = "GET",
    extensions: Any = ZEROCOPY,
    bodies: BodyCache | None = None,
    client: Client | None = None,
) -> Client:
    client = client or Client()

    async def run() -> None:
        client.served = await serve(
            content,
            method=method,
            request_headers=Headers(raw=[(name.encode(), value.encode()) for name, value in lines]),
            send=client.send,
            extensions=extensions,
            body_cache=bodies if bodies is not None else BodyCache(),
        )

    asyncio.run(run())
    return client


def head(size: int | None, **more: Any) -> Head:
    return Head(
        size, "application/vnd.oci.image.manifest.v1+json", "sha256:abc", 1_700_000_000_000_000, **more
    )


@pytest.fixture(params=["files", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    return FilesystemBlobStore(tmp_path, sync=False) if request.param == "files" else MemoryBlobStore()


def stored(store: Any, data: bytes, **more: Any) -> Content:
    writer = store.create()
    writer.write(data)
    return Content(head(len(data), **more), StoredSource(store, writer.commit().location))


@pytest.mark.parametrize("data", [b"", b"small", DATA], ids=["empty", "small", "large"])
@pytest.mark.parametrize("extensions", [ZEROCOPY, {}], ids=["sendfile", "pieces"])
def test_a_document_arrives_with_its_headers(store: Any, data: bytes, extensions: Any) -> None:
    # docker R40, R80, R82
    content = stored(store, data).with_headers(("Docker-Content-Digest", "sha256:abc"))
    client = ask(content, ("accept-encoding", "gzip"), extensions=extensions)
    assert (client.status, client.body) == (200, data)
    assert client.headers == {
        "content-type": "application/vnd.oci.image.manifest.v1+json",
        "content-length": str(len(data)),
        "etag": '"sha256:abc"',
        "last-modified": "Tue, 14 Nov 2023 22:13:20 GMT",
        "accept-ranges": "bytes",
        "cache-control": "no-cache",
        "docker-content-digest": "sha256:abc",
        "x-content-type-options": "nosniff",
    }
    assert client.served is not None
    assert (client.served.bytes_sent, client.served.complete) == (len(data), True)
    assert client.served.body == (data if len(data) <= SMALL else None)


def test_a_head_has_the_same_headers_and_no_body(store: Any) -> None:
    content = stored(store, DATA)
    asked, got = ask(content, method="HEAD"), ask(content)
    assert (asked.status, asked.body, asked.headers) == (200, b"", got.headers)


def test_a_small_document_is_one_piece_and_read_once(tmp_path: Path) -> None:
    files = FilesystemBlobStore(tmp_path, sync=False)
    content = stored(files, b"small")
    bodies = BodyCache()
    first = ask(content, bodies=bodies)
    assert isinstance(content.source, StoredSource)
    files.delete(content.source.location)
    second = ask(content, bodies=bodies)
    assert first.messages == second.messages == ["http.response.start", "http.response.body"]
    assert first.served is not None
    assert second.served is not None
    assert first.served.body is second.served.body


@pytest.mark.parametrize("extensions", [ZEROCOPY, {}], ids=["sendfile", "pieces"])
@pytest.mark.parametrize("size", [1000, 2 << 20])
@pytest.mark.parametrize(
    ("wanted", "start", "length"),
    [("0-9", 0, 10), ("990-", 990, None), ("-7", -7, 7), ("5-99999999", 5, None)],
)
def test_a_range_is_a_206(
    store: Any, extensions: Any, size: int, wanted: str, start: int, length: int | None
) -> None:  # docker R81
    data = DATA[:size]
    first = start % size
    expected = data[first:] if length is None else data[first : first + length]
    client = ask(stored(store, data), ("range", f"bytes={wanted}"), extensions=extensions)
    assert (client.status, client.body) == (206, expected)
    assert client.headers["content-length"] == str(len(expected))
    assert client.headers["content-range"] == f"bytes {first}-{first + len(expected) - 1}/{size}"


@pytest.mark.parametrize(("size", "wanted"), [(1000, "500-0"), (1000, "1000-"), (0, "0-"), (1000, "-0")])
def test_a_range_that_selects_nothing_is_a_416(
    store: Any, size: int, wanted: str
) -> None:  # docker R81, R82
    client = ask(stored(store, DATA[:size]), ("range", f"bytes={wanted}"))
    assert (client.status, client.body) == (416, b"")
    assert client.headers["content-range"] == f"bytes */{size}"
    assert client.headers["content-length"] == "0"


@pytest.mark.parametrize("wanted", ["0-1", "0-1,3-4"])
def test_ranges_of_a_head_are_ignored(store: Any, wanted: str) -> None:
    asked = ask(stored(store, b"0123456789"), ("range", f"bytes={wanted}"), method="HEAD")
    assert (asked.status, asked.headers["content-length"]) == (200, "10")


def test_a_range_of_another_document_is_answered_by_the_whole(store: Any) -> None:  # docker R84
    content = stored(store, b"0123456789")
    assert ask(content, ("range", "bytes=5-"), ("if-range", '"sha256:abc"')).body == b"56789"
    assert ask(content, ("range", "bytes=5-"), ("if-range", '"sha256:def"')).body == b"0123456789"


def test_a_client_that_has_the_document_gets_a_304_without_its_length(store: Any) -> None:  # docker R46
    client = ask(stored(store, b"manifest"), ("if-none-match", "sha256:abc"), ("range", "bytes=0-1"))
    assert (client.status, client.body) == (304, b"")
    assert client.headers["etag"] == '"sha256:abc"'
    assert not {"content-length", "content-type", "content-range"} & client.headers.keys()


def test_immutable_documents_may_be_kept_by_the_client(store: Any) -> None:  # docker R49
    client = ask(stored(store, b"x", immutable=True))
    assert client.headers["cache-control"] == "private, max-age=31536000, immutable"


def test_a_formats_headers_replace_ours() -> None:
    content = Content(head(None), InlineSource(b"page"), headers=(("Cache-Control", "max-age=600"),))
    assert ask(content).headers["cache-control"] == "max-age=600"


def test_an_uploaded_page_cannot_act_on_our_origin(store: Any) -> None:
    content = Content(Head(4, "text/html; charset=utf-8", "e", 0), InlineSource(b"page"))
    assert ask(content).headers["content-security-policy"] == "sandbox"
    assert ask(content).headers["content-type"] == "text/html; charset=utf-8"


@pytest.mark.parametrize("size", [5, 2 << 20])
@pytest.mark.parametrize("extensions", [ZEROCOPY, {}], ids=["sendfile", "pieces"])
def test_absent_bytes_are_an_error_before_anything_is_sent(store: Any, size: int, extensions: Any) -> None:
    content = stored(store, DATA[:size])
    assert isinstance(content.source, StoredSource)
    store.delete(content.source.location)
    client = Client()
    with pytest.raises(BlobNotFound):
        ask(content, extensions=extensions, client=client)
    assert client.messages == []


@pytest.mark.parametrize("size", [5, 2 << 20])
def test_a_damaged_file_is_an_error_before_anything_is_sent(tmp_path: Path, size: int) -> None:
    files = FilesystemBlobStore(tmp_path, sync=False)
    content = stored(files, DATA[:size])
    assert isinstance(content.source, StoredSource)
    Path(files.path(content.source.location)).write_bytes(b"less")
    client = Client()
    with pytest.raises(StorageFailure):
        ask(content, client=client)
    assert client.messages == []


def test_a_precondition_that_fails_is_an_error(store: Any) -> None:
    with pytest.raises(PreconditionFailed):
        ask(stored(store, b"x"), ("if-match", '"sha256:def"'))


def test_an_unknown_size_is_asked_of_the_store(store: Any) -> None:
    content = stored(store, DATA)
    unknown = Content(head(None), content.source)
    assert ask(unknown).headers["content-length"] == str(len(DATA))


@pytest.mark.parametrize("extensions", [ZEROCOPY, {}], ids=["sendfile", "pieces"])
def test_a_client_that_leaves_is_told_in_the_result(store: Any, extensions: Any) -> None:
    client = ask(stored(store, DATA), extensions=extensions, client=Client(leaves_after=0))
    assert client.served is not None
    assert not client.served.complete


@pytest.mark.parametrize(
    ("method", "status", "body", "length"),
    [("GET", 201, b"made", "4"), ("HEAD", 404, b"", "4"), ("GET", 204, b"", None)],
)
def test_a_rendered_answer_goes_out_as_it_is(
    method: str, status: int, body: bytes, length: str | None
) -> None:
    client = Client()
    rendered = Rendered(status, [("Location", "/v2/")], b"" if status == 204 else b"made")
    served = asyncio.run(send_rendered(rendered, method=method, send=client.send))
    assert (client.status, client.body, client.headers.get("content-length")) == (status, body, length)
    assert client.headers["x-content-type-options"] == "nosniff"
    assert served.body == body


def test_the_body_cache_is_bounded_and_forgets_the_least_used() -> None:
    bodies = BodyCache(100)
    bodies.put("a", b"a" * 40)
    bodies.put("b", b"b" * 40)
    assert bodies.get("a")
    bodies.put("c", b"c" * 40)
    assert bodies.get("b") is None
    assert bodies.get("a") == b"a" * 40
    bodies.put("a", b"")
    assert bodies.size == 40


def test_a_blob_that_ends_early_is_told_in_the_result_and_the_log(caplog: pytest.LogCaptureFixture) -> None:
    memory = MemoryBlobStore()
    content = stored(memory, DATA)
    longer = Content(head(len(DATA) + 5), content.source)
    client = ask(longer)
    assert client.served is not None
    assert (client.served.complete, client.served.bytes_sent) == (False, len(DATA))
    assert "ends 5 bytes early" in caplog.text


PAGE = Representation("text/plain", b"a page " * 1000)


@pytest.mark.parametrize(
    ("accepted", "coding"), [("", None), ("gzip", "gzip"), ("gzip, zstd", "zstd"), ("identity", None)]
)
def test_a_representation_goes_out_in_the_coding_its_client_likes(
    accepted: str, coding: str | None
) -> None:
    # pypi R33, R171
    content = represented(PAGE, 1_700_000_000_000_000, None, ("Vary", "Accept"))
    lines = [("accept-encoding", accepted)] if accepted else []
    coded = PAGE.coded(coding or PLAIN)
    for method in ("GET", "HEAD"):
        client = ask(content, *lines, method=method)
        assert (client.status, client.body) == (200, coded.body if method == "GET" else b"")
        assert client.headers["content-length"] == str(len(coded.body))
        assert client.headers.get("content-encoding") == coding
        assert client.headers["vary"] == "Accept, Accept-Encoding"
        assert client.headers["etag"] == f'"{coded.etag}"'
    assert ask(content, *lines, ("range", "bytes=0-3")).status == 200


def test_a_client_that_has_a_representation_in_its_coding_is_told_so() -> None:
    content = represented(PAGE, 1_700_000_000_000_000, None, ("Vary", "Accept"))
    zipped, plain = (f'"{PAGE.coded(coding).etag}"' for coding in ("gzip", PLAIN))
    known = ask(content, ("accept-encoding", "gzip"), ("if-none-match", zipped))
    assert (known.status, known.body, known.headers["etag"]) == (304, b"", zipped)
    assert known.headers["vary"] == "Accept, Accept-Encoding"
    assert "content-encoding" not in known.headers
    assert ask(content, ("accept-encoding", "gzip"), ("if-none-match", plain)).status == 200
    assert ask(content, ("if-none-match", plain)).status == 304
