"""What this server is: its formats and version, and why it decides as it does."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, Field

from artifactd.api.operation import Answer, Call, Listed, Operation, Permission, Query
from artifactd.api.schemas import schema_of
from artifactd.auth.principal import ANONYMOUS, Principal, Verb
from artifactd.errors import ObjectNotFound
from artifactd.formats.format import Format


class FormatInfo(BaseModel):
    """An installed format."""

    name: str
    title: str
    settings: dict[str, Any] = Field(description="JSON schema of what its repositories can be told")


class System(BaseModel):
    """This server."""

    version: str
    database: str = Field(description="the database engine")
    formats: Sequence[str]
    workers: int = Field(description="web processes")


class ExplainedGrant(BaseModel):
    """What one grant had to say."""

    role: str
    repository: str
    path: str
    verbs: Sequence[Verb]
    verdict: str


class Explanation(BaseModel):
    """How a decision comes about: the code that decides, asked to tell."""

    principal: str
    active: bool = Field(description="whether its credentials are accepted at all")
    verb: Verb
    repository: str
    path: str
    allowed: bool
    outcome: str
    roles: Sequence[str]
    grants: Sequence[ExplainedGrant]


class ExplainQuery(Query):
    """The decision to be explained."""

    principal: str = Field(max_length=128, description="a user's name, or `anonymous`")
    verb: Verb
    repository: str = Field(max_length=64)
    path: str = Field("", max_length=4096, description="an asset's path; without it: any at all")


def system_operations(formats: Mapping[str, Format]) -> Sequence[Operation]:
    """`/formats`, `/system`, `/access/explain`."""
    # Made with the first request for it: the schemas take milliseconds.
    installed: list[FormatInfo] = []

    def list_formats(call: Call) -> Answer:
        shown = installed or [
            FormatInfo(name=format.name, title=format.title, settings=schema_of(format.settings))
            for format in formats.values()
        ]
        installed[:] = shown
        return Answer({"items": shown, "next": None})

    return (
        Operation(
            "listFormats", "GET", "/formats", "List the installed formats", Permission.PUBLIC,
            list_formats, {200: Listed(FormatInfo)},
        ),
        Operation(
            "getSystem", "GET", "/system", "Show what this server is", Permission.ADMINISTRATOR,
            _show_system, {200: System},
        ),
        Operation(
            "explainAccess", "GET", "/access/explain", "Explain a decision", Permission.ADMINISTRATOR,
            _explain, {200: Explanation}, query=ExplainQuery,
        ),
    )  # fmt: skip


def _show_system(call: Call) -> Answer:
    services = call.services
    return Answer(
        System(
            version=services.version,
            database=services.database.engine.dialect.name,
            formats=sorted(services.formats),
            workers=services.workers,
        )
    )


def _explain(call: Call) -> Answer:
    services, query = call.services, call.query
    accounts = services.accounts
    account = accounts.anonymous() if query.principal == ANONYMOUS else accounts.named(query.principal)
    if account is None:
        raise ObjectNotFound("user", query.principal)
    record = services.directory.find(query.repository)
    principal = Principal(account.name, account.id, account.roles)
    trace = services.authorizer.explain(principal, query.verb, record.name, record.id, query.path)
    return Answer(
        Explanation(
            principal=trace.principal,
            active=account.active,
            verb=trace.verb,
            repository=trace.repository,
            path=trace.path,
            allowed=trace.allowed and account.active,
            outcome=trace.outcome if account.active else "the account is switched off",
            roles=trace.roles,
            grants=[
                ExplainedGrant(
                    role=grant.role,
                    repository=grant.repository.text,
                    path=grant.path.text,
                    verbs=sorted(grant.verbs),
                    verdict=verdict,
                )
                for grant, verdict in trace.grants
            ],
        )
    )
