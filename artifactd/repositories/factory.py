"""From a repository's row to a repository: the one place that knows which class answers for a kind."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from artifactd.auth import patterns
from artifactd.auth.principal import Principal
from artifactd.catalog.directory import Directory
from artifactd.catalog.kinds import GROUP, PROXY
from artifactd.catalog.repositories import RepositoryRecord
from artifactd.clock import Micros
from artifactd.errors import RepositoryNotFound, Unavailable
from artifactd.repositories.catalog import Catalog, FormatRules
from artifactd.repositories.group import GroupRepository
from artifactd.repositories.holdings import Holdings
from artifactd.repositories.hosted import HostedRepository
from artifactd.repositories.inquiry import Inquiry
from artifactd.repositories.member import Member, MemberRepository
from artifactd.repositories.proxy import ProxyRepository
from artifactd.repositories.published import GroupPublications
from artifactd.repositories.rights import Both, Bound, Everything, Rights
from artifactd.upstream.configuration import NEGATIVE_FOR, Upstream
from artifactd.upstream.watch import Watch

Parse = Callable[[Mapping[str, Any]], Any]
"""A format's settings document as its settings object."""

Open = Callable[[RepositoryRecord], Mapping[str, Any]]
"""A proxy's upstream as it was given, with its secrets in the clear."""


