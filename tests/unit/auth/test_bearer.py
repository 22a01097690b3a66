from datetime import timedelta
from typing import Any

import jwt
import pytest

from artifactd.auth.bearer import Bearer
from artifactd.auth.passwords import Passwords
from artifactd.auth.principal import Access, Principal, Scopes, Verb
from artifactd.auth.roles import Roles
from artifactd.auth.users import Users
from artifactd.clock import SECOND
from artifactd.db.writer import Database
from artifactd.errors import InvalidCredentials, InvalidInput
from tests.support.clocks import START
from tests.support.databases import Place

LIFETIME = timedelta(minutes=5)
ENDS = START + 300 * SECOND
ACCESS = (Access(3, "team/app/**", frozenset({Verb.READ, Verb.WRITE})),)


@pytest.fixture
def bearer(database: Database) -> Bearer:
    return Bearer(database)


@pytest.fixture
def users(database: Database) -> Users:
    return Users(database, Passwords(memory=64, passes=1))


@pytest.fixture
def ada(users: Users) -> Principal:
    return Principal("ada", users.create("ada").id, frozenset())


def issue(bearer: Bearer, principal: Principal, **changes: Any) -> str:
    what: dict[str, Any] = {
        "audience": "main",
        "access": ACCESS,
        "extra": {},
        "lifetime": LIFETIME,
        "now": START,
    }
    return bearer.issue(principal, **{**what, **changes})


def test_a_token_gives_its_user_narrowed_to_its_scopes(
    database: Database, bearer: Bearer, users: Users, ada: Principal
) -> None:
    role = Roles(database).put("team", [])
    users.update("ada", roles=["team"])
    # docker R35: subject, audience, expiry and access list; roles are today's, not those of the issue
    assert bearer.verify(issue(bearer, ada), "main", START) == Principal(
        "ada", ada.id, frozenset({role.id}), Scopes(ACCESS, "main"), ENDS
    )


def test_anonymous_tokens_are_legal(bearer: Bearer, users: Users) -> None:
    nobody = Principal("anonymous", 0, frozenset())
    # docker R28, before and after anonymous has a row
    assert bearer.verify(issue(bearer, nobody, access=()), "main", START).anonymous
    users.ensure_admin("secret")
    assert bearer.verify(issue(bearer, nobody), "main", START).roles


def test_a_token_ends_on_time_and_begins_despite_a_slow_clock(bearer: Bearer, ada: Principal) -> None:
    token = issue(bearer, ada)
    bearer.verify(token, "main", ENDS - 1)
    bearer.verify(token, "main", START - 59 * SECOND)
    for moment in (ENDS, START - 61 * SECOND):
        with pytest.raises(InvalidCredentials):
            bearer.verify(token, "main", moment)


def test_a_token_does_not_outlive_the_credential_it_was_asked_with(bearer: Bearer, ada: Principal) -> None:
    short = Principal(ada.name, ada.id, ada.roles, None, START + 10 * SECOND)
    assert bearer.verify(issue(bearer, short), "main", START).not_after == START + 10 * SECOND


def test_a_token_is_good_at_one_entry_point_only(bearer: Bearer, ada: Principal) -> None:
    with pytest.raises(InvalidCredentials):
        bearer.verify(issue(bearer, ada, audience="host:other"), "main", START)


def test_a_token_ends_with_its_user(bearer: Bearer, users: Users, ada: Principal) -> None:
    token = issue(bearer, ada)
    users.update("ada", active=False)
    with pytest.raises(InvalidCredentials):
        bearer.verify(token, "main", START)
    users.update("ada", active=True)
    bearer.verify(token, "main", START)
    users.delete("ada")
    users.create("ada")
    with pytest.raises(InvalidCredentials):
        bearer.verify(token, "main", START)


def test_forged_tokens_are_refused(bearer: Bearer, ada: Principal) -> None:
    token = issue(bearer, ada)
    header, body, signature = token.split(".")
    claims = jwt.decode(token, options={"verify_signature": False})
    kid = jwt.get_unverified_header(token)["kid"]
    public = jwt.PyJWK(bearer.jwks()["keys"][0]).key
    stranger = jwt.algorithms.ECAlgorithm.from_jwk(
        '{"kty":"EC","crv":"P-256","d":"870MB6gfuTJ4HtUnUvYMyJpr5eUZNP4Bk43bVdj3eAE",'
        '"x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",'
        '"y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"}'
    )
    forged = [
        f"{header}.{body}.{signature[:-4]}AAAA",
        f"{header}.{body[:-2]}AA.{signature}",
        f"{header}.{body}.",
        jwt.encode(claims, None, algorithm="none", headers={"kid": kid}),
        jwt.encode(claims, "s" * 32, algorithm="HS256", headers={"kid": kid}),
        jwt.encode(claims, stranger, algorithm="ES256", headers={"kid": kid}),
        jwt.encode(claims, stranger, algorithm="ES256", headers={"kid": "unknown"}),
        jwt.encode(claims, stranger, algorithm="ES256"),
        "a.b.c",
        "",
        "ä.ö.ü",
    ]
    assert jwt.decode(
        token,
        public,
        ["ES256"],
        audience="main",
        options={"verify_exp": False, "verify_nbf": False, "verify_iat": False},
    )
    for each in forged:
        with pytest.raises(InvalidCredentials):
            bearer.verify(each, "main", START)


def test_another_issuers_token_is_refused(database: Database, bearer: Bearer, ada: Principal) -> None:
    with pytest.raises(InvalidCredentials):
        bearer.verify(issue(Bearer(database, "staging"), ada), "main", START)


def test_an_outside_registry_can_verify_with_the_published_key(bearer: Bearer, ada: Principal) -> None:
    listed = [{"type": "repository", "name": "docker/team/app", "actions": ["pull"]}]
    token = issue(bearer, ada, extra={"access": listed, "iss": "someone else"})
    (key,) = bearer.jwks()["keys"]
    assert set(key) == {"kty", "crv", "x", "y", "kid", "use", "alg"}  # nothing private
    assert jwt.get_unverified_header(token) == {"alg": "ES256", "typ": "JWT", "kid": key["kid"]}
    claims = jwt.decode(
        token,
        jwt.PyJWK(key).key,
        ["ES256"],
        audience="main",
        issuer="artifactd",
        options={"verify_exp": False, "verify_nbf": False, "verify_iat": False},
    )
    assert claims["access"] == listed and claims["sub"] == "ada"
    assert claims["exp"] - claims["iat"] == 300 and claims["nbf"] == claims["iat"] == START // SECOND
    assert claims["jti"] != jwt.decode(issue(bearer, ada), options={"verify_signature": False})["jti"]


def test_all_processes_share_one_key(
    place: Place, database: Database, bearer: Bearer, ada: Principal
) -> None:
    second = place.open(lambda: START)
    try:
        assert Bearer(second).verify(issue(bearer, ada), "main", START).name == "ada"
        assert Bearer(second).jwks() == bearer.jwks()
    finally:
        second.close()


def test_a_scope_that_is_no_pattern_is_not_issued(bearer: Bearer, ada: Principal) -> None:
    with pytest.raises(InvalidInput):
        issue(bearer, ada, access=(Access(1, "a//b", frozenset({Verb.READ})),))
