"""Groups: who answers, who is not even asked, what is put together, and on what that stands (proxy R100 to
R107; docker R201)."""

from collections.abc import Callable, Sequence
from datetime import timedelta

import pytest

from artifactd.auth.principal import Access, Principal, Scopes, Verb
from artifactd.blobs.memory import MemoryBlobStore
from artifactd.db import tables
from artifactd.db.writer import Database
from artifactd.errors import (
    AssetNotFound,
    Forbidden,
    RateLimited,
    ReadOnly,
    Unauthenticated,
    Unavailable,
    UpstreamInvalid,
    UpstreamUnavailable,
    Withheld,
)
from artifactd.repositories.inquiry import Cache
from artifactd.repositories.repository import Repository
from artifactd.upstream.question import Wanted
from tests.support.cabinets import FRESH, Cabinet, Lists, body, by_digest
from tests.support.clocks import FakeClock
from tests.support.shelves import Shelf, digest_of

pytestmark = pytest.mark.parametrize("place", ["sqlite"], indirect=True)

DOWN = UpstreamUnavailable("the upstream cannot be connected to")


@pytest.fixture
def cabinet(database: Database, clock: FakeClock) -> Cabinet:
    """A cabinet with the hosted repositories `ours` and `more`, and the proxies `hub` and `far`."""
    cabinet = Cabinet(Shelf(database, MemoryBlobStore(clock)))
    for name in ("ours", "more"):
        cabinet.hosted(name)
    for name in ("hub", "far"):
        cabinet.proxy(name)
    return cabinet


def listed(name: str, index: Lists | None = None) -> Callable[[Repository], Sequence[str]]:
    return lambda repository: repository.index(index or Lists(), name).value


# Order


def test_the_first_member_that_has_it_answers(cabinet: Cabinet) -> None:
    # proxy R101
    cabinet.group("all", "ours", "more")
    cabinet.group("other", "more", "ours")
    cabinet.put("ours", "app/x", b"ours")
    cabinet.put("more", "app/x", b"more")
    cabinet.put("more", "app/y", b"only here")
    assert cabinet.get("all", "app/x") == b"ours"
    assert cabinet.get("other", "app/x") == b"more"
    assert cabinet.get("all", "app/y") == b"only here"
    head = cabinet.visit("all", lambda repository: repository.stat("app/x"))
    assert head.etag == digest_of(b"ours")
    assert head.asset is not None
    assert head.asset.repository_id == cabinet.record("ours").id
    with pytest.raises(AssetNotFound) as told:
        cabinet.get("all", "app/none")
    assert told.value.repository == "all"


def test_proxies_are_asked_in_their_turn(cabinet: Cabinet) -> None:
    cabinet.group("all", "hub", "far", "ours")
    cabinet.say("far", "app/x", b"far")
    assert cabinet.get("all", "app/x") == b"far"
    assert cabinet.asked == [("store", "hub:app/x"), ("store", "far:app/x")]
    assert cabinet.holds("far") == ["app/x"]
    assert cabinet.get("all", "app/x") == b"far"
    assert cabinet.asked == [], "that the first has it not is remembered"
    cabinet.say("hub", "app/y", b"hub")
    assert cabinet.get("all", "app/y") == b"hub"
    assert cabinet.asked == [("store", "hub:app/y")]


def test_members_of_members_are_members_in_their_place_and_once(cabinet: Cabinet) -> None:
    # proxy R100
    cabinet.group("inner", "more", "ours")
    cabinet.group("outer", "inner", "ours", "hub")
    for name in ("ours", "more"):
        cabinet.put(name, "app/x", name.encode())
    assert cabinet.get("outer", "app/x") == b"more"
    index = Lists()
    cabinet.visit("outer", listed("app", index))
    assert index.done[-1] == "merge more ours"


# Who is not asked


