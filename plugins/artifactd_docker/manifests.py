"""What a manifest says: its media type, what it needs, what it is about (OCI image-spec, manifest.md and
image-index.md).

Rule 1: media types that we know are checked; any other JSON is stored as it is, and whatever it seems to
refer to is kept (docker R62, R63).
Rule 2: nothing here does I/O, and nothing that a manifest says is fetched.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO, cast
from urllib.parse import urlsplit

import msgspec

from artifactd.plugin import (
    SUBJECT,
    Coordinates,
    Description,
    Digest,
    InvalidDigest,
    Reference,
    UpstreamInvalid,
    parse_digest,
)
from artifactd_docker import documents
from artifactd_docker.documents import Document
from artifactd_docker.errors import ManifestInvalid
from artifactd_docker.names import (
    MANIFESTS,
    TAG_LIST,
    TAGS,
    ImageName,
    Tag,
    blob_path,
    kind_of,
    last_of,
    manifest_path,
    owner,
    parse_tag,
)
from artifactd_docker.settings import SMALLEST_LIMIT

OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
_DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
_INDEXES = frozenset({OCI_INDEX, _DOCKER_LIST})
_IMAGES = frozenset({OCI_MANIFEST, _DOCKER_MANIFEST})
MANIFEST_TYPES = (OCI_INDEX, OCI_MANIFEST, _DOCKER_LIST, _DOCKER_MANIFEST)
"""The media types that are looked into."""

_SCHEMA_1 = frozenset(
    {
        "application/vnd.docker.distribution.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.v1+prettyjws",
    }
)
_MEDIA_TYPE = re.compile(r"[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}/[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}")

_BEGINNING = 256
"""Bytes in which a document shows what it is."""

CHILD = "child"
"""Kind of an index's references to its manifests."""


class Descriptor(msgspec.Struct, frozen=True):
    """OCI image-spec, descriptor.md. Fields that we do not read may hold anything."""

    digest: str
    size: int
    mediaType: str = ""
    urls: list[str] | None = None


class _Image(msgspec.Struct, frozen=True):
    config: Descriptor
    layers: list[Descriptor] | None = None
    subject: Descriptor | None = None
    artifactType: str | None = None
    annotations: dict[str, str] | None = None


