import pytest
from hypothesis import given
from hypothesis import strategies as st

from artifactd.auth.passwords import Passwords
from artifactd.auth.principal import Access, Scopes, Verb
from artifactd.auth.tokens import LENGTH, Tokens, mint, well_formed
from artifactd.auth.users import Users
from artifactd.db.generations import principal_stripe
from artifactd.db.tables import token
from artifactd.db.writer import Database
from artifactd.errors import InvalidInput, ObjectNotFound
from tests.support.clocks import START


@pytest.fixture
def ada(database: Database) -> int:
    return Users(database, Passwords(memory=64, passes=1)).create("ada").id


@pytest.fixture
def tokens(database: Database) -> Tokens:
    return Tokens(database)


def test_a_token_is_well_formed_and_never_the_same() -> None:
    made = {mint() for _ in range(100)}
    assert len(made) == 100
    assert all(well_formed(each) and len(each) == LENGTH == 53 and each.isascii() for each in made)


@given(st.integers(0, 52), st.sampled_from("aZ0_é"))
def test_a_typing_error_is_seen_without_the_database(position: int, character: str) -> None:
    right = mint()
    wrong = right[:position] + character + right[position + 1 :]
    assert well_formed(wrong) == (wrong == right)


@pytest.mark.parametrize(
    "text",
    ["", "adt_", "x" * 53, mint() + "a", mint()[1:], " " + mint()],
    ids=["nothing", "its beginning", "another", "too long", "too short", "with a space"],
)
def test_what_is_no_token_is_not_well_formed(text: str) -> None:
    assert not well_formed(text)


def test_a_token_is_found_by_its_secret_alone(database: Database, tokens: Tokens, ada: int) -> None:
    scopes = Scopes((Access(3, "team/**", frozenset({Verb.READ, Verb.WRITE})), Access(4, "a", frozenset())))
    made, secret = tokens.create(ada, "ci", scopes, START + 5)
    other, _ = tokens.create(ada, "laptop")
    assert tokens.find(secret) == made
    assert (made.scopes, made.expires, made.created, made.last_used) == (scopes, START + 5, START, None)
    assert other.scopes is None and other.expires is None
    assert tokens.find(mint()) is None
    assert tokens.list(ada) == [made, other]
    with database.connect() as connection:
        assert secret not in str(connection.execute(token.select()).all())


def test_a_revoked_token_is_gone_and_its_users_counter_moved(
    database: Database, tokens: Tokens, ada: int
) -> None:
    made, secret = tokens.create(ada, "ci")
    with pytest.raises(ObjectNotFound):
        tokens.revoke(made.id, user_id=ada + 1)
    taken = database.generations.take([principal_stripe(ada)])
    tokens.revoke(made.id, user_id=ada)
    assert tokens.find(secret) is None
    assert not database.generations.current(taken)
    with pytest.raises(ObjectNotFound):
        tokens.revoke(made.id)


def test_the_last_use_is_the_latest_one(database: Database, tokens: Tokens, ada: int) -> None:
    (one, _), (two, _), (three, _) = (tokens.create(ada, name) for name in "abc")
    taken = database.generations.take([principal_stripe(ada)])
    tokens.touch([one.id, two.id, one.id, 999], START + 10)
    tokens.touch([one.id], START + 5)
    tokens.touch([], START + 20)
    assert [each.last_used for each in tokens.list(ada)] == [START + 10, START + 10, None]
    assert three.last_used is None
    assert database.generations.current(taken)  # using a token makes nobody look again


def test_tokens_that_make_no_sense_are_refused(tokens: Tokens, ada: int) -> None:
    with pytest.raises(ObjectNotFound):
        tokens.create(ada + 1, "ci")
    for name in ("", "x" * 201, "a\nb"):
        with pytest.raises(InvalidInput):
            tokens.create(ada, name)
    with pytest.raises(InvalidInput):
        tokens.create(ada, "ci", expires=START)
    with pytest.raises(InvalidInput):
        tokens.create(ada, "ci", Scopes((Access(1, "/", frozenset({Verb.READ})),)))
    with pytest.raises(InvalidInput):
        tokens.create(0, "ci")


def test_a_deleted_users_tokens_are_gone(database: Database, tokens: Tokens, ada: int) -> None:
    _, secret = tokens.create(ada, "ci")
    Users(database, Passwords(memory=64, passes=1)).delete("ada")
    assert tokens.find(secret) is None
