"""skopeo, which asks `/v2/` once for the way to log in and sends each blob with one PATCH."""

import hashlib
import json
import time
from pathlib import Path

import pytest

from artifactd.auth.principal import Verb
from tests.support.images import DOCKER_LIST, DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST, digest_of
from tests.support.layouts import platforms, pullable, read_layout, write_layout
from tests.support.programs import Program
from tests.support.serving import ADMIN, Running, eventually, listens
from tests.support.wire import Wire

CREDENTIALS = f"{ADMIN.name}:{ADMIN.password}"
SOURCE = ("--src-tls-verify=false", "--src-creds", CREDENTIALS)
TARGET = ("--dest-tls-verify=false", "--dest-creds", CREDENTIALS)
LOGIN = ("--tls-verify=false", "--creds", CREDENTIALS)


@pytest.fixture
def layout(tmp_path: Path, image_name: str) -> str:
    """A layout with the image of this test under the tag `1`."""
    return f"oci:{write_layout(tmp_path / 'layout', **{'1': pullable(image_name)})}:1"


def raw_digest(text: str) -> str:
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def test_an_image_comes_back_as_it_went(
    skopeo: Program, image_name: str, layout: str, tmp_path: Path
) -> None:
    skopeo("copy", *TARGET, layout, f"docker://{image_name}:1")
    skopeo("copy", *SOURCE, f"docker://{image_name}:1", f"oci:{tmp_path / 'back'}:1")
    assert read_layout(tmp_path / "back") == pullable(image_name).digest


def test_a_tiny_image_is_pushed_in_well_under_a_second(
    skopeo: Program, image_name: str, layout: str
) -> None:
    took = []
    for _ in range(3):
        begin = time.monotonic()
        skopeo("copy", *TARGET, layout, f"docker://{image_name}:1")
        took.append(time.monotonic() - begin)
    assert min(took) < 1


def test_without_credentials_nothing_can_be_read_or_written(
    skopeo: Program, image_name: str, layout: str
) -> None:
    skopeo("copy", *TARGET, layout, f"docker://{image_name}:1")
    assert "unauthorized" in skopeo.refused("inspect", "--tls-verify=false", f"docker://{image_name}:1")
    assert "unauthorized" in skopeo.refused(
        "copy", "--dest-tls-verify=false", layout, f"docker://{image_name}:2"
    )


@pytest.mark.parametrize("name", ["team/manifests/blobs", "x/blobs/uploads", "tags/list", "a__b/c---d.e_f"])
def test_words_of_the_protocol_are_names_too(
    skopeo: Program, registry: Running, layout: str, name: str
) -> None:
    # docker R1, R6
    image = f"docker://{registry.host}/docker/{name}:1"
    skopeo("copy", *TARGET, layout, image)
    assert json.loads(skopeo("inspect", *LOGIN, image))["Name"] == f"{registry.host}/docker/{name}"


def test_public_and_private_repositories_share_a_host(
    skopeo: Program, registry: Running, layout: str
) -> None:
    # docker R21: only a challenge at /v2/ makes this client send credentials at all.
    public, private = registry.repository("public"), registry.repository("private")
    registry.allow("anonymous", "public", Verb.READ)
    for repository in (public, private):
        skopeo("copy", *TARGET, layout, f"docker://{registry.host}/{repository}/app:1")
    skopeo("inspect", "--tls-verify=false", f"docker://{registry.host}/public/app:1")
    skopeo.refused("inspect", "--tls-verify=false", f"docker://{registry.host}/private/app:1")
    skopeo("inspect", *LOGIN, f"docker://{registry.host}/private/app:1")


def test_a_path_rule_lets_a_user_push_where_it_may_and_nowhere_else(
    skopeo: Program, registry: Running, layout: str
) -> None:
    registry.allow("pushers", "docker", Verb.READ, Verb.WRITE, path="pushed/**")
    login = registry.user("pusher", "a pusher's password", "pushers")
    flags = ("--dest-tls-verify=false", "--dest-creds", f"{login.name}:{login.password}")
    skopeo("copy", *flags, layout, f"docker://{registry.host}/docker/pushed/app:1")
    said = skopeo.refused("copy", *flags, layout, f"docker://{registry.host}/docker/elsewhere/app:1")
    assert "denied" in said or "unauthorized" in said


