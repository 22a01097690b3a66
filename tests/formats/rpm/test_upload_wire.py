"""Uploads on the wire."""

import hashlib
import threading
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest

from artifactd.auth.principal import Verb
from tests.support.proxies import group, proxy
from tests.support.rpm_headers import rpm
from tests.support.server import Answer, RunningServer

COMPS = (
    b'<?xml version="1.0" encoding="UTF-8"?>\n'
    b'<!DOCTYPE comps PUBLIC "-//Red Hat, Inc.//DTD Comps info//EN" "comps.dtd">\n'
    b"<comps><group><id>acme</id></group></comps>\n"
)
MODULES = b"---\ndocument: modulemd\nversion: 2\ndata:\n  name: acme\n  stream: 1.10\n...\n"
UPDATES = b"<updates><update><id>ACME-1</id></update></updates>"
BOUNDARY = "a-boundary"


def hosted(server: RunningServer, **settings: Any) -> str:
    """A new repository. It is not signed: making a key takes seconds."""
    return server.repository("rpm", sign_metadata=False, **settings)


@pytest.fixture(scope="module")
def rpms(server: RunningServer) -> str:
    """The URL path of a repository. Tests take packages of their own in it."""
    return f"/repository/{hosted(server)}"


@pytest.fixture
def name(server: RunningServer) -> str:
    """A package nobody else uses."""
    return server.unused("acme")


def put(server: RunningServer, url: str, body: bytes, headers: Mapping[str, str] | None = None) -> Answer:
    return server.request("PUT", url, body, headers=headers or {})


def settle(server: RunningServer) -> None:
    """Let time pass until what was uploaded is published."""
    server.clock.advance(timedelta(seconds=61))
    server.run_tasks()


@pytest.mark.parametrize(
    ("folder", "file"),
    [
        ("", "{}-1.0-1.noarch.rpm"),
        ("Packages/a/", "{}-1.0-1.noarch.rpm"),
        ("", "{}-1.0^git1-1.noarch.rpm"),
        ("", "{}-1.0~rc1-1.noarch.rpm"),
        ("", "lib{}++-1-1.noarch.rpm"),
        ("", "{}%5e-1.0-1.noarch.rpm"),
        ("9:x/", "{}-1.0-1.noarch.rpm"),
    ],
)
@pytest.mark.parametrize("quoted", ["", "+^~:"])
def test_a_package_comes_back_as_it_went_in(
    server: RunningServer, rpms: str, name: str, folder: str, file: str, quoted: str
) -> None:
    # rpm R5, R20, K6
    body = rpm(name)
    path = f"{folder}{file.format(name)}"
    url = f"{rpms}/{quote(path, safe=f'/{quoted}')}"
    new, same = put(server, url, body), put(server, url, body)
    assert (new.status, same.status) == (201, 200)
    assert new.header("location") == f"{rpms}/{quote(path)}"
    got = server.request("GET", f"{rpms}/{quote(path).replace('%5E', '%5e')}")
    assert (got.status, got.body) == (200, body)
    assert got.header("content-type") == "application/x-rpm"
    assert got.header("etag") == f'"sha256:{hashlib.sha256(body).hexdigest()}"'


def test_a_name_may_hold_what_urls_escape(server: RunningServer, rpms: str, name: str) -> None:
    # rpm R5
    put(server, f"{rpms}/{name}++-1.0^git1-1.noarch.rpm", rpm(f"{name}++"))
    for spelled in ("++-1.0^git1", "++-1.0%5egit1", "%2B%2b-1.0%5Egit1", "%2b+-1%2e0^git1"):
        assert server.request("GET", f"{rpms}/{name}{spelled}-1.noarch.rpm").status == 200
    assert server.request("GET", f"{rpms}/{name}  -1.0^git1-1.noarch.rpm".replace(" ", "%20")).status == 404


@pytest.mark.parametrize(
    ("policy", "statuses"),
    [("allow", [201, 200, 201]), ("allow_once", [201, 200, 400]), ("deny", [405] * 3)],
)
def test_the_write_policy_decides_about_other_bytes(
    server: RunningServer, policy: str, statuses: Sequence[int]
) -> None:
    # rpm R24, K6
    url = f"/repository/{hosted(server, write_policy=policy)}/acme-1.0-1.noarch.rpm"
    bodies = [rpm(), rpm(), rpm(payload=b"other")]
    answers = [put(server, url, body) for body in bodies]
    assert [answer.status for answer in answers] == statuses
    if policy == "allow_once":
        assert "other content" in answers[2].text
        assert server.request("GET", url).body == bodies[0]


