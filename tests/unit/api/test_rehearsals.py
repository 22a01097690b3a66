"""`?dry_run=true`: every check a write has, and nothing of it stays. On each database engine."""

from pathlib import Path

import pytest
from pydantic import SecretStr

from artifactd.app import Core
from artifactd.settings import Log, Settings
from tests.support.api_client import ADMIN_PASSWORD, ApiClient
from tests.support.databases import Place

DRY = "dry_run=true"


@pytest.fixture
def settings(tmp_path: Path, place: Place) -> Settings:
    return Settings(
        data=tmp_path / "data",
        admin_password=SecretStr(ADMIN_PASSWORD),
        database_url=SecretStr(place.url),
        log=Log(access=False),
    )


def test_a_rehearsal_answers_as_the_write_would_and_changes_nothing(api: ApiClient, core: Core) -> None:
    before = everything(api)
    counters = bytes(core.database.generations.page)
    for method, path, body, status in (
        ("POST", "/repositories", {"name": "team", "format": "raw"}, 201),
        ("PUT", "/repositories/team", {"format": "raw"}, 201),
        ("PUT", "/repositories/raw", {"format": "raw", "online": False}, 200),
        ("PATCH", "/repositories/raw", {"online": False}, 200),
        ("DELETE", "/repositories/raw", None, 204),
        ("POST", "/users", {"name": "bob", "password": "x"}, 201),
        ("PUT", "/users/admin", {"roles": ["admin", "anonymous"]}, 200),
        ("PATCH", "/users/admin", {"password": "x"}, 200),
        ("DELETE", "/users/anonymous", None, 400),
        ("POST", "/roles", {"name": "team"}, 201),
        ("PUT", "/roles/anonymous", {"description": "changed"}, 200),
        ("PATCH", "/roles/anonymous", {"description": "changed"}, 200),
        ("DELETE", "/roles/anonymous", None, 204),
        ("POST", "/tokens", {"name": "ci"}, 201),
        ("POST", "/tasks", {"name": "collect"}, 202),
    ):
        answer = api.request(method, f"{path}?{DRY}", body)
        assert answer.status_code == status, answer.text
        assert "location" not in answer.headers
    assert bytes(core.database.generations.page) == counters
    assert everything(api) == before


def test_a_rehearsal_shows_what_would_be(api: ApiClient) -> None:
    shown = api.put(f"/repositories/raw?{DRY}", {"format": "raw", "write_policy": "deny"}).json()
    assert (shown["write_policy"], shown["version"]) == ("deny", 2)


def test_a_rehearsed_token_has_no_secret(api: ApiClient) -> None:
    assert api.post(f"/tokens?{DRY}", {"name": "ci"}).json()["secret"] is None


def test_a_rehearsal_is_refused_as_the_write_would_be(api: ApiClient) -> None:
    assert api.content("PUT", "/repository/raw/a.txt", b"text") == 201
    api.put("/repositories/one", {"format": "docker", "hosts": ["one.test"]})
    stale = {"if-match": '"1.99"'}
    for method, path, body, status in (
        ("POST", "/repositories", {"name": "raw", "format": "raw"}, 409),
        ("PUT", "/repositories/two", {"format": "docker", "hosts": ["one.test"]}, 409),
        ("PUT", "/repositories/raw", {"format": "docker"}, 409),
        ("DELETE", "/repositories/raw", None, 409),
        ("POST", "/users", {"name": "admin"}, 409),
        ("POST", "/users", {"name": "bob", "roles": ["none"]}, 400),
        ("DELETE", "/tokens/1", None, 404),
        ("DELETE", "/tasks/1", None, 404),
    ):
        assert api.request(method, f"{path}?{DRY}", body).status_code == status
    assert api.patch(f"/roles/anonymous?{DRY}", {}, headers=stale).status_code == 412
    assert api.user("bob").put(f"/repositories/raw?{DRY}", {"format": "raw"}).status_code == 403


def test_a_rehearsed_revocation_revokes_nothing(api: ApiClient) -> None:
    created = api.post("/tokens", {"name": "ci"}).json()
    assert api.delete(f"/tokens/{created['id']}?{DRY}").status_code == 204
    assert api.bearing(created["secret"]).get("/repositories").status_code == 200


def test_a_rehearsed_end_keeps_the_content(api: ApiClient) -> None:
    assert api.content("PUT", "/repository/raw/a.txt", b"text") == 201
    assert api.delete(f"/repositories/raw?content=true&{DRY}").status_code == 204
    assert api.content("GET", "/repository/raw/a.txt") == 200


def test_the_write_after_a_rehearsal_is_a_write(api: ApiClient) -> None:
    api.post(f"/repositories?{DRY}", {"name": "team", "format": "raw"})
    assert api.post("/repositories", {"name": "team", "format": "raw"}).status_code == 201
    assert api.get("/repositories/team").status_code == 200


def everything(api: ApiClient) -> list[object]:
    lists = ("/repositories", "/users", "/roles", "/tokens", "/tasks")
    return [api.get(path).json() for path in lists]
