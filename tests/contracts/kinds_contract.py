"""What every format does the same way behind a proxy and in a group, asked over the wire.

The upstream of a proxy is a hosted repository of the same server. It is taken offline where a test shows
that it is not asked, or what happens when it cannot be.
"""

from collections.abc import Sequence
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
    past,
    published,
    revisions,
)
from tests.support.proxies import group, proxy, request
from tests.support.server import ADMIN, Answer, RunningServer

NEWER = Item(ITEM.name, "2.0", "more")
LONG = timedelta(days=1)
"""Longer than any mutable document is fresh, and shorter than it is bearable."""


class Upstreamed:
    """A hosted repository, and a proxy of it."""

    def __init__(self, server: RunningServer, adapter: Adapter, **settings: Any) -> None:
        self.server = server
        self.hosted = Client(server, server.repository(adapter.format, write_policy="allow"))
        url = f"{server.url}{root(adapter, self.hosted.repository)}"
        login = {"username": ADMIN.name, "password": ADMIN.password}
        self.proxy = Client(server, proxy(server, adapter.format, url, **login, **settings))

    def offline(self) -> None:
        """Nothing is answered upstream from here on."""
        online(self.server, self.hosted.repository, on=False)

    def back(self) -> None:
        """It answers again, and the proxy has had the time to notice."""
        online(self.server, self.hosted.repository, on=True)


def root(adapter: Adapter, repository: str) -> str:
    """Where the items of a repository are, as a proxy is pointed at it."""
    return getattr(adapter, "root", "/repository/{}/").format(repository)


def has_owners(adapter: Adapter) -> bool:
    """Whether paths of the format belong to names."""
    return bool(getattr(adapter, "has_owners", True))


def online(server: RunningServer, name: str, *, on: bool) -> None:
    """Have a repository answer, or not."""
    answer = request(server, "PATCH", f"/api/v1/repositories/{name}", {"online": on})
    assert answer.status == 200, answer


def read(adapter: Adapter, client: Client, item: Item) -> Answer:
    return client.request("GET", adapter.url(client.repository, item))


