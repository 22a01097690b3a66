"""dnf with groups: metadata that is made of what the members have, and signed by nobody else."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.dnf import Dnf, dnf
from tests.support.proxies import group, hosted, proxy
from tests.support.rpms import Rpms, built
from tests.support.rpms_keys import Keyring, keyring
from tests.support.rpms_repos import REPOMD, RpmUpstream, comps, create, modules, updateinfo
from tests.support.rpms_served import Served
from tests.support.serving import Running, eventually


@pytest.fixture(scope="session")
def rpms(tmp_path_factory: pytest.TempPathFactory) -> Rpms:
    return built(tmp_path_factory)


@pytest.fixture(scope="module")
def keys() -> Iterator[Keyring]:
    """The upstream's key."""
    with keyring("repository@world.example") as keys:
        yield keys


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Dnf]:
    with dnf(tmp_path / "machine") as machine:
        yield machine


@pytest.fixture
def upstream(rpms: Rpms, keys: Keyring, tmp_path: Path) -> Iterator[RpmUpstream]:
    """Somebody else's repository with `THEIRS`, signed by themselves."""
    folder = create(
        tmp_path / "theirs",
        *rpms.theirs,
        rpms.path("acme-module-2.0-1.module.noarch"),
        keys=keys,
        comps=comps("their-set", "acme-world"),
        updateinfo=updateinfo("THEIRS-1", "acme-world", "1.0"),
        modules=modules("acme", {"1.9": ["acme-module-0:2.0-1.module.noarch"]}, "1.9"),
    )
    with RpmUpstream() as upstream:
        upstream.publish(folder)
        yield upstream


@pytest.fixture
def own(registry: Running) -> Served:
    return Served(registry, hosted(registry, "rpm"))


def grouped(own: Served, *others: str, **more: Any) -> Served:
    """A group of a hosted repository, which takes uploads, and others behind it."""
    return Served(own.server, group(own.server, "rpm", own.name, *others, writable=own.name, **more))


def test_names_of_ours_are_never_taken_from_the_world(
    registry: Running, machine: Dnf, own: Served, upstream: RpmUpstream, rpms: Rpms
) -> None:
    # rpm R120, R94; T8
    own.publish(rpms.path("acme-two-1.0-1.noarch"), rpms.path("acme-base-1.0-1.noarch"))
    both = grouped(own, proxy(registry, "rpm", f"{upstream.url}/"))
    machine.repository("both", both.url, **both.signed)
    assert machine.query("--latest-limit=9", "*.noarch") == [
        "acme-base-1:1.0-1.noarch",
        "acme-module-0:2.0-1.module.noarch",
        "acme-two-0:1.0-1.noarch",
        "acme-world-0:1.0-1.noarch",
    ]
    machine.install("acme-world", "acme-two")
    assert machine.installed() == ["acme-base", "acme-two", "acme-world"]
    assert both.get("Packages/acme-two-3.0-1.noarch.rpm").status == 404
    assert [each.path for each in upstream.asked("", "*acme-two*")] == []
    assert [each.path for each in upstream.asked("", "*acme-base*")] == []
    # The group signs what it made with its own key.
    with keyring("reader@acme.example") as reader:
        document, signature, key = (both.get(f"{REPOMD}{suffix}").body for suffix in ("", ".asc", ".key"))
        reader.trust(key)
        assert reader.verifies(document, signature)
    assert key != own.get(f"{REPOMD}.key").body


def test_all_versions_of_all_members_are_there(
    registry: Running, machine: Dnf, own: Served, upstream: RpmUpstream, rpms: Rpms
) -> None:
    # rpm R121
    own.publish(rpms.path("acme-two-1.0-1.noarch"), rpms.path("acme-two-2.0-1.noarch"))
    both = grouped(own, proxy(registry, "rpm", f"{upstream.url}/"), merge=["acme-two"])
    machine.repository("both", both.url, **both.login)
    listed = machine("--quiet", "list", "--showduplicates", "acme-two.noarch")
    assert [line.split()[1] for line in listed.splitlines() if line.startswith("acme-two")] == [
        "1.0-1",
        "2.0-1",
        "3.0-1",
    ]
    # The first has the word where two have the same version.
    machine.install("acme-two-1.0")
    there = machine.download("acme-two-1.0", "acme-two-3.0")
    assert {file.name: file.read_bytes() for file in there.iterdir()} == {
        "acme-two-1.0-1.noarch.rpm": rpms.path("acme-two-1.0-1.noarch").read_bytes(),
        "acme-two-3.0-1.noarch.rpm": rpms.their("acme-two-3.0-1.noarch").read_bytes(),
    }


