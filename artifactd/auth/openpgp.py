"""OpenPGP signing keys (RFC 9580): one at a time per repository, for publications whose clients use gpg.

Rule 1: a repository's key is made when somebody needs it first, and every process signs with the same one.
Rule 2: what is secret of it is sealed where it is stored, and is in no text that this module gives away.
Rule 3: a key that was replaced signs nothing more and stays published until it is removed: clients that
have not fetched the new one still know it by name.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Protocol

import msgspec
from sqlalchemy import bindparam, insert, select, update

from artifactd.auth.openpgp_material import Certificate, KeyMaterial, generate, parse, signer_of, verified
from artifactd.db.tables import repository, secret
from artifactd.db.writer import Database, Turn
from artifactd.errors import ArtifactdError, ObjectNotFound, PreconditionFailed, RepositoryNotFound

MOST_PREVIOUS = 16
"""Keys that stay published after they were replaced: the file of all of them is read by every client."""


class SigningFailed(ArtifactdError):
    """A key that gives no valid signature, such as one that has expired."""

    message = "the signing key {fingerprint} cannot sign: {detail}; import another one or make a new one"

    def __init__(self, fingerprint: str, detail: str) -> None:
        self.fingerprint, self.detail = fingerprint, detail


class Seal(Protocol):
    """Seals texts where they are stored (`artifactd.sealing.Sealer`)."""

    def seal(self, text: str, context: str) -> str: ...

    def open(self, sealed: str, context: str) -> str: ...


@dataclass(frozen=True, slots=True)
class _Stored:
    """What is stored of a repository's keys, sealed as a whole. `version` counts its changes."""

    version: int
    material: KeyMaterial
    imported: bool
    previous: Sequence[Certificate] = field(default=())


class OpenPgpKey:
    """The key that a repository signs with now, and the public parts of those before."""

    def __init__(self, stored: _Stored) -> None:
        self._material = stored.material
        self.certificate: Certificate = stored.material.certificate
        """The public part of this key."""
        self.fingerprint: str = self.certificate.fingerprint
        """Of the primary key, as gpg shows it: upper-case hexadecimal digits."""
        self.version: int = stored.version
        """Counts the changes of the repository's keys, from 1."""
        self.imported: bool = stored.imported
        """Whether it came from outside."""
        self.previous: Sequence[Certificate] = tuple(stored.previous)
        """The public parts of keys that were replaced, newest first."""

    @property
    def public(self) -> bytes:
        """The file that clients import: an ASCII-armoured block for each public key, this one's first."""
        return "".join(each.armoured for each in (self.certificate, *self.previous)).encode()

    def sign(self, data: bytes) -> bytes:
        """An ASCII-armoured detached signature of exactly these bytes, which the public key has verified.
        It tells when it was made, so no two are equal. Raises SigningFailed."""
        try:
            signature = verified(self._signer, self.certificate, data)
        except RuntimeError as error:
            raise SigningFailed(self.fingerprint, _first_line(error)) from None
        if not signature:
            raise SigningFailed(self.fingerprint, "its signature is empty")
        return signature

    @cached_property
    def _signer(self) -> Any:
        # Takes up to half a second where there is a passphrase: kept for the next signature.
        return signer_of(self._material)


