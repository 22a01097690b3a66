"""`/repositories/{name}/signing-key`: what a repository signs with, made anew and brought along."""

import logging
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import select

from artifactd.app import Application, Core, first_start
from artifactd.catalog.kinds import GROUP, HOSTED, PROXY
from artifactd.catalog.repositories import RepositoryDraft
from artifactd.db.tables import secret
from artifactd.formats.format import Format
from artifactd.settings import Log, Settings
from tests.support import toy_format
from tests.support.api_client import ADMIN_PASSWORD, ApiClient, Described
from tests.support.private_keys import PASSPHRASE, from_gpg, private_key, public_key

KEY = "/repositories/tools/signing-key"


@pytest.fixture
def server(tmp_path: Path, sqlite_template: Path) -> Iterator[tuple[Core, Application]]:
    with publishing(tmp_path / "data", sqlite_template) as found:
        yield found


@pytest.fixture(scope="module")
def refusing(
    quick_passwords: None,
    described: Described,
    tmp_path_factory: pytest.TempPathFactory,
    sqlite_template: Path,
) -> Iterator[tuple[Core, ApiClient]]:
    """A server for every test of what is refused, and its administrator: they leave it as it was."""
    folder = tmp_path_factory.mktemp("refusing") / "data"
    with publishing(folder, sqlite_template) as (core, application):
        yield core, ApiClient(application, described).login("admin", ADMIN_PASSWORD)


@contextmanager
def publishing(data: Path, template: Path) -> Iterator[tuple[Core, Application]]:
    """A server with a format that publishes and one that does not."""
    data.mkdir()
    shutil.copy(template, data / "artifactd.db")
    settings = Settings(data=data, admin_password=SecretStr(ADMIN_PASSWORD), log=Log(access=False))
    core = Core(settings, {"toy": toy_format.format, "plain": Format("plain", "Plain", ())})
    first_start(core)
    upstream = {"url": "https://upstream.example/"}
    for name, format, kind, more in (
        ("tools", "toy", HOSTED, {}), ("all", "toy", GROUP, {"members": ["tools"]}),
        ("hub", "toy", PROXY, {"upstream": upstream}), ("files", "plain", HOSTED, {}),
    ):  # fmt: skip
        core.repositories.put(
            RepositoryDraft(name, format, kind, {}, core.stores.id("default"), **more)  # type: ignore[arg-type]
        )
    yield core, Application(core)
    core.close()


def fingerprints(document: dict[str, Any]) -> list[str]:
    """Of the key that signs, and of those before."""
    return [document["fingerprint"], *(each["fingerprint"] for each in document["previous"])]


def published(core: Core, name: str = "tools") -> list[str]:
    """Who has asked since the start for everything that a repository publishes to be made anew."""
    number = core.repositories.find(name).id
    rows = core.queue.list(state=None, name="publish", before=None, limit=100)
    return [row.requested_by for row in rows if row.task.arguments == {"repository": number}]


def stored(core: Core) -> list[str]:
    with core.database.connect() as connection:
        return [row[0] for row in connection.execute(select(secret.c.value))]


def test_a_key_is_shown_and_made_when_there_is_none(api: ApiClient, core: Core) -> None:
    shown = api.get(KEY)
    assert shown.status_code == 200
    document = shown.json()
    assert document["user_ids"] == ["artifactd repository signing (tools)"]
    assert (document["imported"], document["expires"], document["previous"]) == (False, None, [])
    key = core.openpgp_keys.of(core.repositories.find("tools").id)
    assert (document["fingerprint"], document["public_key"]) == (key.fingerprint, key.public.decode())
    assert api.get(KEY).json() == document
    assert api.get(KEY).headers["etag"] == shown.headers["etag"]
    assert published(core) == [], "what is signed with it is as it was"
    assert api.get("/repositories/all/signing-key").json()["fingerprint"] != key.fingerprint  # rpm R94


