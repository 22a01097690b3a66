"""Manifests: GET, HEAD and PUT, on the wire (docker C, D)."""

import json
from collections.abc import Sequence

import pytest

from tests.support.images import (
    DOCKER_LIST,
    DOCKER_MANIFEST,
    OCI_INDEX,
    OCI_MANIFEST,
    Built,
    Registry,
    codes,
    digest_of,
    image,
    index,
)


@pytest.mark.parametrize(
    "built",
    [
        image("oci", layers=2),
        image("docker", media_type=DOCKER_MANIFEST),
        image("none", layers=0),
        image("custom", annotations={"a": "b"}, unheardOf={"x": [1, None]}),
        index(),
        index(media_type=DOCKER_LIST),
        Built(b'{"hello":\n "world" }\n', "application/vnd.example.thing.v1+json"),
    ],
    ids=lambda built: built.media_type,
)
def test_a_manifest_comes_back_as_it_went_in(registry: Registry, built: Built) -> None:
    app = registry.of("c/roundtrip")
    digest = app.push(built, "1.0")
    for reference in ("1.0", digest):
        got = app.request("GET", f"manifests/{reference}")
        assert (got.status, got.body) == (200, built.body)  # docker R40, R62
        head = app.request("HEAD", f"manifests/{reference}")
        assert (head.status, head.body) == (200, b"")
        for answer in (got, head):
            assert answer.header("content-type") == built.media_type
            assert answer.header("content-length") == str(len(built.body))
            assert answer.header("docker-content-digest") == digest
            assert answer.header("etag") == f'"{digest}"'
            assert not answer.header("content-encoding")
        immutable = "immutable" in got.header("cache-control")
        assert immutable == (reference == digest)  # docker R49


def test_what_a_put_answers(registry: Registry) -> None:  # docker R72
    app, built = registry.of("d/put"), image("put")
    for blob in built.blobs:
        app.upload(blob)
    answer = app.put(built, "1.0")
    assert answer.status == 201
    assert answer.header("docker-content-digest") == built.digest
    assert answer.header("location") == f"/v2/{app.name}/manifests/{built.digest}"
    assert answer.header("content-length") == "0"
    assert app.request("GET", answer.header("location")).body == built.body


@pytest.mark.parametrize(
    "accept",
    [
        [],
        ["*/*"],
        ["text/plain"],
        [DOCKER_MANIFEST],
        [DOCKER_LIST, DOCKER_MANIFEST, OCI_MANIFEST, "application/json", OCI_INDEX],
    ],
)
def test_what_is_stored_is_served_whatever_is_accepted(registry: Registry, accept: Sequence[str]) -> None:
    app, built = registry.of("c/accept"), index()  # docker R43, R44
    app.push(built, "1")
    headers = [*(("Accept", each) for each in accept), ("Accept-Encoding", "gzip")]  # docker R41
    answer = app.request("GET", "manifests/1", headers=headers)
    assert (answer.status, answer.body) == (200, built.body)
    assert answer.header("content-type") == OCI_INDEX


def test_a_client_that_has_it_is_told_so(registry: Registry) -> None:  # docker R46
    app = registry.of("c/conditional")
    digest = app.push(image("conditional"), "1")
    for value, status in ((f'"{digest}"', 304), (digest, 304), ('"sha256:0"', 200)):
        answer = app.request("GET", "manifests/1", headers={"If-None-Match": value})
        assert answer.status == status, value


@pytest.mark.parametrize("reference", ["nothing", digest_of(b"nothing"), digest_of(b"nothing", "sha512")])
def test_what_is_not_there_is_unknown(registry: Registry, reference: str) -> None:  # docker R47
    answer = registry.of("c/unknown").request("GET", f"manifests/{reference}")
    assert (answer.status, codes(answer)) == (404, ["MANIFEST_UNKNOWN"])
    head = registry.of("c/unknown").request("HEAD", f"manifests/{reference}")
    assert (head.status, head.body) == (404, b"")


def test_a_404_is_forgotten_when_the_manifest_comes(registry: Registry) -> None:
    app = registry.of("c/soon")
    assert app.request("GET", "manifests/1").status == 404
    assert app.request("GET", "manifests/1").status == 404
    app.push(image("soon"), "1")
    assert app.request("GET", "manifests/1").status == 200
    app.push(image("soon 2"), "1")
    assert app.request("GET", "manifests/1").body == image("soon 2").body