@pytest.mark.parametrize("order", [("ours", "hub"), ("hub", "ours")])
def test_a_name_that_is_ours_is_asked_of_no_upstream(cabinet: Cabinet, order: tuple[str, str]) -> None:
    # proxy R102, R104: else whoever registers the name there can give us theirs
    cabinet.group("all", *order)
    cabinet.put("ours", "app/x", b"ours")
    for path in ("app/x", "app/evil"):
        cabinet.say("hub", path, b"evil")
    cabinet.says_list("hub", "app", "evil")
    assert cabinet.get("all", "app/x") == b"ours"
    with pytest.raises(AssetNotFound):
        cabinet.get("all", "app/evil")
    assert cabinet.visit("all", listed("app")) == ["x"]
    assert cabinet.asked == []
    cabinet.say("hub", "lib/x", b"theirs")
    assert cabinet.get("all", "lib/x") == b"theirs"


def test_a_name_stays_ours_when_it_is_empty(cabinet: Cabinet) -> None:
    cabinet.group("all", "ours", "hub")
    cabinet.put("ours", "app/x")
    cabinet.delete("ours", "app/x")
    cabinet.say("hub", "app/x", b"evil")
    with pytest.raises(AssetNotFound):
        cabinet.get("all", "app/x")
    assert cabinet.asked == []


def test_a_name_is_ours_however_it_is_written(cabinet: Cabinet) -> None:
    cabinet.group("all", "hub", "ours")
    cabinet.put("ours", "app/x", b"ours")
    cabinet.say("hub", "app/y", b"evil")
    cabinet.says_list("hub", "app", "y")
    for path in ("App/y", "APP/y"):
        with pytest.raises(AssetNotFound):
            cabinet.get("all", path)
    assert cabinet.visit("all", listed("App")) in ([], ["x"])
    assert cabinet.asked == []


def test_it_is_ours_whoever_asks(cabinet: Cabinet) -> None:
    """What the caller may not see decides nothing."""
    cabinet.group("all", "ours", "hub")
    cabinet.put("ours", "app/x", b"secret")
    cabinet.say("hub", "app/x", b"evil")
    somebody = cabinet.principal(
        ("all", "**", [Verb.READ, Verb.POPULATE]), ("hub", "**", [Verb.READ, Verb.POPULATE])
    )
    with pytest.raises(AssetNotFound):
        cabinet.get("all", "app/x", by=somebody)
    assert cabinet.visit("all", listed("app"), by=somebody) == []
    assert cabinet.asked == []


def test_a_group_may_say_that_a_name_is_also_theirs(cabinet: Cabinet) -> None:
    cabinet.group("all", "hub", "ours", merge=["app*"])
    cabinet.put("ours", "app/x", b"ours")
    cabinet.put("ours", "lib/x", b"ours")
    cabinet.say("hub", "app/y", b"theirs")
    cabinet.says_list("hub", "app", "y")
    assert cabinet.get("all", "app/y") == b"theirs"
    assert cabinet.visit("all", listed("app")) == ["x", "y"]
    cabinet.network.asked.clear()
    with pytest.raises(AssetNotFound):
        cabinet.get("all", "lib/y")
    assert cabinet.asked == []


def test_a_reserved_name_is_ours_before_we_have_it(cabinet: Cabinet) -> None:
    cabinet.group("all", "hub", "ours", reserved=["acme-*"], merge=["acme-*"])
    cabinet.say("hub", "acme-app/x", b"evil")
    cabinet.says_list("hub", "acme-app", "x")
    for path in ("acme-app/x", "Acme-App/x"):
        with pytest.raises(AssetNotFound):
            cabinet.get("all", path)
    assert cabinet.visit("all", listed("acme-app")) == []
    assert cabinet.asked == []
    cabinet.put("ours", "acme-app/x", b"ours")
    assert cabinet.get("all", "acme-app/x") == b"ours"
    cabinet.say("hub", "acme/x", b"theirs")
    assert cabinet.get("all", "acme/x") == b"theirs"


def test_what_belongs_to_no_name_is_asked_of_everybody(cabinet: Cabinet) -> None:
    cabinet.group("all", "hub", "ours")
    cabinet.put("ours", "file", b"ours")
    assert cabinet.get("all", "file") == b"ours"
    assert cabinet.asked == [("store", "hub:file")]


# What is known by its digest


