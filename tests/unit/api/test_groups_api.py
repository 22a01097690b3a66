"""`/repositories` of the kind group: members, what they are to each other, and who sees which."""

from typing import Any

import pytest

from artifactd.app import Core
from tests.support.api_client import ApiClient

PROXY = {"format": "raw", "kind": "proxy", "upstream": {"url": "https://upstream.example/"}}


@pytest.fixture
def shelves(api: ApiClient) -> None:
    """Repositories to make groups of, beside the hosted `raw`."""
    api.put("/repositories/team", {"format": "raw"})
    api.put("/repositories/hub", PROXY)


def group(api: ApiClient, *members: str, name: str = "all", **more: Any) -> Any:
    """Put a group; the answer."""
    document = {"format": "raw", "kind": "group", "members": list(members), **more}
    return api.put(f"/repositories/{name}", document)


def mistakes(response: Any) -> list[str]:
    assert response.status_code == 400, response.text
    return [mistake["pointer"] for mistake in response.json()["errors"]]


def test_a_group_is_answered_as_it_was_sent(api: ApiClient, core: Core, shelves: None) -> None:
    sent = {
        "members": ["hub", "raw", "team"],
        "writable": "team",
        "rights": "group",
        "merge": ["libs/*"],
        "reserved": ["internal/**", "secret"],
    }
    created = group(api, *sent.pop("members"), **sent)
    assert created.status_code == 201
    document = created.json()
    assert {key: document[key] for key in sent} == sent
    assert document["members"] == ["hub", "raw", "team"]
    assert (document["upstream"], document["upstream_status"]) == (None, None)
    assert api.get("/repositories/all").json() == document
    assert api.put("/repositories/all", document).json() == document
    assert core.repositories.find("all").membership == sent


def test_what_was_not_said_of_a_group_is_shown_and_not_stored(api: ApiClient, core: Core) -> None:
    document = group(api).json()
    assert {key: document[key] for key in ("members", "writable", "rights", "merge", "reserved")} == {
        "members": [], "writable": None, "rights": "members", "merge": [], "reserved": [],
    }  # fmt: skip
    assert core.repositories.find("all").membership == {}


def test_the_order_of_members_is_theirs(api: ApiClient, shelves: None) -> None:  # proxy R100
    assert group(api, "team", "raw").json()["members"] == ["team", "raw"]
    turned = group(api, "raw", "team").json()
    assert (turned["members"], turned["version"]) == (["raw", "team"], 2)
    assert group(api, "raw", "team").json() == turned


def test_a_patch_changes_what_it_names_of_a_group(api: ApiClient, shelves: None) -> None:
    group(api, "team", "raw", writable="team", reserved=["a"])
    patched = api.patch("/repositories/all", {"members": ["raw", "hub"], "writable": None}).json()
    assert (patched["members"], patched["writable"], patched["reserved"]) == (["raw", "hub"], None, ["a"])
    assert api.patch("/repositories/all", {"reserved": None}).json()["reserved"] == []


def test_the_kind_may_be_left_out_of_a_replacement(api: ApiClient, shelves: None) -> None:
    group(api, "raw")
    replaced = api.put("/repositories/all", {"format": "raw", "members": ["team"]})
    assert (replaced.json()["kind"], replaced.json()["members"]) == ("group", ["team"])
    hub = {key: value for key, value in PROXY.items() if key != "kind"}
    assert api.put("/repositories/hub", hub).json()["kind"] == "proxy"
    for name in ("hub", "all"):
        assert api.put(f"/repositories/{name}", {"format": "raw", "kind": "hosted"}).status_code in (
            400,
            409,
        )


def test_members_that_cannot_be_are_refused_with_their_place(api: ApiClient, shelves: None) -> None:
    group(api, "raw", name="inner")
    for members in (["none"], ["docker"], ["raw", "raw"], ["all"], "raw", ["raw", 7]):
        document = {"format": "raw", "kind": "group", "members": members}
        refused = mistakes(api.put("/repositories/all", document))
        assert refused[0].startswith("#/members")
    for writable in ("none", "team", "hub", "inner"):
        assert mistakes(group(api, "raw", "hub", "inner", writable=writable)) == ["#/writable"]
    assert api.get("/repositories/all").status_code == 404


def test_no_group_comes_to_hold_itself(api: ApiClient, shelves: None) -> None:  # proxy R100
    group(api, "raw", name="inner")
    group(api, "inner", name="middle")
    group(api, "middle", name="outer")
    for refused in (
        group(api, "raw", "outer", name="inner"),
        api.patch("/repositories/inner", {"members": ["outer"]}),
        group(api, "outer", name="inner", online=False),
    ):
        assert mistakes(refused) == ["#/members"]
        assert "inner > outer > middle > inner" in refused.json()["detail"]
    assert api.get("/repositories/inner").json()["members"] == ["raw"]


def test_what_only_groups_have_is_refused_elsewhere(api: ApiClient) -> None:
    sent = {"members": ["raw"], "writable": "raw", "rights": "group", "merge": ["a"], "reserved": ["b"]}
    for document in ({"format": "raw"}, PROXY):
        refused = api.put("/repositories/team", {**document, **sent})
        assert sorted(mistakes(refused)) == sorted(f"#/{field}" for field in sent)
        answer = api.put("/repositories/team", document).json()
        assert api.put("/repositories/team", answer).json() == answer
        api.delete("/repositories/team")


@pytest.mark.parametrize(
    ("sent", "pointer"),
    [
        ({"rights": "both"}, "#/rights"), ({"merge": ["a//b"]}, "#/merge/0"),
        ({"reserved": ["a", "**/b"]}, "#/reserved/1"), ({"reserved": "a"}, "#/reserved"),
    ],
)  # fmt: skip
def test_options_that_cannot_be_are_refused(
    untouched: ApiClient, sent: dict[str, Any], pointer: str
) -> None:
    assert mistakes(group(untouched, **sent)) == [pointer]


def test_a_member_is_deleted_once_no_group_has_it(api: ApiClient, shelves: None) -> None:
    group(api, "team", "hub")
    for query in ("", "?content=true", "?dry_run=true"):
        refused = api.delete(f"/repositories/team{query}")
        assert refused.status_code == 409
        assert "is a member of all; take it out" in refused.json()["detail"]
    group(api, "hub")
    assert api.delete("/repositories/team").status_code == 204


def test_a_rehearsed_group_is_checked_and_not_made(api: ApiClient, shelves: None) -> None:
    document = {"format": "raw", "kind": "group", "members": ["team"]}
    assert api.put("/repositories/all?dry_run=true", document).json()["members"] == ["team"]
    refused = api.put("/repositories/all?dry_run=true", {**document, "members": ["none"]})
    assert mistakes(refused) == ["#/members"]
    assert api.get("/repositories/all").status_code == 404
    assert api.delete("/repositories/team").status_code == 204


def test_who_reads_a_group_sees_of_its_members_those_that_it_may_read(
    api: ApiClient, shelves: None
) -> None:
    group(api, "team", "raw", "hub", writable="team", merge=["a"], reserved=["b"])
    grants = [{"repository": name, "verbs": ["read"]} for name in ("all", "raw")]
    api.put("/roles/reader", {"grants": grants})
    reader = api.user("bob", "reader")
    for document in (
        reader.get("/repositories/all").json(),
        next(item for item in reader.get("/repositories").json()["items"] if item["name"] == "all"),
    ):
        assert (document["members"], document["writable"]) == (["raw"], None)
        assert (document["merge"], document["reserved"]) == ([], [])
