"""Authenticators: the three kinds of credentials we know, and the chain that asks them.

Rule 1: what was verified is remembered for at most a minute, under the counters of its user: a changed
password, a revoked token or a deleted user counts at once, in every process.
Rule 2: what was refused is remembered too, for a few seconds: a client that repeats a wrong password costs
one hash, not one per request. A password that is right from now on is a different counter, or a different
header.
Rule 3: no header is kept. The map's keys are keyed BLAKE2 tags of them, under a key of this process.
"""

import hashlib
import secrets
import threading
from collections.abc import Sequence
from concurrent.futures import Future

from artifactd.auth.accounts import Account, Accounts, user_stripe
from artifactd.auth.bearer import Bearer
from artifactd.auth.credentials import (
    LONGEST_HEADER,
    Authenticator,
    Credential,
    Kind,
    Presented,
    Refused,
    parse,
)
from artifactd.auth.names import TOKEN_PREFIX
from artifactd.auth.passwords import Passwords
from artifactd.auth.principal import Principal
from artifactd.auth.recent import Recent
from artifactd.auth.tokens import Tokens, well_formed
from artifactd.auth.users import Users
from artifactd.clock import SECOND, Micros
from artifactd.db.generations import principal_stripe
from artifactd.db.writer import Database
from artifactd.errors import InvalidCredentials, Unavailable

REMEMBERED = 4096
"""Headers remembered per process."""

GOOD_FOR: Micros = 60 * SECOND
WRONG_FOR: Micros = 5 * SECOND

HASHES_AT_ONCE = 4
"""Passwords verified at the same time: each takes a core and 19 MiB."""

PATIENCE = 10.0
"""Seconds a login waits for its turn to be hashed before it is told to come back."""


class PasswordAuthenticator:
    """Basic `user:password`."""

    def __init__(self, database: Database, users: Users, passwords: Passwords) -> None:
        self._generations = database.generations
        self._accounts = Accounts(database)
        self._users = users
        self._passwords = passwords
        self._turns = threading.BoundedSemaphore(HASHES_AT_ONCE)

    def authenticate(self, presented: Presented, entry: str, now: Micros) -> Credential | Refused | None:
        if presented.scheme != "basic" or presented.secret.startswith(TOKEN_PREFIX):
            return None
        depends = self._generations.take((user_stripe(presented.user),))
        account = self._accounts.named(presented.user)
        if account is not None:
            # The counter to watch is known only now; what it stands for is read after taking it.
            depends = self._generations.take((principal_stripe(account.id),))
            account = self._accounts.numbered(account.id)
        stored = account.password if account is not None and account.active else None
        if not self._turns.acquire(timeout=PATIENCE):
            raise Unavailable("too many logins at once")
        try:
            verified = self._passwords.verify(presented.secret, stored)
            if account is None or stored is None or not verified.ok:
                return Refused(depends)
            if verified.rehash:
                self._users.rehash(account.id, stored, presented.secret)
        finally:
            self._turns.release()
        return Credential(_full(account), Kind.PASSWORD, None, depends)


class TokenAuthenticator:
    """API tokens: Bearer, or Basic with the token as password beside `__token__` or any other user."""

    def __init__(self, database: Database, tokens: Tokens) -> None:
        self._generations = database.generations
        self._accounts = Accounts(database)
        self._tokens = tokens

    def authenticate(self, presented: Presented, entry: str, now: Micros) -> Credential | Refused | None:
        if not presented.secret.startswith(TOKEN_PREFIX):
            return None
        depends = self._generations.take(())
        found = self._tokens.find(presented.secret) if well_formed(presented.secret) else None
        if found is None:
            return Refused(depends)
        depends = self._generations.take((principal_stripe(found.user_id),))
        found = self._tokens.find(presented.secret)
        account = None if found is None else self._accounts.numbered(found.user_id)
        if (
            found is None
            or account is None
            or not account.active
            or (found.expires is not None and found.expires <= now)
        ):
            return Refused(depends)
        principal = Principal(account.name, account.id, account.roles, found.scopes, found.expires)
        return Credential(principal, Kind.API_TOKEN, found.id, depends)


