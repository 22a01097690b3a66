"""The head of an RPM file: lead, signature header, main header (rpm R40). Reads forward, and nothing of the
payload.

    lead                96 bytes, of which only the first four still mean something
    signature header    16 bytes: magic, number of entries, size of the store; 16 bytes for each entry; the
                        store; zeros up to a multiple of 8
    main header         likewise, without the zeros

An entry says of a tag which type its values have, where in the store they begin, and how many they are.
"""

import struct
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import BinaryIO, Final

from artifactd.plugin import InvalidInput
from artifactd_rpm.tags import ValueType

MOST_ENTRIES: Final = 64 << 10
LARGEST_STORE: Final = 256 << 20
"""Bytes. Both are the bounds that rpm itself has."""

MOST_VALUES: Final = 1 << 20
"""Values of one entry: more files than any known package has."""

_LEAD: Final = 96
_LEAD_MAGIC: Final = b"\xed\xab\xee\xdb"
_INTRO: Final = struct.Struct(">4s4xII")
_HEADER_MAGIC: Final = b"\x8e\xad\xe8\x01"
_ENTRY: Final = struct.Struct(">IIII")

_WIDTHS: Final = {
    ValueType.CHAR: 1,
    ValueType.INT8: 1,
    ValueType.INT16: 2,
    ValueType.INT32: 4,
    ValueType.INT64: 8,
    ValueType.BINARY: 1,
}
_INTEGERS: Final = {
    ValueType.CHAR: "B",
    ValueType.INT8: "B",
    ValueType.INT16: "H",
    ValueType.INT32: "I",
    ValueType.INT64: "Q",
}
_STRINGS: Final = (ValueType.STRING, ValueType.STRING_ARRAY, ValueType.I18N_STRING)


class PackageInvalid(InvalidInput):
    """A file that is no RPM package, or one that no client could read."""


@dataclass(frozen=True, slots=True)
class Header:
    """A header: where the values of its tags lie, and the bytes they lie in. `starts` are all offsets, in
    order. What is asked for raises PackageInvalid when it is not there as it should be."""

    entries: Mapping[int, tuple[ValueType, int, int]]
    store: bytes
    starts: Sequence[int]

    def __contains__(self, tag: int) -> bool:
        return tag in self.entries

    def integers(self, tag: int) -> Sequence[int]:
        """The numbers of a tag; none when it is absent."""
        if tag not in self.entries:
            return ()
        kind, offset, count = self.entries[tag]
        if kind not in _INTEGERS:
            raise PackageInvalid(f"tag {tag} of the header has type {kind.name}, not numbers")
        _check_count(tag, count)
        return struct.unpack_from(f">{count}{_INTEGERS[kind]}", self.store, offset)

    def integer(self, *tags: int) -> int | None:
        """The number of the first of these tags that is there."""
        for tag in tags:
            if numbers := self.integers(tag):
                return numbers[0]
        return None

    def strings(self, tag: int) -> Sequence[bytes]:
        """The strings of a tag; none when it is absent. Of translations the first, which is that of the C
        locale."""
        if tag not in self.entries:
            return ()
        kind, offset, count = self.entries[tag]
        if kind not in _STRINGS:
            raise PackageInvalid(f"tag {tag} of the header has type {kind.name}, not strings")
        if kind is not ValueType.STRING_ARRAY:
            count = 1
        _check_count(tag, count)
        after = bisect_right(self.starts, offset)
        end = self.starts[after] if after < len(self.starts) else len(self.store)
        values = self.store[offset:end].split(b"\0", count)
        if len(values) <= count:
            raise PackageInvalid(f"the strings of tag {tag} of the header have no end")
        del values[count:]
        return values

    def string(self, tag: int) -> bytes:
        """The string of a tag; empty when it is absent."""
        values = self.strings(tag)
        return values[0] if values else b""

    def binary(self, tag: int) -> bytes:
        """The bytes of a tag; empty when it is absent."""
        if tag not in self.entries:
            return b""
        kind, offset, count = self.entries[tag]
        if kind is not ValueType.BINARY:
            raise PackageInvalid(f"tag {tag} of the header has type {kind.name}, not bytes")
        return self.store[offset : offset + count]


@dataclass(frozen=True, slots=True)
class Headers:
    """Both headers of a package. The main one lies at the bytes `start` to `end` of the file, `end` not
    included."""

    signature: Header
    main: Header
    start: int
    end: int


def read_headers(file: BinaryIO) -> Headers:
    """The headers of a package, from its beginning on. Raises PackageInvalid."""
    if _read_most(file, _LEAD)[:4] != _LEAD_MAGIC:
        raise PackageInvalid("the file is no RPM package: it does not begin as one")
    signature, size = _read_header(file, "signature header")
    padding = -size % 8
    _read(file, padding, "signature header")
    start = _LEAD + size + padding
    main, size = _read_header(file, "header")
    return Headers(signature, main, start, start + size)


def _read_header(file: BinaryIO, title: str) -> tuple[Header, int]:
    """A header, and its size in bytes."""
    magic, count, size = _INTRO.unpack(_read(file, _INTRO.size, title))
    if magic != _HEADER_MAGIC:
        raise PackageInvalid(f"the package is damaged: its {title} does not begin as one")
    if count > MOST_ENTRIES or size > LARGEST_STORE:
        raise PackageInvalid(f"the package's {title} claims {count} entries and {size} bytes: too many")
    index = _read(file, count * _ENTRY.size, title)
    store = _read(file, size, title)
    entries: dict[int, tuple[ValueType, int, int]] = {}
    for tag, kind, offset, values in _ENTRY.iter_unpack(index):
        if kind > ValueType.I18N_STRING:
            raise PackageInvalid(f"tag {tag} of the {title} has a type that is none: {kind}")
        known = ValueType(kind)
        if offset + values * _WIDTHS.get(known, 0) > size:
            raise PackageInvalid(f"the values of tag {tag} lie outside of the {title}")
        entries.setdefault(tag, (known, offset, values))
    starts = sorted({offset for _, offset, _ in entries.values()})
    return Header(entries, store, starts), _INTRO.size + len(index) + size


def _read(file: BinaryIO, size: int, title: str) -> bytes:
    data = _read_most(file, size)
    if len(data) != size:
        raise PackageInvalid(f"the package ends within its {title}")
    return data


def _read_most(file: BinaryIO, size: int) -> bytes:
    data = file.read(size)
    while len(data) < size and (more := file.read(size - len(data))):
        data += more
    return data


def _check_count(tag: int, count: int) -> None:
    if count > MOST_VALUES:
        raise PackageInvalid(f"tag {tag} of the header has {count} values; {MOST_VALUES} are allowed")
