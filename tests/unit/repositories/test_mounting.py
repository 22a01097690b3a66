"""Edits through a group: what they require, and only another member has, is put into the writable one first
(docker R202; proxy R106)."""

from collections.abc import Callable, Sequence

import pytest

from artifactd.auth.principal import Principal, Verb
from artifactd.blobs.memory import MemoryBlobStore
from artifactd.catalog.assets import Asset, Reference, Selection
from artifactd.db import tables
from artifactd.db.writer import Database
from artifactd.errors import Forbidden, InvalidInput, ReferencesMissing
from artifactd.repositories.repository import Repository
from tests.support.cabinets import Cabinet
from tests.support.clocks import FakeClock
from tests.support.shelves import Shelf, digest_of

pytestmark = pytest.mark.parametrize("place", ["sqlite"], indirect=True)


@pytest.fixture
def cabinet(database: Database, clock: FakeClock) -> Cabinet:
    """A cabinet with the group `all` of `base` (hosted), `hub` (a proxy) and `ours`, its writable
    member."""
    cabinet = Cabinet(Shelf(database, MemoryBlobStore(clock)))
    cabinet.hosted("base")
    cabinet.hosted("ours")
    cabinet.proxy("hub")
    cabinet.group("all", "base", "hub", "ours", writable="ours")
    return cabinet


def push(cabinet: Cabinet, *needs: str, required: bool = True, by: Principal | None = None) -> int | None:
    """Put `app/tag` through the group; its revision."""
    blob = cabinet.shelf.stage(b"a manifest")
    references: Sequence[Reference] = [Reference(path, required=required) for path in needs]

    def act(repository: Repository) -> int | None:
        with repository.edit() as edit:
            edit.put("app/tag", blob, content_type="text/plain", references=references)
        return edit.revision

    return cabinet.visit("all", act, by=by)


def test_what_another_member_has_is_mounted(cabinet: Cabinet) -> None:
    cabinet.put("base", "app/layer", b"layer")
    cabinet.say("hub", "app/config", b"config")
    cabinet.visit("hub", lambda repository: repository.get("app/config"))
    stored = cabinet.shelf.stored()
    revision = push(cabinet, "app/layer", "app/config")
    assert isinstance(revision, int)
    assert cabinet.holds("ours") == ["app/config", "app/layer", "app/tag"]
    assert cabinet.get("ours", "app/layer") == b"layer"
    assert len(cabinet.shelf.stored() - stored) == 1, "only the manifest is new"
    ours = cabinet.record("ours").id
    revisions = [row["id"] for row in cabinet.shelf.rows(tables.revision) if row["repository_id"] == ours]
    assert revisions == [revision], "it is one edit"


def test_what_nobody_has_is_missing(cabinet: Cabinet) -> None:
    cabinet.put("base", "app/layer", b"layer")
    cabinet.say("hub", "app/config", b"only upstream")
    with pytest.raises(ReferencesMissing) as told:
        push(cabinet, "app/layer", "app/config")
    assert list(told.value.paths) == ["app/config"]
    assert cabinet.holds("ours") == []
    assert cabinet.asked == [], "a write asks no upstream"


def test_what_is_not_required_is_not_mounted(cabinet: Cabinet) -> None:
    cabinet.put("base", "app/layer", b"layer")
    push(cabinet, "app/layer", required=False)
    assert cabinet.holds("ours") == ["app/tag"]


def test_what_the_writable_member_has_is_not_replaced(cabinet: Cabinet) -> None:
    cabinet.put("base", "app/layer", b"theirs")
    cabinet.put("ours", "app/layer", b"ours")
    push(cabinet, "app/layer")
    assert cabinet.get("ours", "app/layer") == b"ours"


def test_the_first_member_that_has_it_gives_it(cabinet: Cabinet) -> None:
    cabinet.hosted("second")
    cabinet.group("all", "second", "base", "ours", writable="ours")
    for name in ("base", "second"):
        cabinet.put(name, "app/layer", name.encode())
    push(cabinet, "app/layer")
    assert cabinet.get("ours", "app/layer") == b"second"


