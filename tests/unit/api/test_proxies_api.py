"""`/repositories` of the kind proxy: the upstream as a document, its secrets, and what is done with one."""

import json
import logging
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from pydantic import SecretStr
from sqlalchemy import insert, select, update

from artifactd.api.addresses import HIDDEN
from artifactd.app import Application, Core, first_start
from artifactd.clock import SECOND
from artifactd.db import tables
from artifactd.db.generations import repository_stripe
from artifactd.formats.format import Format
from artifactd.sealing import Sealer, load_key, opened
from artifactd.settings import Log, Settings
from tests.support.api_client import ADMIN_PASSWORD, ApiClient, Described
from tests.support.clocks import START

URL = "https://upstream.example/root/"
CANARY = "canary-9d41"
LOGIN = f"ada:{CANARY}"
MANAGED = ("invalidate", "block", "unblock", "prefetch", "purge")


def proxy(api: ApiClient, **upstream: Any) -> Any:
    """Put the proxy `hub`; the answer."""
    document = {"format": "raw", "kind": "proxy", "upstream": {"url": URL, **upstream}}
    return api.put("/repositories/hub", document)


def patch(api: ApiClient, **upstream: Any) -> Any:
    return api.patch("/repositories/hub", {"upstream": upstream})


def secrets(core: Core) -> Mapping[str, Any]:
    """What the proxy would ask its upstream with."""
    stored = core.repositories.find("hub").upstream
    assert stored is not None
    return opened(stored, "hub", Sealer([load_key(core.settings)]))


def mistakes(response: Any) -> list[str]:
    assert response.status_code == 400, response.text
    return [mistake["pointer"] for mistake in response.json()["errors"]]


