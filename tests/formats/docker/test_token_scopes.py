"""Scopes as clients write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from artifactd_docker.tokens import MOST_SCOPES, Scope, parse_scopes


@pytest.mark.parametrize(
    ("values", "found"),
    [
        ([], []),
        (["repository:team/app:pull"], [Scope("repository", "team/app", ("pull",))]),
        (["repository:a:pull,push"], [Scope("repository", "a", ("pull", "push"))]),
        (["repository:a:push,pull,push"], [Scope("repository", "a", ("push", "pull"))]),
        (["repository:a:*"], [Scope("repository", "a", ("*",))]),
        (["repository:a:"], [Scope("repository", "a", ())]),
        (["repository(plugin):a:pull"], [Scope("repository", "a", ("pull",))]),
        (["registry:catalog:*"], [Scope("registry", "catalog", ("*",))]),
        (
            ["repository:localhost:5000/a:pull"],
            [Scope("repository", "localhost:5000/a", ("pull",))],
        ),
        (
            ["repository:a:pull repository:b:push", "repository:c:pull"],
            [
                Scope("repository", "a", ("pull",)),
                Scope("repository", "b", ("push",)),
                Scope("repository", "c", ("pull",)),
            ],
        ),
        (["", " ", "repository", "repository:a", ":a:pull", "Repository:a:pull", "repository::pull"], []),
    ],
)
def test_scopes_are_split_off_both_ends(values: list[str], found: list[Scope]) -> None:  # docker R24
    assert parse_scopes(values) == found


def test_a_token_has_so_many_scopes_and_no_more() -> None:
    assert len(parse_scopes(["repository:a:pull " * 1000])) == MOST_SCOPES


@given(st.lists(st.text(max_size=30), max_size=5))
def test_anything_may_be_asked_for(values: list[str]) -> None:
    for scope in parse_scopes(values):
        assert scope.type and scope.name
