"""Attestations (PEP 740; "Index hosted attestations"): taken with a file, kept and served as they came.

What is checked is that each speaks of this very file. Whose it is, is for clients to verify: an index that
vouched for signatures would be one more party to trust.
"""

import binascii
from base64 import b64decode
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from artifactd_pypi.errors import UploadInvalid, quoted

PROVENANCE_TYPE: Final = "application/vnd.pypi.integrity.v1+json"

_STATEMENT: Final = "in-toto.io/Statement/v1"
_PUBLISHER: Final = {"kind": "upload", "claims": None}


def provenance_of(text: str, filename: str, sha256: str) -> bytes:
    """The provenance document of a file, from the form's field: an array of attestations, which stand in it
    letter for letter. Raises UploadInvalid."""
    if "\N{REPLACEMENT CHARACTER}" in text:
        raise UploadInvalid("the field 'attestations' is not UTF-8")
    try:
        attestations = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError) as error:
        raise UploadInvalid(f"the field 'attestations' is not JSON: {error}") from error
    if not isinstance(attestations, list) or not attestations:
        raise UploadInvalid("the field 'attestations' is not an array of attestations")
    kinds = [_check(attestation, filename, sha256) for attestation in attestations]
    if len(set(kinds)) != len(kinds):
        raise UploadInvalid("two attestations make the same kind of statement")
    publisher = msgspec.json.encode(_PUBLISHER)
    return b'{"version":1,"attestation_bundles":[{"publisher":%b,"attestations":%b}]}' % (
        publisher,
        text.encode(),
    )


def _check(attestation: Any, filename: str, sha256: str) -> str:
    """The kind of statement an attestation makes, if it makes one about this file."""
    if not isinstance(attestation, dict) or attestation.get("version") != 1:
        raise UploadInvalid("an attestation is not of version 1")
    envelope, material = attestation.get("envelope"), attestation.get("verification_material")
    if not isinstance(envelope, dict) or not isinstance(material, dict):
        raise UploadInvalid("an attestation lacks its envelope or its verification_material")
    if not isinstance(envelope.get("signature"), str) or not isinstance(material.get("certificate"), str):
        raise UploadInvalid("an attestation lacks its signature or its certificate")
    statement = _statement(envelope.get("statement"))
    if str(statement.get("_type")).partition("://")[2] != _STATEMENT:
        raise UploadInvalid("an attestation's statement is not an in-toto statement of version 1")
    kind = statement.get("predicateType")
    if not isinstance(kind, str):
        raise UploadInvalid("an attestation's statement has no predicateType")
    _check_subject(statement.get("subject"), filename, sha256)
    return kind


def _statement(encoded: Any) -> Mapping[str, Any]:
    try:
        statement = msgspec.json.decode(b64decode(encoded, validate=True))
    except (binascii.Error, TypeError, ValueError, msgspec.DecodeError, RecursionError) as error:
        raise UploadInvalid("an attestation's statement is not JSON in base64") from error
    if not isinstance(statement, dict):
        raise UploadInvalid("an attestation's statement is not an object")
    return statement


def _check_subject(subjects: Any, filename: str, sha256: str) -> None:
    subject = subjects[0] if isinstance(subjects, list) and len(subjects) == 1 else None
    if not isinstance(subject, dict) or not isinstance(subject.get("digest"), dict):
        raise UploadInvalid("an attestation's statement does not have one subject with a digest")
    if subject.get("name") != filename:
        raise UploadInvalid(
            f"an attestation is about {quoted(str(subject.get('name')))}, not about {filename!r}"
        )
    if subject["digest"].get("sha256") != sha256:
        raise UploadInvalid(f"an attestation is about other content than that of {filename!r}")
