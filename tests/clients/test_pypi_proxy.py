"""Installers of a proxy of an index, in good times and bad."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.distributions import sdist, wheel
from tests.support.fake_answers import Fault
from tests.support.fake_index import FakeIndex
from tests.support.fake_upstream import FakeUpstream
from tests.support.homes import Home
from tests.support.hosted import Hosted
from tests.support.installers import Installer
from tests.support.proxies import proxy
from tests.support.serving import Running, Serve, eventually
from tests.support.upstream_faults import (
    flipped,
    login_page,
    replaced,
    reset,
    status,
    truncated,
)

DATA = bytes(range(256)) * 800

CONSUMER = """
[project]
name = "consumer"
version = "0"
requires-python = ">=3.11"
dependencies = ["acme-app", "acme-source"]

[[tool.uv.index]]
name = "ours"
url = "{simple}"
default = true
"""


@pytest.fixture
def files() -> Iterator[FakeUpstream]:
    """The host of an index's files."""
    with FakeUpstream() as files:
        yield files


@pytest.fixture
def index(files: FakeUpstream) -> Iterator[FakeIndex]:
    with FakeIndex(files=files) as index:
        yield index


@pytest.fixture
def world(registry: Running, index: FakeIndex) -> Hosted:
    """A proxy of the index that asks every time for what may change."""
    return Hosted(registry, proxy(registry, "pypi", index.url, fresh_for=0))


@pytest.fixture(params=["pip-20", "pip-23", "pip-26", "uv"])
def install(request: pytest.FixtureRequest, home: Home) -> Installer:
    """Each installer."""
    return Installer(home, request.param)


@pytest.fixture(params=["pip-26", "uv"])
def newer(request: pytest.FixtureRequest, home: Home) -> Installer:
    """Those that try again by themselves."""
    return Installer(home, request.param)


@pytest.mark.parametrize(
    ("html_only", "hashes"),
    [(False, ("sha256",)), (True, ("md5",)), (True, ())],
    ids=["json", "html", "no hashes"],
)
def test_what_was_installed_once_is_installed_without_the_index(
    install: Installer,
    world: Hosted,
    index: FakeIndex,
    files: FakeUpstream,
    html_only: bool,
    hashes: tuple[str, ...],
) -> None:
    # pypi R130, R133, R142; proxy T16
    index.html_only = html_only
    index.publish(wheel("acme-app", requires=["acme-source"]), sdist("acme-source"), hashes=hashes)
    assert install(world, "Acme.App") == {"acme_app-1.0", "acme_source-1.0"}
    index.stop()
    files.stop()
    assert install(world, "Acme.App") == {"acme_app-1.0", "acme_source-1.0"}
    index.start()
    files.start()


def test_what_is_said_of_files_is_passed_on(install: Installer, world: Hosted, index: FakeIndex) -> None:
    # pypi R43, R44, R134
    index.publish(wheel("acme-app", "1.0"), wheel("acme-app", "2.0"))
    index.publish(wheel("acme-app", "3.0"), requires_python=">=4")
    index.publish(wheel("acme-app", "0.1"), uploaded=None, has_metadata=False)
    assert install(world, "acme-app") == {"acme_app-2.0"}
    index.yank(wheel("acme-app", "2.0"), "broken")
    assert install(world, "acme-app") == {"acme_app-1.0"}
    assert install(world, "acme-app==2.0") == {"acme_app-2.0"}
    index.publish(wheel("acme-app", "4.0"))
    assert install(world, "acme-app") == {"acme_app-4.0"}


