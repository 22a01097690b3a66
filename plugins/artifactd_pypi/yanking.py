"""Yanking (PEP 592) and a project's status (PEP 792): what is noted about files, without touching them.

No publisher's client can say either; these routes are ours. They take JSON, and answer 204.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from artifactd.plugin import Document, Exchange, InMemory, Rendered, Verb
from artifactd_pypi.errors import ProjectNotFound, UploadInvalid, VersionNotFound
from artifactd_pypi.files import FACT, held_files, status
from artifactd_pypi.metadata import LONGEST_FACT, clean
from artifactd_pypi.names import ProjectName, status_path, yank_path
from artifactd_pypi.project import Project, State
from artifactd_pypi.project_index import PROJECTS
from artifactd_pypi.requests import asked_project, asked_version

_LARGEST_BODY: Final = 16 << 10
_DONE: Final = Rendered(204)


def receive_note(exchange: Exchange) -> InMemory:
    """The body of each of these: a small JSON object."""
    exchange.repository.permit(Verb.WRITE, f"{asked_project(exchange)}/")
    return InMemory(_LARGEST_BODY)


def yank(exchange: Exchange) -> Rendered:
    """Yank a version, with what may be uploaded of it later, or one file."""
    path, what = _yankable(exchange)
    reason = _reason(_body(exchange))
    with exchange.repository.edit(f"yank {what}") as edit:
        edit.put(path, None, content_type=FACT, attributes={"reason": reason})
    return _DONE


def unyank(exchange: Exchange) -> Rendered:
    """Take a yank back. What is not yanked stays as it is."""
    path, what = _yankable(exchange)
    exchange.repository.permit(Verb.WRITE, path)
    if exchange.services.held(path) is not None:
        with exchange.repository.edit(f"unyank {what}") as edit:
            edit.delete(path, right=Verb.WRITE)
    return _DONE


def put_status(exchange: Exchange) -> Rendered:
    """Set a project's status. Quarantine is an administrator's, the way in and the way out."""
    project = asked_project(exchange)
    document = _project(exchange, project)
    known = not document.merged or exchange.services.held(status_path(project)) is not None
    if not known and not held_files(exchange, project, document.value.files):
        raise ProjectNotFound(exchange.repository.name, project)
    body = _body(exchange)
    try:
        state = State(body.get("status", ""))
    except ValueError:
        raise UploadInvalid(f"'status' must be one of: {', '.join(State)}") from None
    path, reason = status_path(project), _reason(body)
    right = Verb.ADMIN if State.QUARANTINED in (state, status(exchange, project).state) else Verb.WRITE
    exchange.repository.permit(right, path)
    with exchange.repository.edit(f"status of {project}: {state}") as edit:
        attributes = {"status": state.value, "reason": reason}
        edit.put(path, None, content_type=FACT, attributes=attributes, right=right)
    return _DONE


def _yankable(exchange: Exchange) -> tuple[str, str]:
    """The fact about what a request names, and how to call it. Raises ProjectNotFound, VersionNotFound."""
    project, release = asked_project(exchange), asked_version(exchange)
    filename = exchange.params.get("filename", "")
    files = held_files(exchange, project, _project(exchange, project).value.of_release(release))
    if not files or (filename and filename not in files):
        raise VersionNotFound(
            exchange.repository.name, f"{project} {exchange.params['version']} {filename}".rstrip()
        )
    return yank_path(project, release, filename), filename or f"{project} {exchange.params['version']}"


def _project(exchange: Exchange, project: ProjectName) -> Document[Project]:
    document = exchange.repository.index(PROJECTS, project, right=Verb.WRITE)
    if not document.revision:
        raise ProjectNotFound(exchange.repository.name, project)
    return document


def _body(exchange: Exchange) -> Mapping[str, Any]:
    assert isinstance(exchange.body, bytes)
    if not exchange.body.strip():
        return {}
    try:
        body = msgspec.json.decode(exchange.body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise UploadInvalid(f"the body is not JSON: {error}") from error
    if not isinstance(body, dict) or set(body) - {"reason", "status"}:
        raise UploadInvalid("the body is a JSON object with 'reason', and 'status' where one is set")
    return body


def _reason(body: Mapping[str, Any]) -> str:
    reason = body.get("reason") or ""
    if not isinstance(reason, str) or len(reason) > LONGEST_FACT:
        raise UploadInvalid(f"'reason' is text of at most {LONGEST_FACT} characters")
    return clean(" ".join(reason.split()))
