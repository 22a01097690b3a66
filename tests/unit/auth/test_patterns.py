import random
from collections.abc import Sequence

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import insert, select

from artifactd.auth import patterns
from artifactd.auth.patterns import PatternSet
from artifactd.db.tables import blob_store, name, repository
from artifactd.db.writer import Database, Turn
from artifactd.errors import InvalidInput

# Characters that a range, LIKE, GLOB or an expression could misread, and both ends of what UTF-8 orders.
CHARACTERS = [*"ab-.0%_é\n\\[($?'", "\ud7ff", "\U0010ffff"]


@pytest.mark.parametrize(
    ("pattern", "fitting", "others"),
    [
        ("a/b", ["a/b"], ["a", "a/b/c", "a/", "A/b", "xa/b"]),
        ("a/**", ["a", "a/b", "a/b/c"], ["ab", "b/a", "a0", "a-b"]),
        ("**", ["", "a", "a/b"], []),
        ("*", ["a", "lib-x"], ["a/b"]),
        ("a/*", ["a/b"], ["a", "a/b/c", "ab"]),
        ("lib-*", ["lib-", "lib-x"], ["lib", "lib-x/y", "alib-x"]),
        ("a/*/c", ["a/b/c"], ["a/c", "a/b/b/c", "a/b/c/d"]),
        ("*/x/**", ["p/x", "p/x/y"], ["p/q/x", "p/q/x/y", "p/xy"]),
        ("team-*/**", ["team-a", "team-a/b/c"], ["team", "teams/a"]),
        ("a.b/*", ["a.b/c"], ["axb/c"]),
        ("*-x-*", ["a-x-b", "-x-"], ["a-x/b", "a-x"]),
    ],
)
def test_a_pattern_fits_what_its_rules_say(pattern: str, fitting: list[str], others: list[str]) -> None:
    compiled = patterns.compile(pattern)
    assert [path for path in fitting if not compiled.matches(path)] == []
    assert [path for path in others if compiled.matches(path)] == []


@pytest.mark.parametrize(
    "text", ["", "/a", "a/", "a//b", "a/../b", ".", "a/**/b", "a**", "**/a", "a\0b", "a" * 1025]
)
def test_what_is_not_a_pattern_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        patterns.compile(text)


def test_a_set_finds_the_pattern_that_fits() -> None:
    some = PatternSet(map(patterns.compile, ["a/b", "c/**", "d/*/e"]))
    found = [some.find(path) for path in ("a/b", "c/x/y", "c", "d/x/e", "a/c")]
    assert [each and each.text for each in found] == ["a/b", "c/**", "c/**", "d/*/e", None]


def test_an_empty_set_fits_nothing() -> None:
    assert PatternSet([]).find("a") is None


words = st.lists(st.sampled_from(CHARACTERS), min_size=1, max_size=3).map("".join)
segments = st.lists(
    words | st.just("*") | words.map("{}*".format) | words.map("*{}".format), min_size=1, max_size=3
)
texts = (
    st.builds(lambda body, end: "/".join(body) + end, segments, st.sampled_from(["", "/**"]))
    .filter(lambda text: not {".", ".."} & set(text.split("/")))
    .map(patterns.compile)
)


@pytest.fixture
def paths(database: Database) -> Sequence[str]:
    """The paths of some hundred names in the database."""
    chance = random.Random(7)
    made = {
        "/".join(
            "".join(chance.choices(CHARACTERS, k=chance.choice((1, 1, 2))))
            for _ in range(chance.randint(1, 4))
        )
        for _ in range(700)
    } | {"a", "a/b", "a/b/a", "a0", "a.", "a-", "b/a", "a/\U0010ffff", "a\U0010ffff/b"}

    def job(turn: Turn) -> None:
        connection = turn.connection
        connection.execute(insert(blob_store).values(id=1, name="default", type="file", settings="{}"))
        connection.execute(
            insert(repository).values(
                id=1,
                name="r",
                format="raw",
                kind="hosted",
                settings="{}",
                blob_store_id=1,
                online=True,
                horizon=0,
                version=1,
                created=0,
            )
        )
        connection.execute(
            insert(name),
            [
                {
                    "repository_id": 1,
                    "path": path,
                    "attributes": "{}",
                    "revision": 0,
                    "changed": 0,
                    "first_held": 0,
                }
                for path in made
            ],
        )

    database.write(job)
    return sorted(made)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=150)
@given(chosen=st.lists(texts, max_size=4))
def test_sql_and_memory_agree_on_every_path(
    database: Database, paths: Sequence[str], chosen: list[patterns.Pattern]
) -> None:
    some = PatternSet(chosen)
    with database.connect() as connection:
        for condition, fits in [
            (some.where(name.c.path), lambda path: some.find(path) is not None),
            *((each.where(name.c.path), each.matches) for each in chosen),
        ]:
            rows = connection.scalars(select(name.c.path).where(condition)).all()
            assert sorted(rows) == [path for path in paths if fits(path)]
    for path in paths:
        assert (some.find(path) is not None) == any(each.matches(path) for each in chosen)


def test_a_prefix_is_looked_up_in_the_index(database: Database, paths: Sequence[str]) -> None:
    if not database.in_process:
        pytest.skip("plans are read on SQLite")
    for text in ("a/**", "a/b*", "a"):
        statement = select(name.c.path).where(
            name.c.repository_id == 1, patterns.compile(text).where(name.c.path)
        )
        compiled = statement.compile(database.engine, compile_kwargs={"literal_binds": True})
        with database.connect() as connection:
            plan = str(connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {compiled}").all())
        assert "SCAN" not in plan, plan
        assert "path" in plan, plan
