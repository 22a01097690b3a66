"""Referrers, on the wire (docker I)."""

import json
from typing import Any

import pytest

from tests.support.images import OCI_INDEX, OCI_MANIFEST, Built, Registry, codes, digest_of, image, index

SBOM, SIGNATURE = "application/vnd.example.sbom", "application/vnd.example.signature"


def referrers(registry: Registry, digest: str, query: str = "") -> list[dict[str, Any]]:
    answer = registry.request("GET", f"referrers/{digest}{query}")
    assert answer.status == 200, answer
    assert answer.header("content-type") == OCI_INDEX  # docker R150: exactly
    document = answer.json()
    assert (document["schemaVersion"], document["mediaType"]) == (2, OCI_INDEX)
    found: list[dict[str, Any]] = document["manifests"]
    return found


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
def test_nothing_refers_to_what_never_was(registry: Registry, algorithm: str) -> None:  # docker R150
    assert referrers(registry.of("i/nothing"), digest_of(b"nothing", algorithm)) == []


def test_a_digest_that_is_none(registry: Registry) -> None:  # docker R150
    answer = registry.of("i/bad").request("GET", "referrers/sha256:0")
    assert (answer.status, codes(answer)) == (400, ["DIGEST_INVALID"])


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
def test_what_refers_to_a_manifest_is_described(
    registry: Registry, algorithm: str
) -> None:  # docker R4, R151
    app = registry.of(f"i/described-{algorithm}")
    subject = image("subject", algorithm=algorithm)
    annotations = {"org.example.key": "value"}
    about = [
        image("plain", subject=subject.descriptor, algorithm=algorithm),
        image(
            "sbom",
            subject=subject.descriptor,
            artifactType=SBOM,
            annotations=annotations,
            algorithm=algorithm,
        ),
        index(subject=subject.descriptor, artifactType=SIGNATURE),
        index(subject=subject.descriptor),
    ]
    for built in about:
        app.push(built)
    expected: list[dict[str, Any]] = [
        {**about[0].descriptor, "artifactType": "application/vnd.oci.image.config.v1+json"},
        {**about[1].descriptor, "artifactType": SBOM, "annotations": annotations},
        {**about[2].descriptor, "artifactType": SIGNATURE},
        about[3].descriptor,
    ]
    expected.sort(key=lambda each: str(each["digest"]))
    assert referrers(app, subject.digest) == expected
    app.push(subject, subject.digest)
    assert referrers(app, subject.digest) == expected


def test_referrers_are_filtered_by_type(registry: Registry) -> None:  # docker R152
    app, subject = registry.of("i/filtered"), image("filtered")
    for number in range(3):
        app.push(image(str(number), subject=subject.descriptor, artifactType=SBOM if number else SIGNATURE))
    answer = app.request("GET", f"referrers/{subject.digest}?artifactType={SBOM}")
    assert answer.header("oci-filters-applied") == "artifactType"
    assert [each["artifactType"] for each in answer.json()["manifests"]] == [SBOM, SBOM]
    assert not app.request("GET", f"referrers/{subject.digest}").header("oci-filters-applied")


def test_a_long_list_comes_in_pages_that_keep_the_filter(registry: Registry) -> None:  # docker R152
    app, subject = registry.of("i/paged"), image("paged")
    digests = [
        app.push(
            index(
                subject=subject.descriptor, artifactType=SBOM, annotations={"n": str(n), "x": "y" * 900_000}
            )
        )
        for n in range(5)
    ]
    found, path, pages = [], f"referrers/{subject.digest}?artifactType={SBOM.replace('/', '%2F')}", 0
    while path:
        answer = app.request("GET", path)
        assert len(answer.body) < 4_000_000
        assert answer.header("oci-filters-applied") == "artifactType"
        found += [each["digest"] for each in answer.json()["manifests"]]
        path = answer.header("link").partition(">")[0].removeprefix("<")
        pages += 1
    assert found == sorted(digests)
    assert pages > 1


def test_a_deleted_referrer_is_gone_at_once_and_a_deleted_subject_changes_nothing(
    registry: Registry,
) -> None:
    app, subject = registry.of("i/deleted"), image("deleted")  # docker R154
    app.push(subject, "1")
    first, second = (
        app.push(index(subject=subject.descriptor, artifactType=each)) for each in (SBOM, SIGNATURE)
    )
    assert {each["digest"] for each in referrers(app, subject.digest)} == {first, second}
    app.request("DELETE", f"manifests/{first}")
    assert [each["digest"] for each in referrers(app, subject.digest)] == [second]
    app.request("DELETE", f"manifests/{subject.digest}")
    assert [each["digest"] for each in referrers(app, subject.digest)] == [second]


def test_what_was_listed_under_a_tag_before_is_listed_still(registry: Registry) -> None:  # docker R153
    app, subject = registry.of("i/fallback"), image("fallback")
    known = image("known", subject=subject.descriptor, artifactType=SBOM)
    app.push(known)
    old = {"mediaType": OCI_MANIFEST, "digest": digest_of(b"old"), "size": 3, "artifactType": SIGNATURE}
    listed = index(old, {**known.descriptor, "artifactType": "application/vnd.example.stale"})
    app.push(listed, subject.digest.replace(":", "-"))
    found = referrers(app, subject.digest)
    assert {each["digest"]: each["artifactType"] for each in found} == {
        old["digest"]: SIGNATURE,
        known.digest: SBOM,
    }


def test_a_tag_that_only_looks_like_a_list_is_left_alone(registry: Registry) -> None:
    app, subject = registry.of("i/lookalike"), image("lookalike")
    app.push(image("an image"), subject.digest.replace(":", "-"))
    other = Built(json.dumps({"manifests": [{"digest": 1}]}).encode(), "application/vnd.example.v1+json")
    app.push(other, digest_of(b"other").replace(":", "-"))
    assert referrers(app, subject.digest) == referrers(app, digest_of(b"other")) == []


def test_other_images_and_algorithms_are_told_apart(registry: Registry) -> None:
    subject = image("apart")
    registry.of("i/apart").push(index(subject=subject.descriptor))
    assert referrers(registry.of("i/apart/sub"), subject.digest) == []
    assert referrers(registry.of("i/apart"), digest_of(subject.body, "sha512")) == []
