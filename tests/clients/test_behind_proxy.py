"""Clients behind HAProxy, which ends TLS and HTTP/2 and speaks plain HTTP to us."""

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.distributions import wheel
from tests.support.homes import Home
from tests.support.hosted import Hosted
from tests.support.layouts import pullable, read_layout, write_layout
from tests.support.programs import Program, found
from tests.support.serving import ADMIN, Running, eventually, listens, serving
from tests.support.wire import Wire

CREDENTIALS = f"{ADMIN.name}:{ADMIN.password}"

CONFIGURATION = """
global
    maxconn 200
defaults
    mode http
    timeout connect 5s
    timeout client 30s
    timeout server 30s
frontend tls
    bind 127.0.0.1:{port} ssl crt {folder}/both.pem alpn h2,http/1.1
    http-request set-header X-Forwarded-Proto https
    default_backend artifactd
backend artifactd
    server one {server}
"""


@dataclass(frozen=True, slots=True)
class Front:
    """A proxy in front of a server. `certificates` is what clients trust."""

    host: str
    certificates: Path
    server: Running


@pytest.fixture
def front(tmp_path: Path, unused_port: int) -> Iterator[Front]:
    haproxy, openssl = found("haproxy"), Program(found("openssl"))
    trusted = tmp_path / "trusted"
    trusted.mkdir()
    name = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost"]
    name += ["-addext", "basicConstraints=critical,CA:FALSE"]  # uv takes no authority for a server
    files = ["-keyout", str(tmp_path / "key.pem"), "-out", str(trusted / "ca.crt"), "-days", "2"]
    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", *name, *files)
    both = (trusted / "ca.crt").read_text() + (tmp_path / "key.pem").read_text()
    (tmp_path / "both.pem").write_text(both)
    trusting = {"ARTIFACTD_TRUSTED_PROXIES": "127.0.0.1/32"}
    with serving(tmp_path / "data", workers=2, environment=trusting) as server:
        configuration = CONFIGURATION.format(port=unused_port, folder=tmp_path, server=server.host)
        (tmp_path / "haproxy.cfg").write_text(configuration)
        process = subprocess.Popen([haproxy, "-db", "-q", "-f", tmp_path / "haproxy.cfg"])
        try:
            eventually(lambda: listens(unused_port))
            yield Front(f"127.0.0.1:{unused_port}", trusted, server)
        finally:
            process.kill()
            process.wait()


def test_an_image_comes_back_as_it_went(skopeo: Program, front: Front, tmp_path: Path) -> None:
    # docker R22, R101
    image = pullable("behind", layers=3, layer_size=500_000)
    layout, back = write_layout(tmp_path / "layout", **{"1": image}), tmp_path / "back"
    there = f"docker://{front.host}/docker/team/app:1"
    skopeo(
        "copy", "--dest-cert-dir", front.certificates, "--dest-creds", CREDENTIALS, f"oci:{layout}:1", there
    )
    skopeo("copy", "--src-cert-dir", front.certificates, "--src-creds", CREDENTIALS, there, f"oci:{back}:1")
    assert read_layout(back) == image.digest


def test_every_tag_is_listed(skopeo: Program, front: Front) -> None:
    # docker R143
    tags = [f"t{number}" for number in range(2500)]
    with Wire(front.server) as wire:
        wire.push_tags("docker/team/app", tags, pullable("behind"))
    flags = ("--cert-dir", front.certificates, "--creds", CREDENTIALS)
    said = skopeo("list-tags", *flags, f"docker://{front.host}/docker/team/app")
    assert sorted(json.loads(said)["Tags"]) == sorted(tags)


def test_a_project_is_published_and_installed(home: Home, front: Front, tmp_path: Path) -> None:
    # pypi R21, R22, R24: pages name files, and redirects pages, whatever the address they were asked at.
    hosted = Hosted(front.server, front.server.repository("python", "pypi"))
    url = f"https://{front.host}/repository/{hosted.name}"
    app = wheel("Acme.App")
    (tmp_path / app.filename).write_bytes(app.content)
    uv = home.program("uv", SSL_CERT_FILE=str(front.certificates / "ca.crt"))
    uv("publish", "--publish-url", url, "-u", ADMIN.name, "-p", ADMIN.password, tmp_path / app.filename)
    index = f"{url.replace('//', f'//{CREDENTIALS}@')}/simple"
    uv("pip", "install", "--no-cache", "--index-url", index, "--target", tmp_path / "uv", "acme-app")
    flags = ("--cert", front.certificates / "ca.crt", "--no-cache-dir", "--index-url", index)
    home.program("pip-26")("install", *flags, "--target", tmp_path / "pip", "Acme.App")
    assert (tmp_path / "uv" / "acme_app").is_dir()
    assert (tmp_path / "pip" / "acme_app").is_dir()
