"""Edits: change sets that are recorded first and applied as a whole later.

Rule 1: recording does no I/O and takes no lock. Whatever must be checked against the catalog is recorded
too, and checked in the write turn (`apply.py`), where nothing can change in between.
Rule 2: an edit is one revision, or nothing: when a check fails, no part of it has happened.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from types import MappingProxyType
from typing import Any, Final, Protocol

from artifactd.blobs.digest import Digest
from artifactd.blobs.store import Blob, StagedBlob
from artifactd.catalog.assets import Asset, Coordinates, Keep, Reference, Selection

DAY: Final = timedelta(days=1)
NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})


SMALL_DERIVED: Final = 64 << 10
"""Bytes of a derived document up to which it lies in its row: another file would cost two more waits for
the disk, beside the COMMIT that happens anyway."""


class Absent:
    """As `if_digest`: the path must hold nothing."""


ABSENT: Final = Absent()


@dataclass(frozen=True, slots=True)
class Put:
    """Store `blob` (None: a fact without bytes) at `path`."""

    path: str
    blob: StagedBlob | Blob | None
    content_type: str
    coordinates: Coordinates | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict)
    label: str = ""
    references: Sequence[Reference] = ()
    derived: Mapping[str, StagedBlob | bytes] = field(default_factory=dict)
    keep: Keep = Keep.ALWAYS
    linger: timedelta = DAY
    if_digest: Digest | Absent | None = None


@dataclass(frozen=True, slots=True)
class Delete:
    """Retire `path`."""

    path: str
    unless_referenced: bool = False


@dataclass(frozen=True, slots=True)
class DeleteWhere:
    """Retire whatever of a selection holds these bytes when the turn looks."""

    selection: Selection
    digest: Digest


@dataclass(frozen=True, slots=True)
class Check:
    """Change nothing, but let the edit happen only if `holds` does not raise for what is at `path`."""

    path: str
    holds: Callable[[Asset | None], None]


Operation = Put | Delete | DeleteWhere | Check


@dataclass(frozen=True, slots=True)
class ChangeSet:
    """A recorded edit: what a write turn applies."""

    repository_id: int
    principal: str
    message: str
    operations: Sequence[Operation]


@dataclass(frozen=True, slots=True)
class Rules:
    """What a repository says about writes. `owner`: the owner name of a path. `replaceable`: whether a path
    may get other bytes than it has."""

    owner: Callable[[str], str | None]
    replaceable: Callable[[str], bool]


class Edit(Protocol):
    """One revision: applied as a whole in a write turn when its block ends, or not at all.

    The block ends with AssetNotFound (deleting what is not there), AssetExists (write policy),
    PreconditionFailed (`if_digest`), ReferencesMissing (`required`) or AssetReferenced
    (`unless_referenced`), and then nothing has changed. Putting the same bytes, or the same fact,
    again changes nothing."""

    revision: int | None
    """After the block: the revision made, or None when there was nothing to change."""

    def put(
        self,
        path: str,
        blob: StagedBlob | Blob | None,
        *,
        content_type: str,
        coordinates: Coordinates | None = None,
        attributes: Mapping[str, Any] = NOTHING,
        label: str = "",
        references: Sequence[Reference] = (),
        derived: Mapping[str, StagedBlob | bytes] = NOTHING,
        keep: Keep = Keep.ALWAYS,
        linger: timedelta = DAY,
        if_digest: Digest | Absent | None = None,
        right: str = "write",
    ) -> None:
        """Store bytes, or a fact without bytes, at `path`. `derived`: documents made from the bytes, by
        kind; they live as long as these do. `right`: the verb that it takes, where it is part of doing
        something else, such as noting what was deleted."""
        ...

    def delete(self, path: str, *, unless_referenced: bool = False, right: str = "delete") -> None:
        """Retire what is at `path`. `right`: as in `put`."""
        ...

    def delete_where(self, selection: Selection, *, digest: Digest) -> None:
        """Retire everything of `selection` that holds these bytes: found in the turn, so nothing
        escapes."""
        ...

    def check(self, path: str, holds: Callable[[Asset | None], None]) -> None:
        """Let the edit happen only if `holds` does not raise for what is at `path` when the turn looks.
        `holds` is pure. It takes no right to read: the condition is the format's own."""
        ...

    def link(self, path: str, source: Asset) -> None:
        """Put another asset's bytes and facts at `path`, without moving a byte."""
        ...


class RecordedEdit:
    """The one implementation of `Edit`. `permit` is asked for each verb and path while recording."""

    def __init__(self, permit: Callable[[str, str], None]) -> None:
        self.operations: list[Operation] = []
        self.revision: int | None = None
        self._permit = permit

    def put(
        self,
        path: str,
        blob: StagedBlob | Blob | None,
        *,
        content_type: str,
        coordinates: Coordinates | None = None,
        attributes: Mapping[str, Any] = NOTHING,
        label: str = "",
        references: Sequence[Reference] = (),
        derived: Mapping[str, StagedBlob | bytes] = NOTHING,
        keep: Keep = Keep.ALWAYS,
        linger: timedelta = DAY,
        if_digest: Digest | Absent | None = None,
        right: str = "write",
    ) -> None:
        self._permit(right, path)
        self.operations.append(
            Put(
                path,
                blob,
                content_type,
                coordinates,
                attributes,
                label,
                references,
                derived,
                keep,
                linger,
                if_digest,
            )
        )

    def delete(self, path: str, *, unless_referenced: bool = False, right: str = "delete") -> None:
        self._permit(right, path)
        self.operations.append(Delete(path, unless_referenced))

    def delete_where(self, selection: Selection, *, digest: Digest) -> None:
        self._permit("delete", selection.prefix or f"{selection.name}/")
        self.operations.append(DeleteWhere(selection, digest))

    def check(self, path: str, holds: Callable[[Asset | None], None]) -> None:
        self.operations.append(Check(path, holds))

    def link(self, path: str, source: Asset) -> None:
        self._permit("write", path)
        self.operations.append(
            Put(
                path,
                source.blob,
                source.content_type,
                attributes=source.attributes,
                label=source.label,
                keep=source.keep,
                linger=timedelta(microseconds=source.linger),
            )
        )
