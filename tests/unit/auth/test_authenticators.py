import threading
from base64 import b64encode
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from artifactd.auth.accounts import Accounts
from artifactd.auth.authenticators import (
    Authenticators,
    BearerAuthenticator,
    PasswordAuthenticator,
    TokenAuthenticator,
)
from artifactd.auth.bearer import Bearer
from artifactd.auth.credentials import Kind
from artifactd.auth.passwords import Passwords, Verified
from artifactd.auth.principal import Access, Principal, Scopes, Verb
from artifactd.auth.roles import Roles
from artifactd.auth.tokens import Tokens, mint
from artifactd.auth.users import Users
from artifactd.clock import SECOND
from artifactd.db.generations import principal_stripe
from artifactd.db.writer import Database
from artifactd.errors import InvalidCredentials
from tests.support.clocks import START
from tests.support.databases import Place


def basic(user: str, secret: str, encoding: str = "utf-8") -> str:
    return "Basic " + b64encode(f"{user}:{secret}".encode(encoding)).decode()


class Counting(Passwords):
    """Passwords that count how often they are hashed to be compared."""

    def __init__(self) -> None:
        super().__init__(memory=64, passes=1)
        self.count = 0

    def verify(self, password: str, stored: str | None) -> Verified:
        self.count += 1
        return super().verify(password, stored)


@pytest.fixture
def passwords() -> Counting:
    return Counting()


@pytest.fixture
def users(database: Database, passwords: Counting) -> Users:
    return Users(database, passwords)


@pytest.fixture
def ada(users: Users) -> int:
    return users.create("ada", "secret").id


def chain(database: Database, users: Users, passwords: Passwords) -> Authenticators:
    return Authenticators(
        database,
        [
            TokenAuthenticator(database, Tokens(database)),
            BearerAuthenticator(database, Bearer(database)),
            PasswordAuthenticator(database, users, passwords),
        ],
    )


@pytest.fixture
def authenticators(database: Database, users: Users, passwords: Counting) -> Authenticators:
    return chain(database, users, passwords)


def refused(authenticators: Authenticators, authorization: str, now: int = START) -> bool:
    try:
        authenticators.authenticate(authorization, "main", now)
    except InvalidCredentials:
        return True
    return False


def test_a_password_opens_its_account(
    database: Database, users: Users, authenticators: Authenticators, ada: int
) -> None:
    role = Roles(database).put("team", [])
    users.update("ada", roles=["team"])
    found = authenticators.authenticate(basic("ada", "secret"), "main", START)
    assert found.principal == Principal("ada", ada, frozenset({role.id}))
    assert (found.kind, found.token_id) == (Kind.PASSWORD, None)
    assert found.depends == database.generations.take([principal_stripe(ada)])


@pytest.mark.parametrize("encoding", ["utf-8", "iso-8859-1"])
def test_passwords_are_read_in_both_encodings_clients_use(
    users: Users, authenticators: Authenticators, encoding: str
) -> None:
    users.create("eve", "geheimnisträger")
    assert not refused(authenticators, basic("eve", "geheimnisträger", encoding))


def test_a_colon_belongs_to_the_password(users: Users, authenticators: Authenticators) -> None:
    users.create("eve", "a:b")
    assert not refused(authenticators, basic("eve", "a:b"))


@pytest.mark.parametrize(
    ("user", "secret"),
    [("ada", "Secret"), ("eve", "secret"), ("anonymous", ""), ("robot", "x"), ("Ada", "secret")],
)
def test_wrong_passwords_are_refused_at_the_same_cost(
    users: Users, authenticators: Authenticators, passwords: Counting, ada: int, user: str, secret: str
) -> None:
    users.create("robot")
    assert refused(authenticators, basic(user, secret))
    assert passwords.count == 1


