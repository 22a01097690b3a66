"""Image clients of groups: what is ours is ours, and members are asked for no more than it takes."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.fake_registry import FakeRegistry
from tests.support.layouts import pullable, read_layout, write_layout
from tests.support.programs import Program
from tests.support.proxies import group, hosted, proxy
from tests.support.serving import ADMIN, Running, eventually
from tests.support.upstream_faults import status
from tests.support.wire import Wire

CREDENTIALS = f"{ADMIN.name}:{ADMIN.password}"
SOURCE = ("--src-tls-verify=false", "--src-creds", CREDENTIALS)
TARGET = ("--dest-tls-verify=false", "--dest-creds", CREDENTIALS)
LOGIN = ("--tls-verify=false", "--creds", CREDENTIALS)


@pytest.fixture
def hub() -> Iterator[FakeRegistry]:
    with FakeRegistry() as hub:
        yield hub


@pytest.fixture
def quay() -> Iterator[FakeRegistry]:
    with FakeRegistry() as quay:
        yield quay


def pulled(skopeo: Program, registry: Running, name: str, folder: Path) -> str:
    """Pull `repository/image:tag`; its digest, once everything is what it should be."""
    skopeo("copy", "--all", *SOURCE, f"docker://{registry.host}/{name}", f"oci:{folder}:1")
    return read_layout(folder)


def asked(upstream: FakeRegistry, image: str) -> list[str]:
    return [f"{each.method} {each.path}" for each in upstream.asked() if image in each.path]


def test_an_image_of_ours_is_never_taken_from_the_world(
    skopeo: Program, registry: Running, hub: FakeRegistry, tmp_path: Path
) -> None:
    # docker R200, R205
    own = hosted(registry, "docker")
    both = group(registry, "docker", own, proxy(registry, "docker", hub.url, fresh_for=0), writable=own)
    ours = pullable("ours")
    hub.push("team/app", pullable("theirs"), "1", "2", "latest")
    with Wire(registry) as wire:
        wire.push(f"{own}/team/app", "1", ours)
        assert pulled(skopeo, registry, f"{both}/team/app:1", tmp_path / "one") == ours.digest
        said = skopeo.refused("inspect", *LOGIN, f"docker://{registry.host}/{both}/team/app:2")
        assert "manifest unknown" in said
        tags = json.loads(skopeo("list-tags", *LOGIN, f"docker://{registry.host}/{both}/team/app"))["Tags"]
        assert tags == ["1"]
        wire.expect(202, "DELETE", f"/v2/{own}/team/app/manifests/{ours.digest}")
        skopeo.refused("inspect", *LOGIN, f"docker://{registry.host}/{both}/team/app:1")
    assert asked(hub, "team/app") == []


def test_an_image_that_only_the_second_has_costs_the_first_one_question(
    skopeo: Program, registry: Running, hub: FakeRegistry, quay: FakeRegistry, tmp_path: Path
) -> None:
    # docker R201: nor are its layers asked of everybody.
    image = pullable("second", layers=5)
    quay.push("team/app", image, "1")
    proxies = [proxy(registry, "docker", each.url) for each in (hub, quay)]
    both = group(registry, "docker", hosted(registry, "docker"), *proxies)
    assert pulled(skopeo, registry, f"{both}/team/app:1", tmp_path / "one") == image.digest
    assert len(asked(hub, "team/app")) <= 2
    assert not any("/blobs/" in each for each in asked(hub, "team/app"))
    assert quay.count("GET", "/v2/team/app/blobs/*") == 6


def test_the_first_that_has_a_tag_gives_it(
    skopeo: Program, registry: Running, hub: FakeRegistry, quay: FakeRegistry, tmp_path: Path
) -> None:
    # docker R200, R202
    first, second = pullable("first"), pullable("second")
    hub.push("team/app", first, "1", "a")
    quay.push("team/app", second, "1", "b")
    proxies = [proxy(registry, "docker", each.url) for each in (hub, quay)]
    both = group(registry, "docker", *proxies)
    nested = group(registry, "docker", both)
    for name in (both, nested):
        assert pulled(skopeo, registry, f"{name}/team/app:1", tmp_path / name) == first.digest
        assert pulled(skopeo, registry, f"{name}/team/app:b", tmp_path / f"{name}b") == second.digest
        listed = skopeo("list-tags", *LOGIN, f"docker://{registry.host}/{name}/team/app")
        assert json.loads(listed)["Tags"] == ["1", "a", "b"]


def test_a_member_that_cannot_be_asked_is_not_passed_over(
    skopeo: Program, registry: Running, hub: FakeRegistry, quay: FakeRegistry, tmp_path: Path
) -> None:
    # docker R200; proxy R102: a tag may be its, whereas a digest says which bytes are right.
    first, second = pullable("first"), pullable("second")
    hub.push("team/app", first, "1")
    quay.push("team/app", second, "1")
    both = group(registry, "docker", *(proxy(registry, "docker", each.url) for each in (hub, quay)))
    hub.fault(status(503))
    with Wire(registry) as wire:
        answer = wire.request("GET", f"/v2/{both}/team/app/manifests/1")
        assert answer.status == 503, answer
        assert answer.header("retry-after").isdigit()
        by_digest = wire.request("GET", f"/v2/{both}/team/app/manifests/{second.digest}")
        assert by_digest.status == 200, by_digest
        hub.heal()
        eventually(lambda: wire.request("GET", f"/v2/{both}/team/app/manifests/1").status == 200, 20)
    assert pulled(skopeo, registry, f"{both}/team/app:1", tmp_path / "one") == first.digest


def test_a_push_goes_to_the_member_that_takes_it(
    skopeo: Program, registry: Running, hub: FakeRegistry, tmp_path: Path
) -> None:
    # docker R204
    own = hosted(registry, "docker")
    both = group(registry, "docker", own, proxy(registry, "docker", hub.url, fresh_for=0), writable=own)
    base = pullable("base", layers=3)
    hub.push("base", base, "1")
    layout = write_layout(tmp_path / "layout", **{"1": pullable("pushed")})
    skopeo("copy", *TARGET, f"oci:{layout}:1", f"docker://{registry.host}/{both}/team/pushed:1")
    for name in (own, both):
        digest = pulled(skopeo, registry, f"{name}/team/pushed:1", tmp_path / name)
        assert digest == pullable("pushed").digest
    # What is built upon an image of the world has its layers.
    theirs, ours = f"docker://{registry.host}/{both}/base:1", f"docker://{registry.host}/{both}/team/base:1"
    skopeo("copy", *SOURCE, *TARGET, theirs, ours)
    assert pulled(skopeo, registry, f"{own}/team/base:1", tmp_path / "based") == base.digest
    closed = group(registry, "docker", own)
    said = skopeo.refused("copy", *TARGET, f"oci:{layout}:1", f"docker://{registry.host}/{closed}/team/x:1")
    assert "405" in said or "unsupported" in said.lower() or "not allowed" in said.lower(), said
