import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import insert, select

from artifactd.auth.authorizer import Authorizer, Verdict
from artifactd.auth.passwords import Passwords
from artifactd.auth.principal import Access, Principal, Scopes, Verb
from artifactd.auth.rights import Outcome
from artifactd.auth.roles import EVERYTHING, Grant, Role, Roles
from artifactd.auth.users import Users
from artifactd.db.tables import blob_store, name, repository
from artifactd.db.writer import Database, Turn
from artifactd.errors import Forbidden, InsufficientScope, Unauthenticated

READ = frozenset({Verb.READ})
WRITE = frozenset({Verb.WRITE, Verb.READ})
NOBODY = Principal("anonymous", 0, frozenset())


@pytest.fixture
def authorizer(database: Database) -> Authorizer:
    return Authorizer(database)


@pytest.fixture
def roles(database: Database) -> Roles:
    return Roles(database)


def who(role: Role, scopes: Scopes | None = None, user: int = 7) -> Principal:
    return Principal("ada", user, frozenset({role.id}), scopes)


def test_a_right_is_there_only_where_a_grant_gives_it(authorizer: Authorizer, roles: Roles) -> None:
    ada = who(roles.put("team", [Grant("docker", "team/**", WRITE), Grant("py*", "**", READ)]))
    asked = [
        (Verb.WRITE, "docker", "team/app"),
        (Verb.READ, "docker", "team/app"),
        (Verb.DELETE, "docker", "team/app"),
        (Verb.WRITE, "docker", "other/app"),
        (Verb.READ, "pypi", "requests"),
        (Verb.WRITE, "pypi", "requests"),
        (Verb.READ, "maven", "org"),
    ]
    answers = [authorizer.allows(ada, verb, where, 1, path) for verb, where, path in asked]
    assert answers == [True, True, False, False, True, False, False]


def test_without_a_path_the_question_is_coarse(authorizer: Authorizer, roles: Roles) -> None:
    ada = who(roles.put("team", [Grant("docker", "team/**", READ)]))
    assert authorizer.allows(ada, Verb.READ, "docker", 1)
    assert not authorizer.allows(ada, Verb.WRITE, "docker", 1)
    assert not authorizer.allows(ada, Verb.READ, "pypi", 2)
    elsewhere = Principal("ada", ada.id, ada.roles, Scopes((Access(2, "**", READ),)))
    assert not authorizer.allows(elsewhere, Verb.READ, "docker", 1)


@pytest.mark.parametrize("pattern", ["*", "**"])
def test_admin_on_everything_is_every_right(authorizer: Authorizer, roles: Roles, pattern: str) -> None:
    root = who(roles.put("root", [Grant(pattern, "**", frozenset({Verb.ADMIN}))]))
    assert all(authorizer.allows(root, verb, "any", 9, "a/b") for verb in Verb)
    assert authorizer.administers(root)


def test_admin_of_one_repository_is_no_other_right(authorizer: Authorizer, roles: Roles) -> None:
    keeper = who(roles.put("keeper", [Grant("docker", "**", frozenset({Verb.ADMIN}))]))
    assert authorizer.allows(keeper, Verb.ADMIN, "docker", 1, "a")
    assert not authorizer.allows(keeper, Verb.READ, "docker", 1, "a")
    assert not authorizer.administers(keeper)


def test_a_scope_narrows_and_never_widens(authorizer: Authorizer, roles: Roles) -> None:
    role = roles.put("team", [Grant("docker", "team/**", READ)])
    scoped = who(role, Scopes((Access(1, "team/app/**", WRITE), Access(1, "other/**", WRITE))))
    assert authorizer.allows(scoped, Verb.READ, "docker", 1, "team/app/x")
    assert not authorizer.allows(scoped, Verb.WRITE, "docker", 1, "team/app/x")
    assert not authorizer.allows(scoped, Verb.READ, "docker", 1, "team/web")
    assert not authorizer.allows(scoped, Verb.READ, "docker", 1, "other/x")
    # The same name, made again, is another repository.
    assert not authorizer.allows(scoped, Verb.READ, "docker", 2, "team/app/x")


def test_a_scoped_credential_never_administers(authorizer: Authorizer, roles: Roles) -> None:
    role = roles.put("root", [EVERYTHING])
    assert not authorizer.administers(who(role, Scopes(())))
    assert not authorizer.allows(who(role, Scopes(())), Verb.READ, "docker", 1, "a")


def test_refusals_say_what_would_help(authorizer: Authorizer, roles: Roles) -> None:
    ada = who(roles.put("team", [Grant("docker", "team/**", READ)]))
    narrowed = Principal(ada.name, ada.id, ada.roles, Scopes(()))
    # docker R30: another token would do
    with pytest.raises(InsufficientScope) as scope:
        authorizer.check(narrowed, Verb.READ, "docker", 1, "team/app")
    assert (scope.value.verb, scope.value.repository, scope.value.path) == ("read", "docker", "team/app")
    # docker R30: no token will ever do
    with pytest.raises(Forbidden, match="ada may not write 'team/app' in repository 'docker'"):
        authorizer.check(ada, Verb.WRITE, "docker", 1, "team/app")
    with pytest.raises(Forbidden):
        authorizer.check(narrowed, Verb.WRITE, "docker", 1, "team/app")
    with pytest.raises(Unauthenticated) as login:
        authorizer.check(NOBODY, Verb.READ, "docker", 1, "team/app")
    assert not isinstance(login.value, InsufficientScope)
    authorizer.check(ada, Verb.READ, "docker", 1, "team/app")


