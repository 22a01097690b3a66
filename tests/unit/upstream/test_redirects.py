"""Redirects (proxy R72, T6; docker R190)."""

from typing import Any

import pytest

from artifactd.errors import UpstreamInvalid
from artifactd.upstream.client import MAX_REDIRECTS, Request
from tests.support.upstream_servers import Answer, Heard, answer, challenge, redirect
from tests.unit.upstream.conftest import Asking, Serve, here


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_redirects_are_followed_with_the_same_method(
    serve: Serve, asking: Asking, status: int, method: str
) -> None:
    def answering(heard: Heard) -> Answer:
        data = redirect("../b?c=%2F", status) if heard.target == "/base/a" else answer(200, b"bytes")
        return data.partition(b"\r\n\r\n")[0] + b"\r\n\r\n" if method == "HEAD" else data

    server = serve(answering)
    url = f"{server.url}base/"
    got = asking(url).send(Request(method, f"{url}a", "text/html", {"Range": "bytes=1-"}))  # type: ignore[arg-type]
    assert got.facts.url == f"{server.url}b?c=%2F"
    assert server.requests == [f"{method} /base/a", f"{method} /b?c=%2F"]
    assert server.heard[1].headers["range"] == "bytes=1-"
    assert server.heard[1].headers["accept"] == "text/html"
    assert server.connections == 1


def test_a_signed_address_is_asked_for_exactly(serve: Serve, asking: Asking) -> None:
    signed = "/b/%7e%2Fx+y|z?X-Sig=a%2bb%2F/c==&d=e+f&g"
    server = serve(lambda heard: redirect(signed) if heard.target == "/a" else answer(200))
    asking(server.url).get("a")
    assert server.requests[1] == f"GET {signed}"


def test_other_statuses_with_a_location_are_answers(serve: Serve, asking: Asking) -> None:
    server = serve(answer(201, b"", "Location: /b"))
    assert asking(server.url).get("a").status == 201
    server = serve(answer(302))
    assert asking(server.url).get("a").status == 302


def test_a_redirect_in_a_circle_ends(serve: Serve, asking: Asking) -> None:
    server = serve(lambda heard: redirect("/b" if heard.target == "/a" else "/a"))
    with pytest.raises(UpstreamInvalid, match="the upstream of repository 'hub' redirects without end"):
        asking(server.url).get("a")
    assert server.requests == ["GET /a", "GET /b"]


def test_redirects_without_end_are_given_up(serve: Serve, asking: Asking) -> None:
    server = serve(lambda heard: redirect(f"{heard.target}a"))
    with pytest.raises(UpstreamInvalid, match="redirects without end"):
        asking(server.url).get()
    assert len(server.heard) == MAX_REDIRECTS + 1


def test_as_many_redirects_as_are_allowed_are_followed(serve: Serve, asking: Asking) -> None:
    last = "/" + "a" * MAX_REDIRECTS
    server = serve(lambda heard: answer(200) if heard.target == last else redirect(f"{heard.target}a"))
    assert asking(server.url).get().facts.url.endswith(last)


@pytest.mark.parametrize(
    "location",
    [
        "file:///etc/passwd",
        "ftp://upstream.example/",
        "gopher://a/",
        "//127.1/",
        "//[::1/",
        "data:,x",
    ],
)
def test_redirects_lead_to_http_alone(serve: Serve, asking: Asking, location: str) -> None:
    server = serve(redirect(location))
    with pytest.raises(UpstreamInvalid, match="redirects to an address that is none of HTTP"):
        asking(server.url).get()
    assert len(server.heard) == 1


SECRETS: list[dict[str, Any]] = [{"token": "canary"}, {"username": "user", "password": "canary"}]


@pytest.mark.parametrize("secrets", SECRETS)
@pytest.mark.parametrize("other", ["another port", "another host", "a subdomain"])
def test_credentials_stay_at_their_origin(
    serve: Serve, asking: Asking, secrets: dict[str, Any], other: str
) -> None:
    # docker R190
    cdn = serve(answer(200, b"bytes"))
    target = {
        "another port": cdn.named("upstream.example"),
        "another host": cdn.named("cdn.example"),
        "a subdomain": cdn.named("cdn.upstream.example"),
    }[other]

    def answering(heard: Heard) -> Answer:
        if "authorization" not in heard.headers:
            return challenge('Basic realm="a"')
        return redirect(f"{target}blob?signature=x")

    server = serve(answering)
    asker = asking(server.named("upstream.example"), here, **secrets)
    for _ in range(2):
        got = asker.get("a")
        assert (got.body, got.facts.url) == (b"bytes", f"{target}blob?signature=x")
    assert "authorization" in server.heard[-1].headers
    assert all("authorization" not in heard.headers for heard in cdn.heard)
    assert len(cdn.heard) == 2


def test_another_host_that_asks_for_credentials_gets_none(serve: Serve, asking: Asking) -> None:
    cdn = serve(challenge('Basic realm="a"', 'Bearer realm="http://127.0.0.1:1/token"'))
    server = serve(redirect(cdn.named("cdn.example")))
    got = asking(server.named("upstream.example"), here, username="user", password="canary").get()
    assert got.status == 401
    assert [heard.headers.get("authorization") for heard in cdn.heard] == [None]


def test_who_leads_back_gets_what_is_its_own(serve: Serve, asking: Asking) -> None:
    cdn = serve(lambda _: redirect(f"{server.named('upstream.example')}b"))
    server = serve(
        lambda heard: redirect(cdn.named("cdn.example")) if heard.target == "/a" else answer(200)
    )
    assert asking(server.named("upstream.example"), here, token="canary").get("a").status == 200
    assert server.heard[1].headers["authorization"] == "Bearer canary"
    assert "authorization" not in cdn.heard[0].headers


def test_names_and_passwords_in_a_location_are_not_used(serve: Serve, asking: Asking) -> None:
    server = serve(
        lambda heard: redirect(f"//a:b@127.0.0.1:{server.port}/b") if heard.target == "/a" else answer(200)
    )
    got = asking(server.url).get("a")
    assert got.facts.url == f"{server.url}b"
    assert "authorization" not in server.heard[1].headers


@pytest.mark.parametrize("length", [10, 900_000])
def test_the_body_of_a_redirect_is_not_waited_for_long(
    serve: Serve, asking: Asking, length: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    import artifactd.upstream.reply

    monkeypatch.setattr(artifactd.upstream.reply, "_DRAIN_SECONDS", 0.05)

    def answering(heard: Heard) -> Answer:
        if heard.target == "/b":
            return answer(200, b"bytes")
        return redirect("/b").replace(b"Content-Length: 9", b"Content-Length: %d" % length)

    server = serve(answering)
    assert asking(server.url).get("a").body == b"bytes"
    assert server.connections == 2
