"""dnf with proxies of repositories of other servers, in good times and bad."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.dnf import Dnf, dnf
from tests.support.proxies import command, hosted, proxy
from tests.support.rpms import Rpms, built
from tests.support.rpms_keys import Keyring, keyring
from tests.support.rpms_repos import (
    REPOMD,
    RpmUpstream,
    comps,
    create,
    metalink,
    modules,
    parsed,
    updateinfo,
    web_server,
)
from tests.support.rpms_served import Served
from tests.support.serving import ADMIN, Running, eventually
from tests.support.upstream_faults import status, truncated


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
def upstream() -> Iterator[RpmUpstream]:
    with RpmUpstream() as upstream:
        yield upstream


@pytest.fixture
def world(registry: Running, upstream: RpmUpstream) -> Served:
    """A proxy of the upstream that asks every time for what may change."""
    return Served(registry, proxy(registry, "rpm", f"{upstream.url}/", fresh_for=0))


def test_what_a_web_server_has_signed_is_installed(
    registry: Running, machine: Dnf, rpms: Rpms, keys: Keyring, tmp_path: Path
) -> None:
    # rpm R101: the entry document is the upstream's to the last byte, so its signature holds. R90
    theirs = [file for file in rpms.paths if not file.name.startswith("acme-log")]
    folder = create(
        tmp_path / "theirs",
        *theirs,
        keys=keys,
        comps=comps("their-set", "acme-two"),
        updateinfo=updateinfo("THEIRS-1", "acme-two", "2.0"),
        modules=modules("acme", {"1.10": ["acme-module-0:1.0-1.module.noarch"]}, "1.10"),
    )
    with web_server(tmp_path / "nginx", folder) as url:
        world = Served(registry, proxy(registry, "rpm", f"{url}/"))
        machine.repository("world", world.url, **world.signed)
        machine("makecache")
        for name in ("repomd.xml", "repomd.xml.asc", "repomd.xml.key"):
            answer = world.get(f"repodata/{name}")
            assert (answer.status, answer.body) == (200, (folder / "repodata" / name).read_bytes())
        machine("group", "install", "their-set")
        assert machine.installed() == ["acme-two"]
        assert "1.10 [d]" in machine("module", "list")
        names = ("acme-git", "acme-pre", "libacme++")
        there = machine.download(*names)
        for file in there.iterdir():
            assert file.read_bytes() == (folder / "Packages" / file.name).read_bytes()
    # It is gone; what was downloaded once is here.
    assert world.get("Packages/libacme++-1-1.noarch.rpm").status == 200


def test_packages_of_another_artifactd_are_installed_over_two_hops(
    registry: Running, machine: Dnf, rpms: Rpms
) -> None:
    # T1
    own = Served(registry, hosted(registry, "rpm"))
    own.publish(rpms.path("acme-tool-1.0-1.noarch"), rpms.path("acme-base-1.0-1.noarch"))
    login = {"username": ADMIN.name, "password": ADMIN.password}
    near = Served(registry, proxy(registry, "rpm", own.url, **login))
    far = Served(registry, proxy(registry, "rpm", near.url, **login))
    machine.repository("far", far.url, **far.signed)
    machine.install("acme-tool")
    assert machine.installed() == ["acme-base", "acme-tool"]
    assert far.get(REPOMD).body == own.get(REPOMD).body


@pytest.mark.parametrize("source", ["metalink", "mirrorlist"])
def test_mirrors_that_are_stale_or_broken_are_passed_over(
    registry: Running, machine: Dnf, rpms: Rpms, tmp_path: Path, source: str
) -> None:
    # rpm R106
    old = create(tmp_path / "old", rpms.path("acme-two-1.0-1.noarch"))
    new = create(tmp_path / "new", rpms.path("acme-two-1.0-1.noarch"), rpms.path("acme-two-2.0-1.noarch"))
    repomd = (new / REPOMD).read_bytes()
    with RpmUpstream() as stale, RpmUpstream() as broken, RpmUpstream() as good, RpmUpstream() as lists:
        stale.publish(old)
        broken.publish(new)
        good.publish(new)
        broken.fault(truncated(0.5), "*.gz")
        broken.fault(truncated(0.5), "*.rpm")
        # Without checksums of the entry document nobody knows that a mirror is stale.
        mirrors = [stale, broken, good] if source == "metalink" else [broken, good]
        urls = [mirror.url for mirror in mirrors]
        lists.put("/list", metalink(*urls, repomd=repomd) if source == "metalink" else listed(urls))
        world = Served(registry, proxy(registry, "rpm", f"{lists.url}/list", settings={"source": source}))
        machine.repository("world", world.url, **world.login)
        machine("makecache")
        assert world.get(REPOMD).body == repomd
        assert len(machine.query("acme-two")) == 2
        there = machine.download("acme-two")
        [file] = there.iterdir()
        assert file.read_bytes() == rpms.path("acme-two-2.0-1.noarch").read_bytes()
        assert stale.count("GET", "*.rpm") + broken.count("GET", "*.rpm") + good.count("GET", "*.rpm") >= 2
        said = registry.log.read_text()
        assert broken.host in said, "the log names the mirror that is broken"


def listed(urls: list[str]) -> bytes:
    """A list of mirrors."""
    return "\n".join(["# country = XX", *(f"{url}/" for url in urls), ""]).encode()


def test_what_is_here_is_installed_without_the_upstream(
    machine: Dnf, world: Served, upstream: RpmUpstream, rpms: Rpms, keys: Keyring, tmp_path: Path
) -> None:
    # rpm R109, K12
    upstream.publish(create(tmp_path / "theirs", *rpms.theirs, keys=keys))
    machine.repository("world", world.url, **world.signed)
    machine.install("acme-base")
    upstream.stop()
    with dnf(machine.folder.parent / "another") as another:
        another.repository("world", world.url, **world.signed)
        another.install("acme-base")
        assert another.installed() == ["acme-base"]
        another.refused("install", "acme-world")
    missing = world.get("Packages/acme-world-1.0-1.noarch.rpm")
    assert (missing.status, missing.header("retry-after").isdigit()) == (503, True)
    upstream.start()
    eventually(lambda: machine.attempt("install", "acme-world").code == 0, 30)


def test_nobody_meets_half_of_what_an_upstream_publishes(
    machine: Dnf, world: Served, upstream: RpmUpstream, rpms: Rpms, keys: Keyring, tmp_path: Path
) -> None:
    # rpm R102, R103; T7: it publishes the entry document first, then its signature, and the rest later.
    old, *generations = (
        create(tmp_path / str(number), *rpms.many[: 2 * number], keys=keys) for number in range(1, 4)
    )
    upstream.publish(old)
    machine.repository("world", world.url, **world.signed)
    machine("makecache")
    for folder in generations:
        document = (folder / REPOMD).read_bytes()
        upstream.put(f"/{REPOMD}", document)
        refresh(machine)
        upstream.put(f"/{REPOMD}.asc", (folder / f"{REPOMD}.asc").read_bytes())
        refresh(machine)
        assert nevras(machine) == packages(old)
        upstream.fault(status(404), f"/{parsed(document).files['primary']}", times=2)
        upstream.publish(folder)
        refresh(machine)
        upstream.drop("*-primary.xml.gz", but=folder)
        eventually(lambda wanted=document: looked_again(world) == wanted, 30)  # type: ignore[misc]
        refresh(machine)
        assert nevras(machine) == packages(folder)
        old = folder


def looked_again(world: Served) -> bytes:
    """The entry document, now that every time has passed that answers hold for."""
    command(world.server, world.name, "invalidate", path="")
    return world.get(REPOMD).body


def nevras(machine: Dnf) -> list[str]:
    return [name.replace("-0:", "-") for name in machine.query()]


def packages(folder: Path) -> list[str]:
    return sorted(file.stem for file in (folder / "Packages").iterdir())


def refresh(machine: Dnf) -> None:
    """Ask for what is new, which must succeed."""
    said = machine.refresh()
    assert said.code == 0, said.text
