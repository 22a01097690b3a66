"""What stands for repositories of other servers: dnf takes it for real, so what it does to a proxy says
something about it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.dnf import Dnf, dnf
from tests.support.rpms import Rpms, built
from tests.support.rpms_keys import keyring
from tests.support.rpms_repos import REPOMD, RpmUpstream, create, metalink, modules
from tests.support.upstream_faults import truncated


@pytest.fixture(scope="session")
def rpms(tmp_path_factory: pytest.TempPathFactory) -> Rpms:
    return built(tmp_path_factory)


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Dnf]:
    with dnf(tmp_path / "machine") as machine:
        yield machine


def test_what_is_signed_is_installed(machine: Dnf, rpms: Rpms, tmp_path: Path) -> None:
    streams = modules("acme", {"1.10": ["acme-module-0:1.0-1.module.noarch"]})
    with keyring("repository@world.example") as keys, RpmUpstream() as upstream:
        names = (
            "acme-signed-1.0-1.noarch",
            "acme-signed-base-1.0-1.noarch",
            "acme-module-1.0-1.module.noarch",
        )
        folder = create(tmp_path / "theirs", *map(rpms.path, names), keys=keys, modules=streams)
        upstream.publish(folder)
        (tmp_path / "key.asc").write_bytes(rpms.key)
        trusted = f"{upstream.url}/{REPOMD}.key file://{tmp_path}/key.asc"
        machine.repository("theirs", upstream.url, gpgcheck=1, repo_gpgcheck=1, gpgkey=trusted)
        machine.install("acme-signed")
        assert machine.installed() == ["acme-signed", "acme-signed-base"]
        assert machine.query("acme-module") == []  # its stream is not enabled
        upstream.put(f"/{REPOMD}.asc", keys.signature(b"another document"))
        assert "GPG" in machine.refused("--refresh", "makecache")


def test_mirrors_are_chosen_by_what_their_list_says(machine: Dnf, rpms: Rpms, tmp_path: Path) -> None:
    old = create(tmp_path / "old", rpms.path("acme-two-1.0-1.noarch"))
    new = create(tmp_path / "new", rpms.path("acme-two-2.0-1.noarch"))
    with RpmUpstream() as stale, RpmUpstream() as broken, RpmUpstream() as good:
        stale.publish(old)
        for mirror in (broken, good):
            mirror.publish(new)
        broken.fault(truncated(0.5), "*.gz")
        document = metalink(stale.url, broken.url, good.url, repomd=(new / REPOMD).read_bytes())
        good.put("/metalink", document, "application/metalink+xml")
        machine.configure("theirs", f"[theirs]\nname=theirs\nmetalink={good.url}/metalink\ngpgcheck=0\n")
        assert machine.query() == ["acme-two-0:2.0-1.noarch"]
        assert min(mirror.count("GET", f"/{REPOMD}") for mirror in (stale, broken)) >= 1
        assert good.count("GET", "*.gz") >= 1
