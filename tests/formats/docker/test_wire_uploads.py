"""Uploads, on the wire (docker F): every form that clients use, and every way it goes wrong."""

import socket
import threading
import time
from collections.abc import Sequence

import pytest

from artifactd.auth.principal import Verb
from tests.support.images import Registry, codes, digest_of
from tests.support.server import ADMIN, Answer

A, B = bytes(range(200)) * 5, b"b" * 500
WHOLE = A + B


def chunk(registry: Registry, location: str, start: int, data: bytes, method: str = "PATCH") -> Answer:
    headers = {
        "Content-Range": f"{start}-{start + len(data) - 1}",
        "Content-Type": "application/octet-stream",
    }
    return registry.request(method, location, data, headers=headers)


def progress(answer: Answer) -> tuple[int, str]:
    return answer.status, answer.header("range")


def closed(registry: Registry, location: str, data: bytes, algorithm: str = "sha256") -> Answer:
    return registry.request("PUT", f"{location}?digest={digest_of(data, algorithm)}")


def assert_stored(registry: Registry, answer: Answer, data: bytes, algorithm: str = "sha256") -> None:
    digest = digest_of(data, algorithm)
    assert answer.status == 201, answer  # docker R103
    assert answer.header("docker-content-digest") == digest
    assert answer.header("location") == f"/v2/{registry.name}/blobs/{digest}"
    assert answer.header("content-length") == "0"
    head = registry.request("HEAD", f"blobs/{digest}")  # docker R119: at once
    assert (head.status, head.header("content-length")) == (200, str(len(data)))
    assert registry.request("GET", answer.header("location")).body == data


@pytest.mark.parametrize("path", ["blobs/uploads/", "blobs/uploads"])
def test_an_upload_begins(registry: Registry, path: str) -> None:  # docker R7, R100, R101
    answer = registry.request("POST", path)
    assert progress(answer) == (202, "0-0")
    upload = answer.header("docker-upload-uuid")
    assert answer.header("location") == f"/v2/{registry.name}/blobs/uploads/{upload}"
    assert answer.header("content-length") == "0"


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
class TestEveryForm:  # docker R4, R104, R113
    def test_post_alone(self, registry: Registry, algorithm: str) -> None:
        digest = digest_of(WHOLE, algorithm)
        answer = registry.request("POST", f"blobs/uploads/?digest={digest}", WHOLE)
        assert_stored(registry, answer, WHOLE, algorithm)

    def test_post_and_put(self, registry: Registry, algorithm: str) -> None:
        app = registry.of(f"f/post-put-{algorithm}")
        answer = app.request("PUT", f"{app.begin()}?digest={digest_of(WHOLE, algorithm)}", WHOLE)
        assert_stored(app, answer, WHOLE, algorithm)

    @pytest.mark.parametrize("body", [WHOLE, [A, B]], ids=["length", "chunked"])
    def test_stream(self, registry: Registry, algorithm: str, body: bytes | Sequence[bytes]) -> None:
        app = registry.of(f"f/stream-{algorithm}-{len(body)}")  # docker R105
        location = app.begin()
        answer = app.request("PATCH", location, body)
        assert progress(answer) == (202, "0-1499")  # docker R107
        assert_stored(app, closed(app, answer.header("location"), WHOLE, algorithm), WHOLE, algorithm)

    def test_chunks(self, registry: Registry, algorithm: str) -> None:
        app = registry.of(f"f/chunks-{algorithm}")
        first = chunk(app, app.begin(f"?digest-algorithm={algorithm}"), 0, A)
        assert progress(first) == (202, "0-999")
        second = chunk(app, first.header("location"), 1000, B)
        assert progress(second) == (202, "0-1499")
        assert_stored(app, closed(app, second.header("location"), WHOLE, algorithm), WHOLE, algorithm)

    def test_chunks_with_the_last_in_the_put(self, registry: Registry, algorithm: str) -> None:
        app = registry.of(f"f/last-{algorithm}")
        location = chunk(app, app.begin(), 0, A).header("location")
        answer = chunk(app, f"{location}?digest={digest_of(WHOLE, algorithm)}", 1000, B, "PUT")
        assert_stored(app, answer, WHOLE, algorithm)

    @pytest.mark.parametrize("size", [0, 1])
    def test_next_to_nothing(self, registry: Registry, algorithm: str, size: int) -> None:
        app = registry.of(f"f/tiny-{algorithm}-{size}")
        location = app.begin()
        answer = app.request("PATCH", location, b"x" * size)
        assert progress(answer) == (202, "0-0")  # docker R107
        assert_stored(app, closed(app, location, b"x" * size, algorithm), b"x" * size, algorithm)