@pytest.mark.parametrize(
    "header",
    [
        "", "Basic", "Basic ", "Basic !!!", "Basic YWJj", "Bearer", "Bearer a b", "Bearer abc",
        "Bearer a.b.c", "Digest x", "Basic " + "A" * 20_000, "YWRhOnNlY3JldA==", basic("a\0da", "secret"),
    ],
)  # fmt: skip
def test_what_cannot_be_understood_is_refused(authenticators: Authenticators, header: str) -> None:
    assert refused(authenticators, header)


def test_the_scheme_is_read_in_any_case(authenticators: Authenticators, ada: int) -> None:
    assert not refused(authenticators, basic("ada", "secret").replace("Basic", "bAsIc"))


def test_without_credentials_it_is_anonymous(
    database: Database, users: Users, authenticators: Authenticators
) -> None:
    found = authenticators.authenticate(None, "main", START)
    assert (found.kind, found.principal.name, found.principal.roles) == (
        Kind.NONE,
        "anonymous",
        frozenset(),
    )
    users.ensure_admin("x")
    assert authenticators.authenticate(None, "main", START).principal.roles
    users.update("anonymous", active=False)
    assert authenticators.authenticate(None, "main", START).principal == Principal(
        "anonymous", 0, frozenset()
    )


def test_an_api_token_opens_its_account_in_every_form(
    database: Database, authenticators: Authenticators, ada: int
) -> None:
    scopes = Scopes((Access(1, "**", frozenset({Verb.READ})),))
    token, secret = Tokens(database).create(ada, "ci", scopes, START + 90 * SECOND)
    for header in (
        basic("ada", secret),
        basic("__token__", secret),
        basic("whoever", secret),
        f"Bearer {secret}",
    ):
        found = authenticators.authenticate(header, "main", START)
        assert found.principal == Principal("ada", ada, frozenset(), scopes, START + 90 * SECOND)
        assert (found.kind, found.token_id) == (Kind.API_TOKEN, token.id)


def test_an_api_token_ends_when_it_expires_is_revoked_or_its_user_goes(
    database: Database, users: Users, authenticators: Authenticators, ada: int
) -> None:
    tokens = Tokens(database)
    _, short = tokens.create(ada, "short", expires=START + 10 * SECOND)
    assert not refused(authenticators, f"Bearer {short}", START + 10 * SECOND - 1)
    assert refused(authenticators, f"Bearer {short}", START + 10 * SECOND)
    row, secret = tokens.create(ada, "ci")
    assert not refused(authenticators, f"Bearer {secret}")
    tokens.revoke(row.id)
    assert refused(authenticators, f"Bearer {secret}")
    _, last = tokens.create(ada, "last")
    assert not refused(authenticators, f"Bearer {last}")
    users.update("ada", active=False)
    assert refused(authenticators, f"Bearer {last}")
    users.update("ada", active=True)
    assert not refused(authenticators, f"Bearer {last}")
    users.delete("ada")
    assert refused(authenticators, f"Bearer {last}")
    assert refused(authenticators, f"Bearer {mint()}")
    assert refused(authenticators, f"Bearer {secret[:-1]}x")


def test_a_bearer_token_counts_at_its_entry_point_until_it_ends(
    database: Database, users: Users, authenticators: Authenticators, ada: int
) -> None:
    holder = Principal("ada", ada, frozenset())
    token = Bearer(database).issue(holder, "main", (), {}, timedelta(minutes=5), START)
    found = authenticators.authenticate(f"Bearer {token}", "main", START)
    assert (found.kind, found.principal.id, found.principal.scopes) == (
        Kind.BEARER,
        ada,
        Scopes((), "main"),
    )
    with pytest.raises(InvalidCredentials):
        authenticators.authenticate(f"Bearer {token}", "port:5000", START)
    assert refused(authenticators, f"Bearer {token}", START + 300 * SECOND)
    users.delete("ada")
    assert refused(authenticators, f"Bearer {token}")


