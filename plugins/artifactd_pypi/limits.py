"""What an archive may claim, and what is said of one that claims more. Pure."""

from collections.abc import Iterable
from typing import Final

from artifactd_pypi.errors import UploadInvalid

LARGEST_METADATA: Final = 16 << 20
"""Bytes of METADATA or PKG-INFO: a README of a few MB is in some."""

MOST_MEMBERS: Final = 65_535
"""Members of an archive: what a zip file can have without its 64-bit extension."""

ALWAYS_FINE: Final = 64 << 20
"""Bytes that may come out of any archive, however small."""

HIGHEST_RATIO: Final = 50
"""Bytes out per byte in, beyond that: real distributions reach ten, a bomb a thousand."""

LONGEST_NAME: Final = 4096
"""Characters of a member's path: what Linux opens at most."""

DAMAGED: Final = "the file is damaged or not what its name says"


class ArchiveInvalid(UploadInvalid):
    """A file that is not the archive its name says, or one that nobody should open."""


def check_name(name: str) -> None:
    if len(name) > LONGEST_NAME:
        raise ArchiveInvalid(f"the archive's member {name[:100]!r}… has a name of {len(name)} characters")
    segments = name.rstrip("/").split("/")
    if not name or "\0" in name or "\\" in name or ":" in segments[0] or {"", ".", ".."} & set(segments):
        raise ArchiveInvalid(f"the archive's member {name!r} leads out of it")


def check_size(name: str, size: int) -> None:
    if size > LARGEST_METADATA:
        raise ArchiveInvalid(f"{name} has {size} bytes; {LARGEST_METADATA} are allowed")


def check_ratio(unpacked: int, packed: int) -> None:
    if unpacked > ALWAYS_FINE and unpacked > HIGHEST_RATIO * packed:
        raise ArchiveInvalid(
            f"more than {HIGHEST_RATIO} times its size comes out of the archive, as of no distribution"
        )


def top_folder(names: Iterable[str]) -> str:
    tops = {name.partition("/")[0] for name in names}
    if len(tops) != 1:
        raise ArchiveInvalid(f"a source distribution has one folder on top, this one has {len(tops)}")
    return tops.pop()
