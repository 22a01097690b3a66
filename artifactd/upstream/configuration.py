"""What a proxy says of its upstream, ready to be used: secrets are in the clear here, and in no `repr`."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

NEGATIVE_FOR = timedelta(minutes=5)
"""How long an absence is remembered: long enough for a build, short enough for a release."""


@dataclass(frozen=True, slots=True)
class Upstream:
    """The upstream of the proxy with the row `repository_id`, called `repository`; `version` counts changes
    of that row, so the same version means the same upstream.

    `url` ends in a slash. `fresh_for` and `stale_for` replace what a format says of its mutable documents;
    None leaves it. `allow_private`: whether addresses of this machine and of private networks are meant.
    `ca`, `client_certificate` and `client_key` are PEM texts. `realms`: hosts, beside the upstream's own
    and those of its domain, whose token services may be sent the credentials. `blocked`: an administrator
    wants nobody to ask it."""

    repository_id: int
    repository: str
    version: int
    url: str
    username: str = ""
    password: str = field(default="", repr=False)
    token: str = field(default="", repr=False)
    fresh_for: timedelta | None = None
    stale_for: timedelta | None = None
    negative_for: timedelta = NEGATIVE_FOR
    allow_private: bool = False
    ca: str = field(default="", repr=False)
    client_certificate: str = field(default="", repr=False)
    client_key: str = field(default="", repr=False)
    http_proxy: str = field(default="", repr=False)
    realms: Sequence[str] = ()
    blocked: bool = False