def test_a_large_blob_is_uploaded_in_pieces_of_any_size(registry: Registry) -> None:
    app = registry.of("f/large")
    data = bytes(3_000_000) + A
    location = app.begin()
    assert app.request("PATCH", location, (data[at : at + 77_777] for at in range(0, 2_000_000, 77_777)))
    offset = int(app.request("GET", location).header("range").partition("-")[2]) + 1
    assert_stored(
        app, chunk(app, f"{location}?digest={digest_of(data)}", offset, data[offset:], "PUT"), data
    )


@pytest.mark.parametrize("range_header", ["bytes 1000-1499/*", "1000-1499", "bytes 1000-1499/1500"])
def test_content_range_may_be_written_as_elsewhere(registry: Registry, range_header: str) -> None:
    app = registry.of("f/range-forms")  # docker R106
    location = app.begin()
    app.request("PATCH", location, A)
    answer = app.request("PATCH", location, B, headers={"Content-Range": range_header})
    assert progress(answer) == (202, "0-1499")


@pytest.mark.parametrize(
    "range_header", ["1001-1500", "0-499", "999-1498", "1499-1000", "a-b", "", "bytes=1000-1499"]
)
@pytest.mark.parametrize("method", ["PATCH", "PUT"])
def test_a_chunk_that_does_not_fit_tells_where_to_go_on(
    registry: Registry, method: str, range_header: str
) -> None:  # docker R106, R109
    app = registry.of("f/out-of-order")
    location = app.begin()
    app.request("PATCH", location, A)
    path = f"{location}?digest={digest_of(WHOLE)}" if method == "PUT" else location
    answer = app.request(method, path, B, headers={"Content-Range": range_header})
    assert (answer.status, codes(answer)) == (416, ["RANGE_INVALID"])
    assert (answer.header("range"), answer.header("location")) == ("0-999", location)
    stale = app.request("GET", f"{path}{'&' if '?' in path else '?'}_state=old")
    assert (progress(stale), stale.header("location")) == ((204, "0-999"), location)  # docker R108
    assert_stored(app, chunk(app, f"{location}?digest={digest_of(WHOLE)}", 1000, B, "PUT"), WHOLE)


@pytest.mark.parametrize("announced", ["0-998", "0-1000"])
def test_a_chunk_of_another_length_than_announced_is_dropped(registry: Registry, announced: str) -> None:
    app = registry.of("f/length")  # docker R106
    location = app.begin()
    answer = app.request("PATCH", location, A, headers={"Content-Range": announced})
    assert (answer.status, codes(answer)) == (400, ["SIZE_INVALID"])
    assert progress(app.request("GET", location)) == (204, "0-0")
    assert progress(app.request("PATCH", location, A)) == (202, "0-999")


def test_a_wrong_digest_ends_the_upload_and_a_missing_one_does_not(
    registry: Registry,
) -> None:  # docker R112
    app = registry.of("f/digest")
    location = app.begin()
    app.request("PATCH", location, A)
    for query in ("", "?digest=", "?digest=sha256:0", "?digest=md5:" + "0" * 32):
        answer = app.request("PUT", location + query)
        assert (answer.status, codes(answer)) == (400, ["DIGEST_INVALID"])
    assert progress(app.request("GET", location)) == (204, "0-999")
    wrong = closed(app, location, B)
    assert (wrong.status, codes(wrong)) == (400, ["DIGEST_INVALID"])
    assert app.request("HEAD", f"blobs/{digest_of(A)}").status == 404
    gone = app.request("GET", location)
    assert (gone.status, codes(gone)) == (404, ["BLOB_UPLOAD_UNKNOWN"])


@pytest.mark.parametrize("way", ["post", "post+put", "patch+put", "chunk+put"])
def test_a_wrong_digest_stores_nothing(registry: Registry, way: str) -> None:  # docker C7
    app = registry.of("f/wrong")
    before = set(app.server.stored())
    wrong = f"digest={digest_of(b'wrong')}"
    if way == "post":
        answer = app.request("POST", f"blobs/uploads/?{wrong}", A)
    elif way == "post+put":
        answer = app.request("PUT", f"{app.begin()}?{wrong}", A)
    else:
        location = app.begin()
        if way == "patch+put":
            app.request("PATCH", location, A)
            answer = app.request("PUT", f"{location}?{wrong}")
        else:
            chunk(app, location, 0, A)
            answer = chunk(app, f"{location}?{wrong}", 1000, B, "PUT")
    assert (answer.status, codes(answer)) == (400, ["DIGEST_INVALID"])
    assert set(app.server.stored()) == before


