"""crane, which is strict about the realm it is sent to, and mounts what it copies."""

import json
from pathlib import Path

import pytest

from artifactd.auth.principal import Verb
from tests.support.layouts import platforms, pullable, write_layout
from tests.support.programs import Program, found
from tests.support.serving import ADMIN, Running
from tests.support.wire import Wire


@pytest.fixture
def crane(tmp_path: Path) -> Program:
    """crane without credentials."""
    folder = tmp_path / "crane"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    return Program(found("crane"), ["--insecure"], {"DOCKER_CONFIG": str(folder)})


@pytest.fixture
def logged_in(crane: Program, registry: Running) -> Program:
    """crane, logged in as the administrator under both names of this host."""
    for host in (registry.host, f"localhost:{registry.port}"):
        crane("auth", "login", host, "-u", ADMIN.name, "-p", ADMIN.password)
    return crane


def pushed(registry: Running, image_name: str) -> str:
    """Push the image of this test as another client; its digest."""
    with Wire(registry) as wire:
        built = pullable(image_name)
        wire.push(image_name.removeprefix(f"{registry.host}/"), "1", built)
        return built.digest


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_the_realm_is_where_the_client_is(
    logged_in: Program, registry: Running, image_name: str, host: str
) -> None:
    # docker R23
    digest = pushed(registry, image_name)
    assert logged_in("digest", f"{image_name.replace('127.0.0.1', host)}:1").strip() == digest


def test_a_public_image_is_read_without_a_login(crane: Program, registry: Running, image_name: str) -> None:
    # docker R21
    registry.repository("crane-public")
    registry.allow("anonymous", "*public", Verb.READ)
    with Wire(registry) as wire:
        wire.push("crane-public/app", "1", pullable(image_name))
    crane("manifest", f"{registry.host}/crane-public/app:1")
    pushed(registry, image_name)
    crane.refused("manifest", f"{image_name}:1")


def test_an_image_is_copied_between_repositories(
    logged_in: Program, registry: Running, image_name: str
) -> None:
    # docker R9
    registry.repository("crane-target")
    digest = pushed(registry, image_name)
    logged_in("copy", f"{image_name}:1", f"{registry.host}/crane-target/copied/app:1")
    with Wire(registry) as wire:
        assert wire.pull("crane-target/copied/app", "1") == digest


def test_an_index_is_pushed_as_it_is(logged_in: Program, image_name: str, tmp_path: Path) -> None:
    whole = platforms("amd64", "arm64", content=image_name)
    layout = write_layout(tmp_path / "whole", **{"1": whole})
    logged_in("push", "--index", layout, f"{image_name}:1")
    outer = json.loads(logged_in("manifest", f"{image_name}:1"))
    assert [entry["digest"] for entry in outer["manifests"]] == [whole.digest]
    inner = logged_in("manifest", f"{image_name}@{whole.digest}")
    assert inner.encode() == whole.body


def test_every_tag_is_listed_however_many_there_are(
    logged_in: Program, registry: Running, image_name: str
) -> None:
    # docker R143: crane refuses a next page that is on another host or scheme.
    tags = [f"t{number}" for number in range(2500)]
    with Wire(registry) as wire:
        wire.push_tags(image_name.removeprefix(f"{registry.host}/"), tags, pullable(image_name))
    assert sorted(logged_in("ls", image_name).split()) == sorted(tags)


def test_a_deleted_tag_leaves_the_others(logged_in: Program, registry: Running, image_name: str) -> None:
    # docker R160
    digest = pushed(registry, image_name)
    logged_in("tag", f"{image_name}:1", "2")
    logged_in("delete", f"{image_name}:1")
    assert logged_in("ls", image_name).split() == ["2"]
    assert logged_in("digest", f"{image_name}:2").strip() == digest
