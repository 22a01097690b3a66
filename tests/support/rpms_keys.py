"""OpenPGP keys of tests: a home folder for gpg with one key, which ends with its `with`.

with keyring("builder@acme.example") as keys:
    signature = keys.signature(b"bytes")
"""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.programs import Program, installed


@dataclass(frozen=True, slots=True)
class Keyring:
    """A folder that gpg keeps a key in. `owner`: whom the key names."""

    home: Path
    owner: str

    @property
    def gpg(self) -> Program:
        """gpg that asks nobody and knows this key alone."""
        flags = ["--batch", "--yes", "--quiet", "--homedir", str(self.home)]
        return Program(installed("gpg"), flags, {"GNUPGHOME": str(self.home)})

    @property
    def public(self) -> bytes:
        """The public key, armoured."""
        return self.gpg("--armor", "--export", self.owner).encode()

    def signature(self, data: bytes) -> bytes:
        """A detached signature of these bytes, armoured."""
        file = self.home / "signed"
        file.write_bytes(data)
        return self.gpg("--armor", "--output", "-", "--detach-sign", file).encode()

    def trust(self, key: bytes) -> None:
        """Know a public key of somebody else."""
        file = self.home / "key"
        file.write_bytes(key)
        self.gpg("--import", file)

    def verifies(self, data: bytes, signature: bytes) -> bool:
        """Whether a detached signature of these bytes is one of a key that is known here."""
        (self.home / "data").write_bytes(data)
        (self.home / "data.asc").write_bytes(signature)
        return self.gpg.attempt("--verify", self.home / "data.asc", self.home / "data").code == 0


@contextmanager
def keyring(owner: str) -> Iterator[Keyring]:
    """A new key. The path of its folder is short: that of the agent's socket has at most 107 bytes."""
    home = Path(tempfile.mkdtemp(prefix="artifactd-gpg-"))
    keys = Keyring(home, owner)
    try:
        keys.gpg("--passphrase", "", "--quick-generate-key", owner, "rsa2048", "sign", "never")
        yield keys
    finally:
        # gpg has left its agent running, which serves this folder alone.
        Program(installed("gpgconf"), ["--homedir", str(home)]).attempt("--kill", "gpg-agent")
        shutil.rmtree(home, ignore_errors=True)
