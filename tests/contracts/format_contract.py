"""What every format does the same way, asked over the wire.

A format's test is a subclass with an `adapter` fixture, which says how its clients publish, read, list and
delete; `PublicationContract` is for one that also publishes sets of files.
"""

import json
from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Protocol

import pytest

from artifactd.auth.principal import Verb
from artifactd.clock import moment
from tests.support.server import ADMIN, Answer, Login, RunningServer


@dataclass(frozen=True, slots=True)
class Client:
    """Somebody who talks to one repository, at `at` if it is given."""

    server: RunningServer
    repository: str
    login: Login | None = ADMIN

    def request(
        self,
        method: str,
        path: str,
        body: bytes | Iterable[bytes] = b"",
        *,
        headers: Mapping[str, str] | Sequence[tuple[str, str]] = (),
    ) -> Answer:
        return self.server.request(method, path, body, login=self.login, headers=headers)

    def by(self, login: Login | None) -> "Client":
        """The same repository for someone else."""
        return Client(self.server, self.repository, login)

    def of(self, repository: str) -> "Client":
        """Another repository for the same one."""
        return Client(self.server, repository, self.login)


@dataclass(frozen=True, slots=True)
class Item:
    """What a test publishes: `content` tells bytes apart that are meant for the same place."""

    name: str
    version: str
    content: str = "some content"

    def but(self, content: str) -> "Item":
        """Other bytes for the same place."""
        return Item(self.name, self.version, content)


class Adapter(Protocol):
    """How clients of a format do what all formats can do."""

    format: str
    challenge: str
    """What a 401 asks for: `Basic` or `Bearer`."""
    conflict: int
    """The status of other bytes where there are some already, and they are not to be replaced."""
    deleted: int

    @abstractmethod
    def url(self, repository: str, item: Item) -> str:
        """Where an item is read."""

    @abstractmethod
    def body(self, item: Item) -> bytes:
        """What is read there."""

    @abstractmethod
    def path(self, item: Item) -> str:
        """Its asset path, as roles mean it."""

    @abstractmethod
    def owner(self, item: Item) -> str:
        """What its path begins with, and with it everything of the same name."""

    @abstractmethod
    def publish(self, client: Client, item: Item) -> Answer:
        """Publish it as a client does, until it is refused. The last answer."""

    @abstractmethod
    def listed(self, client: Client, name: str) -> Sequence[str]:
        """The versions of a name, as something of the format lists them; none for a 404."""

    @abstractmethod
    def is_error(self, answer: Answer) -> bool:
        """Whether the body is what this format's clients read an error from."""

    def delete(self, client: Client, item: Item) -> Answer:
        return client.request("DELETE", self.url(client.repository, item))


ITEM = Item("team/tool", "1.0")
OTHER = Item("team/other", "1.0")


