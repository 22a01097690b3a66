"""What a group is told: its members, and how they work together."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, Field

from artifactd.api.documents import Pattern
from artifactd.catalog.repositories import RepositoryRecord

MOST = 1000
"""Members, or patterns: more is a mistake of a program."""


class Rights(StrEnum):
    """Whose rights decide what a caller of a group gets."""

    MEMBERS = "members"
    GROUP = "group"


class GroupFields(BaseModel):
    """What is said of a group; of other kinds nothing."""

    members: list[str] = Field(
        [],
        max_length=MOST,
        description="of a group: names of repositories of its format, groups included; the first that has"
        " a file gives it",
    )
    writable: str | None = Field(
        None, description="of a group: the hosted member that takes what is published to it; null: none"
    )
    rights: Rights = Field(
        Rights.MEMBERS,
        description="of a group: `members`: a caller gets what it may read of each member; `group`: who may"
        " read the group gets everything",
    )
    merge: list[Pattern] = Field(
        [],
        max_length=MOST,
        description="of a group: patterns of names that proxies may add to though a hosted member has them",
    )
    reserved: list[Pattern] = Field(
        [],
        max_length=MOST,
        description="of a group: patterns of names that no upstream is asked for, wherever they are held",
    )


def membership(parsed: GroupFields) -> dict[str, Any]:
    """How the members work together, as it is stored: what is not the default."""
    return parsed.model_dump(
        mode="json", include=set(GroupFields.model_fields) - {"members"}, exclude_defaults=True
    )


def shown(record: RepositoryRecord) -> dict[str, Any]:
    """What a stored group was told; for other kinds, what they would be if they were told anything."""
    told: Mapping[str, Any] = {"members": list(record.members), **record.membership}
    return GroupFields.model_construct(**told).model_dump(mode="json", warnings=False)