@pytest.mark.parametrize(
    ("path", "body", "said"),
    [
        ("acme-1.0-1.noarch.rpm", b"no package", "no RPM package"),
        ("acme-1.0-1.noarch.rpm", rpm()[:200], "ends within"),
        ("acme-1-1.drpm", rpm(), "takes packages"),
        ("notes.txt", b"notes", "takes packages"),
        ("repodata/repomd.xml", b"<repomd/>", "repodata/repomd.xml"),
        ("9/repodata/primary.xml.gz", b"x", "repodata"),
        ("_member/x/acme-1.0-1.noarch.rpm", rpm(), "taken"),
        (".metadata/acme-1.0-1.noarch.rpm", rpm(), "taken"),
        (".metadata/primary", b"x", "made by"),
        (".metadata/group_gz", b"x", "made by"),
        ("9/.metadata/comps", COMPS, "0 deep"),
        ("a//acme-1.0-1.noarch.rpm", rpm(), ""),
        ("a/../acme-1.0-1.noarch.rpm", rpm(), ""),
        (f"{'x' * 1021}.rpm", rpm(), "1024 bytes"),
    ],
)
def test_what_is_no_package_or_has_no_place_is_refused(
    server: RunningServer, rpms: str, path: str, body: bytes, said: str
) -> None:
    # rpm R6, R20, R22, R23, K7
    answer = put(server, f"{rpms}/{path}", body)
    assert answer.status == 400
    assert said in answer.text and answer.text.endswith("\n")
    if not path.startswith("repodata/"):  # that is there, and not what was sent
        assert server.request("GET", f"{rpms}/{path}").status in (400, 404)


def test_a_package_is_put_as_a_whole(server: RunningServer, rpms: str, name: str) -> None:
    url = f"{rpms}/{name}-1.0-1.noarch.rpm"
    assert put(server, url, rpm(name), {"Content-Range": "bytes 0-0/10"}).status == 400


def test_repodata_that_clients_put_changes_nothing(server: RunningServer, name: str) -> None:
    # rpm R23
    rpms = f"/repository/{hosted(server)}"
    put(server, f"{rpms}/{name}-1.0-1.noarch.rpm", rpm(name))
    settle(server)
    before = server.request("GET", f"{rpms}/repodata/repomd.xml")
    assert before.status == 200
    for path in ("repodata/repomd.xml", "repodata/repomd.xml.asc", "repodata/other.xml"):
        assert put(server, f"{rpms}/{path}", b"<repomd/>").status == 400
    settle(server)
    assert server.request("GET", f"{rpms}/repodata/repomd.xml").body == before.body


def test_what_does_not_lie_as_deep_as_repodata_is_refused(server: RunningServer, name: str) -> None:
    # rpm R1, K7
    rpms = f"/repository/{hosted(server, repodata_depth=2)}"
    file = f"{name}-1.0-1.noarch.rpm"
    statuses = [
        put(server, f"{rpms}/{path}", body).status
        for path, body in (
            (file, rpm(name)),
            (f"9/{file}", rpm(name)),
            (f"9/x86_64/{file}", rpm(name)),
            (f"9/x86_64/Packages/a/{file}", rpm(name)),
            (".metadata/comps", COMPS),
            ("9/x86_64/.metadata/comps", COMPS),
            ("9/x86_64/Packages/.metadata/comps", COMPS),
        )
    ]
    assert statuses == [400, 400, 201, 201, 400, 201, 400]


def test_a_permissive_repository_takes_any_file(server: RunningServer) -> None:
    # rpm R6, R85
    rpms = f"/repository/{hosted(server, layout_policy='permissive')}"
    for path, type in (
        (".treeinfo", "text/plain"),
        ("images/boot.iso", "application/vnd.efi.iso"),
        ("acme-1-1.drpm", "application/x-rpm"),
        ("index.html", "application/octet-stream"),
    ):
        assert put(server, f"{rpms}/{path}", b"bytes").status == 201
        answer = server.request("GET", f"{rpms}/{path}")
        assert (answer.body, answer.header("content-type")) == (b"bytes", type)
        assert answer.header("content-security-policy") == "sandbox"


def test_a_file_that_is_called_otherwise_is_taken_with_a_warning(
    server: RunningServer, rpms: str, name: str
) -> None:
    # rpm R25
    plain = put(server, f"{rpms}/{name}-1.0-1.noarch.rpm", rpm(name))
    assert plain.text == f"stored {name}-1.0-1.noarch.rpm: {name}-1.0-1.noarch\n"
    odd = put(server, f"{rpms}/{name}-latest.rpm", rpm(name))
    assert (odd.status, odd.text.splitlines()[1]) == (
        201,
        f"warning: the file is called {name}-latest.rpm, the package in it {name}-1.0-1.noarch.rpm",
    )


