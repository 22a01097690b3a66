"""Merging modules: the module streams of several repositories (rpm R82, R124).

Documents of YAML are told apart and compared by their lines, and never written anew: whoever parses
`stream: 1.10` and writes it again has made the stream 1.1 of it.
"""

import re
from collections.abc import Hashable, Iterator, Sequence
from typing import Final

LARGEST: Final = 64 << 20
"""Bytes of modules; those of RHEL have 10 MiB."""

_IDENTITIES: Final = {
    "modulemd": ("name", "stream", "version", "context", "arch"),
    "modulemd-stream": ("name", "stream", "version", "context", "arch"),
    "modulemd-defaults": ("module",),
    "modulemd-obsoletes": ("module", "stream", "context", "modified"),
    "modulemd-translations": ("module", "stream"),
}
"""What makes a document the same as another one, by its kind: the first one is taken."""

_KIND: Final = re.compile(rb"^document:[ \t]*(\S+)", re.MULTILINE)
_DATA: Final = re.compile(rb"^data:[ \t]*(?:#.*)?\r?\n(?:[ \t]*(?:#.*)?\r?\n)*(?=([ \t]+)\S)", re.MULTILINE)
_COMMENT: Final = re.compile(rb"[ \t]+#.*$")


def merged_modules(documents: Sequence[bytes]) -> bytes:
    """One file from several, the more important first."""
    found: dict[Hashable, bytes] = {}
    for document in documents:
        for module in _split(document):
            found.setdefault(_identity(module), module)
    return b"".join(b"---\n%b...\n" % module for module in found.values())


def _split(document: bytes) -> Iterator[bytes]:
    """The documents of a file, without the lines between them. Those lines begin like nothing within a
    document can (YAML 1.2, section 9.1.2)."""
    lines: list[bytes] = []
    for line in document.splitlines(keepends=True):
        if line.startswith((b"---", b"...")) and line[3:4].strip() == b"":
            yield from _joined(lines)
            lines = [line[4:]] if line[3:].strip() else []
        elif lines or not line.startswith(b"%"):  # a directive stands before a document
            lines.append(line)
    yield from _joined(lines)


def _joined(lines: Sequence[bytes]) -> Iterator[bytes]:
    document = b"".join(lines)
    if document.strip():
        yield document if document.endswith(b"\n") else document + b"\n"


def _identity(module: bytes) -> Hashable:
    kind, data = _KIND.search(module), _DATA.search(module)
    names = _IDENTITIES.get(_plain(kind[1]) if kind else "", ())
    if kind is None or data is None or not names:
        return module
    facts = {name: _fact(module[data.end() :], data[1], name) for name in names}
    # Without a name it is nobody's double but its own.
    return (_plain(kind[1]), *facts.values()) if facts[names[0]] else module


def _fact(data: bytes, indent: bytes, name: str) -> str:
    """The value of a key of the mapping `data`, whose lines begin with `indent`."""
    found = re.search(b"^%b%b:[ \t]+(.*)$" % (re.escape(indent), name.encode()), data, re.MULTILINE)
    return _plain(found[1]) if found is not None else ""


def _plain(value: bytes) -> str:
    """A scalar of one line, without the quotes that it may have."""
    value = value.strip()
    quote = value[:1]
    plain = value[1:].partition(quote)[0] if quote in (b"'", b'"') else _COMMENT.sub(b"", value)
    return plain.decode("utf-8", "replace")
