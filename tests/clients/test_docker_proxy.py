"""Image clients that pull through a proxy of a registry with tokens, whose layers are elsewhere."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from artifactd.auth.principal import Verb
from tests.support.fake_answers import Fault
from tests.support.fake_registry import FakeRegistry, Tokens
from tests.support.fake_upstream import FakeUpstream
from tests.support.layouts import platforms, pullable, read_layout
from tests.support.programs import Program, found, installed
from tests.support.proxies import command, proxy
from tests.support.server import Login
from tests.support.serving import ADMIN, Running, eventually
from tests.support.upstream_faults import flipped, reset, status, truncated
from tests.support.wire import Wire

PULLER = Login("puller", "the-upstream-s-secret")
CREDENTIALS = f"{ADMIN.name}:{ADMIN.password}"
SOURCE = ("--src-tls-verify=false", "--src-creds", CREDENTIALS)
LOGIN = ("--tls-verify=false", "--creds", CREDENTIALS)
PLAIN = ("--plain-http", "--user", CREDENTIALS)


@pytest.fixture
def cdn() -> Iterator[FakeUpstream]:
    with FakeUpstream() as cdn:
        yield cdn


@pytest.fixture
def upstream(cdn: FakeUpstream) -> Iterator[FakeRegistry]:
    with FakeRegistry(tokens=Tokens(PULLER), cdn=cdn) as upstream:
        yield upstream


@pytest.fixture
def hub(registry: Running, upstream: FakeRegistry) -> str:
    """`HOST:PORT/NAME` of a proxy that asks every time for what may change."""
    login = {"username": PULLER.name, "password": PULLER.password}
    name = proxy(registry, "docker", upstream.url, **login, fresh_for=0)
    return f"{registry.host}/{name}"


@pytest.fixture(params=["skopeo", "docker", "podman", "ctr", "crane", "oras"])
def pull(request: pytest.FixtureRequest, registry: Running, tmp_path: Path) -> Iterator["Pull"]:
    """Each client that pulls images, logged in."""
    with TemporaryDirectory(prefix="artifactd-", ignore_cleanup_errors=True) as folder:
        yield Pull(request, registry, tmp_path, Path(folder))


class Pull:
    """A client that forgets what it has pulled. `folder` has a short path."""

    def __init__(
        self, request: pytest.FixtureRequest, registry: Running, tmp_path: Path, folder: Path
    ) -> None:
        self.client: str = request.param
        self._count = 0
        self._tmp_path = tmp_path
        self._folder = folder
        self._program: Program = getattr(self, f"_{self.client}")(request, registry.host)

    def __call__(self, name: str) -> str:
        """Pull an image; what the client said."""
        return self._program(*self._arguments(name))

    def refused(self, name: str) -> str:
        """What it said when it could not."""
        return self._program.refused(*self._arguments(name))

    def _arguments(self, name: str) -> list[str]:
        self._count += 1
        there = str(self._tmp_path / f"pulled{self._count}")
        if self.client == "skopeo":
            return ["copy", "--all", *SOURCE, f"docker://{name}", f"oci:{there}:1"]
        if self.client == "ctr":
            return ["images", "pull", *PLAIN, "--snapshotter", "native", name]
        if self.client == "crane":
            return ["pull", name, there]
        if self.client == "oras":
            return ["copy", "--from-plain-http", "--to-oci-layout", name, f"{there}:1"]
        return ["pull", *(["--tls-verify=false"] if self.client == "podman" else []), name]

    def _skopeo(self, request: pytest.FixtureRequest, host: str) -> Program:
        skopeo: Program = request.getfixturevalue("skopeo")
        return skopeo

    def _docker(self, request: pytest.FixtureRequest, host: str) -> Program:
        daemon = request.getfixturevalue("dockerd")
        (self._tmp_path / "config.json").write_text("{}")
        environment = {"DOCKER_HOST": f"unix://{daemon}", "DOCKER_CONFIG": str(self._tmp_path)}
        docker = Program(installed("docker"), (), environment)
        docker("login", "-u", ADMIN.name, "--password-stdin", host, stdin=ADMIN.password)
        return docker

    def _podman(self, request: pytest.FixtureRequest, host: str) -> Program:
        folder = self._folder
        flags = ["--root", f"{folder}/root", "--runroot", f"{folder}/run", "--tmpdir", f"{folder}/tmp"]
        flags += ["--storage-driver", "vfs", "--cgroup-manager", "cgroupfs", "--events-backend", "none"]
        logins = str(request.getfixturevalue("logins"))
        places = {"TMPDIR": str(folder), "XDG_RUNTIME_DIR": str(folder), "REGISTRY_AUTH_FILE": logins}
        podman = Program(installed("podman"), flags, places)
        podman("login", "--tls-verify=false", "-u", ADMIN.name, "-p", ADMIN.password, host)
        return podman

    def _ctr(self, request: pytest.FixtureRequest, host: str) -> Program:
        daemon: Path = request.getfixturevalue("dockerd")
        address = daemon.parent / "exec" / "containerd" / "containerd.sock"
        return Program(installed("ctr"), ["--address", str(address), "--namespace", "artifactd-proxy"])

    def _crane(self, request: pytest.FixtureRequest, host: str) -> Program:
        (self._tmp_path / "config.json").write_text("{}")
        crane = Program(found("crane"), ["--insecure"], {"DOCKER_CONFIG": str(self._tmp_path)})
        crane("auth", "login", host, "-u", ADMIN.name, "-p", ADMIN.password)
        return crane

    def _oras(self, request: pytest.FixtureRequest, host: str) -> Program:
        oras = Program(found("oras"), (), {"DOCKER_CONFIG": str(self._tmp_path)})
        oras("login", "--plain-http", "-u", ADMIN.name, "--password-stdin", host, stdin=ADMIN.password)
        return oras


def test_an_image_is_pulled_again_without_its_registry(
    pull: Pull, hub: str, upstream: FakeRegistry, cdn: FakeUpstream
) -> None:
    # docker R182, R184, R190
    image = pullable(pull.client, layers=3, layer_size=100_000)
    upstream.push("team/app", image, "1")
    upstream.push("team/whole", platforms("amd64", "arm64", content=pull.client), "1")
    pull(f"{hub}/team/app:1")
    pull(f"{hub}/team/whole:1")
    assert cdn.count("GET", "/blobs/*") >= 4
    assert {each.header("authorization") for each in cdn.asked()} == {""}
    upstream.stop()
    cdn.stop()
    pull(f"{hub}/team/app:1")
    pull(f"{hub}/team/app@{image.digest}")
    pull(f"{hub}/team/whole:1")
    upstream.start()
    cdn.start()


WRONG: dict[str, Fault] = {
    "flipped": flipped(0.5),
    "cut": truncated(0.9),
    "reset": reset(0),
    "refused": status(403),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_layer_that_comes_wrong_is_an_error_and_mends_itself(
    pull: Pull, hub: str, upstream: FakeRegistry, cdn: FakeUpstream, wrong: str
) -> None:
    # docker R185; proxy T1, T2, T16
    image = pullable(f"{pull.client} {wrong}", layers=1, layer_size=200_000)
    upstream.push("team/app", image, "1")
    broken = cdn.fault(WRONG[wrong], "/blobs/*")
    pull.refused(f"{hub}/team/app:1")
    broken.off()
    eventually(lambda: _pulls(pull, f"{hub}/team/app:1"), 60)


def _pulls(pull: Pull, name: str) -> bool:
    try:
        pull(name)
    except AssertionError:
        return False
    return True


def test_a_registry_that_wants_rest_is_no_error_where_there_is_a_copy(
    pull: Pull, hub: str, upstream: FakeRegistry
) -> None:
    # docker R183; proxy R74
    image = pullable(f"{pull.client} limited")
    upstream.push("team/app", image, "1")
    pull(f"{hub}/team/app:1")
    upstream.fault(status(429, retry_after="3600"))
    upstream.forget()
    for _ in range(3):
        pull(f"{hub}/team/app:1")
    assert upstream.count() <= 2  # one of each process


def test_a_refusal_upstream_is_no_login_of_ours(skopeo: Program, hub: str, upstream: FakeRegistry) -> None:
    # docker R183: podman would ask for a password, and give up on a 403.
    upstream.push("team/app", pullable("refused"), "1")
    upstream.fault(status(403), "/v2/*")
    said = skopeo.refused("inspect", *LOGIN, f"docker://{hub}/team/app:1")
    assert "unauthorized" not in said.lower()
    assert "denied" not in said.lower()


def test_an_unchanged_tag_is_sent_once(skopeo: Program, hub: str, upstream: FakeRegistry) -> None:
    # docker R182: registries count what is sent, and nothing else.
    image = pullable("unchanged")
    upstream.push("team/app", image, "1")
    for _ in range(20):
        skopeo("inspect", "--raw", *LOGIN, f"docker://{hub}/team/app:1")
    assert upstream.count("GET", "/v2/team/app/manifests/*") <= 2  # the first with a challenge
    assert upstream.count("HEAD", "/v2/team/app/manifests/*") >= 19
    second = pullable("changed")
    upstream.push("team/app", second, "1")
    raw = skopeo("inspect", "--raw", *LOGIN, f"docker://{hub}/team/app:1")
    assert raw.encode() == second.body


def test_many_pulls_of_an_image_are_one_download(
    skopeo: Program, hub: str, upstream: FakeRegistry, cdn: FakeUpstream, tmp_path: Path
) -> None:
    # docker R188
    image = pullable("crowded", layers=2, layer_size=5_000_000)
    upstream.push("team/app", image, "1")

    def copy(number: int) -> str:
        skopeo("copy", *SOURCE, f"docker://{hub}/team/app:1", f"oci:{tmp_path / str(number)}:1")
        return read_layout(tmp_path / str(number))

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(copy, range(8))) == {image.digest}
    assert cdn.count("GET") == 3


def test_an_index_is_untouched_and_its_other_images_come_later(
    skopeo: Program, hub: str, upstream: FakeRegistry, tmp_path: Path
) -> None:
    # docker R186, R187
    whole = platforms("amd64", "arm64", content="lazy")
    upstream.push("team/app", whole, "1")
    name = f"docker://{hub}/team/app:1"
    skopeo("--override-arch", "amd64", "copy", *SOURCE, name, f"oci:{tmp_path / 'amd64'}:1")
    assert skopeo("inspect", "--raw", *LOGIN, name).encode() == whole.body
    assert len({each.path for each in upstream.asked("GET", "/v2/team/app/blobs/*")}) <= 3 + 1
    upstream.untag("team/app", "1")
    child = json.loads(whole.body)["manifests"][1]["digest"]
    by_digest = f"docker://{hub}/team/app@{child}"
    skopeo("--override-arch", "arm64", "copy", *SOURCE, by_digest, f"oci:{tmp_path / 'arm64'}:1")


def test_every_tag_is_listed_however_the_registry_pages(
    skopeo: Program, hub: str, upstream: FakeRegistry
) -> None:
    # docker R191
    upstream.page_size = 7
    tags = [f"t{number}" for number in range(40)]
    upstream.push("team/app", pullable("tags"), *tags)
    listed = ("list-tags", *LOGIN, f"docker://{hub}/team/app")
    assert sorted(json.loads(skopeo(*listed))["Tags"]) == sorted(tags)
    upstream.stop()
    assert sorted(json.loads(skopeo(*listed))["Tags"]) == sorted(tags)
    upstream.start()


def test_a_short_name_and_its_namespace_are_one_image(
    skopeo: Program, registry: Running, upstream: FakeRegistry, cdn: FakeUpstream, tmp_path: Path
) -> None:
    # proxy R142; docker R12
    login = {"username": PULLER.name, "password": PULLER.password}
    settings = {"default_namespace": "library"}
    name = proxy(registry, "docker", upstream.url, **login, settings=settings)
    image = pullable("official")
    upstream.push("library/tiny", image, "1")
    for number, written in enumerate(("tiny", "library/tiny")):
        there = f"docker://{registry.host}/{name}/{written}:1"
        skopeo("copy", *SOURCE, there, f"oci:{tmp_path / str(number)}:1")
        assert read_layout(tmp_path / str(number)) == image.digest
    assert cdn.count("GET") == 3
    assert not any(each.path.startswith("/v2/tiny") for each in upstream.asked())


def test_nothing_can_be_pushed(skopeo: Program, hub: str, upstream: FakeRegistry, tmp_path: Path) -> None:
    # docker R193
    upstream.push("team/app", pullable("kept"), "1")
    skopeo("copy", *SOURCE, f"docker://{hub}/team/app:1", f"oci:{tmp_path / 'there'}:1")
    target = ("--dest-tls-verify=false", "--dest-creds", CREDENTIALS)
    skopeo.refused("copy", *target, f"oci:{tmp_path / 'there'}:1", f"docker://{hub}/team/other:1")
    skopeo.refused("copy", *target, f"oci:{tmp_path / 'there'}:1", f"docker://{hub}/team/app:1")


def test_who_may_not_fill_it_gets_what_is_there(
    skopeo: Program, registry: Running, hub: str, upstream: FakeRegistry, tmp_path: Path
) -> None:
    upstream.push("team/app", pullable("filled"), "1")
    upstream.push("team/other", pullable("not filled"), "1")
    name = hub.removeprefix(f"{registry.host}/")
    role = f"{name}-reader"
    registry.allow(role, name, Verb.READ)
    reader = registry.user(role, "correct-horse", role)
    skopeo("copy", *SOURCE, f"docker://{hub}/team/app:1", f"oci:{tmp_path / 'one'}:1")
    upstream.forget()
    creds = ("--src-tls-verify=false", "--src-creds", f"{reader.name}:{reader.password}")
    skopeo("copy", *creds, f"docker://{hub}/team/app:1", f"oci:{tmp_path / 'two'}:1")
    skopeo.refused("copy", *creds, f"docker://{hub}/team/other:1", f"oci:{tmp_path / 'three'}:1")
    assert upstream.count() == 0


def test_what_was_invalidated_is_checked_at_once(
    skopeo: Program, registry: Running, upstream: FakeRegistry
) -> None:
    # proxy R79
    login = {"username": PULLER.name, "password": PULLER.password}
    name = proxy(registry, "docker", upstream.url, **login)
    first, second = pullable("first"), pullable("second")
    upstream.push("team/app", first, "1")
    raw = ("inspect", "--raw", *LOGIN, f"docker://{registry.host}/{name}/team/app:1")
    assert skopeo(*raw).encode() == first.body
    upstream.push("team/app", second, "1")
    assert skopeo(*raw).encode() == first.body
    command(registry, name, "invalidate", path="team/app")
    assert skopeo(*raw).encode() == second.body


def test_what_is_prefetched_is_there(registry: Running, hub: str, upstream: FakeRegistry) -> None:
    # proxy R79, R80
    image = pullable("prefetched", layers=2)
    upstream.push("team/app", image, "1")
    name = hub.removeprefix(f"{registry.host}/")
    paths = ["team/app/tags/1", *(f"team/app/blobs/{each['digest']}" for each in _needed(image.body))]
    command(registry, name, "prefetch", paths=paths)
    eventually(lambda: upstream.count("GET", "/v2/team/app/blobs/*") >= 3, 30)
    eventually(lambda: _is_pulled(registry, name, upstream, image.digest), 30)


def _needed(manifest: bytes) -> list[dict[str, str]]:
    document = json.loads(manifest)
    return [document["config"], *document["layers"]]


def _is_pulled(registry: Running, name: str, upstream: FakeRegistry, digest: str) -> bool:
    upstream.stop()
    try:
        with Wire(registry) as wire:
            return wire.pull(f"{name}/team/app", "1") == digest
    except AssertionError:
        return False
    finally:
        upstream.start()


def test_containerd_finds_its_mirror_by_namespace(
    registry: Running, dockerd: Path, upstream: FakeRegistry, tmp_path: Path
) -> None:
    # docker R11; TRAPS 2: `?ns=` says whose image is meant.
    host = "registry.example"
    login = {"username": PULLER.name, "password": PULLER.password}
    proxy(registry, "docker", upstream.url, **login, settings={"namespaces": [host]})
    upstream.push("team/mirrored", pullable("mirrored"), "1")
    folder = tmp_path / "hosts" / host
    folder.mkdir(parents=True)
    (folder / "hosts.toml").write_text(
        f'server = "https://{host}"\n'
        f'[host."http://{registry.host}"]\n  capabilities = ["pull", "resolve"]\n'
    )
    address = dockerd.parent / "exec" / "containerd" / "containerd.sock"
    ctr = Program(installed("ctr"), ["--address", str(address), "--namespace", "artifactd-mirror"])
    flags = ("--hosts-dir", str(tmp_path / "hosts"), "--user", CREDENTIALS, "--snapshotter", "native")
    ctr("images", "pull", *flags, f"{host}/team/mirrored:1")
    assert upstream.count("GET", "/v2/team/mirrored/blobs/*") >= 3