def test_a_new_key_takes_the_place_of_the_one_before(api: ApiClient, core: Core) -> None:  # rpm R92
    first = api.get(KEY)
    renewed = api.post(KEY, None)
    assert renewed.status_code == 201
    assert renewed.headers["location"] == f"/api/v1{KEY}"
    assert renewed.headers["etag"] != first.headers["etag"]
    assert renewed.json()["previous"] == [
        {field: first.json()[field] for field in renewed.json()["previous"][0]}
    ]
    assert api.get(KEY).json() == renewed.json()
    assert published(core) == ["admin"]


def test_a_key_is_brought_along(api: ApiClient, core: Core) -> None:
    sent = {"private_key": from_gpg("protected"), "passphrase": PASSPHRASE}
    put = api.put(KEY, sent)
    assert put.status_code == 201
    assert (put.json()["imported"], put.json()["user_ids"]) == (True, ["protected"])
    again = api.put(KEY, sent)
    assert (again.status_code, again.json()) == (200, put.json())
    assert again.headers["etag"] == put.headers["etag"]
    assert published(core) == ["admin"], "the same key again publishes nothing anew"
    other = api.put(KEY, {"private_key": private_key("Bob").replace("\n", "\r\n")})
    assert fingerprints(other.json())[1:] == fingerprints(put.json())
    assert published(core) == ["admin", "admin"]


def test_a_replaced_key_is_published_until_it_is_removed(api: ApiClient, core: Core) -> None:
    first = api.get(KEY).json()["fingerprint"]
    second = api.put(KEY, {"private_key": private_key()}).json()["fingerprint"]
    assert fingerprints(api.get(KEY).json()) == [second, first]
    assert api.delete(f"{KEY}/previous/{second}").status_code == 404
    assert api.delete(f"{KEY}/previous/{first.lower()}").status_code == 204
    assert fingerprints(api.get(KEY).json()) == [second]
    gone = api.delete(f"{KEY}/previous/{first}")
    assert gone.status_code == 404 and first in gone.json()["detail"]
    assert published(core) == ["admin", "admin"]


def test_who_names_the_version_it_has_read_loses_nobodys_key(api: ApiClient) -> None:
    sent = {"private_key": private_key()}
    assert api.put(KEY, sent, headers={"if-match": '"1.1"'}).status_code == 412
    etag = api.put(KEY, sent, headers={"if-none-match": "*"}).headers["etag"]
    assert api.put(KEY, {"private_key": private_key()}, headers={"if-none-match": "*"}).status_code == 412
    newer = api.post(KEY, None, headers={"if-match": etag})
    assert newer.status_code == 201
    for refused in (
        api.put(KEY, sent, headers={"if-match": etag}),
        api.post(KEY, None, headers={"if-match": etag}),
        api.delete(f"{KEY}/previous/AA", headers={"if-match": etag}),
    ):
        assert refused.status_code == 412
        assert "'tools'" in refused.json()["detail"]
    assert api.get(KEY).headers["etag"] == newer.headers["etag"]


def test_a_rehearsal_changes_no_key(api: ApiClient, core: Core) -> None:
    assert api.put(f"{KEY}?dry_run=true", {"private_key": private_key()}).status_code == 201
    assert core.openpgp_keys.find(core.repositories.find("tools").id) is None
    first = api.get(KEY).json()
    shown = api.post(f"{KEY}?dry_run=true", None)
    assert fingerprints(shown.json())[1:] == fingerprints(first)
    assert "location" not in shown.headers
    assert api.get(KEY).json() == first
    assert published(core) == []