@pytest.mark.parametrize(
    ("method", "reference", "status", "code"),
    [
        ("PUT", "sha256:baddigeststring", 400, "DIGEST_INVALID"),
        ("GET", "sha256:baddigeststring", 400, "DIGEST_INVALID"),
        ("PUT", "blake3:" + "0" * 64, 400, "DIGEST_INVALID"),
        ("PUT", "-1", 400, "TAG_INVALID"),
        ("PUT", "a" * 129, 400, "TAG_INVALID"),
        ("PUT", digest_of(b"other"), 400, "DIGEST_INVALID"),
    ],
)
def test_references_that_cannot_be(
    registry: Registry, method: str, reference: str, status: int, code: str
) -> None:  # docker R5, R65
    body = image().body if method == "PUT" else b""
    answer = registry.of("d/references").request(
        method, f"manifests/{reference}", body, headers={"Content-Type": OCI_MANIFEST}
    )
    assert (answer.status, codes(answer)) == (status, [code])


def test_appended_white_space_is_another_digest(registry: Registry) -> None:  # docker R65
    built = image("space")
    answer = registry.of("d/space").request("PUT", f"manifests/{built.digest}", built.body + b"\n")
    assert codes(answer) == ["DIGEST_INVALID"]


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"", OCI_MANIFEST),
        (b"{", OCI_MANIFEST),
        (b"[" * 100_000, OCI_MANIFEST),
        (image().body, OCI_INDEX),
        (
            b'{"schemaVersion": 1, "fsLayers": []}',
            "application/vnd.docker.distribution.manifest.v1+prettyjws",
        ),
        (b'{"schemaVersion": 1}', "application/json"),
    ],
)
def test_what_is_no_manifest_is_refused_with_the_code_that_clients_know(
    registry: Registry, body: bytes, content_type: str
) -> None:  # docker R61, R63, R64
    app = registry.of("d/refused")
    answer = app.request("PUT", "manifests/1", body, headers={"Content-Type": content_type})
    assert (answer.status, codes(answer)) == (400, ["MANIFEST_INVALID"])
    assert app.request("GET", "manifests/1").status == 404


def large(size: int) -> bytes:
    body = json.dumps({"schemaVersion": 2, "manifests": [], "annotations": {"a": ""}}).encode()
    return body.replace(b'""', b'"' + b"x" * (size - len(body)) + b'"')


def test_four_mebibytes_are_a_manifest_and_more_are_too_many(registry: Registry) -> None:  # docker R60
    app = registry.of("d/large")
    body = large(4_194_304)
    assert len(body) == 4_194_304
    headers = {"Content-Type": OCI_INDEX}
    assert app.request("PUT", "manifests/1", body, headers=headers).status == 201
    assert app.request("GET", "manifests/1").body == body
    for over in (large(4_194_305), [large(4_194_305)]):
        answer = app.request("PUT", "manifests/2", over, headers=headers)
        assert (answer.status, codes(answer)) == (413, ["SIZE_INVALID"])
        app.server.disconnect()
    assert app.request("GET", "manifests/2").status == 404


def test_a_larger_limit_can_be_set(registry: Registry) -> None:
    server = registry.server
    app = Registry(server, server.repository("docker", manifest_limit=5 << 20), "app")
    body = large(5 << 20)
    assert app.request("PUT", "manifests/1", body, headers={"Content-Type": OCI_INDEX}).status == 201


def test_every_missing_blob_is_named(registry: Registry) -> None:  # docker R66
    app, built = registry.of("d/missing"), image("missing", layers=2)
    app.upload(built.blobs[1])
    answer = app.put(built, "1")
    assert (answer.status, codes(answer)) == (400, ["MANIFEST_BLOB_UNKNOWN"] * 2)
    missing = [error["detail"]["digest"] for error in answer.json()["errors"]]
    assert missing == [digest_of(built.blobs[0]), digest_of(built.blobs[2])]
    assert app.request("GET", "manifests/1").status == 404
    assert app.request("GET", f"manifests/{built.digest}").status == 404


def test_a_blob_of_another_image_does_not_count(registry: Registry) -> None:
    built = image("elsewhere")
    registry.of("d/one").push(built, "1")
    assert codes(registry.of("d/two").put(built, "1")) == ["MANIFEST_BLOB_UNKNOWN"] * 2


def test_foreign_layers_need_not_be_pushed(registry: Registry) -> None:  # docker R66
    foreign = {
        "mediaType": "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
        "digest": digest_of(b"far away"),
        "size": 8,
        "urls": ["https://layers.example/1"],
    }
    built = image("foreign", layers=0)
    body = json.dumps({**json.loads(built.body), "layers": [foreign]}).encode()
    registry.of("d/foreign").push(Built(body, OCI_MANIFEST, built.blobs), "1")


