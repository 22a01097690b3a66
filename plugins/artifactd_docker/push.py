"""PUT of a manifest: its bytes under its digest and its tags, in one edit or not at all."""

from dataclasses import dataclass

from artifactd.plugin import (
    Digest,
    DigestMismatch,
    Exchange,
    InMemory,
    Rendered,
    Verb,
    algorithm_of,
    hex_of,
    of_bytes,
)
from artifactd_docker import manifests
from artifactd_docker.errors import NameInvalid, TagInvalid, TooManyTags
from artifactd_docker.location import image_of, url
from artifactd_docker.manifests import Manifest
from artifactd_docker.names import (
    LONGEST_NAME,
    ImageName,
    Tag,
    is_digest,
    manifest_path,
    parse_reference,
    parse_tag,
    tag_path,
)

MOST_TAGS = 64
"""Tags that one push may move. Each is a header line of the answer, and some clients read a hundred."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where a manifest is to go. `digest` is None for a push by tag alone."""

    image: ImageName
    digest: Digest | None
    tags: tuple[Tag, ...]


def receive_manifest(exchange: Exchange) -> InMemory:
    """Refuse before the body is read: a name, digest or tag that is none, a missing right."""
    goal = target(exchange)
    if goal.digest is not None:
        exchange.repository.permit(Verb.WRITE, manifest_path(goal.image, goal.digest))
    for tag in goal.tags:
        exchange.repository.permit(Verb.WRITE, tag_path(goal.image, tag))
    return InMemory(exchange.repository.settings.manifest_limit)


def put_manifest(exchange: Exchange) -> Rendered:
    """Store a manifest, and move tags to it."""
    body = exchange.body
    assert isinstance(body, bytes)
    goal = target(exchange)
    digest = _digest(body, goal.digest)
    manifest = manifests.parse(body, exchange.arrival.headers.get("content-type", ""))
    _store(exchange, body, manifest, goal, digest)
    headers = [("Location", url(exchange, "manifests", digest)), ("Docker-Content-Digest", digest)]
    if manifest.subject is not None:
        # Clients that miss this header maintain a tag of referrers themselves (docker R69).
        headers.append(("OCI-Subject", manifest.subject))
    if goal.digest is not None:
        headers += [("OCI-Tag", tag) for tag in goal.tags]
    return Rendered(201, headers)


def target(exchange: Exchange) -> Target:
    """What the URL of a push says. Raises NameInvalid, TagInvalid, InvalidDigest, TooManyTags."""
    image, reference = new_image_of(exchange), exchange.params["reference"]
    tags = exchange.arrival.query.getlist("tag")
    if len(tags) > MOST_TAGS:
        raise TooManyTags(f"a push moves up to {MOST_TAGS} tags, not {len(tags)}")
    if is_digest(reference):
        return Target(image, Digest(parse_reference(reference)), tuple(map(parse_tag, dict.fromkeys(tags))))
    if tags:
        raise TagInvalid("?tag= goes with a push by digest; this one names a tag already")
    return Target(image, None, (parse_tag(reference),))


def new_image_of(exchange: Exchange) -> ImageName:
    """The image of a push. Raises NameInvalid, also for what clients could not pull (docker R13)."""
    image = image_of(exchange)
    full = f"{exchange.arrival.host}/{exchange.located.prefix}{image}"
    if len(full) > LONGEST_NAME:
        raise NameInvalid(f"{full!r} is longer than the {LONGEST_NAME} characters that clients take")
    return image


def _digest(body: bytes, stated: Digest | None) -> Digest:
    """The digest a manifest is stored under. Raises DigestMismatch when it is not the stated one."""
    if stated is None:
        return of_bytes(body)
    actual = of_bytes(body, algorithm_of(stated))
    if actual != stated:
        raise DigestMismatch(algorithm_of(stated), hex_of(stated), hex_of(actual))
    return stated


def _store(exchange: Exchange, body: bytes, manifest: Manifest, goal: Target, digest: Digest) -> None:
    repository, image = exchange.repository, goal.image
    description = manifests.facts(manifest, image, strict=repository.settings.strict_indexes)
    path = manifest_path(image, digest)
    blob = exchange.services.stage([body], checksums=[algorithm_of(digest)])
    with repository.edit(f"push {image}:{','.join(goal.tags) or digest}") as edit:
        edit.put(
            path,
            blob,
            content_type=manifest.media_type,
            attributes=description.attributes,
            references=description.references,
        )
        for tag in goal.tags:
            named = manifests.tag_facts(image, tag, digest)
            edit.put(
                tag_path(image, tag),
                blob,
                content_type=manifest.media_type,
                coordinates=named.coordinates,
                attributes=named.attributes,
                label=named.label,
                references=named.references,
            )
