"""Credentials: when they are sent, and to whom (proxy R73, T5; docker R180, R181; trap 3)."""

import json
import threading
from base64 import b64encode
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from artifactd.errors import UpstreamInvalid, UpstreamUnavailable
from artifactd.upstream.client import Patience
from artifactd.upstream.target import same_domain
from tests.support.upstream_servers import Answer, Heard, Server, answer, challenge, redirect
from tests.unit.upstream.conftest import Asking, Serve, here

USER: dict[str, Any] = {"username": "us:er", "password": "pä:ss"}
BASIC = "Basic " + b64encode("us:er:pä:ss".encode()).decode()


class Registry:
    """An upstream and its token service, on one server or on two. Tokens are `t0`, `t1`…"""

    def __init__(self, serve: Serve) -> None:
        self.scopes: dict[str, str] = {}
        self.revoked: set[str] = set()
        self.expires_in: int | None = 300
        self.realm = ""
        self.tokens = serve(self._token)
        self.files = serve(self._file)
        self.realm = self.tokens.url + "token"

    def _token(self, heard: Heard) -> Answer:
        token = f"t{len(self.scopes)}"
        self.scopes[token] = " ".join(parse_qs(urlsplit(heard.target).query).get("scope", []))
        body = {"token": token} | ({"expires_in": self.expires_in} if self.expires_in is not None else {})
        return answer(200, json.dumps(body).encode())

    def _file(self, heard: Heard) -> Answer:
        scope = f"repository:{heard.target.split('/')[2]}:pull"
        token = heard.headers.get("authorization", "").removeprefix("Bearer ")
        if token in self.revoked or self.scopes.get(token) != scope:
            return challenge(f'Bearer realm="{self.realm}",service="hub",scope="{scope}"')
        return answer(200, b"bytes")

    @property
    def url(self) -> str:
        return self.files.url


@pytest.fixture
def registry(serve: Serve) -> Registry:
    return Registry(serve)


def authorizations(server: Server) -> list[str | None]:
    return [heard.headers.get("authorization") for heard in server.heard]


# Basic and tokens of the settings


def basic(heard: Heard) -> Answer:
    if heard.headers.get("authorization") != BASIC:
        return challenge('Basic realm="a"')
    return answer(200, b"bytes")


def test_a_password_is_sent_once_it_has_been_asked_for(serve: Serve, asking: Asking) -> None:
    server = serve(basic)
    asker = asking(server.url, **USER)
    assert [asker.get("a").body, asker.get("b").body] == [b"bytes"] * 2
    assert server.requests == ["GET /a", "GET /a", "GET /b"]
    assert authorizations(server) == [None, BASIC, BASIC]
    assert server.connections == 1


def test_a_password_that_is_refused_is_a_401(serve: Serve, asking: Asking) -> None:
    server = serve(challenge('Basic realm="a"'))
    asker = asking(server.url, **USER)
    assert asker.get().status == 401
    assert asker.get().body == b"who are you?"
    assert authorizations(server) == [None, BASIC, BASIC]


def test_without_a_password_a_challenge_is_a_401(serve: Serve, asking: Asking) -> None:
    server = serve(challenge('Basic realm="a"'))
    assert asking(server.url).get().status == 401
    assert authorizations(server) == [None]


@pytest.mark.parametrize("said", ["", "Negotiate", "Bearer", 'Bearer realm="Some Realm"', "Digest a=b"])
def test_what_we_cannot_do_is_a_401(serve: Serve, asking: Asking, said: str) -> None:
    server = serve(challenge(said))
    assert asking(server.url, **USER).get().status == 401
    assert authorizations(server) == [None]


def test_a_password_is_not_sent_to_who_does_not_ask(serve: Serve, asking: Asking) -> None:
    server = serve(answer(200))
    asking(server.url, **USER).get()
    assert authorizations(server) == [None]