def test_who_has_something_of_the_name_is_asked_first_for_known_bytes(
    cabinet: Cabinet, clock: FakeClock
) -> None:
    # docker R201
    cabinet.group("all", "hub", "far")
    path = by_digest("app", b"layer")
    cabinet.say("far", "app/tag", b"a manifest")
    cabinet.say("far", path, b"layer")
    assert cabinet.get("all", "app/tag") == b"a manifest"
    cabinet.network.asked.clear()
    assert cabinet.get("all", path) == b"layer"
    assert cabinet.asked == [("store", f"far:{path}")]
    other = by_digest("app", b"other")
    cabinet.say("hub", other, b"other")
    assert cabinet.get("all", other) == b"other"
    assert [url for _, url in cabinet.asked] == [f"far:{other}", f"hub:{other}"]


# Files that belong to others


def test_what_belongs_to_a_file_comes_from_the_member_that_has_the_file(cabinet: Cabinet) -> None:
    # proxy R101
    cabinet.group("all", "ours", "more")
    cabinet.put("ours", "app/x", b"ours")
    cabinet.put("more", "app/x", b"more")
    cabinet.put("more", "app/x.sig", b"a signature of the other file")
    with pytest.raises(AssetNotFound):
        cabinet.get("all", "app/x.sig")
    cabinet.put("more", "app/y", b"more")
    cabinet.put("more", "app/y.sig", b"signature")
    cabinet.put("ours", "app/y.sig", b"of a file that is not here")
    assert cabinet.get("all", "app/y.sig") == b"signature"


def test_a_file_that_the_caller_may_not_see_is_not_there_for_what_belongs_to_it(cabinet: Cabinet) -> None:
    cabinet.group("all", "ours", "more")
    for name in ("ours", "more"):
        cabinet.put(name, "app/x", name.encode())
    cabinet.put("more", "app/x.sig", b"signature")
    somebody = cabinet.principal(
        ("all", "**", [Verb.READ]), ("ours", "app/*.sig", [Verb.READ]), ("more", "**", [Verb.READ])
    )
    assert cabinet.get("all", "app/x", by=somebody) == b"more"
    assert cabinet.get("all", "app/x.sig", by=somebody) == b"signature"


def test_what_was_derived_comes_from_it_too(cabinet: Cabinet) -> None:
    cabinet.group("all", "hub", "far", merge=["*"])

    def facts(path: str) -> bytes:
        return body(cabinet.visit("all", lambda repository: repository.get(path, derived="facts")))

    cabinet.say("hub", "app/listed-1", b"no such word")
    cabinet.say("far", "app/listed-1", b"facts of another file")
    cabinet.says_list("hub", "app", "listed-1")
    cabinet.says_list("far", "app", "listed-1", "listed-2")
    cabinet.get("all", "app/listed-1")
    cabinet.get("far", "app/listed-1")
    with pytest.raises(AssetNotFound):
        facts("app/listed-1")
    cabinet.say("far", "app/listed-2", b"facts two")
    cabinet.get("all", "app/listed-2")
    assert facts("app/listed-2") == b"FACTS TWO"


def test_a_file_and_what_belongs_to_it_may_be_at_the_second_upstream(cabinet: Cabinet) -> None:
    """Nobody knows beforehand which of them has a file."""
    cabinet.group("all", "hub", "far")
    cabinet.say("far", "app/x", b"facts of x")
    cabinet.say("far", "app/x.sig", b"signature")
    assert cabinet.get("all", "app/x") == b"facts of x"
    assert cabinet.get("all", "app/x.sig") == b"signature"
    derived = cabinet.visit("all", lambda repository: repository.get("app/x", derived="facts"))
    assert body(derived) == b"FACTS OF X"


# Members that cannot be asked


@pytest.mark.parametrize(
    "error", [DOWN, RateLimited("429", 7), UpstreamInvalid("refused our credentials (403)")]
)
def test_a_member_that_cannot_be_asked_may_have_it(cabinet: Cabinet, error: Exception) -> None:
    # proxy R102, R146
    cabinet.group("all", "hub", "far")
    cabinet.say("hub", "app/x", error=error)  # type: ignore[arg-type]
    cabinet.say("hub", "app/list", error=error)  # type: ignore[arg-type]
    cabinet.say("far", "app/x", b"far")
    cabinet.says_list("far", "app", "x")
    with pytest.raises(type(error)):
        cabinet.get("all", "app/x")
    with pytest.raises(type(error)):
        cabinet.visit("all", lambda repository: repository.stat("app/x"))
    with pytest.raises(type(error)):
        cabinet.visit("all", listed("app"))
    cabinet.say("hub", "app/x", status=404)
    cabinet.say("hub", "app/list", status=404)
    assert cabinet.get("all", "app/x") == b"far"
    assert cabinet.visit("all", listed("app")) == ["x"]


