"""From a request to a repository, and the challenge that names what was tried."""

from typing import Any, cast

import pytest
from starlette.datastructures import Headers, QueryParams

from artifactd.auth.principal import ANONYMOUS, Principal
from artifactd.errors import InsufficientScope, InvalidCredentials, Unauthenticated
from artifactd.plugin import Arrival, Directory, Exchange, Located
from artifactd_docker.errors import NameInvalid
from artifactd_docker.location import ImagePlace, find_image, locate
from artifactd_docker.rendering import challenge, needed_scope


class OneEntry:
    """A directory in which `repo.example` and port 8082 stand for the repository `images`."""

    class Record:
        name = "images"

    def of_host(self, host: str) -> Record | None:
        return self.Record() if host == "repo.example" else None

    def of_port(self, port: int) -> Record | None:
        return self.Record() if port == 8082 else None


def arrival(
    path: str, entry: str = "main", method: str = "GET", query: str = "", **headers: str
) -> Arrival:
    return Arrival(
        method,
        path,
        QueryParams(query),
        Headers(headers),
        entry,
        "https",
        "registry.example:8443",
        "127.0.0.1",
        Principal(ANONYMOUS, 0, frozenset()),
    )


def found(path: str, entry: str = "main") -> Located | None:
    return locate(arrival(path, entry), cast(Directory, OneEntry()))


@pytest.mark.parametrize(
    ("path", "located"),
    [
        ("/v2/docker/app/manifests/1", Located("docker", "app/manifests/1", "docker/")),
        ("/v2/docker/a/b/tags/list", Located("docker", "a/b/tags/list", "docker/")),
        (
            "/v2/docker.at.2026-11-01/app/tags/list",
            Located("docker", "app/tags/list", "docker.at.2026-11-01/", "2026-11-01"),
        ),
        ("/v2/docker", Located("docker", "", "docker/")),
        ("/v2/", Located(None, "/v2/")),
        ("/v2", Located(None, "/v2")),
        ("/v2/_catalog", Located(None, "/v2/_catalog")),
        ("/auth/token", Located(None, "/auth/token")),
        ("/repository/docker/x", None),
    ],
)
def test_at_the_main_entry_the_first_component_is_the_repository(
    path: str, located: Located | None
) -> None:
    assert found(path) == located  # docker R8


@pytest.mark.parametrize("entry", ["host:repo.example", "port:8082"])
def test_a_declared_entry_takes_the_whole_name(entry: str) -> None:  # docker R8, R9
    assert found("/v2/docker/app/manifests/1", entry) == Located("images", "docker/app/manifests/1")
    assert found("/v2/app/manifests/1", entry) == Located("images", "app/manifests/1")
    assert found("/v2/", entry) == Located("images", "/v2/")
    assert found("/auth/token", entry) == Located("images", "/auth/token")


def exchange(entry: str = "main", repository: str | None = None) -> Exchange:
    services = cast(Any, None)
    return Exchange(
        arrival("/auth/token", entry), Located(repository, "/auth/token"), {}, None, services, None
    )


def test_a_client_s_name_for_an_image_is_understood_where_it_came_in() -> None:  # docker R9, R24, R132
    assert find_image(exchange(), "docker/a/b") == ImagePlace("docker", "a/b")  # type: ignore[arg-type]
    assert find_image(exchange(), "docker.at.x/a").at == "x"
    assert find_image(exchange(), "registry.example:8443/docker/a").repository == "docker"
    assert find_image(exchange("port:8082", "images"), "docker/a") == ImagePlace("images", "docker/a")  # type: ignore[arg-type]
    for name in ("docker", "", "docker/", "docker/A", "other:5000/docker/a b"):
        with pytest.raises(NameInvalid):
            find_image(exchange(), name)


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        ("GET", "/v2/", None),
        ("GET", "/v2/docker", None),
        ("GET", "/v2/_catalog", "registry:catalog:*"),
        ("GET", "/v2/docker/app/manifests/1", "repository:docker/app:pull"),
        ("HEAD", "/v2/docker/app/blobs/sha256:0", "repository:docker/app:pull"),
        ("GET", "/v2/docker/app/tags/list", "repository:docker/app:pull"),
        ("GET", "/v2/docker/app/referrers/sha256:0", "repository:docker/app:pull"),
        ("PUT", "/v2/docker/app/manifests/1", "repository:docker/app:pull,push"),
        ("POST", "/v2/docker/app/blobs/uploads/", "repository:docker/app:pull,push"),
        ("POST", "/v2/docker/app/blobs/uploads", "repository:docker/app:pull,push"),
        ("PATCH", "/v2/docker/app/blobs/uploads/1", "repository:docker/app:pull,push"),
        ("GET", "/v2/docker/app/blobs/uploads/1", "repository:docker/app:pull,push"),
        ("DELETE", "/v2/docker/app/blobs/uploads/1", "repository:docker/app:pull,push"),
        ("DELETE", "/v2/docker/app/manifests/1", "repository:docker/app:pull,delete"),
        ("DELETE", "/v2/docker/app/blobs/sha256:0", "repository:docker/app:pull,delete"),
        ("GET", "/v2/docker/a/manifests/b/manifests/1", "repository:docker/a/manifests/b:pull"),
        ("GET", "/v2/docker/x/blobs/uploads/tags/list", "repository:docker/x/blobs/uploads:pull"),
        ("GET", '/v2/docker/a"b/manifests/1', "repository:docker/a%22b:pull"),
    ],
)
def test_the_scope_says_what_was_tried_in_the_client_s_words(
    method: str, path: str, scope: str | None
) -> None:
    assert needed_scope(method, path) == scope  # docker R6, R9, R32


BEARER = 'Bearer realm="https://registry.example:8443/auth/token",service="main"'
PULL = ',scope="repository:docker/app:pull"'


@pytest.mark.parametrize(
    ("path", "error", "headers", "expected"),
    [
        ("/v2/", Unauthenticated(), {}, BEARER),
        ("/v2/docker/app/tags/list", Unauthenticated(), {}, BEARER + PULL),
        (
            "/v2/docker/app/tags/list",
            InsufficientScope("read", "docker", "app"),
            {"authorization": "Bearer x"},
            BEARER + PULL + ',error="insufficient_scope"',
        ),
        (
            "/v2/docker/app/tags/list",
            InvalidCredentials(),
            {"authorization": "bearer x"},
            BEARER + PULL + ',error="invalid_token"',
        ),
        ("/v2/", InvalidCredentials(), {"authorization": "Basic x"}, BEARER),
        ("/auth/token", InvalidCredentials(), {}, 'Basic realm="artifactd", charset="UTF-8"'),
    ],
)
def test_a_challenge_is_what_clients_parse(
    path: str, error: Exception, headers: dict[str, str], expected: str
) -> None:
    assert challenge(arrival(path, **headers), None, None, error) == expected  # docker R22, R23, R30


def test_a_mount_s_first_challenge_names_its_source_too_and_a_retry_s_does_not() -> None:  # docker R31
    request = arrival(
        "/v2/docker/app/blobs/uploads/", method="POST", query="mount=sha256:0&from=docker/base image"
    )
    both = 'scope="repository:docker/app:pull,push repository:docker/base%20image:pull"'
    assert both in challenge(request, None, None, Unauthenticated())
    again = challenge(request, None, None, InsufficientScope("write", "docker", "app"))
    assert 'scope="repository:docker/app:pull,push",' in again
