"""API tokens: `adt_`, 256 random bits and a checksum, shown once and kept as a hash.

The checksum lets anyone, secret scanners included, tell a token from a typing error without the database.
A hash without salt or work is enough: nobody guesses 256 random bits.
"""

import hashlib
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from string import ascii_letters, digits
from zlib import crc32

import msgspec
from sqlalchemy import bindparam, delete, insert, or_, select, update

from artifactd.auth import patterns
from artifactd.auth.names import TOKEN_PREFIX
from artifactd.auth.principal import Access, Scopes, Verb
from artifactd.clock import Micros
from artifactd.db.engine import Row
from artifactd.db.generations import principal_stripe
from artifactd.db.tables import token, user
from artifactd.db.writer import Database, Turn
from artifactd.errors import InvalidInput, ObjectNotFound

_ALPHABET = digits + ascii_letters
_RANDOM = 43  # characters of 62 kinds: 256 bits
_CHECK = 6  # characters of 62 kinds hold the 32 bits of a CRC
LENGTH = len(TOKEN_PREFIX) + _RANDOM + _CHECK

LONGEST_NAME = 200


def mint() -> str:
    """A new token."""
    body = TOKEN_PREFIX + "".join(secrets.choice(_ALPHABET) for _ in range(_RANDOM))
    return body + _checksum(body)


def well_formed(text: str) -> bool:
    """Whether `text` could be a token: its form and checksum are right."""
    return (
        len(text) == LENGTH
        and text.startswith(TOKEN_PREFIX)
        and text.isascii()
        and _checksum(text[:-_CHECK]) == text[-_CHECK:]
    )


def _checksum(body: str) -> str:
    value = crc32(body.encode())
    reversed_digits = []
    for _ in range(_CHECK):
        value, digit = divmod(value, len(_ALPHABET))
        reversed_digits.append(_ALPHABET[digit])
    return "".join(reversed(reversed_digits))


@dataclass(frozen=True, slots=True)
class Token:
    """A token's row, without its secret. `scopes` None: all its user may. Times in microseconds since the
    epoch; `expires` None: never."""

    id: int
    user_id: int
    name: str
    scopes: Scopes | None
    created: Micros
    expires: Micros | None
    last_used: Micros | None


class Tokens:
    """Makes, finds and revokes API tokens. A revocation is in force, in every process, when the call
    returns."""

    def __init__(self, database: Database) -> None:
        self._database = database
        rows = select(
            token.c.id, token.c.user_id, token.c.name, token.c.scopes, token.c.created, token.c.expires,
            token.c.last_used,
        )  # fmt: skip
        self._hashed = database.prepare(rows.where(token.c.hash == bindparam("hash")))
        self._numbered = database.prepare(rows.where(token.c.id == bindparam("id")))
        self._owned = database.prepare(
            rows.where(token.c.user_id == bindparam("user_id")).order_by(token.c.id)
        )
        self._user = database.prepare(select(user.c.id).where(user.c.id == bindparam("id")))
        self._insert = database.prepare(
            insert(token)
            .values(
                {
                    column: bindparam(column)
                    for column in ("user_id", "name", "hash", "scopes", "created", "expires")
                }
            )
            .returning(token.c.id)
        )
        self._delete = database.prepare(delete(token).where(token.c.id == bindparam("id")))
        self._touch = database.prepare(
            update(token)
            .where(
                token.c.id == bindparam("row"),
                or_(token.c.last_used.is_(None), token.c.last_used < bindparam("moment")),
            )
            .values(last_used=bindparam("moment"))
        )

    def create(
        self,
        user_id: int,
        name: str,
        scopes: Scopes | None = None,
        expires: Micros | None = None,
    ) -> tuple[Token, str]:
        """A new token of a user, and its secret: there is no other time to see it. Raises ObjectNotFound
        for the user; InvalidInput for a name, scope or expiry that is not possible."""
        if not 0 < len(name) <= LONGEST_NAME or not name.isprintable():
            raise InvalidInput(f"a token's name has between 1 and {LONGEST_NAME} printable characters")
        if user_id == 0:
            raise InvalidInput("anonymous needs no token")
        encoded = _encode(scopes)
        secret = mint()

        def job(turn: Turn) -> Token:
            if turn.one(self._user, id=user_id) is None:
                raise ObjectNotFound("user", str(user_id))
            if expires is not None and expires <= turn.now:
                raise InvalidInput("the token would have expired already")
            row = turn.one(
                self._insert,
                user_id=user_id,
                name=name,
                hash=_hash(secret),
                scopes=encoded,
                created=turn.now,
                expires=expires,
            )
            assert row is not None
            return Token(row[0], user_id, name, scopes, turn.now, expires, None)

        return self._database.write(job), secret

    def find(self, secret: str) -> Token | None:
        """The token with this secret, expired or not, or None."""
        row = self._database.one(self._hashed, hash=_hash(secret))
        return None if row is None else _token(row)

    def list(self, user_id: int) -> Sequence[Token]:
        """All tokens of a user, oldest first."""
        return [_token(row) for row in self._database.all(self._owned, user_id=user_id)]

    def revoke(self, token_id: int, *, user_id: int | None = None) -> None:
        """End a token; with `user_id`, only one of that user. Raises ObjectNotFound."""

        def job(turn: Turn) -> None:
            row = turn.one(self._numbered, id=token_id)
            if row is None or user_id not in (None, row[1]):
                raise ObjectNotFound("token", str(token_id))
            turn.run(self._delete, id=token_id)
            turn.moves(principal_stripe(row[1]))

        self._database.write(job)

    def touch(self, ids: Iterable[int], now: Micros) -> None:
        """Record that these tokens were used, at `now`. One job for all: callers collect uses and call
        once in a while. Later moments win; tokens that are gone are passed over."""
        used = sorted(set(ids))

        def job(turn: Turn) -> None:
            for row_id in used:
                turn.run(self._touch, row=row_id, moment=now)

        if used:
            self._database.write(job)


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _encode(scopes: Scopes | None) -> str:
    """`scopes` as the row's JSON: null, or a list of [repository id, path pattern, verbs]."""
    if scopes is None:
        return "null"
    for access in scopes.access:
        patterns.compile(access.path)
    return msgspec.json.encode(
        [[access.repository_id, access.path, sorted(access.verbs)] for access in scopes.access]
    ).decode()


def _token(row: Row) -> Token:
    row_id, user_id, name, scopes, created, expires, last_used = row
    listed = msgspec.json.decode(scopes, type=list[tuple[int, str, frozenset[Verb]]] | None)
    return Token(
        row_id,
        user_id,
        name,
        None if listed is None else Scopes(tuple(Access(*access) for access in listed)),
        created,
        expires,
        last_used,
    )
