"""Passwords: hashed with argon2id, and verified in the forms that htpasswd files hold.

Rule 1: passlib is touched by one thread at a time until its argon2 backend is loaded: its lazy loader
replaces methods on the class, and a second thread that looked one up before that fails.
Rule 2: a login for which there is no hash costs what one with a wrong password costs, so that time does not
tell who has an account.
"""

import threading
from dataclasses import dataclass
from typing import Any

from artifactd.errors import InvalidInput

MEMORY_KIB = 19 * 1024
PASSES = 5
"""argon2id, one lane. 19 MiB is what OWASP's first choice takes, and four at once stay far below the 100 MB
budget; five passes instead of two make it about 45 ms of one 2025 server core."""

LONGEST_PASSWORD = 1024
"""Bytes of UTF-8: nobody needs more, and a longer one only costs time to hash."""


@dataclass(frozen=True, slots=True)
class Verified:
    """`ok`: it is the password. `rehash`: it is, and the stored hash should be replaced by a new one."""

    ok: bool
    rehash: bool


class Passwords:
    """Hashes and verifies. Thread-safe; each call keeps a core busy for about 50 ms, without the
    interpreter lock. `memory` in KiB."""

    def __init__(self, memory: int = MEMORY_KIB, passes: int = PASSES) -> None:
        self._memory = memory
        self._passes = passes
        self._lock = threading.Lock()
        self._loaded: tuple[Any, str] | None = None

    def hash(self, password: str) -> str:
        """`password` as it is stored. Raises InvalidInput for one that cannot be used."""
        if not _usable(password):
            raise InvalidInput(
                f"a password has between 1 and {LONGEST_PASSWORD} bytes, and no NUL among them"
            )
        hashed: str = self._load()[0].hash(password)
        return hashed

    def verify(self, password: str, stored: str | None) -> Verified:
        """Whether `password` is the one `stored` was made from. For None, or a form that is not known here,
        the answer is no, after the usual time."""
        context, dummy = self._load()
        known = stored is not None and context.identify(stored) is not None
        if not known or not _usable(password):
            context.verify("not the password", dummy)
            return Verified(ok=False, rehash=False)
        ok: bool = context.verify(password, stored)
        return Verified(ok=ok, rehash=ok and bool(context.needs_update(stored)))

    def _load(self) -> tuple[Any, str]:
        if self._loaded is None:
            with self._lock:
                if self._loaded is None:
                    context = self._context()
                    self._loaded = (context, context.hash("the password of nobody"))
        return self._loaded

    def _context(self) -> Any:
        from importlib.util import find_spec

        from passlib.context import CryptContext

        htpasswd = ["apr_md5_crypt", "sha256_crypt", "sha512_crypt"]
        if find_spec("bcrypt") is not None:
            htpasswd.append("bcrypt")
        context = CryptContext(
            schemes=["argon2", *htpasswd],
            deprecated=htpasswd,
            argon2__type="ID",
            argon2__memory_cost=self._memory,
            argon2__time_cost=self._passes,
            argon2__parallelism=1,
        )
        context.handler("argon2").set_backend("argon2_cffi")
        return context


def _usable(password: str) -> bool:
    try:
        size = len(password.encode())
    except UnicodeEncodeError:  # half a character: no client means that
        return False
    return 0 < size <= LONGEST_PASSWORD and "\0" not in password
