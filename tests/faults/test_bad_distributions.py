"""Archives and forms that no honest client sends: each is refused with a reason, in little time and memory,
and nothing is left."""

import random
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from zipfile import ZIP_STORED

import pytest

from tests.support import hostile_tars, hostile_zips
from tests.support.distributions import Distribution, sdist, wheel, zipped
from tests.support.serving import Running, eventually, serving
from tests.support.sockets import Reply, connect, head, parse
from tests.support.upload_forms import BOUNDARY, HEADERS, Part, encode, form
from tests.support.wire import Wire

MEGABYTE = 1 << 20
SECONDS = 20.0
"""For the largest, on a machine that does other things too; most take milliseconds."""

MEMORY = 150 * MEGABYTE
"""What the server may grow by: far less than any of the bombs unpacks to."""

LONGEST_ANSWER = 4000
"""Bytes of a refusal: what is wrong is quoted, a novel is not."""

KEPT = wheel("kept")
MEMBERS = {
    "large-1.0.dist-info/METADATA": wheel("large").metadata,
    "large-1.0.dist-info/WHEEL": b"Wheel-Version: 1.0\n",
    "large-1.0.dist-info/RECORD": b"",
}
TYPE = f"Content-Type: {HEADERS['Content-Type']}"


@pytest.fixture(scope="module")
def module_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with serving(tmp_path_factory.mktemp("bad-distributions") / "data") as server:
        assert post(server, KEPT).status == 200
        yield server
        assert "Traceback" not in server.log.read_text()


@pytest.fixture
def server(module_server: Running) -> Iterator[Running]:
    """A server that must hold after the test what it held before, and no more memory than it may."""
    before = stored(module_server), listed(module_server)
    forget_peak(module_server)
    size = peak(module_server)
    began = time.monotonic()
    yield module_server
    assert time.monotonic() - began < SECONDS
    assert peak(module_server) - size < MEMORY
    eventually(lambda: stored(module_server) == before[0])
    assert listed(module_server) == before[1]
    with Wire(module_server) as wire:
        assert (
            wire.expect(200, "GET", f"/repository/pypi/packages/kept/{KEPT.filename}").body == KEPT.content
        )


def stored(server: Running) -> set[Path]:
    """Every file among the blobs, those that are being received included."""
    return {path for path in (server.data / "blobs").rglob("*") if path.is_file()}


def listed(server: Running) -> bytes:
    """The list of projects: it has a serial number, which any edit raises."""
    with Wire(server) as wire:
        accept = {"Accept": "application/vnd.pypi.simple.v1+json"}
        return wire.expect(200, "GET", "/repository/pypi/simple/", None, accept).body


def processes(server: Running) -> list[int]:
    """The server's processes."""
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[2]) == server.process.pid:
            found.append(int(status.parent.name))
    return found


