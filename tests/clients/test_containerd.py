"""containerd by `ctr`, which resolves a tag with HEAD and sends each blob as POST and one PUT."""

from pathlib import Path

import pytest

from tests.support.layouts import platforms, pullable
from tests.support.programs import Program, installed
from tests.support.serving import ADMIN, Running, eventually
from tests.support.wire import Wire

PLAIN = ("--plain-http", "--user", f"{ADMIN.name}:{ADMIN.password}")


@pytest.fixture
def ctr(dockerd: Path) -> Program:
    """ctr, for the containerd that the session's Docker daemon runs."""
    address = dockerd.parent / "exec" / "containerd" / "containerd.sock"
    return Program(installed("ctr"), ["--address", str(address), "--namespace", "artifactd-tests"])


def test_an_image_is_pulled_without_asking_twice(ctr: Program, registry: Running, image_name: str) -> None:
    # docker R41: a HEAD that lacks digest or length makes containerd GET the tag too.
    image = image_name.removeprefix(f"{registry.host}/")
    built = pullable(image_name)
    with Wire(registry) as wire:
        wire.push(image, "1", built)
    ctr("images", "pull", *PLAIN, "--snapshotter", "native", f"{image_name}:1")
    path = image.removeprefix("docker/")

    def asked() -> list[tuple[str, str, int]]:
        return [
            line for line in registry.requests(f"{path}/") if line[2] == 200 and line[0] in ("GET", "HEAD")
        ]

    eventually(lambda: len(asked()) >= 5)
    gets = [where for method, where, _ in asked() if method == "GET"]
    assert [("HEAD", f"{path}/tags/1", 200)] == [line for line in asked() if line[1].endswith("/1")]
    assert gets.count(f"{path}/manifests/{built.digest}") == 1
    assert len(gets) == len(set(gets)) == 4
    assert built.digest in ctr("images", "list", f"name=={image_name}:1")


def test_an_image_is_pushed(ctr: Program, registry: Running, image_name: str) -> None:
    # docker R72: containerd fails where an answer to a PUT lacks the digest.
    image = image_name.removeprefix(f"{registry.host}/")
    built = pullable(image_name)
    with Wire(registry) as wire:
        wire.push(image, "1", built)
        ctr("images", "pull", *PLAIN, "--snapshotter", "native", f"{image_name}:1")
        for other in (
            f"{image_name}/other:1",
            f"{registry.host}/docker/elsewhere/{image.rpartition('/')[2]}:1",
        ):
            ctr("images", "tag", f"{image_name}:1", other)
            ctr("images", "push", *PLAIN, other)
            assert (
                wire.pull(other.removeprefix(f"{registry.host}/").removesuffix(":1"), "1") == built.digest
            )


def test_every_platform_of_an_index_is_pulled_and_pushed(
    ctr: Program, registry: Running, image_name: str
) -> None:
    image = image_name.removeprefix(f"{registry.host}/")
    whole = platforms("amd64", "arm64", content=image_name)
    with Wire(registry) as wire:
        wire.push_index(image, "1", whole)
        ctr("images", "pull", *PLAIN, "--snapshotter", "native", "--all-platforms", f"{image_name}:1")
        ctr("images", "tag", f"{image_name}:1", f"{image_name}/copy:1")
        ctr("images", "push", *PLAIN, f"{image_name}/copy:1")
        answer = wire.expect(200, "HEAD", f"/v2/{image}/copy/manifests/1")
        assert answer.header("docker-content-digest") == whole.digest


def test_nothing_is_pulled_or_pushed_without_credentials(
    ctr: Program, registry: Running, image_name: str
) -> None:
    image = image_name.removeprefix(f"{registry.host}/")
    with Wire(registry) as wire:
        wire.push(image, "1", pullable(image_name))
    said = ctr.refused("images", "pull", "--plain-http", f"{image_name}:1")
    assert "401" in said or "authorization failed" in said
    ctr("images", "pull", *PLAIN, "--snapshotter", "native", f"{image_name}:1")
    ctr.refused("images", "push", "--plain-http", f"{image_name}:1")
