"""What an OpenPGP key consists of: made, parsed and used. Knows nothing of repositories.

A key that is made here is RSA with 3072 bits, version 4, one primary key that certifies and signs: gpg 2.0
and rpm 4.11 (EL 7) know no other algorithm and sign with no subkey, and every later client reads it. Its
packets are put together here, since the library makes subkeys nobody needs, and RSA keys at a tenth of the
speed; everything else is the library's.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from artifactd import clock
from artifactd.clock import Micros
from artifactd.errors import InvalidInput

KEY_BITS = 3072
"""As hard to break as a symmetric key of 128 bits (NIST SP 800-57, part 1, table 2)."""

BACKDATED: Micros = clock.micros(timedelta(hours=1))
"""How long before the present a new key begins: clients whose clocks are slow refuse keys of the future."""

LARGEST_ARGON2 = 16
"""The power of two of the KiB that a passphrase may take to check: 64 MiB, as RFC 9580, section 3.7.1.4
has it."""

_RSA, _SHA256, _SHA512 = 1, 8, 10  # RFC 9580, sections 9.1 and 9.5
_POSITIVE_CERTIFICATION = 0x13  # section 5.2.1.7
_CERTIFIES_AND_SIGNS = 0x03  # section 5.2.3.29
_SIGNATURE, _SECRET_KEY, _PUBLIC_KEY, _USER_ID, _PUBLIC_SUBKEY = 2, 5, 6, 13, 14  # section 5

_WITH_AEAD = bytes([253])
_PROTECTED = (_WITH_AEAD, bytes([254]), bytes([255]))  # section 3.7.2
_ARGON2 = bytes([4])  # section 3.7.1
_ELSEWHERE = bytes([101])  # gpg's own


class UnusableKey(InvalidInput):
    """A private key that nothing can be signed with. `part` of what was sent is what is wrong:
    `private_key` or `passphrase`."""

    def __init__(self, detail: str, part: str = "private_key") -> None:
        super().__init__(detail)
        self.part = part


@dataclass(frozen=True, slots=True)
class Certificate:
    """A public key with what was said about it (a certificate, in OpenPGP's words). `armoured`: as clients
    import it; `expires`: None for never."""

    fingerprint: str
    user_ids: Sequence[str]
    created: Micros
    expires: Micros | None
    armoured: str


@dataclass(frozen=True, slots=True)
class KeyMaterial:
    """A key with its private part, which is as it was sent: under a passphrase if it has one."""

    certificate: Certificate
    private: str = field(repr=False)
    passphrase: str | None = field(repr=False)


def generate(user_id: str) -> KeyMaterial:
    """A new key without a passphrase, which never expires."""
    from pysequoia import ArmorKind, armor

    created = (clock.now() - BACKDATED) // clock.SECOND
    return parse(armor(_new_packets(user_id, created), ArmorKind.SecretKey), "")


def parse(private_key: str, passphrase: str) -> KeyMaterial:
    """The key in an ASCII-armoured private key, once it has signed something. `passphrase` is not looked at
    where there is none. Raises UnusableKey."""
    try:
        return _parsed(private_key.encode(), passphrase)
    except RuntimeError:  # what the library says is not for people
        raise UnusableKey("this is no OpenPGP key in ASCII armour, or a damaged one") from None


def signer_of(material: KeyMaterial) -> Any:
    """What `verified` signs with. Takes up to half a second where there is a passphrase. Raises
    RuntimeError."""
    from pysequoia import Tsk

    return Tsk.from_bytes(material.private.encode()).signer(material.passphrase)


def verified(signer: Any, certificate: Certificate, data: bytes) -> bytes:
    """A detached signature, ASCII-armoured, that the certificate has verified. Raises RuntimeError."""
    from pysequoia import Cert, Sig, SignatureMode, sign, verify

    signature = sign(signer, data, mode=SignatureMode.DETACHED)
    public = Cert.from_bytes(certificate.armoured.encode())
    verify(data, lambda wanted: [public], signature=Sig.from_bytes(signature))
    return signature


def _parsed(data: bytes, passphrase: str) -> KeyMaterial:
    """`parse`, which raises RuntimeError for what the library does not read."""
    from pysequoia import ArmorKind, Tsk, armor
    from pysequoia.packet import PacketPile, Tag

    certificate = _certificate(data)
    tags = [packet.tag for packet in PacketPile.from_bytes(data)]
    if not any(tag in (Tag.SecretKey, Tag.SecretSubkey) for tag in tags):
        raise UnusableKey("this is a public key; send the private one (`gpg --export-secret-keys --armor`)")
    key = _at_hand(Tsk.from_bytes(data))
    signer, needed = _opened(key, passphrase)
    try:
        verified(signer, certificate, b"")
    except RuntimeError:
        raise UnusableKey("its signatures are not valid by its own public key") from None
    return KeyMaterial(certificate, armor(bytes(key), ArmorKind.SecretKey), needed)


def _certificate(data: bytes) -> Certificate:
    """The public part of the one key in `data`, which must be of use today. Raises UnusableKey,
    RuntimeError."""
    from pysequoia import ArmorKind, Cert, Tsk, armor
    from pysequoia.packet import PacketPile

    found = Cert.split_bytes(data)
    if len(found) > 1:
        raise UnusableKey(f"these are {len(found)} keys; send the one to sign with")
    public = Tsk.from_bytes(data).extract_certificate()
    first = next(iter(PacketPile.from_bytes(bytes(public))))
    if first.body[:1] != bytes([4]):  # the version of the key: RFC 9580, section 5.5.2
        raise UnusableKey("only keys of version 4 are read by gpg and rpm")
    if public.is_revoked:
        raise UnusableKey("this key has been revoked")
    try:
        expiration = public.expiration
        user_ids = [str(each) for each in public.user_ids]
    except RuntimeError:
        raise UnusableKey(
            "its own signature holds no more: it is by SHA-1, by a key that is too short, or damaged"
        ) from None
    expires = None if expiration is None else clock.micros(expiration)
    if expires is not None and expires <= clock.now():
        raise UnusableKey(f"this key has expired on {clock.moment(expires).date()}")
    created = first.key_created
    assert created is not None, "a certificate begins with its primary key"
    armoured = armor(bytes(public), ArmorKind.PublicKey)
    return Certificate(public.fingerprint.upper(), user_ids, clock.micros(created), expires, armoured)


def _at_hand(key: Any) -> Any:
    """The key without private parts that are kept elsewhere, such as a primary key on a card: gpg exports
    something in their place that nothing can be signed with. Raises UnusableKey for a passphrase whose
    check takes more memory than it should."""
    from pysequoia import Tsk
    from pysequoia.packet import PacketPile, Tag

    public = {
        each.fingerprint: each.body for each in PacketPile.from_bytes(bytes(key.extract_certificate()))
    }
    packets = []
    for packet in PacketPile.from_bytes(bytes(key)):
        packets.append(bytes(packet))
        if packet.tag not in (Tag.SecretKey, Tag.SecretSubkey) or packet.fingerprint not in public:
            continue
        # A private part follows the public one: how it is protected, with what, and how the passphrase
        # becomes a key (RFC 9580, sections 5.5.3 and 3.7.1).
        without = public[packet.fingerprint]
        private = packet.body[len(without) :]
        derivation = private[3:] if private[:1] == _WITH_AEAD else private[2:]
        if private[:1] not in _PROTECTED:
            continue
        if derivation[:1] == _ARGON2 and derivation[19:20] > bytes([LARGEST_ARGON2]):
            raise UnusableKey("its passphrase takes more than 64 MiB of memory to check")
        if derivation[:1] == _ELSEWHERE:
            packets[-1] = _packet(_PUBLIC_KEY if packet.tag == Tag.SecretKey else _PUBLIC_SUBKEY, without)
    return Tsk.from_bytes(b"".join(packets))


def _opened(key: Any, passphrase: str) -> tuple[Any, str | None]:
    """What signs with the key, and the passphrase that it took, None for none. Raises UnusableKey."""
    try:
        return key.signer(), None
    except RuntimeError as error:
        if "is encrypted" not in str(error):
            raise UnusableKey("no part of this key is for signing today") from None
    if not passphrase:
        raise UnusableKey("this key takes a passphrase", "passphrase")
    try:
        return key.signer(passphrase), passphrase
    except RuntimeError:
        raise UnusableKey("this passphrase does not open the key", "passphrase") from None


def _new_packets(user_id: str, created: int) -> bytes:
    """A new private key, whom it names, and its signature under both. `created` in seconds."""
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding, rsa

    key = rsa.generate_private_key(65537, KEY_BITS)
    numbers = key.private_numbers()
    rest = numbers.public_numbers
    public = bytes([4]) + created.to_bytes(4) + bytes([_RSA]) + _mpi(rest.n) + _mpi(rest.e)
    smaller, larger = sorted((numbers.p, numbers.q))
    numbers_of_it = (numbers.d, smaller, larger, pow(smaller, -1, larger))
    private = b"".join(map(_mpi, numbers_of_it))
    unprotected = bytes([0]) + private + (sum(private) % 65536).to_bytes(2)

    hashed_key = b"\x99" + len(public).to_bytes(2) + public  # RFC 9580, section 5.2.4
    fingerprint = hashlib.sha1(hashed_key, usedforsecurity=False).digest()  # section 5.5.4.2
    name = user_id.encode()
    said = b"".join(
        (
            _subpacket(2, created.to_bytes(4)),
            _subpacket(21, bytes([_SHA512, _SHA256])),  # the hashes it prefers
            _subpacket(25, bytes([1])),  # this is its main name
            _subpacket(27, bytes([_CERTIFIES_AND_SIGNS])),
            _subpacket(33, bytes([4]) + fingerprint),
        )
    )
    head = bytes([4, _POSITIVE_CERTIFICATION, _RSA, _SHA512]) + len(said).to_bytes(2) + said
    hashed_name = b"\xb4" + len(name).to_bytes(4) + name
    signed = hashed_key + hashed_name + head + b"\x04\xff" + len(head).to_bytes(4)
    issuer = _subpacket(16, fingerprint[-8:])
    signature = b"".join(
        (
            *(head, len(issuer).to_bytes(2), issuer, hashlib.sha512(signed).digest()[:2]),
            _mpi(int.from_bytes(key.sign(signed, padding.PKCS1v15(), hashes.SHA512()))),
        )
    )
    return b"".join(
        (
            _packet(_SECRET_KEY, public + unprotected),
            _packet(_USER_ID, name),
            _packet(_SIGNATURE, signature),
        )
    )


def _packet(tag: int, body: bytes) -> bytes:
    return bytes([0xC0 | tag, 255]) + len(body).to_bytes(4) + body  # RFC 9580, section 4.2.1.3


def _subpacket(kind: int, body: bytes) -> bytes:
    return bytes([len(body) + 1, kind]) + body  # section 5.2.3.7, for fewer than 192 bytes


def _mpi(number: int) -> bytes:
    """A number as section 3.2 writes it: its length in bits, then its bytes."""
    return number.bit_length().to_bytes(2) + number.to_bytes((number.bit_length() + 7) // 8)