def test_one_behind_the_answer_need_not_be_asked(cabinet: Cabinet) -> None:
    cabinet.group("all", "hub", "far")
    cabinet.say("hub", "app/x", b"hub")
    cabinet.say("far", "app/x", error=DOWN)
    assert cabinet.get("all", "app/x") == b"hub"


def test_with_a_copy_a_member_answers_whatever_its_upstream_does(
    cabinet: Cabinet, clock: FakeClock
) -> None:
    cabinet.group("all", "hub", "far")
    cabinet.say("hub", "app/x", b"hub")
    cabinet.get("all", "app/x")
    clock.advance(FRESH)
    cabinet.say("hub", "app/x", error=DOWN)
    assert cabinet.get("all", "app/x") == b"hub"
    assert cabinet.inquiry.cache == Cache.STALE


def test_bytes_that_are_known_may_come_from_anybody(cabinet: Cabinet) -> None:
    # docker R201
    cabinet.group("all", "hub", "far")
    path = by_digest("app", b"layer")
    cabinet.say("hub", path, error=DOWN)
    cabinet.say("far", path, b"layer")
    assert cabinet.get("all", path) == b"layer"
    absent = by_digest("app", b"nowhere")
    cabinet.say("hub", absent, error=DOWN)
    with pytest.raises(UpstreamUnavailable):
        cabinet.get("all", absent)


def test_a_member_that_is_offline_may_have_it(cabinet: Cabinet) -> None:
    cabinet.group("all", "ours", "more")
    cabinet.put("more", "app/x", b"more")
    cabinet.put("ours", "lib/x", b"ours")
    cabinet.offline("ours")
    acts: list[Callable[[Repository], object]] = [
        lambda repository: repository.get("app/x"),
        lambda repository: repository.stat("app/x"),
        listed("app"),
        lambda repository: repository.list("app/"),
    ]
    for act in acts:
        with pytest.raises(Unavailable, match="offline"):
            cabinet.visit("all", act)
    names = cabinet.visit("all", lambda repository: repository.names())
    assert [name.path for name in names.value] == ["app"]
    assert names.depends is None, "what is left out will be there again"


def test_the_members_of_a_group_that_is_offline_may_have_it(cabinet: Cabinet) -> None:
    """A name does not become theirs because somebody took a group off the network."""
    cabinet.group("inner", "ours")
    cabinet.group("outer", "inner", "hub")
    cabinet.put("ours", "app/x", b"ours")
    cabinet.say("hub", "app/x", b"evil")
    assert cabinet.get("outer", "app/x") == b"ours"
    cabinet.offline("inner")
    with pytest.raises(Unavailable):
        cabinet.get("outer", "app/x")
    assert cabinet.asked == []


def test_what_is_withheld_is_not_looked_for_elsewhere(cabinet: Cabinet) -> None:
    cabinet.group("all", "ours", "more")
    cabinet.put("ours", "app/x", b"ours")
    record = cabinet.record("ours")
    cabinet.shelf.database.write(
        lambda turn: turn.connection.execute(
            tables.asset.update()
            .where(tables.asset.c.repository_id == record.id)
            .values(withheld="stolen keys")
        )
    )
    cabinet.put("more", "app/x", b"more")
    with pytest.raises(Withheld):
        cabinet.get("all", "app/x")


# Documents


def test_documents_are_merged_once_and_again_when_a_part_changes(
    cabinet: Cabinet, clock: FakeClock
) -> None:
    cabinet.group("all", "ours", "hub", merge=["*"])
    cabinet.put("ours", "app/x")
    cabinet.says_list("hub", "app", "y")
    index = Lists()
    document = cabinet.visit("all", lambda repository: repository.index(index, "app"))
    assert document.value == ["x", "y"]
    assert document.merged
    assert document.revision > 0
    again = cabinet.visit("all", lambda repository: repository.index(index, "app"))
    assert again.value is document.value
    assert again._forms is document._forms
    assert index.done.count("merge ours hub") == 1
    cabinet.put("ours", "app/z")
    assert cabinet.visit("all", listed("app", index)) == ["x", "y", "z"]
    cabinet.says_list("hub", "app", "w")
    clock.advance(FRESH)
    assert cabinet.visit("all", listed("app", index)) == ["w", "x", "z"]
    assert index.done.count("merge ours hub") == 3


