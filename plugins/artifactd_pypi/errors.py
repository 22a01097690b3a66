"""What only a package index can complain about."""

from dataclasses import dataclass
from typing import ClassVar

from artifactd.plugin import ArtifactdError, AssetNotFound, InvalidInput


def quoted(text: str, longest: int = 80) -> str:
    """`text` as a message repeats it: enough to be recognised by."""
    return repr(text if len(text) <= longest else f"{text[:longest]}…")


class UploadInvalid(InvalidInput):
    """A form, a file name, an archive or metadata that no client could do anything with."""


class FileExists(InvalidInput):
    """The name of a file that has, or had, other content: such names are never reused, because lock files
    and caches hold on to them. Clients know the words "already exists"."""


class ProjectNotFound(AssetNotFound):
    """Nothing was ever uploaded under the name."""

    message = "project {path!r} is not in repository {repository!r}"


class VersionNotFound(AssetNotFound):
    """No file of the project has this version, or this name."""

    message = "{path!r} is not in repository {repository!r}"


@dataclass(eq=False)
class ProjectClosed(ArtifactdError):
    """Its status lets nobody do this (PEP 792)."""

    project: str
    status: str
    reason: str
    message: ClassVar[str] = "project {project!r} is {status}{why}"

    def __str__(self) -> str:
        why = f": {self.reason}" if self.reason else ""
        return self.message.format(project=self.project, status=self.status, why=why)
