"""API tokens as documents. Everyone manages their own; an administrator names another `user`.

Scopes name repositories, and are stored by their ids: a repository that is made later under the same name
is not meant.
"""

from collections.abc import Sequence
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from artifactd import clock
from artifactd.api.documents import Pattern, instant, read
from artifactd.api.operation import Answer, Call, Listed, Operation, Permission, Query, Write
from artifactd.api.pages import Paged, cut, page
from artifactd.api.problems import InvalidDocument, Mistake, NotPermitted
from artifactd.auth.principal import Access, Scopes, Verb
from artifactd.auth.tokens import LONGEST_NAME
from artifactd.auth.tokens import Token as StoredToken
from artifactd.auth.users import User as StoredUser
from artifactd.clock import Micros
from artifactd.errors import ObjectNotFound, RepositoryNotFound

MOST_SCOPES = 100
"""Scopes a token may have: they are read with every request that is made with it."""


class ScopeDraft(BaseModel):
    """Verbs on paths of one repository."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    repository: str = Field(description="a repository's name")
    path: Pattern = Field("**", description="as in the grants of a role")
    verbs: list[Verb] = Field(min_length=1, description="a set")


class TokenDraft(BaseModel):
    """What a token shall be."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(min_length=1, max_length=LONGEST_NAME, description="what it is for")
    scopes: list[ScopeDraft] | None = Field(
        None, min_length=1, max_length=MOST_SCOPES, description="null: all that its user may do"
    )
    expires: AwareDatetime | None = Field(None, description="null: never")


class Scope(BaseModel):
    """Verbs on paths of one repository."""

    repository: str | None = Field(description="null: it has been deleted")
    path: str
    verbs: Sequence[Verb]


class Token(BaseModel):
    """A token, without its secret."""

    id: int
    user: str
    name: str
    scopes: Sequence[Scope] | None
    created: str = Field(json_schema_extra={"format": "date-time"})
    expires: Annotated[str, Field(json_schema_extra={"format": "date-time"})] | None
    last_used: Annotated[str, Field(json_schema_extra={"format": "date-time"})] | None


class NewToken(Token):
    """A token that was just made."""

    secret: str | None = Field(
        description="what opens the account: it is never shown again. A rehearsal makes none"
    )


class OfUser(Query):
    """Whose tokens are meant."""

    user: str = Field("", max_length=128, description="whose; without it, the caller's own")


class ListTokens(OfUser, Paged):
    """Whose tokens are listed."""


class WriteToken(OfUser, Write):
    """Whose token is made or revoked."""


def token_operations() -> Sequence[Operation]:
    """`/tokens`."""
    one = "/tokens/{id}"
    return (
        Operation(
            "listTokens", "GET", "/tokens", "List a user's tokens", Permission.OWNER,
            _list, {200: Listed(Token)}, query=ListTokens,
        ),
        Operation(
            "createToken", "POST", "/tokens", "Make a token", Permission.OWNER,
            _create, {201: NewToken}, request=TokenDraft, query=WriteToken,
            details="A token that is made with a token does not outlive it.",
        ),
        Operation(
            "getToken", "GET", one, "Show a token", Permission.OWNER, _get, {200: Token}, query=OfUser,
        ),
        Operation(
            "deleteToken", "DELETE", one, "Revoke a token", Permission.OWNER,
            _delete, {204: None}, query=WriteToken,
        ),
    )  # fmt: skip


def _list(call: Call) -> Answer:
    user = _owner(call)
    begin = _number(call.query.after() or "0")
    tokens = [token for token in call.services.tokens.list(user.id) if token.id > begin]
    shown, following = cut(tokens, call.query.limit, lambda token: str(token.id))
    names = _names(call)
    return page(call, "/tokens", [_document(token, user.name, names) for token in shown], following)


def _create(call: Call) -> Answer:
    user = _owner(call)
    draft = read(TokenDraft, call.body)
    expires = None if draft.expires is None else clock.micros(draft.expires)
    ends = call.principal.not_after
    if ends is not None and (expires is None or expires > ends):
        words = f"a token made with one that ends at {instant(ends)} ends then at the latest"
        raise InvalidDocument([Mistake(words, pointer="#/expires")])
    token, secret = call.services.tokens.create(user.id, draft.name, _scopes(call, draft), expires)
    shown = _document(token, user.name, _names(call)).model_dump()
    return Answer(
        NewToken(**shown, secret=None if call.rehearsed else secret), 201, location=f"/tokens/{token.id}"
    )


def _get(call: Call) -> Answer:
    user = _owner(call)
    return Answer(_document(_find(call, user), user.name, _names(call)))


def _delete(call: Call) -> Answer:
    user = _owner(call)
    call.services.tokens.revoke(_find(call, user).id, user_id=user.id)
    return Answer(None, 204)


def _owner(call: Call) -> StoredUser:
    """The user whose tokens are meant. Raises NotPermitted, ObjectNotFound."""
    name = call.query.user or call.principal.name
    if name != call.principal.name and not call.services.authorizer.administers(call.principal):
        raise NotPermitted(f"user {call.principal.name!r} is no administrator, and has its own tokens only")
    return call.services.users.find(name)


def _find(call: Call, user: StoredUser) -> StoredToken:
    wanted = call.params["id"]
    for token in call.services.tokens.list(user.id):
        if str(token.id) == wanted:
            return token
    raise ObjectNotFound("token", wanted)


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise InvalidDocument([Mistake("this is no `next` of a page", parameter="cursor")])
    return int(text)


def _scopes(call: Call, draft: TokenDraft) -> Scopes | None:
    if draft.scopes is None:
        return None
    mistakes: list[Mistake] = []
    access: list[Access] = []
    for index, scope in enumerate(draft.scopes):
        try:
            record = call.services.directory.find(scope.repository)
            access.append(Access(record.id, scope.path, frozenset(scope.verbs)))
        except RepositoryNotFound as error:
            mistakes.append(Mistake(str(error), pointer=f"#/scopes/{index}/repository"))
    if mistakes:
        raise InvalidDocument(mistakes)
    return Scopes(tuple(access))


def _names(call: Call) -> dict[int, str]:
    return {record.id: record.name for record in call.services.directory.all()}


def _document(token: StoredToken, user: str, names: dict[int, str]) -> Token:
    return Token(
        id=token.id,
        user=user,
        name=token.name,
        scopes=None
        if token.scopes is None
        else [
            Scope(repository=names.get(each.repository_id), path=each.path, verbs=sorted(each.verbs))
            for each in token.scopes.access
        ],
        created=instant(token.created),
        expires=_maybe(token.expires),
        last_used=_maybe(token.last_used),
    )


def _maybe(moment: Micros | None) -> str | None:
    return None if moment is None else instant(moment)