class FormatContract:
    """Needs the fixture `adapter`."""

    @pytest.fixture
    def settings(self) -> Mapping[str, Any]:
        return {}

    @pytest.fixture
    def admin(self, contract_server: RunningServer, adapter: Adapter) -> Client:
        """The administrator, and a new repository whose files may be replaced."""
        return Client(contract_server, contract_server.repository(adapter.format, write_policy="allow"))

    # Publishing and reading

    def test_what_was_published_is_read_as_it_was(self, adapter: Adapter, admin: Client) -> None:
        published(adapter, admin, ITEM)
        answer = admin.request("GET", adapter.url(admin.repository, ITEM))
        assert (answer.status, answer.body) == (200, adapter.body(ITEM))
        assert answer.header("content-encoding") == ""

    def test_what_was_published_is_listed(self, adapter: Adapter, admin: Client) -> None:
        published(adapter, admin, ITEM, OTHER, Item(ITEM.name, "2.0", "more"))
        assert sorted(adapter.listed(admin, ITEM.name)) == ["1.0", "2.0"]

    def test_the_same_again_changes_nothing(self, adapter: Adapter, admin: Client) -> None:
        published(adapter, admin, ITEM)
        before = revisions(admin), set(admin.server.stored())
        published(adapter, admin, ITEM)
        assert (revisions(admin), set(admin.server.stored())) == before

    def test_head_answers_like_get_without_the_body(self, adapter: Adapter, admin: Client) -> None:
        published(adapter, admin, ITEM)
        url = adapter.url(admin.repository, ITEM)
        got, head = (admin.request(method, url) for method in ("GET", "HEAD"))
        assert (head.status, head.body) == (200, b"")
        assert _without_date(head) == _without_date(got)
        assert head.header("content-length") == str(len(adapter.body(ITEM)))
        missing = admin.request("HEAD", adapter.url(admin.repository, OTHER))
        assert (missing.status, missing.body) == (404, b"")

    @pytest.mark.parametrize(
        ("asked", "start", "stop"), [("bytes=0-3", 0, 4), ("bytes=-2", -2, None), ("bytes=2-", 2, None)]
    )
    def test_a_part_can_be_read(
        self, adapter: Adapter, admin: Client, asked: str, start: int, stop: int | None
    ) -> None:
        published(adapter, admin, ITEM)
        answer = admin.request("GET", adapter.url(admin.repository, ITEM), headers={"Range": asked})
        assert (answer.status, answer.body) == (206, adapter.body(ITEM)[start:stop])

    def test_a_part_behind_the_end_is_416(self, adapter: Adapter, admin: Client) -> None:
        published(adapter, admin, ITEM)
        headers = {"Range": "bytes=999999-"}
        answer = admin.request("GET", adapter.url(admin.repository, ITEM), headers=headers)
        assert answer.status == 416
        assert answer.header("content-range") == f"bytes */{len(adapter.body(ITEM))}"

    def test_a_client_that_has_it_is_told_so(self, adapter: Adapter, admin: Client) -> None:
        published(adapter, admin, ITEM)
        url = adapter.url(admin.repository, ITEM)
        etag = admin.request("GET", url).header("etag")
        assert etag.startswith('"')
        again = admin.request("GET", url, headers={"If-None-Match": etag})
        assert (again.status, again.body, again.header("etag")) == (304, b"", etag)
        assert admin.request("GET", url, headers={"If-None-Match": '"other"'}).status == 200

    # Replacing and deleting

    def test_allow_lets_other_bytes_replace_what_is_there(self, adapter: Adapter, admin: Client) -> None:
        published(adapter, admin, ITEM, ITEM.but("other"))
        answer = admin.request("GET", adapter.url(admin.repository, ITEM))
        assert answer.body == adapter.body(ITEM.but("other"))

    def test_allow_once_keeps_what_is_there(self, adapter: Adapter, admin: Client) -> None:
        admin = with_policy(adapter, admin, "allow_once")
        published(adapter, admin, ITEM, ITEM)  # the same again is no change
        answer = adapter.publish(admin, ITEM.but("other"))
        assert answer.status == adapter.conflict
        assert adapter.is_error(answer)
        assert admin.request("GET", adapter.url(admin.repository, ITEM)).body == adapter.body(ITEM)

    def test_deny_takes_nothing_and_keeps_nothing(self, adapter: Adapter, admin: Client) -> None:
        admin = with_policy(adapter, admin, "deny")
        before = set(admin.server.stored())
        answer = adapter.publish(admin, ITEM)
        assert answer.status == 405
        assert adapter.is_error(answer)
        assert admin.request("GET", adapter.url(admin.repository, ITEM)).status == 404
        assert set(admin.server.stored()) == before

    def test_what_was_deleted_is_neither_read_nor_listed(self, adapter: Adapter, admin: Client) -> None:
        published(adapter, admin, ITEM, Item(ITEM.name, "2.0", "more"))
        assert adapter.delete(admin, ITEM).status == adapter.deleted
        answer = admin.request("GET", adapter.url(admin.repository, ITEM))
        assert answer.status == 404
        assert adapter.is_error(answer)
        assert list(adapter.listed(admin, ITEM.name)) == ["2.0"]
        assert adapter.delete(admin, ITEM).status == 404
        published(adapter, admin, ITEM)
        assert admin.request("GET", adapter.url(admin.repository, ITEM)).status == 200

    # Who may

    def test_an_unknown_repository_is_told_only_to_those_who_say_who_they_are(
        self, adapter: Adapter, admin: Client
    ) -> None:
        published(adapter, admin, ITEM)
        url, unknown = (adapter.url(name, ITEM) for name in (admin.repository, "no-such-repository"))
        for method in ("GET", "HEAD"):
            refused, hidden = (admin.by(None).request(method, each) for each in (url, unknown))
            for answer in (refused, hidden):
                assert answer.status == 401
                assert answer.header("www-authenticate").startswith(adapter.challenge)
            assert refused.body == hidden.body
            assert admin.request(method, unknown).status == 404

    def test_a_wrong_password_is_401(self, adapter: Adapter, admin: Client) -> None:
        published(adapter, admin, ITEM)
        answer = admin.by(Login("admin", "not it")).request("GET", adapter.url(admin.repository, ITEM))
        assert answer.status == 401

    def test_a_path_rule_says_what_may_be_read_and_published(self, adapter: Adapter, admin: Client) -> None:
        published(adapter, admin, OTHER)
        rule = (admin.repository, f"{adapter.owner(ITEM)}/**", (Verb.READ, Verb.WRITE))
        user = admin.by(admin.server.user(rule))
        published(adapter, user, ITEM)
        assert user.request("GET", adapter.url(admin.repository, ITEM)).status == 200
        for method in ("GET", "HEAD"):
            assert user.request(method, adapter.url(admin.repository, OTHER)).status == 403
        before = set(admin.server.stored())
        answer = adapter.publish(user, OTHER.but("by someone else"))
        assert answer.status == 403
        assert adapter.is_error(answer)
        assert set(admin.server.stored()) == before
        assert adapter.delete(user, ITEM).status == 403
        assert admin.request("GET", adapter.url(admin.repository, OTHER)).body == adapter.body(OTHER)

    def test_who_may_only_read_publishes_nothing(self, adapter: Adapter, admin: Client) -> None:
        reader = admin.by(admin.server.user((admin.repository, "**", (Verb.READ,))))
        before = set(admin.server.stored())
        assert adapter.publish(reader, ITEM).status == 403
        assert adapter.publish(admin.by(None), ITEM).status == 401
        assert set(admin.server.stored()) == before
        published(adapter, admin, ITEM)
        assert reader.request("GET", adapter.url(admin.repository, ITEM)).status == 200

    def test_an_api_token_is_as_good_as_the_password(self, adapter: Adapter, admin: Client) -> None:
        login = admin.server.user((admin.repository, "**", (Verb.READ, Verb.WRITE)))
        client = admin.by(admin.server.token(login))
        published(adapter, client, ITEM)
        assert client.request("GET", adapter.url(admin.repository, ITEM)).status == 200

    # The past

    def test_the_past_can_be_read_and_not_changed(self, adapter: Adapter, admin: Client) -> None:
        published(adapter, admin, ITEM)
        then = past(admin)
        published(adapter, admin, ITEM.but("other"), Item(ITEM.name, "2.0", "more"))
        answer = then.request("GET", adapter.url(then.repository, ITEM))
        assert (answer.status, answer.body) == (200, adapter.body(ITEM))
        assert list(adapter.listed(then, ITEM.name)) == ["1.0"]
        before = set(admin.server.stored())
        for refused in (adapter.publish(then, OTHER), adapter.delete(then, ITEM)):
            assert refused.status == 405
            assert adapter.is_error(refused)
        assert set(admin.server.stored()) == before
        assert admin.request("GET", adapter.url(admin.repository, OTHER)).status == 404

    def test_the_past_takes_the_right_to_it(self, adapter: Adapter, admin: Client) -> None:
        published(adapter, admin, ITEM)
        then = past(admin)
        reader = admin.server.user((admin.repository, "**", (Verb.READ,)))
        historian = admin.server.user((admin.repository, "**", (Verb.READ, Verb.HISTORY)))
        url = adapter.url(then.repository, ITEM)
        statuses = [then.by(login).request("GET", url).status for login in (reader, historian, None)]
        assert statuses == [403, 200, 401]

    def test_what_is_before_the_repository_is_gone(self, adapter: Adapter, admin: Client) -> None:
        answer = admin.request("GET", adapter.url(f"{admin.repository}.at.2001-01-01", ITEM))
        assert answer.status == 410
        answer = admin.request("GET", adapter.url(f"{admin.repository}.at.long-ago", ITEM))
        assert answer.status == 400

    # Bad input

    def test_what_is_not_there_is_404_in_the_formats_words(self, adapter: Adapter, admin: Client) -> None:
        answer = admin.request("GET", adapter.url(admin.repository, ITEM))
        assert answer.status == 404
        assert adapter.is_error(answer)
        assert list(adapter.listed(admin, ITEM.name)) == []

    @pytest.mark.parametrize(
        "inside", ["..", "%2e%2e", "%2E.", ".", "a%00b", "a%0ab", "%2e%2e%2f", "%zz", "%ff"]
    )
    def test_no_spelling_leads_out_of_the_repository(
        self, adapter: Adapter, admin: Client, inside: str
    ) -> None:
        url = adapter.url(admin.repository, ITEM)
        head, _, tail = url.rpartition("/")
        for method in ("GET", "HEAD", "PUT", "DELETE"):
            answer = admin.request(method, f"{head}/{inside}/{tail}")
            assert answer.status == 400, (method, answer)

    def test_a_body_that_ends_early_leaves_nothing(self, adapter: Adapter, admin: Client) -> None:
        before = set(admin.server.stored())
        url = adapter.url(admin.repository, ITEM)
        lines = [f"PUT {url} HTTP/1.1", "Host: x", f"Authorization: {ADMIN.header}", "Content-Length: 8"]
        admin.server.send("\r\n".join([*lines, "", "half"]).encode())
        assert admin.request("GET", url).status == 404
        assert set(admin.server.stored()) == before