def pair(name: str = "client") -> tuple[str, str]:
    """A certificate and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    start = datetime(2020, 1, 1, tzinfo=UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=36500))
        .sign(key, hashes.SHA256())
    )
    encoding, none = serialization.Encoding.PEM, serialization.NoEncryption()
    return (
        certificate.public_bytes(encoding).decode(),
        key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, none).decode(),
    )


# The document


def test_an_upstream_is_answered_as_it_was_sent_without_its_secrets(api: ApiClient, core: Core) -> None:
    certificate, key = pair()
    sent = {
        "url": URL,
        "username": "ada",
        "fresh_for": 60,
        "stale_for": -1,
        "negative_for": 0,
        "allow_private": True,
        "ca": certificate,
        "client_certificate": certificate,
        "http_proxy": "http://outside.example:3128",
        "realms": ["auth.upstream.example"],
    }
    created = proxy(api, **sent, password=CANARY, client_key=key)
    assert created.status_code == 201
    flags = {"has_password": True, "has_token": False, "has_client_key": True}
    assert created.json()["upstream"] == sent | flags
    assert api.get("/repositories/hub").json() == created.json()
    assert secrets(core) == sent | {"password": CANARY, "client_key": key}


def test_what_was_not_said_of_an_upstream_is_shown_and_not_stored(api: ApiClient, core: Core) -> None:
    shown = proxy(api).json()["upstream"]
    assert shown == {
        "url": URL, "username": None, "fresh_for": None, "stale_for": None, "negative_for": None,
        "allow_private": False, "ca": None, "client_certificate": None, "http_proxy": None, "realms": [],
        "has_password": False, "has_token": False, "has_client_key": False,
    }  # fmt: skip
    assert core.repositories.find("hub").upstream == {"url": URL}


def test_a_proxy_has_an_upstream_and_nothing_else_has(api: ApiClient) -> None:
    document = {"format": "raw", "kind": "proxy"}
    assert mistakes(api.put("/repositories/hub", document)) == ["#/upstream"]
    assert mistakes(api.put("/repositories/hub", {**document, "upstream": None})) == ["#/upstream"]
    for kind in ("hosted", "group"):
        refused = api.put("/repositories/hub", {"format": "raw", "kind": kind, "upstream": {"url": URL}})
        assert mistakes(refused) == ["#/upstream"]
    proxy(api)
    assert mistakes(api.patch("/repositories/hub", {"upstream": None})) == ["#/upstream"]


def test_a_format_that_asks_for_nothing_has_no_proxies(tmp_path: Path, described: Described) -> None:
    settings = Settings(data=tmp_path, admin_password=SecretStr(ADMIN_PASSWORD), log=Log(access=False))
    core = Core(settings, {"plain": Format("plain", "Plain", ())})
    first_start(core)
    api = ApiClient(Application(core), described).login("admin", ADMIN_PASSWORD)
    document = {"format": "plain", "kind": "proxy", "upstream": {"url": URL}}
    assert mistakes(api.put("/repositories/hub", document)) == ["#/kind"]
    core.close()


def test_a_slash_is_added_to_the_url(api: ApiClient) -> None:
    assert proxy(api, url="http://127.0.0.1:8080").json()["upstream"]["url"] == "http://127.0.0.1:8080/"
    assert proxy(api, url="HTTPS://[::1]/a/@b").json()["upstream"]["url"].lower() == "https://[::1]/a/@b/"


@pytest.mark.parametrize(
    "url",
    [
        "", "upstream.example", "ftp://upstream.example/", 7, None, "https://upstream.example/?q=1",
        "https://upstream.example/#f", "https://upstream.example/?", "https://upstream.example:port/",
        "https://upstream.example:0/", "https://upstream.example:70000/",
        *(f"https://{rest}" for rest in ("", "/path", "a b/", "[::1/", "good.example\\@upstream.example/")),
        *(f"https://{rest}" for rest in ("ünicode.example/", f"ada:{CANARY}@/", "x" * 3000)),
        f"https://{CANARY}@upstream.example/?q",
    ],
)  # fmt: skip
def test_a_url_that_is_none_is_refused_and_not_repeated(untouched: ApiClient, url: Any) -> None:
    refused = proxy(untouched, url=url)
    assert mistakes(refused) == ["#/upstream/url"]
    assert CANARY not in refused.text


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("fresh_for", -2), ("fresh_for", 1.5), ("fresh_for", "60"), ("stale_for", 10**12),
        ("negative_for", -1), ("allow_private", "yes"), ("realms", "auth.example"),
        ("username", ""), ("username", "a:b"), ("password", 7), ("token", ""), ("ca", "no certificate"),
        ("ca", pair()[1]), ("client_certificate", pair()[1]), ("client_certificate", ""),
        ("http_proxy", "socks5://outside.example"), ("http_proxy", "http://outside.example/path"),
        ("http_proxy", f"http://{HIDDEN}@outside.example"), ("fresh", 1),
    ],
)  # fmt: skip
def test_what_cannot_be_said_of_an_upstream_is_refused(
    untouched: ApiClient, field: str, value: Any
) -> None:
    assert mistakes(proxy(untouched, **{field: value})) == [f"#/upstream/{field}"]


@pytest.mark.parametrize("host", ["Auth.Example", "auth.example:443", "https://auth.example/", ""])
def test_a_token_services_host_is_a_name(untouched: ApiClient, host: str) -> None:
    assert mistakes(proxy(untouched, realms=["ok.example", host])) == ["#/upstream/realms/1"]


def test_credentials_are_a_user_with_a_password_or_a_token(untouched: ApiClient) -> None:
    assert mistakes(proxy(untouched, username="ada", token=CANARY)) == ["#/upstream/token"]
    assert mistakes(proxy(untouched, password=CANARY)) == ["#/upstream/password"]


def test_a_client_certificate_goes_with_its_key(untouched: ApiClient) -> None:
    certificate, key = pair()
    for sent in (
        {"client_certificate": certificate},
        {"client_key": key},
        {"client_certificate": certificate, "client_key": pair()[1]},
        {"client_certificate": certificate, "client_key": CANARY},
        {"client_certificate": certificate, "client_key": key.replace("PRIVATE", "ENCRYPTED PRIVATE")},
    ):
        refused = proxy(untouched, **sent)
        assert mistakes(refused) == ["#/upstream/client_key"]
        assert CANARY not in refused.text


def test_another_certificate_needs_its_own_key(api: ApiClient, core: Core) -> None:
    certificate, key = pair()
    proxy(api, client_certificate=certificate, client_key=key)
    renewed, new_key = pair()
    assert mistakes(patch(api, client_certificate=renewed)) == ["#/upstream/client_key"]
    assert patch(api, client_certificate=renewed, client_key=new_key).status_code == 200
    assert secrets(core)["client_key"] == new_key
    assert patch(api, client_certificate=None).json()["upstream"]["has_client_key"] is False


def test_credentials_in_the_url_go_into_their_own_fields(api: ApiClient, core: Core) -> None:  # proxy R95
    login, name = "ada:p%40ss", "bob"
    upstream = proxy(api, url=f"https://{login}@upstream.example:8443/x").json()["upstream"]
    assert (upstream["url"], upstream["username"]) == ("https://upstream.example:8443/x/", "ada")
    assert secrets(core)["password"] == "p@ss"
    patched = patch(api, url=f"https://{name}@upstream.example:8443/x").json()["upstream"]
    assert (patched["username"], patched["has_password"]) == ("bob", False)
    assert mistakes(patch(api, url=f"https://{login}@upstream.example/", token=CANARY)) == [
        "#/upstream/url"
    ]


# Secrets


def test_an_answer_that_is_sent_back_changes_nothing(api: ApiClient, core: Core) -> None:
    certificate, key = pair()
    outside = f"http://{LOGIN}@outside.example:3128"
    answer = proxy(
        api, username="ada", password=CANARY, client_certificate=certificate, client_key=key,
        http_proxy=outside, realms=["b.example", "a.example"],
    ).json()  # fmt: skip
    assert answer["upstream"]["http_proxy"] == f"http://{HIDDEN}@outside.example:3128"
    before = core.repositories.find("hub")
    assert api.put("/repositories/hub", answer).json() == answer
    assert api.patch("/repositories/hub", answer).json() == answer
    assert api.put("/repositories/hub", answer | {"online": False}).json()["version"] == 2
    assert core.repositories.find("hub").upstream == before.upstream
    assert secrets(core)["http_proxy"] == outside


def test_the_same_secret_again_changes_nothing(api: ApiClient) -> None:
    sent = {"username": "ada", "password": CANARY, "http_proxy": f"http://{LOGIN}@outside.example"}
    assert proxy(api, **sent).json() == proxy(api, **sent).json()
    assert proxy(api, **sent | {"password": "other"}).json()["version"] == 2


def test_a_secret_that_is_left_out_stays_and_null_removes_it(api: ApiClient, core: Core) -> None:
    proxy(api, username="ada", password=CANARY)
    assert patch(api, fresh_for=60).json()["upstream"]["has_password"] is True
    assert proxy(api, username="ada", fresh_for=70).json()["upstream"]["has_password"] is True
    assert secrets(core)["password"] == CANARY
    assert patch(api, password=None).json()["upstream"]["has_password"] is False
    patch(api, password=CANARY)
    assert proxy(api, username="ada", password=None).json()["upstream"]["has_password"] is False


@pytest.mark.parametrize(
    "url",
    [
        "https://other.example/root/", "http://upstream.example/root/", "https://upstream.example:8443/root/",
        "https://upstream.example.evil.example/root/",
    ],
)  # fmt: skip
def test_a_secret_does_not_travel_to_another_server(  # proxy R78
    api: ApiClient, core: Core, url: str
) -> None:
    for change in (proxy, patch):
        proxy(api, username="ada", password=CANARY)
        moved = change(api, url=url, username="ada").json()["upstream"]
        assert (moved["url"], moved["has_password"]) == (url, False)
        assert CANARY not in secrets(core).values()


def test_a_secret_stays_when_only_the_path_of_the_url_changes(api: ApiClient, core: Core) -> None:
    proxy(api, token=CANARY)
    for url in ("https://upstream.example/else/", "https://UPSTREAM.example:443/"):
        assert patch(api, url=url).json()["upstream"]["has_token"] is True
        assert proxy(api, url=url).json()["upstream"]["has_token"] is True
    assert secrets(core)["token"] == CANARY


def test_other_credentials_take_the_place_of_those_before(api: ApiClient, core: Core) -> None:
    proxy(api, token="the token")
    shown = patch(api, username="ada", password=CANARY).json()["upstream"]
    assert (shown["has_token"], shown["has_password"]) == (False, True)
    assert mistakes(patch(api, token="the token")) == ["#/upstream/token"]
    shown = patch(api, username=None, token="the token").json()["upstream"]
    assert (shown["has_token"], shown["has_password"]) == (True, False)
    assert proxy(api, username="ada").json()["upstream"]["has_token"] is False


def test_credentials_of_an_http_proxy_are_for_that_one(api: ApiClient, core: Core) -> None:
    proxy(api, http_proxy=f"http://{LOGIN}@outside.example:3128/")
    assert mistakes(patch(api, http_proxy=f"http://{HIDDEN}@evil.example:3128")) == [
        "#/upstream/http_proxy"
    ]
    assert (
        patch(api, fresh_for=60).json()["upstream"]["http_proxy"] == f"http://{HIDDEN}@outside.example:3128"
    )
    assert secrets(core)["http_proxy"] == f"http://{LOGIN}@outside.example:3128"
    patch(api, http_proxy="http://outside.example:3128")
    assert secrets(core)["http_proxy"] == "http://outside.example:3128"


def test_no_secret_is_in_an_answer_the_database_or_the_log(  # proxy R87, R95
    api: ApiClient, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    certificate, key = pair()
    marked = key.replace("\n", "")[60:120]
    with caplog.at_level(logging.DEBUG):
        texts = [
            answer.text
            for answer in (
                proxy(api, url=f"https://{LOGIN}@upstream.example/", client_certificate=certificate,
                      client_key=key, http_proxy=f"http://{LOGIN}@outside.example"),
                patch(api, password=CANARY + "2"),
                patch(api, password=CANARY, url=7),
                patch(api, http_proxy=f"http://{LOGIN}@outside.example/path"),
                patch(api, username=None, password=None, token=CANARY),
                api.post("/repositories", {"name": "hub", "format": "raw", "kind": "proxy",
                                           "upstream": {"url": URL, "token": CANARY}}),
                api.put("/repositories/hub?dry_run=true", {"format": "raw", "kind": "proxy",
                                           "upstream": {"url": URL, "token": CANARY}}),
                api.get("/repositories"), api.get("/repositories/hub"), api.get("/tasks"),
                api.post("/repositories/hub/block", None),
            )
        ]  # fmt: skip
    texts.append(caplog.text)
    files = [path for path in settings.data.rglob("*") if path.is_file()]
    assert any(path.name.startswith("artifactd.db") for path in files)
    stored = [path.read_bytes().replace(b"\\n", b"").replace(b"\n", b"") for path in files]
    for secret in (CANARY, marked):
        assert not [text for text in texts if secret in text]
        assert not [content for content in stored if secret.encode() in content]


def test_a_lost_key_hinders_no_change_but_of_what_it_sealed(api: ApiClient, core: Core) -> None:
    certificate, key = pair()
    proxy(api, username="ada", password=CANARY, client_certificate=certificate, client_key=key)

    record, repository = core.repositories.find("hub"), tables.repository
    lost = dict.fromkeys(("password", "client_key"), f"v1:00000000:{'A' * 40}")
    upstream = json.dumps({**(record.upstream or {}), **lost})
    core.database.write(
        lambda turn: turn.connection.execute(
            update(repository).where(repository.c.id == record.id).values(upstream=upstream)
        )
    )
    assert patch(api, fresh_for=60).status_code == 200
    assert mistakes(patch(api, client_certificate=pair()[0])) == ["#/upstream/client_key"]
    assert patch(api, password=CANARY, client_key=key).status_code == 200
    assert secrets(core)["password"] == CANARY


# Settings of the format, and who sees what


def test_a_write_policy_is_for_hosted_repositories(api: ApiClient, core: Core) -> None:
    for kind, more in (("proxy", {"upstream": {"url": URL}}), ("group", {})):
        document = {"format": "raw", "kind": kind, **more}
        refused = api.put(f"/repositories/{kind}", {**document, "write_policy": "deny"})
        assert mistakes(refused) == ["#/write_policy"]
        answer = api.put(f"/repositories/{kind}", document).json()
        assert answer["write_policy"] == "allow"
        assert api.put(f"/repositories/{kind}", answer).json() == answer
        assert core.repositories.find(kind).settings == {}


def test_a_proxy_has_the_other_settings_of_its_format(api: ApiClient, core: Core) -> None:
    sent = {"format": "docker", "kind": "proxy", "upstream": {"url": URL}, "manifest_limit": 8388608}
    assert api.put("/repositories/hub", sent).json()["manifest_limit"] == 8388608


def fails(core: Core, detail: str) -> None:
    """The upstream of `hub` does not answer."""
    values = {"failing_since": START, "retry_at": START + 60 * SECOND, "detail": detail}
    repository_id = core.repositories.find("hub").id
    core.database.write(
        lambda turn: turn.connection.execute(
            insert(tables.upstream_health).values(repository_id=repository_id, **values)
        )
    )


def test_how_it_stands_with_an_upstream_is_shown(api: ApiClient, core: Core) -> None:
    well = {"blocked": False, "failing_since": None, "retry_at": None, "detail": ""}
    assert proxy(api).json()["upstream_status"] == well
    assert api.get("/repositories/raw").json()["upstream_status"] is None
    fails(core, "connection refused")
    ill = {
        "blocked": False,
        "failing_since": "2023-11-14T22:13:20Z",
        "retry_at": "2023-11-14T22:14:20Z",
        "detail": "connection refused",
    }
    assert api.get("/repositories/hub").json()["upstream_status"] == ill
    listed = {item["name"]: item["upstream_status"] for item in api.get("/repositories").json()["items"]}
    assert (listed["hub"], listed["raw"]) == (ill, None)


def test_who_may_only_read_a_proxy_learns_nothing_of_its_upstream(  # proxy R87
    api: ApiClient, core: Core
) -> None:
    proxy(api, username="ada", url="https://127.0.0.1:8443/")
    fails(core, "127.0.0.1 refused the connection")
    api.put("/roles/reader", {"grants": [{"repository": "hub", "verbs": ["read"]}]})
    reader = api.user("bob", "reader")
    for answer in (reader.get("/repositories/hub"), reader.get("/repositories")):
        assert "127.0.0.1" not in answer.text
        assert "ada" not in answer.text
    document = reader.get("/repositories/hub").json()
    assert (document["kind"], document["upstream"]) == ("proxy", None)
    assert document["upstream_status"]["failing_since"] is not None


# What is done with a proxy


def remember(core: Core, *paths: str) -> int:
    """What the upstream of `hub` said of paths: they are there, and fresh; `…/none` is not."""
    repository_id = core.repositories.find("hub").id
    values = {"etag": "", "modified": "", "checked": START, "stale_until": None, "misses": 0}
    core.database.write(
        lambda turn: turn.connection.execute(
            insert(tables.upstream_state),
            [
                {
                    "repository_id": repository_id,
                    "path": path,
                    "fresh_until": START,
                    "negative_until": START if path.endswith("none") else None,
                    **values,
                }
                for path in paths
            ],
        )
    )
    return repository_id


def fresh(core: Core) -> set[str]:
    """Paths that need not be asked about."""
    with core.database.connect() as connection:
        rows = connection.execute(select(tables.upstream_state)).all()
    return {row.path for row in rows if row.fresh_until != 0}


@pytest.mark.parametrize(
    ("sent", "left"),
    [
        ({}, set()),
        ({"path": ""}, set()),
        ({"path": "a"}, {"ab", "b/none"}),
        ({"path": "a/"}, {"a", "ab", "b/none"}),
        ({"path": "a/c"}, {"a", "a/none", "ab", "b/none"}),
    ],
)
def test_copies_are_invalidated_by_path(  # proxy R79
    api: ApiClient, core: Core, sent: dict[str, str], left: set[str]
) -> None:
    proxy(api)
    hub = remember(core, "a", "a/c", "a/none", "ab", "b/none")
    taken = core.database.generations.take((repository_stripe(hub),))
    assert api.post("/repositories/hub/invalidate?dry_run=true", sent).status_code == 204
    assert core.database.generations.current(taken)
    assert api.post("/repositories/hub/invalidate", sent).status_code == 204
    assert not core.database.generations.current(taken)
    assert fresh(core) == left


def test_a_proxy_is_blocked_and_unblocked(api: ApiClient, core: Core) -> None:  # proxy R79
    etag = proxy(api).headers["etag"]
    assert api.post("/repositories/hub/block?dry_run=true", None).json()["blocked"] is True
    assert core.repositories.find("hub").blocked is False
    for _ in range(2):
        assert api.post("/repositories/hub/block", None).json()["blocked"] is True
    shown = api.get("/repositories/hub")
    assert (shown.json()["upstream_status"]["blocked"], shown.json()["version"]) == (True, 2)
    assert api.put("/repositories/hub", shown.json()).json() == shown.json()
    assert patch(api, fresh_for=60).json()["upstream_status"]["blocked"] is True
    assert api.post("/repositories/hub/unblock", None).json()["blocked"] is False
    stale = api.delete("/repositories/hub", headers={"if-match": etag})
    assert stale.status_code == 412


def test_what_takes_long_is_asked_for_as_a_task(api: ApiClient, core: Core) -> None:  # proxy R79
    proxy(api)
    hub = core.repositories.find("hub").id
    for verb, sent, arguments in (
        ("prefetch", {"paths": ["a/b", "c", "c"]}, {"paths": ["a/b", "c"]}),
        ("prefetch", {"paths": ["d"]}, {"paths": ["d"]}),
        ("purge", {"path": ""}, {"path": ""}),
        ("purge", {"path": "a/"}, {"path": "a/"}),
    ):
        asked = api.post(f"/repositories/hub/{verb}", sent)
        assert asked.status_code == 202
        assert (asked.json()["name"], asked.json()["requested_by"]) == (verb, "admin")
        assert api.get(asked.headers["location"].removeprefix("/api/v1")).json() == asked.json()
        task = core.queue.get(asked.json()["id"]).task
        assert task.arguments == {"repository": hub, **arguments}
    keys = [item["key"] for item in api.get("/tasks").json()["items"]]
    assert len(set(keys)) == 4, "equal tasks are done by one run, and these are not equal"
    assert all(key.startswith(f"{hub}/") for key in keys)


def test_a_rehearsed_task_is_not_asked_for(api: ApiClient) -> None:
    proxy(api)
    assert api.post("/repositories/hub/purge?dry_run=true", {"path": "a"}).status_code == 202
    assert api.get("/tasks").json()["items"] == []


@pytest.mark.parametrize(
    ("verb", "sent", "pointer"),
    [
        ("invalidate", {"path": "/a"}, "#/path"), ("invalidate", {"path": "a/../b"}, "#/path"),
        ("invalidate", {"path": "a//b"}, "#/path"), ("invalidate", {"paths": []}, "#/paths"),
        ("purge", {}, "#/path"), ("purge", {"path": "/"}, "#/path"), ("prefetch", {}, "#/paths"),
        ("prefetch", {"paths": []}, "#/paths"), ("prefetch", {"paths": ["a", ""]}, "#/paths/1"),
        ("prefetch", {"paths": ["a"] * 1001}, "#/paths"), ("prefetch", {"paths": ["a/"]}, "#/paths/0"),
    ],
)  # fmt: skip
def test_paths_that_cannot_be_are_refused(
    api: ApiClient, verb: str, sent: dict[str, Any], pointer: str
) -> None:
    proxy(api)
    assert mistakes(api.post(f"/repositories/hub/{verb}", sent)) == [pointer]


BODIES = {"invalidate": {}, "prefetch": {"paths": ["a"]}, "purge": {"path": ""}}


@pytest.mark.parametrize("verb", MANAGED)
def test_only_proxies_have_copies(api: ApiClient, verb: str) -> None:
    api.put("/repositories/all", {"format": "raw", "kind": "group"})
    for name, status in (("raw", 409), ("all", 409), ("none", 404)):
        refused = api.post(f"/repositories/{name}/{verb}", BODIES.get(verb))
        assert refused.status_code == status
        assert name in refused.json()["detail"]
    assert api.get("/tasks").json()["items"] == []


@pytest.mark.parametrize("verb", MANAGED)
def test_only_administrators_manage_a_proxy(api: ApiClient, core: Core, verb: str) -> None:  # proxy R87
    proxy(api)
    remember(core, "a")
    verbs = ["read", "write", "delete", "admin"]
    api.put("/roles/owner", {"grants": [{"repository": "hub", "verbs": verbs}]})
    scoped = api.post("/tokens", {"name": "ci", "scopes": [{"repository": "hub", "verbs": ["admin"]}]})
    for caller, status in (
        (api.user("bob", "owner"), 403),
        (api.bearing(scoped.json()["secret"]), 403),
        (api.anonymous(), 401),
    ):
        refused = caller.post(f"/repositories/hub/{verb}", BODIES.get(verb))
        assert refused.status_code == status
        assert caller.get(f"/repositories/hub/{verb}").status_code == 405
    assert api.get("/tasks").json()["items"] == []
    assert core.repositories.find("hub").version == 1
    assert fresh(core) == {"a"}
