"""The fakes that stand for upstreams: real clients take them for real, so what they do to a proxy says
something about it."""

from pathlib import Path

import pytest

from tests.support.distributions import sdist, wheel
from tests.support.fake_index import FakeIndex
from tests.support.fake_registry import FakeRegistry, Tokens
from tests.support.fake_upstream import FakeUpstream
from tests.support.homes import Home
from tests.support.layouts import platforms, pullable, read_layout
from tests.support.programs import Program
from tests.support.server import Login
from tests.support.upstream_faults import status, truncated

PULLER = Login("puller", "pull-password")


def test_an_image_is_pulled(skopeo: Program, tmp_path: Path) -> None:
    with FakeUpstream() as cdn, FakeRegistry(tokens=Tokens(PULLER), cdn=cdn) as registry:
        image = pullable("fake")
        registry.push("team/app", image, "1", "latest")
        credentials = f"{PULLER.name}:{PULLER.password}"
        flags = ("--src-tls-verify=false", "--src-creds", credentials)
        skopeo("copy", *flags, f"docker://{registry.host}/team/app:1", f"oci:{tmp_path / 'there'}:1")
        assert read_layout(tmp_path / "there") == image.digest
        listed = skopeo(
            "list-tags", "--tls-verify=false", "--creds", credentials, f"docker://{registry.host}/team/app"
        )
        assert '"latest"' in listed
        assert cdn.count("GET") == 3
        assert {asked.header("authorization") for asked in cdn.asked()} == {""}
        wrong = ("--src-tls-verify=false", "--src-creds", "puller:typo")
        skopeo.refused("copy", *wrong, f"docker://{registry.host}/team/app:1", f"oci:{tmp_path / 'no'}:1")


def test_an_index_is_pulled_whole(skopeo: Program, tmp_path: Path) -> None:
    with FakeRegistry(login=PULLER) as registry:
        whole = platforms("amd64", "arm64", content="fake")
        registry.push("app", whole, "1")
        flags = ("--all", "--src-tls-verify=false", "--src-creds", f"{PULLER.name}:{PULLER.password}")
        skopeo("copy", *flags, f"docker://{registry.host}/app:1", f"oci:{tmp_path / 'there'}:1")
        assert read_layout(tmp_path / "there") == whole.digest


def test_a_truncated_layer_is_an_error(skopeo: Program, tmp_path: Path) -> None:
    with FakeRegistry() as registry:
        registry.push("app", pullable("fake", layers=1, layer_size=5000), "1")
        registry.fault(truncated(-1), "/v2/app/blobs/*")
        registry.fault(status(500), "/v2/app/blobs/*", method="GET")
        copy = ("copy", "--src-tls-verify=false", f"docker://{registry.host}/app:1")
        skopeo.refused(*copy, f"oci:{tmp_path / 'there'}:1")
        registry.heal()
        skopeo(*copy, f"oci:{tmp_path / 'there'}:1")


@pytest.mark.parametrize("client", ["pip-20", "pip-23", "pip-26"])
@pytest.mark.parametrize("html_only", [True, False], ids=["html", "json"])
@pytest.mark.parametrize("elsewhere", [True, False], ids=["elsewhere", "here"])
def test_a_project_is_installed(
    home: Home, tmp_path: Path, client: str, html_only: bool, elsewhere: bool
) -> None:
    with FakeUpstream() as files, FakeIndex(html_only=html_only) as index:
        index.files = files if elsewhere else None
        index.publish(wheel("acme-app", requires=["acme-lib"]), wheel("acme-app", "2.0"))
        index.publish(sdist("acme-lib"), hashes=())
        index.yank(wheel("acme-app", "2.0"), "broken")
        flags = ("--no-cache-dir", "--index-url", index.simple, "--target", tmp_path / "there")
        home.program(client)("install", *flags, "Acme_App")
        assert {path.name for path in (tmp_path / "there").iterdir()} >= {"acme_app", "acme_lib"}
        assert (index.count("GET", "/files/*") == 0) is elsewhere
        index.lie(wheel("acme-app"), sha256="0" * 64)
        home.program(client).refused("install", *flags, "--upgrade", "acme-app")
