"""The compressions of repodata: two that it is written in, and five that it is read in.

Rule 1: a document may be made of several members (gzip, RFC 1952, section 2.2) or frames (zstd, RFC 8878,
section 3), one behind the other. Every reader of either takes them as one document, which is what lets a
publication copy the part of a document that has not changed.
Rule 2: what is read is bounded, whatever it claims to be.
"""

import bz2
import lzma
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final, Protocol, cast

import zstandard
from isal import igzip_lib, isal_zlib

from artifactd.plugin import UpstreamInvalid

PIECE: Final = 256 * 1024
"""Bytes that are read at a time."""

LARGEST: Final = 4 << 30
"""Bytes of a document whose size nobody states: ten times the largest that distributions have."""

_BURST: Final = 1 << 20  # bytes that a reader gives at a time
_MOST_MEMORY: Final = 128 << 20  # bytes of the windows of zstd and xz; what their strongest levels take
_ZSTD_STEP: Final = 1024
"""Bytes that go into a zstd frame at a time: the reader does not bound what comes out, and a block of four
bytes can make 128 KiB. So it makes 32 MiB at most."""

_GZIP_LEVEL: Final = 2
"""Of igzip: 8 % larger than level 6 of zlib, in a tenth of its time (600 MB/s)."""
_ZSTD_LEVEL: Final = 3
"""Level 6 saves 4 %, for three times the time (350 MB/s against 100)."""


_FAILURES: Final[tuple[type[Exception], ...]] = (
    cast(type[Exception], igzip_lib.error),  # its stubs call the class an exception
    lzma.LZMAError,
    zstandard.ZstdError,
    OSError,
    ValueError,
    EOFError,
)


class Compressor(Protocol):
    """One member while it is written."""

    def compress(self, data: bytes, /) -> bytes: ...
    def flush(self) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Compression:
    """A way to write. `begin` starts a member. Equal writes give equal bytes: there is no time in them."""

    suffix: str
    begin: Callable[[], Compressor]


GZIP: Final = Compression(
    ".gz",
    lambda: isal_zlib.compressobj(_GZIP_LEVEL, isal_zlib.DEFLATED, 16 + isal_zlib.MAX_WBITS),
)
ZSTD: Final = Compression(".zst", lambda: zstandard.ZstdCompressor(level=_ZSTD_LEVEL).compressobj())

COMPRESSIONS: Final = {"gzip": GZIP, "zstd": ZSTD}
"""By the value of the setting `compression`."""


def pieces(file: BinaryIO, size: int | None = None) -> Iterator[bytes]:
    """The bytes of a file from where it stands, or `size` of them. Fewer when it ends before."""
    while size is None or size > 0:
        data = file.read(PIECE if size is None else min(PIECE, size))
        if not data:
            return
        size = None if size is None else size - len(data)
        yield data


def decompressed(compressed: Iterable[bytes], limit: int = LARGEST) -> Iterator[bytes]:
    """What the pieces hold, by their first bytes: gzip, zstd, xz, bzip2, or else the pieces themselves.

    Raises UpstreamInvalid where they are damaged or end too soon, and for more than `limit` bytes."""
    left = limit
    try:
        for data in _read(iter(compressed)):
            left -= len(data)
            if left < 0:
                raise UpstreamInvalid(f"a document has more than the {limit} bytes that it may have")
            yield data
    except _FAILURES as error:
        raise UpstreamInvalid(f"a compressed document cannot be read: {error}") from error


class _Member(Protocol):
    """One member while it is read: the interface of the decompressors of bz2 and lzma."""

    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int = -1) -> bytes: ...


class _ZstdFrame:
    """A zstd frame, read with the interface of the others."""

    def __init__(self) -> None:
        self._frame = zstandard.ZstdDecompressor(max_window_size=_MOST_MEMORY).decompressobj()
        self._data = b""
        self._place = 0

    @property
    def eof(self) -> bool:
        return self._frame.eof

    @property
    def needs_input(self) -> bool:
        return self._place >= len(self._data)

    @property
    def unused_data(self) -> bytes:
        return self._frame.unused_data + self._data[self._place :]

    def decompress(self, data: bytes, max_length: int = -1) -> bytes:
        if data:
            self._data, self._place = data, 0
        step = self._data[self._place : self._place + _ZSTD_STEP]
        self._place += len(step)
        return self._frame.decompress(step)


_MEMBERS: Final[dict[bytes, Callable[[], _Member]]] = {
    b"\x1f\x8b": lambda: igzip_lib.IgzipDecompressor(flag=igzip_lib.DECOMP_GZIP),
    b"\x28\xb5\x2f\xfd": _ZstdFrame,
    b"\xfd7zXZ\x00": lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_MOST_MEMORY),
    b"BZh": bz2.BZ2Decompressor,
}
"""By what a member begins with."""


def _read(compressed: Iterator[bytes]) -> Iterator[bytes]:
    first = next(compressed, b"")
    begin = next((begin for magic, begin in _MEMBERS.items() if first.startswith(magic)), None)
    if begin is None:
        yield first
        yield from compressed
    else:
        yield from _members(first, compressed, begin)


def _members(piece: bytes, rest: Iterator[bytes], begin: Callable[[], _Member]) -> Iterator[bytes]:
    member: _Member | None = None
    more: bytes | None = piece
    while more is not None:
        data = more
        while True:
            if member is None:
                data = data.lstrip(b"\0")  # padding, which may follow a member
                if not data:
                    break
                member = begin()
            read = member.decompress(data, _BURST)
            if read:
                yield read
            data = b""
            if member.eof:
                data, member = member.unused_data, None
            elif member.needs_input:
                break
        more = next(rest, None)
    if member is not None:
        raise EOFError("it ends too soon")