def test_a_token_of_the_settings_is_sent_at_once(serve: Serve, asking: Asking) -> None:
    server = serve(answer(200))
    asking(server.url, token="secret").get()
    assert authorizations(server) == ["Bearer secret"]


def test_a_token_of_the_settings_that_is_refused_is_a_401(serve: Serve, asking: Asking) -> None:
    server = serve(challenge('Basic realm="a"', 'Bearer realm="http://127.0.0.1:1/"'))
    assert asking(server.url, token="secret", **USER).get().status == 401
    assert authorizations(server) == ["Bearer secret"]


def test_a_challenge_to_head_is_answered_too(serve: Serve, asking: Asking) -> None:
    def answering(heard: Heard) -> Answer:
        given = basic(heard)
        assert isinstance(given, bytes)
        return given.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"

    server = serve(answering)
    assert asking(server.url, **USER).head("a").status == 200
    assert server.requests == ["HEAD /a"] * 2


# Tokens of a token service


def test_a_token_is_fetched_and_sent(registry: Registry, asking: Asking) -> None:
    asker = asking(registry.url, **USER)
    assert asker.get("v2/app/manifests/1").body == b"bytes"
    (heard,) = registry.tokens.heard
    assert heard.method == "GET"
    assert heard.target == "/token?service=hub&scope=repository%3Aapp%3Apull"
    assert heard.headers["authorization"] == BASIC
    assert heard.headers["accept"] == "application/json"
    assert authorizations(registry.files) == [None, "Bearer t0"]


def test_without_a_password_a_token_is_asked_for_anonymously(registry: Registry, asking: Asking) -> None:
    assert asking(registry.url).get("v2/app/manifests/1").status == 200
    assert authorizations(registry.tokens) == [None]


def test_a_token_is_used_as_long_as_it_is_good(registry: Registry, asking: Asking) -> None:
    # docker R181
    asker = asking(registry.url)
    for path in ("manifests/1", "blobs/sha256:0", "tags/list", "manifests/1"):
        assert asker.get(f"v2/app/{path}").status == 200
    assert len(registry.tokens.heard) == 1
    assert authorizations(registry.files) == [None, *["Bearer t0"] * 4]


def test_each_scope_has_a_token_of_its_own(registry: Registry, asking: Asking) -> None:
    asker = asking(registry.url)
    for image in ("a", "b", "a", "b"):
        assert asker.get(f"v2/{image}/manifests/1").status == 200
    assert [*registry.scopes.values()] == ["repository:a:pull", "repository:b:pull"]


@pytest.mark.parametrize(
    ("expires_in", "fetched"), [(None, 1), (300, 1), (31, 1), (30, 3), (0, 3), (-5, 3)]
)
def test_a_token_is_not_used_at_the_end_of_its_life(
    registry: Registry, asking: Asking, expires_in: int | None, fetched: int
) -> None:
    """Without a lifetime it is a minute; half a minute before the end it is over."""
    registry.expires_in = expires_in
    asker = asking(registry.url)
    for _ in range(3):
        assert asker.get("v2/app/manifests/1").status == 200
    assert len(registry.tokens.heard) == fetched


def test_a_token_that_is_revoked_is_replaced_once(registry: Registry, asking: Asking) -> None:
    # proxy T5
    asker = asking(registry.url)
    assert asker.get("v2/app/manifests/1").status == 200
    registry.revoked.add("t0")
    assert asker.get("v2/app/manifests/1").status == 200
    assert authorizations(registry.files)[2:] == ["Bearer t0", "Bearer t1"]
    registry.revoked |= {"t1", "t2", "t3"}
    assert asker.get("v2/app/manifests/1").status == 401
    assert authorizations(registry.files)[4:] == ["Bearer t1", "Bearer t2"]
    assert len(registry.tokens.heard) == 3


