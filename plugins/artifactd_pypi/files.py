"""Files, and what lies beside them: metadata (PEP 658), signatures, provenances (PEP 740)."""

from collections.abc import Iterable, Mapping
from typing import Final

from artifactd.plugin import (
    Asset,
    AssetNotFound,
    Content,
    Edit,
    Exchange,
    Rendered,
    Verb,
    WritePolicy,
    hex_of,
)
from artifactd_pypi.errors import ProjectClosed, VersionNotFound
from artifactd_pypi.listing import File
from artifactd_pypi.metadata import METADATA_KIND
from artifactd_pypi.names import (
    METADATA,
    PROVENANCE,
    SIGNATURE,
    ProjectName,
    deleted_path,
    file_path,
    main_name,
    parse_version,
    status_path,
    yank_path,
)
from artifactd_pypi.project import State, Status, status_of
from artifactd_pypi.project_index import PROJECTS
from artifactd_pypi.requests import asked_project, asked_version

FILE_TYPE: Final = "application/octet-stream"
"""For all of them, without a content encoding whatever their names end in: clients would unpack what they
mean to hash (pypi R70)."""

FACT: Final = "application/json"
"""Of what we note ourselves."""

_METADATA_TYPE: Final = ("Content-Type", "text/plain; charset=utf-8")


def get_file(exchange: Exchange) -> Content:
    """A file, its metadata, signature or provenance."""
    project, name = asked_project(exchange), exchange.params["filename"]
    if name.startswith("."):
        raise AssetNotFound(exchange.repository.name, file_path(project, name))
    if name.endswith(METADATA):
        path = file_path(project, name.removesuffix(METADATA))
        content = exchange.repository.get(path, derived=METADATA_KIND).with_headers(_METADATA_TYPE)
    else:
        content = exchange.repository.get(file_path(project, name))
        if name.endswith((SIGNATURE, PROVENANCE)):
            _check_companion(exchange, content)
    _refuse_quarantined(exchange, project, content)
    return content


def delete_file(exchange: Exchange) -> Rendered:
    """Delete a file, and what lies beside it."""
    project, name = asked_project(exchange), exchange.params["filename"]
    path = file_path(project, name)
    exchange.repository.permit(Verb.DELETE, path)
    asset = exchange.services.held(path)
    if asset is None or "version" not in asset.attributes:
        raise AssetNotFound(exchange.repository.name, path)
    with exchange.repository.edit(f"delete {path}") as edit:
        _delete(exchange, edit, project, asset)
    return Rendered(204)


def delete_version(exchange: Exchange) -> Rendered:
    """Delete all files of a version."""
    project, release = asked_project(exchange), asked_version(exchange)
    exchange.repository.permit(Verb.DELETE, f"{project}/")
    document = exchange.repository.index(PROJECTS, project, right=Verb.DELETE)
    assets = held_files(exchange, project, document.value.of_release(release))
    if not assets:
        raise VersionNotFound(exchange.repository.name, f"{project} {exchange.params['version']}")
    with exchange.repository.edit(f"delete {project} {exchange.params['version']}") as edit:
        for asset in assets.values():
            _delete(exchange, edit, project, asset)
        yank = yank_path(project, release)
        if exchange.services.held(yank) is not None:
            edit.delete(yank)
    return Rendered(204)


def held_files(exchange: Exchange, project: ProjectName, files: Iterable[File]) -> Mapping[str, Asset]:
    """By name, those of `files` that are where changes go. In a group, a page has files of other members
    too, about which nothing can be noted: a note would make the project one of ours, and hide theirs
    (pypi R151)."""
    found = {file.filename: exchange.services.held(file_path(project, file.filename)) for file in files}
    return {name: asset for name, asset in found.items() if asset is not None}


def status(exchange: Exchange, project: ProjectName, file: Asset | None = None) -> Status:
    """A project's status now, as we note it, where `file` is or uploads go."""
    fact = exchange.services.held(status_path(project), beside=file)
    return Status() if fact is None else status_of(fact.attributes)


def _check_companion(exchange: Exchange, content: Content) -> None:
    """What was made of a file that has been replaced since is not served any more. What an upstream has
    says of no file what it is of."""
    asset = content.head.asset
    if asset is None or "of" not in asset.attributes:
        return
    file = exchange.services.held(main_name(asset.path), beside=asset)
    if file is None or file.blob is None or hex_of(file.blob.digest) != asset.attributes["of"]:
        raise AssetNotFound(exchange.repository.name, asset.path)


def _refuse_quarantined(exchange: Exchange, project: ProjectName, content: Content) -> None:
    now = status(exchange, project, content.head.asset or content.head.derived_from)
    if now.state is State.QUARANTINED:
        raise ProjectClosed(project, now.state, now.reason)


def _delete(exchange: Exchange, edit: Edit, project: ProjectName, asset: Asset) -> None:
    name = asset.path.rpartition("/")[2]
    _, release = parse_version(asset.attributes["version"])
    beside = [asset.path + SIGNATURE, asset.path + PROVENANCE, yank_path(project, release, name)]
    for path in (asset.path, *(path for path in beside if exchange.services.held(path) is not None)):
        edit.delete(path)
    if exchange.repository.settings.write_policy is not WritePolicy.ALLOW:
        # What somebody has locked to its hash must never become something else (pypi R71, R102).
        assert asset.blob is not None, "a file has bytes"
        edit.put(
            deleted_path(project, name),
            None,
            content_type=FACT,
            attributes={"sha256": hex_of(asset.blob.digest)},
            right=Verb.DELETE,
        )