class _Index(msgspec.Struct, frozen=True):
    manifests: list[Descriptor] | None = None
    subject: Descriptor | None = None
    artifactType: str | None = None
    annotations: dict[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Manifest:
    """A manifest that may be stored. `subject` is what it is about, `artifact_type` what a list of
    referrers calls it. The digests are of what it refers to: `needed` blobs and `optional` ones, `children`
    that are manifests, and `unknown` ones that may be either."""

    media_type: str
    artifact_type: str = ""
    annotations: Mapping[str, str] | None = None
    subject: Digest | None = None
    needed: Sequence[Digest] = ()
    optional: Sequence[Digest] = ()
    children: Sequence[Digest] = ()
    unknown: Sequence[Digest] = ()


def parse(body: bytes, content_type: str) -> Manifest:
    """The manifest in `body`, sent with the Content-Type `content_type` (empty: none). Raises
    ManifestInvalid."""
    document = documents.read(body)
    media_type = _media_type(document, content_type.partition(";")[0].strip())
    version = document.get("schemaVersion")
    if media_type in _SCHEMA_1 or version == 1:
        raise ManifestInvalid("image manifest version 2, schema 1 is not supported; use schema 2 or OCI")
    if media_type in _IMAGES | _INDEXES and (version != 2 or isinstance(version, bool)):
        raise ManifestInvalid(f"schemaVersion must be 2 in {media_type}")
    try:
        if media_type in _IMAGES:
            return _image(document, media_type)
        if media_type in _INDEXES:
            return _index(document, media_type)
    except (msgspec.ValidationError, InvalidDigest) as error:
        raise ManifestInvalid(f"this is no {media_type}: {error}") from error
    return _opaque(document, media_type)


def facts(manifest: Manifest, image: ImageName, *, strict: bool = False) -> Description:
    """What the catalog remembers of a manifest of `image`. `strict`: an index needs its manifests at
    once."""
    references = [Reference(blob_path(image, digest), required=True) for digest in manifest.needed]
    references += [
        Reference(blob_path(image, digest)) for digest in (*manifest.optional, *manifest.unknown)
    ]
    references += [
        Reference(manifest_path(image, digest), CHILD, required=strict) for digest in manifest.children
    ]
    references += [Reference(manifest_path(image, digest), CHILD) for digest in manifest.unknown]
    attributes: dict[str, Any] = {}
    if manifest.artifact_type:
        attributes["artifactType"] = manifest.artifact_type
    if manifest.subject is not None:
        references.append(Reference(manifest_path(image, manifest.subject), SUBJECT))
        attributes["subject"] = manifest.subject
        # Only a list of referrers shows them, and they may be megabytes.
        attributes["annotations"] = manifest.annotations
    return Description(attributes=attributes, references=references)


def describe(path: str, content_type: str, file: BinaryIO) -> Description:
    """Facts of the file at an asset path; only manifests have any, under their digest and under a tag.
    Raises ManifestInvalid, but not for a tag, which is one whatever it names; UpstreamInvalid for a tag
    that a login page came for, or nothing at all: no digest would tell."""
    image = owner(path)
    if image is None:
        return Description()
    if kind_of(path) == TAGS and last_of(path) != TAG_LIST:
        beginning = file.read(_BEGINNING).lstrip()
        if not beginning or beginning.startswith(b"<"):
            raise UpstreamInvalid("the upstream sent something else than a manifest")
        file.seek(0)
        digest = Digest(f"sha256:{hashlib.file_digest(cast(Any, file), 'sha256').hexdigest()}")
        return tag_facts(ImageName(image), parse_tag(last_of(path)), digest)
    if kind_of(path) != MANIFESTS:
        return Description()
    body = file.read(SMALLEST_LIMIT + 1)
    if len(body) > SMALLEST_LIMIT:
        raise ManifestInvalid(f"the manifest is larger than {SMALLEST_LIMIT} bytes")
    return facts(parse(body, content_type), ImageName(image))


def tag_facts(image: ImageName, tag: Tag, digest: Digest) -> Description:
    """What the catalog remembers of a tag that names the manifest `digest`."""
    path = manifest_path(image, digest)
    return Description(
        coordinates=Coordinates("", image, tag),
        label=tag,
        attributes={"digest": digest},
        references=[Reference(path, required=True)],
        aliases=[path],
    )


def _media_type(document: Document, declared: str) -> str:
    stated = document.get("mediaType")
    if stated is not None and not isinstance(stated, str):
        raise ManifestInvalid("mediaType is not a string")
    if declared and stated and declared != stated:
        raise ManifestInvalid(f"Content-Type says {declared!r}, and mediaType {stated!r}")
    media_type = declared or stated or _guessed(document)
    if not _MEDIA_TYPE.fullmatch(media_type) or not media_type.endswith(("json", "+prettyjws")):
        raise ManifestInvalid(f"{media_type!r} is not the media type of a manifest")
    return media_type


def _guessed(document: Document) -> str:
    if "manifests" in document:
        return OCI_INDEX
    if "config" in document and "layers" in document:
        return OCI_MANIFEST
    raise ManifestInvalid("neither Content-Type nor mediaType says what this is")


def _image(document: Document, media_type: str) -> Manifest:
    if "manifests" in document:
        raise ManifestInvalid(f"{media_type} lists no manifests")
    image = msgspec.convert(document, _Image)
    needed: list[Digest] = [parse_digest(image.config.digest)]
    optional: list[Digest] = []
    for layer in image.layers or ():
        (optional if _is_foreign(layer) else needed).append(parse_digest(layer.digest))
    return Manifest(
        media_type,
        image.artifactType or image.config.mediaType,
        image.annotations,
        _subject(image.subject),
        needed=needed,
        optional=optional,
    )


def _index(document: Document, media_type: str) -> Manifest:
    if "layers" in document or "config" in document:
        raise ManifestInvalid(f"{media_type} has no config and no layers")
    index = msgspec.convert(document, _Index)
    children: list[Digest] = []
    unknown: list[Digest] = []
    for child in index.manifests or ():
        # BuildKit lists the blobs of a cache here: what is no manifest for sure may be a blob.
        known = child.mediaType in _IMAGES | _INDEXES
        (children if known else unknown).append(parse_digest(child.digest))
    return Manifest(
        media_type,
        index.artifactType or "",
        index.annotations,
        _subject(index.subject),
        children=children,
        unknown=unknown,
    )


def _opaque(document: Document, media_type: str) -> Manifest:
    found = [
        digest
        for key in ("config", "layers", "manifests", "blobs")
        for descriptor in documents.descriptors(document, key)
        if (digest := _digest_in(descriptor)) is not None
    ]
    artifact_type, annotations = document.get("artifactType"), document.get("annotations")
    return Manifest(
        media_type,
        artifact_type if isinstance(artifact_type, str) else "",
        {key: value for key, value in annotations.items() if isinstance(value, str)}
        if isinstance(annotations, dict)
        else None,
        next(filter(None, map(_digest_in, documents.descriptors(document, "subject"))), None),
        unknown=found,
    )


def _subject(descriptor: Descriptor | None) -> Digest | None:
    return None if descriptor is None else parse_digest(descriptor.digest)


def _digest_in(descriptor: Document) -> Digest | None:
    try:
        return parse_digest(descriptor.get("digest", ""))
    except (InvalidDigest, TypeError):
        return None


def _is_foreign(layer: Descriptor) -> bool:
    """Whether a layer need not have been pushed. URLs alone do not waive that (docker R66, R67)."""
    foreign = "nondistributable" in layer.mediaType or ".foreign." in layer.mediaType
    for address in (layer.urls or ()) if foreign else ():
        parts = urlsplit(address)
        if parts.scheme not in ("http", "https") or not parts.netloc or "#" in address:
            raise ManifestInvalid(f"{address!r} is not an address that a layer may have")
    return foreign
