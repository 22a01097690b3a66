"""Images of another registry, through a proxy, on the wire (docker L)."""

import pytest

from tests.support.fake_registry import FakeRegistry
from tests.support.images import DOCKER_LIST, OCI_MANIFEST, Built, Registry, codes, digest_of, image, index
from tests.support.proxies import proxy
from tests.support.server import RunningServer
from tests.support.upstream_faults import login_page, status


def pulled(registry: Registry, reference: str) -> bytes:
    answer = registry.request("GET", f"manifests/{reference}")
    assert answer.status == 200, answer
    return answer.body


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
def test_an_image_is_pulled_as_it_was_pushed_elsewhere(
    hub: Registry, upstream: FakeRegistry, algorithm: str
) -> None:
    built = image("pulled", layers=2, algorithm=algorithm)
    upstream.push("team/app", built, "1")
    answer = hub.request("GET", "manifests/1")  # docker R40
    assert (answer.status, answer.body) == (200, built.body)
    assert answer.header("content-type") == OCI_MANIFEST
    assert answer.header("docker-content-digest") == digest_of(built.body)
    assert pulled(hub, built.digest) == built.body
    for blob in built.blobs:
        got = hub.request("GET", f"blobs/{digest_of(blob, algorithm)}")
        assert (got.status, got.body) == (200, blob)
        assert got.header("docker-content-digest") == digest_of(blob, algorithm)
        assert got.header("content-type") == "application/octet-stream"


def test_what_is_named_by_digest_is_asked_for_once(hub: Registry, upstream: FakeRegistry) -> None:
    built = image("once")
    upstream.push("team/app", built, "1")
    for _ in range(3):
        assert pulled(hub, built.digest) == built.body
        for blob in built.blobs:
            assert hub.request("GET", f"blobs/{digest_of(blob)}").body == blob
    assert upstream.count() == 3
    upstream.stop()
    assert pulled(hub, built.digest) == built.body  # docker R184
    assert hub.request("HEAD", f"blobs/{digest_of(built.blobs[0])}").status == 200


def test_a_tag_brings_its_manifest_under_the_digest_too(hub: Registry, upstream: FakeRegistry) -> None:
    built = image("alias")
    upstream.push("team/app", built, "1")
    pulled(hub, "1")
    upstream.forget()
    assert pulled(hub, built.digest) == built.body
    assert hub.request("HEAD", f"manifests/{built.digest}").status == 200
    assert upstream.count() == 0


def test_both_names_of_an_image_have_one_copy(server: RunningServer, upstream: FakeRegistry) -> None:
    built = image("official")
    upstream.push("library/app", built, "1")
    settings = {"default_namespace": "library"}
    name = proxy(server, "docker", f"{upstream.url}/", settings=settings)
    short, long = (Registry(server, name, written) for written in ("app", "library/app"))
    for registry in (short, long):  # docker R12, proxy R142
        assert pulled(registry, "1") == built.body
        assert registry.request("GET", f"blobs/{digest_of(built.blobs[0])}").body == built.blobs[0]
        assert registry.tags() == ["1"]
    assert [asked.path for asked in upstream.asked()] == [
        "/v2/library/app/manifests/1",
        f"/v2/library/app/blobs/{digest_of(built.blobs[0])}",
        "/v2/library/app/tags/list",
    ]
    assert short.request("GET", "tags/list").json()["name"] == f"{name}/app"  # docker R9


def test_a_registry_s_names_may_begin_with_a_key(server: RunningServer, upstream: FakeRegistry) -> None:
    built = image("keyed")
    upstream.push("key/app", built, "1")
    keyed = Registry(server, proxy(server, "docker", f"{upstream.url}/v2/key/"), "app")
    assert pulled(keyed, "1") == built.body
    assert keyed.tags() == ["1"]


def test_an_index_is_kept_as_it_is_and_its_manifests_come_when_they_are_asked_for(
    hub: Registry, upstream: FakeRegistry
) -> None:
    children = [image("amd64"), image("arm64")]
    for child in children:
        upstream.push("team/app", child)
    whole = index(*(child.descriptor for child in children), media_type=DOCKER_LIST)
    upstream.push("team/app", whole, "1")
    assert pulled(hub, "1") == whole.body  # docker R186, R187
    upstream.forget()
    assert pulled(hub, children[1].digest) == children[1].body
    assert [asked.path for asked in upstream.asked()] == [f"/v2/team/app/manifests/{children[1].digest}"]


@pytest.mark.parametrize(
    ("body", "media_type"),
    [
        (b'{"schemaVersion": 1}', "application/vnd.docker.distribution.manifest.v1+prettyjws"),
        (b'{"schemaVersion": 2, "config": 1}', OCI_MANIFEST),
        (b"[1]", "application/vnd.example.odd"),
    ],
)
def test_a_manifest_that_we_would_not_take_is_passed_on(
    hub: Registry, upstream: FakeRegistry, body: bytes, media_type: str
) -> None:
    upstream.push("team/app", Built(body, media_type), "odd")
    for reference in ("odd", digest_of(body)):
        answer = hub.request("GET", f"manifests/{reference}")
        assert (answer.status, answer.body) == (200, body)
        assert answer.header("content-type") == media_type
        assert answer.header("docker-content-digest") == digest_of(body)


