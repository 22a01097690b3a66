"""An edit through a group: what it requires, and only another member has, is mounted first."""

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from artifactd.auth.principal import Verb
from artifactd.blobs.digest import Digest
from artifactd.blobs.store import Blob, StagedBlob
from artifactd.catalog.assets import Asset, Coordinates, Keep, Reference, Selection
from artifactd.catalog.edit import DAY, NOTHING, Absent, Edit
from artifactd.repositories.rights import Rights


class MountingEdit:
    """Implements `Edit` on the `edit` of a group's writable member. `rights` are the group's; `elsewhere`
    gives what other members have and that one has not."""

    def __init__(self, edit: Edit, rights: Rights, elsewhere: Callable[[str], Asset | None]) -> None:
        self._edit = edit
        self._rights = rights
        self._elsewhere = elsewhere

    @property
    def revision(self) -> int | None:
        return self._edit.revision

    @revision.setter
    def revision(self, revision: int | None) -> None:
        self._edit.revision = revision

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
        self._rights.check(Verb(right), path)
        for reference in references:
            if reference.required and (source := self._elsewhere(reference.path)) is not None:
                self._edit.link(reference.path, source)
        self._edit.put(
            path,
            blob,
            content_type=content_type,
            coordinates=coordinates,
            attributes=attributes,
            label=label,
            references=references,
            derived=derived,
            keep=keep,
            linger=linger,
            if_digest=if_digest,
            right=right,
        )

    def delete(self, path: str, *, unless_referenced: bool = False, right: str = "delete") -> None:
        self._rights.check(Verb(right), path)
        self._edit.delete(path, unless_referenced=unless_referenced, right=right)

    def delete_where(self, selection: Selection, *, digest: Digest) -> None:
        self._rights.check(Verb.DELETE, selection.prefix or f"{selection.name}/")
        self._edit.delete_where(selection, digest=digest)

    def check(self, path: str, holds: Callable[[Asset | None], None]) -> None:
        self._edit.check(path, holds)

    def link(self, path: str, source: Asset) -> None:
        self._rights.check(Verb.WRITE, path)
        self._edit.link(path, source)
