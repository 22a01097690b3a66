"""PUT (maven C). Files are stored; what clients say of them is not: checksums are compared, and metadata is
a signal (`signals.py`)."""

from collections.abc import Callable
from dataclasses import asdict
from datetime import timedelta
from typing import Final

from artifactd.plugin import (
    SECOND,
    Asset,
    Description,
    Edit,
    Exchange,
    InMemory,
    InvalidInput,
    InvalidPath,
    Micros,
    Rendered,
    Sink,
    Staged,
    StagedBlob,
    Verb,
    hex_of,
)
from artifactd_maven import checksums, metadata
from artifactd_maven.archetypes import Archetype
from artifactd_maven.describing import coordinates_of
from artifactd_maven.errors import ChecksumUnknown, LengthMissing
from artifactd_maven.layout import (
    CHECKSUMS,
    LONGEST_PATH,
    Gav,
    Kind,
    Place,
    announced_path,
    archetype_path,
    parse,
    plugin_path,
    stated_path,
)
from artifactd_maven.media_types import media_type
from artifactd_maven.notes import FACT, may
from artifactd_maven.poms import LARGEST as LARGEST_POM
from artifactd_maven.poms import check_pom, parse_pom
from artifactd_maven.settings import LayoutPolicy, refusal
from artifactd_maven.signals import put_checksum, put_metadata

STATED_FOR: Final[Micros] = int(timedelta(hours=1).total_seconds()) * SECOND
"""How long a checksum is believed that came before its file: a deployment takes less, and the next attempt
may have other bytes."""

_NEVER_EMPTY: Final = (".jar", ".pom", ".xml")


def receive_path(exchange: Exchange) -> Sink:
    """Refuse before a byte is sent what nothing would be taken of (maven R43)."""
    path, headers, repository = exchange.params["path"], exchange.arrival.headers, exchange.repository
    repository.permit(Verb.WRITE, path)
    if path.endswith("/") or len(path.encode()) > LONGEST_PATH:
        raise InvalidPath(f"a file's path has at most {LONGEST_PATH} bytes and ends in no slash")
    if headers.get("x-checksum-deploy", "").strip().lower() == "true":
        raise ChecksumUnknown
    if "content-length" not in headers and "transfer-encoding" not in headers:
        raise LengthMissing  # it would be a file without a byte (maven R42)
    if "content-range" in headers:
        raise InvalidInput("a file is put as a whole, without Content-Range")  # RFC 9110, section 14.5
    reason = refusal(path, repository.settings)
    if reason is not None:
        raise InvalidInput(reason)
    place = parse(path)
    if place.checksum:
        return InMemory(checksums.LARGEST)
    if place.kind is Kind.METADATA:
        return InMemory(metadata.LARGEST)
    if place.kind in (Kind.PREFIXES, Kind.ARCHETYPES):
        raise InvalidInput("what a repository has is not said by hand: this is made of its content")
    return Staged(checksums=checksums.COMPUTED, expected=checksums.stated_by_client(headers))


def put_path(exchange: Exchange) -> Rendered:
    """Take a file, a checksum of one, or metadata."""
    place = parse(exchange.params["path"])
    if place.checksum:
        return put_checksum(exchange, place)
    if place.kind is Kind.METADATA:
        return put_metadata(exchange, place)
    return put_file(exchange, place)


def put_file(exchange: Exchange, place: Place) -> Rendered:
    """Store a file. 201, or 200 when the same bytes were there (maven R50)."""
    body, path = exchange.body, place.main
    assert isinstance(body, StagedBlob)
    _check_size(exchange, place, body)
    description = _described(exchange, place, body)
    oldest = exchange.services.now() - STATED_FOR
    stated = [stated_path(path, algorithm) for algorithm in CHECKSUMS]
    held = [fact for fact in stated if exchange.services.held(fact) is not None]
    with exchange.repository.edit(f"put {path}") as edit:
        for algorithm, fact in zip(CHECKSUMS, stated, strict=True):
            edit.check(fact, _agrees(body, algorithm, oldest))
        for fact in held:
            edit.delete(fact, right=Verb.WRITE)
        edit.put(
            path,
            body,
            content_type=media_type(path),
            coordinates=description.coordinates,
            attributes=description.attributes,
            label=description.label,
        )
        if place.gav is not None and not place.signature:
            _note(exchange, edit, place.gav, body, description)
    return Rendered(200 if edit.revision is None else 201)


def _check_size(exchange: Exchange, place: Place, body: StagedBlob) -> None:
    """A file without a byte is what remains of an upload that went wrong on its way (maven R41, R42)."""
    strict = exchange.repository.settings.layout_policy is LayoutPolicy.STRICT
    classified = place.gav is not None and place.gav.classifier
    if body.size == 0 and place.main.endswith(_NEVER_EMPTY) and (strict or not classified):
        raise InvalidInput(f"{place.main!r} came without a byte; put it again")


def _described(exchange: Exchange, place: Place, body: StagedBlob) -> Description:
    """The facts of a file. Raises InvalidInput and PomMismatch."""
    gav, consistent = place.gav, exchange.repository.settings.pom_consistency
    try:
        description = exchange.services.describe(place.main, media_type(place.main), body)
    except InvalidInput:
        if consistent or gav is None:
            raise
        return Description(coordinates_of(gav), gav.base)
    if consistent and gav is not None and gav.is_pom and not place.signature:
        with exchange.services.open(body) as file:
            check_pom(parse_pom(file.read(LARGEST_POM + 1)), gav)
    return description


def _agrees(body: StagedBlob, algorithm: str, oldest: Micros) -> Callable[[Asset | None], None]:
    """What its client has said of a file before it came must hold (maven R47)."""
    actual = {**body.checksums, "sha256": hex_of(body.digest)}[algorithm]

    def holds(fact: Asset | None) -> None:
        if fact is not None and fact.added >= oldest and fact.attributes["checksum"] != actual:
            raise InvalidInput(
                f"the file has {algorithm} {actual}, and its checksum, which came before it, is"
                f" {fact.attributes['checksum']}; put both again"
            )

    return holds


def _note(exchange: Exchange, edit: Edit, gav: Gav, body: StagedBlob, description: Description) -> None:
    """What else follows from a file: a plugin has a prefix; and a version whose POM is replaced was
    complete before, so it is not for the first time that it is deployed."""
    if "prefix" in description.attributes:
        path = plugin_path(gav.group.replace(".", "/"), gav.artifact)
        if may(exchange, Verb.WRITE, path):
            facts = {
                "prefix": description.attributes["prefix"],
                "name": description.attributes["plugin_name"],
            }
            edit.put(path, None, content_type=FACT, attributes=facts)
    if gav.is_pom and description.attributes.get("packaging") == "maven-archetype":
        path = archetype_path(gav)
        if may(exchange, Verb.WRITE, path):
            told = str(description.attributes.get("description", ""))
            archetype = Archetype(gav.group, gav.artifact, gav.base, told)
            edit.put(path, None, content_type=FACT, attributes=asdict(archetype))
    if gav.is_pom:
        present = exchange.services.held(gav.path)
        if present is not None and (present.blob is None or present.blob.digest != body.digest):
            edit.put(announced_path(gav.directory), None, content_type=FACT)
            if gav.stamp:
                edit.put(announced_path(gav.directory, gav.stamp), None, content_type=FACT)