def test_a_head_of_a_blob_downloads_nothing(hub: Registry, upstream: FakeRegistry) -> None:
    built = image("looked at")
    upstream.push("team/app", built, "1")
    digest = digest_of(built.blobs[1])
    head = hub.request("HEAD", f"blobs/{digest}")  # docker R184
    assert (head.status, head.body) == (200, b"")
    assert head.header("content-length") == str(len(built.blobs[1]))
    assert head.header("docker-content-digest") == digest
    assert upstream.count("GET") == 0
    assert hub.request("HEAD", f"blobs/{digest_of(b'nothing')}").status == 404


def test_what_the_upstream_does_not_have_is_404(hub: Registry, upstream: FakeRegistry) -> None:
    upstream.push("team/app", image("there"), "1")
    missing = digest_of(b"missing")
    for path, code in [
        ("manifests/9", "MANIFEST_UNKNOWN"),
        (f"manifests/{missing}", "MANIFEST_UNKNOWN"),
        (f"blobs/{missing}", "BLOB_UNKNOWN"),
    ]:
        answer = hub.request("GET", path)
        assert (answer.status, codes(answer)) == (404, [code])
    answer = hub.of("team/other").request("GET", "tags/list")
    assert (answer.status, codes(answer)) == (404, ["NAME_UNKNOWN"])


# Revalidating


def test_a_tag_that_has_not_moved_costs_a_head(hub: Registry, upstream: FakeRegistry) -> None:
    built = image("still")
    upstream.push("team/app", built, "1")
    for _ in range(5):
        assert pulled(hub, "1") == built.body
    assert upstream.count("GET") == 1  # docker R182
    assert upstream.count("HEAD") == 4


def test_a_tag_that_has_moved_is_fetched(hub: Registry, upstream: FakeRegistry) -> None:
    before, after = image("before"), image("after")
    upstream.push("team/app", before, "1")
    assert pulled(hub, "1") == before.body
    upstream.push("team/app", after, "1")
    answer = hub.request("GET", "manifests/1")
    assert (answer.body, answer.header("docker-content-digest")) == (after.body, after.digest)
    assert pulled(hub, before.digest) == before.body
    assert upstream.count("GET") == 2


def test_a_registry_that_says_no_digest_is_asked_by_get(server: RunningServer) -> None:
    with FakeRegistry(says_digest=False) as upstream:
        app = Registry(server, proxy(server, "docker", f"{upstream.url}/", fresh_for=0), "app")
        before, after = image("before"), image("after")
        upstream.push("app", before, "1")
        assert pulled(app, "1") == pulled(app, "1") == before.body  # docker R182
        upstream.push("app", after, "1")
        assert pulled(app, "1") == after.body


@pytest.mark.parametrize("code", [401, 403, 429, 500, 503])
def test_a_tag_outlives_its_upstream_s_bad_days(hub: Registry, upstream: FakeRegistry, code: int) -> None:
    built = image("stale")
    upstream.push("team/app", built, "1")
    pulled(hub, "1")
    assert hub.tags() == ["1"]
    upstream.fault(status(code))
    answer = hub.request("GET", "manifests/1")  # docker R183
    assert (answer.status, answer.body) == (200, built.body)
    assert answer.header("warning").startswith("110")
    assert hub.tags() == ["1"]  # docker R191


@pytest.mark.parametrize(
    ("code", "answered", "said"),
    [
        (401, 502, "UNKNOWN"),
        (403, 502, "UNKNOWN"),
        (429, 429, "TOOMANYREQUESTS"),
        (503, 503, "UNAVAILABLE"),
    ],
)
def test_what_cannot_be_asked_for_is_no_404_and_asks_for_no_login_of_ours(
    hub: Registry, upstream: FakeRegistry, code: int, answered: int, said: str
) -> None:
    upstream.push("team/app", image("cold"), "1")
    upstream.fault(status(code, retry_after="7"))
    for path in (
        "manifests/1",
        "tags/list",
        f"blobs/{digest_of(b'cold')}",
        f"referrers/{digest_of(b'cold')}",
    ):
        answer = hub.request("GET", path)  # docker R183, R200
        assert (answer.status, codes(answer)) == (answered, [said]), path
        assert (answer.header("retry-after") != "") == (answered in (429, 503))
        assert not answer.header("www-authenticate")


def test_a_login_page_is_no_manifest(hub: Registry, upstream: FakeRegistry) -> None:
    built = image("behind a page")
    upstream.push("team/app", built, "1")
    with upstream.fault(login_page()):
        for path in ("manifests/1", f"manifests/{built.digest}", "tags/list"):
            assert hub.request("GET", path).status == 502, path
    assert pulled(hub, "1") == built.body
    with upstream.fault(login_page()):
        assert pulled(hub, "1") == built.body