def test_many_requests_fetch_one_token(registry: Registry, asking: Asking, serve: Serve) -> None:
    # docker R181
    count = 10
    together = threading.Barrier(count)
    plain = registry.files.answering

    def answering(heard: Heard) -> Answer:
        if "authorization" not in heard.headers:
            together.wait(20)
        return plain(heard)

    registry.files.answering = answering
    got = asking(registry.url).get_all(*(f"v2/app/blobs/{number}" for number in range(count)))
    assert [each.status for each in got] == [200] * count
    assert len(registry.tokens.heard) == 1


def test_another_scope_is_asked_for_when_the_token_does_not_reach(serve: Serve, asking: Asking) -> None:
    """Both as registries say it and as RFC 6750 does."""
    for status in (401, 403):
        tokens = serve(lambda heard: answer(200, json.dumps({"access_token": heard.target[-4:]}).encode()))

        def answering(heard: Heard, status: int = status, realm: str = tokens.url) -> Answer:
            match heard.headers.get("authorization"):
                case None:
                    return challenge(f'Bearer realm="{realm}",scope="small"')
                case "Bearer mall":
                    return challenge(
                        f'Bearer realm="{realm}",scope="small large",error="insufficient_scope"',
                        status=status,
                    )
            return answer(200, b"bytes")

        server = serve(answering)
        assert asking(server.url).get("a").body == b"bytes"
        assert tokens.requests == ["GET /?scope=small", "GET /?scope=small&scope=large"]


def test_a_403_without_reason_is_a_403(serve: Serve, asking: Asking) -> None:
    server = serve(challenge('Basic realm="a"', status=403))
    assert asking(server.url, **USER).get().status == 403
    assert len(server.heard) == 1


def test_scopes_that_change_for_ever_are_given_up(serve: Serve, asking: Asking) -> None:
    tokens = serve(lambda _: answer(200, b'{"token": "t"}'))
    server = serve(lambda _: challenge(f'Bearer realm="{tokens.url}",scope="s{len(server.heard)}"'))
    got = asking(server.url).get()
    assert (got.status, got.body) == (401, b"who are you?")
    assert len(server.heard) == 4


@pytest.mark.parametrize(
    "said",
    [
        ('Basic realm="a"', 'Bearer realm="{realm}",service="hub"'),
        ('Bearer realm="{realm}",service="hub"', 'Basic realm="a"'),
        ('Basic realm="a, b", BEARER Realm = "{realm}" , service="hub"',),
        ('Negotiate, Bearer realm={realm},service=hub, Basic realm="a"',),
    ],
)
def test_of_several_challenges_a_token_is_taken(
    serve: Serve, asking: Asking, said: tuple[str, ...]
) -> None:
    # proxy T5
    tokens = serve(answer(200, b'{"token": "t"}'))
    values = [each.format(realm=tokens.url) for each in said]

    def answering(heard: Heard) -> Answer:
        if heard.headers.get("authorization") != "Bearer t":
            return challenge(*values)
        return answer(200, b"bytes")

    server = serve(answering)
    assert asking(server.url, **USER).get().body == b"bytes"
    assert authorizations(server) == [None, "Bearer t"]
    assert tokens.requests == ["GET /?service=hub"]


def test_a_realm_keeps_its_query(serve: Serve, asking: Asking) -> None:
    tokens = serve(answer(200, b'{"token": "t"}'))
    server = serve(challenge(f'Bearer realm="{tokens.url}t?a=b",scope="x"'))
    asking(server.url).get()
    assert tokens.requests == ["GET /t?a=b&scope=x"]


# Whom to trust


