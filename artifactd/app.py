"""The composition root: the only file that knows every class. It builds everything, top to bottom, once per
process, and runs what a process runs beside its requests."""

import asyncio
import contextlib
import logging
import os
import secrets
import sys
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from starlette.datastructures import Headers

from artifactd import __version__, clock, memory
from artifactd.auth.accounts import Accounts
from artifactd.auth.authenticators import (
    Authenticators,
    BearerAuthenticator,
    PasswordAuthenticator,
    TokenAuthenticator,
)
from artifactd.auth.authorizer import Authorizer
from artifactd.auth.bearer import Bearer
from artifactd.auth.openpgp import OpenPgpKeys
from artifactd.auth.passwords import Passwords
from artifactd.auth.roles import Roles
from artifactd.auth.signing import SigningKeys
from artifactd.auth.tokens import Tokens
from artifactd.auth.users import Users
from artifactd.blobs.filesystem import FilesystemBlobStore
from artifactd.blobs.store import BlobStore
from artifactd.catalog.apply import Applier
from artifactd.catalog.assets import Assets
from artifactd.catalog.blob_stores import BlobStores
from artifactd.catalog.directory import Directory
from artifactd.catalog.kinds import GROUP, HOSTED
from artifactd.catalog.repositories import Repositories, RepositoryDraft
from artifactd.catalog.uploads import Uploads
from artifactd.clock import Micros
from artifactd.db import schema
from artifactd.db.writer import Database
from artifactd.errors import ArtifactdError, RepositoryNotFound
from artifactd.formats.format import Format, Starter
from artifactd.formats.loader import load_formats
from artifactd.http.cache import EdgeServices, ResponseCache
from artifactd.http.front import front_page
from artifactd.http.gateway import Gateway, Receive, Scope, Send
from artifactd.http.health import Health
from artifactd.http.ledger import Ledger
from artifactd.http.metrics import Metrics
from artifactd.http.origin import TrustedProxies
from artifactd.http.receive import Receiver
from artifactd.http.recollections import Recollections
from artifactd.http.ring import Ring
from artifactd.http.serve import send_rendered
from artifactd.http.services import Shared
from artifactd.repositories.catalog import Catalog, FormatRules
from artifactd.repositories.content import Rendered
from artifactd.repositories.factory import RepositoryFactory
from artifactd.sealing import Sealer, load_key, opened
from artifactd.settings import Settings
from artifactd.tasks.agenda import Agenda
from artifactd.tasks.process import TaskProcess
from artifactd.tasks.queue import TaskQueue
from artifactd.tasks.schedule import Schedule
from artifactd.tasks.task import Task
from artifactd.tasks.worker import Worker
from artifactd.upstream.asking import Upstreams
from artifactd.upstream.configuration import Upstream
from artifactd.upstream.health import UpstreamHealth

RING_ROWS = 65_536
"""Answered requests that may wait to be accounted for: most of a second at full speed."""

TRIM_ROUNDS = 5
"""Seconds between handing freed memory back: large bodies leave tens of MiB in the allocator's arenas."""

TIDY_ROUNDS = 60
"""Seconds between looks at what fetches left behind."""

HANDLER_THREADS = 16
FETCH_THREADS = 8
BODY_THREADS = 16

logger = logging.getLogger("artifactd.server")


