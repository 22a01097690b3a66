"""What every format that publishes sets of files does the same way behind a proxy and in a group, asked
over the wire. The tasks run when a test says so."""

import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest

from artifactd.auth.principal import Verb
from tests.contracts.format_contract import (
    ITEM,
    OTHER,
    Adapter,
    Client,
    Item,
    PublishedSet,
    past,
    published,
    refused_where_generated,
    revisions,
)
from tests.contracts.kinds_contract import LONG, NEWER, Upstreamed, read
from tests.support.proxies import group, request
from tests.support.server import Answer, RunningServer
from tests.support.serving import eventually


class ProxiedPublicationContract:
    """Needs the fixtures `adapter` and `publication`."""

    @pytest.fixture
    def pair(self, contract_server: RunningServer, adapter: Adapter) -> Upstreamed:
        return Upstreamed(contract_server, adapter)

    def test_a_proxy_has_the_upstreams_as_it_was_signed(
        self, adapter: Adapter, publication: PublishedSet, pair: Upstreamed
    ) -> None:
        for version in ("1.0", "2.0"):
            published(adapter, pair.hosted, Item(ITEM.name, version))
            publication.settle(pair.hosted)
            caught_up(publication, pair.proxy)
            assert publication.names(pair.proxy) == publication.names(pair.hosted)
        ours, theirs = (publication.files(client) for client in (pair.proxy, pair.hosted))
        assert list(ours.values()) == list(theirs.values()), "byte by byte"
        pair.offline()
        assert publication.names(pair.proxy) == [ITEM.name, ITEM.name]
        pair.server.clock.advance(LONG)
        assert publication.names(pair.proxy) == [ITEM.name, ITEM.name]

    def test_a_set_is_taken_on_with_the_files_it_names(
        self, adapter: Adapter, publication: PublishedSet, pair: Upstreamed
    ) -> None:
        """While they come, the one before is served, and is whole."""
        published(adapter, pair.hosted, ITEM)
        publication.settle(pair.hosted)
        assert publication.names(pair.proxy) == [ITEM.name]
        published(adapter, pair.hosted, OTHER)
        publication.settle(pair.hosted)
        pair.server.clock.advance(LONG)
        assert publication.names(pair.proxy) == [ITEM.name]
        pair.server.run_tasks()
        pair.server.clock.advance(LONG)
        assert sorted(publication.names(pair.proxy)) == sorted([ITEM.name, OTHER.name])


