"""The server of a module of contract tests."""

from collections.abc import Iterator

import pytest

from artifactd.auth.openpgp_material import generate
from tests.support import toy_format
from tests.support.databases import PostgresServer
from tests.support.server import RunningServer, running


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def contract_server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningServer]:
    """A server whose time these tests may move, on each engine."""
    settings = {}
    if request.param == "postgresql":
        postgresql: PostgresServer = request.getfixturevalue("postgresql_server")
        settings["database_url"] = postgresql.url(postgresql.create())
    folder = tmp_path_factory.mktemp("contract")
    with pytest.MonkeyPatch.context() as patch:
        # Each repository has a key of its own, which takes a third of a second to make: here it is one.
        made = generate("a test")
        patch.setattr("artifactd.auth.openpgp.generate", lambda user_id: made)
        with running(folder, {"toy": toy_format.format}, **settings) as server:
            yield server
