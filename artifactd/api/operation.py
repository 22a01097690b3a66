"""Operations: everything the API can be asked to do, as values. The application routes by them, and the
OpenAPI document is made from them: what is described is what runs."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from artifactd.api.services import ApiServices
from artifactd.auth.credentials import Credential
from artifactd.auth.principal import Principal
from artifactd.clock import Micros

BASE = "/api/v1"


class Permission(StrEnum):
    """What it takes to be let through to the handler."""

    PUBLIC = "public"
    """Nothing: credentials are not even looked at."""

    AUTHENTICATED = "authenticated"
    """Any user; the handler shows what it may see."""

    OWNER = "owner"
    """Any user with credentials that are not narrowed by scopes; the handler sees to it that it touches
    what is its own."""

    ADMINISTRATOR = "administrator"
    """A user that may do everything everywhere."""


class Query(BaseModel):
    """Parameters of a query. An unknown one is refused: a misspelt `dry_run` must not be carried out."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Write(Query):
    """Parameters of every write."""

    dry_run: bool = Field(False, description="check and answer as usual, but change nothing")


@dataclass(frozen=True, slots=True)
class Listed:
    """The schema of a page of a list."""

    item: "type[BaseModel] | OneOf"


@dataclass(frozen=True, slots=True)
class OneOf:
    """The schema of a document that is one of several, told apart by the property `discriminator`."""

    name: str
    discriminator: str
    members: Mapping[str, type[BaseModel]]


@dataclass(frozen=True, slots=True)
class MergePatch:
    """The schema of a JSON merge patch (RFC 7396) of a document."""

    of: type[BaseModel] | OneOf


Schema = type[BaseModel] | OneOf | Listed | MergePatch


@dataclass(frozen=True, slots=True)
class Call:
    """One request, as far as it has been checked. `services` keep nothing that is written when the call is
    a rehearsal. `params` come from the path; `query` is an instance of the operation's model; `body` is the
    decoded JSON object, not yet validated; `origin` is `scheme://host` as the client sees us."""

    services: ApiServices
    credential: Credential
    params: Mapping[str, str]
    query: Any
    body: Mapping[str, Any]
    if_match: str | None
    if_none_match: str | None
    origin: str
    now: Micros
    rehearsed: bool = False

    @property
    def principal(self) -> Principal:
        """Who asks."""
        return self.credential.principal


@dataclass(frozen=True, slots=True)
class Answer:
    """A success. `document` is a model or JSON values; None sends no body. `location` is where a new object
    is found, below `BASE`."""

    document: Any
    status: int = 200
    etag: str | None = None
    location: str | None = None
    headers: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True)
class Operation:
    """One thing to do. `path` is below `BASE`, with `{parameters}` of one segment each; `answers` are the
    documents by status; `conditional`: If-Match is honoured, and an ETag is sent."""

    id: str
    method: str
    path: str
    summary: str
    permission: Permission
    handler: Callable[[Call], Answer]
    answers: Mapping[int, Schema | None]
    request: Schema | None = None
    query: type[Query] = Query
    conditional: bool = False
    details: str = ""
