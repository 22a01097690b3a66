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

METADATA_KEYS: Final = ("core-metadata", "dist-info-metadata")
"""PEP 714 and, for pip < 23.3, PEP 658 before it."""

HASHES: Final = ("sha256", "sha512", "sha384", "sha224", "sha1", "md5")
"""What installers check a file by, the best first; of an address in HTML, they read one."""

_LOWEST: Final = Version("0.dev0")


@dataclass(frozen=True, slots=True)
class Origin:
    """Where an upstream has a file: absolute addresses that nobody is shown. `provenance`: empty when it
    has none."""

    url: str
    provenance: str = ""


@dataclass(frozen=True)
class File:
    """What a page says of a file of a project, ours or an upstream's. What an upstream leaves out is None.

    `version` is None for a name from before versions had a grammar, and `shown` what stands in its place.
    `hashes`: what pages state, `checksums` all that is known, both by algorithm in lower-case hex.
    `upload_time` as PEP 700 writes it. `metadata`: the hashes of its METADATA, which may be none, when that
    is served beside it. `yanked`: the reason, empty when there is none, or None. `more`: keys that nobody
    here knows. `origin`: where a proxy finds it."""

    project: str
    filename: str
    version: Version | None
    shown: str
    release: Release
    kind: str
    python: str
    size: int | None
    hashes: Mapping[str, str]
    checksums: Mapping[str, str]
    requires_python: str | None
    upload_time: str | None
    metadata: Mapping[str, str] | None
    signed: bool | None = False
    attested: bool = False
    yanked: str | None = None
    more: Mapping[str, Any] | None = None
    origin: Origin | None = None

    @property
    def is_plain(self) -> bool:
        """Whether nothing is said of it but what it says of itself."""
        return not (self.signed or self.attested) and self.yanked is None

    @property
    def order(self) -> tuple[bool, Version, str]:
        """Where it stands on a page: first what has no version that could be compared."""
        return self.version is not None, self.version or _LOWEST, self.filename

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

    def _object(self) -> dict[str, Any]:
        shown: dict[str, Any] = {**self.more} if self.more else {}
        shown |= {"filename": self.filename, "url": self.url, "hashes": self.hashes}
        # A key that has nothing to say must be absent: installers refuse pages with a size of null.
        if self.size is not None:
            shown["size"] = self.size
        if self.upload_time is not None:
            shown["upload-time"] = self.upload_time
        shown["yanked"] = self.yanked or self.yanked is not None
        if self.signed is not None:
            shown["gpg-sig"] = self.signed
        for key in METADATA_KEYS:
            shown[key] = self.metadata or self.metadata is not None
        if self.requires_python is not None:
            shown["requires-python"] = self.requires_python
        return shown

    def _anchor(self, provenance: str) -> str:
        more = ""
        if self.requires_python is not None:
            more += f' data-requires-python="{escape(self.requires_python)}"'
        if self.metadata is not None:
            stated = escape(_best(self.metadata)) or "true"
            more += "".join(f' data-{key}="{stated}"' for key in METADATA_KEYS)
        if self.yanked is not None:
            more += f' data-yanked="{escape(self.yanked)}"'
        if self.signed is not None:
            more += f' data-gpg-sig="{"true" if self.signed else "false"}"'
        link = f"{self.url}#{_best(self.hashes)}" if self.hashes else self.url
        return f'<a href="{escape(link)}"{more}{provenance}>{escape(self.filename)}</a><br>\n'

    def _provenance(self, base: str) -> str:
        return f"{base}packages/{quote(self.project)}/{quote(self.filename)}{PROVENANCE}"


def file_of(project: str, filename: str, asset: Asset) -> File:
    """What an asset says of itself. Signature, provenance and yank are said elsewhere."""
    attributes = asset.attributes
    assert asset.blob is not None, "a file has bytes"
    version, release = parse_version(attributes["version"])
    sha256 = {"sha256": hex_of(asset.blob.digest)}
    metadata = attributes.get("metadata")
    return File(
        project=project,
        filename=filename,
        version=version,
        shown=attributes["version"],
        release=release,
        kind=attributes["kind"],
        python=attributes["python"],
        size=asset.blob.size,
        hashes=sha256,
        checksums={**asset.blob.checksums, **sha256},
        requires_python=attributes.get("requires_python"),
        upload_time=_written(attributes["uploaded"]),
        metadata={"sha256": metadata} if metadata else None,
    )


def _best(hashes: Mapping[str, str]) -> str:
    """The best of some hashes as HTML states it, empty when installers know none of them."""
    best = next((name for name in HASHES if name in hashes), None)
    return f"{best}={hashes[best]}" if best is not None else ""


def _written(micros: Micros) -> str:
    """A time in UTC, as PEP 700 writes it."""
    return moment(micros).isoformat(timespec="microseconds").replace("+00:00", "Z")