class Core:
    """Everything below HTTP: what web processes, the task process and the command line share."""

    def __init__(
        self,
        settings: Settings,
        formats: Mapping[str, Format] | None = None,
        now: Callable[[], Micros] = clock.now,
        passwords: Passwords | None = None,
    ) -> None:
        self.settings = settings
        self.now = now
        self.formats = load_formats() if formats is None else formats
        self.run_folder = settings.data / "run"
        self.database = Database(settings.database, self.run_folder, now)
        self.stores = BlobStores(self.database, self._open_store)
        self.assets = Assets(self.database)
        self.applier = Applier(self.database, self.assets, self.stores)
        self.uploads = Uploads(self.database)
        self.repositories = Repositories(self.database)
        self.directory = Directory(self.database, self.repositories)
        self.passwords = passwords or Passwords()
        self.users = Users(self.database, self.passwords)
        self.roles = Roles(self.database)
        self.tokens = Tokens(self.database)
        self.bearer = Bearer(self.database)
        self.authorizer = Authorizer(self.database)
        self.authenticators = Authenticators(
            self.database,
            (
                BearerAuthenticator(self.database, self.bearer),
                TokenAuthenticator(self.database, self.tokens),
                PasswordAuthenticator(self.database, self.users, self.passwords),
            ),
        )
        self.queue = TaskQueue(self.database)
        self.schedule = Schedule(self.database, self.queue)
        self.agenda = Agenda(self.database, self.queue, self.schedule)
        self.catalog = Catalog(
            self.database, self.assets, self.applier, self.stores, self.authorizer, self.queue
        )
        self.sealer = Sealer([load_key(settings)])
        self.health = UpstreamHealth(self.database)
        self._fetchers = ThreadPoolExecutor(FETCH_THREADS, "fetch")
        self.upstreams = self._own_upstreams()
        self.factory = RepositoryFactory(
            self.catalog,
            self.directory,
            {name: _rules(format) for name, format in self.formats.items()},
            {name: f.settings.model_validate for name, f in self.formats.items()},
            self.upstreams.watch,
            lambda record: opened(record.upstream or {}, record.name, self.sealer),
        )
        self.signing_keys = SigningKeys(self.database)
        self.openpgp_keys = OpenPgpKeys(self.database, self.sealer)

    def worker(self) -> Worker:
        """What runs tasks."""
        from artifactd.maintenance import handlers
        from artifactd.maintenance.safety import Safety
        from artifactd.repositories.publishing import Publisher
        from artifactd.repositories.upkeep import Upkeep

        spared = self.settings.maintenance
        safety = Safety(
            undo_window=spared.undo_window,
            orphan_margin=spared.orphan_margin,
            upload_ttl=spared.upload_ttl,
        )
        publisher = Publisher(
            self.catalog,
            self.repositories,
            self.factory,
            self.signing_keys,
            self.openpgp_keys,
            self._own_upstreams,
        )
        upkeep = Upkeep(self.catalog, self.repositories, self.factory, self._own_upstreams)
        known = {
            **handlers(self.database, self.assets, self.stores, self.uploads, safety),
            "publish": publisher.run,
            "prefetch": upkeep.prefetch,
            "purge": upkeep.purge,
        }
        return Worker(self.queue, self.schedule, self.agenda, known, now=self.now)

    def _own_upstreams(self) -> Upstreams:
        """What asks upstreams, for one event loop."""
        return Upstreams(
            self.run_folder / "fetches",
            self._fetchers,
            user_agent=f"artifactd/{__version__}",
            now=self.now,
            health=self.health.note,
            is_current=self._is_current,
        )

    def _is_current(self, upstream: Upstream) -> bool:
        """Whether a proxy still has this upstream, and may ask it."""
        try:
            record = self.directory.find(upstream.repository)
        except RepositoryNotFound:
            return False
        is_same = (record.id, record.version) == (upstream.repository_id, upstream.version)
        return is_same and not record.blocked

    def close(self) -> None:
        """Finish the writes that wait, and let go of the database."""
        self._fetchers.shutdown()
        self.database.close()

    def _open_store(self, type: str, settings: Mapping[str, Any]) -> BlobStore:
        if type != "filesystem":
            raise ArtifactdError(f"blob store type {type!r} is not known to this version")
        folder = settings.get("folder")
        return FilesystemBlobStore(Path(folder) if folder else self.settings.data / "blobs")


def _rules(format: Format) -> FormatRules:
    """What repositories must know of a format."""
    return FormatRules(
        owner=format.owner,
        write_class=format.write_class,
        publications=format.publications,
        immutable=format.immutable,
        addressed=format.addressed,
        companion=format.companion,
        describe=format.describe,
        fetch=format.fetch,
        canonical=format.canonical,
        owned_as=format.owned_as,
    )


def first_start(core: Core) -> None:
    """Make a fresh data folder usable: schema, blob store, administrator, starter repositories, schedules.
    Safe to run at every start, and from several processes at once."""
    schema.ensure(core.database)
    core.stores.ensure_default()
    fresh = _ensure_admin(core)
    if fresh:
        for format in core.formats.values():
            for starter in format.starters or (Starter(format.name),):
                _begin_with(core, format, starter)
    every = core.settings.maintenance
    core.schedule.set(Task("collect"), every.collect_every)
    core.schedule.set(Task("compact"), every.compact_every)
    core.schedule.set(Task("blob-gc"), every.blob_gc_every)
    core.schedule.set(Task("upload-gc"), every.upload_gc_every)


def _begin_with(core: Core, format: Format, starter: Starter) -> None:
    core.repositories.put(
        RepositoryDraft(
            starter.name,
            format.name,
            GROUP if starter.members else HOSTED,
            starter.settings,
            core.stores.id("default"),
            members=starter.members,
            membership={"writable": starter.writable} if starter.writable else {},
        )
    )


def _ensure_admin(core: Core) -> bool:
    given = core.settings.admin_password.get_secret_value()
    if given:
        return core.users.ensure_admin(given)
    password = secrets.token_urlsafe(18)
    if not core.users.ensure_admin(password):
        return False
    file = core.settings.data / "admin.password"
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as out:
        out.write(password + "\n")
    logger.info("the password of user admin is in %s", file.absolute())
    return True


