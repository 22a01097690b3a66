"""Signing keys: one Ed25519 key (RFC 8032) per repository, with which its publications are signed.

A key is made in the write turn of whoever needs it first, so that every process signs with the same one,
and never leaves the database.
"""

from dataclasses import dataclass
from typing import Any

from artifactd.auth.stored_secrets import StoredSecrets
from artifactd.db.writer import Database


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A repository's key. `public`: PEM (SubjectPublicKeyInfo, RFC 8410), for clients."""

    public: bytes
    _private: Any

    def sign(self, data: bytes) -> bytes:
        """A detached signature, 64 bytes; equal data have equal ones."""
        signature: bytes = self._private.sign(data)
        return signature


class SigningKeys:
    """Finds or makes the key of a repository, by the repository's row, which no other ever has."""

    def __init__(self, database: Database) -> None:
        self._secrets = StoredSecrets(database)

    def of(self, repository_id: int) -> SigningKey:
        """The key of a repository."""
        return _load(self._secrets.made_once(f"signing-key/{repository_id}", _generate))


def _generate() -> str:
    """A new private key as PEM."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    private = Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return private.decode()


def _load(pem: str) -> SigningKey:
    from cryptography.hazmat.primitives import serialization

    private: Any = serialization.load_pem_private_key(pem.encode(), None)
    public = private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return SigningKey(public, private)
