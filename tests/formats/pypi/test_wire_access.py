"""Who may read and upload what (pypi R73, R104, R170; L12, L13, L16)."""

import base64

import pytest

from artifactd.auth.principal import Access, Scopes, Verb
from artifactd.auth.roles import Grant
from tests.support.distributions import wheel
from tests.support.indexes import JSON, Index, refused
from tests.support.server import ADMIN, Login, RunningServer

READ, WRITE = Verb.READ, Verb.WRITE

PATHS = [
    "simple/",
    "simple/{name}/",
    "simple/{name}",
    "simple/none/",
    "packages/{name}/{file}",
    "packages/{name}/{file}.metadata",
    "packages/{name}/none.whl",
    "pypi/{name}/json",
    "pypi/{name}/1.0/json",
]


def spelled(path: str, name: str) -> str:
    return path.format(name=name, file=wheel(name).filename)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("path", PATHS)
def test_strangers_are_asked_who_they_are(index: Index, name: str, path: str, method: str) -> None:
    # pypi R170, L16: pip asks without credentials first; nobody is told what exists
    index.publish(wheel(name))
    answer = index.by(None).request(method, spelled(path, name), headers={"Accept": JSON})
    assert answer.status == 401
    assert answer.header("www-authenticate").startswith('Basic realm="')
    nowhere = index.of("no-such-repository").by(None).request(method, spelled(path, name))
    assert nowhere.status == 401
    assert nowhere.header("www-authenticate") == answer.header("www-authenticate")
    wrong = index.by(Login("admin", "wrong")).request(method, spelled(path, name))
    assert wrong.status == 401


def test_an_upload_without_credentials_is_asked_for_them(index: Index, name: str) -> None:
    with index.unchanged():  # pypi L12
        for to in ("", "/", "/legacy/"):
            answer = index.by(None).upload(wheel(name), to=to)
            assert answer.header("www-authenticate").startswith("Basic")
            refused(answer, status=401)
            answer = index.by(Login("admin", "wrong")).upload(wheel(name), to=to)
            assert (answer.status, answer.header("location")) == (401, "")


def test_an_unknown_repository_is_404_to_those_who_may(index: Index) -> None:
    nowhere = index.of("no-such-repository")
    assert nowhere.get("simple/").status == 404
    assert nowhere.upload(wheel("foo")).status == 404


@pytest.mark.parametrize("name_sent", ["admin", "__token__", "anybody", ""])
def test_a_token_is_a_password_under_any_name(index: Index, name: str, name_sent: str) -> None:
    # pypi R104
    login = index.server.user((index.repository, "**", [READ, WRITE]))
    token = index.server.token(login).password
    client = index.by(Login(name_sent, token))
    client.publish(wheel(name))
    assert client.file(wheel(name)).status == 200


def test_credentials_in_a_url_are_the_same(index: Index, name: str) -> None:
    # pypi R170: user and password of a URL arrive as this header
    index.publish(wheel(name))
    secret = base64.b64encode(f"{ADMIN.name}:{ADMIN.password}".encode()).decode()
    headers = {"Authorization": f"basic {secret}"}
    assert index.by(None).request("GET", f"simple/{name}/", headers=headers).status == 200


def test_a_reader_uploads_nothing(index: Index, name: str) -> None:
    reader = index.by(index.server.user((index.repository, "**", [READ])))
    with index.unchanged():  # pypi L13
        refused(reader.upload(wheel(name)), status=403)
        refused(reader.upload(wheel(name), to="/legacy/"), status=403)
    index.publish(wheel(name))
    assert reader.file(wheel(name)).status == 200


def test_a_rule_for_one_project_is_for_its_files_alone(index: Index, name: str) -> None:
    other = f"{name}-other"
    index.publish(wheel(other))
    login = index.by(index.server.user((index.repository, f"{name}/**", [READ, WRITE])))
    login.publish(wheel(name))
    with index.unchanged():
        refused(login.upload(wheel(other, "2.0")), status=403)
        refused(login.upload(wheel(other)), status=403)
    assert login.file(wheel(name)).status == 200
    assert login.page(name).status == 200
    for path in ("packages/{name}/{file}", "packages/{name}/{file}.metadata", "pypi/{name}/json"):
        for method in ("GET", "HEAD"):
            assert login.request(method, spelled(path, other)).status == 403, path