def test_a_package_may_be_taken_only_once(server: RunningServer, name: str) -> None:
    # rpm R25
    rpms = f"/repository/{hosted(server, duplicates='refuse')}"
    file = f"{name}-1.0-1.noarch.rpm"
    assert put(server, f"{rpms}/{file}", rpm(name)).status == 201
    assert put(server, f"{rpms}/{file}", rpm(name)).status == 200
    second = put(server, f"{rpms}/Packages/{file}", rpm(name))
    assert (second.status, f"at '{file}'" in second.text) == (400, True)
    assert put(server, f"{rpms}/Packages/{name}-1.0-2.noarch.rpm", rpm(name, release="2")).status == 201
    server.request("DELETE", f"{rpms}/{file}")
    assert put(server, f"{rpms}/Packages/{file}", rpm(name)).status == 201
    assert put(server, f"{rpms}/{file}", rpm(name)).status == 400
    assert server.request("GET", f"{rpms}/.builds/{name}-1.0-1.noarch").status == 404


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("comps", COMPS),
        ("modules", MODULES),
        ("modules", b"%YAML 1.2\n---\n# c\ndocument: modulemd-defaults\n---\n" + MODULES[4:]),
        ("updateinfo", UPDATES),
        ("productid", b"-----BEGIN CERTIFICATE-----"),
        ("susedata", b"\x00anything"),
    ],
)
def test_typed_metadata_is_kept_byte_for_byte(
    server: RunningServer, rpms: str, kind: str, body: bytes
) -> None:
    # rpm R23, R80, R81, R82, R84
    url = f"{rpms}/.metadata/{kind}"
    assert put(server, url, body).status in (200, 201)
    assert put(server, url, body).status == 200
    got = server.request("GET", url)
    assert (got.status, got.body, got.header("cache-control")) == (200, body, "no-cache, no-transform")
    assert server.request("DELETE", url).status == 204
    assert server.request("GET", url).status == 404


def test_typed_metadata_is_replaced_whatever_the_policy_says_of_packages(
    server: RunningServer, rpms: str
) -> None:
    url = f"{rpms}/.metadata/appstream"
    assert [put(server, url, body).status for body in (b"1", b"2", b"1")] == [201, 201, 201]


BOMB = b'<!DOCTYPE comps [<!ENTITY a "b">]><comps>&a;</comps>'


@pytest.mark.parametrize(
    ("kind", "body", "said"),
    [
        ("comps", b"no XML", "published"),
        ("comps", b"<comps>", "published"),
        ("comps", UPDATES, "'updates'"),
        ("comps", BOMB, "DOCTYPE"),
        ("updateinfo", COMPS, "'comps'"),
        ("modules", b"", "document: modulemd"),
        ("modules", b"a: b\n", "document: modulemd"),
        ("modules", MODULES + b"---\nother: 1\n", "document: modulemd"),
        ("modules", b"\xff", "UTF-8"),
    ],
)
def test_metadata_that_no_client_could_read_is_refused(
    server: RunningServer, rpms: str, kind: str, body: bytes, said: str
) -> None:
    # rpm R80, R81, R82
    answer = put(server, f"{rpms}/.metadata/{kind}", body)
    assert answer.status == 400
    assert said in answer.text


def test_keys_of_packages_lie_beside_them(server: RunningServer, rpms: str) -> None:
    # rpm R23
    url = f"{rpms}/RPM-GPG-KEY-acme"
    assert put(server, url, b"-----BEGIN PGP PUBLIC KEY BLOCK-----").status in (200, 201)
    assert server.request("GET", url).header("content-type") == "application/pgp-keys"


def form(fields: Mapping[str, str], body: bytes, filename: str, field: str = "yum.asset") -> bytes:
    parts = [
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    ]
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{field}"; filename="{filename}"\r\n\r\n'
    return "".join([*parts, head]).encode() + body + f"\r\n--{BOUNDARY}--\r\n".encode()


def post(server: RunningServer, url: str, body: bytes) -> Answer:
    headers = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
    return server.request("POST", url, body, headers=headers)


