"""A project's page in a group: what its members' pages say, put together (pypi I)."""

import logging
from collections.abc import Sequence
from typing import Final

from artifactd.plugin import Part
from artifactd_pypi.listing import File
from artifactd_pypi.project import Project, State, Status, project_of, union

logger = logging.getLogger("artifactd.pypi")

_SHOWN: Final = 10
"""Files that a warning names."""


def merged(name: str, parts: Sequence[Part[Project]]) -> Project:
    """The files of all members, each from the first that has one of its name: members come in the order in
    which they are trusted. What a single member says stays as it is.

    Quarantined files stay out even where only a later member says so. The status is that of the first
    member that has files, or says anything but "active"."""
    if len(parts) == 1:
        return parts[0].document
    files: dict[str, File] = {}
    members: dict[str, str] = {}
    conflicts: list[str] = []
    for part in parts:
        for file in part.document.offered():
            first = files.setdefault(file.filename, file)
            if first is file:
                members[file.filename] = part.member
            elif _differ(first, file):
                conflicts.append(f"{file.filename} of {members[file.filename]} and of {part.member}")
    if conflicts:
        logger.warning(
            "project %s: members have different files of one name, the first is served: %s%s",
            name,
            ", ".join(conflicts[:_SHOWN]),
            f", and {len(conflicts) - _SHOWN} more" if len(conflicts) > _SHOWN else "",
        )
    documents = [part.document for part in parts]
    status = next((each.status for each in documents if each.files or each.status != Status()), Status())
    listed = union(*(each.listed for each in documents if each.status.state is not State.QUARANTINED))
    return project_of(files, status, listed)


def _differ(first: File, second: File) -> bool:
    """Whether two files cannot be the same one."""
    return any(second.hashes.get(name, value) != value for name, value in first.hashes.items())