class OpenPgpKeys:
    """Finds, makes and replaces the keys of repositories, by a repository's row."""

    def __init__(self, database: Database, sealer: Seal) -> None:
        self._database = database
        self._sealer = sealer
        self._find = database.prepare(select(secret.c.value).where(secret.c.name == bindparam("name")))
        self._insert = database.prepare(
            insert(secret).values({column.name: bindparam(column.name) for column in secret.c})
        )
        self._update = database.prepare(
            update(secret).where(secret.c.name == bindparam("key")).values(value=bindparam("value"))
        )
        self._named = database.prepare(
            select(repository.c.name).where(repository.c.id == bindparam("repository_id"))
        )

    def of(self, repository_id: int) -> OpenPgpKey:
        """The key of a repository; it is made when there is none. Raises RepositoryNotFound, SealBroken."""
        found = self.find(repository_id)
        if found is not None:
            return found
        made = self._generated(repository_id)
        return self._change(repository_id, lambda known: known or _Stored(1, made, imported=False))

    def find(self, repository_id: int) -> OpenPgpKey | None:
        """The key of a repository if it has one. Raises SealBroken."""
        row = self._database.one(self._find, name=_name(repository_id))
        return None if row is None else OpenPgpKey(self._opened(str(row[0]), repository_id))

    def rotation(self, repository_id: int) -> str:
        """Empty while a repository signs with the key that was made for it first, or with none; else a text
        that is another one after every change of its keys. Raises SealBroken."""
        key = self.find(repository_id)
        if key is None or (key.version == 1 and not key.imported):
            return ""
        return f"{key.fingerprint}/{key.version}"

    def renew(
        self,
        repository_id: int,
        *,
        if_version: int | None = None,
        then: Callable[[Turn], None] = lambda turn: None,
    ) -> OpenPgpKey:
        """Make a new key, which signs from now on. `then`: what follows in the same turn. Raises
        RepositoryNotFound, PreconditionFailed, SealBroken."""
        made = self._generated(repository_id)
        return self._change(
            repository_id, lambda known: _replaced(known, made, imported=False), if_version, then
        )

    def put(
        self,
        repository_id: int,
        private_key: str,
        passphrase: str = "",
        *,
        if_version: int | None = None,
        then: Callable[[Turn], None] = lambda turn: None,
    ) -> OpenPgpKey:
        """Sign with this ASCII-armoured private key from now on; nothing changes when it is the one that is
        there. `then`: what follows a change, in the same turn. Raises UnusableKey, RepositoryNotFound,
        PreconditionFailed, SealBroken."""
        material = parse(private_key, passphrase)

        def change(known: _Stored | None) -> _Stored:
            if known is not None and known.material == material:
                return known
            return _replaced(known, material, imported=True)

        return self._change(repository_id, change, if_version, then)

    def delete_previous(
        self,
        repository_id: int,
        fingerprint: str,
        *,
        if_version: int | None = None,
        then: Callable[[Turn], None] = lambda turn: None,
    ) -> OpenPgpKey:
        """Publish a replaced key no more. Raises ObjectNotFound, RepositoryNotFound, PreconditionFailed,
        SealBroken."""

        def change(known: _Stored | None) -> _Stored:
            previous = () if known is None else known.previous
            left = [each for each in previous if each.fingerprint != fingerprint.upper()]
            if known is None or len(left) == len(previous):
                raise ObjectNotFound("previous signing key", fingerprint)
            return replace(known, version=known.version + 1, previous=left)

        return self._change(repository_id, change, if_version, then)

    def _generated(self, repository_id: int) -> KeyMaterial:
        row = self._database.one(self._named, repository_id=repository_id)
        if row is None:
            raise RepositoryNotFound(f"#{repository_id}")
        return generate(f"artifactd repository signing ({row[0]})")

    def _change(
        self,
        repository_id: int,
        change: Callable[[_Stored | None], _Stored],
        if_version: int | None = None,
        then: Callable[[Turn], None] = lambda turn: None,
    ) -> OpenPgpKey:
        def job(turn: Turn) -> _Stored:
            exists = turn.one(self._named, repository_id=repository_id)
            if exists is None:  # deleted meanwhile: nothing is stored for it any more
                raise RepositoryNotFound(f"#{repository_id}")
            name = _name(repository_id)
            row = turn.one(self._find, name=name)
            known = None if row is None else self._opened(str(row[0]), repository_id)
            if if_version is not None and (known is None or known.version != if_version):
                raise PreconditionFailed(f"the signing key of repository {exists[0]!r}")
            changed = change(known)
            if changed is known:
                return changed
            value = self._sealer.seal(msgspec.json.encode(changed).decode(), name)
            if known is None:
                turn.run(self._insert, name=name, value=value, created=turn.now)
            else:
                turn.run(self._update, key=name, value=value)
            then(turn)
            return changed

        return OpenPgpKey(self._database.write(job))

    def _opened(self, value: str, repository_id: int) -> _Stored:
        return msgspec.json.decode(self._sealer.open(value, _name(repository_id)), type=_Stored)


def _replaced(known: _Stored | None, material: KeyMaterial, *, imported: bool) -> _Stored:
    """`material` in the place of what is there, which stays published unless it is the same key."""
    if known is None:
        return _Stored(1, material, imported)
    before = [known.material.certificate, *known.previous]
    kept = [each for each in before if each.fingerprint != material.certificate.fingerprint]
    return _Stored(known.version + 1, material, imported, kept[:MOST_PREVIOUS])


def _name(repository_id: int) -> str:
    """The name of the row that has a repository's keys; the context of its seal, too."""
    return f"openpgp-key/{repository_id}"


def _first_line(error: RuntimeError) -> str:
    """What the library says, without the trace it adds."""
    return str(error).partition("\n")[0].rstrip(".")