class PublicationContract:
    """Needs the fixture `adapter`, and `publication`: how a published set is read."""

    def test_it_is_made_after_quiet_time(
        self,
        adapter: Adapter,
        publication: "PublishedSet",
        contract_server: RunningServer,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr("artifactd.http.handling.FIRST_WITHIN", timedelta(0))
        client = Client(contract_server, contract_server.repository(adapter.format))
        published(adapter, client, ITEM)
        contract_server.run_tasks()
        answer = client.request("GET", publication.entry(client.repository))
        assert answer.status == 503
        assert 1 <= int(answer.header("retry-after")) <= 30
        contract_server.clock.advance(timedelta(seconds=4))
        published(adapter, client, OTHER)
        contract_server.clock.advance(timedelta(seconds=4))
        contract_server.run_tasks()
        assert client.request("GET", publication.entry(client.repository)).status == 503
        contract_server.clock.advance(timedelta(seconds=2))
        contract_server.run_tasks()
        assert sorted(publication.names(client)) == sorted([ITEM.name, OTHER.name])

    def test_it_does_not_wait_for_ever(
        self, adapter: Adapter, publication: "PublishedSet", contract_server: RunningServer
    ) -> None:
        client = Client(contract_server, contract_server.repository(adapter.format))
        for number in range(16):
            published(adapter, client, Item(ITEM.name, f"1.{number}"))
            contract_server.clock.advance(timedelta(seconds=4))
            contract_server.run_tasks()
        assert len(publication.names(client)) > 10

    def test_it_follows_what_is_published_and_deleted(
        self, adapter: Adapter, publication: "PublishedSet", contract_server: RunningServer
    ) -> None:
        client = Client(contract_server, contract_server.repository(adapter.format))
        published(adapter, client, ITEM, OTHER)
        publication.settle(client)
        assert adapter.delete(client, OTHER).status == adapter.deleted
        publication.settle(client)
        assert publication.names(client) == [ITEM.name]

    def test_nothing_new_is_nothing_published(
        self, adapter: Adapter, publication: "PublishedSet", contract_server: RunningServer
    ) -> None:
        client = Client(contract_server, contract_server.repository(adapter.format))
        published(adapter, client, ITEM)
        publication.settle(client)
        before = revisions(client), publication.files(client)
        published(adapter, client, ITEM)
        publication.settle(client)
        publication.ask_again(client)
        assert (revisions(client), publication.files(client)) == before

    def test_the_files_of_before_stay_for_those_who_hold_the_old_entry(
        self, adapter: Adapter, publication: "PublishedSet", contract_server: RunningServer
    ) -> None:
        client = Client(contract_server, contract_server.repository(adapter.format))
        published(adapter, client, ITEM)
        publication.settle(client)
        old = set(publication.files(client))
        published(adapter, client, OTHER)
        publication.settle(client)
        gone = sorted(old - set(publication.files(client)))
        assert gone, "a file that differs has another name"
        contract_server.clock.advance(timedelta(hours=47))
        publication.collect(client)
        assert {client.request("GET", url).status for url in gone} == {200}
        contract_server.clock.advance(timedelta(hours=2))
        publication.collect(client)
        assert {client.request("GET", url).status for url in gone} == {404}
        assert all(client.request("GET", url).status == 200 for url in publication.files(client))

    def test_its_files_are_not_the_clients(
        self, adapter: Adapter, publication: "PublishedSet", contract_server: RunningServer
    ) -> None:
        client = Client(contract_server, contract_server.repository(adapter.format))
        published(adapter, client, ITEM)
        publication.settle(client)
        before = publication.files(client), set(contract_server.stored())
        for url in before[0]:
            for answer in (client.request("PUT", url, b"mine"), client.request("DELETE", url)):
                assert answer.status == refused_where_generated(adapter)
                assert adapter.is_error(answer)
        assert (publication.files(client), set(contract_server.stored())) == before

    def test_a_publisher_that_fails_leaves_nothing(
        self, adapter: Adapter, publication: "PublishedSet", contract_server: RunningServer
    ) -> None:
        client = Client(contract_server, contract_server.repository(adapter.format))
        published(adapter, client, ITEM)
        publication.settle(client)
        files = publication.files(client)
        with publication.breaking():
            published(adapter, client, OTHER)
            before = set(contract_server.stored())
            publication.settle(client)
            assert publication.files(client) == files
            assert set(contract_server.stored()) == before
        contract_server.clock.advance(timedelta(seconds=30))
        contract_server.run_tasks()
        assert sorted(publication.names(client)) == sorted([ITEM.name, OTHER.name])

    def test_its_past_is_there_as_a_whole(
        self, adapter: Adapter, publication: "PublishedSet", contract_server: RunningServer
    ) -> None:
        client = Client(contract_server, contract_server.repository(adapter.format))
        published(adapter, client, ITEM)
        publication.settle(client)
        then = past(client)
        published(adapter, client, OTHER)
        publication.settle(client)
        assert publication.names(then) == [ITEM.name]


class PublishedSet(Protocol):
    """How a published set is read and checked: each reading verifies checksums and signatures."""

    def entry(self, repository: str) -> str:
        """The URL of its entry document."""

    def names(self, client: Client) -> Sequence[str]:
        """The names it lists, read as a client does from the entry document on."""

    def files(self, client: Client) -> Mapping[str, bytes]:
        """Every file of the present generation by URL."""

    def settle(self, client: Client) -> None:
        """Let the quiet time pass, and run what is due."""

    def ask_again(self, client: Client) -> None:
        """Run the task once more, though nothing asked for it."""

    def collect(self, client: Client) -> None:
        """Run the collector."""

    def breaking(self) -> Any:
        """A context in which its publisher fails half-way."""


def refused_where_generated(adapter: Adapter) -> int:
    """The status of a client's write where a publication has its files."""
    return int(getattr(adapter, "generated", 405))


def published(adapter: Adapter, client: Client, *items: Item) -> None:
    """Publish, and expect it to work."""
    for item in items:
        answer = adapter.publish(client, item)
        assert answer.status in (200, 201, 202, 204), answer


def with_policy(adapter: Adapter, client: Client, policy: str) -> Client:
    """The same for a new repository with this write policy."""
    return client.of(client.server.repository(adapter.format, write_policy=policy))


def past(client: Client) -> Client:
    """The repository as it is at this moment, which then passes."""
    written = f"{moment(client.server.clock()):%Y-%m-%dt%H%M%Sz}"
    client.server.clock.advance(timedelta(seconds=2))
    return client.of(f"{client.repository}.at.{written}")


def revisions(client: Client) -> int:
    """How many edits the repository has seen."""
    core = client.server.core
    record = core.repositories.find(client.repository)
    with core.database.connect() as connection:
        counted = connection.exec_driver_sql(
            f"SELECT count(*) FROM revision WHERE repository_id = {record.id}"
        )
        return int(counted.scalar_one())


def _without_date(answer: Answer) -> list[tuple[str, str]]:
    return [(name, value) for name, value in answer.headers if name != "date"]


def parsed(answer: Answer) -> Any:
    """A JSON body, or None for anything else."""
    try:
        return json.loads(answer.body)
    except ValueError:
        return None
