"""Where a proxy goes, and with whose secrets: only to where its upstream was said to be, and nobody else is
told a password (proxy R72, R73, R85 to R87; docker R180, R181, R190; pypi R132, R133)."""

from collections.abc import Iterator

import pytest

from tests.support.distributions import wheel
from tests.support.fake_answers import Reply
from tests.support.fake_index import FakeIndex
from tests.support.fake_registry import FakeRegistry, Tokens
from tests.support.fake_upstream import FakeUpstream
from tests.support.images import codes
from tests.support.layouts import pullable
from tests.support.proxied import SORTS, is_stale
from tests.support.proxies import proxy, request
from tests.support.server import ADMIN, Answer, Login, RunningServer
from tests.support.serving import eventually
from tests.support.upstream_faults import redirected, status, with_header

PULLER = Login("puller", "the-upstream-s-secret")
OTHER_HOST = "127.0.0.2"
NEVER_ASKED = "http://upstream.example/"
LOGIN = {"username": PULLER.name, "password": PULLER.password}


@pytest.fixture
def elsewhere() -> Iterator[FakeUpstream]:
    """A server of somebody else, on another host."""
    with FakeUpstream(host=OTHER_HOST) as elsewhere:
        elsewhere.put("/a.txt", b"elsewhere")
        yield elsewhere


def authorizations(upstream: FakeUpstream) -> set[str]:
    return {asked.header("authorization") for asked in upstream.asked()}


def tells_nothing(answer: Answer) -> bool:
    return "127.0.0." not in answer.text and PULLER.password not in answer.text


# Private addresses


@pytest.mark.parametrize("sort", SORTS)
def test_private_addresses_are_not_asked_unless_that_is_meant(server: RunningServer, sort: str) -> None:
    # proxy R85, R87
    with SORTS[sort](server, allow_private=False) as proxied:
        answer = proxied.get()
        assert answer.status == 502, answer
        assert tells_nothing(answer)
        assert proxied.upstream.count() == 0
        proxy(server, proxied.format, proxied.url, proxied.repository)
        eventually(lambda: proxied.is_right(proxied.get()))


@pytest.mark.parametrize("sort", ["file", "tag", "page"])
def test_a_copy_is_served_where_the_upstream_may_not_be_asked_any_more(
    server: RunningServer, sort: str
) -> None:
    with SORTS[sort](server) as proxied:
        proxied.warm()
        proxy(server, proxied.format, proxied.url, proxied.repository, allow_private=False, fresh_for=0)
        assert proxied.is_right(proxied.get())
        assert is_stale(proxied.get())
        assert proxied.upstream.count() == 0


@pytest.mark.parametrize("target", ["http://127.0.0.1:1/a", "http://[::1]:1/a", "http://localhost:1/a"])
def test_a_redirect_does_not_lead_to_private_addresses(server: RunningServer, target: str) -> None:
    # proxy R72, R86, T6: an HTTP proxy stands between, which an administrator has named.
    with FakeUpstream() as between:
        between.route("/a", lambda asked: Reply(302, [("Location", target)]))
        name = proxy(server, "raw", NEVER_ASKED, allow_private=False, http_proxy=between.url)
        answer = server.request("GET", f"/repository/{name}/a")
        assert answer.status == 502, answer
        assert tells_nothing(answer)
        assert between.count("GET", "/a") == 1


# Redirects


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("sort", SORTS)
def test_redirects_are_followed(server: RunningServer, sort: str, code: int) -> None:
    with SORTS[sort](server) as proxied:
        proxied.upstream.fault(redirected("{path}?moved=1", code), proxied.there, times=1)
        assert proxied.is_right(proxied.get())
        assert proxied.upstream.asked("GET", proxied.there)[-1].query["moved"] == "1"


