"""What the wire tests of the docker format share."""

from collections.abc import Iterator

import pytest

from tests.support.fake_registry import FakeRegistry
from tests.support.images import Registry
from tests.support.proxies import proxy
from tests.support.server import RunningServer


@pytest.fixture(scope="module")
def registry(server: RunningServer) -> Registry:
    """A repository of the module's own. Tests take an image of their own in it: `registry.of(…)`."""
    return Registry(server, server.repository("docker"), "team/app")


@pytest.fixture
def upstream() -> Iterator[FakeRegistry]:
    """Another registry, without images."""
    with FakeRegistry() as registry:
        yield registry


@pytest.fixture
def hub(server: RunningServer, upstream: FakeRegistry) -> Registry:
    """The image `team/app` of a proxy that asks each time whether a tag has moved."""
    return Registry(server, proxy(server, "docker", f"{upstream.url}/", fresh_for=0), "team/app")