class ProxyContract:
    """Needs the fixture `adapter`."""

    @pytest.fixture
    def pair(self, contract_server: RunningServer, adapter: Adapter) -> Upstreamed:
        return Upstreamed(contract_server, adapter)

    def test_what_the_upstream_has_is_read_and_kept(self, adapter: Adapter, pair: Upstreamed) -> None:
        published(adapter, pair.hosted, ITEM)
        first = read(adapter, pair.proxy, ITEM)
        assert (first.status, first.body) == (200, adapter.body(ITEM))
        pair.offline()
        again = read(adapter, pair.proxy, ITEM)
        assert (again.status, again.body) == (200, adapter.body(ITEM))
        assert again.header("warning") == ""

    def test_what_the_upstream_has_is_listed(self, adapter: Adapter, pair: Upstreamed) -> None:
        published(adapter, pair.hosted, ITEM, NEWER)
        read(adapter, pair.proxy, ITEM)
        read(adapter, pair.proxy, NEWER)
        assert sorted(adapter.listed(pair.proxy, ITEM.name)) == ["1.0", "2.0"]

    def test_head_answers_like_get_without_the_body(self, adapter: Adapter, pair: Upstreamed) -> None:
        published(adapter, pair.hosted, ITEM)
        url = adapter.url(pair.proxy.repository, ITEM)
        cold = pair.proxy.request("HEAD", url)
        assert (cold.status, cold.body) == (200, b"")
        assert cold.header("content-length") == str(len(adapter.body(ITEM)))
        got, warm = (pair.proxy.request(method, url) for method in ("GET", "HEAD"))
        assert (warm.status, warm.header("content-length")) == (200, cold.header("content-length"))
        assert warm.header("etag") == got.header("etag")

    def test_a_part_can_be_read_of_what_is_not_here(self, adapter: Adapter, pair: Upstreamed) -> None:
        published(adapter, pair.hosted, ITEM)
        url = adapter.url(pair.proxy.repository, ITEM)
        for _ in range(2):
            answer = pair.proxy.request("GET", url, headers={"Range": "bytes=2-5"})
            assert (answer.status, answer.body) == (206, adapter.body(ITEM)[2:6])
            assert answer.header("content-range") == f"bytes 2-5/{len(adapter.body(ITEM))}"
            assert read(adapter, pair.proxy, ITEM).body == adapter.body(ITEM)

    def test_a_copy_past_its_time_is_served_while_nobody_answers(
        self, adapter: Adapter, pair: Upstreamed
    ) -> None:
        published(adapter, pair.hosted, ITEM)
        read(adapter, pair.proxy, ITEM)
        pair.offline()
        pair.server.clock.advance(LONG)
        answer = read(adapter, pair.proxy, ITEM)
        assert (answer.status, answer.body) == (200, adapter.body(ITEM))

    def test_what_is_neither_here_nor_to_be_asked_for_is_503(
        self, adapter: Adapter, pair: Upstreamed
    ) -> None:
        published(adapter, pair.hosted, ITEM)
        pair.offline()
        answer = read(adapter, pair.proxy, ITEM)
        assert answer.status == 503
        assert 1 <= int(answer.header("retry-after")) <= 30
        assert adapter.is_error(answer)

    def test_an_absence_is_remembered_for_a_while(self, adapter: Adapter, pair: Upstreamed) -> None:
        assert read(adapter, pair.proxy, ITEM).status == 404
        pair.offline()
        answer = read(adapter, pair.proxy, ITEM)
        assert answer.status == 404
        assert adapter.is_error(answer)
        pair.back()
        published(adapter, pair.hosted, ITEM)
        assert read(adapter, pair.proxy, ITEM).status == 404
        pair.server.clock.advance(LONG)
        assert read(adapter, pair.proxy, ITEM).status == 200

    def test_what_changes_upstream_is_noticed_in_time(self, adapter: Adapter, pair: Upstreamed) -> None:
        published(adapter, pair.hosted, ITEM)
        read(adapter, pair.proxy, ITEM)
        adapter.listed(pair.proxy, ITEM.name)
        published(adapter, pair.hosted, NEWER)
        pair.server.clock.advance(LONG)
        assert read(adapter, pair.proxy, NEWER).body == adapter.body(NEWER)
        assert sorted(adapter.listed(pair.proxy, ITEM.name)) == ["1.0", "2.0"]

    def test_asking_the_upstream_takes_the_right_to_it(self, adapter: Adapter, pair: Upstreamed) -> None:
        published(adapter, pair.hosted, ITEM)
        where = pair.proxy.repository
        reader = pair.proxy.by(pair.server.user((where, "**", (Verb.READ,))))
        fetcher = pair.proxy.by(pair.server.user((where, "**", (Verb.READ, Verb.POPULATE))))
        refused = read(adapter, reader, ITEM)
        assert refused.status == 403
        assert adapter.is_error(refused)
        assert read(adapter, pair.proxy.by(None), ITEM).status == 401
        assert revisions(pair.proxy) == 0
        assert read(adapter, fetcher, ITEM).status == 200
        assert read(adapter, reader, ITEM).status == 200

    def test_nothing_is_published_to_it(self, adapter: Adapter, pair: Upstreamed) -> None:
        before = set(pair.server.stored())
        answer = adapter.publish(pair.proxy, ITEM)
        assert answer.status == 405
        assert adapter.is_error(answer)
        assert set(pair.server.stored()) == before

    def test_its_past_is_what_was_kept(self, adapter: Adapter, pair: Upstreamed) -> None:
        published(adapter, pair.hosted, ITEM, NEWER)
        read(adapter, pair.proxy, ITEM)
        then = past(pair.proxy)
        read(adapter, pair.proxy, NEWER)
        assert read(adapter, then, ITEM).body == adapter.body(ITEM)
        assert read(adapter, then, NEWER).status == 404


