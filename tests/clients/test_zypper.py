"""zypper with a hosted repository."""

from pathlib import Path

import pytest

from tests.support.proxies import hosted
from tests.support.rpms import Rpms, built
from tests.support.rpms_served import Served
from tests.support.serving import ADMIN, Running
from tests.support.zypper import Zypper


@pytest.fixture(scope="session")
def rpms(tmp_path_factory: pytest.TempPathFactory) -> Rpms:
    return built(tmp_path_factory)


@pytest.fixture
def machine(tmp_path: Path) -> Zypper:
    return Zypper(tmp_path / "machine")


def test_a_signed_repository_is_added_and_installed_from(
    registry: Running, machine: Zypper, rpms: Rpms
) -> None:
    # rpm R90, R145; T1: it asks for the signature and the key before the document, and for a medium.
    own = Served(registry, hosted(registry, "rpm"))
    own.publish(*rpms.paths)
    machine("addrepo", own.url.replace("//", f"//{ADMIN.name}:{ADMIN.password}@", 1), "ours")
    machine("refresh")
    found = machine("search", "--details", "acme")
    for name, version in (("acme-tool", "1.0-1"), ("acme-base", "1:1.0-1"), ("acme-git", "1.0^git1-1")):
        assert any(name in line and version in line for line in found.splitlines()), found
    machine("install", "acme-tool", "acme-pre", "libacme++")
    assert (machine.root / "usr/bin/acme-tool").exists()
    assert (machine.root / "usr/lib/libacme++/c++").exists()
    # What is new is seen at the next refresh.
    own.publish(rpms.their("acme-two-3.0-1.noarch"))
    machine("refresh")
    assert "3.0-1" in machine("search", "--details", "--match-exact", "acme-two")
