"""`/users`: accounts, their passwords and roles, and who may change what."""

from typing import Any

import pytest

from artifactd.app import Core
from tests.support.api_client import ADMIN_PASSWORD, ApiClient


def test_a_user_is_made_and_logs_in(api: ApiClient) -> None:
    created = api.post("/users", {"name": "bob", "password": "first", "roles": ["admin"]})
    assert created.status_code == 201
    assert created.headers["location"] == "/api/v1/users/bob"
    assert api.login("bob", "first").get("/users/bob").json() == created.json()


def test_a_password_goes_in_and_never_comes_out(api: ApiClient) -> None:
    answers = [
        api.put("/users/bob", {"password": "do not tell"}),
        api.get("/users/bob"),
        api.get("/users"),
        api.patch("/users/bob", {"password": "do not tell"}),
        api.put("/users/bob", {"password": "do not tell" * 200}),
    ]
    assert [answer.status_code for answer in answers] == [201, 200, 200, 200, 400]
    assert not [answer.text for answer in answers if "do not tell" in answer.text]
    assert answers[1].json()["has_password"] is True


def test_put_replaces_a_user_but_keeps_the_password_it_does_not_name(api: ApiClient) -> None:
    api.put("/users/bob", {"password": "first", "roles": ["admin"]})
    replaced = api.put("/users/bob", {})
    assert replaced.status_code == 200
    assert replaced.json()["roles"] == []
    assert api.login("bob", "first").get("/repositories").status_code == 200


def test_the_same_put_of_a_user_changes_nothing(api: ApiClient) -> None:
    first = api.put("/users/bob", {"roles": ["anonymous"]})
    assert api.put("/users/bob", first.json()).json() == first.json()


def test_a_user_patch_changes_what_it_names(api: ApiClient) -> None:
    api.put("/users/bob", {"password": "first", "roles": ["admin"]})
    patched = api.patch("/users/bob", {"active": False}).json()
    assert (patched["active"], patched["roles"]) == (False, ["admin"])
    assert api.login("bob", "first").get("/users").status_code == 401
    assert api.patch("/users/bob", {"active": None}).json()["active"] is True
    assert api.login("bob", "first").get("/users").status_code == 200


def test_a_role_that_is_not_there_is_refused_and_nothing_is_made(api: ApiClient) -> None:
    assert api.post("/users", {"name": "bob", "roles": ["none"]}).status_code == 400
    assert api.get("/users/bob").status_code == 404


@pytest.mark.parametrize("name", ["", "a:b", "__token__", "adt_x", "a b", "a\0b", "x" * 129, "a\u202eb"])
def test_a_user_name_that_cannot_be_is_refused(untouched: ApiClient, name: str) -> None:
    assert untouched.post("/users", {"name": name}).status_code == 400


@pytest.mark.parametrize(
    ("document", "pointer"),
    [
        ({"name": "bob", "active": 1}, "#/active"),
        ({"name": "bob", "roles": "admin"}, "#/roles"),
        ({"name": "bob", "passwort": "x"}, "#/passwort"),
        ({"name": "bob", "roles": ["a\0"]}, "#/roles/0"),
        ({"name": 5}, "#/name"),
    ],
)
def test_a_user_document_that_is_wrong_is_told_where(
    untouched: ApiClient, document: dict[str, Any], pointer: str
) -> None:
    refused = untouched.post("/users", document)
    assert refused.status_code == 400
    assert [mistake["pointer"] for mistake in refused.json()["errors"]] == [pointer]


def test_a_user_is_deleted_with_its_credentials(api: ApiClient) -> None:
    bob = api.user("bob")
    secret = bob.post("/tokens", {"name": "ci"}).json()["secret"]
    assert api.delete("/users/bob").status_code == 204
    assert bob.get("/repositories").status_code == 401
    assert api.bearing(secret).get("/repositories").status_code == 401
    assert api.delete("/users/bob").status_code == 404


