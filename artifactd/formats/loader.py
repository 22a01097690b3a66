"""Finds the installed formats by entry point: bundled ones and third parties' alike."""

from collections.abc import Mapping
from importlib.metadata import entry_points

from artifactd.errors import ArtifactdError
from artifactd.formats.format import Format

GROUP = "artifactd.formats"


class FormatBroken(ArtifactdError):
    """An entry point does not give a format."""

    message = "entry point {entry!r} of group {group!r} gives {found}, not a Format of that name"

    def __init__(self, entry: str, found: str) -> None:
        self.entry, self.group, self.found = entry, GROUP, found


def load_formats() -> Mapping[str, Format]:
    """Every installed format by name. Raises FormatBroken."""
    formats: dict[str, Format] = {}
    for entry in sorted(entry_points(group=GROUP), key=lambda entry: entry.name):
        value = entry.load()
        if not isinstance(value, Format) or value.name != entry.name:
            raise FormatBroken(entry.name, repr(value))
        formats[value.name] = value
    return formats
