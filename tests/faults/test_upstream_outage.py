"""The upstream is gone: everything that was ever fetched is served, also by a server that was started
meanwhile; what was not is for later; and once it is back, nobody has to do anything."""

from collections.abc import Callable, Iterator

import pytest

from tests.support.distributions import Distribution, sdist, wheel
from tests.support.fake_index import FakeIndex
from tests.support.fake_registry import FakeRegistry
from tests.support.fake_upstream import FakeUpstream
from tests.support.images import digest_of
from tests.support.indexes import HTML, JSON
from tests.support.layouts import platforms, pullable
from tests.support.proxied import is_later, is_stale
from tests.support.proxies import group, hosted, proxy
from tests.support.server import Answer
from tests.support.serving import Running, Serve, eventually
from tests.support.wire import Wire

IMAGE, WHOLE = pullable("kept", layers=3, layer_size=200_000), platforms("amd64", "arm64", content="kept")
APP, LIB = wheel("acme-app", requires=["acme-lib"]), sdist("acme-lib")


class Upstreams:
    """Three upstreams with something each."""

    def __init__(self, registry: FakeRegistry, index: FakeIndex, files: FakeUpstream) -> None:
        self.registry, self.index, self.files = registry, index, files
        self.all = (registry, index, files)
        registry.push("team/app", IMAGE, "1", "latest")
        registry.push("team/whole", WHOLE, "1")
        index.publish(APP, LIB)
        files.put("/docs/manual.html", b"<html>manual</html>", "text/html")

    def put_more(self) -> None:
        """Have what nobody has asked for yet."""
        self.registry.push("team/other", pullable("other"), "1")
        self.index.publish(wheel("acme-other"))
        self.files.put("/other.txt", b"other")

    def stop(self) -> None:
        for each in self.all:
            each.stop()

    def start(self) -> None:
        for each in self.all:
            each.start()


@pytest.fixture
def upstreams() -> Iterator[Upstreams]:
    with FakeRegistry() as registry, FakeIndex() as index, FakeUpstream() as files:
        yield Upstreams(registry, index, files)


def make_repositories(server: Running, upstreams: Upstreams) -> None:
    proxy(server, "docker", upstreams.registry.url, "hub", fresh_for=0)
    proxy(server, "pypi", upstreams.index.url, "python-index", fresh_for=0)
    proxy(server, "raw", upstreams.files.url, "docs", fresh_for=0)
    for format, name in (("docker", "hub"), ("pypi", "python-index"), ("raw", "docs")):
        group(server, format, hosted(server, format, f"own-{format}"), name, name=f"all-{format}")


def paths(docker: str, pypi: str, raw: str) -> dict[str, str]:
    """Every URL that clients ask for, and what they accept."""
    images = [
        f"/v2/{docker}/team/app/manifests/1",
        f"/v2/{docker}/team/app/manifests/{IMAGE.digest}",
        f"/v2/{docker}/team/whole/manifests/1",
        f"/v2/{docker}/team/whole/manifests/{WHOLE.digest}",
        f"/v2/{docker}/team/app/tags/list",
        f"/v2/{docker}/team/app/referrers/{IMAGE.digest}",
        *(f"/v2/{docker}/team/app/blobs/{digest_of(blob)}" for blob in IMAGE.blobs),
    ]
    wanted = dict.fromkeys(images, "*/*")
    for file in (APP, LIB):
        wanted[f"/repository/{pypi}/simple/{file.project}/"] = JSON
        wanted[f"/repository/{pypi}/simple/{file.project}/?format={HTML}"] = HTML
        wanted[f"/repository/{pypi}/packages/{file.project}/{file.filename}"] = "*/*"
    wanted[f"/repository/{pypi}/packages/acme-app/{APP.filename}.metadata"] = "*/*"
    wanted[f"/repository/{raw}/docs/manual.html"] = "*/*"
    return wanted


def ask(server: Running, path: str, accept: str = "*/*", method: str = "GET") -> Answer:
    with Wire(server) as wire:
        return wire.request(method, path, None, {"Accept": accept})


@pytest.mark.parametrize("grouped", [False, True], ids=["proxies", "groups"])
def test_everything_that_was_fetched_once_is_served(
    serve: Serve, upstreams: Upstreams, grouped: bool
) -> None:
    server = serve(workers=2)
    make_repositories(server, upstreams)
    names = ("all-docker", "all-pypi", "all-raw") if grouped else ("hub", "python-index", "docs")
    wanted = paths(*names)
    before = {path: ask(server, path, accept) for path, accept in wanted.items()}
    assert {path: answer.status for path, answer in before.items()} == dict.fromkeys(wanted, 200)

    upstreams.stop()
    check(server, wanted, before)
    assert is_later(ask(server, f"/v2/{names[0]}/team/other/manifests/1"))
    assert is_later(ask(server, f"/repository/{names[1]}/simple/acme-other/"))
    assert is_later(ask(server, f"/repository/{names[2]}/other.txt"))

    assert server.stop() == 0
    again = serve(workers=2, data=server.data)
    check(again, wanted, before)

    upstreams.put_more()
    upstreams.start()
    for path in (
        f"/v2/{names[0]}/team/other/manifests/1",
        f"/repository/{names[1]}/simple/acme-other/",
        f"/repository/{names[2]}/other.txt",
    ):
        eventually(answers(again, path), 20)
    for path, accept in wanted.items():
        eventually(answers(again, path, accept), 20)
    assert '"level": "error"' not in server.log.read_text()


def check(server: Running, wanted: dict[str, str], before: dict[str, Answer]) -> None:
    """Everything is as it was, whatever the upstreams are."""
    for path, accept in wanted.items():
        answer = ask(server, path, accept)
        assert (path, answer.status) == (path, 200)
        assert answer.body == before[path].body
        assert answer.header("content-type") == before[path].header("content-type")
        head = ask(server, path, accept, "HEAD")
        assert (path, head.status) == (path, 200)
        assert head.header("content-length") in (str(len(answer.body)), "")
    tag = ask(server, next(path for path in wanted if path.endswith("manifests/1")))
    assert is_stale(tag)
    file = ask(server, next(path for path in wanted if path.endswith(".whl")))
    assert not is_stale(file)


def answers(server: Running, path: str, accept: str = "*/*") -> Callable[[], bool]:
    """Whether a path is answered, and not by a copy that may be old."""

    def holds() -> bool:
        answer = ask(server, path, accept)
        return answer.status == 200 and not is_stale(answer)

    return holds


def test_a_file_is_found_again_by_a_server_that_has_seen_no_page(
    serve: Serve, upstreams: Upstreams
) -> None:
    # pypi R135: the lock file of a client names files, and the page was never asked for here.
    server = serve()
    proxy(server, "pypi", upstreams.index.url, "python-index")

    def path(file: Distribution) -> str:
        return f"/repository/python-index/packages/{file.project}/{file.filename}"

    assert ask(server, path(APP)).body == APP.content
    assert server.stop() == 0
    again = serve(data=server.data)
    assert ask(again, path(LIB)).body == LIB.content
    upstreams.stop()
    assert ask(again, path(APP)).body == APP.content