def test_one_or_two_tokens_do_for_a_push(
    skopeo: Program, registry: Running, image_name: str, tmp_path: Path
) -> None:
    # docker R27: a time of issue that is off makes this client ask for one per request.
    layout = write_layout(tmp_path / "five", **{"1": pullable(image_name, layers=5)})
    said = skopeo.attempt("--debug", "copy", *TARGET, f"oci:{layout}:1", f"docker://{image_name}:1")
    assert said.code == 0, said.text
    assert 1 <= said.text.count("/auth/token") <= 2


@pytest.mark.parametrize("format", ["oci", "v2s2"])
def test_an_index_keeps_every_platform(
    skopeo: Program, image_name: str, tmp_path: Path, format: str
) -> None:
    # docker R43: skopeo names the types it accepts in a header line each, lists last.
    whole = write_layout(tmp_path / "whole", **{"1": platforms("amd64", "arm64", content=image_name)})
    skopeo("copy", "--all", "--format", format, *TARGET, f"oci:{whole}:1", f"docker://{image_name}:1")
    listing = json.loads(skopeo("inspect", "--raw", *LOGIN, f"docker://{image_name}:1"))
    assert listing["mediaType"] == (OCI_INDEX if format == "oci" else DOCKER_LIST)
    for architecture in ("amd64", "arm64"):
        chosen = ("--override-arch", architecture, "inspect", *LOGIN, f"docker://{image_name}:1")
        assert json.loads(skopeo(*chosen))["Architecture"] == architecture


def test_an_index_may_be_pushed_without_its_images(
    skopeo: Program, image_name: str, tmp_path: Path
) -> None:
    # docker R68
    whole = platforms("amd64", "arm64", content=image_name)
    layout = write_layout(tmp_path / "whole", **{"1": whole})
    skopeo("copy", "--multi-arch=index-only", *TARGET, f"oci:{layout}:1", f"docker://{image_name}:1")
    assert raw_digest(skopeo("inspect", "--raw", *LOGIN, f"docker://{image_name}:1")) == whole.digest
    child = json.loads(whole.body)["manifests"][0]["digest"]
    skopeo.refused("inspect", "--raw", *LOGIN, f"docker://{image_name}@{child}")


@pytest.mark.parametrize(
    ("format", "media_type"), [("oci", OCI_MANIFEST), ("v2s2", DOCKER_MANIFEST)], ids=["oci", "v2s2"]
)
def test_both_manifest_formats_are_kept_as_they_are(
    skopeo: Program, image_name: str, layout: str, format: str, media_type: str
) -> None:
    skopeo("copy", "--format", format, *TARGET, layout, f"docker://{image_name}:1")
    raw = skopeo("inspect", "--raw", *LOGIN, f"docker://{image_name}:1")
    assert json.loads(raw)["mediaType"] == media_type
    assert json.loads(skopeo("inspect", *LOGIN, f"docker://{image_name}:1"))["Digest"] == raw_digest(raw)


def test_the_oldest_manifest_format_is_refused_so_that_clients_try_another(
    skopeo: Program, image_name: str, layout: str
) -> None:
    # docker R63
    said = skopeo.refused("copy", "--format", "v2s1", *TARGET, layout, f"docker://{image_name}:1")
    assert "manifest invalid" in said
    skopeo("copy", *TARGET, layout, f"docker://{image_name}:1")


