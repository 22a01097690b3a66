"""What the wire tests of the pypi format share."""

from collections.abc import Iterator

import pytest

from tests.support.fake_index import FakeIndex
from tests.support.indexes import Index
from tests.support.proxies import proxy
from tests.support.server import RunningServer


@pytest.fixture(scope="module")
def index(server: RunningServer) -> Index:
    """A repository of the module's own. Tests take a project of their own in it."""
    return Index(server, server.repository("pypi"))


@pytest.fixture
def empty(server: RunningServer) -> Index:
    """A repository of the test's own."""
    return Index(server, server.repository("pypi"))


@pytest.fixture
def name(server: RunningServer) -> str:
    """A project nobody else uses."""
    return server.unused("acme-core")


@pytest.fixture
def upstream() -> Iterator[FakeIndex]:
    """Another index, without projects."""
    with FakeIndex() as index:
        yield index


@pytest.fixture
def proxied(server: RunningServer, upstream: FakeIndex) -> Index:
    """A proxy of that, which asks each time whether a page has changed."""
    return Index(server, proxy(server, "pypi", upstream.simple, fresh_for=0))
