"""A mirror for several registries, as container runtimes use one, on the wire (docker R11)."""

import re

import pytest

from artifactd.auth.principal import Verb
from tests.support.fake_registry import FakeRegistry
from tests.support.images import codes, digest_of, image
from tests.support.proxies import proxy
from tests.support.server import Answer, Login, RunningServer


class Mirror:
    """A proxy that stands for a registry host, and a client that knows that host alone."""

    def __init__(self, server: RunningServer, upstream: FakeRegistry) -> None:
        self.server = server
        self.host = f"{server.unused('registry')}.example"
        settings = {"namespaces": [self.host], "default_namespace": "library"}
        self.repository = proxy(server, "docker", f"{upstream.url}/", settings=settings)

    def get(self, path: str, login: Login | None, host: str = "", method: str = "GET") -> Answer:
        """Ask as a runtime does: without credentials, then with the token that the challenge leads to."""
        mark = "&" if "?" in path else "?"
        url = f"/v2/{path}{mark}ns={host or self.host}"
        refused = self.server.request(method, url, login=None)
        assert refused.status == 401
        asked = dict(re.findall(r'(\w+)="([^"]*)"', refused.header("www-authenticate")))
        query = f"service={asked['service']}&scope={asked['scope']}"
        token = self.server.request("GET", f"/auth/token?{query}", login=login).json()["token"]
        return self.server.request(method, url, headers={"Authorization": f"Bearer {token}"})


@pytest.fixture
def mirror(server: RunningServer, upstream: FakeRegistry) -> Mirror:
    return Mirror(server, upstream)


def puller(mirror: Mirror) -> Login:
    return mirror.server.user((mirror.repository, "**", [Verb.READ, Verb.POPULATE]))


def test_an_image_is_pulled_by_the_name_of_its_registry(mirror: Mirror, upstream: FakeRegistry) -> None:
    built, login = image("mirrored"), puller(mirror)
    upstream.push("library/app", built, "1", "2")
    for method in ("HEAD", "GET"):
        answer = mirror.get("library/app/manifests/1", login, method=method)
        assert answer.status == 200
        assert answer.header("docker-content-digest") == built.digest
        assert answer.header("oci-namespace") == mirror.host
    for blob in built.blobs:
        assert mirror.get(f"library/app/blobs/{digest_of(blob)}", login).body == blob
    page = mirror.get("library/app/tags/list?n=1", login)
    assert page.json() == {"name": "library/app", "tags": ["1"]}
    following = page.header("link").partition(">")[0].removeprefix("</v2/")
    assert following == f"library/app/tags/list?n=1&last=1&ns={mirror.host}"
    rest = mirror.server.request("GET", f"/v2/{following}", login=login)
    assert rest.json() == {"name": "library/app", "tags": ["2"]}


def test_it_is_the_same_repository(mirror: Mirror, upstream: FakeRegistry) -> None:
    built, login = image("shared"), puller(mirror)
    upstream.push("library/app", built, "1")
    assert mirror.get("library/app/manifests/1", login).status == 200
    named = mirror.server.request("GET", f"/v2/{mirror.repository}/app/manifests/1", login=login)
    assert named.body == built.body
    assert not named.header("oci-namespace")
    assert upstream.count("GET") == 1


def test_rights_are_those_of_the_repository(mirror: Mirror, upstream: FakeRegistry) -> None:
    upstream.push("library/app", image("guarded"), "1")
    stranger = mirror.server.user((mirror.repository, "other/**", [Verb.READ, Verb.POPULATE]))
    for login in (None, stranger):
        assert mirror.get("library/app/manifests/1", login).status in (401, 403)
    assert upstream.count() == 0


def test_a_registry_that_nothing_stands_for_is_unknown_and_nobody_asks_it(
    mirror: Mirror, upstream: FakeRegistry
) -> None:
    upstream.push("library/app", image("elsewhere"), "1")
    login = puller(mirror)
    for host in (upstream.host, "unknown.example", "169.254.169.254", f"{mirror.host}:1"):
        answer = mirror.get("library/app/manifests/1", login, host)
        assert (answer.status, codes(answer)) == (404, ["NAME_UNKNOWN"])
        assert mirror.get("library/app/manifests/1", None, host).status == 401
    assert upstream.count() == 0


def test_a_token_for_one_registry_is_no_token_for_another(
    mirror: Mirror, upstream: FakeRegistry
) -> None:  # proxy R145
    server, login = mirror.server, puller(mirror)
    upstream.push("library/app", image("audience"), "1")
    paths = {
        f"ns:{mirror.host}": f"/v2/library/app/manifests/1?ns={mirror.host}",
        "main": f"/v2/{mirror.repository}/library/app/manifests/1",
    }
    names = {f"ns:{mirror.host}": "library/app", "main": f"{mirror.repository}/library/app"}
    for service, name in names.items():
        query = f"service={service}&scope=repository:{name}:pull"
        token = server.request("GET", f"/auth/token?{query}", login=login).json()["token"]
        headers = {"Authorization": f"Bearer {token}"}
        for entry, path in paths.items():
            status = server.request("GET", path, headers=headers).status
            assert status == (200 if entry == service else 401), (service, path)


def test_our_own_name_is_no_other_registry(mirror: Mirror, upstream: FakeRegistry) -> None:
    upstream.push("library/app", image("ourselves"), "1")
    host = f"{mirror.server.address[0]}:{mirror.server.address[1]}"
    answer = mirror.get(f"{mirror.repository}/library/app/manifests/1", puller(mirror), host)
    assert answer.status == 200
    assert not answer.header("oci-namespace")