@pytest.mark.parametrize("rights", ["member", "group"])
def test_what_the_caller_may_not_read_is_not_mounted(cabinet: Cabinet, rights: str) -> None:
    cabinet.group("all", "base", "ours", writable="ours", rights=rights)
    cabinet.put("base", "app/layer", b"secret")
    somebody = cabinet.principal(*((n, "**", [Verb.READ, Verb.WRITE]) for n in ("all", "ours")))
    if rights == "group":
        push(cabinet, "app/layer", by=somebody)
        assert cabinet.holds("ours") == ["app/layer", "app/tag"]
        return
    with pytest.raises(ReferencesMissing):
        push(cabinet, "app/layer", by=somebody)
    assert cabinet.holds("ours") == []


def test_what_is_withheld_is_not_mounted(cabinet: Cabinet) -> None:
    cabinet.put("base", "app/layer", b"stolen")
    cabinet.shelf.database.write(
        lambda turn: turn.connection.execute(tables.asset.update().values(withheld="stolen keys"))
    )
    with pytest.raises(ReferencesMissing):
        push(cabinet, "app/layer")


def test_everything_else_goes_to_the_writable_member(cabinet: Cabinet) -> None:
    cabinet.put("base", "app/x", b"theirs")
    source = cabinet.find("base", "app/x")
    assert source is not None
    seen: list[Asset | None] = []

    def act(repository: Repository) -> int | None:
        with repository.edit("several things") as edit:
            edit.check("app/x", seen.append)
            edit.link("app/y", source)
            edit.put("app/z", None, content_type="text/plain", label="fact", attributes={"a": 1})
        return edit.revision

    revision = cabinet.visit("all", act)
    assert seen == [None], "conditions are about the member that is changed"
    assert cabinet.holds("ours") == ["app/y", "app/z"]
    (row,) = [row for row in cabinet.shelf.rows(tables.revision) if row["id"] == revision]
    assert row["message"] == "several things"

    def deletes(repository: Repository) -> None:
        with repository.edit() as edit:
            edit.delete_where(Selection("app"), digest=digest_of(b"theirs"))
            edit.delete("app/z")

    cabinet.visit("all", deletes)
    assert cabinet.holds("ours") == []
    assert cabinet.holds("base") == ["app/x"]


def test_a_condition_that_fails_fails_the_edit(cabinet: Cabinet) -> None:
    def refuse(asset: Asset | None) -> None:
        raise InvalidInput("the project is closed")

    def act(repository: Repository) -> None:
        with repository.edit() as edit:
            edit.put("app/x", None, content_type="text/plain")
            edit.check("app/x", refuse)

    with pytest.raises(InvalidInput):
        cabinet.visit("all", act)
    assert cabinet.holds("ours") == []


def test_every_change_takes_the_right_on_the_group(cabinet: Cabinet) -> None:
    cabinet.put("ours", "lib/x")
    everything = [Verb.READ, Verb.WRITE, Verb.DELETE]
    somebody = cabinet.principal(("all", "app/**", everything), ("ours", "**", everything))
    source = cabinet.find("ours", "lib/x")
    assert source is not None
    acts: list[Callable[[Repository], None]] = [
        lambda repository: _edit(repository, lambda e: e.put("lib/y", None, content_type="t")),
        lambda repository: _edit(repository, lambda e: e.delete("lib/x")),
        lambda repository: _edit(
            repository, lambda e: e.delete_where(Selection("lib"), digest=digest_of(b"bytes"))
        ),
        lambda repository: _edit(repository, lambda e: e.link("lib/y", source)),
        lambda repository: _edit(
            repository, lambda e: e.put("app/y", None, content_type="t", right="admin")
        ),
    ]
    for act in acts:
        with pytest.raises(Forbidden) as refused:
            cabinet.visit("all", act, by=somebody)
        assert refused.value.repository == "all"
    assert cabinet.holds("ours") == ["lib/x"]


def _edit(repository: Repository, act: Callable[..., None]) -> None:
    with repository.edit() as edit:
        act(edit)
