"""A token that is asked for with a scoped credential never covers more than that credential."""

import pytest

from artifactd.auth.principal import Access, Principal, Scopes, Verb
from artifactd.http.services import BoundTokens

BOTH = frozenset({Verb.READ, Verb.WRITE})


@pytest.mark.parametrize(
    ("held", "asked", "given"),
    [
        (None, "team/app/**", BOTH),
        ([Access(1, "**", BOTH)], "team/app/**", BOTH),
        ([Access(1, "team/**", BOTH)], "team/app/**", BOTH),
        ([Access(1, "team/app/**", BOTH)], "team/app/**", BOTH),
        ([Access(1, "team/**", frozenset({Verb.READ}))], "team/app/**", {Verb.READ}),
        ([Access(1, "team/app/**", BOTH)], "team/**", set()),
        ([Access(1, "team/*", BOTH)], "team/app/**", set()),
        ([Access(2, "**", BOTH)], "team/app/**", set()),
        ([Access(1, "te/**", BOTH)], "team/app/**", set()),
        ([], "team/app/**", set()),
    ],
)
def test_a_token_never_widens_the_credential_it_was_asked_with(
    held: list[Access] | None, asked: str, given: set[Verb]
) -> None:
    scopes = None if held is None else Scopes(tuple(held))
    tokens = BoundTokens(None, Principal("alice", 7, frozenset(), scopes), "main")  # type: ignore[arg-type]
    assert tokens._held(1, asked, BOTH) == given
