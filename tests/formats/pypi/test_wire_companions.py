"""What is kept beside a file: signatures and attestations (pypi R52, R72, R106, R110)."""

import base64
import json
from typing import Any

import pytest

from tests.formats.pypi.test_wire_pages import Anchors
from tests.support.attestations import attestation
from tests.support.distributions import Distribution, sdist, wheel
from tests.support.indexes import HTML, Index, refused
from tests.support.upload_forms import HEADERS, SIGNATURE, Part, encode


def attested(*attestations: object) -> dict[str, str]:
    """The field of an upload."""
    return {"attestations": json.dumps(list(attestations))}


@pytest.mark.parametrize("build", [wheel, sdist])
def test_a_signature_is_served_beside_its_file(index: Index, name: str, build: Any) -> None:
    # pypi R72, R110
    distribution: Distribution = build(name)
    index.publish(distribution, signature=SIGNATURE)
    answer = index.file(distribution, ".asc")
    assert (answer.status, answer.body) == (200, SIGNATURE)
    assert index.head(f"packages/{name}/{distribution.filename}.asc").status == 200
    assert index.files(name)[distribution.filename]["gpg-sig"] is True
    [anchor] = Anchors(index.page(name, HTML)).anchors
    assert anchor["data-gpg-sig"] == "true"


def test_a_file_without_a_signature_says_none(index: Index, name: str) -> None:
    index.publish(wheel(name))
    assert index.file(wheel(name), ".asc").status == 404
    [anchor] = Anchors(index.page(name, HTML)).anchors
    assert anchor.get("data-gpg-sig") in (None, "false")


def test_a_signature_may_come_first(index: Index, name: str) -> None:
    distribution = wheel(name)
    parts = [
        Part("gpg_signature", SIGNATURE, f"{distribution.filename}.asc"),
        Part(":action", b"file_upload"),
        Part("content", distribution.content, distribution.filename),
        Part("name", name.encode()),
        Part("version", b"1.0"),
        Part("filetype", b"bdist_wheel"),
    ]
    assert index.request("POST", "", encode(parts), headers=HEADERS).status == 200
    assert index.file(distribution, ".asc").body == SIGNATURE
    assert index.file(distribution).body == distribution.content


@pytest.mark.parametrize(
    "signature", [b"\x89\x01binary", b"<script>", SIGNATURE + b"\xff", SIGNATURE * 1000]
)
def test_what_is_no_signature_is_refused(index: Index, name: str, signature: bytes) -> None:
    with index.unchanged():  # twine and gpg write ASCII
        refused(index.upload(wheel(name), signature=signature), "gpg_signature")


def test_a_signature_goes_with_its_file(index: Index, name: str) -> None:
    index.publish(wheel(name), wheel(name, "2.0"), signature=SIGNATURE)
    index.delete(wheel(name))
    assert index.file(wheel(name), ".asc").status == 404
    assert index.file(wheel(name, "2.0"), ".asc").status == 200


def test_the_same_file_again_may_bring_a_signature_or_none(index: Index, name: str) -> None:
    index.publish(wheel(name), signature=SIGNATURE)
    assert index.upload(wheel(name)).status == 200
    assert index.file(wheel(name), ".asc").body == SIGNATURE


def test_a_signature_is_not_listed_as_a_file(index: Index, name: str) -> None:
    index.publish(wheel(name), signature=SIGNATURE)
    assert list(index.files(name)) == [wheel(name).filename]
    assert not [each for each in index.projects() if each.endswith("asc")]


