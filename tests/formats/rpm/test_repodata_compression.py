"""Compressed documents: what is written is read by others, and what others write is read here, bounded."""

import bz2
import gzip
import lzma
import zlib
from collections.abc import Callable, Iterator

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from artifactd.plugin import UpstreamInvalid
from artifactd_rpm.compression import COMPRESSIONS, GZIP, ZSTD, Compression, decompressed, pieces
from tests.support.repodata import unpacked

TEXT = b"<package>" * 5000


def member(compression: Compression, *parts: bytes) -> bytes:
    begun = compression.begin()
    return b"".join(map(begun.compress, parts)) + begun.flush()


def in_pieces(data: bytes, size: int) -> Iterator[bytes]:
    return (data[place : place + size] for place in range(0, len(data), size))


@pytest.mark.parametrize("compression", COMPRESSIONS.values(), ids=list(COMPRESSIONS))
def test_several_members_are_one_document_to_other_readers(compression: Compression) -> None:
    members = [member(compression, b"one", b"two"), member(compression), member(compression, b"three")]
    assert unpacked(b"".join(members)) == b"onetwothree"


@pytest.mark.parametrize("compression", COMPRESSIONS.values(), ids=list(COMPRESSIONS))
def test_equal_writes_make_equal_bytes(compression: Compression) -> None:
    # rpm R64
    assert member(compression, TEXT) == member(compression, TEXT)


def test_no_time_and_no_machine_is_in_a_gzip_member() -> None:
    # rpm R64
    assert member(GZIP, b"x")[3:8] == bytes(5)


WRITERS: dict[str, Callable[[bytes], bytes]] = {
    "plain": lambda data: data,
    "gzip": gzip.compress,
    "xz": lzma.compress,
    "bzip2": bz2.compress,
    "zstd": zstandard.ZstdCompressor().compress,
}


@pytest.mark.parametrize("size", [1, 7, 1 << 20])
@pytest.mark.parametrize("write", WRITERS.values(), ids=list(WRITERS))
def test_what_others_have_compressed_is_read_in_whatever_pieces_it_comes(
    write: Callable[[bytes], bytes], size: int
) -> None:
    if size == 1 and write is not WRITERS["plain"]:
        data = write(b"<package>" * 50)
        head = data[:8]  # by which it is told what it is
        assert b"".join(decompressed([head, *in_pieces(data[8:], 1)])) == b"<package>" * 50
    else:
        assert b"".join(decompressed(in_pieces(write(TEXT), max(size, 8)))) == TEXT


@pytest.mark.parametrize("write", [gzip.compress, lzma.compress, bz2.compress, WRITERS["zstd"]])
def test_several_members_of_others_are_one_document(write: Callable[[bytes], bytes]) -> None:
    assert b"".join(decompressed([write(b"one") + write(b""), write(b"two")])) == b"onetwo"


@pytest.mark.parametrize("write", [gzip.compress, lzma.compress])
def test_zeros_behind_a_member_are_padding(write: Callable[[bytes], bytes]) -> None:
    assert b"".join(decompressed([write(b"one") + bytes(8), bytes(4), write(b"two")])) == b"onetwo"


@pytest.mark.parametrize("write", list(WRITERS.values())[1:], ids=list(WRITERS)[1:])
def test_what_ends_too_soon_is_refused(write: Callable[[bytes], bytes]) -> None:
    with pytest.raises(UpstreamInvalid, match="too soon"):
        list(decompressed([write(TEXT)[:-3]]))


@pytest.mark.parametrize("write", list(WRITERS.values())[1:], ids=list(WRITERS)[1:])
def test_what_follows_that_is_no_member_is_refused(write: Callable[[bytes], bytes]) -> None:
    with pytest.raises(UpstreamInvalid, match="cannot be read"):
        list(decompressed([write(TEXT) + b"garbage" * 10]))


@pytest.mark.parametrize("write", list(WRITERS.values()), ids=list(WRITERS))
def test_no_more_is_read_than_is_allowed(write: Callable[[bytes], bytes]) -> None:
    limit = len(TEXT)
    assert b"".join(decompressed([write(TEXT)], limit)) == TEXT
    with pytest.raises(UpstreamInvalid, match="more than"):
        list(decompressed([write(TEXT + b"x")], limit))


@pytest.mark.parametrize("write", [gzip.compress, WRITERS["zstd"]], ids=["gzip", "zstd"])
def test_a_bomb_comes_in_pieces_that_memory_holds(write: Callable[[bytes], bytes]) -> None:
    bomb = write(bytes(40 << 20))
    assert max(len(data) for data in decompressed([bomb])) <= 33 << 20
    with pytest.raises(UpstreamInvalid, match="more than"):
        list(decompressed([bomb], 1 << 20))


def test_a_window_that_takes_all_memory_is_refused() -> None:
    parameters = zstandard.ZstdCompressionParameters(window_log=30, enable_ldm=True)
    frame = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    with pytest.raises(UpstreamInvalid, match="cannot be read"):
        list(decompressed([frame.compress(TEXT) + frame.flush()]))


@given(st.binary(max_size=60), st.integers(0, 40))
def test_damaged_members_are_read_or_refused(noise: bytes, place: int) -> None:
    for data in (zlib.compress(TEXT, wbits=31), member(ZSTD, TEXT)):
        try:
            read = b"".join(decompressed([data[:place] + noise + data[place:]], 1 << 20))
        except UpstreamInvalid:
            continue
        assert read


def test_pieces_end_where_they_are_told_to(tmp_path_factory: pytest.TempPathFactory) -> None:
    file = tmp_path_factory.mktemp("pieces") / "file"
    file.write_bytes(TEXT)
    with file.open("rb") as opened:
        assert b"".join(pieces(opened, 10)) == TEXT[:10]
        assert b"".join(pieces(opened, 0)) == b""
        assert b"".join(pieces(opened)) == TEXT[10:]
        assert b"".join(pieces(opened, 5)) == b""