def test_a_changed_role_counts_at_once(database: Database, authorizer: Authorizer, roles: Roles) -> None:
    users = Users(database, Passwords(memory=64, passes=1))
    role = roles.put("team", [Grant("docker", "**", READ)])
    ada = who(role, user=users.create("ada", roles=["team"]).id)
    assert authorizer.allows(ada, Verb.READ, "docker", 1, "a")
    assert authorizer.known(ada, Verb.READ, "docker", 1, "a") is True
    roles.put("team", [Grant("docker", "**", frozenset({Verb.WRITE}))])
    assert authorizer.known(ada, Verb.READ, "docker", 1, "a") is None
    assert not authorizer.allows(ada, Verb.READ, "docker", 1, "a")
    assert authorizer.allows(ada, Verb.WRITE, "docker", 1, "a")
    roles.delete("team")
    assert not authorizer.allows(ada, Verb.WRITE, "docker", 1, "a")


def test_scopes_that_are_equal_but_not_the_same_are_kept_apart(
    authorizer: Authorizer, roles: Roles
) -> None:
    role = roles.put("team", [Grant("docker", "**", READ)])
    for _ in range(50):  # objects of short life, whose identities come back
        assert authorizer.allows(who(role, Scopes((Access(1, "a", READ),))), Verb.READ, "docker", 1, "a")
        assert not authorizer.allows(
            who(role, Scopes((Access(1, "b", READ),))), Verb.READ, "docker", 1, "a"
        )


def test_explain_shows_every_grant_and_which_one_decided(authorizer: Authorizer, roles: Roles) -> None:
    role = roles.put(
        "team",
        [
            Grant("pypi", "**", READ),
            Grant("docker", "**", frozenset({Verb.DELETE})),
            Grant("docker", "web/**", READ),
            Grant("docker", "team/**", READ),
            Grant("d*", "team/app", READ),
        ],
    )
    scopes = Scopes((Access(2, "**", READ), Access(1, "team/**", READ)))
    trace = authorizer.explain(who(role, scopes), Verb.READ, "docker", 1, "team/app")
    assert trace.allowed and trace.roles == ("team",)
    assert [verdict for _, verdict in trace.grants] == [
        Verdict.OTHER_REPOSITORY,
        Verdict.OTHER_VERB,
        Verdict.OTHER_PATH,
        Verdict.FITS,
        Verdict.DECIDES,
    ]
    assert trace.scopes is not None
    assert [verdict for _, verdict in trace.scopes] == [Verdict.OTHER_REPOSITORY, Verdict.DECIDES]
    refused = authorizer.explain(who(role), Verb.WRITE, "docker", 1, "team/app")
    assert refused.outcome is Outcome.NO_GRANT and refused.scopes is None


PATHS = ["a", "a/b", "a/b/c", "ab", "b", "b/a", "lib-a", "lib-b/x", "x/lib-a", "c/c"]
some_paths = st.sampled_from(["**", "a/**", "a/b/**", "a", "a/b", "lib-*", "*/a", "lib-*/**", "b/*", "*"])
some_verbs = st.sets(st.sampled_from([Verb.READ, Verb.WRITE, Verb.ADMIN])).map(frozenset)
some_grants = st.lists(
    st.builds(
        Grant,
        st.sampled_from(["*", "docker", "pypi", "d*"]),
        some_paths,
        some_verbs.filter(bool),
    ),
    max_size=4,
)
some_scopes = st.none() | st.lists(
    st.builds(Access, st.integers(1, 2), some_paths, some_verbs), max_size=3
).map(lambda access: Scopes(tuple(access)))


@pytest.fixture
def named(database: Database) -> None:
    """Two repositories, with every path as a name."""

    def job(turn: Turn) -> None:
        turn.connection.execute(insert(blob_store).values(id=1, name="default", type="file", settings="{}"))
        for row, called in ((1, "docker"), (2, "pypi")):
            turn.connection.execute(
                insert(repository).values(
                    id=row,
                    name=called,
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
            for path in PATHS:
                turn.connection.execute(
                    insert(name).values(
                        repository_id=row, path=path, attributes="{}", revision=0, changed=0, first_held=0
                    )
                )

    database.write(job)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(grants=some_grants, scopes=some_scopes, place=st.sampled_from([("docker", 1), ("pypi", 2)]))
def test_readable_never_disagrees_with_allows(
    database: Database,
    named: None,
    grants: list[Grant],
    scopes: Scopes | None,
    place: tuple[str, int],
) -> None:
    users = Users(database, Passwords(memory=64, passes=1))
    roles = Roles(database)
    role = roles.put("some", grants)
    user = users.create("ada", roles=["some"])
    ada = who(role, scopes, user.id)
    authorizer = Authorizer(database)
    statement = select(name.c.path).where(
        name.c.repository_id == place[1], authorizer.where(ada, Verb.READ, *place)
    )
    with database.connect() as connection:
        rows = set(connection.scalars(statement))
    assert rows == {path for path in PATHS if authorizer.allows(ada, Verb.READ, *place, path)}
    for verb in Verb:
        unrestricted = authorizer.unrestricted(ada, verb, *place)
        for path in PATHS:
            allowed = authorizer.allows(ada, verb, *place, path)
            assert authorizer.known(ada, verb, *place, path) is allowed
            assert authorizer.explain(ada, verb, *place, path).allowed is allowed
            assert allowed or not unrestricted
            assert not allowed or authorizer.allows(ada, verb, *place)
    users.delete("ada")