def test_a_verified_credential_is_remembered_for_a_minute(
    authenticators: Authenticators, passwords: Counting, ada: int
) -> None:
    header = basic("ada", "secret")
    assert authenticators.cached(header, "main", START) is None
    first = authenticators.authenticate(header, "main", START)
    assert authenticators.cached(header, "main", START + 60 * SECOND - 1) is first
    assert authenticators.cached(header, "main", START + 60 * SECOND) is None
    assert authenticators.authenticate(header, "main", START) is first
    assert passwords.count == 1


def test_a_changed_password_counts_at_once_in_every_process(
    place: Place, users: Users, authenticators: Authenticators, passwords: Counting, ada: int
) -> None:
    other = place.open(lambda: START)
    try:
        there = chain(other, Users(other, passwords), passwords)
        for each in (authenticators, there):
            assert not refused(each, basic("ada", "secret"))
            assert refused(each, basic("ada", "new"))
        users.update("ada", password="new")
        for each in (authenticators, there):
            assert refused(each, basic("ada", "secret"))
            assert not refused(each, basic("ada", "new"))
    finally:
        other.close()


def test_a_new_user_is_known_at_once(users: Users, authenticators: Authenticators) -> None:
    assert refused(authenticators, basic("eve", "secret"))
    users.create("eve", "secret")
    assert not refused(authenticators, basic("eve", "secret"))


def test_a_repeated_wrong_password_costs_one_hash(
    authenticators: Authenticators, passwords: Counting, ada: int
) -> None:
    header = basic("ada", "wrong")
    assert all(refused(authenticators, header) for _ in range(10))
    with pytest.raises(InvalidCredentials):
        authenticators.cached(header, "main", START)
    assert passwords.count == 1
    assert refused(authenticators, header, START + 5 * SECOND)
    assert passwords.count == 2


def test_connections_that_open_at_once_cost_one_hash(
    database: Database, users: Users, passwords: Counting, ada: int
) -> None:
    entered, go_on = threading.Event(), threading.Event()

    class Slow(Counting):
        def verify(self, password: str, stored: str | None) -> Verified:
            entered.set()
            go_on.wait(10)
            return super().verify(password, stored)

    slow = Slow()
    authenticators = chain(database, users, slow)
    with ThreadPoolExecutor(8) as pool:
        header = basic("ada", "secret")
        answers = [pool.submit(authenticators.authenticate, header, "main", START) for _ in range(8)]
        assert entered.wait(10)
        go_on.set()
        assert {answer.result().principal.name for answer in answers} == {"ada"}
    assert slow.count == 1


def test_an_answer_begun_before_a_change_is_not_given_to_who_came_after(
    database: Database, users: Users, ada: int
) -> None:
    entered, go_on = threading.Event(), threading.Event()

    class Slow(Counting):
        def verify(self, password: str, stored: str | None) -> Verified:
            entered.set()
            go_on.wait(10)
            return super().verify(password, stored)

    authenticators = chain(database, users, Slow())
    header = basic("ada", "secret")
    with ThreadPoolExecutor(2) as pool:
        before = pool.submit(refused, authenticators, header)
        assert entered.wait(10)
        users.update("ada", password="new")
        after = pool.submit(refused, authenticators, header)
        go_on.set()
        assert (before.result(), after.result()) == (False, True)
    assert refused(authenticators, header)


def test_an_old_hash_is_renewed_at_login(database: Database, users: Users, ada: int) -> None:
    stronger = Passwords(memory=128, passes=1)
    authenticators = chain(database, Users(database, stronger), stronger)
    accounts = Accounts(database)
    before = accounts.named("ada")
    assert not refused(authenticators, basic("ada", "secret"))
    database.write(lambda turn: None)  # the renewal was submitted before this
    after = accounts.named("ada")
    assert before is not None and after is not None and before.password != after.password
    assert stronger.verify("secret", after.password) == Verified(ok=True, rehash=False)
