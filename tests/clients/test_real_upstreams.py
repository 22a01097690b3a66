"""Proxies of the servers that people have: registries, indexes and plain file servers, as the benchmarks
run them, and another artifactd."""

import json
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import cast

import pytest

from benchmarks.peers import Peer, PeerAbsent, start_nginx, start_registry
from benchmarks.pypi_peers import start_devpi, start_pypiserver, start_simple_repository
from tests.support.distributions import Distribution, sdist, wheel
from tests.support.homes import Home
from tests.support.hosted import Hosted
from tests.support.layouts import pullable, read_layout, write_layout
from tests.support.programs import Program, installed
from tests.support.proxies import group, hosted, proxy
from tests.support.serving import ADMIN, Running
from tests.support.upload_forms import form
from tests.support.wire import Wire

CREDENTIALS = f"{ADMIN.name}:{ADMIN.password}"
SOURCE = ("--src-tls-verify=false", "--src-creds", CREDENTIALS)
LOGIN = {"username": ADMIN.name, "password": ADMIN.password}


@contextmanager
def started(starter: Callable[[Path], Peer], folder: Path) -> Iterator[Peer]:
    """A server of somebody else; the test is skipped where it is not installed."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)  # connections of the benchmarks' own
            peer = starter(folder)
    except PeerAbsent as absent:
        pytest.skip(str(absent))
    try:
        yield peer
    finally:
        peer.stop()


# Registries


@pytest.fixture
def docker_registry(tmp_path: Path) -> Iterator[str]:
    """Debian's docker-registry, as image names begin."""
    with started(start_registry, tmp_path / "docker-registry") as peer:
        yield f"127.0.0.1:{peer.port}"


@pytest.fixture
def podman(logins: Path, tmp_path_factory: pytest.TempPathFactory) -> Program:
    folder = tmp_path_factory.mktemp("p")
    flags = ["--root", f"{folder}/root", "--runroot", f"{folder}/run", "--tmpdir", f"{folder}/tmp"]
    flags += ["--storage-driver", "vfs", "--cgroup-manager", "cgroupfs", "--events-backend", "none"]
    places = {"TMPDIR": str(folder), "XDG_RUNTIME_DIR": str(folder), "REGISTRY_AUTH_FILE": str(logins)}
    return Program(installed("podman"), flags, places)


@pytest.fixture
def docker(dockerd: Path, tmp_path: Path) -> Program:
    (tmp_path / "config.json").write_text("{}")
    environment = {"DOCKER_HOST": f"unix://{dockerd}", "DOCKER_CONFIG": str(tmp_path)}
    return Program(installed("docker"), (), environment)


@pytest.fixture
def ctr(dockerd: Path) -> Program:
    address = dockerd.parent / "exec" / "containerd" / "containerd.sock"
    return Program(installed("ctr"), ["--address", str(address), "--namespace", "artifactd-real"])


def test_images_of_a_docker_registry_are_pulled(
    registry: Running,
    docker_registry: str,
    skopeo: Program,
    docker: Program,
    podman: Program,
    ctr: Program,
    tmp_path: Path,
) -> None:
    image = pullable("real", layers=3, layer_size=200_000)
    layout = write_layout(tmp_path / "layout", **{"1": image})
    target = f"docker://{docker_registry}/team/app:1"
    skopeo("copy", "--dest-tls-verify=false", f"oci:{layout}:1", target)
    name = f"{registry.host}/{proxy(registry, 'docker', f'http://{docker_registry}/')}/team/app:1"
    skopeo("copy", *SOURCE, f"docker://{name}", f"oci:{tmp_path / 'back'}:1")
    assert read_layout(tmp_path / "back") == image.digest
    docker("login", "-u", ADMIN.name, "--password-stdin", registry.host, stdin=ADMIN.password)
    assert image.digest in docker("pull", name)
    podman("login", "--tls-verify=false", "-u", ADMIN.name, "-p", ADMIN.password, registry.host)
    podman("pull", "--tls-verify=false", name)
    ctr("images", "pull", "--plain-http", "--user", CREDENTIALS, "--snapshotter", "native", name)
    listed = skopeo("list-tags", "--tls-verify=false", "--creds", CREDENTIALS, f"docker://{name}"[:-2])
    assert json.loads(listed)["Tags"] == ["1"]
    skopeo.refused("inspect", "--tls-verify=false", "--creds", CREDENTIALS, f"docker://{name[:-2]}:absent")


def test_images_of_another_artifactd_are_pulled_over_two_hops(
    registry: Running, skopeo: Program, tmp_path: Path
) -> None:
    # It challenges for a token of its own, and answers below the repository's name.
    image = pullable("hops", layers=3, layer_size=200_000)
    own = hosted(registry, "docker")
    with Wire(registry) as wire:
        wire.push(f"{own}/team/app", "1", image)
    near = proxy(registry, "docker", f"{registry.url}/v2/{own}/", **LOGIN)
    far = proxy(registry, "docker", f"{registry.url}/v2/{near}/", **LOGIN)
    skopeo("copy", *SOURCE, f"docker://{registry.host}/{far}/team/app:1", f"oci:{tmp_path / 'back'}:1")
    assert read_layout(tmp_path / "back") == image.digest


# Indexes

APP = wheel("acme-app", requires=["acme-source"])
SOURCE_ONLY = sdist("acme-source")
INDEXES: Mapping[str, Callable[[Path], Peer]] = {
    "pypiserver": start_pypiserver,
    "devpi": start_devpi,
    "simple-repository-server": start_simple_repository,
}


