"""What a repository's document consists of: the schemas that every format's is made from."""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictInt, create_model

from artifactd.api.addresses import Host
from artifactd.api.documents import checked_by
from artifactd.api.groups import GroupFields
from artifactd.api.operation import Write
from artifactd.api.upstreams import ShownUpstream, UpstreamDraft, UpstreamStatus
from artifactd.catalog.blob_stores import DEFAULT
from artifactd.catalog.kinds import HOSTED, KINDS
from artifactd.catalog.repositories import NAME
from artifactd.errors import InvalidInput
from artifactd.formats.format import Format

COMPUTED = ("id", "version", "created", "url", "upstream_status")
"""What an answer has beside what was sent. A request may repeat it, so that an answer can be edited and
sent back; nothing is made of it."""


def _check_kind(kind: str) -> None:
    if kind not in KINDS:
        raise InvalidInput(f"there is no kind {kind!r}; the kinds are: {', '.join(KINDS)}")


Kind = Annotated[str, checked_by(_check_kind), Field(json_schema_extra={"enum": list(KINDS)})]
Port = Annotated[StrictInt, Field(ge=1, le=65535)]


class RepositoryFields(GroupFields):
    """What is said of a repository of any format."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(
        description="one path segment; never changes", json_schema_extra={"pattern": f"^{NAME.pattern}$"}
    )
    kind: Kind = Field(HOSTED, description="never changes")
    online: StrictBool = Field(True, description="whether clients are served")
    hosts: list[Host] = Field([], max_length=100, description="host names that stand for it alone; a set")
    ports: list[Port] = Field([], max_length=100, description="ports that stand for it alone; a set")
    blob_store: str = Field(DEFAULT, description="where its bytes are; never changes")
    upstream: UpstreamDraft | None = Field(None, description="of a proxy, which must have one")


class ComputedFields(BaseModel):
    """What the server adds."""

    id: int = Field(description="of this repository, and of no later one of its name")
    version: int = Field(description="counts changes")
    created: str = Field(json_schema_extra={"format": "date-time"})
    url: str = Field(description="where its content begins")
    upstream: ShownUpstream | None = Field(description="of a proxy; for administrators")
    upstream_status: UpstreamStatus | None = Field(description="of a proxy")


class ShownSnippet(BaseModel):
    """How a client is pointed at a repository."""

    client: str
    title: str
    place: str = Field(description="where the text goes: a file, or `console`")
    text: str = Field(description="words in capitals are the reader's to replace")


class DeleteRepository(Write):
    """Parameters of a repository's end."""

    content: bool = Field(False, description="delete everything it holds as well, history included")


def draft_model(format: Format) -> type[BaseModel]:
    """What may be sent for a repository of `format`. Raises ValueError when one of its settings is called
    like something that every repository has."""
    taken = {"format", *RepositoryFields.model_fields, *COMPUTED} & set(format.settings.model_fields)
    if taken:
        raise ValueError(f"format {format.name!r} cannot have settings called {sorted(taken)}")
    fixed: Any = Literal
    fields: Any = {"format": (fixed[format.name], Field(description="never changes"))}
    return create_model(
        f"{_class_name(format.name)}Draft",
        __base__=(format.settings, RepositoryFields),
        __doc__=f"{format.title}.",
        **fields,
    )


def shown_model(format: Format, draft: type[BaseModel]) -> type[BaseModel]:
    """What is answered for a repository of `format`."""
    return create_model(_class_name(format.name), __base__=(ComputedFields, draft))


def as_sent(parsed: BaseModel, sent: Mapping[str, Any], model: type[BaseModel]) -> dict[str, Any]:
    """The settings that were chosen: as they were written where that is of the kind the schema tells
    (`PT24H` stays), else as the schema writes them (`86400` becomes `P1D`)."""
    chosen = set(model.model_fields) & parsed.model_fields_set
    written = parsed.model_dump(mode="json", include=chosen)
    return {
        key: sent[key] if isinstance(value, str) and isinstance(sent.get(key), str) else value
        for key, value in written.items()
    }


def _class_name(format: str) -> str:
    return "".join(part.capitalize() for part in re.split(r"[^A-Za-z0-9]", format)) + "Repository"