def test_user_writes_hold_if_match(api: ApiClient) -> None:
    stale = {"if-match": api.put("/users/bob", {}).headers["etag"]}
    api.patch("/users/bob", {"active": False})
    assert api.put("/users/bob", {}, headers=stale).status_code == 412
    assert api.patch("/users/bob", {"active": True}, headers=stale).status_code == 412
    assert api.delete("/users/bob", headers=stale).status_code == 412
    fresh = {"if-match": api.get("/users/bob").headers["etag"]}
    assert api.delete("/users/bob", headers=fresh).status_code == 204


def test_users_are_listed_in_pages(api: ApiClient) -> None:
    for name in ("a", "b"):
        api.put(f"/users/{name}", {})
    first = api.get("/users?limit=2").json()
    second = api.get(f"/users?limit=2&cursor={first['next']}").json()
    names = [item["name"] for item in [*first["items"], *second["items"]]]
    assert names == ["a", "admin", "anonymous", "b"]
    assert second["next"] is None


def test_users_are_for_administrators(api: ApiClient) -> None:
    bob = api.user("bob")
    token = api.bearing(api.post("/tokens?user=bob", {"name": "ci"}).json()["secret"])
    for caller, status in ((bob, 403), (token, 403), (api.anonymous(), 401)):
        assert caller.get("/users").status_code == status
        assert caller.get("/users/admin").status_code == status
        assert caller.post("/users", {"name": "eve"}).status_code == status
        assert caller.put("/users/bob", {"roles": ["admin"]}).status_code == status
        assert caller.patch("/users/admin", {"password": "mine now"}).status_code == status
        assert caller.delete("/users/admin").status_code == status


def test_a_user_changes_its_own_password_and_nothing_else(api: ApiClient) -> None:
    bob = api.user("bob")
    assert bob.patch("/users/bob", {"roles": ["admin"]}).status_code == 403
    assert bob.patch("/users/bob", {"password": "second", "active": True}).status_code == 403
    assert bob.patch("/users/bob", {"password": None}).status_code == 400
    assert bob.patch("/users/bob", {"password": "second"}).status_code == 200
    assert bob.get("/repositories").status_code == 401
    assert api.login("bob", "second").get("/repositories").status_code == 200


def test_no_token_changes_its_users_password(api: ApiClient) -> None:
    bob = api.user("bob")
    whole = bob.post("/tokens", {"name": "ci"}).json()["secret"]
    scopes = [{"repository": "raw", "verbs": ["admin"]}]
    scoped = bob.post("/tokens", {"name": "ci", "scopes": scopes}).json()["secret"]
    for secret in (whole, scoped):
        assert api.bearing(secret).patch("/users/bob", {"password": "mine"}).status_code == 403
        assert api.login("bob", secret).patch("/users/bob", {"password": "mine"}).status_code == 403


def test_an_administrator_does_not_lock_itself_out(api: ApiClient) -> None:
    assert api.delete("/users/admin").status_code == 409
    assert api.put("/users/admin", {"roles": []}).status_code == 409
    assert api.patch("/users/admin", {"active": False}).status_code == 409
    assert api.patch("/users/admin", {"roles": None}).status_code == 409
    assert api.patch("/users/admin", {"password": "another"}).status_code == 200
    assert api.login("admin", "another").get("/users/admin").json()["roles"] == ["admin"]


def test_anonymous_gets_roles_but_neither_password_nor_end(api: ApiClient) -> None:
    api.put("/roles/reader", {"grants": [{"repository": "raw", "verbs": ["read"]}]})
    assert api.anonymous().content("GET", "/repository/raw/a.txt") == 401
    assert api.patch("/users/anonymous", {"roles": ["reader"]}).status_code == 200
    assert api.anonymous().content("GET", "/repository/raw/a.txt") == 404
    assert api.patch("/users/anonymous", {"password": "x"}).status_code == 400
    assert api.delete("/users/anonymous").status_code == 400


def test_what_the_api_writes_is_what_the_server_has(api: ApiClient, core: Core) -> None:
    api.put("/users/bob", {"roles": ["admin"]})
    found = core.users.find("bob")
    assert (found.active, found.has_password, list(found.roles)) == (True, False, ["admin"])
    assert api.login("admin", ADMIN_PASSWORD).get("/users/bob").json()["id"] == found.id
