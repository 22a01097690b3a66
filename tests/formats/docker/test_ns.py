"""`?ns=`: the registry that a mirror's client means, from the query to the repository and the challenge."""

from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import Headers

from artifactd.auth.principal import ANONYMOUS, Principal
from artifactd.errors import Unauthenticated
from artifactd.plugin import Arrival, Directory, Exchange, Located
from artifactd_docker import format
from artifactd_docker.errors import NameInvalid
from artifactd_docker.location import ImagePlace, find_image, locate, namespace_headers, url
from artifactd_docker.namespaces import entry_of
from artifactd_docker.rendering import challenge
from artifactd_docker.settings import DockerSettings

OURSELVES = "mirror.example:8443"


class Record:
    def __init__(self, name: str, format: str, *namespaces: str) -> None:
        self.name = name
        self.format = format
        self.settings = {"namespaces": list(namespaces)} if namespaces else {}


class Repositories:
    """A directory in which `hub` stands for two registries, and `other` for one of them as well."""

    def all(self) -> list[Record]:
        return [
            Record("files", "raw", "registry.example"),
            Record("hub", "docker", "images.example", "registry.example"),
            Record("other", "docker", "images.example", "registry.example:5000"),
            Record("plain", "docker"),
        ]

    def of_host(self, host: str) -> None:
        return None

    def of_port(self, port: int) -> None:
        return None


def arrival(path: str, query: str = "", entry: str = "main", method: str = "GET") -> Arrival:
    said = query.encode()
    return Arrival(
        method,
        path,
        said,
        Headers(),
        entry_of(entry, said),
        "https",
        OURSELVES,
        "127.0.0.1",
        Principal(ANONYMOUS, 0, frozenset()),
    )


def found(path: str, query: str = "", entry: str = "main") -> Located | None:
    return locate(arrival(path, query, entry), cast(Directory, Repositories()))


def exchange(path: str, query: str, params: dict[str, str] | None = None) -> Exchange:
    located = found(path, query)
    assert located is not None
    return Exchange(arrival(path, query), located, params or {}, None, cast(Any, None), None)


@pytest.mark.parametrize(
    ("query", "repository"),
    [
        ("ns=registry.example", "hub"),
        ("ns=REGISTRY.Example", "hub"),
        ("a=b&ns=registry.example", "hub"),
        ("ns=images.example", "hub"),
        ("ns=registry.example%3A5000", "other"),
        ("ns=registry.example:5000", "other"),
    ],
)
def test_the_registry_in_the_query_is_a_repository_and_the_name_is_whole(
    query: str, repository: str
) -> None:  # docker R11
    path = "library/app/manifests/1"
    assert found(f"/v2/{path}", query) == Located(repository, path)


@pytest.mark.parametrize(
    "host",
    ["other.example", "registry.example:1", "169.254.169.254", "hub", "..", "-", "a/b", "a b", '"', "ns"],
)
def test_a_registry_that_nothing_stands_for_does_not_exist(host: str) -> None:  # docker R11
    located = found("/v2/hub/app/manifests/1", f"ns={host}")
    assert located is not None
    assert located.repository is not None
    assert ":" in located.repository  # as no repository's name has
    assert located.path == "hub/app/manifests/1"


@pytest.mark.parametrize(
    "query", ["", "ns=", f"ns={OURSELVES}", f"ns={OURSELVES.upper()}", "answer=1", "x=ns"]
)
def test_without_another_registry_the_first_component_is_the_repository(query: str) -> None:
    assert found("/v2/hub/app/manifests/1", query) == Located("hub", "app/manifests/1", "hub/")
    assert found("/v2/hub.at.2026-11-01/app/tags/list", query) == Located(
        "hub", "app/tags/list", "hub.at.2026-11-01/", "2026-11-01"
    )