@pytest.mark.parametrize(
    "target", ["http://127.0.0.1:{port}{path}", "file:///a", "ftp://127.0.0.1/", "", "//"]
)
def test_redirects_that_lead_nowhere_are_no_answer(server: RunningServer, target: str) -> None:
    # proxy R72, T6: a loop, and what is no HTTP
    with SORTS["file"](server) as proxied:
        port = proxied.upstream.host.partition(":")[2]
        proxied.upstream.fault(redirected(target.replace("{port}", port)), proxied.there)
        answer = proxied.get()
        assert answer.status == 502, answer
        assert tells_nothing(answer)
        assert proxied.asked <= 12
        proxied.upstream.heal()
        eventually(lambda: proxied.is_right(proxied.get()))


# Credentials


def test_credentials_go_to_the_upstream_alone(server: RunningServer, elsewhere: FakeUpstream) -> None:
    with FakeUpstream(login=PULLER) as upstream, FakeUpstream() as other_port:
        other_port.put("/a.txt", b"other port")
        name = proxy(server, "raw", upstream.url, **LOGIN)
        for number, place in enumerate((elsewhere, other_port)):
            upstream.put(f"/{number}", b"")
            upstream.fault(redirected(f"{place.url}/a.txt?signature=1"), f"/{number}")
            answer = server.request("GET", f"/repository/{name}/{number}")
            assert answer.status == 200, answer
            assert place.count("GET") == 1
            assert authorizations(place) == {""}
        upstream.put("/plain", b"plain")
        assert server.request("GET", f"/repository/{name}/plain").body == b"plain"
        assert PULLER.header in authorizations(upstream)


def test_what_clients_send_of_themselves_goes_nowhere(server: RunningServer) -> None:
    # proxy R72
    with SORTS["file"](server) as proxied:
        secrets = {"cookie": "session=1", "x-forwarded-for": "192.0.2.1", "x-api-key": "k", "referer": "r"}
        assert proxied.is_right(proxied.get(**secrets))
        [asked] = proxied.upstream.asked("GET", proxied.there)
        assert not {"authorization", "cookie", "x-forwarded-for", "x-api-key", "referer"} & set(
            asked.headers
        )
        assert ADMIN.password not in str(asked.headers)


def test_a_token_is_fetched_of_the_registry_itself(server: RunningServer) -> None:
    # docker R181: once for each image, and again when it is worth nothing any more
    tokens = Tokens(PULLER)
    with FakeRegistry(tokens=tokens) as registry:
        image = pullable("secured")
        registry.push("team/app", image, "1")
        name = proxy(server, "docker", registry.url, **LOGIN, fresh_for=0)
        for path in ("manifests/1", f"manifests/{image.digest}", "manifests/1"):
            assert server.request("GET", f"/v2/{name}/team/app/{path}").status == 200
        assert tokens.issued == 1
        tokens.revoke()
        assert server.request("GET", f"/v2/{name}/team/app/manifests/1").status == 200
        assert tokens.issued == 2
        told = {asked.path for asked in registry.asked() if asked.header("authorization") == PULLER.header}
        assert told == {"/token"}


def test_a_realm_that_is_someone_else_s_is_not_even_asked(
    server: RunningServer, elsewhere: FakeUpstream
) -> None:
    # docker R180; proxy R73, T5
    tokens = Tokens(PULLER)
    elsewhere.route("/token", tokens.issue)
    with FakeRegistry(tokens=tokens, realm=f"{elsewhere.url}/token") as registry:
        registry.push("app", pullable("secured"), "1")
        name = proxy(server, "docker", registry.url, **LOGIN)
        answer = server.request("GET", f"/v2/{name}/app/manifests/1")
        assert answer.status == 502, answer
        assert codes(answer) == ["UNKNOWN"]
        assert elsewhere.count() == 0
        assert PULLER.header not in authorizations(registry)
        proxy(server, "docker", registry.url, name, **LOGIN, realms=[OTHER_HOST])
        eventually(lambda: server.request("GET", f"/v2/{name}/app/manifests/1").status == 200)
        assert PULLER.header in authorizations(elsewhere)


