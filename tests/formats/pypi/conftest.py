"""What the wire tests of the pypi format share."""

import pytest

from tests.support.indexes import Index
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
