"""dnf, and the tools around it, with hosted repositories."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from artifactd.auth.principal import Verb
from benchmarks.peers import free_port, nginx
from tests.support.dnf import Dnf, dnf
from tests.support.homes import Home
from tests.support.programs import Program, installed
from tests.support.proxies import hosted
from tests.support.rpms import Rpms, built
from tests.support.rpms_repos import REPOMD, comps, modules, updateinfo
from tests.support.rpms_served import Served
from tests.support.server import Login
from tests.support.serving import ADMIN, Running, eventually, listens

STREAMS = {
    "1.10": ["acme-module-0:1.0-1.module.noarch"],
    "1.9": ["acme-module-0:2.0-1.module.noarch"],
}


@pytest.fixture(scope="session")
def rpms(tmp_path_factory: pytest.TempPathFactory) -> Rpms:
    return built(tmp_path_factory)


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Dnf]:
    with dnf(tmp_path / "machine") as machine:
        yield machine


@pytest.fixture
def own(registry: Running) -> Served:
    """A repository of this test alone."""
    return Served(registry, hosted(registry, "rpm"))


@pytest.fixture(scope="module")
def whole(registry: Running, rpms: Rpms) -> Served:
    """A repository with every package and everything beside them. It is only read."""
    whole = Served(registry, hosted(registry, "rpm"))
    whole.describe("comps", comps("acme-set", "acme-tool", "libacme++"))
    whole.describe("modules", modules("acme", STREAMS, "1.10"))
    whole.describe("updateinfo", updateinfo("ACME-2024:7", "acme-two", "2.0"))
    whole.publish(*rpms.paths)
    return whole


@pytest.fixture(scope="module")
def reader(whole: Served, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dnf]:
    """A machine that has the metadata of `whole`, hides nothing of it, and installs nothing."""
    with dnf(tmp_path_factory.mktemp("reader") / "machine") as machine:
        lasting = {"metadata_expire": "1d", "module_hotfixes": 1}
        machine.repository("ours", whole.url, **whole.signed, **lasting)
        machine("makecache")
        yield machine


def nevras(*files: Path) -> list[str]:
    """How packages are known to dnf, by their files."""
    query = "--queryformat=%{NAME}-%{EPOCHNUM}:%{VERSION}-%{RELEASE}.%{ARCH} %{SOURCEPACKAGE}\n"
    lines = Program(installed("rpm"), ["-qp", "--nosignature", query])(*files).splitlines()
    named = [line.split() for line in lines]
    return sorted(
        f"{name.rpartition('.')[0]}.src" if is_source == "1" else name for name, is_source in named
    )


def test_a_repository_without_packages_is_one(own: Served, machine: Dnf) -> None:
    # rpm R67
    eventually(lambda: own.get(REPOMD).status == 200, 60)
    machine.repository("ours", own.url, **own.signed)
    machine("makecache")
    assert machine.query() == []


def test_what_is_uploaded_is_installed(own: Served, machine: Dnf, rpms: Rpms, home: Home) -> None:
    # rpm R20, R26, R90; T3
    curl = home.program(
        "curl", "--fail", "--silent", "--show-error", "--user", f"{ADMIN.name}:{ADMIN.password}"
    )
    base, tool = (rpms.path(f"{name}-1.0-1.noarch") for name in ("acme-signed-base", "acme-signed"))
    curl("-T", base, f"{own.url}Packages/")
    said = curl("-T", tool, "--write-out", "%{http_code}", f"{own.url}Packages/{tool.name}?wait=metadata")
    assert said.endswith("201")
    key = home.write("packages.asc", rpms.key.decode())
    keys = f"{own.signed['gpgkey']} file://{key}"
    machine.repository("ours", own.url, **{**own.signed, "gpgkey": keys}, gpgcheck=1)
    machine.install("acme-signed")
    assert machine.installed() == ["acme-signed", "acme-signed-base"]
    assert (machine.root / "usr/bin/acme-signed").exists()


def test_every_package_is_listed_once(reader: Dnf, rpms: Rpms) -> None:
    # rpm R41, R42, R64; T2
    assert reader.query() == nevras(*rpms.paths)


def test_what_packages_need_and_give_is_known(reader: Dnf) -> None:
    # rpm R41, R45, R46; T3
    assert reader.query("--whatrequires", "acme-base") == [
        "acme-tool-0:1.0-1.noarch",
        "acme-weak-0:1.0-1.noarch",
    ]
    assert reader.query("--whatprovides", "acme(tool) = 2:3-4") == ["acme-tool-0:1.0-1.noarch"]
    assert reader.query("--whatobsoletes", "acme-one") == ["acme-two-0:2.0-1.noarch"]
    assert reader.query("--whatrecommends", "acme-tool") == ["acme-weak-0:1.0-1.noarch"]


def test_files_that_only_the_list_of_files_has_are_found(reader: Dnf) -> None:
    # rpm R44; T3
    assert "acme-files-1.0-1.noarch" in reader("provides", "*/bin/acme-own")
    assert reader.query("--file", "/usr/share/acme-many/0123") == ["acme-many-files-0:1.0-1.noarch"]
    assert reader.query("--file", "/var/log/acme.log") == ["acme-files-0:1.0-1.noarch"]
    listed = reader("--quiet", "repoquery", "--list", "libacme++.noarch").split()
    assert listed == ["/usr/lib/libacme++/c++"]


def test_changelogs_of_any_coding_are_read(reader: Dnf) -> None:
    # rpm R47, R48; T3
    old = reader("--quiet", "repoquery", "--changelog", "acme-log.noarch")
    assert "René <rene@acme.example>" in old
    assert "the café" in old
    assert "<first> & last" in old
    long = reader("--quiet", "repoquery", "--changelog", "acme-tool.noarch")
    assert long.count("\n- ") == 10
    assert "Füße, 日本語 & <more>" in reader("--quiet", "info", "acme-tool.noarch")


def test_names_with_any_sign_are_downloaded(reader: Dnf, rpms: Rpms) -> None:
    # rpm R5; T2
    files = [
        rpms.path(f"{name}.noarch")
        for name in ("acme-git-1.0^git1-1", "acme-pre-1.0~rc1-1", "libacme++-1-1")
    ]
    there = reader.download("acme-git", "acme-pre", "libacme++")
    assert {file.name: file.read_bytes() for file in there.iterdir()} == {
        file.name: file.read_bytes() for file in files
    }


def test_groups_and_advisories_and_modules_are_there(whole: Served, machine: Dnf) -> None:
    # rpm R80, R81, R82, R23; T3
    machine.repository("ours", whole.url, **whole.signed)
    assert "Acme-Set" in machine("group", "list")
    machine("group", "install", "acme-set")
    machine.install("acme-two-1.0")
    assert machine.installed() == ["acme-base", "acme-tool", "acme-two", "libacme++"]
    assert "ACME-2024:7 Important/Sec. acme-two-2.0-1.noarch" in machine("updateinfo", "list")
    listed = machine("module", "list")
    assert [line.split()[:3] for line in listed.splitlines() if line.startswith("acme")] == [
        ["acme", "1.9", "common"],
        ["acme", "1.10", "[d]"],
    ]
    assert machine.query("acme-module.noarch") == ["acme-module-0:1.0-1.module.noarch"]
    machine("module", "enable", "acme:1.9")
    assert machine.query("acme-module.noarch") == ["acme-module-0:2.0-1.module.noarch"]
    machine("module", "install", "acme:1.9/common")
    assert "acme-module" in machine.installed()


def test_what_is_deleted_is_gone_and_its_old_list_is_not(own: Served, machine: Dnf, rpms: Rpms) -> None:
    # rpm R27, R62
    own.publish(rpms.path("acme-two-1.0-1.noarch"), rpms.path("acme-two-2.0-1.noarch"))
    machine.repository("ours", own.url, **own.login, metadata_expire="1d")
    assert len(machine.query("acme-two")) == 2
    before = own.repomd()
    assert own.request("DELETE", "Packages/acme-two-2.0-1.noarch.rpm").status == 204
    own.settle()
    assert {own.get(file).status for file in before.files.values()} == {200}
    assert machine.refresh().code == 0
    assert machine.query("acme-two") == ["acme-two-0:1.0-1.noarch"]
    # Nothing has changed: it is the very same document, so that nobody downloads anything.
    document = own.get(REPOMD)
    own.settle()
    assert own.get(REPOMD).body == document.body
    assert before.revision < own.repomd().revision


def test_the_offered_configuration_is_used_as_it_is(whole: Served, machine: Dnf) -> None:
    # rpm R4, R90, T9
    offered = f"{whole.name}.repo"
    url = f"{whole.url}{offered}".replace("//", f"//{ADMIN.name}:{ADMIN.password}@", 1)
    machine("config-manager", f"--add-repo={url}")
    text = (machine.folder / "repos" / offered).read_text()
    assert "repo_gpgcheck=1" in text
    assert ADMIN.password not in text
    login = [f"--setopt={whole.name}.{option}={value}" for option, value in whole.login.items()]
    assert machine.query(*login, "acme-tool.noarch") == ["acme-tool-0:1.0-1.noarch"]


def test_folders_are_repositories_of_their_own(registry: Running, machine: Dnf, rpms: Rpms) -> None:
    # rpm R1, R2
    own = Served(registry, hosted(registry, "rpm", repodata_depth=2))
    own.publish(rpms.path("acme-two-1.0-1.noarch"), folder="9/x86_64/Packages/a")
    own.publish(rpms.path("acme-two-2.0-1.noarch"), folder="8/x86_64")
    assert own.put(rpms.path("acme-tool-1.0-1.noarch"), "9").status == 400
    machine.repository("ours", f"{own.url}$releasever/$basearch/", **own.login)
    assert machine.query() == ["acme-two-0:1.0-1.noarch"]
    machine.install("acme-two")
    assert machine.query("--releasever=8") == ["acme-two-0:2.0-1.noarch"]


def test_metadata_may_be_compressed_otherwise(registry: Running, machine: Dnf, rpms: Rpms) -> None:
    # rpm R65
    own = Served(registry, hosted(registry, "rpm", compression="zstd"))
    own.publish(*rpms.many[:150], rpms.path("acme-log-1.0-1.noarch"), rpms.path("acme-files-1.0-1.noarch"))
    assert own.repomd().files["primary"].endswith("-primary.xml.zst")
    machine.repository("ours", own.url, **own.signed)
    assert len(machine.query()) == 152
    assert "acme-files" in machine("provides", "*/bin/acme-own")
    assert "café" in machine("--quiet", "repoquery", "--changelog", "acme-log")


def test_what_was_mirrored_is_brought_up_to_date_by_others(
    own: Served, machine: Dnf, rpms: Rpms, tmp_path: Path
) -> None:
    # rpm R60; T1
    files = [file for file in rpms.paths if not file.name.startswith("acme-log")]
    own.describe("comps", comps("acme-set", "acme-tool"))
    own.publish(*files)
    machine.repository("ours", own.url, **own.login)
    machine("reposync", "--download-metadata", "--norepopath", f"--download-path={tmp_path / 'mirror'}")
    mirrored = {file.name: file for file in (tmp_path / "mirror" / "Packages").iterdir()}
    assert {name: file.read_bytes() for name, file in mirrored.items()} == {
        file.name: file.read_bytes() for file in files
    }
    mirror = Program(installed("createrepo_c"), ["--update", "--no-database"])
    mirror(tmp_path / "mirror")
    machine.repository("ours", f"file://{tmp_path}/mirror/")
    assert machine.query() == nevras(*files)


def test_a_private_repository_asks_who_it_is(
    registry: Running, own: Served, machine: Dnf, rpms: Rpms
) -> None:
    # rpm R144
    own.publish(rpms.path("acme-two-1.0-1.noarch"))
    role = f"{own.name}-reader"
    registry.allow(role, own.name, Verb.READ)
    password = "correct:horse @ battery/ü%"
    login = registry.user(role, password, role)
    machine.repository("ours", own.url)
    assert "401" in machine.refused("makecache")
    machine.repository("ours", own.url, username=login.name, password="wrong")
    machine.refused("makecache")
    machine.repository("ours", own.url, username=login.name, password=password)
    machine.install("acme-two")
    assert own.request("PUT", "Packages/x.rpm", b"", Login(login.name, password)).status == 403


def test_a_server_in_front_that_compresses_changes_nothing(
    whole: Served, machine: Dnf, tmp_path: Path
) -> None:
    # rpm R141
    port = free_port()
    lines = (
        "gzip on; gzip_types *; gzip_proxied any; gzip_min_length 1; gzip_http_version 1.0; access_log off;"
    )
    server = f"server {{ listen 127.0.0.1:{port}; location / {{ proxy_pass {whole.server.url}; }} }}"
    installed("nginx")
    (tmp_path / "front").mkdir()
    process = subprocess.Popen(nginx(tmp_path / "front", f"{lines} {server}"))
    try:
        eventually(lambda: listens(port))
        url = whole.url.replace(str(whole.server.port), str(port))
        machine.repository("ours", url, **{**whole.signed, "gpgkey": f"{url}{REPOMD}.key"})
        machine.install("acme-tool")
        assert "acme-files" in machine("provides", "*/bin/acme-own")
    finally:
        process.terminate()  # its worker, too
        process.wait(20)