@pytest.mark.parametrize("written", ["acme-*/**", "acme-*/*.whl"])
def test_a_rule_for_names_that_begin_alike(server: RunningServer, empty: Index, written: str) -> None:
    login = empty.by(server.user((empty.repository, written, [READ, WRITE])))
    login.publish(wheel("acme-one"), wheel("Acme_Two"))
    with empty.unchanged():
        refused(login.upload(wheel("acme")), status=403)
        refused(login.upload(wheel("other")), status=403)
    assert login.file(wheel("acme-one")).status == 200


def test_no_spelling_of_a_name_gets_around_a_rule(empty: Index) -> None:
    login = empty.by(empty.server.user((empty.repository, "foo-bar/**", [READ, WRITE])))
    login.publish(wheel("Foo.Bar"), wheel("foo_bar", "2.0"))
    empty.publish(wheel("secret"))
    with empty.unchanged():
        assert login.upload(wheel("secret", "2.0"), {"name": "foo-bar"}).status in (400, 403)
        assert login.upload(wheel("foo-bar", "3.0"), filename="secret-3.0-py3-none-any.whl").status in (
            400,
            403,
        )
    for path in ("simple/SECRET/", "simple/secret/", "pypi/Secret/json", "packages/SECRET/x.whl"):
        assert login.get(path, accept=JSON).status in (301, 403, 404), path
    assert login.get("simple/secret/", accept=JSON).status == 403


def test_a_project_that_is_not_there_is_404_to_those_who_may_read(index: Index) -> None:
    reader = index.by(index.server.user((index.repository, "**", [READ])))
    assert reader.page("none-such").status == 404  # pypi R56: a 403 would end uv's search
    assert reader.get("packages/none-such/none-1.0.tar.gz").status == 404


def test_the_list_names_only_what_may_be_read(empty: Index) -> None:
    empty.publish(wheel("open-one"), wheel("open-two"), wheel("secret"))
    reader = empty.by(empty.server.user((empty.repository, "open-*/**", [READ])))
    assert reader.projects() == ["open-one", "open-two"]
    answer = reader.get("simple/", accept="text/html")
    assert b"secret" not in answer.body
    assert empty.projects() == ["open-one", "open-two", "secret"]


def test_a_page_names_only_what_may_be_read(empty: Index) -> None:
    empty.publish(wheel("foo", "1.0"), wheel("foo", "2.0"))
    one = wheel("foo", "1.0")
    reader = empty.by(empty.server.user((empty.repository, one.path, [READ])))
    answer = reader.page("foo")
    assert answer.status in (200, 403)
    if answer.status == 200:
        assert [file["filename"] for file in answer.json()["files"]] == [one.filename]
    assert reader.file(one).status == 200
    assert reader.file(wheel("foo", "2.0")).status == 403


def test_what_anonymous_may_read_is_read_without_credentials(server: RunningServer, empty: Index) -> None:
    empty.publish(wheel("foo"))
    granted = server.core.roles.find("anonymous").grants
    server.core.roles.put("anonymous", [*granted, Grant(empty.repository, "**", frozenset([READ]))])
    try:
        anonymous = empty.by(None)
        assert anonymous.page("foo").status == 200
        answer = anonymous.file(wheel("foo"))
        assert answer.status == 200
        assert answer.header("cache-control") == "public, max-age=31536000, immutable"  # pypi R71
        assert empty.file(wheel("foo")).header("cache-control") == "private, max-age=31536000, immutable"
        assert anonymous.page("none").status == 404
        with empty.unchanged():
            assert anonymous.upload(wheel("foo", "2.0")).status == 401
    finally:
        server.core.roles.put("anonymous", list(granted))


def test_a_scoped_token_uploads_only_where_it_may(index: Index, name: str) -> None:
    record = index.server.core.repositories.find(index.repository)
    scopes = Scopes((Access(record.id, f"{name}/**", frozenset([WRITE])),))
    client = index.by(index.server.token(ADMIN, scopes))
    client.publish(wheel(name))
    with index.unchanged():
        answer = client.upload(wheel(f"{name}-other"))
        assert answer.status in (401, 403)
        assert "token" in answer.text
        assert client.page(name).status in (401, 403)
