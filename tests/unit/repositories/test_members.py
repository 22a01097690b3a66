"""Whose an owner name is, where its format says that it is somebody else's or nobody's; and paths that name
a member."""

import pytest

from artifactd.blobs.memory import MemoryBlobStore
from artifactd.db.writer import Database
from artifactd.errors import AssetNotFound
from artifactd.repositories.member import addressed_member
from tests.support.cabinets import Cabinet, Lists
from tests.support.clocks import FakeClock
from tests.support.shelves import Shelf

_SQLITE = pytest.mark.parametrize("place", ["sqlite"], indirect=True)


@pytest.fixture
def cabinet(database: Database, clock: FakeClock) -> Cabinet:
    """A cabinet with the hosted repository `ours`, the proxy `hub`, and the group `all` of them."""
    cabinet = Cabinet(Shelf(database, MemoryBlobStore(clock)))
    cabinet.hosted("ours")
    cabinet.proxy("hub")
    cabinet.group("all", "ours", "hub")
    return cabinet


@_SQLITE
def test_a_name_that_belongs_to_another_is_owned_with_it(cabinet: Cabinet) -> None:
    cabinet.put("ours", "app/x")
    for path in ("app/y", "app+extra/x", "App+Extra/x"):
        cabinet.say("hub", path.lower(), b"evil")
        with pytest.raises(AssetNotFound):
            cabinet.get("all", path)
    assert cabinet.asked == []
    cabinet.say("hub", "lib+extra/x", b"theirs")
    assert cabinet.get("all", "lib+extra/x") == b"theirs"


@_SQLITE
def test_and_it_alone_owns_nothing(cabinet: Cabinet) -> None:
    cabinet.put("ours", "app+extra/x", b"ours")
    cabinet.say("hub", "app/x", b"theirs")
    cabinet.say("hub", "app+extra/y", b"theirs")
    assert cabinet.get("all", "app/x") == b"theirs"
    assert cabinet.get("all", "app+extra/x") == b"ours"
    assert cabinet.get("all", "app+extra/y") == b"theirs"


@_SQLITE
def test_a_name_that_belongs_to_nobody_is_everybody_s(cabinet: Cabinet) -> None:
    cabinet.put("ours", "common/x", b"ours")
    cabinet.say("hub", "common/y", b"theirs")
    cabinet.says_list("hub", "common", "y")
    assert cabinet.get("all", "common/x") == b"ours"
    assert cabinet.get("all", "common/y") == b"theirs"
    assert cabinet.visit("all", lambda repository: repository.index(Lists(), "common")).value == ["x", "y"]


@_SQLITE
def test_patterns_are_of_the_names_that_own(cabinet: Cabinet) -> None:
    cabinet.group("all", "ours", "hub", reserved=["acme"], merge=["app"])
    for path in ("acme+extra/x", "app+extra/x"):
        cabinet.say("hub", path, b"theirs")
    cabinet.put("ours", "app/x")
    with pytest.raises(AssetNotFound):
        cabinet.get("all", "acme+extra/x")
    assert cabinet.get("all", "app+extra/x") == b"theirs"


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("_member/ours/app/x", ("ours", "app/x")),
        ("el9/_member/ours/x.rpm", ("ours", "el9/x.rpm")),
        ("a/b/_member/ours/c/d", ("ours", "a/b/c/d")),
        ("_member/ours/_member/more/x", ("ours", "_member/more/x")),
        ("_member/ours", None),
        ("app/_member", None),
        ("app/_member/ours", None),
        ("_members/ours/x", None),
        ("app/x", None),
        ("", None),
    ],
)
def test_a_path_names_a_member_behind_the_reserved_segment(
    path: str, found: tuple[str, str] | None
) -> None:
    assert addressed_member(path) == found
