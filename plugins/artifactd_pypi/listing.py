"""One file as it stands on a project's page, in JSON (PEP 691, 700, 714) and in HTML (PEP 503, 658).

Both are made once for each file and put together to pages: a page of 20,000 files is put together anew for
every file that is added to it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from html import escape
from typing import Any, Final
from urllib.parse import quote

import msgspec
from packaging.version import Version

from artifactd.plugin import Asset, Micros, hex_of, moment
from artifactd_pypi.names import PROVENANCE, Release, parse_version

_METADATA_KEYS: Final = ("core-metadata", "dist-info-metadata")
"""PEP 714 and, for pip < 23.3, PEP 658 before it."""


@dataclass(frozen=True)
class File:
    """A file of a project. `shown` is its version as it is written on pages; `metadata` the sha256 of its
    METADATA, when that is served beside it; `yanked` the reason, empty when there is none, or None;
    `uploaded` in microseconds since the epoch."""

    project: str
    filename: str
    version: Version
    shown: str
    release: Release
    kind: str
    python: str
    size: int
    checksums: Mapping[str, str]
    requires_python: str | None
    uploaded: Micros
    metadata: str | None
    signed: bool = False
    attested: bool = False
    yanked: str | None = None

    @property
    def is_plain(self) -> bool:
        """Whether nothing is said of it but what it says of itself."""
        return not (self.signed or self.attested) and self.yanked is None

    @property
    def order(self) -> tuple[Version, str]:
        """Where it stands on a page."""
        return self.version, self.filename

    @property
    def sha256(self) -> str:
        """Of its bytes."""
        return self.checksums["sha256"]

    @cached_property
    def url(self) -> str:
        """From the project's page. Relative: it holds whatever stands in front of us (pypi R24)."""
        return f"../../packages/{quote(self.project)}/{quote(self.filename)}"

    @cached_property
    def json(self) -> bytes:
        """As an object of `files`, without its provenance."""
        return msgspec.json.encode(self._object())

    @cached_property
    def html(self) -> bytes:
        """As an anchor, without its provenance."""
        return self._anchor("").encode()

    def json_at(self, base: str) -> bytes:
        """The same with the address of its provenance, which must be a full one (PEP 740): `base` is the
        repository's, ending in a slash."""
        return msgspec.json.encode({**self._object(), "provenance": self._provenance(base)})

    def html_at(self, base: str) -> bytes:
        """The same in HTML."""
        return self._anchor(f' data-provenance="{escape(self._provenance(base))}"').encode()

    @property
    def upload_time(self) -> str:
        """In UTC, as PEP 700 writes it."""
        return moment(self.uploaded).isoformat(timespec="microseconds").replace("+00:00", "Z")

    def _object(self) -> dict[str, Any]:
        metadata = {"sha256": self.metadata} if self.metadata else False
        shown: dict[str, Any] = {
            "filename": self.filename,
            "url": self.url,
            "hashes": {"sha256": self.sha256},
            "size": self.size,
            "upload-time": self.upload_time,
            "yanked": self.yanked or self.yanked is not None,
            "gpg-sig": self.signed,
            **dict.fromkeys(_METADATA_KEYS, metadata),
        }
        if self.requires_python is not None:
            shown["requires-python"] = self.requires_python
        return shown

    def _anchor(self, provenance: str) -> str:
        more = ""
        if self.requires_python is not None:
            more += f' data-requires-python="{escape(self.requires_python)}"'
        if self.metadata:
            more += "".join(f' data-{key}="sha256={self.metadata}"' for key in _METADATA_KEYS)
        if self.yanked is not None:
            more += f' data-yanked="{escape(self.yanked)}"'
        more += f' data-gpg-sig="{"true" if self.signed else "false"}"'
        link = f"{escape(self.url)}#sha256={self.sha256}"
        return f'<a href="{link}"{more}{provenance}>{escape(self.filename)}</a><br>\n'

    def _provenance(self, base: str) -> str:
        return f"{base}packages/{quote(self.project)}/{quote(self.filename)}{PROVENANCE}"


def file_of(project: str, filename: str, asset: Asset) -> File:
    """What an asset says of itself. Signature, provenance and yank are said elsewhere."""
    attributes = asset.attributes
    assert asset.blob is not None, "a file has bytes"
    version, release = parse_version(attributes["version"])
    return File(
        project=project,
        filename=filename,
        version=version,
        shown=attributes["version"],
        release=release,
        kind=attributes["kind"],
        python=attributes["python"],
        size=asset.blob.size,
        checksums={**asset.blob.checksums, "sha256": hex_of(asset.blob.digest)},
        requires_python=attributes.get("requires_python"),
        uploaded=attributes["uploaded"],
        metadata=attributes.get("metadata"),
    )
