"""Reading XML documents of others, of any size, of which only the elements of some names matter.

Elements are cut out of the bytes, while the same bytes go through a parser that proves them well-formed.
That takes a tenth of the time of building them anew, keeps what we do not know of, and is exact under what
the parser refuses: without CDATA sections, and without comments that hold markup, a tag in the bytes is a
tag in the document.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from html import unescape
from typing import Final
from xml.parsers import expat
from xml.sax.saxutils import quoteattr

from artifactd.plugin import UpstreamInvalid
from artifactd_rpm.repomd import RPM

LARGEST_ELEMENT: Final = 128 << 20
"""Bytes of one element; a million files make 60 MiB of a package's file list."""

_ATTRIBUTE: Final = re.compile(rb"""([\w:.-]+)\s*=\s*(?:"([^"]*)"|'([^']*)')""")
_NAME: Final = re.compile(rb"<name>([^<]*)</name>")
_ARCH: Final = re.compile(rb"<arch>([^<]*)</arch>")
_VERSION: Final = re.compile(rb"<version\s([^<]*)>")
_CHECKSUM: Final = re.compile(rb"<checksum\s([^<]*?)>\s*([0-9a-fA-F]+)\s*</checksum>")
_LOCATION: Final = re.compile(rb"<location\s([^<]*)>")
_ONCE: Final = (b"<name", b"<arch", b"<version", b"<checksum", b"<location")
_PREFIXED_NAME: Final = re.compile(rb"<[\w.-]+:name[\s/>]")
_LONGEST_NAME: Final = 64  # bytes of an opening tag up to the end of its name; those here have a dozen
_TAG_END: Final = re.compile(rb"""(?:[^"'<>]|"[^"<]*"|'[^'<]*')*>""")


class Document:
    """A document while it is read, once. Iterating gives each of its outermost elements called one of
    `names`, with its name, as it stands there; but namespaces that its root declares are declared on the
    elements that use them.

    `namespace`: the one that its root must have, if any. `doctype`: whether it may have a DOCTYPE, which
    refers to a DTD that is not read. Raises UpstreamInvalid."""

    def __init__(
        self, data: Iterable[bytes], *names: str, namespace: str | None = None, doctype: bool = False
    ) -> None:
        self._data = data
        self._names = names
        self._namespace = namespace
        self._proof = Proof(doctype=doctype, cut=True)

    @property
    def namespaces(self) -> Mapping[str, str]:
        """What its root declares, as far as it has been read: prefix to address, "" for none."""
        return self._proof.namespaces

    def __iter__(self) -> Iterator[tuple[str, bytes]]:
        for name, element in outermost(self._proved(), *self._names):
            yield name, declared(element, name, self.namespaces)

    def _proved(self) -> Iterator[bytes]:
        proof, waiting = self._proof, b""
        for piece in self._data:
            proof.feed(piece)
            waiting += piece
            if proof.root:
                if self.namespaces.get("") != self._namespace:
                    raise UpstreamInvalid(f"a document is a {proof.root} of another namespace")
                yield waiting
                waiting = b""
        proof.feed(b"", last=True)
        yield waiting


def outermost(data: Iterable[bytes], *names: str) -> Iterator[tuple[str, bytes]]:
    """The elements of a document that was proved to be one."""
    any_of = "|".join(map(re.escape, names)).encode()
    opening = re.compile(rb"<(" + any_of + rb")(?=[\s/>])")
    closings = {name: re.compile(rb"</" + re.escape(name).encode() + rb"\s*>") for name in names}
    waiting = b""
    for piece in data:
        waiting += piece
        place = 0
        for name, start, place in _complete(waiting, opening, closings):
            yield name, waiting[start:place]
        begun = opening.search(waiting, place)
        # A tag may begin in the last bytes, and go on in the next piece.
        kept = begun.start() if begun is not None else max(place, len(waiting) - _LONGEST_NAME)
        waiting = waiting[kept:]
        if len(waiting) > LARGEST_ELEMENT:
            raise UpstreamInvalid(f"a document has an element of more than {LARGEST_ELEMENT} bytes")


def declared(element: bytes, name: str, namespaces: Mapping[str, str]) -> bytes:
    """An element that stands for itself: what it needs of the namespaces of its root is declared on it, but
    for the one that repodata always calls `rpm`."""
    for prefix, address in namespaces.items():
        if prefix and (prefix, address) != ("rpm", RPM) and f"{prefix}:".encode() in element:
            begun = len(name) + 1
            declaration = f" xmlns:{prefix}={quoteattr(address)}".encode()
            element = element[:begun] + declaration + element[begun:]
    return element


@dataclass(frozen=True, slots=True)
class Listed:
    """What primary says of a package that others refer to. `checksum_type` as there, e.g. `sha256`; `base`
    is the address that `href` is relative to, if it is not that of the repository."""

    name: str
    epoch: str
    version: str
    release: str
    arch: str
    checksum_type: str
    checksum: str
    href: str
    base: str

    @property
    def nevra(self) -> str:
        """`name-epoch:version-release.arch`, always with an epoch."""
        return f"{self.name}-{self.epoch}:{self.version}-{self.release}.{self.arch}"


