"""Private keys of OpenPGP as people bring them along: good ones, and some that nothing can be signed with.

Those that our library does not make were made by gpg 2.2 once, and sign nothing but what tests do.
"""

from pathlib import Path

from pysequoia import ArmorKind, Tsk, armor
from pysequoia.packet import PacketPile

KEYS = Path(__file__).with_name("openpgp")

PASSPHRASE = "open sesame"


def private_key(owner: str = "Ada") -> str:
    """A key without a passphrase."""
    return armor(bytes(Tsk.generate(owner)), ArmorKind.SecretKey)


def public_key(owner: str = "Ada") -> str:
    """A key whose private part stayed where it was."""
    return armor(bytes(Tsk.generate(owner).extract_certificate()), ArmorKind.PublicKey)


def costly(protected: str, exponent: int) -> str:
    """A key whose passphrase takes 2 to the power of `exponent` KiB of memory to check, made from one that
    takes none. Nothing opens it."""
    key = Tsk.from_bytes(protected.encode())
    packets = list(PacketPile.from_bytes(bytes(key)))
    public = next(iter(PacketPile.from_bytes(bytes(key.extract_certificate())))).body
    argon2 = bytes([4]) + bytes(16) + bytes([1, 1, exponent])
    body = public + bytes([253, 9, 2]) + argon2 + bytes(15) + bytes(64)
    first = bytes([0xC5, 255]) + len(body).to_bytes(4) + body
    rest = b"".join(bytes(packet) for packet in packets[1:])
    return armor(first + rest, ArmorKind.SecretKey)


def from_gpg(special: str) -> str:
    """A key that gpg has made, by what is special about it: `protected` (by `PASSPHRASE`), `elsewhere` (a
    subkey signs, and the primary key is kept elsewhere), `expired`, `certifying` (and nothing else),
    `short`, `sha1`."""
    return (KEYS / f"{special}.asc").read_text()
