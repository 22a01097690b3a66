"""Users as documents. A password goes in and never comes out.

Nobody locks themselves out: what takes administration from the account that asks is for another
administrator to do.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, SecretStr, StrictBool

from artifactd.api.conditions import etag, expected_version
from artifactd.api.documents import instant, merged, named, read
from artifactd.api.operation import Answer, Call, Listed, MergePatch, Operation, Permission, Write
from artifactd.api.pages import Paged, page
from artifactd.api.problems import InvalidDocument, Mistake, NotPermitted
from artifactd.auth.credentials import Kind
from artifactd.auth.roles import ADMIN
from artifactd.auth.users import User as StoredUser
from artifactd.errors import Conflict, ObjectNotFound


class UserDraft(BaseModel):
    """What a user shall be."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(max_length=128, description="never changes")
    password: SecretStr | None = Field(
        None,
        description="without one, only API tokens open the account; left out of a replacement, it stays",
    )
    active: StrictBool = Field(True, description="whether its credentials are accepted")
    roles: list[str] = Field([], max_length=1000, description="names of roles; a set")


class User(BaseModel):
    """A user."""

    id: int
    name: str
    active: bool
    roles: Sequence[str]
    has_password: bool
    version: int
    created: str = Field(json_schema_extra={"format": "date-time"})


COMPUTED = frozenset(User.model_fields) - frozenset(UserDraft.model_fields)


class OwnAccount(Conflict):
    """An administrator is about to lock itself out."""

    message = "user {user!r} is the account you use: another administrator may take it away from you"

    def __init__(self, user: str) -> None:
        self.user = user


def user_operations() -> Sequence[Operation]:
    """`/users`."""
    one = "/users/{name}"
    return (
        Operation(
            "listUsers", "GET", "/users", "List users", Permission.ADMINISTRATOR,
            _list, {200: Listed(User)}, query=Paged,
        ),
        Operation(
            "createUser", "POST", "/users", "Create a user", Permission.ADMINISTRATOR,
            _create, {201: User}, request=UserDraft, query=Write,
        ),
        Operation(
            "getUser", "GET", one, "Show a user", Permission.ADMINISTRATOR,
            _get, {200: User}, conditional=True,
        ),
        Operation(
            "putUser", "PUT", one, "Create or replace a user", Permission.ADMINISTRATOR,
            _put, {200: User, 201: User}, request=UserDraft, query=Write, conditional=True,
        ),
        Operation(
            "patchUser", "PATCH", one, "Change a user", Permission.OWNER,
            _patch, {200: User}, request=MergePatch(UserDraft), query=Write, conditional=True,
            details="Users who are no administrators may change their own password, logged in with the"
            " present one.",
        ),
        Operation(
            "deleteUser", "DELETE", one, "Delete a user and its tokens", Permission.ADMINISTRATOR,
            _delete, {204: None}, query=Write, conditional=True,
        ),
    )  # fmt: skip


def _list(call: Call) -> Answer:
    found = call.services.users.list(call.query.after(), call.query.limit)
    return page(call, "/users", [_document(user) for user in found.items], found.next)


def _create(call: Call) -> Answer:
    return _made(call, _draft(call.body))


def _get(call: Call) -> Answer:
    return _answer(call.services.users.find(call.params["name"]))


def _put(call: Call) -> Answer:
    draft = _draft(named(call.body, call.params["name"]))
    try:
        current = call.services.users.find(draft.name)
    except ObjectNotFound:
        expected_version(call, f"user {draft.name!r}", None)
        return _made(call, draft)
    version = _expected(call, current)
    _spare_caller(call, current, active=draft.active, roles=draft.roles)
    unchanged = (current.active, set(current.roles)) == (draft.active, set(draft.roles))
    if unchanged and draft.password is None:
        return _answer(current)
    return _answer(
        call.services.users.update(
            draft.name,
            password=_revealed(draft.password),
            active=draft.active,
            roles=draft.roles,
            if_version=version,
        )
    )


def _patch(call: Call) -> Answer:
    name = call.params["name"]
    if not call.services.authorizer.administers(call.principal):
        _check_own_password(call, name)
    if call.body.get("password", "") is None:
        raise InvalidDocument([Mistake("a password can be changed, not removed", pointer="#/password")])
    current = call.services.users.find(name)
    document = {"active": current.active, "roles": list(current.roles)}
    draft = _draft(merged(document, named(call.body, name)))
    version = _expected(call, current)
    _spare_caller(call, current, active=draft.active, roles=draft.roles)
    return _answer(
        call.services.users.update(
            name,
            password=_revealed(draft.password),
            # What the patch does not name is left to whoever changes it at the same time.
            active=draft.active if "active" in call.body else None,
            roles=draft.roles if "roles" in call.body else None,
            if_version=version,
        )
    )


def _delete(call: Call) -> Answer:
    current = call.services.users.find(call.params["name"])
    version = _expected(call, current)
    if current.id == call.principal.id:
        raise OwnAccount(current.name)
    call.services.users.delete(current.name, if_version=version)
    return Answer(None, 204)


def _made(call: Call, draft: UserDraft) -> Answer:
    user = call.services.users.create(
        draft.name, _revealed(draft.password), draft.roles, active=draft.active
    )
    return _answer(user, created=True)


def _check_own_password(call: Call, name: str) -> None:
    """Let a user change its own password, and nothing else. A token does not do: whoever finds one could
    take the account over with it."""
    if name != call.principal.name or set(call.body) != {"password"}:
        raise NotPermitted(
            f"user {call.principal.name!r} is no administrator, and may change only its own password"
        )
    if call.credential.kind is not Kind.PASSWORD:
        raise NotPermitted("log in with the present password to change it")


def _spare_caller(call: Call, current: StoredUser, *, active: bool, roles: Sequence[str]) -> None:
    demoted = ADMIN in current.roles and ADMIN not in roles
    if current.id == call.principal.id and (demoted or not active):
        raise OwnAccount(current.name)


def _expected(call: Call, current: StoredUser) -> int | None:
    return expected_version(call, f"user {current.name!r}", (current.id, current.version))


def _draft(document: Mapping[str, Any]) -> UserDraft:
    return read(UserDraft, {key: value for key, value in document.items() if key not in COMPUTED})


def _revealed(password: SecretStr | None) -> str | None:
    return None if password is None else password.get_secret_value()


def _answer(user: StoredUser, *, created: bool = False) -> Answer:
    return Answer(
        _document(user),
        201 if created else 200,
        etag(user.id, user.version),
        f"/users/{user.name}" if created else None,
    )


def _document(user: StoredUser) -> User:
    return User(
        id=user.id,
        name=user.name,
        active=user.active,
        roles=user.roles,
        has_password=user.has_password,
        version=user.version,
        created=instant(user.created),
    )
