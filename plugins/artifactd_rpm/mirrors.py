"""Lists of mirrors, as upstreams give them (rpm R106): one address a line, or a metalink (RFC 5854's
predecessor, version 3, as MirrorManager writes it)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final
from xml.parsers import expat

from artifactd.plugin import Answer, Asset, Change, Part, Selection, UpstreamInvalid
from artifactd_rpm.owners import REPOMD

MIRRORS_PATH: Final = ".mirrors"
"""Where a proxy keeps its list."""

MOST_MIRRORS: Final = 8
"""Of a list: where eight do not have a file, nobody has it."""

MOST_VERSIONS: Final = 3
"""Of repomd.xml that a metalink allows: mirrors may lag behind by one or two."""

LARGEST_LIST: Final = 4 << 20
"""Bytes; the longest have some hundred KiB."""

_DEEPEST: Final = 16
_STRENGTH: Final[Sequence[str]] = ("sha512", "sha256", "sha1", "md5")


@dataclass(frozen=True, slots=True)
class Version:
    """A repomd.xml that mirrors may have: what its bytes are, by checksum (algorithm → hex) and size."""

    checksum: Mapping[str, str]
    size: int | None


@dataclass(frozen=True, slots=True)
class Mirrors:
    """Addresses that end in a slash, the best first; and what their repomd.xml may be, the newest first.
    None says that anything will do."""

    urls: Sequence[str] = ()
    versions: Sequence[Version] = ()


@dataclass(frozen=True, slots=True)
class MirrorList:
    """The index of a proxy's mirrors; it has one document."""

    name: str = "mirrors"

    def selects(self, key: str) -> Selection:
        return Selection(MIRRORS_PATH)

    def build(self, key: str, assets: Iterable[Asset]) -> Mirrors:
        return Mirrors()

    def apply(self, key: str, document: Mirrors, changes: Sequence[Change]) -> Mirrors:
        return document

    def size(self, document: Mirrors) -> int:
        return 1000 * (len(document.urls) + len(document.versions))

    def path(self, key: str) -> str:
        return MIRRORS_PATH

    def parse(self, key: str, answers: Sequence[Answer]) -> Mirrors:
        return read_mirrors(answers[0].body)

    def merge(self, key: str, parts: Sequence[Part[Mirrors]]) -> Mirrors:
        return parts[0].document


MIRRORS: Final = MirrorList()


def read_mirrors(body: bytes) -> Mirrors:
    """A list in either form: what begins as XML is a metalink. Raises UpstreamInvalid for a list without
    any mirror."""
    if len(body) > LARGEST_LIST:
        raise UpstreamInvalid(f"a list of mirrors has more than {LARGEST_LIST} bytes")
    mirrors = _metalink(body) if body.lstrip()[:1] == b"<" else _lines(body)
    if not mirrors.urls:
        raise UpstreamInvalid("a list of mirrors names none")
    return mirrors


def _lines(body: bytes) -> Mirrors:
    lines = [line.strip() for line in body.decode("utf-8", "replace").splitlines()]
    return Mirrors(_usable(line if line.endswith("/") else f"{line}/" for line in lines))


def _usable(urls: Iterable[str]) -> Sequence[str]:
    """Those that can be asked; the others are comments, rsync, or have variables of clients."""
    asked = (url for url in urls if url.startswith(("http://", "https://")) and "$" not in url)
    return tuple(dict.fromkeys(asked))[:MOST_MIRRORS]


def _metalink(body: bytes) -> Mirrors:
    reader = _Reader()
    try:
        reader.parser.Parse(body, True)
    except expat.ExpatError as error:
        raise UpstreamInvalid(f"a metalink cannot be read: {error}") from error
    ranked = sorted(reader.urls, key=lambda found: -found[0])
    bases = [url.removesuffix(REPOMD) for _, url in ranked if url.endswith(f"/{REPOMD}")]
    versions = [found.version() for found in reader.versions]
    return Mirrors(_usable(bases), [each for each in versions if each.checksum][:MOST_VERSIONS])


@dataclass(slots=True)
class _Found:
    """A version while it is read."""

    hashes: dict[str, str] = field(default_factory=dict)
    size: str = ""

    def version(self) -> Version:
        best = next((name for name in _STRENGTH if name in self.hashes), "")
        checksum = {best: self.hashes[best].strip().lower()} if best else {}
        return Version(checksum, _number(self.size))


def _number(text: str) -> int | None:
    digits = text.strip()
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 19 else None


class _Reader:
    """Reads the file element of repomd.xml, with bounds; a DOCTYPE is refused. Names are taken without
    their namespaces, which differ from writer to writer."""

    def __init__(self) -> None:
        self.urls: list[tuple[int, str]] = []
        self.versions: list[_Found] = []
        self._open: list[str] = []
        self._attributes: Mapping[str, str] = {}
        self._said = ""
        self.parser = parser = expat.ParserCreate("UTF-8", namespace_separator=" ")
        parser.buffer_text = True
        parser.StartElementHandler = self._begin
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text
        parser.StartDoctypeDeclHandler = self._refuse

    def _begin(self, name: str, attributes: Mapping[str, str]) -> None:
        local = name.rpartition(" ")[2]
        self._open.append(local)
        if len(self._open) > _DEEPEST:
            raise UpstreamInvalid(f"a metalink has more than {_DEEPEST} levels of elements")
        self._attributes, self._said = attributes, ""
        if local in ("file", "alternate"):
            self.versions.append(_Found())

    def _end(self, name: str) -> None:
        local = self._open.pop()
        within = self._open[-1] if self._open else ""
        if local == "hash" and within == "verification" and self.versions:
            self.versions[-1].hashes[self._attributes.get("type", "").lower()] = self._said
        elif local == "size" and within in ("file", "alternate"):
            self.versions[-1].size = self._said
        elif local == "url" and within == "resources":
            self.urls.append((_number(self._attributes.get("preference", "")) or 0, self._said.strip()))

    def _text(self, data: str) -> None:
        self._said += data

    def _refuse(self, *doctype: object) -> None:
        raise UpstreamInvalid("a metalink has a DOCTYPE")
