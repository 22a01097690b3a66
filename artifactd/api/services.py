"""What the API needs of the core."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from artifactd.api.rehearsal import Rehearsal
from artifactd.auth.accounts import Accounts
from artifactd.auth.authenticators import Authenticators
from artifactd.auth.authorizer import Authorizer
from artifactd.auth.passwords import Passwords
from artifactd.auth.roles import Roles
from artifactd.auth.tokens import Tokens
from artifactd.auth.users import Users
from artifactd.catalog.assets import Assets
from artifactd.catalog.blob_stores import BlobStores
from artifactd.catalog.directory import Directory
from artifactd.catalog.repositories import Repositories
from artifactd.catalog.upstream_states import UpstreamStates
from artifactd.clock import Micros
from artifactd.db.writer import Database
from artifactd.formats.format import Format
from artifactd.http.origin import TrustedProxies
from artifactd.http.ring import Ring
from artifactd.sealing import Sealer
from artifactd.tasks.queue import TaskQueue


@dataclass(frozen=True, slots=True)
class ApiServices:
    """The services of one web process. `port` is the server's main one; `used_token` is told of every API
    token that was used, on the event loop; `ring` takes what was answered; `sealer` seals what is stored of
    other servers' secrets."""

    database: Database
    assets: Assets
    formats: Mapping[str, Format]
    stores: BlobStores
    directory: Directory
    repositories: Repositories
    states: UpstreamStates
    sealer: Sealer
    passwords: Passwords
    accounts: Accounts
    users: Users
    roles: Roles
    tokens: Tokens
    queue: TaskQueue
    authenticators: Authenticators
    authorizer: Authorizer
    proxies: TrustedProxies
    ring: Ring
    clock: Callable[[], Micros]
    used_token: Callable[[int], None]
    version: str
    workers: int
    port: int

    def rehearsing(self) -> "ApiServices":
        """The same services, of whose writes nothing stays."""
        rehearsal = Rehearsal(self.database)
        return replace(
            self,
            database=rehearsal,
            repositories=Repositories(rehearsal),
            states=UpstreamStates(rehearsal),
            users=Users(rehearsal, self.passwords),
            roles=Roles(rehearsal),
            tokens=Tokens(rehearsal),
            queue=TaskQueue(rehearsal),
        )