WRONG: dict[str, Fault] = {
    "a bit": flipped(0.5),
    "cut off": truncated(0.5),
    "reset": reset(0),
    "another file": replaced(wheel("acme-app", comment="another").content),
    "a page": login_page(),
    "refused": status(403),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_file_that_comes_wrong_is_an_error_and_mends_itself(
    newer: Installer, world: Hosted, index: FakeIndex, files: FakeUpstream, wrong: str
) -> None:
    # pypi R137; proxy T1, T2, T11, T16
    index.publish(wheel("acme-app", files={"acme_app/data": DATA}))
    files.fault(WRONG[wrong], "*.whl")
    newer.refused(world, "acme-app")
    files.heal()
    eventually(lambda: newer.succeeds(world, "acme-app"), 60)


def test_an_index_that_lies_about_a_file_is_not_believed(
    newer: Installer, world: Hosted, index: FakeIndex
) -> None:
    # pypi R137
    made = wheel("acme-app")
    index.publish(made)
    index.lie(made, sha256="0" * 64)
    newer.refused(world, "acme-app")
    index.publish(made)
    eventually(lambda: newer.succeeds(world, "acme-app"), 60)


PAGES: dict[str, Fault] = {
    "500": status(500),
    "504": status(504),
    "limited": status(429, retry_after="3600"),
    "refused": status(403),
    "a login page": login_page(),
    "nothing": replaced(b""),
    "reset": reset(),
}


@pytest.mark.parametrize("failure", PAGES)
def test_installing_goes_on_while_the_index_has_a_bad_day(
    newer: Installer, world: Hosted, index: FakeIndex, failure: str
) -> None:
    # proxy R62, R64, T7, T11
    index.publish(wheel("acme-app"))
    assert newer(world, "acme-app") == {"acme_app-1.0"}
    with index.fault(PAGES[failure], "/simple/*"):
        assert newer(world, "acme-app") == {"acme_app-1.0"}


def test_a_hiccup_is_nobody_s_error(install: Installer, world: Hosted, index: FakeIndex) -> None:
    # proxy R148: pip gives up at a 504, and sleeps as long as it is told by Retry-After.
    index.publish(wheel("acme-app"))
    for number, fault in enumerate((status(504), status(503, retry_after="3600"), reset())):
        index.fault(fault, times=2)
        index.publish(wheel(f"acme-app{number}"))
        assert install(world, f"acme-app{number}") == {f"acme_app{number}-1.0"}


def test_a_short_outage_is_waited_for_or_told_and_leaves_nothing_behind(
    newer: Installer, world: Hosted, index: FakeIndex, files: FakeUpstream
) -> None:
    # proxy R146: no absence is remembered that was none.
    index.publish(wheel("acme-late"))
    index.stop()
    newer.refused(world, "acme-late")
    index.start()
    eventually(lambda: newer.succeeds(world, "acme-late"), 60)
    assert files.count("GET") >= 1


def test_a_lock_file_needs_no_page(home: Home, index: FakeIndex, serve: Serve, tmp_path: Path) -> None:
    # pypi R135: uv asks for the files that it has locked, of a server that has forgotten everything.
    index.publish(wheel("acme-app"), sdist("acme-source"))
    first = serve(data=tmp_path / "first")
    world = Hosted(first, proxy(first, "pypi", index.url, "world"))
    project = home.folder / "consumer"
    project.mkdir()
    (project / "pyproject.toml").write_text(CONSUMER.format(simple=world.simple_as()))
    uv = home.program("uv", "--no-cache")
    uv("lock", cwd=project)
    assert first.stop() == 0
    second = serve(data=tmp_path / "second")
    proxy(second, "pypi", index.url, "world")
    for name in ("pyproject.toml", "uv.lock"):
        file = project / name
        file.write_text(file.read_text().replace(first.host, second.host))
    uv("sync", "--frozen", "--no-install-project", cwd=project)
    assert list((project / ".venv").rglob("acme_app-1.0.dist-info"))


def test_a_proxy_of_a_proxy_tells_the_same(newer: Installer, registry: Running, index: FakeIndex) -> None:
    # pypi R131; two hops
    index.publish(wheel("acme-app", requires=["acme-lib"]), wheel("acme-lib"))
    near = Hosted(registry, proxy(registry, "pypi", index.url, fresh_for=0))
    login = {"username": "admin", "password": "secret"}
    far = Hosted(registry, proxy(registry, "pypi", near.simple, **login, fresh_for=0))
    assert newer(far, "acme-app") == {"acme_app-1.0", "acme_lib-1.0"}
    first, second = (each.index.files("acme-app") for each in (near, far))
    assert first == second
