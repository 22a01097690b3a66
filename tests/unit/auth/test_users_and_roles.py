from concurrent.futures import ThreadPoolExecutor

import pytest

from artifactd.auth.accounts import Accounts
from artifactd.auth.authorizer import Authorizer
from artifactd.auth.passwords import Passwords
from artifactd.auth.principal import Principal, Verb
from artifactd.auth.roles import Grant, Roles
from artifactd.auth.users import Users
from artifactd.db.generations import principal_stripe
from artifactd.db.writer import Database
from artifactd.errors import InvalidInput, ObjectExists, ObjectNotFound, PreconditionFailed
from tests.support.clocks import START

READ = frozenset({Verb.READ})


@pytest.fixture
def passwords() -> Passwords:
    return Passwords(memory=64, passes=1)


@pytest.fixture
def users(database: Database, passwords: Passwords) -> Users:
    return Users(database, passwords)


@pytest.fixture
def roles(database: Database) -> Roles:
    return Roles(database)


def test_a_user_is_found_as_it_was_made(users: Users, roles: Roles) -> None:
    roles.put("b", [])
    roles.put("a", [])
    made = users.create("ada", "secret", ["b", "a", "b"])
    assert users.find("ada") == made
    assert (made.name, made.active, made.has_password, made.version) == ("ada", True, True, 1)
    assert made.roles == ("a", "b") and made.created == START


def test_a_user_changes_only_in_what_is_given(
    database: Database, users: Users, roles: Roles, passwords: Passwords
) -> None:
    roles.put("a", [])
    users.create("ada", "secret", ["a"])
    changed = users.update("ada", active=False)
    assert (changed.active, changed.has_password, changed.roles, changed.version) == (
        False,
        True,
        ("a",),
        2,
    )
    assert users.update("ada", roles=[]).roles == ()
    users.update("ada", password="other")
    account = Accounts(database).named("ada")
    assert account is not None and passwords.verify("other", account.password).ok
    assert not account.active


def test_a_user_without_a_password_has_none(users: Users) -> None:
    assert not users.create("robot").has_password


@pytest.mark.parametrize(
    "name", ["", "adt_x", "__token__", "a:b", "a b", ".a", "ä", "a/b", "a" * 129, "a\n"]
)
def test_names_that_would_confuse_are_refused(users: Users, roles: Roles, name: str) -> None:
    with pytest.raises(InvalidInput, match="cannot name a user"):
        users.create(name)
    with pytest.raises(InvalidInput, match="cannot name a role"):
        roles.put(name, [])


@pytest.mark.parametrize("password", ["", "a\0b", "x" * 1025, "adt_x"])
def test_passwords_that_cannot_work_are_refused(users: Users, password: str) -> None:
    with pytest.raises(InvalidInput):
        users.create("ada", password)


def test_two_users_cannot_share_a_name(users: Users) -> None:
    users.create("ada")
    with pytest.raises(ObjectExists, match="user 'ada' exists"):
        users.create("ada")


def test_an_unknown_role_is_refused_and_nothing_changes(users: Users) -> None:
    with pytest.raises(InvalidInput, match="role 'none' does not exist"):
        users.create("ada", roles=["none"])
    with pytest.raises(ObjectNotFound):
        users.find("ada")


def test_what_is_not_there_is_not_found(users: Users, roles: Roles) -> None:
    for ask in (
        lambda: users.find("x"),
        lambda: users.update("x", active=True),
        lambda: users.delete("x"),
        lambda: roles.find("x"),
        lambda: roles.delete("x"),
    ):
        with pytest.raises(ObjectNotFound):
            ask()


def test_a_deleted_users_id_does_not_come_back(users: Users) -> None:
    gone = users.create("ada")
    users.delete("ada")
    assert users.create("ada").id > gone.id


def test_changes_of_something_older_are_refused(users: Users, roles: Roles) -> None:
    users.create("ada")
    users.update("ada", active=False, if_version=1)
    with pytest.raises(PreconditionFailed, match="user 'ada'"):
        users.update("ada", active=True, if_version=1)
    with pytest.raises(PreconditionFailed):
        users.delete("ada", if_version=1)
    roles.put("team", [])
    roles.put("team", [Grant("docker", "**", READ)], if_version=1)
    with pytest.raises(PreconditionFailed, match="role 'team'"):
        roles.put("team", [], if_version=1)
    with pytest.raises(PreconditionFailed):
        roles.delete("team", if_version=1)
    with pytest.raises(PreconditionFailed):
        roles.put("new", [], if_version=1)
    users.delete("ada", if_version=2)
    roles.delete("team", if_version=2)


