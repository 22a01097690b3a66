"""`/tokens`: everyone's own, an administrator's for anyone."""

from typing import Any

import pytest

from artifactd.app import Core
from tests.support.api_client import ApiClient

READ_RAW = [{"repository": "raw", "path": "team/**", "verbs": ["read"]}]


def test_a_token_is_made_shown_once_and_opens_the_account(api: ApiClient) -> None:
    created = api.post("/tokens", {"name": "ci", "expires": "2099-01-01T00:00:00Z"})
    assert created.status_code == 201
    secret = created.json()["secret"]
    assert secret.startswith("adt_")
    assert created.json()["expires"] == "2099-01-01T00:00:00Z"
    number = created.json()["id"]
    assert created.headers["location"] == f"/api/v1/tokens/{number}"
    for caller in (api.bearing(secret), api.login("__token__", secret)):
        shown = caller.get(f"/tokens/{number}")
        assert shown.json()["name"] == "ci"
        assert secret not in shown.text + caller.get("/tokens").text


def test_a_scoped_token_does_what_its_scopes_cover_and_nothing_else(api: ApiClient) -> None:
    created = api.post("/tokens", {"name": "ci", "scopes": READ_RAW}).json()
    assert created["scopes"] == READ_RAW
    token = api.bearing(created["secret"])
    assert token.content("GET", "/repository/raw/team/a.txt") == 404
    assert token.content("GET", "/repository/raw/other/a.txt") == 401
    assert token.content("PUT", "/repository/raw/team/a.txt", b"text") == 401
    assert token.get("/tokens").status_code == 403
    assert token.post("/tokens", {"name": "more"}).status_code == 403
    assert token.delete(f"/tokens/{created['id']}").status_code == 403
    assert token.get("/users").status_code == 403


def test_scopes_mean_the_repository_and_not_its_name(api: ApiClient) -> None:
    api.put("/repositories/team", {"format": "raw"})
    scopes = [{"repository": "team", "verbs": ["read"]}]
    created = api.post("/tokens", {"name": "ci", "scopes": scopes}).json()
    token = api.bearing(created["secret"])
    assert token.content("GET", "/repository/team/a.txt") == 404
    api.delete("/repositories/team")
    api.put("/repositories/team", {"format": "raw"})
    assert token.content("GET", "/repository/team/a.txt") == 401
    assert api.get(f"/tokens/{created['id']}").json()["scopes"][0]["repository"] is None


def test_a_revoked_token_opens_nothing_from_then_on(api: ApiClient) -> None:
    created = api.post("/tokens", {"name": "ci"}).json()
    token = api.bearing(created["secret"])
    assert token.get("/repositories").status_code == 200
    assert api.delete(f"/tokens/{created['id']}").status_code == 204
    assert token.get("/repositories").status_code == 401
    assert api.delete(f"/tokens/{created['id']}").status_code == 404


def test_users_manage_their_own_tokens_and_see_no_others(api: ApiClient) -> None:
    admins = api.post("/tokens", {"name": "admin's"}).json()["id"]
    bob = api.user("bob")
    own = bob.post("/tokens", {"name": "bob's"}).json()
    assert own["user"] == "bob"
    assert [token["name"] for token in bob.get("/tokens").json()["items"]] == ["bob's"]
    assert bob.get(f"/tokens/{admins}").status_code == 404
    assert bob.delete(f"/tokens/{admins}").status_code == 404
    for refused in (
        bob.get("/tokens?user=admin"),
        bob.get(f"/tokens/{admins}?user=admin"),
        bob.post("/tokens?user=admin", {"name": "mine now"}),
        bob.delete(f"/tokens/{admins}?user=admin"),
    ):
        assert refused.status_code == 403
    assert bob.delete(f"/tokens/{own['id']}").status_code == 204
    assert [token["name"] for token in api.get("/tokens").json()["items"]] == ["admin's"]


def test_an_administrator_manages_anyones_tokens(api: ApiClient) -> None:
    api.put("/users/ci", {})
    created = api.post("/tokens?user=ci", {"name": "build"}).json()
    assert created["user"] == "ci"
    assert api.bearing(created["secret"]).get("/repositories").status_code == 200
    assert api.get("/tokens?user=ci").json()["items"][0]["id"] == created["id"]
    assert api.delete(f"/tokens/{created['id']}?user=ci").status_code == 204
    assert api.get("/tokens?user=none").status_code == 404


def test_anonymous_has_no_tokens(api: ApiClient) -> None:
    assert api.anonymous().get("/tokens").status_code == 401
    assert api.anonymous().post("/tokens", {"name": "x"}).status_code == 401
    assert api.post("/tokens?user=anonymous", {"name": "x"}).status_code == 400


def test_a_token_made_with_a_token_does_not_outlive_it(api: ApiClient) -> None:
    ends = "2099-01-01T00:00:00Z"
    token = api.bearing(api.post("/tokens", {"name": "ci", "expires": ends}).json()["secret"])
    assert token.post("/tokens", {"name": "for ever"}).status_code == 400
    assert token.post("/tokens", {"name": "longer", "expires": "2099-01-01T00:00:01Z"}).status_code == 400
    assert token.post("/tokens", {"name": "as long", "expires": ends}).status_code == 201


@pytest.mark.parametrize(
    ("document", "pointer"),
    [
        ({}, "#/name"),
        ({"name": ""}, "#/name"),
        ({"name": "a\0b"}, "#/name"),
        ({"name": "ci", "expires": "tomorrow"}, "#/expires"),
        ({"name": "ci", "expires": "2099-01-01T00:00:00"}, "#/expires"),
        ({"name": "ci", "scopes": []}, "#/scopes"),
        ({"name": "ci", "scopes": [{"repository": "none", "verbs": ["read"]}]}, "#/scopes/0/repository"),
        ({"name": "ci", "scopes": [{"repository": "raw", "verbs": ["fly"]}]}, "#/scopes/0/verbs/0"),
        ({"name": "ci", "scopes": [{"repository": "raw", "path": "a//b", "verbs": ["read"]}]},
         "#/scopes/0/path"),
        ({"name": "ci", "secret": "adt_mine"}, "#/secret"),
    ],
)  # fmt: skip
def test_a_token_document_that_is_wrong_is_told_where(
    untouched: ApiClient, document: dict[str, Any], pointer: str
) -> None:
    refused = untouched.post("/tokens", document)
    assert refused.status_code == 400
    assert [mistake["pointer"] for mistake in refused.json()["errors"]] == [pointer]
    assert untouched.get("/tokens").json()["items"] == []


def test_a_token_that_has_expired_already_is_not_made(api: ApiClient) -> None:
    assert api.post("/tokens", {"name": "ci", "expires": "2001-01-01T00:00:00+01:00"}).status_code == 400


def test_tokens_are_listed_in_pages(api: ApiClient) -> None:
    for name in ("a", "b", "c"):
        api.post("/tokens", {"name": name})
    first = api.get("/tokens?limit=2").json()
    second = api.get(f"/tokens?limit=2&cursor={first['next']}").json()
    assert [token["name"] for token in [*first["items"], *second["items"]]] == ["a", "b", "c"]
    assert second["next"] is None
    assert api.get("/tokens?cursor=YWJj").status_code == 400


def test_the_use_of_a_token_is_noted_when_house_is_kept(api: ApiClient, core: Core) -> None:
    created = api.post("/tokens", {"name": "ci"}).json()
    api.bearing(created["secret"]).get("/repositories")
    api.keep_house()
    assert api.get(f"/tokens/{created['id']}").json()["last_used"] is not None
