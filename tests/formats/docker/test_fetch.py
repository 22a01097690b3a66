"""What a proxy asks another registry for, and what it makes of the answer's bytes and headers."""

import io
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from artifactd.plugin import IMMUTABLE, Coordinates, Facts, Fetch, Index, Reference, UpstreamInvalid
from artifactd_docker import format
from artifactd_docker.manifests import describe
from artifactd_docker.settings import DockerSettings
from artifactd_docker.upstream import canonical, fetch, is_addressed, is_immutable
from tests.support.images import DOCKER_LIST, DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST, digest_of, image

SHA256, SHA512 = digest_of(b"x"), digest_of(b"x", "sha512")
HUB = DockerSettings(default_namespace="library")


class At:
    """Implements `Look` for an upstream that nobody asks."""

    def __init__(self, url: str = "https://upstream.example/") -> None:
        self.url = url

    def document(self, index: Index[Any], key: str) -> Any:
        raise AssertionError("an image's path says where it is")


def asked(path: str, url: str = "https://upstream.example/") -> Fetch:
    (found,) = fetch(path, DockerSettings(), At(url))
    return found


def test_a_tag_is_asked_for_with_every_type_of_manifest() -> None:  # docker R43, R182
    found = asked("team/app/tags/1.0")
    assert found.url == "https://upstream.example/v2/team/app/manifests/1.0"
    accepted = found.accept.split(", ")
    assert {OCI_INDEX, OCI_MANIFEST, DOCKER_LIST, DOCKER_MANIFEST, "*/*"} == set(accepted)
    assert found.whole
    assert not found.expected
    assert found.freshness.fresh_for == timedelta(minutes=10)
    assert found.freshness.stale_for == timedelta(days=7)


@pytest.mark.parametrize("digest", [SHA256, SHA512])
def test_what_is_asked_for_by_digest_is_verified_and_asked_for_once(digest: str) -> None:
    algorithm, _, encoded = digest.partition(":")
    manifest = asked(f"team/app/manifests/{digest}")  # docker R184, R185
    assert manifest.url == f"https://upstream.example/v2/team/app/manifests/{digest}"
    assert manifest.whole
    assert OCI_MANIFEST in manifest.accept
    blob = asked(f"team/app/blobs/{digest}")
    assert blob.url == f"https://upstream.example/v2/team/app/blobs/{digest}"
    assert blob.content_type == "application/octet-stream"
    assert not blob.whole  # docker R189: sent on while it comes
    for each in manifest, blob:
        assert each.expected == {algorithm: encoded}
        assert each.freshness == IMMUTABLE


def test_lists_are_asked_for_often() -> None:  # docker R191, R192
    tags = asked("team/app/tags/.list")
    assert tags.url == "https://upstream.example/v2/team/app/tags/list?n=1000"
    assert tags.freshness.fresh_for == timedelta(minutes=5)
    referrers = asked(f"team/app/referrers/{SHA256}")
    assert referrers.url == f"https://upstream.example/v2/team/app/referrers/{SHA256}"
    assert referrers.accept == OCI_INDEX
    assert referrers.freshness.fresh_for == timedelta(minutes=1)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://upstream.example:8443/", "https://upstream.example:8443/v2/app/manifests/1"),
        ("https://upstream.example/v2/", "https://upstream.example/v2/app/manifests/1"),
        ("https://upstream.example/api/team/", "https://upstream.example/api/team/v2/app/manifests/1"),
        ("https://upstream.example/v2/key/", "https://upstream.example/v2/key/app/manifests/1"),
        ("https://upstream.example/api/v2/a/b/", "https://upstream.example/api/v2/a/b/app/manifests/1"),
        ("https://v2.example/", "https://v2.example/v2/app/manifests/1"),
    ],
)
def test_a_registry_may_be_below_a_path_and_its_names_behind_a_key(url: str, expected: str) -> None:
    assert asked("app/tags/1", url).url == expected


@pytest.mark.parametrize(
    "path",
    [
        "",
        "app",
        "app/tags",
        "tags/1",
        "app/others/1",
        "app/tags/.other",
        "app/tags/-x",
        "App/tags/1",
        "app//tags/1",
        "../app/tags/1",
        "app/blobs/1",
        "app/blobs/sha256:0",
        f"app/blobs/{SHA256.upper()}",
        "app/manifests/md5:00",
        f"app/manifests/{SHA256}/",
        "app/referrers/1",
        f"{'a' * 256}/tags/1",
    ],
)
def test_nothing_is_asked_for_what_no_registry_has(path: str) -> None:
    assert not fetch(path, DockerSettings(), At())