def test_what_upstreams_are_to_be_asked_for_is_asked_at_once(cabinet: Cabinet) -> None:
    # proxy R103
    cabinet.group("all", "hub", "far")
    rounds: list[int] = []
    ask = cabinet.network.ask
    cabinet.network.ask = lambda questions: (rounds.append(len(questions)), ask(questions))[1]  # type: ignore[method-assign]
    cabinet.says_list("hub", "app", "x")
    cabinet.says_list("far", "app", "y")
    assert cabinet.visit("all", listed("app")) == ["x", "y"]
    assert rounds == [2]


def test_members_without_a_document_have_no_part_in_it(cabinet: Cabinet) -> None:
    cabinet.group("all", "ours", "hub", "far")
    cabinet.says_list("far", "app", "y")
    index = Lists()
    assert cabinet.visit("all", listed("app", index)) == ["y"]
    assert index.done[-1] == "merge far"
    empty = cabinet.visit("all", lambda repository: repository.index(index, "lib"))
    assert (empty.value, empty.revision, empty.merged) == ([], 0, True)


def test_everybody_has_the_document_of_what_they_may_see(cabinet: Cabinet) -> None:
    cabinet.group("all", "ours", "more")
    cabinet.put("ours", "app/x")
    cabinet.put("more", "app/y")
    grants = [("all", "**", [Verb.READ])]
    first = cabinet.principal(*grants, ("ours", "**", [Verb.READ]))
    second = cabinet.principal(*grants, ("more", "**", [Verb.READ]))
    both = cabinet.principal(*grants, ("ours", "**", [Verb.READ]), ("more", "app/**", [Verb.READ]))
    for _ in range(2):
        assert cabinet.visit("all", listed("app"), by=first) == ["x"]
        assert cabinet.visit("all", listed("app"), by=second) == ["y"]
        assert cabinet.visit("all", listed("app"), by=both) == ["x", "y"]


def test_what_is_to_be_changed_is_looked_up_where_changes_go(cabinet: Cabinet) -> None:
    cabinet.group("all", "ours", "more", writable="more")
    cabinet.group("fixed", "ours", "more")
    cabinet.put("ours", "app/x")
    cabinet.put("more", "app/y")
    for right in (Verb.WRITE, Verb.DELETE):
        document = cabinet.visit(
            "all", lambda repository, right=right: repository.index(Lists(), "app", right=right)
        )
        assert document.value == ["y"]
        with pytest.raises(ReadOnly):
            cabinet.visit(
                "fixed", lambda repository, right=right: repository.index(Lists(), "app", right=right)
            )


def test_in_a_hurry_nothing_is_asked(cabinet: Cabinet) -> None:
    cabinet.group("all", "hub", "ours")
    cabinet.put("ours", "app/x", b"ours")
    assert cabinet.get("all", "app/x", hurried=True) == b"ours"
    acts: list[Callable[[Repository], object]] = [
        lambda repository: repository.get("lib/x"),
        lambda repository: repository.stat("lib/x"),
        listed("lib"),
    ]
    for act in acts:
        with pytest.raises(Wanted) as wanted:
            cabinet.visit("all", act, hurried=True)
        assert wanted.value.questions == ()


# Rights


