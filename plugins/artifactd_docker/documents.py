"""Reading a manifest's JSON so that every other reader sees the same in it.

The stored bytes are never touched; this only refuses what two parsers could read in two ways (docker R64):
a key that occurs twice, or one that a case-insensitive parser would take for a known one.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from artifactd_docker.errors import ManifestInvalid

Document = Mapping[str, Any]

_KNOWN = (
    "schemaVersion",
    "mediaType",
    "artifactType",
    "config",
    "layers",
    "manifests",
    "blobs",
    "subject",
    "annotations",
    "digest",
    "size",
    "urls",
    "data",
    "platform",
)
_SPELLINGS = {name.lower(): name for name in _KNOWN}


def read(body: bytes) -> Document:
    """The JSON object in `body`. Raises ManifestInvalid, also for nesting deeper than the parser goes."""
    try:
        # First the strict parser: UTF-8, no lone surrogates, no NaN. It does not tell of doubled keys.
        msgspec.json.decode(body)
        document = json.loads(body.decode(), object_pairs_hook=_object)
    except (ValueError, RecursionError) as error:
        raise ManifestInvalid(f"the manifest cannot be read: {error}") from error
    if not isinstance(document, dict):
        raise ManifestInvalid("the manifest is not a JSON object")
    _check_spelling(document)
    return document


def descriptors(document: Document, key: str) -> list[Document]:
    """Those under `key`: a list, a single one, or none. Anything else there is no descriptor of ours."""
    value = document.get(key)
    found = value if isinstance(value, list) else [value]
    return [each for each in found if isinstance(each, dict)]


def _object(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("a key occurs twice in one object")
    return made


def _check_spelling(document: Document) -> None:
    every = [document]
    for key in ("config", "layers", "manifests", "blobs", "subject"):
        every += descriptors(document, key)
    for each in every:
        for key in each:
            known = _SPELLINGS.get(key.lower(), key)
            if known != key:
                raise ManifestInvalid(f"the key {key!r} could be taken for {known!r}")
