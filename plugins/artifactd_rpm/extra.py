"""What repodata lists beside packages: groups, modules, advisories, product certificates, and kinds of
others (rpm E).

One file for each kind, at `<D>/.metadata/<kind>`. It is checked here for being what it says, and published
as it is, byte for byte: tools of others know more of it than we do.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import BinaryIO, Final

from artifactd.plugin import Description, InvalidInput, UpstreamInvalid
from artifactd_rpm.reading import Proof

LARGEST_EXTRA: Final = 256 << 20
"""Bytes of such a file; the advisories of a distribution have thirty million."""

_GENERATED: Final = re.compile(
    r"(?:primary|filelists|other|group|prestodelta|deltainfo|repomd)(?:[_-].*)?", re.DOTALL
)
"""Kinds that are made from packages, or from other kinds."""

_PIECE: Final = 1 << 18
_DOCUMENT: Final = re.compile(r"^document:[ \t]*[\"']?modulemd", re.MULTILINE)
_SEPARATOR: Final = re.compile(r"^---(?:[ \t].*)?$", re.MULTILINE)


def check_kind(kind: str) -> None:
    """Raises InvalidInput for a kind that nobody can put."""
    if _GENERATED.fullmatch(kind):
        raise InvalidInput(
            f"metadata of kind {kind!r} is made by the repository; groups are put as 'comps'"
        )


def describe_extra(kind: str, file: BinaryIO) -> Description:
    """The facts of such a file. Raises InvalidInput when it is not what its kind says."""
    check = _CHECKS.get(kind)
    if check is not None:
        check(file)
    return Description(label=kind, attributes={"kind": kind})


def _is_xml(root: str) -> Callable[[BinaryIO], None]:
    def check(file: BinaryIO) -> None:
        proof = Proof(doctype=True)
        try:
            for piece in _pieces(file):
                proof.feed(piece)
            proof.feed(b"", last=True)
        except UpstreamInvalid as error:
            raise InvalidInput(f"the file cannot be published: {error}") from error
        if proof.root != root:
            raise InvalidInput(f"the file begins with the element {proof.root!r}, not with {root!r}")

    return check


def _is_modules(file: BinaryIO) -> None:
    """Not parsed as YAML, and never written anew: that would make a number of the stream `1.10`
    (rpm R82)."""
    try:
        text = file.read().decode()
    except UnicodeDecodeError as error:
        raise InvalidInput(f"the file is not UTF-8: {error}") from error
    documents = [each for each in _SEPARATOR.split(text) if _says_something(each)]
    if not documents or not all(_DOCUMENT.search(each) for each in documents):
        raise InvalidInput(
            "the file is no list of modules: each of its YAML documents must say `document: modulemd`"
        )


def _says_something(document: str) -> bool:
    lines = document.replace("...", "").splitlines()
    return any(line.strip() and not line.lstrip().startswith(("#", "%")) for line in lines)


_CHECKS: Final[Mapping[str, Callable[[BinaryIO], None]]] = {
    "comps": _is_xml("comps"),
    "updateinfo": _is_xml("updates"),
    "modules": _is_modules,
}


def _pieces(file: BinaryIO) -> Iterator[bytes]:
    while piece := file.read(_PIECE):
        yield piece
