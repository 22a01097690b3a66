"""Headers of packages, read with bounds."""

import io
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from artifactd_rpm.fragments import fragments_of
from artifactd_rpm.headers import LARGEST_STORE, MOST_ENTRIES, MOST_VALUES, PackageInvalid, read_headers
from artifactd_rpm.package import Package, read_package
from artifactd_rpm.signatures import Signature, read_signature
from artifactd_rpm.tags import SignatureTag, Tag, ValueType
from tests.support.rpm_headers import LEAD, Value, header, rpm


def read(data: bytes) -> Package:
    return read_package(io.BytesIO(data))


def test_the_range_of_the_main_header_is_exact() -> None:
    # rpm R40
    data = rpm(payload=b"the payload")
    headers = read_headers(io.BytesIO(data))
    assert data[headers.start : headers.start + 4] == b"\x8e\xad\xe8\x01"
    assert data[headers.end :] == b"the payload"
    assert headers.start % 8 == 0


def test_nothing_of_the_payload_is_read() -> None:
    data = rpm(payload=bytes(1000))
    file = io.BytesIO(data)
    headers = read_headers(file)
    assert file.tell() == headers.end == len(data) - 1000


def test_a_file_that_gives_its_bytes_slowly_is_read_all_the_same() -> None:
    class Slow(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            return super().read(min(size or 1, 7))

    assert read_package(Slow(rpm("acme"))).name == "acme"


REFUSED = [
    (b"", "no RPM package"),
    (b"<html>", "no RPM package"),
    (LEAD[:50], "ends within"),
    (LEAD, "ends within"),
    (LEAD + bytes(16), "does not begin as one"),
    (LEAD + b"\x8e\xad\xe8\x01" + bytes(4) + struct.pack(">II", MOST_ENTRIES + 1, 0), "too many"),
    (LEAD + b"\x8e\xad\xe8\x01" + bytes(4) + struct.pack(">II", 0, LARGEST_STORE + 1), "too many"),
    (rpm()[:300], "ends within"),
    (rpm(tags={Tag.SIZE: Value(ValueType.INT32, 100_000, bytes(4))}), "outside"),
    (rpm(tags={Tag.SIZE: Value(ValueType(9), 1, b"1")}), "not numbers"),
    (rpm(tags={Tag.NAME: [1]}), "not strings"),
    (rpm(tags={Tag.NAME: None}), "no name"),
    (rpm(tags={Tag.VERSION: b""}), "no version"),
    (rpm(tags={Tag.RELEASE: b"1 2"}), "no release"),
    (rpm(tags={Tag.NAME: b"a/b"}), "no name"),
    (rpm(tags={Tag.NAME: b"n" * 256}), "no name"),
    (rpm(tags={Tag.ARCH: b"x86 64"}), "no arch"),
    (rpm(tags={Tag.REQUIRENAME: [b"a", b"b"], Tag.REQUIREVERSION: [b"1"]}), "do not fit"),
    (rpm(tags={Tag.CHANGELOGNAME: [b"a"], Tag.CHANGELOGTIME: [1, 2]}), "do not fit"),
    (
        rpm(tags={Tag.BASENAMES: [b"a"], Tag.DIRNAMES: [b"/"], Tag.DIRINDEXES: [1]}),
        "does not fit",
    ),
    (rpm(tags={Tag.BASENAMES: Value(ValueType.STRING_ARRAY, 9, b"a\0b\0")}), "no end"),
    (rpm(tags={Tag.FILEFLAGS: Value(ValueType.STRING_ARRAY, 1, b"a\0")}), "not numbers"),
    (
        rpm(tags={Tag.FILEFLAGS: Value(ValueType.INT8, MOST_VALUES + 1, bytes(MOST_VALUES + 1))}),
        "allowed",
    ),
]


@pytest.mark.parametrize(("data", "said"), REFUSED, ids=range(len(REFUSED)))
def test_what_no_client_could_read_is_refused(data: bytes, said: str) -> None:
    with pytest.raises(PackageInvalid, match=said):
        read(data)


def test_a_type_that_is_none_is_refused() -> None:
    data = bytearray(rpm())
    start = read_headers(io.BytesIO(bytes(data))).start
    data[start + 16 + 7] = 10
    with pytest.raises(PackageInvalid, match="type that is none"):
        read(bytes(data))


@pytest.mark.parametrize("lead", [b"\x04\x00", b"\x03\x01", b"\x06\x00"])
def test_the_lead_says_nothing_that_matters(lead: bytes) -> None:
    # rpm R52
    data = rpm()
    assert read(data[:4] + lead + data[6:]).name == "acme"


def test_sizes_of_large_packages_come_before_those_of_small_ones() -> None:
    # rpm R43
    large = rpm(
        tags={Tag.LONGSIZE: [5 << 32], Tag.SIZE: [1]},
        signature={SignatureTag.LONGARCHIVESIZE: [6 << 32], SignatureTag.PAYLOADSIZE: [2]},
    )
    package = read(large)
    assert (package.size_installed, package.size_archive) == (5 << 32, 6 << 32)


@pytest.mark.parametrize("tag", [Tag.ARCHIVESIZE, Tag.PAYLOADSIZE])
def test_the_size_of_the_payload_may_stand_in_the_main_header(tag: Tag) -> None:
    package = read(rpm(tags={tag: [77]}, signature={SignatureTag.RSA: Value(ValueType.BINARY, 1, b"x")}))
    assert package.size_archive == 77


def test_a_source_package_is_one_whatever_it_was_built_on() -> None:
    # rpm R42
    assert read(rpm(arch="x86_64", tags={Tag.SOURCERPM: None})).arch == "src"
    assert read(rpm(arch="noarch", tags={Tag.SOURCEPACKAGE: [1]})).arch == "src"
    assert read(rpm(arch="x86_64")).arch == "x86_64"


def test_an_absent_epoch_is_zero() -> None:
    # rpm R42
    assert read(rpm()).epoch == 0
    package = read(rpm(tags={Tag.EPOCH: [3]}))
    assert (package.epoch, package.nevra) == (3, "acme-3:1.0-1.noarch")


def test_very_old_packages_list_their_files_by_whole_paths() -> None:
    # rpm R44
    package = read(
        rpm(
            tags={
                Tag.OLDFILENAMES: [b"/etc/a", b"/usr/bin/b", b"/var/c"],
                Tag.FILEMODES: [0o040755, 0o100644, 0o040700],
                Tag.FILEFLAGS: [0, 64, 64],
            }
        )
    )
    assert package.files == [("/etc/a", "dir"), ("/usr/bin/b", "ghost"), ("/var/c", "dir")]


def test_of_translations_the_first_is_taken() -> None:
    summary = Value(ValueType.I18N_STRING, 2, b"in English\0auf Deutsch\0")
    assert read(rpm(tags={Tag.SUMMARY: summary})).summary == "in English"


SIGNED_V3 = bytes.fromhex("89001c03050065000000" + "0123456789abcdef" + "0108" + "abcd0001ff0000")
SIGNED_V4 = bytes.fromhex("c21a" + "04000108" + "000a" + "0910fedcba9876543210" + "0000" + "abcd0001ff00")


@pytest.mark.parametrize(
    ("data", "signature"),
    [
        (SIGNED_V3, Signature("0123456789abcdef", "rsa", "sha256")),
        (SIGNED_V4, Signature("fedcba9876543210", "rsa", "sha256")),
        (
            bytes.fromhex("c220" + "04001b0a" + "0017" + "162104" + "11" * 12 + "22" * 8 + "0000"),
            Signature("22" * 8, "ed25519", "sha512"),
        ),
        (b"", None),
        (b"\x89", None),
        (b"no packet", None),
        (bytes.fromhex("c6010400"), None),  # a public key
        (bytes.fromhex("c20404000108"), Signature("", "rsa", "sha256")),
    ],
    ids=["version 3", "version 4", "fingerprint", "empty", "cut off", "text", "key", "without areas"],
)
def test_a_signature_names_its_key(data: bytes, signature: Signature | None) -> None:
    # rpm R52
    assert read_signature(data) == signature


def test_a_package_that_is_signed_twice_by_one_key_has_one_signature() -> None:
    # rpm R52
    package = read(
        rpm(
            signature={
                SignatureTag.RSA: Value(ValueType.BINARY, len(SIGNED_V4), SIGNED_V4),
                SignatureTag.PGP: Value(ValueType.BINARY, len(SIGNED_V4), SIGNED_V4),
                SignatureTag.OPENPGP: [b"AAAA", b"?"],
            }
        )
    )
    assert package.signatures == (Signature("fedcba9876543210", "rsa", "sha256"),)


@given(st.binary(max_size=300))
def test_no_signature_breaks_its_reader(data: bytes) -> None:
    read_signature(data)
    read_signature(b"\xc2\xff" + data)


RICH = rpm(
    tags={
        Tag.EPOCH: [1],
        Tag.BASENAMES: [b"a", b"b"],
        Tag.DIRNAMES: [b"/etc/", b"/usr/bin/"],
        Tag.DIRINDEXES: [0, 1],
        Tag.FILEMODES: [0o100644, 0o040755],
        Tag.FILEFLAGS: [64, 0],
        Tag.REQUIRENAME: [b"x", b"libc.so.6(GLIBC_2.4)"],
        Tag.REQUIREVERSION: [b"1:2-3", b""],
        Tag.REQUIREFLAGS: [12, 0],
        Tag.CHANGELOGTIME: [5, 5],
        Tag.CHANGELOGNAME: [b"a", b"b"],
        Tag.CHANGELOGTEXT: [b"c", b"d"],
    }
)


@given(st.lists(st.tuples(st.integers(0, len(RICH) - 1), st.integers(0, 255)), min_size=1, max_size=6))
def test_damage_is_told_or_harmless(damage: list[tuple[int, int]]) -> None:
    # rpm R51
    data = bytearray(RICH)
    for place, value in damage:
        data[place] = value
    try:
        package = read(bytes(data))
    except PackageInvalid:
        return
    fragments_of(package)


@given(st.binary(max_size=200), st.binary(max_size=200))
def test_headers_of_anything_are_told_or_harmless(index: bytes, store: bytes) -> None:
    count = len(index) // 16
    intro = b"\x8e\xad\xe8\x01" + bytes(4) + struct.pack(">II", count, len(store))
    data = LEAD + header({}) + intro + index[: count * 16] + store
    with pytest.raises(PackageInvalid):
        read(data)
