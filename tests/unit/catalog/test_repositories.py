"""What the catalog keeps of proxies and groups, on both engines."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import insert, select

from artifactd.catalog.members import InvalidMembers, RepositoryInUse
from artifactd.catalog.repositories import Repositories, RepositoryDraft, RepositoryRecord
from artifactd.db import tables
from artifactd.db.generations import DIRECTORY, repository_stripe
from artifactd.db.writer import Database
from artifactd.errors import InvalidInput, RepositoryNotFound

STORE_ID = 1
UPSTREAM = {"url": "https://upstream.example/", "username": "ada", "password": "v1:sealed"}


@pytest.fixture
def repositories(database: Database) -> Repositories:
    database.write(
        lambda turn: turn.connection.execute(
            insert(tables.blob_store).values(id=STORE_ID, name="store", type="test", settings="{}")
        )
    )
    return Repositories(database)


@pytest.fixture
def hosted(repositories: Repositories) -> Callable[..., RepositoryRecord]:
    def put(name: str, format: str = "test", **more: Any) -> RepositoryRecord:
        return repositories.put(RepositoryDraft(name, format, "hosted", {}, STORE_ID, **more))[0]

    return put


@pytest.fixture
def proxy(repositories: Repositories) -> Callable[..., RepositoryRecord]:
    def put(name: str, **changes: Any) -> RepositoryRecord:
        upstream = UPSTREAM | changes
        return repositories.put(RepositoryDraft(name, "test", "proxy", {}, STORE_ID, upstream=upstream))[0]

    return put


@pytest.fixture
def group(repositories: Repositories) -> Callable[..., RepositoryRecord]:
    def put(name: str, *members: str, **membership: Any) -> RepositoryRecord:
        draft = RepositoryDraft(name, "test", "group", {}, STORE_ID, members=members, membership=membership)
        return repositories.put(draft)[0]

    return put


Put = Callable[..., RepositoryRecord]


def moved(database: Database, act: Callable[[], object], *records: RepositoryRecord) -> list[str]:
    """The names of those among `records` whose counters `act` moved."""
    taken = {each.name: database.generations.take((repository_stripe(each.id),)) for each in records}
    listed = database.generations.take((DIRECTORY,))
    act()
    found = [name for name, before in taken.items() if not database.generations.current(before)]
    assert bool(found) != database.generations.current(listed), "the directory moves with them"
    return found


# Proxies


def test_a_proxy_is_read_back_as_it_was_put(repositories: Repositories, proxy: Put) -> None:
    made = proxy("hub", realms=["auth.upstream.example"])
    assert made.upstream == {**UPSTREAM, "realms": ["auth.upstream.example"]}
    assert not made.blocked
    for record in (repositories.find("hub"), repositories.numbered(made.id), *repositories.all()):
        assert record == made


def test_a_repository_without_upstream_or_members_has_none(hosted: Put) -> None:
    record = hosted("plain")
    assert (record.upstream, record.members, record.membership, record.blocked) == (None, (), {}, False)


def remember(database: Database, *repository_ids: int) -> None:
    """What proxies know of their upstreams."""

    def job(turn: Any) -> None:
        for repository_id in repository_ids:
            turn.connection.execute(
                insert(tables.upstream_state).values(
                    repository_id=repository_id, path="a", etag='"1"', modified="", checked=1, misses=0
                )
            )
            turn.connection.execute(
                insert(tables.upstream_health).values(
                    repository_id=repository_id, failing_since=1, retry_at=2, detail="it is away"
                )
            )

    database.write(job)


def remembered(database: Database) -> tuple[list[int], list[int]]:
    """Whose states and whose health are known."""
    with database.connect() as connection:
        return tuple(
            sorted(connection.execute(select(table.c.repository_id)).scalars())
            for table in (tables.upstream_state, tables.upstream_health)
        )


@pytest.mark.parametrize(
    "change",
    [
        {"url": "https://other.example/"},
        {"username": "bob"},
        {"password": "v1:other"},
        {"token": "v1:token"},
        {"http_proxy": "http://outside.example:3128"},
        {"http_proxy_login": "v1:login"},
        {"client_certificate": "PEM"},
        {"client_key": "v1:key"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_another_upstream_or_other_credentials_make_what_was_said_worthless(  # proxy R78
    database: Database, proxy: Put, change: dict[str, str]
) -> None:
    hub, other = proxy("hub"), proxy("other")
    remember(database, hub.id, other.id)
    proxy("hub", **change)
    assert remembered(database) == ([other.id], [other.id])


def test_an_upstream_that_is_the_same_stays_known(database: Database, proxy: Put) -> None:
    hub = proxy("hub")
    remember(database, hub.id)
    proxy("hub")
    assert remembered(database) == ([hub.id], [hub.id])


def test_another_way_to_reach_an_upstream_is_tried_at_once(database: Database, proxy: Put) -> None:
    hub = proxy("hub")
    remember(database, hub.id)
    proxy("hub", ca="PEM", fresh_for=60)
    assert remembered(database) == ([hub.id], [])


def test_a_deleted_proxy_leaves_nothing_of_its_upstream(
    repositories: Repositories, database: Database, proxy: Put
) -> None:
    remember(database, proxy("hub").id)
    repositories.delete("hub")
    assert remembered(database) == ([], [])


def test_a_proxy_is_blocked_and_let_go(  # proxy R79
    repositories: Repositories, database: Database, proxy: Put, group: Put
) -> None:
    hub, above = proxy("hub"), group("all", "hub")
    outer = group("outer", "all")
    assert moved(database, lambda: repositories.block("hub", blocked=True), hub, above, outer) == [
        "hub",
        "all",
        "outer",
    ]
    blocked = repositories.find("hub")
    assert (blocked.blocked, blocked.version) == (True, hub.version + 1)
    assert repositories.block("hub", blocked=True) == blocked
    assert repositories.block("hub", blocked=False).blocked is False
    assert repositories.find("hub").version == hub.version + 2


def test_a_proxy_that_is_changed_stays_blocked(repositories: Repositories, proxy: Put) -> None:
    proxy("hub")
    repositories.block("hub", blocked=True)
    assert proxy("hub", username="bob").blocked


def test_only_proxies_are_blocked(repositories: Repositories, hosted: Put, group: Put) -> None:
    hosted("plain")
    group("all", "plain")
    for name in ("plain", "all"):
        with pytest.raises(InvalidInput, match=f"'{name}' is no proxy"):
            repositories.block(name, blocked=True)
    with pytest.raises(RepositoryNotFound):
        repositories.block("none", blocked=True)


# Groups


def test_members_are_kept_in_order(  # proxy R100
    repositories: Repositories, hosted: Put, proxy: Put, group: Put
) -> None:
    hosted("b"), hosted("c"), proxy("a")
    made = group("all", "c", "a", "b", writable="b", rights="group")
    assert made.members == ("c", "a", "b")
    assert made.membership == {"writable": "b", "rights": "group"}
    for record in (repositories.find("all"), repositories.numbered(made.id), repositories.all()[1]):
        assert record == made
    assert group("all", "b", "c").members == ("b", "c")
    assert group("all").members == ()


def test_members_must_fit(hosted: Put, group: Put) -> None:
    hosted("plain"), hosted("other", format="else")
    for names, mistake in (
        (["none"], "repository 'none' does not exist"),
        (["other"], "'other' is a else repository, and this group is of test"),
        (["plain", "plain"], "'plain' is a member twice"),
        (["all"], "a group cannot hold itself: all > all"),
    ):
        with pytest.raises(InvalidMembers, match=mistake) as caught:
            group("all", *names)
        assert caught.value.part == "members"


def test_what_takes_writes_is_a_hosted_member(hosted: Put, proxy: Put, group: Put) -> None:
    hosted("plain"), hosted("other"), proxy("hub")
    group("inner", "plain", writable="plain")
    for writable, mistake in (
        ("other", "no member"),
        ("hub", "no hosted repository"),
        ("inner", "no hosted repository"),
    ):
        with pytest.raises(InvalidMembers, match=mistake) as caught:
            group("all", "plain", "hub", "inner", writable=writable)
        assert caught.value.part == "writable"


def test_no_group_comes_to_hold_itself(  # proxy R100
    repositories: Repositories, hosted: Put, group: Put
) -> None:
    hosted("plain")
    group("c", "plain")
    group("b", "plain", "c")
    group("a", "plain", "b")
    for names, way in ((["b"], "c > b > c"), (["plain", "a"], "c > a > b > c")):
        with pytest.raises(InvalidMembers, match=f"a group cannot hold itself: {way}"):
            group("c", *names)
    assert repositories.find("c").members == ("plain",)


def test_a_group_that_was_refused_is_as_it_was(repositories: Repositories, hosted: Put, group: Put) -> None:
    hosted("plain")
    made = group("all", "plain")
    with pytest.raises(InvalidMembers):
        group("all", "none")
    assert repositories.find("all") == made
    with pytest.raises(InvalidMembers):
        group("new", "none")
    with pytest.raises(RepositoryNotFound):
        repositories.find("new")


def test_a_member_is_deleted_once_no_group_has_it(
    repositories: Repositories, hosted: Put, group: Put
) -> None:
    hosted("plain")
    group("one", "plain"), group("two", "plain")
    for with_content in (False, True):
        with pytest.raises(RepositoryInUse, match="'plain' is a member of one, two; take it out"):
            repositories.delete("plain", with_content=with_content)
    repositories.delete("one")
    group("two")
    repositories.delete("plain")
    assert [record.name for record in repositories.all()] == ["two"]


def test_a_change_of_a_member_is_one_of_every_group_above_it(
    database: Database, hosted: Put, group: Put
) -> None:
    plain, other = hosted("plain"), hosted("other")
    inner = group("inner", "plain")
    outer, apart = group("outer", "other", "inner"), group("apart", "other")
    every = (plain, other, inner, outer, apart)
    assert moved(database, lambda: hosted("plain", online=False), *every) == ["plain", "inner", "outer"]
    assert moved(database, lambda: group("inner", "plain", "other"), *every) == ["inner", "outer"]
    assert moved(database, lambda: group("outer", "inner"), *every) == ["outer"]


# The directory