@pytest.mark.parametrize(
    ("sent", "pointer", "words"),
    [
        ({"private_key": from_gpg("protected")}, "#/passphrase", "takes a passphrase"),
        (
            {"private_key": from_gpg("protected"), "passphrase": "canary-71fe"},
            "#/passphrase", "does not open",
        ),
        ({"private_key": from_gpg("expired")}, "#/private_key", "expired on 2020-01-31"),
        ({"private_key": from_gpg("certifying")}, "#/private_key", "for signing"),
        ({"private_key": from_gpg("short") + from_gpg("expired")}, "#/private_key", "2 keys"),
        ({"private_key": "canary-71fe" * 5000}, "#/private_key", "no OpenPGP key"),
        ({"private_key": "canary-71fe" * 90_000}, "#/private_key", "65536"),
        ({"private_key": ""}, "#/private_key", "at least 1"),
        ({"private_key": ["canary-71fe"]}, "#/private_key", "string"),
        ({"private_key": "x", "passphrase": "canary-71fe" * 100}, "#/passphrase", "1024"),
        ({"private_key": "x\x00"}, "#/private_key", "control characters"),
        ({}, "#/private_key", "required"),
        ({"private_key": "x", "secret": "canary-71fe"}, "#/secret", "not permitted"),
    ],
    ids=[
        *("no passphrase", "another passphrase", "expired", "certifying", "two", "junk", "much junk"),
        *("nothing", "a list", "a long passphrase", "a control character", "no key", "an unknown property"),
    ],
)  # fmt: skip
def test_what_nothing_can_be_signed_with_is_refused_and_not_repeated(
    refusing: tuple[Core, ApiClient],
    caplog: pytest.LogCaptureFixture,
    sent: Any,
    pointer: str,
    words: str,
) -> None:
    core, api = refusing
    caplog.set_level(logging.DEBUG)
    refused = api.put(KEY, sent)
    assert refused.status_code == 400
    (mistake,) = refused.json()["errors"]
    assert mistake["pointer"] == pointer and words in mistake["detail"]
    for text in (refused.text, caplog.text):
        assert "canary" not in text and "PRIVATE KEY" not in text and "backtrace" not in text
    assert core.openpgp_keys.find(core.repositories.find("tools").id) is None


def test_a_public_key_is_refused(refusing: tuple[Core, ApiClient]) -> None:
    refused = refusing[1].put(KEY, {"private_key": public_key()})
    assert refused.status_code == 400
    assert "send the private one" in refused.json()["errors"][0]["detail"]


def test_more_than_the_api_takes_is_too_large(refusing: tuple[Core, ApiClient]) -> None:
    assert refusing[1].put(KEY, {"private_key": "x" * (1 << 20)}).status_code == 413


def test_secrets_are_in_no_answer_no_log_and_no_row(  # rpm R92
    api: ApiClient, core: Core, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    secrets = (PASSPHRASE, from_gpg("protected").splitlines()[3], "PRIVATE KEY")
    answers = [
        api.put(KEY, {"private_key": from_gpg("protected"), "passphrase": PASSPHRASE}),
        api.get(KEY),
        api.get("/repositories/tools/publications"),
        api.get("/tasks"),
        api.post(KEY, None),
    ]
    for text in (*(answer.text for answer in answers), caplog.text, *stored(core)):
        assert not any(each in text for each in secrets)


@pytest.mark.parametrize(
    ("name", "status", "words"),
    [("files", 409, "'plain'"), ("hub", 409, "upstream"), ("none", 404, "does not exist")],
)
def test_only_what_publishes_has_a_key(
    refusing: tuple[Core, ApiClient], name: str, status: int, words: str
) -> None:
    _, api = refusing
    key = f"/repositories/{name}/signing-key"
    for refused in (
        api.get(key),
        api.put(key, {"private_key": private_key()}),
        api.post(key, None),
        api.delete(f"{key}/previous/AA"),
    ):
        assert refused.status_code == status
        assert words in refused.json()["detail"]


def test_only_administrators_see_and_change_a_key(refusing: tuple[Core, ApiClient]) -> None:
    core, api = refusing
    verbs = ["read", "write", "delete", "admin"]
    api.put("/roles/owner", {"grants": [{"repository": "tools", "verbs": verbs}]})
    scoped = api.post("/tokens", {"name": "ci", "scopes": [{"repository": "tools", "verbs": ["admin"]}]})
    for caller, status in (
        (api.user("bob", "owner"), 403),
        (api.bearing(scoped.json()["secret"]), 403),
        (api.anonymous(), 401),
    ):
        for refused in (
            caller.get(KEY),
            caller.put(KEY, {"private_key": private_key()}),
            caller.post(KEY, None),
            caller.delete(f"{KEY}/previous/AA"),
        ):
            assert refused.status_code == status
    assert core.openpgp_keys.find(core.repositories.find("tools").id) is None