def test_what_a_caller_may_not_see_of_a_member_is_not_there(cabinet: Cabinet) -> None:
    # proxy R107
    cabinet.group("all", "ours", "more")
    cabinet.put("ours", "app/x", b"ours")
    cabinet.put("more", "app/x", b"more")
    cabinet.put("more", "lib/x", b"more")
    somebody = cabinet.principal(("all", "**", [Verb.READ]), ("more", "app/**", [Verb.READ]))
    assert cabinet.get("all", "app/x", by=somebody) == b"more"
    for act in (lambda r: r.get("lib/x"), lambda r: r.stat("lib/x")):
        with pytest.raises(AssetNotFound):
            cabinet.visit("all", act, by=somebody)
    assert [n.path for n in cabinet.visit("all", lambda r: r.names(), by=somebody).value] == ["app"]
    assert [e.path for e in cabinet.visit("all", lambda r: r.list(""), by=somebody).items] == ["app/"]
    stranger = cabinet.principal(("more", "**", [Verb.READ]))
    nobody = Principal("anonymous", 0, frozenset())
    acts: list[Callable[[Repository], object]] = [
        lambda repository: repository.get("app/x"),
        lambda repository: repository.stat("app/x"),
        lambda repository: repository.list("app/"),
        listed("app"),
    ]
    for act in acts:
        with pytest.raises(Forbidden):
            cabinet.visit("all", act, by=stranger)
        with pytest.raises(Unauthenticated):
            cabinet.visit("all", act, by=nobody)


def test_rights_on_the_group_bound_those_on_the_member(cabinet: Cabinet) -> None:
    cabinet.group("all", "ours")
    cabinet.put("ours", "app/x", b"ours")
    cabinet.put("ours", "lib/x", b"ours")
    somebody = cabinet.principal(("all", "app/**", [Verb.READ]), ("ours", "**", [Verb.READ]))
    assert cabinet.get("all", "app/x", by=somebody) == b"ours"
    with pytest.raises(Forbidden):
        cabinet.get("all", "lib/x", by=somebody)
    assert [n.path for n in cabinet.visit("all", lambda r: r.names(), by=somebody).value] == ["app"]


def test_a_group_may_decide_for_its_members(cabinet: Cabinet) -> None:
    cabinet.group("all", "ours", "hub", rights="group")
    cabinet.put("ours", "app/x", b"ours")
    cabinet.say("hub", "lib/x", b"hub")
    reader = cabinet.principal(("all", "**", [Verb.READ]))
    fetcher = cabinet.principal(("all", "**", [Verb.READ, Verb.POPULATE]))
    assert cabinet.get("all", "app/x", by=reader) == b"ours"
    with pytest.raises(Forbidden):
        cabinet.get("ours", "app/x", by=reader)
    with pytest.raises(AssetNotFound):
        cabinet.get("all", "lib/x", by=reader)
    assert cabinet.asked == []
    assert cabinet.get("all", "lib/x", by=fetcher) == b"hub"
    assert cabinet.get("all", "lib/x", by=reader) == b"hub"


def test_a_token_for_the_group_is_enough(cabinet: Cabinet) -> None:
    cabinet.group("all", "ours")
    cabinet.put("ours", "app/x", b"ours")
    somebody = cabinet.principal(("all", "**", [Verb.READ]), ("ours", "app/**", [Verb.READ]))
    group = cabinet.record("all").id
    scoped = Principal(
        somebody.name,
        somebody.id,
        somebody.roles,
        Scopes((Access(group, "app/**", frozenset({Verb.READ})),)),
    )
    assert cabinet.get("all", "app/x", by=scoped) == b"ours"


# What an answer stands on


def test_an_answer_stands_on_every_member_that_was_asked(cabinet: Cabinet) -> None:
    # proxy R105: what is remembered of a group is forgotten when any of them changes
    cabinet.group("all", "ours", "more")
    cabinet.put("more", "app/x", b"more")
    content = cabinet.visit("all", lambda repository: repository.get("app/x"))
    assert cabinet.stands(content.depends)
    cabinet.put("ours", "lib/x")
    assert cabinet.stands(content.depends)
    cabinet.put("ours", "app/x", b"ours")
    assert not cabinet.stands(content.depends)
    content = cabinet.visit("all", lambda repository: repository.get("app/x"))
    assert body(content) == b"ours"
    cabinet.delete("ours", "app/x")
    assert not cabinet.stands(content.depends)


