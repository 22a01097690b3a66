"""The grammar of digests. docker R3, R4; OCI image-spec descriptor.md, "Digests"."""

import hashlib

import pytest

from artifactd.blobs.digest import algorithm_of, hex_of, of_bytes, parse, union
from artifactd.errors import InvalidDigest

A64 = "a" * 64


@pytest.mark.parametrize("text", [f"sha256:{A64}", f"sha256:{'0123456789abcdef' * 4}", f"sha512:{A64 * 2}"])
def test_a_digest_is_an_algorithm_and_lower_case_hex(text: str) -> None:
    digest = parse(text)
    assert digest == text
    assert f"{algorithm_of(digest)}:{hex_of(digest)}" == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        ":",
        "sha256",
        "sha256:",
        A64,
        f":{A64}",
        f"sha256:{A64[1:]}",
        f"sha256:{A64}a",
        f"sha256:{A64 * 2}",
        f"sha512:{A64}",
        f"sha256:{A64.upper()}",
        f"sha256:{'a' * 63}A",
        f"SHA256:{A64}",
        f"sha256:{'g' * 64}",
        f"sha256:{'a' * 62}==",
        f"sha256: {A64[1:]}",
        f" sha256:{A64}",
        f"sha256:{A64}\n",
        f"sha256:{A64}\0",
        f"sha256:sha256:{A64}",
        f"sha256:{'٣' * 64}",
        "sha256:../../../etc/passwd",
    ],
)
def test_anything_else_is_not_a_digest(text: str) -> None:
    with pytest.raises(InvalidDigest):
        parse(text)


@pytest.mark.parametrize(
    "text", [f"md5:{'a' * 32}", f"sha1:{'a' * 40}", f"blake3:{A64}", f"sha256+b64:{A64}", "a.b-c_d:x=y"]
)
def test_a_well_formed_digest_of_another_algorithm_says_which_are_supported(text: str) -> None:
    with pytest.raises(InvalidDigest, match="not supported; use sha256 or sha512"):
        parse(text)


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
def test_the_digest_of_bytes_is_a_digest(algorithm: str) -> None:
    digest = of_bytes(b"hello", algorithm)
    assert parse(digest) == digest
    assert hex_of(digest) == hashlib.new(algorithm, b"hello").hexdigest()


def test_a_union_names_each_algorithm_once_in_order() -> None:
    assert union(("sha256",), ("sha512", "sha256"), (), ("md5", "sha512")) == ("sha256", "sha512", "md5")
