"""`/repositories`: create, replace, change and delete, and what is shown to whom."""

from typing import Any

import pytest

from artifactd.app import Core
from artifactd.settings import Settings
from tests.support.api_client import ADMIN_PASSWORD, ApiClient, Described, started


def pointers(response: Any) -> list[str]:
    return [mistake["pointer"] for mistake in response.json()["errors"]]


def test_a_repository_is_answered_as_it_was_sent_with_computed_fields_beside(api: ApiClient) -> None:
    sent = {
        "name": "team",
        "format": "docker",
        "kind": "hosted",
        "online": False,
        "hosts": ["team.test"],
        "ports": [5000],
        "blob_store": "default",
        "write_policy": "allow_once",
        "blob_linger": "PT36H",
        "manifest_limit": 8388608,
    }
    created = api.post("/repositories", sent)
    assert created.status_code == 201
    assert created.headers["location"] == "/api/v1/repositories/team"
    document = created.json()
    assert {key: document[key] for key in sent} == sent
    assert document["version"] == 1
    assert document["url"] == "http://artifacts.test/repository/team/"
    shown = api.get("/repositories/team")
    assert shown.json() == document
    assert shown.headers["etag"] == created.headers["etag"]


def test_settings_that_were_not_sent_are_shown_and_not_stored(api: ApiClient, core: Core) -> None:
    document = api.put("/repositories/team", {"format": "raw", "kind": "hosted"}).json()
    assert document["write_policy"] == "allow"
    assert core.repositories.find("team").settings == {}


def test_an_answer_can_be_sent_back(api: ApiClient) -> None:
    document = api.post(
        "/repositories", {"name": "team", "format": "docker", "blob_linger": "PT36H"}
    ).json()
    again = api.put("/repositories/team", document)
    assert again.status_code == 200
    assert again.json() == document


def test_a_duration_in_seconds_is_answered_as_the_schema_writes_it(api: ApiClient) -> None:
    document = api.put("/repositories/team", {"format": "docker", "blob_linger": 86400}).json()
    assert document["blob_linger"] == "P1D"


def test_put_replaces_what_there_was(api: ApiClient) -> None:
    api.put("/repositories/team", {"format": "raw", "online": False, "write_policy": "deny"})
    replaced = api.put("/repositories/team", {"format": "raw"})
    assert replaced.status_code == 200
    assert replaced.json()["online"] is True
    assert replaced.json()["write_policy"] == "allow"
    assert replaced.json()["version"] == 2


def test_the_same_put_again_changes_nothing(api: ApiClient) -> None:
    document = {"format": "raw", "hosts": ["b.test", "a.test"], "write_policy": "deny"}
    first = api.put("/repositories/team", document)
    second = api.put("/repositories/team", document)
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json() == second.json()


def test_a_patch_changes_what_it_names_and_null_brings_the_default_back(api: ApiClient) -> None:
    api.put("/repositories/team", {"format": "raw", "write_policy": "deny", "hosts": ["team.test"]})
    patched = api.request(
        "PATCH",
        "/repositories/team",
        {"online": False, "write_policy": None},
        headers={"content-type": "application/merge-patch+json"},
    )
    assert patched.status_code == 200
    document = patched.json()
    assert (document["online"], document["write_policy"]) == (False, "allow")
    assert document["hosts"] == ["team.test"]


def test_a_patch_that_changes_nothing_is_no_new_version(api: ApiClient) -> None:
    before = api.put("/repositories/team", {"format": "raw"}).json()
    assert api.patch("/repositories/team", {"online": True}).json() == before


def test_post_does_not_replace(api: ApiClient) -> None:
    api.post("/repositories", {"name": "team", "format": "raw"})
    again = api.post("/repositories", {"name": "team", "format": "raw", "online": False})
    assert again.status_code == 409
    assert again.json()["type"] == "urn:artifactd:problem:exists"
    assert api.get("/repositories/team").json()["online"] is True


def test_format_and_blob_store_are_for_a_repositorys_life(api: ApiClient) -> None:
    api.put("/repositories/team", {"format": "raw"})
    assert api.put("/repositories/team", {"format": "docker"}).status_code == 409
    assert api.patch("/repositories/team", {"name": "other"}).status_code == 400


def test_another_kind_is_refused_with_the_kinds_there_are(api: ApiClient) -> None:
    refused = api.put("/repositories/mirror", {"format": "docker", "kind": "virtual"})
    assert refused.status_code == 400
    assert refused.json()["errors"] == [
        {"pointer": "#/kind", "detail": "there is no kind 'virtual'; the kinds are: hosted, proxy, group"}
    ]


@pytest.mark.parametrize("format", [None, 7, "none", ["raw"]])
def test_an_unknown_format_is_refused_with_the_formats_there_are(untouched: ApiClient, format: Any) -> None:
    refused = untouched.put("/repositories/team", {"format": format})
    assert refused.status_code == 400
    assert pointers(refused) == ["#/format"]
    assert "docker" in refused.json()["detail"]


def test_everything_that_is_wrong_is_told_at_once(api: ApiClient) -> None:
    refused = api.put(
        "/repositories/team",
        {
            "format": "docker",
            "online": "yes",
            "hosts": ["ok.test", "Not A Host"],
            "ports": [0, 70000, "80"],
            "manifest_limit": 1,
            "write_polcy": "deny",
        },
    )
    assert refused.status_code == 400
    assert sorted(pointers(refused)) == [
        "#/hosts/1", "#/manifest_limit", "#/online", "#/ports/0", "#/ports/1", "#/ports/2", "#/write_polcy",
    ]  # fmt: skip


def test_a_setting_of_another_format_is_unknown(api: ApiClient) -> None:
    refused = api.put("/repositories/team", {"format": "raw", "latest_movable": True})
    assert pointers(refused) == ["#/latest_movable"]


@pytest.mark.parametrize("name", ["-a", "a.at.b", "a b", "ä", "a" * 65, "a\0b", "a\nb"])
def test_a_name_that_cannot_be_is_refused(untouched: ApiClient, name: str) -> None:
    assert untouched.post("/repositories", {"name": name, "format": "raw"}).status_code == 400


@pytest.mark.parametrize("path", ["a%00b", "a%0A", "a%2Fb", "%2e%2e", "a%ff", "a%"])
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_a_path_that_reads_in_two_ways_is_refused(untouched: ApiClient, method: str, path: str) -> None:
    body = {"format": "raw"} if method == "PUT" else None
    assert untouched.request(method, f"/repositories/{path}", body).status_code in (400, 404)
    assert [item["name"] for item in untouched.get("/repositories").json()["items"]] == [
        "docker",
        "pypi",
        "raw",
    ]


def test_an_entry_point_belongs_to_one_repository(api: ApiClient) -> None:
    api.put("/repositories/one", {"format": "docker", "hosts": ["one.test"], "ports": [5000]})
    assert api.put("/repositories/two", {"format": "docker", "hosts": ["one.test"]}).status_code == 409
    assert api.put("/repositories/two", {"format": "docker", "ports": [5000]}).status_code == 409
    assert api.get("/repositories/two").status_code == 404


def test_the_main_port_stands_for_no_repository(api: ApiClient) -> None:
    assert pointers(api.put("/repositories/team", {"format": "docker", "ports": [8081]})) == ["#/ports"]


def test_a_blob_store_that_is_not_there_is_a_mistake_in_the_body(api: ApiClient) -> None:
    assert pointers(api.put("/repositories/team", {"format": "raw", "blob_store": "none"})) == [
        "#/blob_store"
    ]


def test_a_write_that_names_the_version_it_read_loses_nobodys_change(api: ApiClient) -> None:
    read = api.put("/repositories/team", {"format": "raw"}).headers["etag"]
    api.patch("/repositories/team", {"online": False})
    stale = {"if-match": read}
    for refused in (
        api.put("/repositories/team", {"format": "raw"}, headers=stale),
        api.patch("/repositories/team", {"online": True}, headers=stale),
        api.delete("/repositories/team", headers=stale),
    ):
        assert refused.status_code == 412
        assert refused.json()["type"] == "urn:artifactd:problem:precondition-failed"
    assert api.get("/repositories/team").json()["online"] is False
    fresh = {"if-match": api.get("/repositories/team").headers["etag"]}
    assert api.patch("/repositories/team", {"online": True}, headers=fresh).status_code == 200


def test_an_etag_of_a_deleted_repository_does_not_fit_a_later_one_of_its_name(api: ApiClient) -> None:
    old = api.put("/repositories/team", {"format": "raw"}).headers["etag"]
    api.delete("/repositories/team")
    api.put("/repositories/team", {"format": "raw"})
    assert api.delete("/repositories/team", headers={"if-match": old}).status_code == 412


def test_if_match_on_what_is_not_there_creates_nothing(api: ApiClient) -> None:
    refused = api.put("/repositories/team", {"format": "raw"}, headers={"if-match": "*"})
    assert refused.status_code == 412
    assert api.get("/repositories/team").status_code == 404


def test_if_none_match_creates_and_never_replaces(api: ApiClient) -> None:
    only_new = {"if-none-match": "*"}
    assert api.put("/repositories/team", {"format": "raw"}, headers=only_new).status_code == 201
    assert api.put("/repositories/team", {"format": "raw"}, headers=only_new).status_code == 412


def test_a_repository_with_content_is_deleted_only_on_demand(api: ApiClient) -> None:
    assert api.content("PUT", "/repository/raw/a.txt", b"text") == 201
    refused = api.delete("/repositories/raw")
    assert refused.status_code == 409
    assert api.get("/repositories/raw").status_code == 200
    assert api.delete("/repositories/raw?content=true").status_code == 204
    assert api.get("/repositories/raw").status_code == 404
    assert api.content("GET", "/repository/raw/a.txt") == 404


def test_deleting_twice_is_a_404(api: ApiClient) -> None:
    assert api.delete("/repositories/raw").status_code == 204
    assert api.delete("/repositories/raw").status_code == 404


def test_pages_go_on_where_the_last_one_ended(api: ApiClient) -> None:
    for name in ("a", "b", "c", "Z"):
        api.put(f"/repositories/{name}", {"format": "raw"})
    names: list[str] = []
    cursor = ""
    while True:
        answer = api.get(f"/repositories?limit=2&cursor={cursor}")
        page = answer.json()
        names += [item["name"] for item in page["items"]]
        if page["next"] is None:
            assert "link" not in answer.headers
            break
        assert f"cursor={page['next']}" in answer.headers["link"].replace("%3D", "=")
        cursor = page["next"]
        if names[-1] == "a":
            api.delete("/repositories/a")
    assert names == ["Z", "a", "b", "c", "docker", "pypi", "raw"]


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=1001", "limit=x", "cursor=%25", "cursor=AA==", "page=2", "limit=1&limit=2"]
)
def test_a_query_that_is_not_understood_is_refused(untouched: ApiClient, query: str) -> None:
    refused = untouched.get(f"/repositories?{query}")
    assert refused.status_code == 400
    assert [mistake["parameter"] for mistake in refused.json()["errors"]] == [query.partition("=")[0]]


def test_a_user_sees_the_repositories_that_it_may_read(api: ApiClient) -> None:
    api.put("/roles/reader", {"grants": [{"repository": "raw", "verbs": ["read"]}]})
    reader = api.user("bob", "reader")
    assert [item["name"] for item in reader.get("/repositories").json()["items"]] == ["raw"]
    assert reader.get("/repositories/raw").status_code == 200
    assert reader.get("/repositories/docker").status_code == 404


def test_a_scoped_token_sees_what_its_scopes_cover(api: ApiClient) -> None:
    scopes = [{"repository": "docker", "verbs": ["read"]}]
    secret = api.post("/tokens", {"name": "ci", "scopes": scopes}).json()["secret"]
    shown = api.bearing(secret).get("/repositories").json()["items"]
    assert [item["name"] for item in shown] == ["docker"]


def test_only_administrators_change_repositories(api: ApiClient) -> None:
    api.put(
        "/roles/owner", {"grants": [{"repository": "raw", "verbs": ["read", "write", "delete", "admin"]}]}
    )
    owner = api.user("bob", "owner")
    secret = api.post(
        "/tokens", {"name": "ci", "scopes": [{"repository": "raw", "verbs": ["admin"]}]}
    ).json()
    for caller, status in ((owner, 403), (api.bearing(secret["secret"]), 403), (api.anonymous(), 401)):
        assert caller.post("/repositories", {"name": "team", "format": "raw"}).status_code == status
        assert caller.put("/repositories/raw", {"format": "raw"}).status_code == status
        assert caller.patch("/repositories/raw", {"online": False}).status_code == status
        assert caller.delete("/repositories/raw?content=true").status_code == status
    assert api.get("/repositories/raw").json()["version"] == 1


def test_the_url_is_what_the_client_sees_through_a_trusted_proxy(
    settings: Settings, described: Described
) -> None:
    core, application = started(settings.model_copy(update={"trusted_proxies": ("127.0.0.0/8",)}))
    api = ApiClient(application, described).login("admin", ADMIN_PASSWORD)
    forwarded = {"x-forwarded-proto": "https", "x-forwarded-host": "artifacts.example"}
    shown = api.get("/repositories/raw", headers=forwarded).json()
    assert shown["url"] == "https://artifacts.example/repository/raw/"
    core.close()


@pytest.mark.parametrize(("format", "client"), [("docker", "docker"), ("pypi", "uv"), ("raw", "curl")])
def test_snippets_speak_of_the_repository_as_the_caller_sees_it(
    api: ApiClient, format: str, client: str
) -> None:
    api.put("/repositories/team", {"format": format})
    shown = api.get("/repositories/team/snippets").json()["items"]
    assert client in {snippet["client"] for snippet in shown}
    for snippet in shown:
        assert "artifacts.test" in snippet["text"] or snippet["place"].endswith("netrc")
        assert snippet["title"] and snippet["place"]
    assert api.get("/repositories/nothing/snippets").status_code == 404
