"""Blobs: GET, HEAD and ranges, on the wire (docker E)."""

import pytest

from tests.support.images import Registry, codes, digest_of, image

DATA = bytes(range(256)) * 8


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
@pytest.mark.parametrize("data", [DATA, b"", b"{}", bytes(200_000)], ids=["2048", "empty", "{}", "200000"])
def test_a_blob_comes_back_as_it_went_in(registry: Registry, data: bytes, algorithm: str) -> None:
    app = registry.of("e/blobs")  # docker R4, R80, R82
    digest = app.upload(data, algorithm)
    got, head = app.request("GET", f"blobs/{digest}"), app.request("HEAD", f"blobs/{digest}")
    assert (got.status, got.body) == (200, data)
    assert (head.status, head.body) == (200, b"")
    for answer in (got, head):
        assert answer.header("content-length") == str(len(data))
        assert answer.header("content-type") == "application/octet-stream"
        assert answer.header("docker-content-digest") == digest
        assert answer.header("etag") == f'"{digest}"'
        assert answer.header("accept-ranges") == "bytes"
        assert "immutable" in answer.header("cache-control")


@pytest.mark.parametrize(
    ("wanted", "status", "start", "end"),
    [
        ("bytes=500-1499", 206, 500, 1500),
        ("bytes=500-", 206, 500, 2048),
        ("bytes=-500", 206, 1548, 2048),
        ("bytes=2000-5000", 206, 2000, 2048),
        ("bytes=0-0", 206, 0, 1),
        ("bytes=500-0", 416, 0, 0),
        ("bytes=5000-10000", 416, 0, 0),
        ("bytes=2048-", 416, 0, 0),
    ],
)
def test_a_part_of_a_blob(registry: Registry, wanted: str, status: int, start: int, end: int) -> None:
    app = registry.of("e/ranges")  # docker R81
    digest = app.upload(DATA)
    answer = app.request("GET", f"blobs/{digest}", headers={"Range": wanted})
    assert answer.status == status
    if status == 206:
        assert answer.body == DATA[start:end]
        assert answer.header("content-range") == f"bytes {start}-{end - 1}/2048"
        assert answer.header("content-length") == str(end - start)
    else:
        assert answer.header("content-range") == "bytes */2048"


def test_a_resumed_download_is_told_when_its_bytes_changed(registry: Registry) -> None:  # docker R84
    app = registry.of("e/resume")
    digest = app.upload(DATA)
    for validator, status in ((f'"{digest}"', 206), ('"sha256:0"', 200)):
        headers = {"Range": "bytes=2000-", "If-Range": validator}
        assert app.request("GET", f"blobs/{digest}", headers=headers).status == status


@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE"])
@pytest.mark.parametrize(
    ("digest", "status", "code"),
    [
        (digest_of(b"nothing"), 404, "BLOB_UNKNOWN"),
        (digest_of(b"nothing", "sha512"), 404, "BLOB_UNKNOWN"),
        ("sha256:0", 400, "DIGEST_INVALID"),
        ("sha256:" + "A" * 64, 400, "DIGEST_INVALID"),
        ("blake3:" + "0" * 64, 400, "DIGEST_INVALID"),
        ("nothing", 400, "DIGEST_INVALID"),
    ],
)
def test_what_is_no_blob(registry: Registry, method: str, digest: str, status: int, code: str) -> None:
    answer = registry.of("e/none").request(method, f"blobs/{digest}")  # docker R3, R85
    assert answer.status == status
    assert answer.body == b"" if method == "HEAD" else codes(answer) == [code]


def test_a_manifest_can_be_fetched_as_a_blob_but_is_none(registry: Registry) -> None:  # docker R48
    app, built = registry.of("e/manifest"), image("as a blob")
    digest = app.push(built, "1")
    assert app.request("GET", f"blobs/{digest}").body == built.body
    assert app.request("HEAD", f"blobs/{digest}").status == 404


def test_the_other_algorithm_is_another_blob(registry: Registry) -> None:  # docker R4
    app = registry.of("e/algorithms")
    app.upload(b"known by sha512", "sha512")
    assert app.request("HEAD", f"blobs/{digest_of(b'known by sha512')}").status == 404