def test_an_upload_can_be_cancelled(registry: Registry) -> None:  # docker R32, R110
    app = registry.of("f/cancel")
    before = set(app.server.stored())
    location = app.begin()
    app.request("PATCH", location, A)
    assert app.request("DELETE", location).status == 204
    assert set(app.server.stored()) == before
    for method in ("GET", "PATCH", "DELETE"):
        answer = app.request(method, location)
        assert (answer.status, codes(answer)) == (404, ["BLOB_UPLOAD_UNKNOWN"])


def test_an_upload_is_its_image_s_and_its_owner_s(registry: Registry) -> None:  # docker R111
    app = registry.of("f/mine")
    location = app.begin()
    upload = location.rpartition("/")[2]
    assert registry.of("f/other").request("GET", f"blobs/uploads/{upload}").status == 404
    other = registry.server.user((registry.repository, "**", [Verb.READ, Verb.WRITE]))
    for method in ("GET", "PATCH", "DELETE"):
        assert app.by(other).request(method, location).status == 404
    assert app.request("GET", "blobs/uploads/no-such-upload").status == 404
    assert app.request("GET", location).status == 204


def test_unknown_algorithms_are_refused(registry: Registry) -> None:  # docker R4
    answer = registry.request("POST", "blobs/uploads/?digest-algorithm=blake3")
    assert (answer.status, codes(answer)) == (400, ["DIGEST_INVALID"])


def test_the_same_blob_may_be_pushed_twice_at_once(registry: Registry) -> None:  # docker R116
    app = registry.of("f/twice")
    answers: list[int] = []

    def push() -> None:
        location = app.begin()
        app.request("PATCH", location, WHOLE + b"twice")
        answers.append(closed(app, location, WHOLE + b"twice").status)
        app.server.disconnect()

    threads = [threading.Thread(target=push) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [201] * 4
    sizes = [stored.size for stored in app.server.stored().values()]
    assert sizes.count(len(WHOLE + b"twice")) == 1


def test_two_chunks_at_once_do_not_mix(registry: Registry) -> None:  # docker R116
    app = registry.of("f/race")
    location = app.begin()
    answers: list[int] = []
    bodies = [bytes([letter]) * 700_000 for letter in b"abcd"]

    def send(data: bytes) -> None:
        answers.append(
            app.request("PATCH", location, data, headers={"Content-Range": f"0-{len(data) - 1}"}).status
        )
        app.server.disconnect()

    threads = [threading.Thread(target=send, args=(body,)) for body in bodies]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers.count(202) == 1
    assert set(answers) <= {202, 409, 416}
    assert progress(app.request("GET", location)) == (204, "0-699999")
    stored = [closed(app, location, body).status for body in bodies]
    assert stored.count(201) <= 1


def test_an_odd_content_type_is_no_matter(registry: Registry) -> None:  # docker R120
    app = registry.of("f/types")
    location = app.begin()
    for content_type in ("text/html", "garbage", "multipart/form-data"):
        answer = app.request("PATCH", location, b"x", headers={"Content-Type": content_type})
        assert answer.status == 202
    assert_stored(app, closed(app, location, b"xxx"), b"xxx")


@pytest.mark.parametrize(
    ("framing", "sent", "kept"),
    [
        ("Content-Length: 2000000", b"x" * 1_000_000, {0}),
        ("Content-Length: 2000000\r\nContent-Range: 0-1999999", b"x" * 1_000_000, {0}),
        ("Transfer-Encoding: chunked", b"f4240\r\n" + b"x" * 1_000_000 + b"\r\n", {0, 1_000_000}),
    ],
    ids=["length", "range", "chunked"],
)
def test_a_client_that_vanishes_goes_on_where_its_upload_stands(
    registry: Registry, framing: str, sent: bytes, kept: set[int]
) -> None:  # docker R115
    app = registry.of("f/vanished")
    location = app.begin()
    head = f"PATCH {location} HTTP/1.1\r\nHost: x\r\nAuthorization: {ADMIN.header}\r\n{framing}\r\n\r\n"
    with socket.create_connection(app.server.address) as connection:
        connection.sendall(head.encode() + sent)
    data = b"x" * 1_000_000 + B
    deadline = time.monotonic() + 10
    while True:
        stands = int(app.request("GET", location).header("range").partition("-")[2])
        offset = stands + 1 if stands else 0
        assert offset in kept
        answer = chunk(app, f"{location}?digest={digest_of(data)}", offset, data[offset:], "PUT")
        if answer.status == 201:
            break
        # The server has yet to notice that the first request is over.
        assert answer.status in (409, 416) and time.monotonic() < deadline, answer
        time.sleep(0.01)
    assert_stored(app, answer, data)
