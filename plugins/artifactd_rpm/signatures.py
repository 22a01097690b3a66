"""Who signed a package, as its signature header says (rpm R52). Nothing is verified: that takes the keys
that a client trusts."""

import binascii
from base64 import b64decode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from artifactd_rpm.headers import Header
from artifactd_rpm.tags import SignatureTag

MOST_SIGNATURES: Final = 16
"""rpm 6 lets a package have several."""

_BINARY: Final = (SignatureTag.RSA, SignatureTag.DSA, SignatureTag.PGP, SignatureTag.GPG)

_PACKET: Final = 2
_ISSUER: Final = 16
_ISSUER_FINGERPRINT: Final = 33
_PUBLIC_KEY: Final = {1: "rsa", 3: "rsa", 17: "dsa", 19: "ecdsa", 22: "eddsa", 27: "ed25519", 28: "ed448"}
_HASH: Final = {1: "md5", 2: "sha1", 8: "sha256", 9: "sha384", 10: "sha512", 11: "sha224"}


@dataclass(frozen=True, slots=True)
class Signature:
    """An OpenPGP signature (RFC 9580, section 5.2). `key`: the identifier of the key, in hex; empty when
    the signature does not say. `algorithm` and `hash` by name."""

    key: str
    algorithm: str
    hash: str


def read_signatures(header: Header) -> Sequence[Signature]:
    """The signatures of a package, each once: rpm signs header and payload by the same key. What cannot be
    read is left out."""
    found: dict[Signature, None] = {}
    for data in _packets(header):
        signature = read_signature(data)
        if signature is not None:
            found[signature] = None
    return tuple(found)


def _packets(header: Header) -> Iterator[bytes]:
    for tag in _BINARY:
        yield header.binary(tag)
    for text in header.strings(SignatureTag.OPENPGP)[:MOST_SIGNATURES]:
        try:
            yield b64decode(text)
        except binascii.Error:
            continue


def read_signature(data: bytes) -> Signature | None:
    """The first packet, if it is a signature."""
    try:
        body = _body(data)
        if body is None:
            return None
        if body[0] == 3:
            return _named(body[7:15].hex(), body[15], body[16])
        width = 4 if body[0] == 6 else 2
        return _named(_issuer(body, 4, width), body[2], body[3])
    except IndexError:
        return None


def _named(key: str, algorithm: int, hashed: int) -> Signature:
    return Signature(key, _PUBLIC_KEY.get(algorithm, ""), _HASH.get(hashed, ""))


def _body(data: bytes) -> bytes | None:
    """What is in a packet (RFC 9580, section 4.2)."""
    if not data or not data[0] & 0x80:
        return None
    if data[0] & 0x40:
        tag, start = data[0] & 0x3F, 1
        first = data[1]
        start += 1 if first < 192 else 2 if first < 224 else 5
    else:
        tag, start = (data[0] >> 2) & 0xF, 1 + (1, 2, 4, 0)[data[0] & 3]
    return data[start:] if tag == _PACKET else None


def _issuer(body: bytes, at: int, width: int) -> str:
    """The key's identifier, from the areas of subpackets that begin at `at`: the hashed one, then the
    other."""
    key = ""
    for _ in range(2):
        end = at + width + int.from_bytes(body[at : at + width])
        at += width
        while at < end:
            length = body[at]
            if length < 192:
                at += 1
            elif length < 255:
                length, at = ((length - 192) << 8) + body[at + 1] + 192, at + 2
            else:
                length, at = int.from_bytes(body[at + 1 : at + 5]), at + 5
            kind, value = body[at] & 0x7F, body[at + 1 : at + length]
            if kind == _ISSUER:
                return value.hex()
            if kind == _ISSUER_FINGERPRINT:
                # Of a version 4 key the last eight bytes name it, of a later one the first eight.
                key = (value[-8:] if value[0] == 4 else value[1:9]).hex()
            at += max(length, 1)
    return key