def test_attestations_are_served_as_provenance(index: Index, name: str) -> None:
    # pypi R52, R106
    distribution = wheel(name)
    sent = attestation(distribution)
    index.publish(distribution, fields=attested(sent))
    url = index.files(name)[distribution.filename]["provenance"]
    assert url
    assert url.startswith(f"{index.server.url}{index.base}/"), "a full one"
    [anchor] = Anchors(index.page(name, HTML)).anchors
    assert anchor["data-provenance"] == url
    answer = index.get(url.removeprefix(index.server.url))
    assert answer.status == 200
    assert answer.header("content-type").partition(";")[0] in (
        "application/json",
        "application/vnd.pypi.integrity.v1+json",
    )
    document = answer.json()
    assert document["version"] == 1
    [bundle] = document["attestation_bundles"]
    assert bundle["attestations"] == [sent]
    assert isinstance(bundle["publisher"]["kind"], str)
    assert index.file(distribution, ".provenance").body == answer.body
    assert index.head(f"packages/{name}/{distribution.filename}.provenance").status == 200


def test_attestations_go_with_their_file(index: Index, name: str) -> None:
    index.publish(wheel(name), fields=attested(attestation(wheel(name))))
    index.delete(wheel(name))
    assert index.file(wheel(name), ".provenance").status == 404


def test_a_file_without_attestations_has_no_provenance(index: Index, name: str) -> None:
    index.publish(wheel(name))
    assert index.files(name)[wheel(name).filename].get("provenance") is None
    assert index.file(wheel(name), ".provenance").status == 404
    [anchor] = Anchors(index.page(name, HTML)).anchors
    assert "data-provenance" not in anchor


def test_several_attestations_are_all_kept(index: Index, name: str) -> None:
    distribution = sdist(name)
    sent = [attestation(distribution, predicateType=f"kind {number}") for number in range(2)]
    index.publish(distribution, fields=attested(*sent))
    [bundle] = index.file(distribution, ".provenance").json()["attestation_bundles"]
    assert bundle["attestations"] == sent


def test_no_attestations_are_no_fault(index: Index, name: str) -> None:
    index.publish(wheel(name), fields={"attestations": ""})
    assert index.files(name)[wheel(name).filename].get("provenance") is None
    with index.unchanged():
        refused(index.upload(wheel(name, "2.0"), {"attestations": "[]"}), "attestations")


OTHER = wheel("other")


def statement(**changed: Any) -> Any:
    return lambda distribution: attestation(distribution, **changed)


def field(name: str, value: object) -> Any:
    return lambda distribution: {**attestation(distribution), name: value}


def envelope(**changed: object) -> Any:
    def build(distribution: Distribution) -> dict[str, Any]:
        made = attestation(distribution)
        return {**made, "envelope": {**made["envelope"], **changed}}

    return build


SHA = {"sha256": "0" * 64}
WRONG = {
    "of another file": lambda _: attestation(OTHER),
    "of other bytes": lambda each: attestation(each, subject=[{"name": each.filename, "digest": SHA}]),
    "of another name": lambda each: attestation(
        each, subject=[{"name": OTHER.filename, "digest": {"sha256": each.sha256}}]
    ),
    "without a digest": lambda each: attestation(each, subject=[{"name": each.filename, "digest": {}}]),
    "without a subject": statement(subject=[]),
    "whose subject is no list": statement(subject={}),
    "of version 2": field("version", 2),
    "without a version": field("version", None),
    "with an envelope that is none": field("envelope", "x"),
    "with a statement that is no base64": envelope(statement="%%%"),
    "with a statement that is no JSON": envelope(statement=base64.b64encode(b"{").decode()),
    "with a statement that is a list": envelope(statement=base64.b64encode(b"[]").decode()),
    "with a statement of another type": statement(_type="x"),
    "that is a text": lambda _: "x",
    "that is nothing": lambda _: None,
    "that is empty": lambda _: {},
}


@pytest.mark.parametrize("build", WRONG.values(), ids=WRONG.keys())
def test_an_attestation_of_something_else_is_refused(index: Index, name: str, build: Any) -> None:
    # pypi R106
    distribution = wheel(name)
    with index.unchanged():
        refused(index.upload(distribution, attested(build(distribution))), "attestation")
        both = attested(attestation(distribution), build(distribution))
        refused(index.upload(distribution, both), "attestation")
    assert index.page(name).status == 404
