"""A server in this process, and clients of its API."""

import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from pydantic import SecretStr

from artifactd.app import Application, Core
from artifactd.auth.passwords import Passwords
from artifactd.settings import Log, Settings
from tests.support.api_client import ADMIN_PASSWORD, ApiClient, Described, started


@pytest.fixture(autouse=True, scope="module")
def quick_passwords() -> Iterator[None]:
    """Hash in a millisecond: nobody attacks these."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr("artifactd.app.Passwords", partial(Passwords, memory=64, passes=1))
        yield


@pytest.fixture(scope="session")
def described() -> Described:
    """What every answer is held against."""
    return Described()


@pytest.fixture
def settings(tmp_path: Path, sqlite_template: Path) -> Settings:
    """On SQLite; tests that are about the database override it."""
    return on_sqlite(tmp_path / "data", sqlite_template)


@pytest.fixture(scope="module")
def untouched(
    quick_passwords: None,
    described: Described,
    tmp_path_factory: pytest.TempPathFactory,
    sqlite_template: Path,
) -> Iterator[ApiClient]:
    """The API of one server for every test of what is refused: they leave it as it was."""
    core, application = started(on_sqlite(tmp_path_factory.mktemp("untouched") / "data", sqlite_template))
    yield ApiClient(application, described).login("admin", ADMIN_PASSWORD)
    core.close()


@pytest.fixture
def server(settings: Settings) -> Iterator[tuple[Core, Application]]:
    """The objects of the server, and its application."""
    core, application = started(settings)
    yield core, application
    core.close()


@pytest.fixture
def core(server: tuple[Core, Application]) -> Core:
    """What is stored, without going through the API."""
    return server[0]


@pytest.fixture
def api(server: tuple[Core, Application], described: Described) -> ApiClient:
    """The API as the administrator has it."""
    return ApiClient(server[1], described).login("admin", ADMIN_PASSWORD)


def on_sqlite(data: Path, template: Path) -> Settings:
    """The settings of a server whose database is a copy of `template`."""
    data.mkdir()
    shutil.copy(template, data / "artifactd.db")
    return Settings(data=data, admin_password=SecretStr(ADMIN_PASSWORD), log=Log(access=False))