def peak(server: Running) -> int:
    """The most memory that its processes had since `forget_peak`, each at its own time, in bytes."""
    total = 0
    for number in processes(server):
        for line in Path(f"/proc/{number}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                total += int(line.split()[1]) * 1024
    return total


def forget_peak(server: Running) -> None:
    """Begin to count `peak` anew (proc(5), clear_refs)."""
    for number in processes(server):
        Path(f"/proc/{number}/clear_refs").write_text("5")


def post(server: Running, distribution: Distribution) -> Reply:
    """Send an upload; the answer."""
    body, _ = form(distribution, bare=True)
    return send(server, [body])


def send(server: Running, pieces: Sequence[bytes], *lines: str) -> Reply:
    """Send the body of an upload, which may be refused before its end; the answer."""
    given = lines or (TYPE, f"Content-Length: {sum(map(len, pieces))}")
    with connect(server) as connection:
        connection.sendall(head("POST", "/repository/pypi/", *given))
        received = b""
        with suppress(BrokenPipeError, ConnectionResetError):
            for piece in pieces:
                connection.sendall(piece)
        while True:
            try:
                piece = connection.recv(1 << 16)
            except ConnectionResetError:
                break
            if not piece:
                break
            received += piece
    return parse(received)


def is_refused(reply: Reply, *statuses: int) -> str:
    """Insist on a refusal that says why; what it says."""
    assert reply.status in (statuses or (400,)), (reply.status, reply.body[:300])
    assert "content-type: text/plain" in reply.head
    assert len(reply.body) < LONGEST_ANSWER
    said = reply.body.decode().strip()
    assert len(said) > 10
    assert "already exists" not in said, "the one before it was taken"
    for leaked in ("Traceback", "zipfile", "zlib", "tarfile", "object at", "Error(", "Errno"):
        assert leaked not in said, said
    return said


@pytest.mark.parametrize("build", hostile_zips.HOSTILE.values(), ids=hostile_zips.HOSTILE.keys())
def test_a_hostile_wheel_is_refused(server: Running, build: Callable[[], Distribution]) -> None:
    is_refused(post(server, build()))  # pypi R97


@pytest.mark.parametrize("build", hostile_tars.HOSTILE.values(), ids=hostile_tars.HOSTILE.keys())
def test_a_hostile_source_distribution_is_refused(
    server: Running, build: Callable[[], Distribution]
) -> None:
    is_refused(post(server, build()))  # pypi R97


@pytest.mark.parametrize("build", hostile_zips.SLOW.values(), ids=hostile_zips.SLOW.keys())
def test_metadata_that_a_parser_chokes_on_is_dealt_with_at_once(
    module_server: Running, build: Callable[[], Distribution]
) -> None:
    distribution = build()
    forget_peak(module_server)
    size, began = peak(module_server), time.monotonic()
    reply = post(module_server, distribution)
    assert time.monotonic() - began < SECONDS / 2
    assert peak(module_server) - size < MEMORY
    assert reply.status in (200, 400)
    assert len(reply.body) < LONGEST_ANSWER
    if reply.status == 200:
        with Wire(module_server) as wire:
            target = f"/repository/pypi/packages/{distribution.project}/{distribution.filename}"
            assert wire.expect(200, "GET", f"{target}.metadata").body == distribution.metadata
            page = wire.expect(200, "GET", f"/repository/pypi/simple/{distribution.project}/")
            assert len(page.body) < 10 * LONGEST_ANSWER
            wire.expect(204, "DELETE", target)


FIELDS = [Part(":action", b"file_upload"), Part("name", b"bad"), Part("version", b"1.0")]
FILE = Part("content", wheel("bad").content, wheel("bad").filename)
GOOD = encode([*FIELDS, FILE])
END = f"--{BOUNDARY}--\r\n".encode()


def part(*lines: str, name: str = "x") -> bytes:
    """The head of a part."""
    first = (f"--{BOUNDARY}", f'Content-Disposition: form-data; name="{name}"')
    return "\r\n".join([*first, *lines, "", ""]).encode()


def flood(size: int, piece: bytes) -> list[bytes]:
    """`piece` again and again, that many megabytes of it, without holding them."""
    block = piece * (MEGABYTE // len(piece))
    return [block] * size


BEFORE, BEHIND = encode(FIELDS).removesuffix(END), encode([FILE])

FORMS: dict[str, Callable[[], Sequence[bytes]]] = {
    "20,001 fields": lambda: [encode([*FIELDS, *[Part("classifiers", b"x")] * 20_001, FILE])],
    "a field of 100 MB": lambda: [BEFORE, part(), *flood(100, b"x"), b"\r\n", BEHIND],
    "forty fields of 10 MB": lambda: [
        BEFORE,
        *(piece for _ in range(40) for piece in (part(), *flood(10, b"x"), b"\r\n")),
        BEHIND,
    ],
    "a header of 100 MB": lambda: [BEFORE, part()[:-4], b"\r\nX: ", *flood(100, b"x"), b"\r\n\r\n", BEHIND],
    "a header name of 100 MB": lambda: [BEFORE, part()[:-2], *flood(100, b"x"), b": y\r\n\r\n", BEHIND],
    "headers without end": lambda: [
        BEFORE,
        part()[:-2],
        *(
            b"".join(b"X-%07d: %d\r\n" % (number, number) for number in range(start, start + 10_000))
            for start in range(0, 2_000_000, 10_000)
        ),
        b"\r\n\r\n",
        BEHIND,
    ],
    "a field name of 1 MB": lambda: [BEFORE, part(name="n" * MEGABYTE), b"\r\n", BEHIND],
    "a file name of 1 MB": lambda: [encode([*FIELDS, Part("content", b"x", "a" * MEGABYTE + ".whl")])],
    "two files": lambda: [encode([*FIELDS, FILE, FILE])],
    "two files of other names": lambda: [
        encode([*FIELDS, FILE, Part("content", wheel("bad", "2.0").content, wheel("bad", "2.0").filename)])
    ],
    "a file in another field": lambda: [encode([*FIELDS, FILE, Part("other", b"x", "x.txt")])],
    "a file in another field alone": lambda: [encode([*FIELDS, Part("other", b"x", "x.txt")])],
    "two signatures": lambda: [encode([*FIELDS, FILE, *[Part("gpg_signature", b"x", "x.asc")] * 2])],
    "a signature of 100 MB": lambda: [
        BEFORE,
        part(name='gpg_signature"; filename="x.asc'),
        *flood(100, b"x"),
        b"\r\n",
        BEHIND,
    ],
    "the boundary of another form": lambda: [encode([*FIELDS, FILE], "another")],
    "no last boundary": lambda: [GOOD.removesuffix(END)],
    "half of it": lambda: [GOOD[: len(GOOD) // 2]],
    "100 MB before it": lambda: [*flood(100, b"preamble"), b"\r\n", GOOD],
    "100 MB that is no form": lambda: flood(100, b"\0"),
    "100 MB of boundaries": lambda: flood(100, f"--{BOUNDARY}\r\n".encode()),
    "100 MB of line ends": lambda: flood(100, b"\r\n"),
    "nothing": lambda: [b""],
    "an end": lambda: [END],
}


@pytest.mark.parametrize("build", FORMS.values(), ids=FORMS.keys())
def test_a_form_that_nobody_should_send_is_refused(
    server: Running, build: Callable[[], Sequence[bytes]]
) -> None:
    is_refused(send(server, build()), 400, 413)  # pypi R92


@pytest.mark.parametrize(
    "content_type",
    [
        "multipart/form-data",
        "multipart/form-data; boundary=",
        'multipart/form-data; boundary=""',
        f"multipart/form-data; boundary={'b' * 10_000}",
        f"multipart/mixed; boundary={BOUNDARY}",
        "multipart/form-data; boundary=\x00",
        "application/octet-stream",
        "x" * 10_000,
    ],
    ids=lambda value: value[:50].encode("unicode_escape").decode(),
)
def test_a_form_without_a_boundary_is_refused(server: Running, content_type: str) -> None:
    lines = (f"Content-Type: {content_type}", f"Content-Length: {len(GOOD)}")
    assert send(server, [GOOD], *lines).status == 400


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "identity, gzip"])
def test_a_body_is_not_unpacked(server: Running, coding: str) -> None:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    body = packer.compress(GOOD + bytes(64 * MEGABYTE)) + packer.flush()
    lines = (TYPE, f"Content-Encoding: {coding}", f"Content-Length: {len(body)}")
    is_refused(send(server, [body], *lines), 400, 415)


def chunked(data: bytes, size: int = 1000) -> bytes:
    pieces = [data[start : start + size] for start in range(0, len(data), size)]
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
@pytest.mark.parametrize("in_chunks", [False, True], ids=["counted", "chunked"])
def test_a_form_that_ends_early_leaves_nothing(server: Running, share: float, in_chunks: bool) -> None:
    body = GOOD[: int(len(GOOD) * share)]
    line = "Transfer-Encoding: chunked" if in_chunks else f"Content-Length: {len(GOOD)}"
    with connect(server) as connection:
        connection.sendall(head("POST", "/repository/pypi/", TYPE, line))
        connection.sendall(chunked(body) if in_chunks else body)
    with Wire(server) as wire:
        wire.expect(404, "GET", "/repository/pypi/simple/bad/")


def test_a_chunked_form_that_is_whole_but_no_upload_is_refused(server: Running) -> None:
    body = chunked(encode(FIELDS)) + b"0\r\n\r\n"
    is_refused(send(server, [body], TYPE, "Transfer-Encoding: chunked"))


def test_a_large_file_is_not_held_in_memory(module_server: Running) -> None:
    data = bytes(range(256)) * (128 * MEGABYTE // 256)  # pypi R92
    content = zipped({**MEMBERS, "large.bin": data}, compression=ZIP_STORED)
    large = Distribution("large", "1.0", "large-1.0-py3-none-any.whl", content, wheel("large").metadata)
    body, _ = form(large, bare=True)
    forget_peak(module_server)
    size = peak(module_server)
    assert send(module_server, [body]).status == 200
    assert peak(module_server) - size < 64 * MEGABYTE
    with Wire(module_server) as wire:
        wire.expect(204, "DELETE", f"/repository/pypi/packages/large/{large.filename}")


def test_no_damage_makes_the_server_fail(module_server: Running) -> None:
    choices = random.Random(97)
    with Wire(module_server) as wire:
        for number in range(400):
            whole = wheel("damaged") if number % 2 else sdist("damaged")
            content = bytearray(whole.content)
            for _ in range(choices.randint(1, 4)):
                content[choices.randrange(len(content))] = choices.randrange(256)
            if number % 5 == 0:
                del content[choices.randrange(len(content)) :]
            damaged = Distribution("damaged", "1.0", whole.filename, bytes(content), whole.metadata)
            body, headers = form(damaged, bare=True)
            answer = wire.request("POST", "/repository/pypi/", body, headers)
            assert answer.status in (200, 400), answer
            if answer.status == 200:
                wire.expect(204, "DELETE", f"/repository/pypi/packages/damaged/{whole.filename}")
