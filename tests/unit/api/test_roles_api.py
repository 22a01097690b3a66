"""`/roles`: bundles of grants, and the explanation of what they come to."""

from typing import Any

import pytest

from tests.support.api_client import ApiClient

READER = {"grants": [{"repository": "raw", "path": "team/**", "verbs": ["read"]}]}


def test_a_role_is_answered_as_it_was_sent(api: ApiClient) -> None:
    sent = {
        "name": "team",
        "description": "What the team does",
        "grants": [
            {"repository": "*", "path": "team/**", "verbs": ["read", "write"]},
            {"repository": "raw", "path": "**", "verbs": ["read"]},
        ],
    }
    created = api.post("/roles", sent)
    assert created.status_code == 201
    assert created.headers["location"] == "/api/v1/roles/team"
    assert {key: created.json()[key] for key in sent} == sent
    assert api.get("/roles/team").json() == created.json()


def test_post_does_not_replace_a_role(api: ApiClient) -> None:
    api.put("/roles/team", READER)
    assert api.post("/roles", {"name": "team"}).status_code == 409
    assert api.get("/roles/team").json()["grants"] == READER["grants"]


def test_put_replaces_a_role_for_everyone_who_has_it(api: ApiClient) -> None:
    assert api.put("/roles/team", READER).status_code == 201
    bob = api.user("bob", "team")
    assert bob.content("GET", "/repository/raw/team/a.txt") == 404
    assert api.put("/roles/team", {}).status_code == 200
    assert bob.content("GET", "/repository/raw/team/a.txt") == 403


def test_the_same_put_of_a_role_changes_nothing(api: ApiClient) -> None:
    first = api.put("/roles/team", READER)
    assert api.put("/roles/team", first.json()).json() == first.json()


def test_a_role_patch_changes_what_it_names(api: ApiClient) -> None:
    api.put("/roles/team", READER)
    patched = api.patch("/roles/team", {"description": "The team"}).json()
    assert (patched["description"], patched["grants"]) == ("The team", READER["grants"])
    assert api.patch("/roles/team", {"grants": None}).json()["grants"] == []


def test_a_deleted_role_gives_nothing(api: ApiClient) -> None:
    api.put("/roles/team", READER)
    bob = api.user("bob", "team")
    assert bob.content("GET", "/repository/raw/team/a.txt") == 404
    assert api.delete("/roles/team").status_code == 204
    assert bob.content("GET", "/repository/raw/team/a.txt") == 403
    assert api.get("/users/bob").json()["roles"] == []
    assert api.delete("/roles/team").status_code == 404


def test_the_role_admin_stays_what_it_is(api: ApiClient) -> None:
    assert api.put("/roles/admin", READER).status_code == 400
    assert api.patch("/roles/admin", {"grants": []}).status_code == 400
    assert api.delete("/roles/admin").status_code == 400
    assert api.get("/roles/admin").json()["grants"] == [
        {"repository": "*", "path": "**", "verbs": ["admin"]}
    ]


@pytest.mark.parametrize(
    ("grant", "pointer"),
    [
        ({"repository": "raw", "verbs": []}, "#/grants/0/verbs"),
        ({"repository": "raw", "verbs": ["fly"]}, "#/grants/0/verbs/0"),
        ({"repository": "raw", "path": "/a", "verbs": ["read"]}, "#/grants/0/path"),
        ({"repository": "raw", "path": "../a", "verbs": ["read"]}, "#/grants/0/path"),
        ({"repository": "", "verbs": ["read"]}, "#/grants/0/repository"),
        ({"repository": "raw", "path": "a\0b", "verbs": ["read"]}, "#/grants/0/path"),
        ({"verbs": ["read"]}, "#/grants/0/repository"),
        ({"repository": "raw", "verbs": ["read"], "deny": True}, "#/grants/0/deny"),
        ("raw", "#/grants/0"),
    ],
)
def test_a_grant_that_cannot_be_is_told_where(untouched: ApiClient, grant: Any, pointer: str) -> None:
    refused = untouched.put("/roles/team", {"grants": [grant]})
    assert refused.status_code == 400
    assert [mistake["pointer"] for mistake in refused.json()["errors"]] == [pointer]


def test_role_writes_hold_if_match(api: ApiClient) -> None:
    stale = {"if-match": api.put("/roles/team", READER).headers["etag"]}
    api.patch("/roles/team", {"description": "changed"})
    assert api.put("/roles/team", {}, headers=stale).status_code == 412
    assert api.patch("/roles/team", {"description": ""}, headers=stale).status_code == 412
    assert api.delete("/roles/team", headers=stale).status_code == 412
    assert api.put("/roles/other", {}, headers={"if-match": "*"}).status_code == 412
    assert api.get("/roles/team").json()["description"] == "changed"


def test_roles_are_listed_in_pages(api: ApiClient) -> None:
    api.put("/roles/team", READER)
    first = api.get("/roles?limit=2").json()
    second = api.get(f"/roles?limit=2&cursor={first['next']}").json()
    names = [item["name"] for item in [*first["items"], *second["items"]]]
    assert names == ["admin", "anonymous", "team"]


def test_roles_are_for_administrators(api: ApiClient) -> None:
    for caller, status in ((api.user("bob"), 403), (api.anonymous(), 401)):
        assert caller.get("/roles").status_code == status
        assert caller.get("/roles/admin").status_code == status
        assert caller.post("/roles", {"name": "x"}).status_code == status
        assert caller.put("/roles/x", {}).status_code == status
        assert caller.patch("/roles/anonymous", {"grants": []}).status_code == status
        assert caller.delete("/roles/anonymous").status_code == status


def test_a_decision_is_explained_by_what_decided_it(api: ApiClient) -> None:
    api.put("/roles/team", READER)
    api.put("/users/bob", {"roles": ["team"]})
    question = "/access/explain?principal=bob&repository=raw&verb="
    allowed = api.get(question + "read&path=team/a.txt").json()
    assert allowed["allowed"] is True
    assert allowed["grants"] == [
        {"role": "team", "repository": "raw", "path": "team/**", "verbs": ["read"], "verdict": "decides"}
    ]
    refused = api.get(question + "read&path=other/a.txt").json()
    assert (refused["allowed"], refused["outcome"]) == (False, "no grant")
    assert refused["grants"][0]["verdict"] == "speaks of other paths"
    assert api.get(question + "write").json()["allowed"] is False
    api.patch("/users/bob", {"active": False})
    assert api.get(question + "read&path=team/a.txt").json()["allowed"] is False


def test_an_explanation_needs_what_it_is_about(api: ApiClient) -> None:
    assert api.get("/access/explain?principal=none&repository=raw&verb=read").status_code == 404
    assert api.get("/access/explain?principal=admin&repository=none&verb=read").status_code == 404
    assert api.get("/access/explain?principal=admin&repository=raw&verb=fly").status_code == 400
    assert api.get("/access/explain?principal=admin").status_code == 400
    assert api.get("/access/explain?principal=anonymous&repository=raw&verb=read").status_code == 200
    bob = api.user("bob")
    assert bob.get("/access/explain?principal=bob&repository=raw&verb=read").status_code == 403
