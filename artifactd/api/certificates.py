"""Certificates and keys as people paste them (PEM), checked before anything is stored."""

from typing import Any

from artifactd.errors import InvalidInput

PRIVATE = "PRIVATE KEY"
"""In the first line of every private key, whatever its form (RFC 7468, sections 10 and 11)."""


def check_certificates(text: str) -> None:
    """Raises InvalidInput unless `text` is one certificate or several, and no key: those are secrets."""
    if PRIVATE in text:
        raise InvalidInput("a private key does not belong here: it would be shown")
    _certificates(text)


def check_key(text: str) -> None:
    """Raises InvalidInput unless `text` is a private key that takes no passphrase."""
    _private_key(text)


def check_pair(certificates: str, key: str) -> None:
    """Raises InvalidInput unless the first of the certificates is the key's."""
    if _certificates(certificates)[0].public_key() != _private_key(key).public_key():
        raise InvalidInput("this is not the key of the client certificate")


def _certificates(text: str) -> Any:
    from cryptography import x509

    try:
        return x509.load_pem_x509_certificates(text.encode())
    except ValueError:
        raise InvalidInput("these are no certificates in PEM form") from None


def _private_key(text: str) -> Any:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        return load_pem_private_key(text.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise InvalidInput("this is no private key in PEM form without a passphrase") from None
