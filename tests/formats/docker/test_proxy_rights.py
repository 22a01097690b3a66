"""What may be done at a proxy of another registry, and by whom (docker L)."""

import base64
import json

import pytest

from artifactd.auth.principal import Scopes, Verb
from tests.support.fake_registry import FakeRegistry
from tests.support.images import Registry, codes, digest_of, image, index
from tests.support.proxies import group, hosted, proxy
from tests.support.server import ADMIN, Login, RunningServer

READ, POPULATE = Verb.READ, Verb.POPULATE


def token_of(server: RunningServer, repository: str, image: str, login: Login | None) -> dict[str, str]:
    scope = f"repository:{repository}/{image}:pull"
    answer = server.request("GET", f"/auth/token?service=main&scope={scope}", login=login)
    return {"Authorization": f"Bearer {answer.json()['token']}"}


def test_nothing_is_pushed_to_a_proxy(hub: Registry, upstream: FakeRegistry) -> None:
    digest = digest_of(b"mine")
    for answer in (
        hub.put(index(), "1"),
        hub.request("POST", f"blobs/uploads/?digest={digest}", b"mine"),
        hub.request("POST", "blobs/uploads/"),
    ):
        assert (answer.status, codes(answer)) == (405, ["UNSUPPORTED"])  # docker R193
    assert upstream.count() == 0


def test_deleting_at_a_proxy_deletes_its_copy(hub: Registry, upstream: FakeRegistry) -> None:
    built = image("deleted")
    upstream.push("team/app", built, "1")
    assert hub.request("GET", "manifests/1").body == built.body
    assert hub.request("DELETE", f"manifests/{built.digest}").status == 202  # docker R193
    assert hub.request("DELETE", "manifests/1").status == 404
    assert hub.request("DELETE", f"manifests/{digest_of(b'x', 'sha512')}").status == 404
    upstream.forget()
    assert hub.request("GET", "manifests/1").body == built.body
    assert upstream.count("GET") == 1


def test_a_copy_can_be_mounted_elsewhere(
    server: RunningServer, hub: Registry, upstream: FakeRegistry
) -> None:
    built = image("mounted")
    upstream.push("team/app", built, "1")
    cached, uncached = (digest_of(blob) for blob in built.blobs)
    hub.request("GET", f"blobs/{cached}")
    own = Registry(server, hosted(server, "docker"), "app")
    upstream.forget()
    assert (
        own.request("POST", f"blobs/uploads/?mount={cached}&from={hub.name}").status == 201
    )  # docker R132
    assert own.request("POST", f"blobs/uploads/?mount={uncached}&from={hub.name}").status == 202
    assert own.request("GET", f"blobs/{cached}").body == built.blobs[0]
    assert upstream.count() == 0


def test_a_token_for_pulling_fetches_where_its_user_may(hub: Registry, upstream: FakeRegistry) -> None:
    server, name = hub.server, hub.repository
    upstream.push("team/app", image("first"), "1")
    upstream.push("team/app", image("second"), "2")
    puller = server.user((name, "**", [READ, POPULATE]))
    reader = server.user((name, "**", [READ]))
    bearer = {who: token_of(server, name, "team/app", who) for who in (puller, reader)}
    cold = server.request("GET", f"/v2/{hub.name}/manifests/1", headers=bearer[reader])
    assert cold.status == 403
    assert upstream.count() == 0
    assert server.request("GET", f"/v2/{hub.name}/manifests/1", headers=bearer[puller]).status == 200
    assert server.request("GET", f"/v2/{hub.name}/manifests/1", headers=bearer[reader]).status == 200
    narrow = token_of(server, name, "team/app", server.token(puller, Scopes(())))
    assert server.request("GET", f"/v2/{hub.name}/manifests/2", headers=narrow).status == 401


@pytest.mark.parametrize("kind", ["proxy", "group"])
def test_a_token_for_either_name_of_an_image_fetches_it(
    server: RunningServer, upstream: FakeRegistry, kind: str
) -> None:
    upstream.push("library/app", image("either name"), "1", "2")
    name = proxy(server, "docker", f"{upstream.url}/", settings={"default_namespace": "library"})
    if kind == "group":
        name = group(server, "docker", name)
    puller = server.user(("*", "**", [READ, POPULATE]))
    for tag, written in (("1", "app"), ("2", "library/app")):  # docker R9, R12
        headers = token_of(server, name, written, puller)
        assert server.request("GET", f"/v2/{name}/{written}/manifests/{tag}", headers=headers).status == 200


def test_what_a_token_says_it_is_for_is_what_was_asked(hub: Registry) -> None:
    answer = hub.server.request(
        "GET", f"/auth/token?service=main&scope=repository:{hub.name}:pull", login=ADMIN
    )
    payload = answer.json()["token"].split(".")[1]

    claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    assert claims["access"] == [{"type": "repository", "name": hub.name, "actions": ["pull"]}]
    assert [set(verbs) for *_, verbs in claims["adt"]] == [{"read", "populate"}]