def test_an_absence_stands_on_all_of_them(cabinet: Cabinet) -> None:
    cabinet.group("all", "ours", "more", "hub")

    def absence(path: str) -> object:
        with pytest.raises(AssetNotFound) as told:
            cabinet.get("all", path)
        assert cabinet.stands(told.value.depends)
        return told.value.depends

    cabinet.say("hub", "app/y", b"hub")
    for change in (
        lambda: cabinet.get("hub", "app/y"),
        lambda: cabinet.put("more", "app/x"),
        lambda: cabinet.put("ours", "app/x"),
    ):
        app, lib = absence("app/none"), absence("lib/none")
        change()
        assert not cabinet.stands(app)  # type: ignore[arg-type]
        assert cabinet.stands(lib)  # type: ignore[arg-type]


def test_an_answer_of_the_second_upstream_stands_on_the_first(cabinet: Cabinet, clock: FakeClock) -> None:
    cabinet.group("all", "hub", "far")
    cabinet.say("far", "app/x", b"far")
    cabinet.get("all", "app/x")
    content = cabinet.visit("all", lambda repository: repository.get("app/x"))
    assert cabinet.inquiry.fresh_until is not None
    clock.advance(timedelta(minutes=5))
    cabinet.say("hub", "app/x", b"hub")
    assert cabinet.get("hub", "app/x") == b"hub"
    assert not cabinet.stands(content.depends)


def test_a_document_stands_on_those_that_have_no_part_in_it_too(cabinet: Cabinet) -> None:
    cabinet.group("all", "ours", "more", "hub")
    cabinet.put("more", "app/y")
    document = cabinet.visit("all", lambda repository: repository.index(Lists(), "app"))
    assert cabinet.stands(document.depends)
    cabinet.put("ours", "app/x")
    assert not cabinet.stands(document.depends)
    empty = cabinet.visit("all", lambda repository: repository.index(Lists(), "lib"))
    cabinet.says_list("hub", "lib", "x")
    cabinet.shelf.catalog.states.invalidate(cabinet.record("hub").id, "")
    assert cabinet.visit("hub", listed("lib")) == ["x"]
    assert not cabinet.stands(empty.depends)


def test_what_belongs_to_a_file_stands_on_who_did_not_offer_the_file(cabinet: Cabinet) -> None:
    cabinet.group("all", "hub", "far")
    cabinet.says_list("far", "app", "listed-1")
    cabinet.says_list("hub", "app")
    path = "app/listed-1"

    def derived() -> object:
        return cabinet.visit("all", lambda repository: repository.get(path, derived="facts"))

    cabinet.say("far", path, b"facts of it")
    cabinet.get("all", path)
    content = derived()
    depends = content.depends  # type: ignore[attr-defined]
    assert cabinet.stands(depends)
    cabinet.says_list("hub", "app", "listed-1")
    cabinet.shelf.catalog.states.invalidate(cabinet.record("hub").id, "app")
    assert cabinet.visit("hub", listed("app")) == ["listed-1"]
    assert not cabinet.stands(depends), "now it is the first member's file"


def test_names_stand_on_every_member(cabinet: Cabinet) -> None:
    cabinet.group("all", "ours", "more")
    cabinet.put("ours", "app/x")
    names = cabinet.visit("all", lambda repository: repository.names())
    assert [name.path for name in names.value] == ["app"]
    assert cabinet.stands(names.depends)
    cabinet.put("more", "lib/x")
    assert not cabinet.stands(names.depends)


# Lists


@pytest.mark.parametrize("limit", [1, 2, 3, 100])
def test_lists_are_merged_page_by_page(cabinet: Cabinet, limit: int) -> None:
    cabinet.group("all", "ours", "more", merge=["*"])
    for name, files in {"ours": "aceg", "more": "bcdh"}.items():
        for file in files:
            cabinet.put(name, f"app/{file}", name.encode())
            cabinet.put(name, f"lib-{file}/x")
    found: list[str] = []
    after: str | None = ""
    while after is not None:
        page = cabinet.visit(
            "all", lambda repository, after=after: repository.list("app/", after=after, limit=limit)
        )
        assert len(page.items) <= limit
        found += [entry.path for entry in page.items]
        after = page.next
    assert found == list("abcdegh")
    names: list[str] = []
    while True:
        after = names[-1] if names else ""
        document = cabinet.visit(
            "all", lambda repository, after=after: repository.names(after=after, limit=limit)
        )
        if not document.value:
            break
        names += [name.path for name in document.value]
    assert names == sorted(["app", *(f"lib-{file}" for file in "abcdegh")])


