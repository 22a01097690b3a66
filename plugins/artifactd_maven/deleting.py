"""DELETE of a file, of a version, of an artifact (maven R58, R81). Metadata follows by itself."""

from collections.abc import Iterable
from typing import Final

from artifactd.plugin import (
    AssetNotFound,
    Edit,
    Exchange,
    Generated,
    InvalidInput,
    ReadOnly,
    Rendered,
    Unavailable,
    Verb,
)
from artifactd_maven.builds_index import BUILDS, Builds
from artifactd_maven.layout import (
    Gav,
    Kind,
    Place,
    announced_path,
    archetype_path,
    parse,
    plugin_path,
)
from artifactd_maven.notes import may, note_deletion
from artifactd_maven.versions_index import VERSIONS, Versions

MOST_FILES: Final = 10_000
"""Files that one request deletes: an edit is one turn of the writer, for which all others wait."""

_DONE: Final = Rendered(204)


def delete_path(exchange: Exchange) -> Rendered:
    """Delete a file. Its checksums go with it, and are nothing of their own."""
    path, repository = exchange.params["path"], exchange.repository
    place = parse(path)
    repository.permit(Verb.DELETE, path)
    if place.kind in (Kind.METADATA, Kind.ARCHETYPES):
        raise Generated(repository.name, path)
    if place.kind is Kind.NOTE or exchange.services.held(place.main) is None:
        raise AssetNotFound(repository.name, path)
    if not place.checksum:
        with repository.edit(f"delete {path}") as edit:
            if place.gav is None:
                edit.delete(path)
            else:
                _delete(exchange, edit, path, place.gav.owner, [place])
    return _DONE


def delete_folder(exchange: Exchange) -> Rendered:
    """Delete all files of a version, or of an artifact."""
    folder, repository = exchange.params["folder"], exchange.repository
    repository.permit(Verb.DELETE, f"{folder}/")
    artifact, _, version = folder.rpartition("/")
    files = _files(exchange, artifact, version) or _files(exchange, folder, None)
    if not files:
        raise AssetNotFound(repository.name, f"{folder}/")
    if len(files) > MOST_FILES:
        raise InvalidInput(f"there are {len(files)} files in {folder!r}; delete its versions one by one")
    with repository.edit(f"delete {folder}/") as edit:
        gav = files[0].gav
        assert gav is not None, "these are files of the layout"
        _delete(exchange, edit, f"{folder}/", gav.owner, files)
    return _DONE


def _files(exchange: Exchange, artifact: str, version: str | None) -> list[Place]:
    """The files of an artifact, or of one of its versions."""
    if "/" not in artifact:
        return []
    held = _versions(exchange, artifact).files
    versions = held if version is None else [version] if version in held else []
    return [parse(f"{artifact}/{each}/{name}") for each in versions for name in held[each].added]


def _delete(exchange: Exchange, edit: Edit, what: str, artifact: str, places: list[Place]) -> None:
    """Delete files of one artifact, and the notes that nothing is left of to be about."""
    going = {place.main for place in places}
    for place in places:
        edit.delete(place.main)
    held = _versions(exchange, artifact).files
    left = {
        version
        for version, files in held.items()
        if any(f"{artifact}/{version}/{name}" not in going for name in files.added)
    }
    gavs = {place.gav.base: place.gav for place in places if place.gav is not None}
    for version, gav in gavs.items():
        notes = [] if version in left else [announced_path(gav.directory), archetype_path(gav)]
        if gav.is_snapshot:
            notes += _empty_builds(exchange, gav, going)
        for note in notes:
            _delete_note(exchange, edit, note)
    note_deletion(exchange, edit, what, places, right=Verb.DELETE)
    if not left:
        group, _, name = artifact.rpartition("/")
        _delete_note(exchange, edit, plugin_path(group, name))


def _empty_builds(exchange: Exchange, gav: Gav, going: set[str]) -> Iterable[str]:
    value = exchange.repository.index(BUILDS, gav.directory, right=Verb.DELETE).value
    if not isinstance(value, Builds):
        return
    for stamp, build in value.builds.items():
        if all(f"{gav.directory}/{name}" in going for name in build.files.added):
            yield announced_path(gav.directory, str(stamp))


def _delete_note(exchange: Exchange, edit: Edit, path: str) -> None:
    if exchange.services.held(path) is not None and may(exchange, Verb.DELETE, path):
        edit.delete(path)


def _versions(exchange: Exchange, artifact: str) -> Versions:
    """What is built here; what an upstream has, or would have to be asked for, is not ours to change.
    Raises ReadOnly."""
    name = exchange.repository.name
    try:
        value = exchange.repository.index(VERSIONS, artifact, right=Verb.DELETE).value
    except (AssetNotFound, Unavailable) as error:
        raise ReadOnly(name) from error
    if not isinstance(value, Versions):
        raise ReadOnly(name)
    return value
