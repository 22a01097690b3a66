"""What the wire tests of the docker format share."""

import pytest

from tests.support.images import Registry
from tests.support.server import RunningServer


@pytest.fixture(scope="module")
def registry(server: RunningServer) -> Registry:
    """A repository of the module's own. Tests take an image of their own in it: `registry.of(…)`."""
    return Registry(server, server.repository("docker"), "team/app")