class BearerAuthenticator:
    """Bearer tokens that this server's token service issued for the entry point they are presented at."""

    def __init__(self, database: Database, bearer: Bearer) -> None:
        self._generations = database.generations
        self._bearer = bearer

    def authenticate(self, presented: Presented, entry: str, now: Micros) -> Credential | Refused | None:
        if presented.scheme != "bearer" or presented.secret.count(".") != 2:
            return None
        depends = self._generations.take(())
        try:
            claims = self._bearer.decode(presented.secret, entry, now)
            depends = self._generations.take((principal_stripe(claims.uid),))
            return Credential(self._bearer.principal(claims), Kind.BEARER, None, depends)
        except InvalidCredentials:
            return Refused(depends)


class Authenticators:
    """The chain: who a request comes from. Thread-safe."""

    def __init__(self, database: Database, chain: Sequence[Authenticator]) -> None:
        self._chain = tuple(chain)
        self._generations = database.generations
        self._page = database.generations.page
        self._accounts = Accounts(database)
        self._seed = hashlib.blake2b(key=secrets.token_bytes(32), digest_size=16)
        self._judged: Recent[bytes, tuple[Credential | Refused, Micros]] = Recent(REMEMBERED)
        self._flights: dict[bytes, Future[Credential | Refused]] = {}
        self._lock = threading.Lock()

    def authenticate(self, authorization: str | None, entry: str, now: Micros) -> Credential:
        """The credential in an Authorization header's value, presented at the entry point `entry`; without
        one, anonymous. Raises InvalidCredentials when it is malformed or wrong, Unavailable when it cannot
        be judged now. May take 100 ms and read the database: not for the event loop."""
        tag = self._tag(authorization, entry)
        judged = self._remembered(tag, now)
        if judged is None:
            judged = self._judge_once(tag, authorization, entry, now)
        if isinstance(judged, Refused):
            raise InvalidCredentials
        return judged

    def cached(self, authorization: str | None, entry: str, now: Micros) -> Credential | None:
        """What `authenticate` would answer (or raise InvalidCredentials) from memory alone, else None: for
        the event loop."""
        judged = self._remembered(self._tag(authorization, entry), now)
        if isinstance(judged, Refused):
            raise InvalidCredentials
        return judged

    def _tag(self, authorization: str | None, entry: str) -> bytes:
        if authorization is None:
            return b""
        if len(authorization) > LONGEST_HEADER:
            raise InvalidCredentials
        tag = self._seed.copy()
        tag.update(f"{entry}\0{authorization}".encode(errors="surrogatepass"))
        return tag.digest()

    def _remembered(self, tag: bytes, now: Micros) -> Credential | Refused | None:
        found = self._judged.get(tag)
        if found is None or now >= found[1]:
            return None
        page = self._page
        for stripe, count in found[0].depends:
            if page[stripe] != count:
                return None
        return found[0]

    def _judge_once(
        self, tag: bytes, authorization: str | None, entry: str, now: Micros
    ) -> Credential | Refused:
        """Judge, unless another thread is judging the same: then take its answer. A client that opens eight
        connections at once costs one hash."""
        while True:
            with self._lock:
                flight = self._flights.get(tag)
                if flight is None:
                    own = self._flights[tag] = Future()
                    break
            judged = flight.result()
            # It may have begun before a change that this request came after.
            if self._generations.current(judged.depends):
                return judged
        try:
            judged = self._judge(authorization, entry, now)
            self._judged.put(tag, (judged, _until(judged, now)))
            own.set_result(judged)
            return judged
        except BaseException as error:
            own.set_exception(error)
            raise
        finally:
            with self._lock:
                del self._flights[tag]

    def _judge(self, authorization: str | None, entry: str, now: Micros) -> Credential | Refused:
        if authorization is None:
            depends = self._generations.take((principal_stripe(0),))
            return Credential(_full(self._accounts.anonymous()), Kind.NONE, None, depends)
        presented = parse(authorization)
        for authenticator in self._chain:
            judged = authenticator.authenticate(presented, entry, now)
            if judged is not None:
                return judged
        return Refused(self._generations.take(()))


def _full(account: Account) -> Principal:
    return Principal(account.name, account.id, account.roles)


def _until(judged: Credential | Refused, now: Micros) -> Micros:
    """When a judgement is no longer remembered."""
    if isinstance(judged, Refused):
        return now + WRONG_FOR
    ends = judged.principal.not_after
    return now + GOOD_FOR if ends is None else min(now + GOOD_FOR, ends)