@pytest.mark.parametrize("secrets", [USER, {}])
@pytest.mark.parametrize(
    "realm", ["evil.example", "upstream.example.evil.example", "127.0.0.1", "localhost"]
)
def test_a_foreign_realm_is_not_contacted_at_all(
    serve: Serve, asking: Asking, secrets: dict[str, Any], realm: str
) -> None:
    # docker R180, trap 3
    evil = serve(answer(200, b'{"token": "t"}'))
    server = serve(challenge(f'Bearer realm="{evil.named(realm)}",service="hub"'))
    with pytest.raises(UpstreamInvalid) as caught:
        asking(server.named("registry.upstream.example"), here, **secrets).get()
    where = "an address" if realm == "127.0.0.1" else repr(realm)
    assert caught.value.detail == (
        f"the upstream of repository 'hub' sends us for a token to {where}, which is not of its domain; "
        "list it in `realms` to trust it"
    )
    assert evil.connections == 0
    assert authorizations(server) == [None]


@pytest.mark.parametrize(
    ("realm", "realms"),
    [
        ("registry.upstream.example", ()),
        ("auth.upstream.example", ()),
        ("upstream.example", ()),
        ("auth.example.org", ("other.example", "Auth.Example.Org")),
    ],
)
def test_a_realm_of_the_same_domain_or_a_listed_one_is_trusted(
    serve: Serve, asking: Asking, realm: str, realms: tuple[str, ...]
) -> None:
    tokens = serve(answer(200, b'{"token": "t"}'))

    def answering(heard: Heard) -> Answer:
        if "authorization" in heard.headers:
            return answer(200, b"bytes")
        return challenge(f'Bearer realm="{tokens.named(realm)}"')

    server = serve(answering)
    asker = asking(server.named("registry.upstream.example"), here, realms=realms, **USER)
    assert asker.get().status == 200
    assert authorizations(tokens) == [BASIC]


def test_with_a_foreign_realm_the_password_is_still_for_the_upstream(serve: Serve, asking: Asking) -> None:
    evil = serve(answer(200, b'{"token": "t"}'))

    def answering(heard: Heard) -> Answer:
        if heard.headers.get("authorization") == BASIC:
            return answer(200, b"bytes")
        return challenge(f'Bearer realm="{evil.named("evil.example")}", Basic realm="a"')

    server = serve(answering)
    assert asking(server.named("upstream.example"), here, **USER).get().status == 200
    assert evil.connections == 0


def test_a_realm_that_leads_elsewhere_is_not_followed(serve: Serve, asking: Asking) -> None:
    evil = serve(answer(200, b'{"token": "t"}'))
    tokens = serve(lambda _: redirect(evil.url))
    server = serve(challenge(f'Bearer realm="{tokens.url}"'))
    with pytest.raises(UpstreamInvalid, match=r"the token service .* gave no token"):
        asking(server.url, **USER).get()
    assert evil.connections == 0


DOMAINS = [
    ("a.example", "a.example", True),
    ("registry.a.example", "auth.a.example", True),
    ("a.example", "auth.a.example", True),
    ("a.example", "b.example", False),
    ("a.example", "a.example.evil.example", False),
    ("a.example", "evil-a.example", False),
    ("a.co.uk", "b.co.uk", False),
    ("x.a.co.uk", "y.a.co.uk", True),
    ("x.longer.de", "y.longer.de", True),
    ("registry.abc.de", "auth.abc.de", True),
    ("a.com.au", "b.com.au", False),
    ("a.com", "b.com", False),
    ("localhost", "localhost", True),
    ("a", "b", False),
    ("example", "a.example", False),
    ("127.0.0.1", "127.0.0.1", True),
    ("127.0.0.1", "9.9.0.1", False),
    ("::1", "::1", True),
    ("a.0.1", "127.0.0.1", False),
]


@pytest.mark.parametrize(("one", "other", "expected"), DOMAINS)
def test_hosts_seem_to_be_of_one_owner(one: str, other: str, expected: bool) -> None:
    assert same_domain(one, other) is expected
    assert same_domain(other, one) is expected


# Token services that fail

