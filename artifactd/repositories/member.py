"""A group's members, as the caller of a request sees them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from artifactd.catalog.repositories import RepositoryRecord
from artifactd.repositories.repository import Repository

MEMBER_PREFIX = "_member"
"""The segment of a group's paths behind which stand the name of a member and the rest of a path of its:
what a group publishes names files so that others would hide."""


class MemberRepository(Repository, Protocol):
    """A repository that can be a member."""

    def offers(self, path: str) -> bool:
        """Whether it has the asset, or knows where to ask for it."""
        ...


@dataclass(frozen=True, slots=True)
class Member:
    """A member as the caller sees it. `asks_upstream`: whether it is a proxy; `canonical`: what that calls
    a name that clients may write otherwise."""

    record: RepositoryRecord
    asks_upstream: bool
    canonical: Callable[[str], str]
    open: Callable[[], MemberRepository]


def addressed_member(path: str) -> tuple[str, str] | None:
    """The member that a path names, and the path there; None for a path that names none."""
    if MEMBER_PREFIX not in path:
        return None  # as nearly all do
    segments = path.split("/")
    if MEMBER_PREFIX not in segments[:-2]:
        return None
    at = segments.index(MEMBER_PREFIX)
    return segments[at + 1], "/".join((*segments[:at], *segments[at + 2 :]))