@pytest.fixture(scope="module", params=INDEXES)
def index(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of the project pages of each index, with two projects."""
    with started(INDEXES[request.param], tmp_path_factory.mktemp("index") / request.param) as peer:
        for each in (APP, SOURCE_ONLY):
            _upload(peer, each)
        assert peer.index is not None
        yield f"http://127.0.0.1:{peer.port}{peer.index.simple}"


def _upload(peer: Peer, distribution: Distribution) -> None:
    index = peer.index
    assert index is not None
    if index.folder is not None:
        folder = index.folder / distribution.project
        folder.mkdir(exist_ok=True)
        (folder / distribution.filename).write_bytes(distribution.content)
        return
    body, typed = form(distribution)
    assert isinstance(body, bytes)
    lines = "".join(f"{name}: {value}\r\n" for name, value in typed.items())
    with closing(peer.connect()) as connection:
        connection.request("POST", index.upload, lines, body).expect(200)


def names(target: Path) -> set[str]:
    return {folder.name.removesuffix(".dist-info") for folder in target.glob("*.dist-info")}


@pytest.mark.parametrize("client", ["pip-20", "pip-26", "uv"])
def test_projects_of_an_index_are_installed(
    registry: Running, home: Home, index: str, client: str, tmp_path: Path
) -> None:
    world = Hosted(registry, proxy(registry, "pypi", index))
    own = Hosted(registry, hosted(registry, "pypi"))
    own.publish(wheel("acme-own", requires=["acme-app"]))
    both = Hosted(registry, group(registry, "pypi", own.name, world.name))
    for number, (repository, wanted) in enumerate(((world, "Acme.App"), (both, "acme-own"))):
        target = tmp_path / f"target{number}"
        flags = ["--index-url", repository.simple_as(), "--target", str(target), wanted]
        if client == "uv":
            home.program("uv")("pip", "install", "--no-cache", *flags)
        else:
            home.program(client)("install", "--no-cache-dir", *flags)
        assert names(target) >= {"acme_app-1.0", "acme_source-1.0"}
    assert "acme_own-1.0" in names(tmp_path / "target1")


def test_projects_of_another_artifactd_are_installed_over_two_hops(
    registry: Running, home: Home, tmp_path: Path
) -> None:
    own = Hosted(registry, hosted(registry, "pypi"))
    own.publish(APP, SOURCE_ONLY)
    near = proxy(registry, "pypi", own.url, **LOGIN)
    far = Hosted(registry, proxy(registry, "pypi", f"{registry.url}/repository/{near}/", **LOGIN))
    flags = ("--no-cache", "--index-url", far.simple_as(), "--target", tmp_path / "target")
    home.program("uv")("pip", "install", *flags, "acme-app")
    assert names(tmp_path / "target") == {"acme_app-1.0", "acme_source-1.0"}


# File servers


def test_files_of_nginx_are_fetched(registry: Running, home: Home, tmp_path: Path) -> None:
    with started(start_nginx, tmp_path / "nginx") as peer:
        folder = cast(Path, peer.static) / "dist" / "a b"
        folder.mkdir(parents=True)
        (folder / "data+1.bin").write_bytes(bytes(range(256)) * 4000)
        (folder / "page.html").write_text("<html>page</html>")
        name = proxy(registry, "raw", f"http://127.0.0.1:{peer.port}/dist/")
        curl = home.program("curl", "--fail", "--silent", "--show-error", "--user", CREDENTIALS)
        url = f"{registry.url}/repository/{name}/a%20b/data+1.bin"
        part = tmp_path / "part"
        curl("--range", "100-199", "--output", part, url)
        assert part.read_bytes() == (bytes(range(256)) * 4000)[100:200]
        assert "Content-Length: 1024000" in curl("--head", url).replace("content-length", "Content-Length")
        whole = tmp_path / "whole"
        curl("--output", whole, url)
        assert whole.read_bytes() == bytes(range(256)) * 4000
        assert curl(f"{registry.url}/repository/{name}/a%20b/page.html") == "<html>page</html>"
        curl.refused(f"{registry.url}/repository/{name}/absent")
    curl("--output", whole, url)
    assert whole.read_bytes() == bytes(range(256)) * 4000


LISTING = """<html><head><title>Index of /simple/{0}/</title></head><body>
<h1>Index of /simple/{0}/</h1><hr><pre><a href="../">../</a>
<a href="{1}">{1}</a>    25-Nov-2026 10:00    1234
</pre><hr></body></html>
"""


def test_folders_of_wheels_are_an_index(registry: Running, home: Home, tmp_path: Path) -> None:
    # pypi R142: nothing but names of files, as web servers list folders.
    with started(start_nginx, tmp_path / "nginx") as peer:
        for each in (APP, SOURCE_ONLY):
            folder = cast(Path, peer.static) / "simple" / each.project
            folder.mkdir(parents=True)
            (folder / each.filename).write_bytes(each.content)
            (folder / "index.html").write_text(LISTING.format(each.project, each.filename))
        world = Hosted(registry, proxy(registry, "pypi", f"http://127.0.0.1:{peer.port}/"))
        flags = ("--no-cache", "--index-url", world.simple_as(), "--target", tmp_path / "target")
        home.program("uv")("pip", "install", *flags, "acme-app")
        assert names(tmp_path / "target") == {"acme_app-1.0", "acme_source-1.0"}
