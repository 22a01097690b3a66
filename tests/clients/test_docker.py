"""docker, with a daemon of its own: five layers at a time, each as a stream of unknown length."""

from pathlib import Path

import pytest

from tests.support.images import DOCKER_MANIFEST, digest_of
from tests.support.layouts import pullable, write_archive
from tests.support.programs import Program, installed
from tests.support.serving import ADMIN, Running, serving
from tests.support.wire import Wire


@pytest.fixture
def docker(dockerd: Path, tmp_path: Path) -> Program:
    """docker without credentials, for the session's daemon."""
    (tmp_path / "config.json").write_text("{}")
    environment = {"DOCKER_HOST": f"unix://{dockerd}", "DOCKER_CONFIG": str(tmp_path)}
    return Program(installed("docker"), (), environment)


@pytest.fixture
def logged_in(docker: Program, registry: Running) -> Program:
    """docker, logged in as the administrator."""
    docker("login", "-u", ADMIN.name, "--password-stdin", registry.host, stdin=ADMIN.password)
    return docker


def load(docker: Program, tmp_path: Path, name: str, *, layers: int = 2, layer_size: int = 64) -> None:
    """Give the daemon an image to push."""
    image = pullable(name, layers=layers, layer_size=layer_size)
    docker("load", "-i", write_archive(tmp_path / "image.tar", name, image))


def test_a_wrong_password_does_not_log_in(docker: Program, registry: Running) -> None:
    # docker R29
    said = docker.refused("login", "-u", ADMIN.name, "--password-stdin", registry.host, stdin="a typo")
    assert "401" in said or "unauthorized" in said


def test_an_image_is_pushed_and_pulled_and_refused_after_logout(
    logged_in: Program, registry: Running, image_name: str, tmp_path: Path
) -> None:
    # docker R72, R107
    image = f"{image_name}:1"
    load(logged_in, tmp_path, image)
    said = logged_in("push", image)
    with Wire(registry) as wire:
        name = image_name.removeprefix(f"{registry.host}/")
        digest = wire.pull(name, "1")
        assert wire.request("HEAD", f"/v2/{name}/manifests/1").header("content-type") == DOCKER_MANIFEST
    assert f"1: digest: {digest}" in said
    logged_in("rmi", image)
    assert digest in logged_in("pull", image)
    assert image_name in logged_in("image", "inspect", f"{image_name}@{digest}")
    logged_in("logout", registry.host)
    logged_in.refused("push", image)
    logged_in("rmi", image)
    logged_in.refused("pull", image)


def test_layers_that_are_somewhere_else_are_mounted(
    logged_in: Program, registry: Running, image_name: str, tmp_path: Path
) -> None:
    # docker R132: between images, and between repositories of one host.
    registry.repository("target")
    first = f"{image_name}:1"
    load(logged_in, tmp_path, first)
    logged_in("push", first)
    source = image_name.removeprefix(f"{registry.host}/")
    for other in (f"{image_name}/other:1", f"{registry.host}/target/app:1"):
        logged_in("tag", first, other)
        said = logged_in("push", other)
        assert said.count(f"Mounted from {source}") == 2, said
        with Wire(registry) as wire:
            wire.pull(other.removeprefix(f"{registry.host}/").removesuffix(":1"), "1")


def test_a_list_of_manifests_is_pushed_and_pulled(
    logged_in: Program, registry: Running, image_name: str
) -> None:
    name = image_name.removeprefix(f"{registry.host}/")
    with Wire(registry) as wire:
        for architecture in ("amd64", "arm64"):
            built = pullable(image_name, architecture=architecture)
            wire.push(name, architecture, built)
    both = [f"{image_name}:{architecture}" for architecture in ("amd64", "arm64")]
    logged_in("manifest", "create", "--insecure", f"{image_name}:all", *both)
    digest = logged_in("manifest", "push", "--insecure", f"{image_name}:all").strip()
    with Wire(registry) as wire:
        listing = wire.expect(200, "GET", f"/v2/{name}/manifests/all")
    assert digest == digest_of(listing.body)
    platforms = {entry["platform"]["architecture"] for entry in listing.json()["manifests"]}
    assert platforms == {"amd64", "arm64"}
    assert digest in logged_in("pull", f"{image_name}:all")


def test_ten_layers_go_through_four_processes_at_once(
    docker: Program, tmp_path: Path, image_name: str
) -> None:
    # docker R114
    with serving(tmp_path / "four", workers=4) as server:
        docker("login", "-u", ADMIN.name, "--password-stdin", server.host, stdin=ADMIN.password)
        for number in range(3):
            image = f"{server.host}/docker/ten:{number}"
            load(docker, tmp_path, image, layers=10, layer_size=200_000)
            docker("push", image)
            with Wire(server) as wire:
                digest = wire.pull("docker/ten", str(number))
            docker("rmi", image)
            assert digest in docker("pull", image)
            docker("rmi", image)