@given(st.text(alphabet="ab1:/.-_?#%tagsblobs", max_size=30))
def test_whatever_is_asked_for_is_below_the_upstream(path: str) -> None:
    for found in fetch(path, DockerSettings(), At()):
        assert found.url.startswith("https://upstream.example/v2/")
        assert ".." not in found.url
        assert "#" not in found.url


def test_what_a_digest_names_never_changes_and_the_rest_may() -> None:
    for path in (f"app/blobs/{SHA256}", f"a/b/manifests/{SHA512}"):
        assert is_addressed(path)
        assert is_immutable(path, DockerSettings())
    for path in ("app/tags/1", "app/tags/.list", f"app/referrers/{SHA256}", "app/manifests/1", "app", ""):
        assert not is_addressed(path)
        assert not is_immutable(path, DockerSettings())


@pytest.mark.parametrize(
    ("asked_for", "meant"),
    [
        ("alpine", "library/alpine"),
        ("library/alpine", "library/alpine"),
        ("team/app", "team/app"),
        (f"alpine@{SHA256}", f"library/alpine@{SHA256}"),
        (f"team/app@{SHA256}", f"team/app@{SHA256}"),
        ("alpine/tags/3", "library/alpine/tags/3"),
        ("alpine/tags/.list", "library/alpine/tags/.list"),
        (f"alpine/blobs/{SHA256}", f"library/alpine/blobs/{SHA256}"),
        (f"alpine/manifests/{SHA512}", f"library/alpine/manifests/{SHA512}"),
        (f"alpine/referrers/{SHA256}", f"library/alpine/referrers/{SHA256}"),
        ("library/alpine/tags/3", "library/alpine/tags/3"),
        ("team/app/tags/3", "team/app/tags/3"),
    ],
)
def test_both_names_of_an_image_are_one(asked_for: str, meant: str) -> None:  # docker R12, proxy R142
    assert canonical(asked_for, HUB) == meant
    assert canonical(meant, HUB) == meant
    assert canonical(asked_for, DockerSettings()) == asked_for


@pytest.mark.parametrize("namespace", ["Library", "a/b", "-a", "a b", "a\n"])
def test_a_namespace_is_one_component_of_a_name(namespace: str) -> None:
    with pytest.raises(ValueError, match="default_namespace"):
        DockerSettings(default_namespace=namespace)


@pytest.mark.parametrize(
    ("stated", "held", "unchanged"),
    [
        (SHA256, SHA256, True),
        (digest_of(b"y"), SHA256, False),
        ("", SHA256, None),
        (SHA512, SHA256, None),
        (SHA256, None, None),
        (SHA256.removeprefix("sha256:"), SHA256, None),
    ],
)
def test_a_head_tells_whether_a_tag_has_moved(
    stated: str, held: str | None, unchanged: bool | None
) -> None:  # docker R182
    headers = {"docker-content-digest": stated} if stated else {}
    compare = asked("app/tags/1").unchanged
    assert compare is not None
    assert compare(Facts("", headers), {"digest": held} if held else {}) is unchanged


@pytest.mark.parametrize("content", [image().body, b"no manifest", b'{"schemaVersion": 1}'])
def test_a_tag_is_described_whatever_it_names(content: bytes) -> None:
    found = describe("team/app/tags/1.0", "application/vnd.example.odd", io.BytesIO(content))
    path = f"team/app/manifests/{digest_of(content)}"
    assert found.attributes == {"digest": digest_of(content)}
    assert found.label == "1.0"
    assert found.coordinates == Coordinates("", "team/app", "1.0")
    assert found.references == [Reference(path, required=True)]
    assert found.aliases == [path]


@pytest.mark.parametrize("content", [b"\n<html>", b"", b" \n"])
def test_a_page_for_people_is_no_manifest(content: bytes) -> None:
    with pytest.raises(UpstreamInvalid, match="something else than a manifest"):
        describe("team/app/tags/1.0", "text/html; charset=utf-8", io.BytesIO(content))


def test_lists_have_no_facts() -> None:
    for path in ("team/app/tags/.list", f"team/app/referrers/{SHA256}"):
        found = describe(path, "application/json", io.BytesIO(b"{}"))
        assert (found.label, found.coordinates, found.aliases) == ("", None, ())


def test_the_format_says_so() -> None:
    assert format.fetch is fetch
    assert format.canonical is canonical
    assert format.addressed is is_addressed
    assert format.immutable is is_immutable
