"""What clients say of their files: checksums, which are compared, and metadata, which announces versions,
builds and plugins. Neither is stored: what is served is made of what is here (maven R47, R72, R73)."""

import re
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Final

from artifactd.plugin import (
    SECOND,
    Asset,
    Conflict,
    Exchange,
    InvalidInput,
    Micros,
    Rendered,
    Verb,
    hex_of,
)
from artifactd_maven.builds_index import BUILDS, Builds
from artifactd_maven.checksums import parse_checksum
from artifactd_maven.layout import Kind, Place, announced_path, plugin_path, stated_path
from artifactd_maven.listings import Files, speaks_of
from artifactd_maven.metadata import Metadata, Stamp, parse_metadata, parse_stamp
from artifactd_maven.notes import FACT, may, note_deletion
from artifactd_maven.versions_index import VERSIONS, Versions
from artifactd_maven.xml_reading import XmlInvalid

WITHDRAWN_WITHIN: Final[Micros] = int(timedelta(hours=1).total_seconds()) * SECOND
"""How long after a file a checksum that contradicts it still belongs to the same deployment."""

_ATTEMPTS: Final = 3
"""A file may come or go while its checksum is looked at, but not often."""

_TAKEN: Final = Rendered(201)
_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]*")
_STAMP = re.compile(r"[0-9]{8}\.[0-9]{6}-[0-9]{1,9}$")


class _Changed(Conflict):
    """The file that a decision was about has come or gone since."""


def put_checksum(exchange: Exchange, place: Place) -> Rendered:
    """Compare a checksum with its file. One that comes before its file is noted for it. One that
    contradicts its file withdraws that: clients only warn when this is refused, and the build that has
    stored a broken file would be green."""
    if place.kind in (Kind.METADATA, Kind.ARCHETYPES):
        return _TAKEN  # it is of bytes that are not served (maven R73)
    assert isinstance(exchange.body, bytes)
    stated = parse_checksum(exchange.body, place.checksum)
    if stated is None:
        raise InvalidInput(f"the body holds no {place.checksum} checksum in hex")
    for _ in range(_ATTEMPTS):
        try:
            held = exchange.services.held(place.main)
            if held is None:
                _keep(exchange, place, stated)
            else:
                _compare(exchange, place, stated, held)
        except _Changed:
            continue
        return _TAKEN
    raise InvalidInput(f"{place.main!r} changes while its checksum is compared; put it again")


def put_metadata(exchange: Exchange, place: Place) -> Rendered:
    """Take what a client's metadata announces. Raises InvalidInput for what is no metadata, or another
    artifact's (maven R55)."""
    assert isinstance(exchange.body, bytes)
    try:
        said = parse_metadata(exchange.body)
    except XmlInvalid as error:
        raise InvalidInput(f"the metadata {error}") from error
    directory = place.folder
    if place.is_snapshot:
        _check_about(said, directory.rpartition("/")[0])
        if said.version not in ("", directory.rpartition("/")[2]):
            raise InvalidInput(f"the metadata is about version {said.version!r}, and its path is not")
        notes = _announced_builds(exchange, directory, said)
    else:
        if said.artifact or said.group != directory.replace("/", "."):  # plugins', which name the group
            _check_about(said, directory)
        notes = _announced_versions(exchange, directory, said)
    plugins = {} if place.is_snapshot else _plugins(exchange, directory, said)
    if notes or plugins:
        with exchange.repository.edit(f"announce {place.main}") as edit:
            for path in notes:
                edit.put(path, None, content_type=FACT)
            for path, facts in plugins.items():
                edit.put(path, None, content_type=FACT, attributes=facts)
    return _TAKEN


# Checksums


def _keep(exchange: Exchange, place: Place, stated: str) -> None:
    """Note a checksum until its file comes. Raises _Changed."""
    with exchange.repository.edit(f"note the {place.checksum} of {place.main}") as edit:
        edit.check(place.main, _is(None))
        path = stated_path(place.main, place.checksum)
        edit.put(path, None, content_type=FACT, attributes={"checksum": stated})


def _compare(exchange: Exchange, place: Place, stated: str, held: Asset) -> None:
    """Raises InvalidInput for a checksum of other bytes, and _Changed."""
    assert held.blob is not None, "a file has bytes"
    known = {**held.blob.checksums, "sha256": hex_of(held.blob.digest)}
    actual = known.get(place.checksum, stated)
    if actual == stated:
        return
    told = f"{place.main!r} has {place.checksum} {actual}, and not {stated}"
    recent = exchange.services.now() - held.added <= WITHDRAWN_WITHIN
    if place.is_literal or not recent:
        raise InvalidInput(told)
    with exchange.repository.edit(f"withdraw {place.main}: its client states another checksum") as edit:
        edit.check(place.main, _is(held))
        edit.delete(place.main, right=Verb.WRITE)
        note_deletion(exchange, edit, place.main, [place], right=Verb.WRITE)
    raise InvalidInput(f"{told}: it was damaged on its way, and is withdrawn; put it again")


def _is(known: Asset | None) -> Callable[[Asset | None], None]:
    def holds(present: Asset | None) -> None:
        if (present and present.id) != (known and known.id):
            raise _Changed

    return holds


# Metadata


def _check_about(said: Metadata, directory: str) -> None:
    if not speaks_of(said, directory):
        raise InvalidInput(
            f"the metadata is about {said.group}:{said.artifact}, and its path is that of {directory!r}"
        )


def _announced_versions(exchange: Exchange, directory: str, said: Metadata) -> list[str]:
    """Notes for the versions that are named, of which there are files, and which are not listed yet."""
    if not said.versions:
        return []
    value = exchange.repository.index(VERSIONS, directory, right=Verb.WRITE).value
    assert isinstance(value, Versions), "what is written to is built here"
    now = exchange.services.now()
    return [
        announced_path(f"{directory}/{version}")
        for version in said.versions
        if _waits(value.files.get(version), value.entered.get(version), now)
    ]


def _announced_builds(exchange: Exchange, directory: str, said: Metadata) -> list[str]:
    """The same for builds; a build that is announced is one of its version."""
    value = exchange.repository.index(BUILDS, directory, right=Verb.WRITE).value
    assert isinstance(value, Builds), "what is written to is built here"
    now = exchange.services.now()
    return [
        announced_path(directory, str(stamp))
        for stamp in sorted(set(_stamps(said)))
        if (build := value.builds.get(stamp)) and _waits(build.files, value.entered.get(stamp), now)
    ]


def _waits(files: Files | None, entered: Micros | None, now: Micros) -> bool:
    return files is not None and bool(files.added) and (entered is None or entered > now)


def _stamps(said: Metadata) -> Iterable[Stamp]:
    if said.snapshot is not None:
        yield said.snapshot
    for file in said.files.values():
        found = _STAMP.search(file.value)
        stamp = None if found is None else parse_stamp(found[0])
        if stamp is not None:
            yield stamp


def _plugins(exchange: Exchange, directory: str, said: Metadata) -> dict[str, dict[str, str]]:
    """Notes for the plugins that are named, by path."""
    facts = {
        plugin_path(directory, plugin.artifact): {"prefix": plugin.prefix, "name": plugin.name}
        for plugin in said.plugins
        if _NAME.fullmatch(plugin.artifact) and _NAME.fullmatch(plugin.prefix)
    }
    return {path: fact for path, fact in facts.items() if may(exchange, Verb.WRITE, path)}
