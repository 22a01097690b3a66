"""What files are served as: what their names say (maven R27). Nothing is ever a content encoding."""

from typing import Final

XML: Final = "application/xml"
TEXT: Final = "text/plain"

_TYPES: Final = {
    "pom": XML,
    "xml": XML,
    "jar": "application/java-archive",
    "war": "application/java-archive",
    "ear": "application/java-archive",
    "module": "application/json",
    "json": "application/json",
    "asc": TEXT,
    "txt": TEXT,
    "properties": TEXT,
}
_UNKNOWN: Final = "application/octet-stream"


def media_type(path: str) -> str:
    """The media type of the file at a path."""
    return _TYPES.get(path.rpartition("/")[2].rpartition(".")[2], _UNKNOWN)
