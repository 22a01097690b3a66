"""Repodata that dnf reads, and repodata that createrepo_c has made, without a server of ours."""

import subprocess
import threading
from collections.abc import Iterator, Mapping
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path

import pytest

from artifactd_rpm.description import describe
from artifactd_rpm.fragments import KIND
from artifactd_rpm.runs import DOCUMENTS
from tests.support.dnf import Dnf, dnf
from tests.support.programs import installed
from tests.support.repodata import Described, Folder, Group, Member, content, locations, packages
from tests.support.rpms import Rpms, built

COMPS = b"""<comps><group><id>acme</id><name>Acme</name><uservisible>true</uservisible>
<packagelist><packagereq type="mandatory">acme-tool</packagereq></packagelist></group></comps>"""


@pytest.fixture(scope="module")
def rpms(tmp_path_factory: pytest.TempPathFactory) -> Rpms:
    return built(tmp_path_factory)


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Dnf]:
    with dnf(tmp_path / "machine") as found:
        yield found


@pytest.fixture
def web(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A folder, and the address of a server that knows of nothing but files."""
    folder = tmp_path / "web"
    folder.mkdir()
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield folder, f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    thread.join()
    server.server_close()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *arguments: object) -> None:
        pass


def described(path: Path) -> Described:
    data = path.read_bytes()
    found = describe(path.name, "", BytesIO(data))
    return Described(data, found.label, found.derived[KIND])  # type: ignore[arg-type]


def write(folder: Path, files: Mapping[str, bytes]) -> None:
    for path, data in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)


@pytest.mark.parametrize("compression", ["gzip", "zstd"])
def test_dnf_reads_what_a_hosted_repository_publishes(
    rpms: Rpms, web: tuple[Path, str], machine: Dnf, compression: str
) -> None:
    # rpm R41, R60, R65, T1: documents of several members, after one was copied from a set before.
    directory, url = web
    folder = Folder(compression=compression)
    for path in rpms.many:
        folder.put(f"Packages/{path.name}", described(path))
    folder.put_file(".metadata/comps", COMPS)
    folder.publish()
    for name in ("acme-tool-1.0-1.noarch", "acme-git-1.0^git1-1.noarch", "libacme++-1-1.noarch"):
        folder.put(f"{name}.rpm", described(rpms.path(name)))
    folder.publish()
    assert len(folder.derived_of) < len(rpms.many)
    write(directory, folder.files)
    machine.repository("ours", url)
    found = machine.query()
    assert len(found) == len(rpms.many) + 3
    assert "acme-git-0:1.0^git1-1.noarch" in found
    assert machine.query("--file", "/usr/bin/acme-tool") == ["acme-tool-0:1.0-1.noarch"]
    assert "acme" in machine("group", "list", "--ids").lower()


def test_dnf_reads_what_a_group_has_merged(rpms: Rpms, web: tuple[Path, str], machine: Dnf) -> None:
    # rpm R120, R121, R122
    directory, url = web
    ours, theirs = Folder(), Folder(compression="zstd")
    mine, other = rpms.path("acme-two-1.0-1.noarch"), rpms.their("acme-two-3.0-1.noarch")
    ours.put("Packages/acme-two.rpm", described(mine))
    theirs.put("Packages/acme-two.rpm", described(other))
    ours.publish()
    theirs.publish()
    group = Group(Member("ours", ours.files), Member("theirs", theirs.files, asks_upstream=True))
    group.merge()
    write(directory, group.files)
    write(directory, {"Packages/acme-two.rpm": mine.read_bytes()})
    write(directory, {"_member/theirs/Packages/acme-two.rpm": other.read_bytes()})
    machine.repository("group", url)
    assert machine.query("--showduplicates", "acme-two") == [
        "acme-two-0:1.0-1.noarch",
        "acme-two-0:3.0-1.noarch",
    ]
    # One by one: dnf keeps files by the last segment of their locations.
    [downloaded] = machine.download("acme-two-3.0").iterdir()
    assert downloaded.read_bytes() == other.read_bytes()


@pytest.mark.parametrize("flags", [[], ["--general-compress-type=xz"], ["--general-compress-type=bz2"]])
def test_what_createrepo_c_has_made_is_merged(rpms: Rpms, tmp_path: Path, flags: list[str]) -> None:
    # rpm R120, T1
    names = ["acme-tool-1.0-1.noarch", "acme-files-1.0-1.noarch", "acme-weak-1.0-1.noarch"]
    for name in names:
        write(tmp_path, {f"Packages/{name}.rpm": rpms.path(name).read_bytes()})
    subprocess.run([installed("createrepo_c"), "--quiet", *flags, str(tmp_path)], check=True)
    files = {f"repodata/{path.name}": path.read_bytes() for path in (tmp_path / "repodata").iterdir()}
    group = Group(Member("theirs", files))
    group.merge()
    assert list(locations(group.files)) == sorted(f"Packages/{name}.rpm" for name in names)
    assert [len(packages(group.files, kind)) for kind in DOCUMENTS] == [3, 3, 3]
    if not flags:
        for kind in DOCUMENTS:
            assert content(group.files, kind) == content(files, kind)