FAILURES: list[tuple[bytes, type[Exception], str]] = [
    (answer(429), UpstreamUnavailable, "answered with 429"),
    (answer(503), UpstreamUnavailable, "answered with 503"),
    (answer(404), UpstreamInvalid, "gave no token"),
    (answer(200, b"<html>"), UpstreamInvalid, "gave no token"),
    (answer(200, b"{}"), UpstreamInvalid, "gave no token"),
    (answer(200, b"[]"), UpstreamInvalid, "gave no token"),
    (answer(200, b'{"token": null}'), UpstreamInvalid, "gave no token"),
    (answer(200, b'{"token": 1}'), UpstreamInvalid, "gave no token"),
    (answer(200, b'{"token": "a\\r\\nX-B: c"}'), UpstreamInvalid, "gave no token"),
    (answer(200, b'{"token": "a b"}'), UpstreamInvalid, "gave no token"),
    (answer(200, b'{"token": "' + b"a" * (1 << 20) + b'"}'), UpstreamInvalid, "more than 1048576 bytes"),
]


@pytest.mark.parametrize(("given", "error", "text"), FAILURES)
def test_a_token_service_that_fails_is_an_error(
    serve: Serve, asking: Asking, given: bytes, error: type[Exception], text: str
) -> None:
    tokens = serve(given)
    server = serve(challenge(f'Bearer realm="{tokens.url}"'))
    asker = asking(server.url, **USER)
    for _ in range(2):
        with pytest.raises(error, match=text):
            asker.get()
    assert len(tokens.heard) == 2


def test_a_token_service_that_refuses_us_is_a_401(serve: Serve, asking: Asking) -> None:
    tokens = serve(challenge('Basic realm="a"'))
    server = serve(challenge(f'Bearer realm="{tokens.url}"'))
    assert asking(server.url, **USER).get().status == 401
    assert authorizations(tokens) == [BASIC]


def test_a_token_service_that_does_not_answer(serve: Serve, asking: Asking) -> None:
    tokens = serve(lambda _: tokens.wait)
    server = serve(challenge(f'Bearer realm="{tokens.url}"'))
    with pytest.raises(UpstreamUnavailable, match="did not answer"):
        asking(server.url).get(patience=Patience(20, 0.1, 20))


def test_who_waits_for_a_token_has_a_patience_of_its_own(serve: Serve, asking: Asking) -> None:
    import asyncio

    from artifactd.upstream.client import PATIENT, Request

    given = threading.Event()

    def tokens_answering(_: Heard) -> Answer:
        given.wait(20)
        return answer(200, b'{"token": "t"}')

    tokens = serve(tokens_answering)

    def answering(heard: Heard) -> Answer:
        if "authorization" in heard.headers:
            return answer(200, b"bytes")
        return challenge(f'Bearer realm="{tokens.url}"')

    server = serve(answering)
    asker = asking(server.url)

    async def main() -> int:
        async def ask(patience: Patience) -> int:
            async with asker.client.send(Request("GET", server.url), patience) as response:
                return response.status

        patient = asyncio.create_task(ask(PATIENT))
        while not tokens.heard:
            await asyncio.sleep(0.01)
        with pytest.raises(UpstreamUnavailable, match=r"the token service .* did not answer in time"):
            await ask(Patience(0.1, 0.1, 20))
        gone = asyncio.create_task(ask(PATIENT))
        while len(server.heard) < 3:
            await asyncio.sleep(0.01)
        gone.cancel()
        with pytest.raises(asyncio.CancelledError):
            await gone
        given.set()
        return await patient

    assert asker.run(main()) == 200
    assert len(tokens.heard) == 1


def test_secrets_are_in_no_message_and_no_repr(registry: Registry, asking: Asking) -> None:
    # proxy R87, R95
    asker = asking(registry.url, username="user", password="canary", token="canary")
    assert "canary" not in repr(asker.client.upstream)
    registry.realm = "http://evil.example/canary"
    asker = asking(registry.url, username="user", password="canary")
    with pytest.raises(UpstreamInvalid) as caught:
        asker.get("v2/app/manifests/1")
    assert "canary" not in f"{caught.value} {caught.value!r}"