class RepositoryFactory:
    """Makes repositories bound to a principal. `rules` and `settings` come from the formats, by name.
    Parsed settings and opened upstreams are kept per row version."""

    def __init__(
        self,
        catalog: Catalog,
        directory: Directory,
        rules: Mapping[str, FormatRules],
        settings: Mapping[str, Parse],
        watch: Watch,
        open_upstream: Open,
    ) -> None:
        self.catalog = catalog
        self._directory = directory
        self._rules = rules
        self._watch = watch
        self._parsers = settings
        self._open_upstream = open_upstream
        self._kept: dict[int, tuple[int, Any]] = {}
        self._kept_upstreams: dict[int, Upstream] = {}

    def open(
        self,
        record: RepositoryRecord,
        principal: Principal,
        past: Micros | None = None,
        inquiry: Inquiry | None = None,
    ) -> MemberRepository:
        """The repository as `principal` sees it, for a request that may learn what `inquiry` allows. Raises
        Unavailable when it is offline, Gone for a moment its history does not reach."""
        rights = Bound(self.catalog.authorizer, principal, record)
        return self._open(record, principal, rights, past, inquiry or Inquiry())

    def trusted(self, record: RepositoryRecord, principal: Principal, inquiry: Inquiry) -> MemberRepository:
        """The repository for a task that `principal` had the right to ask for."""
        return self._open(record, principal, Everything(), None, inquiry)

    def rules(self, record: RepositoryRecord) -> FormatRules:
        """What the repository's format says. Raises Unavailable when it is not installed."""
        if record.format not in self._rules:
            raise Unavailable(f"the format {record.format!r} is not installed", retry_after=60)
        return self._rules[record.format]

    def settings(self, record: RepositoryRecord) -> Any:
        """The repository's settings as its format's object; a group's are its writable member's."""
        if record.kind == GROUP and (writable := self.writable(record)) is not None:
            record = writable
        kept = self._kept.get(record.id)
        if kept is None or kept[0] != record.version:
            kept = (record.version, self._parsers[record.format](record.settings))
            self._kept[record.id] = kept
        return kept[1]

    def upstream(self, record: RepositoryRecord) -> Upstream:
        """The upstream of a proxy. Raises SealBroken."""
        kept = self._kept_upstreams.get(record.id)
        if kept is None or kept.version != record.version:
            kept = self._kept_upstreams[record.id] = _upstream(record, self._open_upstream(record))
        return kept

    def members(self, record: RepositoryRecord) -> Sequence[RepositoryRecord]:
        """The members of a group that hold something of their own, in order."""
        return [leaf for leaf, _ in self._leaves(record, {record.id})]

    def groups_of(self, record: RepositoryRecord) -> Iterator[RepositoryRecord]:
        """The groups that a repository is a member of, directly or through other groups."""
        for each in self._directory.all():
            if each.kind == GROUP and any(leaf.id == record.id for leaf in self.members(each)):
                yield each

    def group(self, record: RepositoryRecord, principal: Principal, inquiry: Inquiry) -> GroupRepository:
        """A group for a task that `principal` had the right to ask for."""
        return self._group(record, principal, Everything(), None, inquiry)

    def writable(self, record: RepositoryRecord) -> RepositoryRecord | None:
        """The member of a group that takes what is written to it."""
        name = record.membership.get("writable")
        try:
            return None if name is None else self._directory.find(name)
        except RepositoryNotFound:
            return None

    def _leaves(
        self, record: RepositoryRecord, seen: set[int], *, online: bool = True
    ) -> Iterator[tuple[RepositoryRecord, bool]]:
        """The members of a group that hold something of their own: in order, those of its groups in their
        places, each once, and whether all groups on the way are online."""
        for name in record.members:
            try:
                member = self._directory.find(name)
            except RepositoryNotFound:
                continue  # it was deleted in this moment
            if member.id in seen:
                continue
            seen.add(member.id)
            if member.kind == GROUP:
                yield from self._leaves(member, seen, online=online and member.online)
            else:
                yield member, online

    def _open(
        self,
        record: RepositoryRecord,
        principal: Principal,
        rights: Rights,
        past: Micros | None,
        inquiry: Inquiry,
    ) -> MemberRepository:
        if not record.online:
            raise Unavailable(f"repository {record.name!r} is offline", retry_after=30)
        rules, settings = self.rules(record), self.settings(record)
        if record.kind == GROUP:
            return self._group(record, principal, rights, past, inquiry)
        holdings = Holdings(self.catalog, record, rules, settings, past)
        if record.kind == PROXY:
            upstream = self.upstream(record)
            return ProxyRepository(
                self.catalog, holdings, principal, rights, upstream, self._watch, inquiry
            )
        return HostedRepository(self.catalog, holdings, principal, rights)

    def _group(
        self,
        record: RepositoryRecord,
        principal: Principal,
        rights: Rights,
        past: Micros | None,
        inquiry: Inquiry,
    ) -> GroupRepository:
        said = record.membership
        # A scoped credential was scoped to the group: what its principal may is asked of the members.
        unscoped = replace(principal, scopes=None)
        by_group = said.get("rights") == "group"

        def member(leaf: RepositoryRecord, reachable: bool) -> Member:
            inner = Everything() if by_group else Bound(self.catalog.authorizer, unscoped, leaf)
            opened: list[MemberRepository] = []

            def open() -> MemberRepository:
                if not reachable:  # what it holds is still owned, and nobody can be told of it
                    raise Unavailable(f"a group with {leaf.name!r} is offline", retry_after=30)
                if not opened:
                    opened.append(self._open(leaf, principal, Both(rights, inner), past, inquiry))
                return opened[0]

            rules, settings = self.rules(leaf), self.settings(leaf)
            return Member(leaf, leaf.kind == PROXY, lambda name: rules.canonical(name, settings), open)

        rules, settings = self.rules(record), self.settings(record)
        members = [member(leaf, reachable) for leaf, reachable in self._leaves(record, {record.id})]
        holdings = Holdings(self.catalog, record, rules, settings, past)
        return GroupRepository(
            self.catalog,
            record,
            rules,
            settings,
            rights,
            members,
            GroupPublications(self.catalog, holdings, members, inquiry),
            writable=said.get("writable"),
            merge=[patterns.compile(text) for text in said.get("merge", ())],
            reserved=[patterns.compile(text) for text in said.get("reserved", ())],
        )


def _upstream(record: RepositoryRecord, said: Mapping[str, Any]) -> Upstream:
    def text(name: str) -> str:
        return said.get(name) or ""

    return Upstream(
        repository_id=record.id,
        repository=record.name,
        version=record.version,
        url=said["url"],
        username=text("username"),
        password=text("password"),
        token=text("token"),
        fresh_for=_seconds(said.get("fresh_for")),
        stale_for=_seconds(said.get("stale_for")),
        negative_for=NEGATIVE_FOR if (kept := _seconds(said.get("negative_for"))) is None else kept,
        allow_private=bool(said.get("allow_private")),
        ca=text("ca"),
        client_certificate=text("client_certificate"),
        client_key=text("client_key"),
        http_proxy=text("http_proxy"),
        realms=tuple(said.get("realms") or ()),
        blocked=record.blocked,
    )


def _seconds(value: int | None) -> timedelta | None:
    return None if value is None else timedelta(seconds=value)