class Application:
    """The ASGI application of one web process. `edge` is what the protocol class answers from."""

    def __init__(self, core: Core) -> None:
        self._core = core
        settings = core.settings
        self._workers = ThreadPoolExecutor(HANDLER_THREADS, "handler")
        self._body_workers = ThreadPoolExecutor(BODY_THREADS, "body")
        cache = ResponseCache(core.database.generations, now=core.now)
        self.edge = EdgeServices(cache, Ring(RING_ROWS), ignored_headers=_ignored(settings), now=core.now)
        self._metrics = Metrics(core.run_folder / "metrics", __version__)
        access = sys.stdout if settings.log.access else None
        self._ledger = Ledger(core.database, self.edge.ring, self._metrics, access)
        self._proxies = TrustedProxies(settings.trusted_proxies)
        shared = Shared(
            core.directory,
            core.factory,
            core.authorizer,
            core.bearer,
            core.stores,
            core.uploads,
            core.upstreams,
            core.now,
            Recollections(core.run_folder / "recollections"),
        )
        self._gateway = Gateway(
            core.formats,
            core.database,
            shared,
            core.authenticators,
            Receiver(core.stores, core.uploads, self._body_workers),
            self._proxies,
            self.edge,
            self._workers,
        )
        self.health = Health({"database": self._check_database, "blobs": self._check_blobs})
        self.task_process: TaskProcess | None = None
        self._api: Any = None
        self._housekeeping: asyncio.Task[None] | None = None
        self._rounds = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
            return
        path: str = scope["path"]
        compiled = self._gateway.format_of(path)
        if compiled is not None:
            await self._gateway.handle(scope, receive, send, compiled)
        elif path.startswith("/api/"):
            loop = asyncio.get_running_loop()
            api = self._api or await loop.run_in_executor(self._workers, self._api_application)
            await api(scope, receive, send)
        else:
            await send_rendered(await self._page(scope), method=scope["method"], send=send)

    async def _page(self, scope: Scope) -> Rendered:
        match scope["path"]:
            case "/healthz" | "/livez":
                return self.health.alive()
            case "/readyz" | "/startupz":
                return await self.health.ready()
            case "/metrics":
                document = await asyncio.get_running_loop().run_in_executor(
                    self._workers, self._metrics.render
                )
                return Rendered(200, [("content-type", "text/plain; version=0.0.4")], document)
            case "/":
                peer = scope["client"][0] if scope.get("client") else ""
                origin = self._proxies.origin(peer, scope["scheme"], Headers(raw=scope["headers"]))
                return front_page(__version__, self._core.formats.values(), origin.scheme, origin.host)
        return Rendered(404, [("content-type", "text/plain; charset=utf-8")], b"nothing is served here\n")

    def _api_application(self) -> Any:
        if self._api is None:
            # Imported with the first request for it: a server that only serves content starts without it.
            from artifactd.api.application import create
            from artifactd.api.services import ApiServices

            core = self._core
            services = ApiServices(
                database=core.database,
                assets=core.assets,
                formats=core.formats,
                stores=core.stores,
                directory=core.directory,
                repositories=core.repositories,
                states=core.catalog.states,
                sealer=core.sealer,
                passwords=core.passwords,
                accounts=Accounts(core.database),
                users=core.users,
                roles=core.roles,
                tokens=core.tokens,
                queue=core.queue,
                authenticators=core.authenticators,
                authorizer=core.authorizer,
                proxies=TrustedProxies(core.settings.trusted_proxies),
                ring=self.edge.ring,
                clock=core.now,
                used_token=lambda token: self._gateway.used_tokens.add(token),
                version=__version__,
                workers=core.settings.workers,
                port=core.settings.port,
            )
            self._api = create(services, self._workers)
        return self._api

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        self._housekeeping = asyncio.create_task(self._keep_house())
        await send({"type": "lifespan.startup.complete"})
        await receive()
        self._housekeeping.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._housekeeping
        await self._core.upstreams.close()
        await asyncio.get_running_loop().run_in_executor(None, self._end)
        await send({"type": "lifespan.shutdown.complete"})

    async def _keep_house(self) -> None:
        """Once a second: account for requests, notice dead writers, wake the task process."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(1)
            try:
                await loop.run_in_executor(self._workers, self._chores)
            except ArtifactdError as error:
                logger.error("housekeeping failed: %s", error)
            except Exception:
                logger.exception("housekeeping failed")

    def _chores(self) -> None:
        self._ledger.drain()
        self._rounds += 1
        if self._rounds % TRIM_ROUNDS == 0:
            memory.give_back()
        if self._rounds % TIDY_ROUNDS == 0:
            self._core.upstreams.tidy()
        self._core.database.recover()
        used, self._gateway.used_tokens = self._gateway.used_tokens, set()
        if used:
            self._core.tokens.touch(used, self._core.now())
        if self.task_process is not None and not self.health.draining:
            self.task_process.wake()

    def _end(self) -> None:
        if self.task_process is not None:
            self.task_process.stop()
        self._ledger.drain()
        self._workers.shutdown()
        self._body_workers.shutdown()
        self._core.close()

    async def _check_database(self) -> None:
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._workers, self._core.stores.ids)

    async def _check_blobs(self) -> None:
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._workers, self._core.stores.named, "default")


def _ignored(settings: Settings) -> frozenset[bytes]:
    """Forwarding headers that change nothing, because no proxy is trusted to send them."""
    if settings.trusted_proxies:
        return frozenset()
    return frozenset({b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host", b"forwarded"})
