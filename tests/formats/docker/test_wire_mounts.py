"""Mounts, on the wire (docker G)."""

import pytest

from artifactd.auth.principal import Verb
from tests.support.images import Registry, digest_of
from tests.support.server import Answer

DATA = b"a layer worth mounting"
DIGEST = digest_of(DATA)


def mount(registry: Registry, digest: str, source: str) -> Answer:
    return registry.request("POST", f"blobs/uploads/?mount={digest}&from={source}")


def assert_mounted(registry: Registry, answer: Answer, digest: str, data: bytes) -> None:
    assert answer.status == 201  # docker R130, C10
    assert answer.header("location") == f"/v2/{registry.name}/blobs/{digest}"
    assert answer.header("docker-content-digest") == digest
    assert registry.request("GET", f"blobs/{digest}").body == data


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
def test_a_blob_of_another_image_is_mounted(registry: Registry, algorithm: str) -> None:
    source, app = registry.of("g/source"), registry.of(f"g/{algorithm}")
    digest = source.upload(DATA, algorithm)
    before = set(registry.server.stored())
    assert_mounted(app, mount(app, digest, source.name), digest, DATA)
    assert set(registry.server.stored()) == before, "no byte moves"


def test_a_blob_of_another_repository_is_mounted(registry: Registry) -> None:  # docker R132
    registry.of("g/source").upload(DATA)
    app = Registry(registry.server, registry.server.repository("docker"), "other")
    assert_mounted(app, mount(app, DIGEST, f"{registry.repository}/g/source"), DIGEST, DATA)


@pytest.mark.parametrize(
    ("digest", "source"),
    [
        (digest_of(b"nothing"), "{repository}/g/source"),
        (DIGEST, "{repository}/no/such/image"),
        (DIGEST, "no-such-repository/image"),
        (DIGEST, "image"),
        (DIGEST, "{repository}/UPPER"),
        (DIGEST, ""),
        ("sha256:0", "{repository}/g/source"),
        ("", "{repository}/g/source"),
    ],
)
def test_what_cannot_be_mounted_is_uploaded(registry: Registry, digest: str, source: str) -> None:
    registry.of("g/source").upload(DATA)  # docker R130, R131
    app = registry.of("g/fallback")
    answer = mount(app, digest, source.format(repository=registry.repository))
    assert (answer.status, answer.header("range")) == (202, "0-0")
    assert app.request("PUT", f"{answer.header('location')}?digest={DIGEST}", DATA).status == 201


def test_a_mount_tells_nothing_about_what_one_may_not_read(registry: Registry) -> None:  # docker R33, R133
    registry.of("g/secret").upload(b"a secret layer")
    writer = registry.server.user((registry.repository, "g/mine/**", [Verb.READ, Verb.WRITE]))
    app = registry.of("g/mine").by(writer)
    for data in (b"a secret layer", b"nothing of the kind"):
        answer = mount(app, digest_of(data), f"{registry.repository}/g/secret")
        assert answer.status == 202


def test_a_mount_without_a_source_is_an_upload(registry: Registry) -> None:  # docker R131
    registry.of("g/source").upload(DATA)
    answer = registry.of("g/anonymous").request("POST", f"blobs/uploads/?mount={DIGEST}")
    assert answer.status == 202
