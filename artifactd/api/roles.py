"""Roles as documents."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from artifactd.api.conditions import etag, expected_version, persistently
from artifactd.api.documents import Pattern, instant, merged, named, read
from artifactd.api.operation import Answer, Call, Listed, MergePatch, Operation, Permission, Write
from artifactd.api.pages import Paged, page
from artifactd.auth.principal import Verb
from artifactd.auth.roles import LONGEST_DESCRIPTION, MOST_GRANTS
from artifactd.auth.roles import Grant as StoredGrant
from artifactd.auth.roles import Role as StoredRole
from artifactd.errors import ObjectNotFound


class Grant(BaseModel):
    """Verbs on the paths of some repositories."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    repository: Pattern = Field(description="a repository's name, with * for any characters")
    path: Pattern = Field(
        "**", description="a path, with * within one segment and /** at its end for everything below"
    )
    verbs: list[Verb] = Field(min_length=1, description="a set")


class RoleDraft(BaseModel):
    """What a role shall be."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(max_length=128, description="never changes")
    description: str = Field("", max_length=LONGEST_DESCRIPTION)
    grants: list[Grant] = Field([], max_length=MOST_GRANTS)


class Role(RoleDraft):
    """A role."""

    id: int
    version: int
    created: str = Field(json_schema_extra={"format": "date-time"})


COMPUTED = frozenset(Role.model_fields) - frozenset(RoleDraft.model_fields)


def role_operations() -> Sequence[Operation]:
    """`/roles`."""
    one = "/roles/{name}"
    return (
        Operation(
            "listRoles", "GET", "/roles", "List roles", Permission.ADMINISTRATOR,
            _list, {200: Listed(Role)}, query=Paged,
        ),
        Operation(
            "createRole", "POST", "/roles", "Create a role", Permission.ADMINISTRATOR,
            _create, {201: Role}, request=RoleDraft, query=Write,
        ),
        Operation(
            "getRole", "GET", one, "Show a role", Permission.ADMINISTRATOR,
            _get, {200: Role}, conditional=True,
        ),
        Operation(
            "putRole", "PUT", one, "Create or replace a role", Permission.ADMINISTRATOR,
            _put, {200: Role, 201: Role}, request=RoleDraft, query=Write, conditional=True,
        ),
        Operation(
            "patchRole", "PATCH", one, "Change a role", Permission.ADMINISTRATOR,
            _patch, {200: Role}, request=MergePatch(RoleDraft), query=Write, conditional=True,
        ),
        Operation(
            "deleteRole", "DELETE", one, "Delete a role, and take it from everyone who has it",
            Permission.ADMINISTRATOR, _delete, {204: None}, query=Write, conditional=True,
        ),
    )  # fmt: skip


def _list(call: Call) -> Answer:
    found = call.services.roles.list(call.query.after(), call.query.limit)
    return page(call, "/roles", [_document(role) for role in found.items], found.next)


def _create(call: Call) -> Answer:
    draft = _draft(call.body)
    role = call.services.roles.put(draft.name, _grants(draft), draft.description, create=True)
    return _answer(role, created=True)


def _get(call: Call) -> Answer:
    return _answer(call.services.roles.find(call.params["name"]))


def _put(call: Call) -> Answer:
    draft = _draft(named(call.body, call.params["name"]))
    what = f"role {draft.name!r}"
    try:
        current = call.services.roles.find(draft.name)
    except ObjectNotFound:
        expected_version(call, what, None)
        role = call.services.roles.put(draft.name, _grants(draft), draft.description)
        return _answer(role, created=True)
    version = expected_version(call, what, (current.id, current.version))
    return _answer(
        call.services.roles.put(draft.name, _grants(draft), draft.description, if_version=version)
    )


def _patch(call: Call) -> Answer:
    name = call.params["name"]

    def attempt() -> Answer:
        current = call.services.roles.find(name)
        expected_version(call, f"role {name!r}", (current.id, current.version))
        document = _document(current).model_dump(mode="json")
        draft = _draft(merged(document, named(call.body, name)))
        return _answer(
            call.services.roles.put(name, _grants(draft), draft.description, if_version=current.version)
        )

    return persistently(call, attempt)


def _delete(call: Call) -> Answer:
    current = call.services.roles.find(call.params["name"])
    version = expected_version(call, f"role {current.name!r}", (current.id, current.version))
    call.services.roles.delete(current.name, if_version=version)
    return Answer(None, 204)


def _draft(document: Mapping[str, Any]) -> RoleDraft:
    return read(RoleDraft, {key: value for key, value in document.items() if key not in COMPUTED})


def _grants(draft: RoleDraft) -> Sequence[StoredGrant]:
    return [StoredGrant(each.repository, each.path, frozenset(each.verbs)) for each in draft.grants]


def _answer(role: StoredRole, *, created: bool = False) -> Answer:
    return Answer(
        _document(role),
        201 if created else 200,
        etag(role.id, role.version),
        f"/roles/{role.name}" if created else None,
    )


def _document(role: StoredRole) -> Role:
    return Role(
        id=role.id,
        name=role.name,
        description=role.description,
        grants=[
            Grant(repository=each.repository, path=each.path, verbs=sorted(each.verbs))
            for each in role.grants
        ],
        version=role.version,
        created=instant(role.created),
    )
