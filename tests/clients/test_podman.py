"""podman, which logs in by a token without any scope and builds upon what it pulls."""

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.images import DOCKER_MANIFEST, OCI_MANIFEST
from tests.support.layouts import platforms, pullable, write_archive, write_layout
from tests.support.programs import Program, installed
from tests.support.serving import ADMIN, Running
from tests.support.wire import Wire

PLAIN = "--tls-verify=false"


@pytest.fixture
def podman(logins: Path) -> Iterator[Program]:
    """podman with storage of its own. The driver `vfs` leaves no mounts behind, and podman refuses a folder
    whose path is longer than 50 characters."""
    program = installed("podman")
    with tempfile.TemporaryDirectory(prefix="artifactd-", ignore_cleanup_errors=True) as folder:
        flags = ["--root", f"{folder}/root", "--runroot", f"{folder}/run", "--tmpdir", f"{folder}/tmp"]
        flags += ["--storage-driver", "vfs", "--cgroup-manager", "cgroupfs", "--events-backend", "none"]
        places = {"TMPDIR": folder, "XDG_RUNTIME_DIR": folder, "REGISTRY_AUTH_FILE": str(logins)}
        yield Program(program, flags, places)


@pytest.fixture
def logged_in(podman: Program, registry: Running) -> Program:
    """podman, logged in as the administrator."""
    podman("login", PLAIN, "-u", ADMIN.name, "--password-stdin", registry.host, stdin=ADMIN.password)
    return podman


def pushed(registry: Running, image_name: str) -> str:
    """Push the image of this test as another client; its name and tag."""
    with Wire(registry) as wire:
        image = image_name.removeprefix(f"{registry.host}/")
        wire.push(image, "1", pullable(image_name))
    return f"{image_name}:1"


def test_a_wrong_password_does_not_log_in(podman: Program, registry: Running) -> None:
    # docker R29
    said = podman.refused("login", PLAIN, "-u", ADMIN.name, "--password-stdin", registry.host, stdin="typo")
    assert "invalid username/password" in said
    said = podman("login", PLAIN, "-u", ADMIN.name, "-p", ADMIN.password, registry.host)
    assert "Login Succeeded!" in said


@pytest.mark.parametrize(
    ("format", "media_type"), [("oci", OCI_MANIFEST), ("v2s2", DOCKER_MANIFEST)], ids=["oci", "v2s2"]
)
def test_an_image_is_pushed_by_path_and_pulled_again(
    logged_in: Program, registry: Running, image_name: str, tmp_path: Path, format: str, media_type: str
) -> None:
    # docker R9: the token's scope names the image as the client does, repository and all.
    logged_in("load", "-i", write_archive(tmp_path / "image.tar", "localhost/app:1", pullable(image_name)))
    digest = tmp_path / "digest"
    to = f"{image_name}/a/b:1"
    logged_in("push", PLAIN, "--format", format, "--digestfile", digest, "localhost/app:1", to)
    with Wire(registry) as wire:
        image = f"{image_name.removeprefix(f'{registry.host}/')}/a/b"
        manifest = wire.expect(200, "GET", f"/v2/{image}/manifests/1")
    assert manifest.header("content-type") == media_type
    assert manifest.header("docker-content-digest") == digest.read_text().strip()
    logged_in("pull", PLAIN, to)
    logged_in("pull", PLAIN, f"{image_name}/a/b@{digest.read_text().strip()}")


def test_an_image_is_built_upon_another(
    logged_in: Program, registry: Running, image_name: str, tmp_path: Path
) -> None:
    base = pushed(registry, image_name)
    (tmp_path / "context").mkdir()
    (tmp_path / "context" / "Containerfile").write_text(f"FROM {base}\nCOPY Containerfile /recipe\n")
    built = f"{image_name}:2"
    logged_in("build", PLAIN, "--isolation", "chroot", "-t", built, tmp_path / "context")
    logged_in("push", PLAIN, built)
    with Wire(registry) as wire:
        image = image_name.removeprefix(f"{registry.host}/")
        wire.pull(image, "2")
        manifests = [wire.request("GET", f"/v2/{image}/manifests/{tag}").json() for tag in ("1", "2")]
    assert len(manifests[1]["layers"]) == len(manifests[0]["layers"]) + 1


def test_the_image_of_a_platform_is_picked_from_an_index(
    logged_in: Program, skopeo: Program, registry: Running, image_name: str, tmp_path: Path
) -> None:
    layout = write_layout(tmp_path / "whole", **{"1": platforms("amd64", "arm64", content=image_name)})
    flags = ("--dest-tls-verify=false", "--dest-creds", f"{ADMIN.name}:{ADMIN.password}")
    skopeo("copy", "--all", *flags, f"oci:{layout}:1", f"docker://{image_name}:1")
    for architecture in ("arm64", "amd64"):
        logged_in("pull", PLAIN, "--arch", architecture, f"{image_name}:1")
        found = json.loads(logged_in("inspect", f"{image_name}:1"))
        assert found[0]["Architecture"] == architecture


def test_zstd_layers_are_unpacked(
    logged_in: Program, skopeo: Program, image_name: str, tmp_path: Path
) -> None:
    layout = write_layout(tmp_path / "gzip", **{"1": pullable(image_name)})
    squeezed = f"oci:{tmp_path / 'zstd'}:1"
    skopeo("copy", "--dest-compress", "--dest-compress-format", "zstd", f"oci:{layout}:1", squeezed)
    flags = ("--dest-tls-verify=false", "--dest-creds", f"{ADMIN.name}:{ADMIN.password}")
    skopeo("copy", *flags, squeezed, f"docker://{image_name}:1")
    logged_in("pull", PLAIN, f"{image_name}:1")


def test_who_logged_out_is_refused(logged_in: Program, registry: Running, image_name: str) -> None:
    image = pushed(registry, image_name)
    logged_in("pull", PLAIN, image)
    logged_in("logout", registry.host)
    logged_in.refused("pull", PLAIN, image)