def listed(package: bytes) -> Listed:
    """What a package element of primary says. Raises UpstreamInvalid for one that lacks any of
    it, or says it twice."""
    name, arch = _NAME.search(package), _ARCH.search(package)
    version, checksum = _VERSION.search(package), _CHECKSUM.search(package)
    location = _LOCATION.search(package)
    if name is None or arch is None or version is None or checksum is None or location is None:
        raise UpstreamInvalid("a package lacks its name, architecture, version, checksum or location")
    if any(package.count(tag) > 1 for tag in _ONCE) or _is_named_again(package):
        # Readers differ in which they take: a package could pass for another one.
        raise UpstreamInvalid(f"the package {text(name[1])} says twice what it is")
    evr, where = attributes(version[1]), attributes(location[1])
    return Listed(
        text(name[1]),
        evr.get("epoch") or "0",
        evr.get("ver", ""),
        evr.get("rel", ""),
        text(arch[1]),
        attributes(checksum[1]).get("type", ""),
        checksum[2].decode().lower(),
        where.get("href", ""),
        where.get("xml:base", ""),
    )


def moved(package: bytes, prefix: bytes) -> bytes:
    """A package element of primary with its location below another one, which ends in a slash."""
    location = _LOCATION.search(package)
    assert location is not None  # `listed` has read it
    for stated in _ATTRIBUTE.finditer(package, *location.span(1)):
        if stated[1] == b"href":
            place = stated.start(2 if stated[2] is not None else 3)
            package = package[:place] + prefix + package[place:]
            break
    return package


def _is_named_again(package: bytes) -> bool:
    return b":name" in package and _PREFIXED_NAME.search(package) is not None


def attributes(tag: bytes) -> dict[str, str]:
    """The attributes in the bytes of a tag."""
    return {name.decode(): text(double or single) for name, double, single in _ATTRIBUTE.findall(tag)}


def text(data: bytes) -> str:
    """What the bytes of a text or an attribute say."""
    said = data.decode()
    return (unescape(said) if "&" in said else said).strip()


class Proof:
    """Proves bytes to be a well-formed document that has no entities of its own. Raises UpstreamInvalid.

    `root` is the name of its root element and `namespaces` what that declares (prefix to address, "" for
    none), once it has begun. `cut`: whether elements are cut out of its bytes."""

    def __init__(self, *, doctype: bool = False, cut: bool = False) -> None:
        self.root = ""
        self.namespaces: dict[str, str] = {}
        # The encoding is ours to say: every tool writes UTF-8, and the bytes are looked at as such.
        self._parser = parser = expat.ParserCreate("UTF-8", namespace_separator=" ")
        parser.StartNamespaceDeclHandler = self._declare
        parser.StartElementHandler = self._begin
        parser.StartDoctypeDeclHandler = _without_subset if doctype else _no_doctype
        parser.EntityDeclHandler = _no_entity
        if cut:
            parser.StartCdataSectionHandler = _no_cdata
            parser.CommentHandler = _no_markup
            parser.ProcessingInstructionHandler = lambda target, data: _no_markup(data)

    def feed(self, data: bytes, *, last: bool = False) -> None:
        if b"\0" in data:  # UTF-16, which the parser would go along with
            raise UpstreamInvalid("a document is not written in UTF-8")
        try:
            self._parser.Parse(data, last)
        except expat.ExpatError as error:
            raise UpstreamInvalid(f"a document is no well-formed XML: {error}") from error

    def _declare(self, prefix: str | None, address: str | None) -> None:
        self.namespaces[prefix or ""] = address or ""

    def _begin(self, name: str, attributes: Mapping[str, str]) -> None:
        self.root = name.rpartition(" ")[2]
        self._parser.StartElementHandler = None
        self._parser.StartNamespaceDeclHandler = None


def _complete(
    data: bytes, opening: re.Pattern[bytes], closings: Mapping[str, re.Pattern[bytes]]
) -> Iterator[tuple[str, int, int]]:
    """The elements that are complete in the bytes: their names, and where they begin and end."""
    end = 0
    while (found := opening.search(data, end)) is not None:
        tag = _TAG_END.match(data, found.end())
        if tag is None:
            return
        name, end = found[1].decode(), tag.end()
        if data[end - 2] != 0x2F:  # a slash: the element is empty
            closing = closings[name].search(data, end)
            if closing is None:
                return
            nested = opening.search(data, end, closing.start())
            if nested is not None and nested[1] == found[1]:
                raise UpstreamInvalid(f"a document has {name} elements within such elements")
            end = closing.end()
        yield name, found.start(), end


def _no_doctype(name: str, system: str | None, public: str | None, subset: bool) -> None:
    raise UpstreamInvalid("a document has a DOCTYPE")


def _without_subset(name: str, system: str | None, public: str | None, subset: bool) -> None:
    if subset:
        raise UpstreamInvalid("a document declares types of its own in its DOCTYPE")


def _no_entity(*declaration: object) -> None:
    raise UpstreamInvalid("a document declares entities")


def _no_cdata() -> None:
    raise UpstreamInvalid("a document has a CDATA section, which is not told from markup here")


def _no_markup(comment: str) -> None:
    if "<" in comment:
        raise UpstreamInvalid("a document has markup in a comment, which is not told from its own here")
