"""A disk without room for copies: what is here is served, what does not fit is for later, nothing of it is
left, and once there is room it goes on (proxy R64, R77, T14)."""

import http.client
import os
import random
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.fake_registry import FakeRegistry
from tests.support.layouts import pullable
from tests.support.proxied import is_later
from tests.support.proxies import proxy
from tests.support.serving import Running, Serve, eventually
from tests.support.wire import Wire

ROOM = 16 << 20


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder with little room."""
    folder = tmp_path / "small"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={ROOM}", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("tmpfs cannot be mounted here")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


def used(folder: Path) -> int:
    """Bytes of all files."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def asked_for(server: Running, path: str) -> bytes | None:
    """The whole body; None where there was a clear error instead."""
    with Wire(server) as wire:
        try:
            answer = wire.request("GET", path)
        except (http.client.HTTPException, OSError):
            return None
        assert answer.status == 200 or is_later(answer), answer
        return answer.body if answer.status == 200 else None


def test_what_does_not_fit_is_for_later(serve: Serve, small_disk: Path, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "blobs").symlink_to(small_disk, target_is_directory=True)
    server = serve(data=tmp_path / "data")
    with FakeRegistry() as registry:
        image = pullable("small")
        registry.push("app", image, "1")
        large = random.Random(8).randbytes(ROOM * 2)
        digest = registry.put_blob("app", large)
        name = proxy(server, "docker", registry.url)
        with Wire(server) as wire:
            assert wire.pull(f"{name}/app", "1") == image.digest
        before = used(small_disk)
        for _ in range(2):
            found = asked_for(server, f"/v2/{name}/app/blobs/{digest}")
            assert found is None or found == large
        eventually(lambda: used(small_disk) <= before + 4096)
        with Wire(server) as wire:
            assert wire.pull(f"{name}/app", "1") == image.digest
        subprocess.run(["mount", "-o", f"remount,size={ROOM * 4}", small_disk], check=True)
        eventually(lambda: asked_for(server, f"/v2/{name}/app/blobs/{digest}") == large, 20)
