"""`/v2/`, challenges and the token service, on the wire (docker B)."""

import base64
import json
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from artifactd.auth.principal import Verb
from artifactd.clock import moment
from tests.support.images import Registry, codes, digest_of, image
from tests.support.server import ADMIN, Answer, Login, RunningServer, running

WRONG = Login("admin", "wrong")


def token_of(
    server: RunningServer, *scopes: str, login: Login | None = ADMIN, query: str = ""
) -> dict[str, object]:
    asked = "&".join(["service=main", *(f"scope={scope}" for scope in scopes), query])
    answer = server.request("GET", f"/auth/token?{asked}", login=login)
    assert answer.status == 200, answer
    document: dict[str, object] = answer.json()
    return document


def access_in(document: dict[str, object]) -> list[dict[str, object]]:
    payload = str(document["token"]).split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    access: list[dict[str, object]] = claims["access"]
    return access


def with_token(
    server: RunningServer, document: dict[str, object], method: str, path: str, body: bytes = b""
) -> Answer:
    headers = {"Authorization": f"Bearer {document['token']}"}
    return server.request(method, path, body, headers=headers)


@pytest.mark.parametrize("path", ["/v2/", "/v2"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_the_version_check_answers_whoever_is_logged_in(
    server: RunningServer, method: str, path: str
) -> None:
    answer = server.request(method, path)  # docker R20
    assert answer.status == 200
    assert answer.body == (b"{}" if method == "GET" else b"")
    assert answer.header("content-type") == "application/json"
    assert answer.header("docker-distribution-api-version") == "registry/2.0"


@pytest.mark.parametrize("login", [None, WRONG])
def test_the_version_check_challenges_everyone_else(server: RunningServer, login: Login | None) -> None:
    answer = server.request("GET", "/v2/", login=login)  # docker R21 to R23
    assert answer.status == 401
    assert answer.header("www-authenticate") == f'Bearer realm="{server.url}/auth/token",service="main"'
    assert codes(answer) == ["UNAUTHORIZED"]


def test_a_login_is_challenge_token_and_check(server: RunningServer) -> None:  # docker R26 to R29
    document = token_of(server, query="account=admin&client_id=docker&offline_token=true")
    assert document["token"] == document["access_token"]
    assert document["expires_in"] == 300
    assert "refresh_token" not in document
    issued = datetime.fromisoformat(str(document["issued_at"]))
    assert abs(issued - moment(server.clock())) < timedelta(minutes=1)
    assert with_token(server, document, "GET", "/v2/").status == 200


def test_a_wrong_password_gets_no_token_whatever_it_is_for(server: RunningServer) -> None:  # docker R29
    answer = server.request("GET", "/auth/token?service=main&scope=repository:docker/a:pull", login=WRONG)
    assert answer.status == 401
    assert answer.header("www-authenticate").startswith("Basic ")


def test_anonymous_clients_get_a_token_and_with_it_an_answer(server: RunningServer) -> None:  # docker R28
    document = token_of(server, "repository:docker/app:pull", login=None)
    assert access_in(document) == [{"type": "repository", "name": "docker/app", "actions": []}]
    assert with_token(server, document, "GET", "/v2/").status == 200


def test_oauth_is_not_spoken(server: RunningServer) -> None:  # docker R25
    form = b"grant_type=password&service=main&username=admin&password=x"
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    assert server.request("POST", "/auth/token", form, login=None, headers=headers).status == 404


def test_a_token_covers_what_is_asked_for_and_allowed(registry: Registry) -> None:  # docker R28, R35
    server, repository = registry.server, registry.repository
    reader = server.user((repository, "team/**", [Verb.READ]))
    document = token_of(
        server,
        f"repository:{repository}/team/app:pull,push%20repository:{repository}/other:pull",
        login=reader,
    )
    assert access_in(document) == [
        {"type": "repository", "name": f"{repository}/team/app", "actions": ["pull"]},
        {"type": "repository", "name": f"{repository}/other", "actions": []},
    ]
    registry.push(image("access"), "1")
    assert with_token(server, document, "GET", f"/v2/{repository}/team/app/manifests/1").status == 200
    registry.of("team/app2").push(image("access"), "1")
    more = with_token(server, document, "GET", f"/v2/{repository}/team/app2/manifests/1")
    assert more.status == 401  # docker R30
    assert f'scope="repository:{repository}/team/app2:pull",error="insufficient_scope"' in more.header(
        "www-authenticate"
    )


@pytest.mark.parametrize("asked", ["repository:{0}/app:*", "repository(image):{0}/app:push,pull,delete"])
def test_every_action_may_be_asked_for_at_once(registry: Registry, asked: str) -> None:
    document = token_of(registry.server, asked.format(registry.repository))
    actions = access_in(document)[0]["actions"]
    assert isinstance(actions, list)
    assert sorted(actions) == ["delete", "pull", "push"]


def test_a_push_without_the_right_is_refused_before_a_byte_is_sent(registry: Registry) -> None:
    reader = registry.server.user((registry.repository, "team/**", [Verb.READ]))
    refused = registry.by(reader).request("POST", "blobs/uploads/")
    assert refused.status == 403  # docker R30: no token would help
    assert codes(refused) == ["DENIED"]
    document = token_of(registry.server, f"repository:{registry.repository}/other/a:pull,push")
    path = f"/v2/{registry.name}/blobs/uploads/"
    assert with_token(registry.server, document, "POST", path).status == 401
    manifest = f"/v2/{registry.name}/manifests/1"
    assert with_token(registry.server, document, "PUT", manifest, image().body).status == 401


def test_a_token_of_a_narrow_credential_is_no_wider(registry: Registry) -> None:
    server, repository = registry.server, registry.repository
    document = token_of(server, f"repository:{repository}/team/app:pull")
    headers = {"Authorization": f"Bearer {document['token']}"}
    path = f"/auth/token?service=main&scope=repository:{repository}/team/app:pull,push"
    again = server.request("GET", path, login=None, headers=headers)
    assert again.status == 200
    assert access_in(again.json()) == [
        {"type": "repository", "name": f"{repository}/team/app", "actions": ["pull"]}
    ]


@pytest.mark.parametrize("token", ["", "x", "a.b.c"])
def test_a_token_that_is_none_is_invalid(registry: Registry, token: str) -> None:  # docker R30
    answer = registry.request("GET", "tags/list", headers={"Authorization": f"Bearer {token}"})
    assert answer.status == 401
    assert answer.header("www-authenticate").endswith(':pull",error="invalid_token"')


def test_anonymous_clients_cannot_tell_what_exists(registry: Registry) -> None:  # docker R37
    registry.push(image("secret"), "1")
    nobody = registry.by(None)
    for path in ("manifests/1", "manifests/2", "tags/list", f"blobs/{digest_of(b'x')}", "nonsense"):
        assert nobody.request("GET", path).status == 401
    assert nobody.request("GET", "/v2/no-such-repository/app/tags/list").status == 401


def test_bytes_known_elsewhere_are_not_here(registry: Registry) -> None:  # docker R37, R48
    digest = registry.of("private/a").push(image("private"), "1")
    blob = registry.of("private/a").upload(b"a private layer")
    reader = registry.server.user((registry.repository, "public/**", [Verb.READ, Verb.WRITE]))
    public = registry.of("public/b").by(reader)
    public.push(image("public"), "1")
    assert public.request("GET", f"blobs/{blob}").status == 404
    assert public.request("HEAD", f"blobs/{blob}").status == 404
    assert public.request("GET", f"manifests/{digest}").status == 404


def test_the_catalog_takes_its_scope_and_lists_what_may_be_read(registry: Registry) -> None:  # docker R145
    server = registry.server
    nobody = server.request("GET", "/v2/_catalog", login=None)
    assert nobody.status == 401
    assert 'scope="registry:catalog:*"' in nobody.header("www-authenticate")
    for name in ("cat/a", "cat/b", "hidden/c"):
        registry.of(name).push(image(name), "1")
    reader = server.user((registry.repository, "cat/**", [Verb.READ]))
    document = token_of(server, "registry:catalog:*", login=reader)
    answer = with_token(server, document, "GET", "/v2/_catalog")
    assert answer.json() == {
        "repositories": [f"{registry.repository}/cat/a", f"{registry.repository}/cat/b"]
    }
    login_only = token_of(server, login=reader)
    assert "insufficient_scope" in with_token(server, login_only, "GET", "/v2/_catalog").header(
        "www-authenticate"
    )


def test_the_catalog_is_paged(registry: Registry) -> None:
    reader = registry.server.user((registry.repository, "pages/**", [Verb.READ]))
    names = [f"pages/{letter}" for letter in "abcde"]
    for name in names:
        registry.of(name).push(image(name), "1")
    found, path = [], "/v2/_catalog?n=2"
    while path:
        answer = registry.server.request("GET", path, login=reader)
        found += answer.json()["repositories"]
        path = answer.header("link").partition(">")[0].removeprefix("<")
    assert found == [f"{registry.repository}/{name}" for name in names]
    assert registry.server.request("GET", "/v2/_catalog?n=0", login=reader).json() == {"repositories": []}


def test_a_token_ends(tmp_path: Path) -> None:  # docker R30, R35
    with running(tmp_path) as server:
        document = token_of(server, "repository:docker/app:pull")
        server.clock.advance(timedelta(minutes=4, seconds=50))
        assert with_token(server, document, "GET", "/v2/").status == 200
        server.clock.advance(timedelta(seconds=20))
        answer = with_token(server, document, "GET", "/v2/docker/app/tags/list")
        assert answer.status == 401
        assert answer.header("www-authenticate").endswith(':pull",error="invalid_token"')