@pytest.mark.parametrize(
    ("folder", "fields", "filename", "path"),
    [
        ("", {}, "{0}-1.0-1.noarch.rpm", "{0}-1.0-1.noarch.rpm"),
        ("", {"yum.directory": "/Packages/a/"}, "{0}-1-1.noarch.rpm", "Packages/a/{0}-1-1.noarch.rpm"),
        ("9/x/", {"directory": "P"}, "C:\\\\rpms\\\\{0}-1-1.noarch.rpm", "9/x/P/{0}-1-1.noarch.rpm"),
        ("", {"yum.asset.filename": "{0}-2-1.noarch.rpm"}, "upload.bin", "{0}-2-1.noarch.rpm"),
        ("", {"filename": "../../{0}-3-1.noarch.rpm"}, "upload.bin", "{0}-3-1.noarch.rpm"),
    ],
)
@pytest.mark.parametrize("field", ["yum.asset", "asset", "file"])
def test_a_form_says_where_its_package_goes(
    server: RunningServer,
    rpms: str,
    name: str,
    folder: str,
    fields: Mapping[str, str],
    filename: str,
    path: str,
    field: str,
) -> None:
    # rpm R20
    said = {field: value.format(name) for field, value in fields.items()}
    answer = post(server, f"{rpms}/{folder}", form(said, rpm(name), filename.format(name), field))
    assert answer.status == 201, answer.text
    assert server.request("GET", f"{rpms}/{path.format(name)}").body == rpm(name)


def test_a_form_may_bring_typed_metadata(server: RunningServer) -> None:
    # rpm R23
    rpms = f"/repository/{hosted(server, repodata_depth=1)}"
    fields = {"kind": "comps", "directory": "9"}
    assert post(server, f"{rpms}/", form(fields, COMPS, "comps-9.xml")).status == 201
    assert server.request("GET", f"{rpms}/9/.metadata/comps").body == COMPS


@pytest.mark.parametrize(
    ("fields", "filename"),
    [
        ({"directory": "repodata"}, "repomd.xml"),
        ({"directory": "../.."}, "a-1-1.noarch.rpm"),
        ({}, "notes.txt"),
        ({"kind": "Comps"}, "comps.xml"),
        ({"directory": "a\x00b"}, "a-1-1.noarch.rpm"),
        ({"directory": "a\x1fb"}, "a-1-1.noarch.rpm"),
        ({}, ""),
    ],
)
def test_a_form_reaches_nothing_that_a_put_does_not(
    server: RunningServer, rpms: str, fields: Mapping[str, str], filename: str
) -> None:
    # rpm R6, K7
    assert post(server, f"{rpms}/", form(fields, rpm(), filename)).status == 400


def test_a_form_without_a_file_is_refused(server: RunningServer, rpms: str) -> None:
    body = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="kind"\r\n\r\ncomps\r\n--{BOUNDARY}--\r\n'
    assert post(server, f"{rpms}/", body.encode()).status == 400


def test_nothing_is_put_at_a_proxy_or_a_group_without_a_place_for_it(server: RunningServer) -> None:
    # rpm K8
    through = proxy(server, "rpm", "http://127.0.0.1:9/")
    both = group(server, "rpm", hosted(server))
    for repository in (through, both):
        answer = put(server, f"/repository/{repository}/acme-1.0-1.noarch.rpm", rpm())
        assert (answer.status, answer.header("allow")) == (405, "GET, HEAD")


def test_rights_come_first(server: RunningServer, rpms: str, name: str) -> None:
    # rpm K9, R21
    repository = rpms.rpartition("/")[2]
    file = f"{name}-1.0-1.noarch.rpm"
    put(server, f"{rpms}/{file}", rpm(name))
    reader = server.user((repository, "**", [Verb.READ]))
    for method, path in (("PUT", file), ("PUT", "repodata/repomd.xml"), ("DELETE", file), ("POST", "")):
        assert server.request(method, f"{rpms}/{path}", b"x", login=reader).status == 403
        stranger = server.request(method, f"{rpms}/{path}", b"x", login=None)
        assert stranger.status == 401
        assert stranger.header("www-authenticate").startswith("Basic")
    assert server.request("GET", f"{rpms}/{file}", login=reader).status == 200
    assert server.request("GET", f"{rpms}/{file}", login=None).status == 401


def test_an_uploader_may_wait_until_the_package_is_published(server: RunningServer, name: str) -> None:
    # rpm R26
    rpms = f"/repository/{hosted(server)}"
    answers: list[Answer] = []
    url = f"{rpms}/{name}-1.0-1.noarch.rpm?wait=metadata"

    def upload() -> None:
        answers.append(put(server, url, rpm(name)))
        server.disconnect()

    uploader = threading.Thread(target=upload)
    uploader.start()
    try:
        while not answers and uploader.is_alive():
            settle(server)
            uploader.join(0.05)
    finally:
        uploader.join(30)
    assert answers[0].status == 201
    assert server.request("GET", f"{rpms}/repodata/repomd.xml").status == 200
    assert put(server, url, rpm(name)).status == 200


def test_a_deleted_package_is_gone(server: RunningServer, rpms: str, name: str) -> None:
    # rpm R27, K13
    url = f"{rpms}/{name}-1.0-1.noarch.rpm"
    put(server, url, rpm(name))
    assert [server.request("DELETE", url).status for _ in range(2)] == [204, 404]
    assert server.request("GET", url).status == 404