class GroupContract:
    """Needs the fixture `adapter`."""

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

    def test_the_first_member_that_has_it_answers(
        self, adapter: Adapter, first: Client, second: Client
    ) -> None:
        published(adapter, first, ITEM)
        published(adapter, second, ITEM.but("other"), OTHER)
        both = self.of(adapter, first, second)
        assert read(adapter, both, ITEM).body == adapter.body(ITEM)
        assert read(adapter, both, OTHER).body == adapter.body(OTHER)
        other_way = self.of(adapter, second, first)
        assert read(adapter, other_way, ITEM).body == adapter.body(ITEM.but("other"))

    def test_lists_are_merged(self, adapter: Adapter, first: Client, second: Client) -> None:
        published(adapter, first, ITEM)
        published(adapter, second, NEWER)
        both = self.of(adapter, first, second)
        assert sorted(adapter.listed(both, ITEM.name)) == ["1.0", "2.0"]

    def test_what_a_member_gets_is_seen_at_once(
        self, adapter: Adapter, first: Client, second: Client
    ) -> None:
        both = self.of(adapter, first, second)
        for number in range(3):
            item = Item(ITEM.name, f"1.{number}")
            assert read(adapter, both, item).status == 404
            published(adapter, second, item)
            assert read(adapter, both, item).status == 200
            assert f"1.{number}" in adapter.listed(both, ITEM.name)

    def test_groups_nest(self, adapter: Adapter, first: Client, second: Client) -> None:
        published(adapter, first, ITEM)
        inner = self.of(adapter, first)
        outer = self.of(adapter, second, inner)
        assert read(adapter, outer, ITEM).status == 200
        assert list(adapter.listed(outer, ITEM.name)) == ["1.0"]

    def test_it_takes_writes_for_the_member_that_takes_them(
        self, adapter: Adapter, first: Client, second: Client
    ) -> None:
        both = self.of(adapter, first, second, writable=second.repository)
        published(adapter, both, ITEM)
        assert read(adapter, second, ITEM).status == 200
        assert read(adapter, first, ITEM).status == 404
        assert read(adapter, both, ITEM).status == 200

    def test_without_such_a_member_it_takes_none(self, adapter: Adapter, first: Client) -> None:
        alone = self.of(adapter, first)
        before = set(first.server.stored())
        answer = adapter.publish(alone, ITEM)
        assert answer.status == 405
        assert adapter.is_error(answer)
        assert set(first.server.stored()) == before

    def test_what_no_member_has_is_404_in_the_formats_words(
        self, adapter: Adapter, first: Client, second: Client
    ) -> None:
        both = self.of(adapter, first, second)
        for _ in range(3):
            answer = read(adapter, both, ITEM)
            assert answer.status == 404
            assert adapter.is_error(answer)

    def test_a_member_that_cannot_be_asked_is_not_a_404(
        self, adapter: Adapter, first: Client, second: Client
    ) -> None:
        published(adapter, second, ITEM)
        both = self.of(adapter, first, second)
        online(first.server, first.repository, on=False)
        answer = read(adapter, both, ITEM)
        assert answer.status == 503
        assert adapter.is_error(answer)
        online(first.server, first.repository, on=True)
        assert read(adapter, both, ITEM).status == 200

    def test_a_name_that_a_hosted_member_has_is_asked_of_no_upstream(
        self, contract_server: RunningServer, adapter: Adapter, first: Client
    ) -> None:
        pair = Upstreamed(contract_server, adapter)
        published(adapter, pair.hosted, ITEM, NEWER, OTHER)
        published(adapter, first, ITEM.but("ours"))
        both = self.of(adapter, pair.proxy, first)  # in whatever order
        if not has_owners(adapter):
            pytest.skip("no path of this format belongs to a name")
        assert read(adapter, both, ITEM).body == adapter.body(ITEM.but("ours"))
        assert read(adapter, both, NEWER).status == 404
        assert list(adapter.listed(both, ITEM.name)) == ["1.0"]
        assert revisions(pair.proxy) == 0
        assert read(adapter, both, OTHER).status == 200
        merged = self.of(adapter, first, pair.proxy, merge=[adapter.owner(ITEM)])
        assert read(adapter, merged, NEWER).body == adapter.body(NEWER)
        assert read(adapter, merged, ITEM).body == adapter.body(ITEM.but("ours"))

    def test_a_reserved_name_is_asked_of_no_upstream(
        self, contract_server: RunningServer, adapter: Adapter, first: Client
    ) -> None:
        pair = Upstreamed(contract_server, adapter)
        published(adapter, pair.hosted, ITEM, OTHER)
        if not has_owners(adapter):
            pytest.skip("no path of this format belongs to a name")
        both = self.of(adapter, first, pair.proxy, reserved=[adapter.owner(ITEM)])
        assert read(adapter, both, ITEM).status == 404
        assert revisions(pair.proxy) == 0
        assert read(adapter, both, OTHER).status == 200

    def test_the_rights_of_the_caller_count_on_each_member(
        self, adapter: Adapter, first: Client, second: Client
    ) -> None:
        published(adapter, first, ITEM)
        published(adapter, second, OTHER, NEWER)
        both = self.of(adapter, first, second)
        grants = [(name, "**", (Verb.READ,)) for name in (both.repository, second.repository)]
        reader = both.by(first.server.user(*grants))
        assert read(adapter, reader, ITEM).status == 404
        assert read(adapter, reader, OTHER).status == 200
        assert list(adapter.listed(reader, ITEM.name)) == ["2.0"]
        assert sorted(adapter.listed(both, ITEM.name)) == ["1.0", "2.0"]
        stranger = both.by(first.server.user((second.repository, "**", (Verb.READ,))))
        assert read(adapter, stranger, OTHER).status == 403
        assert read(adapter, both.by(None), OTHER).status == 401

    def test_a_group_may_decide_for_its_members(
        self, adapter: Adapter, first: Client, second: Client
    ) -> None:
        published(adapter, first, ITEM)
        both = self.of(adapter, first, second, rights="group")
        reader = both.by(first.server.user((both.repository, "**", (Verb.READ,))))
        assert read(adapter, reader, ITEM).status == 200
        assert read(adapter, Client(first.server, first.repository, reader.login), ITEM).status == 403

    def test_a_token_for_the_group_is_enough(self, adapter: Adapter, first: Client, second: Client) -> None:
        published(adapter, first, ITEM)
        both = self.of(adapter, first, second)
        grants: Sequence[tuple[str, str, Any]] = [
            (name, "**", (Verb.READ,)) for name in (both.repository, first.repository)
        ]
        login = first.server.user(*grants)
        reader = both.by(first.server.token(login))
        assert read(adapter, reader, ITEM).status == 200
