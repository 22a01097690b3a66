"""What is a manifest, and what it refers to."""

import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from artifactd.plugin import SUBJECT, Reference
from artifactd_docker.errors import ManifestInvalid
from artifactd_docker.manifests import CHILD, Manifest, describe, facts, parse
from artifactd_docker.names import image_name
from tests.support.images import (
    DOCKER_LIST,
    DOCKER_MANIFEST,
    OCI_INDEX,
    OCI_LAYER,
    OCI_MANIFEST,
    descriptor,
    digest_of,
    image,
    index,
)

APP = image_name("team/app")


def changed(**fields: Any) -> bytes:
    """An image manifest with other fields; None removes one."""
    document = {**json.loads(image().body), **fields}
    return json.dumps({key: value for key, value in document.items() if value is not None}).encode()


def layers_of(*layers: dict[str, Any]) -> bytes:
    return changed(layers=list(layers))


LAYER = descriptor(b"layer", OCI_LAYER)
FOREIGN = {**descriptor(b"foreign", "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip")}

REFUSED = {
    "nothing": b"",
    "no JSON": b"{",
    "trailing bytes": image().body + b"x",
    "no object": b"[]",
    "a number": b"1",
    "not UTF-8": b'{"a": "\xff"}',
    "a byte order mark": b"\xef\xbb\xbf" + image().body,
    "UTF-16": image().body.decode().encode("utf-16"),
    "a lone surrogate": changed(annotations={"a": "b"}).replace(b'"b"', b'"\\ud800"'),
    "NaN": changed(extra=1).replace(b'"extra": 1', b'"extra": NaN'),
    "a doubled key": b'{"schemaVersion": 2,' + image().body[1:],
    "a doubled key deep inside": changed(extra={"a": 1}).replace(b'{"a": 1}', b'{"a": 1, "a": 1}'),
    "a key in another case": changed(Layers=[]),
    "a key in another case in a descriptor": layers_of({**LAYER, "Digest": "sha256:" + "0" * 64}),
    "a depth bomb": b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "schemaVersion 1": changed(schemaVersion=1),
    "schemaVersion as text": changed(schemaVersion="2"),
    "no schemaVersion": changed(schemaVersion=None),
    "schemaVersion true": changed(schemaVersion=True),
    "mediaType of another kind": changed(mediaType=OCI_INDEX),
    "mediaType that is no text": changed(mediaType=1),
    "an image with manifests": changed(manifests=[]),
    "no config": changed(config=None),
    "a config that is no descriptor": changed(config="sha256:" + "0" * 64),
    "a layer without a digest": layers_of({"mediaType": OCI_LAYER, "size": 1}),
    "a layer with a malformed digest": layers_of({**LAYER, "digest": "sha256:0"}),
    "a layer with an unknown algorithm": layers_of({**LAYER, "digest": "blake3:" + "0" * 64}),
    "a layer whose size is text": layers_of({**LAYER, "size": "1"}),
    "layers that are no list": changed(layers={}),
    "annotations that are no texts": changed(annotations={"a": 1}),
    "a subject that is no descriptor": changed(subject={"digest": "x"}),
    "a foreign layer at a file": layers_of({**FOREIGN, "urls": ["file:///etc/passwd"]}),
    "a foreign layer at a fragment": layers_of({**FOREIGN, "urls": ["https://a.example/l#x"]}),
}


@pytest.mark.parametrize("body", REFUSED.values(), ids=REFUSED.keys())
def test_what_is_no_manifest_is_refused(body: bytes) -> None:  # docker R61, R63, R64
    with pytest.raises(ManifestInvalid):
        parse(body, OCI_MANIFEST)


@pytest.mark.parametrize(
    "content_type",
    [
        "application/vnd.docker.distribution.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.v1+prettyjws",
        "text/plain",
        "application/octet-stream",
        "json",
        "application/json\u00e9+json",
    ],
)
def test_media_types_that_are_no_manifest_s_are_refused(content_type: str) -> None:  # docker R63
    with pytest.raises(ManifestInvalid):
        parse(changed(mediaType=None), content_type)


@pytest.mark.parametrize(
    ("body", "content_type", "found"),
    [
        (image().body, OCI_MANIFEST, OCI_MANIFEST),
        (image().body, f"{OCI_MANIFEST}; charset=utf-8", OCI_MANIFEST),
        (image().body, "", OCI_MANIFEST),
        (changed(mediaType=None), "", OCI_MANIFEST),
        (changed(mediaType=None), DOCKER_MANIFEST, DOCKER_MANIFEST),
        (index().body, "", OCI_INDEX),
        (b'{"schemaVersion": 2, "manifests": []}', "", OCI_INDEX),
        (index(media_type=DOCKER_LIST).body, DOCKER_LIST, DOCKER_LIST),
        (
            b'{"any": "thing"}',
            "application/vnd.example.thing.v1+json",
            "application/vnd.example.thing.v1+json",
        ),
    ],
)
def test_the_media_type_is_what_header_and_body_agree_on(
    body: bytes, content_type: str, found: str
) -> None:
    assert parse(body, content_type).media_type == found  # docker R61