def test_an_entry_is_the_first_member_s(cabinet: Cabinet) -> None:
    cabinet.group("all", "ours", "more")
    cabinet.put("ours", "app/x", b"ours")
    cabinet.put("more", "app/x", b"more")
    (entry,) = cabinet.visit("all", lambda repository: repository.list("app/")).items
    assert entry.asset is not None
    assert entry.asset.repository_id == cabinet.record("ours").id


@pytest.mark.parametrize("limit", [1, 2, 3])
def test_no_page_skips_what_a_member_shows_later(cabinet: Cabinet, limit: int) -> None:
    """A member's page may be short, or empty, where its first entries are not for the caller's eyes."""
    cabinet.group("all", "ours", "more")
    for name in "abcde":
        cabinet.put("ours", f"{name}/x")
    for name in "xyz":
        cabinet.put("more", f"{name}/x")
    somebody = cabinet.principal(
        ("all", "**", [Verb.READ]),
        ("more", "**", [Verb.READ]),
        *(("ours", f"{name}/**", [Verb.READ]) for name in "de"),
    )
    found: list[str] = []
    after: str | None = ""
    while after is not None:
        page = cabinet.visit(
            "all",
            lambda repository, after=after: repository.list("", after=after, limit=limit),
            by=somebody,
        )
        found += [entry.path for entry in page.items]
        after = page.next
    assert found == ["d/", "e/", "x/", "y/", "z/"]


# Writing


def test_only_the_writable_member_is_written_to(cabinet: Cabinet) -> None:
    # proxy R106
    cabinet.group("all", "ours", "hub", "more", writable="more")
    cabinet.put("all", "app/x", b"bytes")
    assert cabinet.holds("more") == ["app/x"]
    assert cabinet.holds("ours") == []
    assert cabinet.get("all", "app/x") == b"bytes"
    cabinet.visit("all", lambda repository: repository.permit(Verb.WRITE, "app/x"))
    cabinet.delete("all", "app/x")
    assert cabinet.holds("more") == []
    cabinet.put("ours", "app/y", b"ours")
    with pytest.raises(AssetNotFound):
        cabinet.delete("all", "app/y")


def test_without_one_nothing_is_written(cabinet: Cabinet) -> None:
    cabinet.group("all", "ours", "hub")
    with pytest.raises(ReadOnly):
        cabinet.put("all", "app/x")
    for verb in (Verb.WRITE, Verb.DELETE):
        with pytest.raises(ReadOnly):
            cabinet.visit("all", lambda repository, verb=verb: repository.permit(verb, "app/x"))
    cabinet.visit("all", lambda repository: repository.permit(Verb.READ, "app/x"))


def test_writing_takes_the_right_on_both(cabinet: Cabinet) -> None:
    cabinet.group("all", "ours", writable="ours")
    write = [Verb.READ, Verb.WRITE]
    for grants in ([("all", "**", write)], [("ours", "**", write)]):
        somebody = cabinet.principal(*grants)
        for act in (lambda r: r.permit(Verb.WRITE, "app/x"), _puts):
            with pytest.raises(Forbidden):
                cabinet.visit("all", act, by=somebody)
    assert cabinet.holds("ours") == []
    cabinet.visit("all", _puts, by=cabinet.principal(("all", "**", write), ("ours", "**", write)))
    assert cabinet.holds("ours") == ["app/x"]


def _puts(repository: Repository) -> None:
    with repository.edit() as edit:
        edit.put("app/x", None, content_type="text/plain")


def test_the_past_of_a_group_is_that_of_its_members(cabinet: Cabinet, clock: FakeClock) -> None:
    cabinet.group("all", "ours", "hub", merge=["*"])
    cabinet.put("ours", "app/x", b"one")
    then = clock()
    clock.advance(timedelta(seconds=1))
    cabinet.put("ours", "app/x", b"two")
    cabinet.say("hub", "app/y", b"hub")
    cabinet.get("all", "app/y")
    cabinet.network.asked.clear()
    assert cabinet.get("all", "app/x", past=then) == b"one"
    with pytest.raises(AssetNotFound):
        cabinet.get("all", "app/y", past=then)
    assert cabinet.visit("all", listed("app"), past=then) == ["x"]
    assert cabinet.asked == []
