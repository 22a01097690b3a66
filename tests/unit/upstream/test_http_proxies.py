"""Upstreams behind an HTTP proxy (proxy R88)."""

from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path

import pytest

from artifactd.errors import UpstreamInvalid, UpstreamUnavailable
from tests.support.certificates import Authority
from tests.support.upstream_servers import HttpProxy, answer, challenge, redirect, then_close
from tests.unit.upstream.conftest import Asking, Serve

CANARY = "user:canary"


@pytest.fixture
def proxy() -> Iterator[HttpProxy]:
    with HttpProxy() as running:
        yield running


def test_plain_requests_go_through_the_proxy(serve: Serve, asking: Asking, proxy: HttpProxy) -> None:
    """The proxy looks the name up: here it cannot be."""
    server = serve(answer(200, b"bytes"))
    url = server.named("upstream.example")
    got = asking(url, http_proxy=proxy.url, allow_private=False).get("a?b")
    assert (got.body, got.facts.url) == (b"bytes", f"{url}a?b")
    assert proxy.requests == [f"GET {url}a?b"]
    assert server.heard[0].headers["host"] == f"upstream.example:{server.port}"


def test_protected_requests_go_through_a_tunnel(
    serve: Serve, asking: Asking, proxy: HttpProxy, tmp_path: Path
) -> None:
    authority = Authority("our authority")
    server = serve(answer(200, b"bytes"), tls=authority.server(tmp_path, "upstream.example"))
    asker = asking(
        server.named("upstream.example"),
        http_proxy=proxy.url,
        allow_private=False,
        ca=authority.pem,
        token="t",
    )
    for _ in range(2):
        assert asker.get().body == b"bytes"
    assert proxy.requests == [f"CONNECT upstream.example:{server.port}"]
    assert "authorization" not in proxy.heard[0].headers
    assert server.heard[0].headers["authorization"] == "Bearer t"


@pytest.mark.parametrize("protected", [False, True])
def test_the_password_of_the_proxy_is_for_the_proxy(
    serve: Serve, asking: Asking, proxy: HttpProxy, tmp_path: Path, protected: bool
) -> None:
    authority = Authority("our authority")
    tls = authority.server(tmp_path, "upstream.example") if protected else None
    server = serve(answer(200, b"bytes"), tls=tls)
    asker = asking(
        server.named("upstream.example"),
        http_proxy=proxy.url.replace("//", "//user:pass%40@"),
        ca=authority.pem,
    )
    assert asker.get().body == b"bytes"
    expected = "Basic " + b64encode(b"user:pass@").decode()
    assert proxy.heard[0].headers["proxy-authorization"] == expected
    assert not {"proxy-authorization", "authorization"} & set(server.heard[0].headers)


def test_redirects_and_realms_go_through_the_proxy_too(
    serve: Serve, asking: Asking, proxy: HttpProxy
) -> None:
    tokens = serve(answer(200, b'{"token": "t"}'))
    cdn = serve(answer(200, b"bytes"))
    realm = tokens.named("auth.upstream.example")
    server = serve(
        lambda heard: (
            redirect(cdn.named("cdn.example"))
            if "authorization" in heard.headers
            else challenge(f'Bearer realm="{realm}"')
        )
    )
    url = server.named("upstream.example")
    assert asking(url, http_proxy=proxy.url, allow_private=False).get().body == b"bytes"
    assert proxy.requests == [f"GET {each}" for each in (url, realm, url, cdn.named("cdn.example"))]


def test_forbidden_addresses_are_not_asked_for(serve: Serve, asking: Asking, proxy: HttpProxy) -> None:
    server = serve(redirect("//10.0.0.1/"))
    asker = asking(server.named("upstream.example"), http_proxy=proxy.url, allow_private=False)
    with pytest.raises(UpstreamInvalid, match="an address that is not allowed"):
        asker.get()
    for host in ("127.0.0.1", "localhost"):
        with pytest.raises(UpstreamInvalid, match="an address that is not allowed"):
            asking(server.named(host), http_proxy=proxy.url, allow_private=False).get()
    assert len(proxy.heard) == 1


@pytest.mark.parametrize("refusal", [answer(407), answer(502), b"nonsense\r\n\r\n"])
def test_a_proxy_that_does_not_want_to(serve: Serve, asking: Asking, refusal: bytes) -> None:
    proxy = serve(lambda _: then_close(refusal))
    with pytest.raises(UpstreamUnavailable) as caught:
        asking("https://upstream.example/", http_proxy=proxy.url.replace("//", "//user:canary@")).get()
    assert "canary" not in str(caught.value)


def test_a_proxy_that_is_not_there(serve: Serve, asking: Asking) -> None:
    for url in ("http://upstream.example/", "https://upstream.example/"):
        with pytest.raises(UpstreamUnavailable) as caught:
            asking(url, http_proxy=f"http://{CANARY}@127.0.0.1:9/").get()
        assert caught.value.detail == "the HTTP proxy of repository 'hub' did not connect"


@pytest.mark.parametrize("url", ["nonsense", "http:[", "//[", "ftp://127.0.0.1/"])
def test_a_proxy_that_is_none(asking: Asking, url: str) -> None:
    with pytest.raises(UpstreamInvalid, match="the HTTP proxy of repository 'hub' has no address of HTTP"):
        asking("http://upstream.example/", http_proxy=url).get()
