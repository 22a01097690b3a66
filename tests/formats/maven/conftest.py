"""What the wire tests of the maven format share."""

from collections.abc import Iterator

import pytest

from tests.formats.maven.artifacts import Artifacts
from tests.support.fake_upstream import FakeUpstream
from tests.support.maven_files import File
from tests.support.proxies import proxy
from tests.support.server import RunningServer, running


@pytest.fixture(scope="module")
def artifacts(server: RunningServer) -> Artifacts:
    """A repository of the module's own. Tests take an artifact of their own in it."""
    return Artifacts(server, server.repository("maven"))


@pytest.fixture(scope="session")
def moving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server whose time these tests may move."""
    with running(tmp_path_factory.mktemp("moving")) as server:
        yield server


@pytest.fixture
def lib(server: RunningServer) -> File:
    """A version of an artifact that nobody else uses."""
    return File("com.ex", server.unused("lib"), "1.0")


@pytest.fixture
def upstream() -> Iterator[FakeUpstream]:
    """Another repository, at `/m2/`, with nothing in it."""
    with FakeUpstream() as upstream:
        yield upstream


@pytest.fixture
def proxied(server: RunningServer, upstream: FakeUpstream) -> Artifacts:
    """A proxy of that, which asks each time whether what may change has changed."""
    return Artifacts(server, proxy(server, "maven", f"{upstream.url}/m2", fresh_for=0))