def test_the_past_is_not_to_be_had_there() -> None:
    located = found("/v2/app.at.2026-11-01/manifests/1", "ns=registry.example")
    assert located == Located("hub", "app.at.2026-11-01/manifests/1")


@pytest.mark.parametrize("entry", ["host:repo.example", "port:8082"])
def test_a_declared_entry_stands_for_its_repository_whatever_is_asked_there(entry: str) -> None:
    assert entry_of(entry, b"ns=registry.example") == entry
    assert entry_of(entry, b"service=ns:registry.example") == entry


@pytest.mark.parametrize(
    ("query", "entry"),
    [
        (b"", "main"),
        (b"n=100&last=x", "main"),
        (b"ns=registry.example", "ns:registry.example"),
        (b"ns=[::1]:5000", "ns:[::1]:5000"),
        (b"service=ns:registry.example&scope=repository:app:pull", "ns:registry.example"),
        (b"service=ns%3Aregistry.example", "ns:registry.example"),
        (b"service=main", "main"),
        (b"service=registry.example", "main"),
        (b"service=ns:", "ns:-"),
        (b"scope=repository:ns:pull", "main"),
        (b"ns=a%22b", "ns:-"),
        (b"ns=a%0d%0ab", "ns:-"),
        (b"service=ns:-", "ns:-"),
    ],
)
def test_the_entry_of_a_request_is_its_registry(query: bytes, entry: str) -> None:
    assert entry_of("main", query) == entry


@given(st.binary(max_size=40))
def test_an_entry_is_fit_for_a_header(query: bytes) -> None:
    assert set(entry_of("main", b"ns=" + query)) <= set("abcdefghijklmnopqrstuvwxyz0123456789.:-[]")


def test_a_challenge_names_the_registry_as_the_service() -> None:  # docker R9, R22, proxy R145
    request = arrival("/v2/library/app/manifests/1", "ns=registry.example")
    assert challenge(request, None, None, Unauthenticated()) == (
        f'Bearer realm="https://{OURSELVES}/auth/token",service="ns:registry.example"'
        ',scope="repository:library/app:pull"'
    )


def test_a_token_for_the_registry_is_for_its_repository() -> None:  # docker R24
    query = "service=ns:registry.example&scope=repository:library/app:pull"
    asking = exchange("/auth/token", query)
    assert asking.located == Located("hub", "/auth/token")
    assert asking.arrival.entry == "ns:registry.example"
    assert find_image(asking, "library/app") == ImagePlace("hub", "library/app")  # type: ignore[arg-type]


def test_a_token_for_a_registry_that_nothing_stands_for_is_for_nothing() -> None:
    asking = exchange("/auth/token", "service=ns:other.example")
    assert asking.located == Located(None, "/auth/token")
    with pytest.raises(NameInvalid):
        find_image(asking, "hub/app")


def test_what_is_given_back_leads_to_the_same_registry() -> None:  # docker R143
    params = {"image": "library/app"}
    asking = exchange("/v2/library/app/tags/list", "ns=registry.example", params)
    assert url(asking, "tags", "list", query=[("n", "2"), ("last", "1")]) == (
        "/v2/library/app/tags/list?n=2&last=1&ns=registry.example"
    )
    assert namespace_headers(asking) == (("OCI-Namespace", "registry.example"),)  # docker R11
    plain = exchange("/v2/hub/app/tags/list", f"ns={OURSELVES}", {"image": "app"})
    assert url(plain, "tags", "list") == "/v2/hub/app/tags/list"
    assert not namespace_headers(plain)


@pytest.mark.parametrize(
    "host", ["Registry.example", "https://registry.example", "a b", "", "registry.example/x"]
)
def test_a_namespace_is_a_host_and_perhaps_a_port(host: str) -> None:
    with pytest.raises(ValueError, match="namespaces"):
        DockerSettings(namespaces=[host])  # type: ignore[arg-type]


def test_the_format_says_so() -> None:
    assert format.entry is entry_of