class GroupPublicationContract:
    """Needs the fixtures `adapter` and `publication`."""

    @pytest.fixture
    def first(self, contract_server: RunningServer, adapter: Adapter) -> Client:
        return Client(contract_server, contract_server.repository(adapter.format))

    @pytest.fixture
    def second(self, contract_server: RunningServer, adapter: Adapter) -> Client:
        return Client(contract_server, contract_server.repository(adapter.format))

    def of(self, adapter: Adapter, *members: Client, **settings: Any) -> Client:
        names = [member.repository for member in members]
        server = members[0].server
        return Client(server, group(server, adapter.format, *names, **settings))

    def test_a_group_publishes_what_its_members_have_published(
        self, adapter: Adapter, publication: PublishedSet, first: Client, second: Client
    ) -> None:
        inner = self.of(adapter, second)
        both = self.of(adapter, first, inner)
        published(adapter, first, ITEM)
        published(adapter, second, OTHER)
        publication.settle(first)
        assert sorted(publication.names(both)) == sorted([ITEM.name, OTHER.name])
        assert publication.names(inner) == [OTHER.name]
        published(adapter, second, NEWER)
        publication.settle(second)
        assert sorted(publication.names(both)) == sorted([ITEM.name, OTHER.name, NEWER.name])

    def test_who_asks_first_waits_until_it_is_made(
        self, adapter: Adapter, publication: PublishedSet, contract_server: RunningServer
    ) -> None:
        pair = Upstreamed(contract_server, adapter)
        published(adapter, pair.hosted, ITEM)
        publication.settle(pair.hosted)
        alone = self.of(adapter, pair.proxy)
        contract_server.run_tasks()  # the proxy holds nothing yet
        with asked_meanwhile(alone, publication.entry(alone.repository)) as answer:
            eventually(lambda: is_asked_for(alone))
            assert not answer.done()
            contract_server.run_tasks()
            assert answer.result(20).status == 200
        assert publication.names(alone) == [ITEM.name]

    def test_who_asks_first_waits_for_members_too(
        self, adapter: Adapter, publication: PublishedSet, first: Client
    ) -> None:
        both = self.of(adapter, first)
        first.server.run_tasks()
        published(adapter, first, ITEM)
        with asked_meanwhile(both, publication.entry(both.repository)) as answer:
            first.server.clock.advance(timedelta(seconds=6))
            worker = first.server.core.worker()
            while not has_published(publication, first):
                assert worker.run_due()
            time.sleep(0.5)  # then the task process has more to do, before it comes to the group
            assert not answer.done()
            first.server.run_tasks()
            assert answer.result(20).status == 200
        assert publication.names(both) == [ITEM.name]

    def test_what_does_not_come_in_time_is_503(
        self,
        adapter: Adapter,
        publication: PublishedSet,
        contract_server: RunningServer,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr("artifactd.http.handling.FIRST_WITHIN", timedelta(seconds=0.2))
        pair = Upstreamed(contract_server, adapter)
        published(adapter, pair.hosted, ITEM)
        publication.settle(pair.hosted)
        alone = self.of(adapter, pair.proxy)
        contract_server.run_tasks()
        answer = alone.request("GET", publication.entry(alone.repository))
        assert answer.status == 503
        assert 1 <= int(answer.header("retry-after")) <= 30
        assert adapter.is_error(answer)
        contract_server.run_tasks()
        assert publication.names(alone) == [ITEM.name]

    def test_what_changes_upstream_reaches_the_group(
        self, adapter: Adapter, publication: PublishedSet, contract_server: RunningServer, first: Client
    ) -> None:
        pair = Upstreamed(contract_server, adapter)
        published(adapter, pair.hosted, ITEM)
        publication.settle(pair.hosted)
        caught_up(publication, pair.proxy)
        both = self.of(adapter, first, pair.proxy)
        contract_server.run_tasks()
        for _ in range(4):  # from tier 1, too
            assert publication.names(both) == [ITEM.name]
        published(adapter, pair.hosted, OTHER)
        publication.settle(pair.hosted)
        for _ in range(3):  # it is noticed, its files are fetched, it is taken on
            contract_server.clock.advance(LONG)
            publication.names(both)
            contract_server.run_tasks()
        assert sorted(publication.names(both)) == sorted([ITEM.name, OTHER.name])

    def test_while_a_member_cannot_be_asked_what_there_was_stays(
        self, adapter: Adapter, publication: PublishedSet, contract_server: RunningServer, first: Client
    ) -> None:
        pair = Upstreamed(contract_server, adapter)
        published(adapter, pair.hosted, ITEM)
        publication.settle(pair.hosted)
        caught_up(publication, pair.proxy)
        both = self.of(adapter, first, pair.proxy)
        contract_server.run_tasks()
        pair.offline()
        contract_server.clock.advance(20 * LONG)  # the proxy's copy is not bearable any more
        published(adapter, first, OTHER)
        publication.settle(first)
        assert publication.names(both) == [ITEM.name]
        pair.back()
        contract_server.clock.advance(timedelta(hours=1))
        publication.names(both)
        contract_server.run_tasks()
        assert sorted(publication.names(both)) == sorted([ITEM.name, OTHER.name])

    def test_other_members_are_another_set(
        self, adapter: Adapter, publication: PublishedSet, first: Client, second: Client
    ) -> None:
        published(adapter, first, ITEM)
        published(adapter, second, OTHER)
        publication.settle(first)
        both = self.of(adapter, first)
        first.server.run_tasks()
        assert publication.names(both) == [ITEM.name]
        names = [first.repository, second.repository]
        group(first.server, adapter.format, *names, name=both.repository)
        first.server.run_tasks()
        assert sorted(publication.names(both)) == sorted([ITEM.name, OTHER.name])

    def test_a_name_that_a_hosted_member_has_is_published_from_no_proxy(
        self, adapter: Adapter, publication: PublishedSet, contract_server: RunningServer, first: Client
    ) -> None:
        pair = Upstreamed(contract_server, adapter)
        published(adapter, pair.hosted, ITEM, NEWER, OTHER)
        published(adapter, first, ITEM.but("ours"))
        publication.settle(first)
        caught_up(publication, pair.proxy)
        both = self.of(adapter, pair.proxy, first)  # in whatever order
        contract_server.run_tasks()
        assert sorted(publication.names(both)) == sorted([ITEM.name, OTHER.name])
        assert read(adapter, both, ITEM).body == adapter.body(ITEM.but("ours"))

    def test_it_takes_the_right_to_read_every_member(
        self, adapter: Adapter, publication: PublishedSet, first: Client, second: Client
    ) -> None:
        published(adapter, first, ITEM)
        publication.settle(first)
        both = self.of(adapter, first, second)
        trusting = self.of(adapter, first, second, rights="group")
        first.server.run_tasks()
        groups = [(each.repository, "**", (Verb.READ,)) for each in (both, trusting)]
        some = first.server.user(*groups, (first.repository, "**", (Verb.READ,)))
        every = first.server.user(*groups, *((c.repository, "**", (Verb.READ,)) for c in (first, second)))
        for url in publication.files(both):
            assert both.by(every).request("GET", url).status == 200
            refused = both.by(some).request("GET", url)
            assert refused.status == 403
            assert adapter.is_error(refused)
            assert both.by(None).request("GET", url).status == 401
        assert publication.names(trusting.by(some)) == [ITEM.name]

    def test_its_files_are_not_the_clients_either(
        self, adapter: Adapter, publication: PublishedSet, first: Client
    ) -> None:
        both = self.of(adapter, first, writable=first.repository)
        published(adapter, both, ITEM)
        publication.settle(both)
        before = publication.files(both)
        for url in before:
            for answer in (both.request("PUT", url, b"mine"), both.request("DELETE", url)):
                assert answer.status == refused_where_generated(adapter)
        assert publication.files(both) == before

    def test_nothing_new_is_nothing_published_there_either(
        self, adapter: Adapter, publication: PublishedSet, first: Client
    ) -> None:
        both = self.of(adapter, first)
        published(adapter, first, ITEM)
        publication.settle(first)
        before = revisions(both), publication.files(both)
        assert before[0] > 0
        publication.ask_again(first)
        publication.ask_again(both)
        assert (revisions(both), publication.files(both)) == before

    def test_what_it_has_made_goes_with_it(
        self, adapter: Adapter, publication: PublishedSet, first: Client
    ) -> None:
        published(adapter, first, ITEM)
        publication.settle(first)
        both = self.of(adapter, first)
        first.server.run_tasks()
        assert publication.names(both) == [ITEM.name]
        answer = request(first.server, "DELETE", f"/api/v1/repositories/{both.repository}")
        assert answer.status == 204
        refused = request(first.server, "DELETE", f"/api/v1/repositories/{first.repository}")
        assert refused.status == 409
        assert adapter.delete(first, ITEM).status == adapter.deleted
        publication.settle(first)
        answer = request(first.server, "DELETE", f"/api/v1/repositories/{first.repository}")
        assert answer.status == 204, "what is made of nothing is nobody's content"

    def test_its_past_is_there_as_a_whole_too(
        self, adapter: Adapter, publication: PublishedSet, first: Client
    ) -> None:
        both = self.of(adapter, first)
        published(adapter, first, ITEM)
        publication.settle(first)
        then = past(both)
        published(adapter, first, OTHER)
        publication.settle(first)
        assert publication.names(then) == [ITEM.name]
        assert sorted(publication.names(both)) == sorted([ITEM.name, OTHER.name])


def caught_up(publication: PublishedSet, proxy: Client) -> None:
    """Have a proxy hold what its upstream publishes now, files and all."""
    for _ in range(2):
        proxy.server.clock.advance(LONG)
        publication.names(proxy)
        proxy.server.run_tasks()
    proxy.server.clock.advance(timedelta(minutes=1))
    publication.names(proxy)


def has_published(publication: PublishedSet, client: Client) -> bool:
    """Whether a repository has an entry document, which nobody is asked for."""
    core, name = client.server.core, client.repository
    path = publication.entry(name).removeprefix(f"/repository/{name}/")
    return core.assets.find(core.database, core.repositories.find(name).id, path) is not None


def is_asked_for(client: Client) -> bool:
    """Whether a task waits that publishes something of a repository."""
    core = client.server.core
    prefix = f"{core.repositories.find(client.repository).id}/"
    with core.database.connect() as connection:
        rows = connection.exec_driver_sql(
            "SELECT key FROM task WHERE name = 'publish' AND state = 'waiting'"
        )
        return any(row[0].startswith(prefix) for row in rows)


@contextmanager
def asked_meanwhile(client: Client, path: str) -> Iterator["Future[Answer]"]:
    """A GET on its way."""

    def get() -> Answer:
        try:
            return client.request("GET", path)
        finally:
            client.server.disconnect()

    with ThreadPoolExecutor(1) as thread:
        yield thread.submit(get)