def test_unknown_fields_media_types_and_nulls_are_no_matter() -> None:  # docker R62
    body = changed(
        extra={"deep": [1, {"Config": 2}]},
        layers=[{**LAYER, "mediaType": "application/x-unheard-of", "data": "aGk=", "more": 1}],
        annotations={"Config": "x", "config": "y"},
        subject=None,
    )
    config = json.loads(body)["config"]["digest"]
    assert list(parse(body, OCI_MANIFEST).needed) == [config, LAYER["digest"]]


def test_layers_may_be_null_or_absent() -> None:
    config = json.loads(image().body)["config"]["digest"]
    for body in (image().body.replace(b'"layers": [', b'"x": ['), changed(layers=None)):
        assert list(parse(body, OCI_MANIFEST).needed) == [config]
    null = json.dumps({**json.loads(image().body), "layers": None}).encode()
    assert list(parse(null, OCI_MANIFEST).needed) == [config]


def test_foreign_layers_need_not_be_there_and_urls_alone_change_nothing() -> None:  # docker R66, R67
    layers = [
        FOREIGN,
        {**FOREIGN, **descriptor(b"b", OCI_LAYER.replace("layer", "layer.nondistributable"))},
        {**LAYER, "urls": ["https://a.example/layer"]},
    ]
    manifest = parse(layers_of(*layers), OCI_MANIFEST)
    assert list(manifest.optional) == [digest_of(b"foreign"), digest_of(b"b")]
    assert LAYER["digest"] in manifest.needed


def test_an_image_needs_its_blobs() -> None:
    built = image(layers=2)
    references = facts(parse(built.body, ""), APP).references
    assert references == [
        Reference(f"team/app/blobs/{digest_of(blob)}", "needs", required=True) for blob in built.blobs
    ]


@pytest.mark.parametrize("strict", [False, True])
def test_an_index_refers_to_its_children_and_demands_them_when_strict(strict: bool) -> None:  # docker R68
    child = image()
    references = facts(parse(index(child.descriptor).body, ""), APP, strict=strict).references
    assert references == [Reference(f"team/app/manifests/{child.digest}", CHILD, required=strict)]


def test_what_an_index_lists_may_be_a_blob() -> None:
    cached = descriptor(b"layer", "application/vnd.docker.image.rootfs.diff.tar.gzip")  # BuildKit's cache
    references = facts(parse(index(cached).body, ""), APP, strict=True).references
    assert set(references) == {
        Reference(f"team/app/blobs/{cached['digest']}"),
        Reference(f"team/app/manifests/{cached['digest']}", CHILD),
    }


def test_what_an_unknown_manifest_seems_to_refer_to_is_kept() -> None:
    body = json.dumps({"blobs": [LAYER, {"digest": "?"}, 1], "config": "x", "subject": LAYER}).encode()
    description = facts(parse(body, "application/vnd.oci.artifact.manifest.v1+json"), APP)
    assert set(description.references) == {
        Reference(f"team/app/blobs/{LAYER['digest']}"),
        Reference(f"team/app/manifests/{LAYER['digest']}", CHILD),
        Reference(f"team/app/manifests/{LAYER['digest']}", SUBJECT),
    }


@pytest.mark.parametrize(
    ("built", "artifact_type"),
    [
        (image(artifactType="application/vnd.example.sbom"), "application/vnd.example.sbom"),
        (image(artifactType=""), "application/vnd.oci.image.config.v1+json"),
        (image(), "application/vnd.oci.image.config.v1+json"),
        (index(artifactType="application/vnd.example.list"), "application/vnd.example.list"),
        (index(), ""),
    ],
)
def test_the_artifact_type_is_the_config_s_where_an_image_has_none(built: Any, artifact_type: str) -> None:
    assert parse(built.body, "").artifact_type == artifact_type  # docker R151


def test_only_what_is_about_something_keeps_its_annotations_in_the_catalog() -> None:
    annotations = {"org.example.a": "b"}
    about = facts(parse(image(subject=LAYER, annotations=annotations).body, ""), APP)
    assert about.attributes["annotations"] == annotations
    assert about.attributes["subject"] == LAYER["digest"]
    assert Reference(f"team/app/manifests/{LAYER['digest']}", SUBJECT) in about.references
    assert "annotations" not in facts(parse(image(annotations=annotations).body, ""), APP).attributes


def test_a_file_is_described_as_a_push_is() -> None:
    built = image()
    found = describe(f"team/app/manifests/{built.digest}", built.media_type, io.BytesIO(built.body))
    assert found == facts(parse(built.body, built.media_type), APP)
    assert not describe(f"team/app/blobs/{built.digest}", "", io.BytesIO(b"x")).references


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=4),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    ["schemaVersion", "config", "layers", "manifests", "digest", "size", "subject", "urls"]
                ),
                inner,
                max_size=5,
            )
        ),
        max_leaves=12,
    ),
    st.sampled_from([OCI_MANIFEST, OCI_INDEX, "application/vnd.example.v1+json"]),
)
def test_any_json_is_a_manifest_or_refused(document: Any, content_type: str) -> None:
    try:
        assert isinstance(parse(json.dumps(document).encode(), content_type), Manifest)
    except ManifestInvalid as error:
        assert str(error)
