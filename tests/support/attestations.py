"""Attestations as build services make them (PEP 740, "Attestation objects"). Nobody signed them."""

import base64
import json
from typing import Any

from tests.support.distributions import Distribution

SCHEME = "https"


def attestation(distribution: Distribution, **changed: Any) -> dict[str, Any]:
    """An attestation of a file. `changed` are other fields of the statement."""
    statement = {
        "_type": f"{SCHEME}://in-toto.io/Statement/v1",
        "subject": [{"name": distribution.filename, "digest": {"sha256": distribution.sha256}}],
        "predicateType": f"{SCHEME}://slsa.dev/provenance/v1",
        "predicate": {"buildType": "tests"},
        **changed,
    }
    return {
        "version": 1,
        "verification_material": {
            "certificate": _encoded(b"a certificate"),
            "transparency_entries": [{"logIndex": "1"}],
        },
        "envelope": {
            "statement": _encoded(json.dumps(statement).encode()),
            "signature": _encoded(b"a signature"),
        },
    }


def _encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()