def test_a_role_is_found_as_it_was_put(roles: Roles) -> None:
    grants = [Grant("docker", "team/**", frozenset({Verb.WRITE, Verb.READ})), Grant("*", "**", READ)]
    made = roles.put("team", grants, "The team")
    assert made == roles.find("team")
    assert (made.description, list(made.grants), made.version) == ("The team", grants, 1)
    replaced = roles.put("team", grants[1:])
    assert (replaced.id, replaced.description, list(replaced.grants), replaced.version) == (
        made.id,
        "",
        grants[1:],
        2,
    )


def test_putting_the_same_role_again_changes_nothing(roles: Roles) -> None:
    made = roles.put("team", [Grant("*", "**", READ)], "The team")
    assert roles.put("team", [Grant("*", "**", READ)], "The team") == made


@pytest.mark.parametrize(
    "grant", [Grant("a/**/b", "**", READ), Grant("*", "/a", READ), Grant("*", "**", frozenset())]
)
def test_grants_that_mean_nothing_are_refused(roles: Roles, grant: Grant) -> None:
    with pytest.raises(InvalidInput):
        roles.put("team", [grant])
    with pytest.raises(InvalidInput):
        roles.put("team", [], "a\0b")


def test_lists_go_on_after_the_last_name(users: Users, roles: Roles) -> None:
    for name in ("c", "a", "B", "d"):
        roles.put(name, [Grant(name, "**", READ)])
        users.create(name, roles=[name])
    for first, second in (
        (users.list(limit=2), users.list(after="a", limit=2)),
        (roles.list(limit=2), roles.list(after="a", limit=2)),
    ):
        assert ([each.name for each in first.items], first.next) == (["B", "a"], "a")
        assert ([each.name for each in second.items], second.next) == (["c", "d"], None)
    assert [user.roles for user in users.list().items] == [("B",), ("a",), ("c",), ("d",)]
    assert [role.grants[0].repository for role in roles.list().items] == ["B", "a", "c", "d"]
    assert users.list(after="d").items == []


def test_every_change_moves_the_counter_of_whom_it_concerns(
    database: Database, users: Users, roles: Roles
) -> None:
    roles.put("team", [])
    ada = users.create("ada", roles=["team"])
    bob = users.create("bob")
    stripes = {"ada": principal_stripe(ada.id), "bob": principal_stripe(bob.id)}

    def moved() -> set[str]:
        return {
            name for name, stripe in stripes.items() if database.generations.page[stripe] != before[stripe]
        }

    changes = [
        (lambda: roles.put("team", [Grant("*", "**", READ)]), {"ada"}),
        (lambda: users.update("bob", active=False), {"bob"}),
        (lambda: users.update("bob", roles=["team"]), {"bob"}),
        (lambda: roles.delete("team"), {"ada", "bob"}),
        (lambda: users.delete("ada"), {"ada"}),
    ]
    for change, concerns in changes:
        before = {stripe: database.generations.page[stripe] for stripe in stripes.values()}
        change()
        assert moved() == concerns


def test_the_first_start_makes_an_administrator_once(
    database: Database, users: Users, roles: Roles
) -> None:
    assert users.ensure_admin("secret")
    assert not users.ensure_admin("other")
    admin = Accounts(database).named("admin")
    assert admin is not None
    assert Authorizer(database).administers(Principal("admin", admin.id, admin.roles))
    assert [user.name for user in users.list().items] == ["admin", "anonymous"]
    assert roles.find("anonymous").grants == ()


def test_of_processes_that_start_at_once_one_makes_the_administrator(users: Users) -> None:
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(users.ensure_admin, ["one", "two", "three", "four"]))
    assert made.count(True) == 1


def test_anonymous_stays_and_has_no_password(users: Users, roles: Roles) -> None:
    users.ensure_admin("secret")
    anonymous = users.find("anonymous")
    assert anonymous.id == 0 and not anonymous.has_password
    with pytest.raises(InvalidInput):
        users.update("anonymous", password="x")
    with pytest.raises(InvalidInput):
        users.delete("anonymous")
    with pytest.raises(ObjectExists):
        users.create("anonymous", "x")
    roles.put("everyone", [Grant("*", "**", READ)])
    assert users.update("anonymous", roles=["everyone"]).roles == ("everyone",)


def test_the_role_of_administrators_cannot_be_lost(users: Users, roles: Roles) -> None:
    users.ensure_admin("secret")
    with pytest.raises(InvalidInput):
        roles.put("admin", [])
    with pytest.raises(InvalidInput):
        roles.delete("admin")


def test_a_second_first_start_keeps_what_anonymous_may(users: Users, roles: Roles) -> None:
    users.ensure_admin("secret")
    roles.put("anonymous", [Grant("*", "**", READ)])
    users.delete("admin")
    assert users.ensure_admin("again")
    assert len(roles.find("anonymous").grants) == 1
