"""Whose rights count: a principal's, everybody's who must say yes, or nobody's."""

import pytest
from sqlalchemy import column, select

from artifactd.auth.principal import Principal, Verb
from artifactd.blobs.memory import MemoryBlobStore
from artifactd.db import tables
from artifactd.db.writer import Database
from artifactd.errors import Forbidden, Unauthenticated
from artifactd.repositories.rights import Both, Bound, Everything, Rights
from tests.support.cabinets import Cabinet
from tests.support.clocks import FakeClock
from tests.support.shelves import Shelf

VERBS = (Verb.READ, Verb.WRITE, Verb.DELETE, Verb.POPULATE)
PATHS = ("app/x", "lib/x", "other/x")


@pytest.fixture
def cabinet(database: Database, clock: FakeClock) -> Cabinet:
    """A cabinet with the repositories `outer` and `inner`, which hold all paths."""
    cabinet = Cabinet(Shelf(database, MemoryBlobStore(clock)))
    for name in ("outer", "inner"):
        cabinet.hosted(name)
    for path in PATHS:
        cabinet.put("inner", path)
    return cabinet


def bound(cabinet: Cabinet, principal: Principal, repository: str) -> Bound:
    return Bound(cabinet.shelf.catalog.authorizer, principal, cabinet.record(repository))


def listed(cabinet: Cabinet, rights: Rights, verb: Verb) -> list[str]:
    """The paths for which the condition of `rights` holds in the database."""
    path = tables.asset.c.path
    statement = select(path).where(rights.where(verb, path)).order_by(path)
    with cabinet.shelf.database.connect() as connection:
        return list(connection.execute(statement).scalars())


def agrees(cabinet: Cabinet, rights: Rights) -> dict[Verb, list[str]]:
    """What is allowed, as all four ways to ask tell it."""
    allowed: dict[Verb, list[str]] = {}
    for verb in VERBS:
        allowed[verb] = [path for path in PATHS if rights.allows(verb, path)]
        for path in PATHS:
            if path in allowed[verb]:
                rights.check(verb, path)
            else:
                with pytest.raises((Forbidden, Unauthenticated)):
                    rights.check(verb, path)
        assert listed(cabinet, rights, verb) == allowed[verb]
        if rights.unrestricted(verb):
            assert allowed[verb] == list(PATHS)
    return allowed


def test_a_principal_may_what_it_was_granted(cabinet: Cabinet) -> None:
    somebody = cabinet.principal(("inner", "app/**", [Verb.READ]), ("inner", "**", [Verb.WRITE]))
    rights = bound(cabinet, somebody, "inner")
    assert agrees(cabinet, rights) == {
        Verb.READ: ["app/x"],
        Verb.WRITE: list(PATHS),
        Verb.DELETE: [],
        Verb.POPULATE: [],
    }
    assert rights.unrestricted(Verb.WRITE)
    assert not rights.unrestricted(Verb.READ)
    assert agrees(cabinet, bound(cabinet, somebody, "outer")) == {verb: [] for verb in VERBS}


def test_everything_is_everything(cabinet: Cabinet) -> None:
    assert agrees(cabinet, Everything()) == {verb: list(PATHS) for verb in VERBS}
    assert all(Everything().unrestricted(verb) for verb in VERBS)
    assert str(Everything().where(Verb.READ, column("path"))) == "true"


def test_both_must_say_yes(cabinet: Cabinet) -> None:
    somebody = cabinet.principal(
        ("outer", "app/**", [Verb.READ, Verb.WRITE]),
        ("outer", "lib/**", [Verb.READ]),
        ("inner", "lib/**", [Verb.READ]),
        ("inner", "app/**", [Verb.READ]),
        ("inner", "other/**", [Verb.READ, Verb.DELETE]),
    )
    outer, inner = (bound(cabinet, somebody, name) for name in ("outer", "inner"))
    for both in (Both(outer, inner), Both(inner, outer)):
        assert agrees(cabinet, both) == {
            Verb.READ: ["app/x", "lib/x"],
            Verb.WRITE: [],
            Verb.DELETE: [],
            Verb.POPULATE: [],
        }
    with pytest.raises(Forbidden) as refused:
        Both(outer, inner).check(Verb.READ, "other/x")
    assert refused.value.repository == "outer", "who asked the group is told of the group"
    assert agrees(cabinet, Both(outer, Everything())) == agrees(cabinet, outer)
    assert not Both(outer, Everything()).unrestricted(Verb.READ)


def test_nobody_is_asked_who_it_is(cabinet: Cabinet) -> None:
    nobody = Principal("anonymous", 0, frozenset())
    rights = Both(bound(cabinet, nobody, "outer"), Everything())
    with pytest.raises(Unauthenticated):
        rights.check(Verb.READ, "app/x")
    assert agrees(cabinet, rights) == {verb: [] for verb in VERBS}