def test_one_path_may_be_two_packages(
    registry: Running, machine: Dnf, own: Served, rpms: Rpms, tmp_path: Path
) -> None:
    # rpm R122
    other = Served(registry, hosted(registry, "rpm"))
    first, second = rpms.path("acme-two-1.0-1.noarch"), rpms.path("acme-two-2.0-1.noarch")
    path = f"Packages/{first.name}"
    assert own.request("PUT", path, first.read_bytes()).status == 201
    assert other.request("PUT", path, second.read_bytes()).status == 201
    own.settle()
    other.settle()
    both = grouped(own, other.name)
    machine.repository("both", both.url, **both.login)
    machine("reposync", "--norepopath", f"--download-path={tmp_path / 'mirror'}")
    mirrored = sorted(file.read_bytes() for file in (tmp_path / "mirror").rglob("*.rpm"))
    assert mirrored == sorted([first.read_bytes(), second.read_bytes()])
    machine.install("acme-two-1.0")
    machine("upgrade", "acme-two")
    assert machine("--quiet", "list", "installed", "acme-two").split()[-2:-1] == ["2.0-1"]


def test_what_is_beside_packages_is_of_all_members(
    registry: Running, machine: Dnf, own: Served, upstream: RpmUpstream, rpms: Rpms
) -> None:
    # rpm R124, R82
    own.describe("comps", comps("our-set", "acme-two"))
    own.describe("updateinfo", updateinfo("OURS-1", "acme-two", "2.0"))
    own.describe("modules", modules("acme", {"1.10": ["acme-module-0:1.0-1.module.noarch"]}, "1.10"))
    own.publish(
        *(
            rpms.path(f"{name}.noarch")
            for name in ("acme-two-1.0-1", "acme-two-2.0-1", "acme-module-1.0-1.module")
        )
    )
    world = proxy(registry, "rpm", f"{upstream.url}/")
    both = grouped(own, world, merge=["acme-module"])
    machine.repository("both", both.url, **both.signed)
    groups = machine("group", "list")
    assert "Our-Set" in groups
    assert "Their-Set" in groups
    streams = [
        line.split()[1:3] for line in machine("module", "list").splitlines() if line.startswith("acme")
    ]
    assert streams == [["1.9", "common"], ["1.10", "[d]"]]
    machine.install("acme-two-1.0", "acme-world")
    advisories = machine("updateinfo", "list", "--all")
    assert "OURS-1" in advisories
    assert "THEIRS-1" in advisories
    machine("module", "install", "acme:1.9/common")
    assert "2.0" in machine("--quiet", "list", "installed", "acme-module")


def test_what_a_member_has_anew_is_in_the_group_soon(
    registry: Running, machine: Dnf, own: Served, upstream: RpmUpstream, rpms: Rpms
) -> None:
    # rpm R126, R20: an upload to the group is one to its member.
    own.publish(rpms.path("acme-two-1.0-1.noarch"))
    both = grouped(own, proxy(registry, "rpm", f"{upstream.url}/"))
    machine.repository("both", both.url, **both.signed)
    assert machine.query("acme-two.noarch") == ["acme-two-0:1.0-1.noarch"]
    before = both.repomd().revision
    assert both.put(rpms.path("acme-two-2.0-1.noarch")).status == 201
    own.settle()
    eventually(lambda: both.repomd().revision > before, 20)
    assert machine.refresh().code == 0
    assert len(machine.query("acme-two.noarch")) == 2
    # A member that is away keeps what it had.
    upstream.stop()
    assert machine.refresh().code == 0
    assert "acme-world-0:1.0-1.noarch" in machine.query()
