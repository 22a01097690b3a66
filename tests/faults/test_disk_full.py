"""A full disk: uploads are refused as registry clients read it, everything else goes on, and what
maintenance gives back can be used again. Where the database has no room either, nobody can write, and
nobody dies."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.images import digest_of
from tests.support.layouts import pullable
from tests.support.serving import Running, Serve, eventually
from tests.support.wire import Unexpected, Wire

SIZE = 32 << 20
EVERY_SECOND = {
    f"ARTIFACTD_MAINTENANCE__{name}_EVERY": "1" for name in ("COLLECT", "COMPACT", "BLOB_GC", "UPLOAD_GC")
} | {"ARTIFACTD_MAINTENANCE__UNDO_WINDOW": "0"}


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder with room for 32 MiB."""
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = (
        os.geteuid() == 0
        and not subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", folder], capture_output=True
        ).returncode
    )
    if not mounted:
        pytest.skip("tmpfs cannot be mounted here")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


def fill(server: Running, image: str) -> int:
    """Push layers of 3 MiB until one is refused, as it should be; how many there were."""
    for number in range(1 + SIZE // (3 << 20)):
        built = pullable(f"{image} {number}", layers=1, layer_size=3 << 20)
        try:
            with Wire(server) as wire:
                wire.push(f"docker/{image}", f"v{number}", built)
        except Unexpected as error:
            assert error.answer.status == 503
            assert error.answer.json()["errors"][0]["code"] == "UNAVAILABLE"
            assert error.answer.header("retry-after")
            return number
    pytest.fail("the disk never became full")


def test_a_full_disk_costs_uploads_only(serve: Serve, small_disk: Path, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "blobs").symlink_to(small_disk, target_is_directory=True)
    server = serve(data=tmp_path / "data", environment=EVERY_SECOND)
    server.repository("docker", blob_linger="PT5S")
    pushed = fill(server, "full")
    assert pushed >= 3
    with Wire(server) as wire:
        wire.expect(200, "GET", "/readyz")
        for number in range(pushed):
            wire.pull("docker/full", f"v{number}")
        # Of the layer that did not fit nothing takes room: a small image still has some.
        wire.push("docker/small", "1", pullable("small"))
        for number in range(pushed):
            found = wire.expect(200, "HEAD", f"/v2/docker/full/manifests/v{number}")
            wire.expect(202, "DELETE", f"/v2/docker/full/manifests/{found.header('docker-content-digest')}")
    eventually(lambda: room(small_disk) > SIZE // 2, 20)
    with Wire(server) as wire:
        again = pullable("full again", layers=1, layer_size=3 << 20)
        wire.push("docker/full", "again", again)
        assert wire.pull("docker/full", "again") == again.digest
        assert wire.pull("docker/small", "1") == pullable("small").digest
        wire.expect(404, "HEAD", f"/v2/docker/full/blobs/{digest_of(pullable('full 0').blobs[0])}")


def test_a_server_whose_database_has_no_room_still_reads_and_goes_on_later(
    serve: Serve, small_disk: Path
) -> None:
    server = serve(data=small_disk, environment=EVERY_SECOND)
    pushed = fill(server, "full")
    layer = digest_of(pullable("full 0", layers=1, layer_size=3 << 20).blobs[1])
    (small_disk / "filler").write_bytes(b"x" * room(small_disk))
    with Wire(server) as wire:
        # Each writes a few rows below another name: to write to a hole of a mapped file would be a SIGBUS.
        for number in range(100):
            mount = f"blobs/uploads/?mount={layer}&from=docker/full"
            answer = wire.request("POST", f"/v2/docker/other{number}/{mount}", b"")
            assert answer.status in (201, 503)
            if answer.status == 503:
                assert answer.json()["errors"][0]["code"] == "UNAVAILABLE"
        assert answer.status == 503
        for number in range(pushed):
            wire.pull("docker/full", f"v{number}")
    assert server.process.poll() is None
    (small_disk / "filler").unlink()
    subprocess.run(["mount", "-o", f"remount,size={2 * SIZE}", small_disk], check=True)
    with Wire(server) as wire:
        wire.push("docker/full", "again", pullable("again"))
        assert wire.pull("docker/full", "again") == pullable("again").digest
        assert wire.pull("docker/full", "v0")


def room(folder: Path) -> int:
    """Bytes that are free."""
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize
