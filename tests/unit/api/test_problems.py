"""What every answer that is not a success looks like, and requests that no resource gets to see."""

import json
import logging
from typing import Any

import pytest

from artifactd.catalog.directory import Directory
from tests.support.api_client import ApiClient

RAW = {"name": "team", "format": "raw"}


def test_a_problem_has_a_stable_shape(api: ApiClient) -> None:
    response = api.get("/repositories/none", headers={"x-request-id": "abc-1"})
    assert response.status_code == 404
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json() == {
        "type": "urn:artifactd:problem:not-found",
        "title": "Not found",
        "status": 404,
        "detail": "repository 'none' does not exist",
        "request_id": "abc-1",
    }
    assert response.headers["x-request-id"] == "abc-1"


@pytest.mark.parametrize("path", ["", "/", "/none", "/repositories/", "/repositories/a/b", "/openapi.yaml"])
def test_an_unknown_path_is_a_problem_too_for_everyone(untouched: ApiClient, path: str) -> None:
    response = untouched.anonymous().request("GET", path)
    assert response.status_code == 404
    assert response.headers["content-type"] == "application/problem+json"


def test_below_api_but_outside_of_this_version_is_a_problem_too(api: ApiClient) -> None:
    for path in ("/api/", "/api/v2/repositories", "/api/v1"):
        assert api.content("GET", path) == 404


def test_a_method_that_is_not_there_is_answered_with_those_that_are(api: ApiClient) -> None:
    response = api.request("POST", "/repositories/raw", RAW)
    assert response.status_code == 405
    assert response.headers["allow"] == "DELETE, GET, HEAD, PATCH, PUT"
    assert api.request("TRACE", "/system").headers["allow"] == "GET, HEAD"
    assert api.request("OPTIONS", "/repositories").status_code == 405


def test_head_is_get_without_a_body(api: ApiClient) -> None:
    got, head = api.get("/repositories/raw"), api.request("HEAD", "/repositories/raw")
    assert head.status_code == 200
    assert head.content == b""
    assert head.headers["etag"] == got.headers["etag"]
    assert head.headers["content-length"] == got.headers["content-length"]
    assert api.anonymous().request("HEAD", "/repositories/raw").status_code == 401


def test_who_is_not_known_is_challenged(api: ApiClient) -> None:
    for caller in (api.anonymous(), api.login("admin", "wrong"), api.bearing("adt_none"), api.bearing("")):
        response = caller.get("/repositories")
        assert response.status_code == 401
        assert response.headers["www-authenticate"] == 'Basic realm="artifactd", charset="UTF-8"'


def test_what_is_public_does_not_look_at_credentials(api: ApiClient) -> None:
    assert api.login("admin", "wrong").get("/formats").status_code == 200


def test_no_cache_keeps_an_answer(api: ApiClient) -> None:
    for response in (api.get("/users"), api.get("/none"), api.anonymous().get("/users")):
        assert response.headers["cache-control"] == "no-store"
        assert response.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("given", ["", "a b", "a\tb", '"', "x" * 129, "<script>", "ä"])
def test_a_request_id_that_cannot_be_written_anywhere_is_replaced(untouched: ApiClient, given: str) -> None:
    response = untouched.get("/system", headers={"x-request-id": given.encode()})
    assert len(response.headers["x-request-id"]) == 32


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"[]", b"null", b'"text"', b"{} {}", b"\xff\xfe", b'{"name": NaN}',
        b'{"name": "\\ud800"}',
        b'{"name": "\xc3\x28"}', b"[" * 500_000, b'{"a":' * 100_000, b'{"a": "\\u0000"}', b'{"\\u0000": 1}',
        b'{"grants": [{"repository": "a\\u001b", "verbs": ["read"]}], "name": "x"}', b'{"name": 1e999}',
    ],
)  # fmt: skip
def test_a_body_that_is_no_document_is_refused(untouched: ApiClient, body: bytes) -> None:
    response = untouched.request(
        "POST", "/roles", content=body, headers={"content-type": "application/json"}
    )
    assert response.status_code == 400
    assert response.json()["errors"]
    assert len(untouched.get("/roles").json()["items"]) == 2


def test_a_body_is_bounded(api: ApiClient) -> None:
    def chunks() -> Any:
        yield from [b" " * 65536] * 17

    headers = {"content-type": "application/json"}
    whole = api.request("POST", "/roles", content=b" " * (1 << 20) + b"{}", headers=headers)
    assert whole.status_code == 413
    assert api.request("POST", "/roles", content=chunks(), headers=headers).status_code == 413


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "", "a/b+json"]
)
def test_a_body_says_that_it_is_json(untouched: ApiClient, content_type: str) -> None:
    response = untouched.request(
        "POST", "/repositories", content=json.dumps(RAW).encode(), headers={"content-type": content_type}
    )
    assert response.status_code == 415
    assert untouched.get("/repositories/team").status_code == 404


def test_json_may_name_its_charset(api: ApiClient) -> None:
    headers = {"content-type": "Application/JSON; charset=utf-8"}
    assert api.request("POST", "/repositories", RAW, headers=headers).status_code == 201


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.test"},
        {"origin": "http://artifacts.test.evil.test"},
        {"origin": "http://artifacts.test:8080"},
        {"origin": "null"},
        {"sec-fetch-site": "cross-site"},
        {"origin": "http://artifacts.test", "sec-fetch-site": "cross-site"},
    ],
)
def test_a_page_of_another_site_changes_nothing(untouched: ApiClient, headers: dict[str, str]) -> None:
    for method, path, body in (
        ("POST", "/repositories", RAW), ("PUT", "/repositories/team", RAW),
        ("PATCH", "/repositories/raw", {"online": False}), ("DELETE", "/repositories/raw", None),
    ):  # fmt: skip
        response = untouched.request(method, path, body, headers=headers)
        assert response.status_code == 403
        assert response.json()["type"] == "urn:artifactd:problem:cross-site"
    assert untouched.get("/repositories/raw", headers=headers).json()["version"] == 1
    assert untouched.get("/repositories/team").status_code == 404


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://artifacts.test", "sec-fetch-site": "same-origin"},
        {"origin": "http://artifacts.test:80"},
        {"origin": "HTTP://ARTIFACTS.TEST"},
        {"sec-fetch-site": "none"},
    ],
)
def test_a_page_of_ours_changes_what_its_user_may(api: ApiClient, headers: dict[str, str]) -> None:
    assert api.post("/repositories", RAW, headers=headers).status_code == 201


def test_a_misspelt_parameter_is_refused_and_nothing_is_done(api: ApiClient) -> None:
    for query in ("dryrun=true", "dry_run=perhaps", "dry_run=true&dry_run=false", "dry_run", "a%00=1"):
        assert api.post(f"/repositories?{query}", RAW).status_code == 400
    assert api.delete("/repositories/raw?contents=true").status_code == 400
    assert api.get("/repositories/raw?dry_run=true").status_code == 400
    assert api.get("/repositories/team").status_code == 404


def test_a_fault_of_ours_is_logged_under_the_requests_id_and_told_to_nobody(
    api: ApiClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(directory: Directory) -> None:
        raise RuntimeError("the inner state")

    monkeypatch.setattr(Directory, "all", fail)
    with caplog.at_level(logging.ERROR):
        response = api.get("/repositories", headers={"x-request-id": "fault-1"})
    assert response.status_code == 500
    assert "inner state" not in response.text
    assert "fault-1" in caplog.text
    assert "inner state" in caplog.text