def test_a_wrong_password_is_ours_to_mend(server: RunningServer) -> None:
    # docker R183; proxy R64
    with FakeRegistry(tokens=Tokens(PULLER)) as registry:
        registry.push("app", pullable("secured"), "1")
        name = proxy(server, "docker", registry.url, username=PULLER.name, password="a typo")
        answer = server.request("GET", f"/v2/{name}/app/manifests/1")
        assert answer.status == 502
        assert codes(answer) == ["UNKNOWN"]
        assert "a typo" not in answer.text
        proxy(server, "docker", registry.url, name, **LOGIN)
        eventually(lambda: server.request("GET", f"/v2/{name}/app/manifests/1").status == 200)


def test_layers_come_from_where_the_registry_says_without_a_token(server: RunningServer) -> None:
    # docker R190: the address is signed for now, and not remembered.
    with FakeUpstream(host=OTHER_HOST) as cdn, FakeRegistry(tokens=Tokens(PULLER), cdn=cdn) as registry:
        data = [b"first layer", b"second layer"]
        digests = [registry.put_blob("app", each) for each in data]
        name = proxy(server, "docker", registry.url, **LOGIN)
        for digest, expected in zip(digests, data, strict=True):
            for _ in range(2):
                assert server.request("GET", f"/v2/{name}/app/blobs/{digest}").body == expected
        assert authorizations(cdn) == {""}
        assert cdn.count("GET") == 2
        assert registry.count("GET", "/v2/app/blobs/*") == 3  # the first was answered with a challenge
        assert len({asked.query["signature"] for asked in cdn.asked()}) == 2


def test_an_index_s_password_is_not_for_its_file_host(server: RunningServer) -> None:
    # pypi R132, R133
    with FakeUpstream(host=OTHER_HOST) as files, FakeIndex(login=PULLER, files=files) as index:
        made = wheel("acme-app")
        index.publish(made)
        name = proxy(server, "pypi", index.url, **LOGIN)
        answer = server.request("GET", f"/repository/{name}/packages/acme-app/{made.filename}")
        assert answer.body == made.content
        assert authorizations(files) == {""}
        page = server.request("GET", f"/repository/{name}/simple/acme-app/").text
        assert OTHER_HOST not in page and index.host not in page


def test_only_what_the_page_names_is_fetched(server: RunningServer, elsewhere: FakeUpstream) -> None:
    # pypi R132
    with FakeIndex() as index:
        index.publish(wheel("acme-app"))
        name = proxy(server, "pypi", index.url)
        paths = (
            "packages/acme-app/other-1.0.tar.gz",
            f"packages/acme-app/{elsewhere.url}/a.txt",
            f"packages/acme-app/x-1.0.tar.gz?url={elsewhere.url}/a.txt",
            f"packages/{OTHER_HOST}/a.txt",
        )
        for path in paths:
            answer = server.request("GET", f"/repository/{name}/{path}")
            assert answer.status in (400, 404), answer
        assert elsewhere.count() == 0
        assert index.count("", "/files/*") == 0


def test_secrets_are_told_by_nobody(server: RunningServer) -> None:
    # proxy R87, R95
    with FakeRegistry() as registry:
        registry.push("app", pullable("secret"), "1")
        url = registry.url.replace("//", f"//{PULLER.name}:{PULLER.password}@")
        name = proxy(server, "docker", url)
        registry.stop()
        answer = server.request("GET", f"/v2/{name}/app/manifests/1")
        shown = request(server, "GET", f"/api/v1/repositories/{name}")
        for each in (answer, shown, request(server, "GET", "/api/v1/repositories")):
            assert PULLER.password not in each.text
        assert shown.json()["upstream"]["username"] == PULLER.name


def test_another_upstream_does_not_get_the_password_of_the_last(server: RunningServer) -> None:
    # proxy R78
    with FakeUpstream(login=PULLER) as first, FakeUpstream() as second:
        first.put("/a", b"first")
        second.put("/a", b"second")
        second.fault(with_header("WWW-Authenticate", 'Basic realm="second"'))
        second.fault(status(401), times=1)
        name = proxy(server, "raw", first.url, **LOGIN, fresh_for=0)
        assert server.request("GET", f"/repository/{name}/a").body == b"first"
        proxy(server, "raw", second.url, name, fresh_for=0)
        eventually(lambda: server.request("GET", f"/repository/{name}/a").body == b"second")
        assert authorizations(second) == {""}
