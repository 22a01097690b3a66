"""Protected connections (proxy R88)."""

import socket
import ssl
import threading
from pathlib import Path

import pytest

from artifactd.errors import UpstreamInvalid, UpstreamUnavailable
from artifactd.upstream.configuration import Upstream
from artifactd.upstream.tls import tls_context
from tests.support.certificates import Authority
from tests.support.upstream_servers import answer, challenge, redirect
from tests.unit.upstream.conftest import Asking, Serve, here


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority("our authority")


def test_a_certificate_of_the_given_authority_is_trusted(
    serve: Serve, asking: Asking, authority: Authority, tmp_path: Path
) -> None:
    server = serve(answer(200, b"bytes"), tls=authority.server(tmp_path, "upstream.example"))
    asker = asking(server.named("upstream.example"), here, ca=authority.pem)
    assert asker.get().body == b"bytes"
    assert asker.get().body == b"bytes"
    assert server.connections == 1


def test_an_authority_that_nobody_named_is_not_trusted(
    serve: Serve, asking: Asking, authority: Authority, tmp_path: Path
) -> None:
    server = serve(answer(200), tls=authority.server(tmp_path, "upstream.example"))
    for ca in ("", Authority("another authority").pem):
        with pytest.raises(UpstreamUnavailable) as caught:
            asking(server.named("upstream.example"), here, ca=ca).get()
        assert caught.value.detail.startswith(
            "the certificate of the upstream of repository 'hub' is not trusted ("
        )
    assert server.heard == []


def test_a_certificate_of_another_name_is_not_trusted(
    serve: Serve, asking: Asking, authority: Authority, tmp_path: Path
) -> None:
    server = serve(answer(200), tls=authority.server(tmp_path, "other.example"))
    for url in (server.named("upstream.example"), server.url):
        with pytest.raises(UpstreamUnavailable) as caught:
            asking(url, here, ca=authority.pem).get()
        assert caught.value.detail == (
            "the certificate of the upstream of repository 'hub' is not trusted (it is another's)"
        )


def test_old_protocols_are_not_spoken(
    serve: Serve, asking: Asking, authority: Authority, tmp_path: Path
) -> None:
    old = authority.server(tmp_path, "upstream.example")
    with pytest.warns(DeprecationWarning):
        old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
    old.set_ciphers("ALL:@SECLEVEL=0")
    server = serve(answer(200), tls=old)
    with pytest.raises(UpstreamUnavailable, match="no protected connection to the upstream"):
        asking(server.named("upstream.example"), here, ca=authority.pem).get()


def test_a_server_that_speaks_no_tls(asking: Asking) -> None:
    def say_so() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(1)
            connection.sendall(answer(400))

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=say_so)
        thread.start()
        with pytest.raises(UpstreamUnavailable, match="no protected connection to the upstream"):
            asking(f"https://127.0.0.1:{listener.getsockname()[1]}/").get()
        thread.join(20)


@pytest.mark.parametrize("together", [False, True])
def test_we_show_our_certificate(
    serve: Serve, asking: Asking, authority: Authority, tmp_path: Path, together: bool
) -> None:
    tls = authority.server(tmp_path, "upstream.example", ask=True)
    server = serve(answer(200), tls=tls)
    certificate, key = authority.issue("a client")
    shown = (
        {"client_certificate": certificate + key}
        if together
        else {"client_certificate": certificate, "client_key": key}
    )
    asker = asking(server.named("upstream.example"), here, ca=authority.pem, **shown)
    assert asker.get().status == 200
    assert server.heard[0].peer == "a client"


def test_without_a_certificate_we_are_not_let_in(
    serve: Serve, asking: Asking, authority: Authority, tmp_path: Path
) -> None:
    server = serve(answer(200), tls=authority.server(tmp_path, "upstream.example", ask=True))
    with pytest.raises(UpstreamUnavailable):
        asking(server.named("upstream.example"), here, ca=authority.pem).get()
    assert server.heard == []