def test_an_index_may_come_before_its_children_unless_told_otherwise(registry: Registry) -> None:
    child = image("child")  # docker R68
    app = registry.of("d/sparse")
    app.push(index(child.descriptor), "1")
    assert app.request("GET", f"manifests/{child.digest}").status == 404
    server = registry.server
    strict = Registry(server, server.repository("docker", strict_indexes=True), "app")
    assert codes(strict.put(index(child.descriptor), "1")) == ["MANIFEST_BLOB_UNKNOWN"]
    strict.push(child)
    strict.push(index(child.descriptor), "1")


def test_the_subject_is_answered_for(registry: Registry) -> None:  # docker R69
    app = registry.of("d/subject")
    subject = image("the subject").descriptor
    for built in (image("about", subject=subject), index(subject=subject)):
        for blob in built.blobs:
            app.upload(blob)
        answer = app.put(built)
        assert (answer.status, answer.header("oci-subject")) == (201, subject["digest"])
    assert not app.put(index(), "1").header("oci-subject")


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
def test_a_push_by_digest_may_move_several_tags(
    registry: Registry, algorithm: str
) -> None:  # docker R4, R71
    app, built = registry.of(f"d/tags-{algorithm}"), image("tags", algorithm=algorithm)
    for blob in built.blobs:
        app.upload(blob, algorithm)
    tags = [f"t{number}" for number in range(12)]
    query = "&".join(f"tag={tag}" for tag in tags)
    answer = app.request(
        "PUT", f"manifests/{built.digest}?{query}", built.body, headers={"Content-Type": built.media_type}
    )
    assert answer.status == 201
    assert answer.header("oci-tag").split(", ") == tags
    assert answer.header("docker-content-digest") == built.digest
    assert sorted(app.tags()) == sorted(tags)
    for reference in ("t0", "t11", built.digest):
        got = app.request("GET", f"manifests/{reference}")
        assert (got.body, got.header("docker-content-digest")) == (built.body, built.digest)  # docker R42
        assert got.header("etag") == f'"{built.digest}"'


@pytest.mark.parametrize(
    ("reference", "tags", "status"),
    [("1", ["2"], 400), (index().digest, ["-"], 400), (index().digest, [str(n) for n in range(101)], 414)],
)
def test_tags_that_a_push_cannot_move(
    registry: Registry, reference: str, tags: Sequence[str], status: int
) -> None:  # docker R71
    app = registry.of("d/no-tags")
    query = "&".join(f"tag={tag}" for tag in tags)
    answer = app.request("PUT", f"manifests/{reference}?{query}", index().body)
    assert (answer.status, codes(answer)) == (status, ["TAG_INVALID"])


def test_a_write_policy_is_about_tags(registry: Registry) -> None:  # docker R73
    server = registry.server
    app = Registry(
        server, server.repository("docker", write_policy="allow_once", latest_movable=True), "app"
    )
    first, second = image("first"), image("second")
    app.push(first, "1", "1", "latest")
    app.push(second, second.digest, second.digest, "latest", "2")
    refused = app.put(second, "1")
    assert (refused.status, codes(refused)) == (403, ["DENIED"])
    assert "tag is immutable" in refused.json()["errors"][0]["message"]
    assert app.request("GET", "manifests/1").body == first.body
    assert app.request("GET", "manifests/latest").body == second.body


def test_a_repository_that_takes_no_writes_says_so_at_once(registry: Registry) -> None:  # docker R74
    server = registry.server
    app = Registry(server, server.repository("docker", write_policy="deny"), "app")
    for answer in (app.request("POST", "blobs/uploads/"), app.put(index(), "1")):
        assert (answer.status, codes(answer)) == (405, ["UNSUPPORTED"])


@pytest.mark.parametrize(
    ("name", "code"),
    [("Team/app", "NAME_INVALID"), ("a__b___c", "NAME_INVALID"), ("x" * 240, "NAME_INVALID")],
)
def test_names_that_no_image_has(registry: Registry, name: str, code: str) -> None:  # docker R1, R13
    app = registry.of(name)
    for answer in (app.put(index(), "1"), app.request("POST", "blobs/uploads/")):
        assert (answer.status, codes(answer)) == (400, [code])


@pytest.mark.parametrize(
    "name", ["a/manifests/b", "x/blobs/uploads", "tags/list", "a/tags", "a/referrers/b"]
)
def test_names_that_look_like_routes(registry: Registry, name: str) -> None:  # docker R6
    app = registry.of(name)
    built = image(name)
    digest = app.push(built, "1")
    assert app.tags() == ["1"]
    assert app.request("GET", "manifests/1").body == built.body
    assert app.request("GET", f"blobs/{digest_of(built.blobs[0])}").body == built.blobs[0]
    assert app.request("GET", f"referrers/{digest}").status == 200
    assert app.request("GET", app.begin()).status == 204