def test_zstd_layers_come_back(skopeo: Program, image_name: str, layout: str, tmp_path: Path) -> None:
    squeezed = f"oci:{tmp_path / 'zstd'}:1"
    skopeo("copy", "--dest-compress", "--dest-compress-format", "zstd", layout, squeezed)
    skopeo("copy", *TARGET, squeezed, f"docker://{image_name}:1")
    skopeo("copy", *SOURCE, f"docker://{image_name}:1", f"oci:{tmp_path / 'back'}:1")
    digest = read_layout(tmp_path / "back")
    assert digest == read_layout(tmp_path / "zstd")
    manifest = (tmp_path / "back/blobs/sha256" / digest.removeprefix("sha256:")).read_text()
    assert manifest.count("tar+zstd") == 2


def test_manifests_without_a_media_type_of_their_own_are_kept(
    skopeo: Program, image_name: str, tmp_path: Path
) -> None:
    image = pullable(image_name)
    document = json.loads(image.body)
    del document["mediaType"]
    body = json.dumps(document).encode()
    bare = type(image)(body, image.media_type, image.blobs)
    layout = write_layout(tmp_path / "bare", **{"1": bare})
    skopeo("copy", *TARGET, f"oci:{layout}:1", f"docker://{image_name}:1")
    skopeo("copy", *SOURCE, f"docker://{image_name}:1", f"oci:{tmp_path / 'back'}:1")
    assert read_layout(tmp_path / "back") == digest_of(body)


def test_every_tag_is_listed_however_many_there_are(
    skopeo: Program, registry: Running, image_name: str
) -> None:
    # docker R141, R143
    image = image_name.removeprefix(f"{registry.host}/")
    tags = ["A", "a", "B", "_x", "1.10", "1.9", "v1-rc", *(f"t{number}" for number in range(2500))]
    with Wire(registry) as wire:
        wire.push_tags(image, tags, pullable(image_name))
        first = wire.request("GET", f"/v2/{image}/tags/list?n=2")
        assert first.json()["tags"] == ["1.10", "1.9"]
        assert first.header("link").startswith(f"</v2/{image}/tags/list?n=2&last=1.9>")
    listed = json.loads(skopeo("list-tags", *LOGIN, f"docker://{image_name}"))["Tags"]
    assert sorted(listed) == sorted(tags)


def test_a_deleted_image_is_gone_at_once_with_its_tags(
    skopeo: Program, image_name: str, layout: str
) -> None:
    # docker R160: skopeo deletes by digest.
    for tag in ("1", "2"):
        skopeo("copy", *TARGET, layout, f"docker://{image_name}:{tag}")
    skopeo("delete", *LOGIN, f"docker://{image_name}:1")
    for tag in ("1", "2"):
        assert "manifest unknown" in skopeo.refused("inspect", *LOGIN, f"docker://{image_name}:{tag}")
    assert json.loads(skopeo("list-tags", *LOGIN, f"docker://{image_name}"))["Tags"] == []
    skopeo("copy", *TARGET, layout, f"docker://{image_name}:1")
    skopeo("inspect", *LOGIN, f"docker://{image_name}:1")


def test_a_repository_answers_at_a_port_and_a_host_name_of_its_own(
    skopeo: Program, registry: Running, layout: str, unused_port: int
) -> None:
    # docker R8: there, names are the image's own.
    registry.repository("connected", ports=[unused_port], hosts=["localhost"])
    own = f"127.0.0.1:{unused_port}"

    eventually(lambda: listens(unused_port), 5)
    skopeo("copy", *TARGET, layout, f"docker://{own}/team/app:1")
    by_port = json.loads(skopeo("inspect", *LOGIN, f"docker://{own}/team/app:1"))
    by_host = json.loads(skopeo("inspect", *LOGIN, f"docker://localhost:{registry.port}/team/app:1"))
    by_path = json.loads(skopeo("inspect", *LOGIN, f"docker://{registry.host}/connected/team/app:1"))
    assert by_port["Digest"] == by_host["Digest"] == by_path["Digest"]
    # Another image of the same repository gets its layers by mounting, names being those of the port.
    skopeo("copy", *SOURCE, *TARGET, f"docker://{own}/team/app:1", f"docker://{own}/other:1")
    registry.repository("connected")