def test_our_key_does_not_stay_on_the_disk(
    authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    seen: list[int] = []
    load = ssl.SSLContext.load_cert_chain

    def loading(self: ssl.SSLContext, file: str, *rest: str, **more: str) -> None:
        assert more == {"password": ""}  # or OpenSSL asks for one at the terminal
        seen.append(Path(file).stat().st_mode & 0o777)
        assert Path(file).parent == tmp_path
        load(self, file, *rest, **more)

    monkeypatch.setattr("ssl.SSLContext.load_cert_chain", loading)
    certificate, key = authority.issue("a client")
    upstream = Upstream(1, "hub", 1, "https://a.example/", client_certificate=certificate, client_key=key)
    tls_context(upstream)
    assert seen == [0o600]
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_certificate_is_an_error_without_its_text(asking: Asking, authority: Authority) -> None:
    certificate, key = authority.issue("a client")
    _, other = authority.issue("another client")
    for settings in (
        {"ca": "canary"},
        {"ca": "-----BEGIN CERTIFICATE-----\ncanary\n-----END CERTIFICATE-----\n"},
        {"client_certificate": "canary"},
        {"client_certificate": certificate},
        {"client_certificate": certificate, "client_key": other},
        {"client_certificate": certificate, "client_key": authority.encrypted(key)},
    ):
        with pytest.raises(UpstreamInvalid) as caught:
            asking("https://upstream.example/", here, **settings).get()
        assert caught.value.detail == (
            "the CA, client certificate or key of repository 'hub' cannot be read"
        )


def test_a_redirect_never_gives_up_protection(
    serve: Serve, asking: Asking, authority: Authority, tmp_path: Path
) -> None:
    # proxy R72, T6
    plain = serve(answer(200))
    protected = serve(
        redirect(plain.named("upstream.example")), tls=authority.server(tmp_path, "upstream.example")
    )
    with pytest.raises(UpstreamInvalid, match="redirects from https to http, which is not followed"):
        asking(protected.named("upstream.example"), here, ca=authority.pem).get()
    assert plain.connections == 0


@pytest.mark.parametrize("realms", [(), ("upstream.example",)])
def test_a_realm_without_protection_is_not_contacted(
    serve: Serve, asking: Asking, authority: Authority, tmp_path: Path, realms: tuple[str, ...]
) -> None:
    # proxy R73
    plain = serve(answer(200, b'{"token": "t"}'))
    protected = serve(
        challenge(f'Bearer realm="{plain.named("upstream.example")}"'),
        tls=authority.server(tmp_path, "upstream.example"),
    )
    asker = asking(
        protected.named("upstream.example"),
        here,
        ca=authority.pem,
        realms=realms,
        username="user",
        password="secret",
    )
    with pytest.raises(UpstreamInvalid):
        asker.get()
    assert plain.connections == 0


def test_a_redirect_may_add_protection(
    serve: Serve, asking: Asking, authority: Authority, tmp_path: Path
) -> None:
    """Credentials follow it between the standard ports alone; these are others."""
    protected = serve(answer(200, b"bytes"), tls=authority.server(tmp_path, "upstream.example"))
    plain = serve(redirect(protected.named("upstream.example")))
    asker = asking(plain.named("upstream.example"), here, ca=authority.pem, token="secret")
    assert asker.get().body == b"bytes"
    assert "authorization" not in protected.heard[0].headers


def test_a_body_cut_off_under_protection_is_not_complete(
    serve: Serve, asking: Asking, authority: Authority, tmp_path: Path
) -> None:
    def send(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345")

    server = serve(lambda _: send, tls=authority.server(tmp_path, "upstream.example"))
    with pytest.raises(UpstreamUnavailable, match="broke off its answer"):
        asking(server.named("upstream.example"), here, ca=authority.pem).get()
