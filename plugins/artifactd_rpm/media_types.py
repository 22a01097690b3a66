"""What files are served as (rpm R142): by their names, and never as what a browser would run."""

from typing import Final

RPM: Final = "application/x-rpm"
XML: Final = "application/xml"
SIGNATURE: Final = "application/pgp-signature"
KEY: Final = "application/pgp-keys"
TEXT: Final = "text/plain; charset=utf-8"

_TYPES: Final = {
    "rpm": RPM,
    "drpm": RPM,
    "xml": XML,
    "asc": SIGNATURE,
    "sig": SIGNATURE,
    "key": KEY,
    # Never a content encoding: clients compare lengths and checksums of what travels (rpm R141).
    "gz": "application/gzip",
    "zst": "application/zstd",
    "xz": "application/x-xz",
    "bz2": "application/x-bzip2",
    "zck": "application/x-zchunk",
    "yaml": "application/yaml",
    "json": "application/json",
    "sqlite": "application/vnd.sqlite3",
    "iso": "application/vnd.efi.iso",
    "repo": "text/plain",
    "treeinfo": "text/plain",
    "txt": "text/plain",
}


def media_type(path: str) -> str:
    """The media type of the file at a path."""
    name = path.rpartition("/")[2]
    if name.startswith("RPM-GPG-KEY"):
        return KEY
    return _TYPES.get(name.rpartition(".")[2].lower(), "application/octet-stream")
