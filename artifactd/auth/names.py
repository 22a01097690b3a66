"""What users and roles may be called."""

import re

from artifactd.errors import InvalidInput

_GRAMMAR = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,127}")

TOKEN_PREFIX = "adt_"  # noqa: S105
"""What every API token begins with, and no name or password."""


def check_name(kind: str, name: str) -> None:
    """Raise InvalidInput unless a new `kind` ("user", "role") may be called `name`.

    No colon: Basic credentials end the user there (RFC 7617). Nothing that begins with an underscore or
    like an API token: `__token__` stands for whoever owns the token beside it."""
    if _GRAMMAR.fullmatch(name) is None or name.startswith(TOKEN_PREFIX):
        raise InvalidInput(
            f"{name!r} cannot name a {kind}: it takes a letter or digit, then up to 127 letters, digits"
            f" and . _ @ + -, and does not begin with {TOKEN_PREFIX!r}"
        )
