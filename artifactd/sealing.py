"""Secrets of ours at other servers, such as a proxy's password: sealed where they are stored (AES-256-GCM).

Rule 1: a sealed text is bound to its context, so one that is moved to another row does not open.
Rule 2: it names the key that sealed it. Of several keys the first one seals; the others still open what was
sealed before they were replaced.
"""

import base64
import binascii
import hashlib
import os
import re
import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from artifactd.errors import ArtifactdError
from artifactd.settings import Settings, SettingsInvalid

SEALED_FIELDS = ("password", "token", "client_key", "http_proxy_login")
"""What is secret of an upstream. `http_proxy_login` is the `user:password` of its `http_proxy`, as in a
URL."""

KEY_FILE = "secret.key"
"""In the data folder: the key, when the setting `secret_key` gives none."""

_VERSION = "v1"
_SEALED = re.compile(rf"{_VERSION}:([0-9a-f]{{8}}):([A-Za-z0-9+/]+=*)")
_NONCE_BYTES = 12  # NIST SP 800-38D, section 5.2.1.1: what GCM is made for
_KEY_BYTES = 32


class SealBroken(ArtifactdError):
    """A stored secret that does not open. `context` says which."""

    message = "{context} cannot be read: {detail}"

    def __init__(self, context: str, detail: str) -> None:
        self.context, self.detail = context, detail


class Sealer:
    """Seals with the first of `keys`, 32 bytes each, and opens with all of them."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        self._keys = {_key_id(key): key for key in keys}
        self._first = _key_id(keys[0])

    def seal(self, text: str, context: str) -> str:
        """`text` as it may be stored; `context` says what it is and whose, e.g. `repository:hub:password`.
        Never twice the same."""
        nonce = os.urandom(_NONCE_BYTES)
        sealed = _cipher(self._keys[self._first]).encrypt(nonce, text.encode(), context.encode())
        return f"{_VERSION}:{self._first}:{base64.b64encode(nonce + sealed).decode()}"

    def open(self, sealed: str, context: str) -> str:
        """The text that was sealed for the same `context`. Raises SealBroken."""
        from cryptography.exceptions import InvalidTag

        parts = _SEALED.fullmatch(sealed)
        key = self._keys.get(parts[1]) if parts else None
        if parts is None or key is None:
            raise SealBroken(
                context,
                "it was sealed with another key; give the setting `secret_key` (or the file"
                f" `{KEY_FILE}` in the data folder) the value it had, or enter the secret anew",
            )
        try:
            data = base64.b64decode(parts[2], validate=True)
            opened: bytes = _cipher(key).decrypt(data[:_NONCE_BYTES], data[_NONCE_BYTES:], context.encode())
        except (InvalidTag, ValueError, binascii.Error):
            raise SealBroken(
                context,
                "it is not what was stored with the key that the setting `secret_key` gives; enter the"
                " secret anew",
            ) from None
        return opened.decode()


def context_of(repository: str, field: str) -> str:
    """The context of a secret of a repository's upstream."""
    return f"repository:{repository}:{field}"


def opened(upstream: Mapping[str, Any], repository: str, sealer: Sealer) -> Mapping[str, Any]:
    """The stored upstream of the proxy called `repository`, with its secrets in the clear, and the login of
    its `http_proxy` within that. Raises SealBroken."""
    clear = {
        field: sealer.open(upstream[field], context_of(repository, field))
        for field in SEALED_FIELDS
        if field in upstream
    }
    found = {**upstream, **clear}
    login = found.pop("http_proxy_login", None)
    if login is not None:
        scheme, _, rest = found["http_proxy"].partition("://")
        found["http_proxy"] = f"{scheme}://{login}@{rest}"
    return found


def load_key(settings: Settings) -> bytes:
    """The key of this installation: what the setting `secret_key` says, else that of the data folder, which
    is made there when it has none. Every process gets the same one. Raises SettingsInvalid."""
    given = settings.secret_key.get_secret_value()
    if given:
        return hashlib.sha256(b"artifactd secret_key\0" + given.encode()).digest()
    file = settings.data / KEY_FILE
    try:
        if not file.exists():
            _make(file)
        text = file.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not text"
        raise SettingsInvalid(
            f"cannot use {file}: {reason}; make it readable, or give the setting `secret_key`"
        ) from error
    if re.fullmatch(rf"[0-9a-f]{{{2 * _KEY_BYTES}}}", text) is None:
        raise SettingsInvalid(
            f"{file} is not the key that was made there ({2 * _KEY_BYTES} hex digits): bring it back from a"
            " backup; without it, delete it and enter the proxies' secrets anew"
        )
    return bytes.fromhex(text)


def _make(file: Path) -> None:
    """Make a key. It appears as a whole or not at all, and never in place of another process's."""
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = file.with_name(f".{file.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w") as out:
            out.write(secrets.token_hex(_KEY_BYTES) + "\n")
            out.flush()
            os.fsync(out.fileno())
        try:
            os.link(draft, file)
        except FileExistsError:
            return
        folder = os.open(file.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    finally:
        draft.unlink()


def _key_id(key: bytes) -> str:
    """Tells a key from others without telling what it is."""
    return hashlib.sha256(key).hexdigest()[:8]


def _cipher(key: bytes) -> Any:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    return AESGCM(key)
