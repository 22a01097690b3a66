"""Errors and routing as clients meet them, on the wire (docker K)."""

import pytest

from tests.support.images import Registry, codes, image
from tests.support.server import Answer


def assert_error(answer: Answer, status: int, code: str) -> None:
    assert (answer.status, codes(answer)) == (status, [code])
    assert answer.header("content-type") == "application/json"
    assert answer.header("docker-distribution-api-version") == "registry/2.0"
    (error,) = answer.json()["errors"]
    assert set(error) == {"code", "message", "detail"}  # docker R170
    assert error["message"]


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/v2/no-such-repository/app/tags/list", 404, "NAME_UNKNOWN"),
        ("GET", "/v2/nonsense", 404, "NAME_UNKNOWN"),
        ("GET", "/v2/{repository}/manifests/1", 404, "NAME_UNKNOWN"),
        ("POST", "/v2/{repository}/app/tags/list", 405, "UNSUPPORTED"),
        ("PATCH", "/v2/{repository}/app/manifests/1", 405, "UNSUPPORTED"),
        ("GET", "/v2/{repository}/app/blobs/uploads/", 405, "UNSUPPORTED"),
        ("PUT", "/v2/", 405, "UNSUPPORTED"),
        ("GET", "/v2/{repository}/app/manifests/%zz", 400, "NAME_INVALID"),
        ("GET", "/v2/{repository}/a%2Fb/manifests/1", 400, "NAME_INVALID"),
        ("GET", "/v2/{repository}/../x/manifests/1", 400, "NAME_INVALID"),
        ("GET", "/v2/{repository}/%2e%2e/manifests/1", 400, "NAME_INVALID"),
        ("GET", "/v2/{repository}/a%00b/manifests/1", 400, "NAME_INVALID"),
        ("GET", "/v2/{repository}//manifests/1", 400, "NAME_INVALID"),
        ("GET", "/v2/{repository}/A/manifests/1", 400, "NAME_INVALID"),
    ],
)
def test_every_error_has_the_registry_s_shape(
    registry: Registry, method: str, path: str, status: int, code: str
) -> None:  # docker R170, R171
    assert_error(registry.request(method, path.format(repository=registry.repository)), status, code)


def test_a_repository_of_another_format_is_no_registry(registry: Registry) -> None:
    raw = registry.server.repository("raw")
    assert_error(registry.request("GET", f"/v2/{raw}/app/tags/list"), 404, "NAME_UNKNOWN")


def test_the_past_is_read_and_not_written(registry: Registry) -> None:
    app, built = registry.of("k/past"), image("past")
    app.push(built, "1")
    then = Registry(registry.server, f"{registry.repository}.at.2999-01-01", "k/past")
    assert then.request("GET", "manifests/1").body == built.body
    assert then.tags() == ["1"]
    refused = then.request("POST", "blobs/uploads/")
    assert (refused.status, codes(refused)) == (405, ["UNSUPPORTED"])
    for moment in ("yesterday", ""):
        bad = Registry(registry.server, f"{registry.repository}.at.{moment}", "k/past")
        assert bad.request("GET", "tags/list").status == 400
