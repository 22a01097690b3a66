"""RPM packages made of nothing but headers: what a server reads of one, without rpmbuild. The same
arguments give the same bytes.

    rpm("acme", "1.0")
    rpm("acme", tags={Tag.EPOCH: [2], Tag.SUMMARY: b"caf\xe9"})

Values are bytes (a string), a list of bytes or of numbers, or `Value` with a type of its own.
"""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from artifactd_rpm.tags import SignatureTag, Tag, ValueType

LEAD = b"\xed\xab\xee\xdb\x03\x00" + bytes(72) + b"\x00\x05" + bytes(16)


@dataclass(frozen=True, slots=True)
class Value:
    """Bytes of the store, of a type, counted as the entry says."""

    kind: ValueType
    count: int
    data: bytes


Values = bytes | Sequence[bytes] | Sequence[int] | Value

_NUMBERS = {
    ValueType.INT16: ">H",
    ValueType.INT32: ">I",
    ValueType.INT64: ">Q",
}
_TRANSLATED = (Tag.SUMMARY, Tag.DESCRIPTION, Tag.GROUP)
_LONG = (Tag.LONGSIZE, Tag.PAYLOADSIZE, SignatureTag.LONGARCHIVESIZE)


def rpm(
    name: str = "acme",
    version: str = "1.0",
    release: str = "1",
    arch: str = "noarch",
    *,
    tags: Mapping[int, Values | None] | None = None,
    signature: Mapping[int, Values] | None = None,
    payload: bytes = b"payload",
) -> bytes:
    """A package. Without SOURCERPM (None) it is a source package."""
    facts: dict[int, Values | None] = {
        Tag.NAME: name.encode(),
        Tag.VERSION: version.encode(),
        Tag.RELEASE: release.encode(),
        Tag.SUMMARY: b"A package of tests",
        Tag.DESCRIPTION: b"It does nothing.",
        Tag.BUILDTIME: [1_700_000_000],
        Tag.LICENSE: b"Apache-2.0",
        Tag.ARCH: arch.encode(),
        Tag.SOURCERPM: f"{name}-{version}-{release}.src.rpm".encode(),
        Tag.PROVIDENAME: [name.encode()],
        Tag.PROVIDEFLAGS: [8],
        Tag.PROVIDEVERSION: [f"{version}-{release}".encode()],
    }
    facts.update(tags or {})
    said = signature or {SignatureTag.PAYLOADSIZE: [len(payload)]}
    signed = header(said)
    main = header({tag: values for tag, values in facts.items() if values is not None})
    return LEAD + signed + bytes(-len(signed) % 8) + main + payload


def header(facts: Mapping[int, Values]) -> bytes:
    """A header with these entries, in the order of their tags."""
    index, store = b"", b""
    for tag, values in sorted(facts.items()):
        value = _value(tag, values)
        store += bytes(-len(store) % _alignment(value.kind))
        index += struct.pack(">IIII", tag, value.kind, len(store), value.count)
        store += value.data
    return struct.pack(">4s4xII", b"\x8e\xad\xe8\x01", len(facts), len(store)) + index + store


def _value(tag: int, values: Values) -> Value:
    if isinstance(values, Value):
        return values
    if isinstance(values, bytes):
        kind = ValueType.I18N_STRING if tag in _TRANSLATED else ValueType.STRING
        return Value(kind, 1, values + b"\0")
    strings = [each for each in values if isinstance(each, bytes)]
    if strings:
        return Value(ValueType.STRING_ARRAY, len(strings), b"".join(each + b"\0" for each in strings))
    kind = ValueType.INT64 if tag in _LONG else ValueType.INT16 if tag == Tag.FILEMODES else ValueType.INT32
    numbers = [each for each in values if isinstance(each, int)]
    return Value(kind, len(numbers), b"".join(struct.pack(_NUMBERS[kind], each) for each in numbers))


def _alignment(kind: ValueType) -> int:
    return struct.calcsize(_NUMBERS[kind]) if kind in _NUMBERS else 1
