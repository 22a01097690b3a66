"""SIGKILL of every process of a server at any step of a push: after the restart everything that was
acknowledged is there and whole, nothing else is visible, and the same push succeeds (docker T3)."""

import http.client
import random
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.support.images import Built, digest_of
from tests.support.layouts import pullable
from tests.support.maintenance import broken, collect, known, referenced, stored
from tests.support.serving import Running, Serve
from tests.support.wire import Wire

EVERY_SECOND = {f"ARTIFACTD_MAINTENANCE__{name}_EVERY": "1" for name in ("COLLECT", "BLOB_GC", "UPLOAD_GC")}
IMAGE = "docker/team/app"
MOMENTS = 16
"""Kills at random moments, beside those between any two steps."""


@dataclass
class Acknowledged:
    """What the server has said yes to."""

    uploads: dict[str, bytes] = field(default_factory=dict)
    blobs: set[str] = field(default_factory=set)
    manifest: bool = False


def steps(wire: Wire, tag: str, built: Built, said: Acknowledged) -> Iterator[None]:
    """A push that stops after each answer: what was acknowledged by then is in `said`."""
    for blob in built.blobs:
        digest, half = digest_of(blob), len(blob) // 2
        upload = wire.expect(202, "POST", f"/v2/{IMAGE}/blobs/uploads/", b"").header("location")
        said.uploads[upload] = b""
        yield
        for end in (half, len(blob)):
            wire.expect(202, "PATCH", upload, blob[len(said.uploads[upload]) : end])
            said.uploads[upload] = blob[:end]
            yield
        wire.expect(201, "PUT", f"{upload}?digest={digest}", b"")
        del said.uploads[upload]
        said.blobs.add(digest)
        yield
    wire.put_manifest(IMAGE, tag, built)
    said.manifest = True
    yield


def count_steps(built: Built) -> int:
    return 4 * len(built.blobs) + 1


def test_between_any_two_steps_of_a_push(serve: Serve) -> None:
    server = serve(environment=EVERY_SECOND)
    for last in range(count_steps(pullable(""))):
        built, tag, said = pullable(f"after step {last}"), f"step{last}", Acknowledged()
        with Wire(server) as wire:
            push = steps(wire, tag, built, said)
            for _ in range(last + 1):
                next(push)
            server.kill()
        server = serve(data=server.data, environment=EVERY_SECOND)
        check(server, tag, built, said, exactly=True)
        resume(server, built, said)
        push_again(server, tag, built)
    finish(serve, server)


def test_at_any_moment_of_a_push(serve: Serve) -> None:
    chance = random.Random(7)
    server = serve(environment=EVERY_SECOND)
    for number in range(MOMENTS):
        built, tag, said = (
            pullable(f"moment {number}", layer_size=300_000),
            f"moment{number}",
            Acknowledged(),
        )
        pushing = threading.Thread(target=push_until_killed, args=(server, tag, built, said))
        pushing.start()
        time.sleep(chance.uniform(0, 0.06))  # a push takes about as long
        server.kill()
        pushing.join()
        server = serve(data=server.data, environment=EVERY_SECOND)
        check(server, tag, built, said, exactly=False)
        push_again(server, tag, built)
    finish(serve, server)


def test_several_processes_die_together(serve: Serve) -> None:
    server = serve(workers=4, environment=EVERY_SECOND)
    pushed = [(f"tag{number}", pullable(f"together {number}"), Acknowledged()) for number in range(6)]
    threads = [threading.Thread(target=push_until_killed, args=(server, *push)) for push in pushed]
    for thread in threads:
        thread.start()
    time.sleep(0.1)
    server.kill()
    for thread in threads:
        thread.join()
    server = serve(workers=4, data=server.data, environment=EVERY_SECOND)
    for tag, built, said in pushed:
        check(server, tag, built, said, exactly=False)
        push_again(server, tag, built)
    finish(serve, server)


def push_until_killed(server: Running, tag: str, built: Built, said: Acknowledged) -> None:
    try:
        with Wire(server) as wire:
            for _ in steps(wire, tag, built, said):
                pass
    except (OSError, http.client.HTTPException):
        pass  # it is dead


def check(server: Running, tag: str, built: Built, said: Acknowledged, *, exactly: bool) -> None:
    """What was acknowledged is there and whole. What was not is not there; where a request was under way
    (not `exactly`) it may be, whole."""
    assert broken(server) == []
    with Wire(server) as wire:
        for blob in built.blobs:
            answer = wire.request("GET", f"/v2/{IMAGE}/blobs/{digest_of(blob)}")
            there = digest_of(blob) in said.blobs
            assert answer.status == (200 if there else 404) or not (there or exactly)
            assert answer.status == 404 or answer.body == blob
        answer = wire.request("GET", f"/v2/{IMAGE}/manifests/{tag}")
        assert answer.status == (200 if said.manifest else 404) or not (said.manifest or exactly)
        if answer.status == 200:
            assert wire.pull(IMAGE, tag) == wire.pull(IMAGE, built.digest) == built.digest
        for upload, sent in said.uploads.items() if exactly else ():
            state = wire.expect(204, "GET", upload)
            assert state.header("range") == f"0-{max(0, len(sent) - 1)}"


def resume(server: Running, built: Built, said: Acknowledged) -> None:
    """Whoever kept the URL of an upload goes on where it stood."""
    with Wire(server) as wire:
        for upload, sent in said.uploads.items():
            blob = next(blob for blob in built.blobs if digest_of(blob) not in said.blobs)
            wire.expect(201, "PUT", f"{upload}?digest={digest_of(blob)}", blob[len(sent) :])
            assert wire.expect(200, "GET", f"/v2/{IMAGE}/blobs/{digest_of(blob)}").body == blob


def push_again(server: Running, tag: str, built: Built) -> None:
    with Wire(server) as wire:
        wire.push(IMAGE, tag, built)
        assert wire.pull(IMAGE, tag) == built.digest


def finish(serve: Serve, server: Running) -> None:
    """Nothing that a dead process left is left for ever."""
    assert server.stop() == 0
    assert '"level": "error"' not in server.log.read_text()
    before = referenced(server)
    collect(server)
    assert stored(server) == referenced(server) == known(server) == before
    assert broken(server) == []
