"""What a format finds in a file."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from artifactd.catalog.assets import Coordinates, Reference


@dataclass(frozen=True, slots=True)
class Description:
    """Facts of a file, found in its bytes: the same for upload, fetch and import. `derived`: documents made
    from it, by kind, such as the metadata that clients ask for without the file. `aliases`: other paths
    that hold these bytes as well, such as the digest of what a tag names; a fetch puts them before the
    file."""

    coordinates: Coordinates | None = None
    label: str = ""
    attributes: Mapping[str, Any] = field(default_factory=dict)
    references: Sequence[Reference] = ()
    derived: Mapping[str, bytes] = field(default_factory=dict)
    aliases: Sequence[str] = ()
