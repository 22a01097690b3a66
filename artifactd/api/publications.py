"""What a repository publishes: whether the newest change is in it yet."""

from collections.abc import Mapping, Sequence
from typing import Annotated

from pydantic import BaseModel, Field

from artifactd.api.documents import instant
from artifactd.api.operation import Answer, Call, Listed, Operation, Permission, Query
from artifactd.auth.principal import Verb
from artifactd.catalog.assets import GENERATION
from artifactd.catalog.kinds import PROXY
from artifactd.catalog.repositories import RepositoryRecord
from artifactd.errors import RepositoryNotFound
from artifactd.repositories.publication import Publication, publish_task


class ListPublications(Query):
    """Of which key the publications are shown."""

    key: str = Field("", max_length=1024, description="what is published by itself, such as a folder")


class PublicationState(BaseModel):
    """One publication, and the generation of it that clients get."""

    name: str
    key: str
    entry: str = Field(description="the path of the document that clients begin with")
    published: Annotated[str, Field(json_schema_extra={"format": "date-time"})] | None = Field(
        description="when the generation appeared; null: there is none"
    )
    revision: int | None = Field(description="of the repository's revisions, the newest that is in it")
    members: Mapping[str, int] | None = Field(
        description="of a group: the revisions of the members' generations that it is made of"
    )
    pending: bool = Field(description="whether a run of the task that publishes waits or is under way")


def publication_operations() -> Sequence[Operation]:
    """`/repositories/{name}/publications`."""
    return (
        Operation(
            "listPublications", "GET", "/repositories/{name}/publications",
            "Show what a repository has published", Permission.AUTHENTICATED, _list,
            {200: Listed(PublicationState)}, query=ListPublications,
            details="A proxy has what its upstream publishes, so it has none.",
        ),
    )  # fmt: skip


def _list(call: Call) -> Answer:
    record = call.services.repositories.find(call.params["name"])
    if not call.services.authorizer.allows(call.principal, Verb.READ, record.name, record.id):
        raise RepositoryNotFound(record.name)
    format = call.services.formats.get(record.format)
    publications = () if format is None or record.kind == PROXY else format.publications
    query: ListPublications = call.query
    return Answer({"items": [_state(call, record, each, query.key) for each in publications], "next": None})


def _state(call: Call, record: RepositoryRecord, publication: Publication, key: str) -> PublicationState:
    services, path = call.services, publication.entry(key)
    entry = services.assets.find(services.database, record.id, path)
    notes = {} if entry is None else entry.attributes.get(GENERATION, {})
    return PublicationState(
        name=publication.name,
        key=key,
        entry=path,
        published=instant(entry.added) if entry is not None and notes else None,
        revision=notes.get("revision"),
        members=_named(call, notes["members"]) if "members" in notes else None,
        pending=services.queue.is_pending(publish_task(record.id, publication.name, key)),
    )


def _named(call: Call, revisions: Mapping[str, int]) -> Mapping[str, int]:
    """The members by name, those that the caller may read."""
    services = call.services
    return {
        record.name: revisions[str(record.id)]
        for record in services.directory.all()
        if str(record.id) in revisions
        and services.authorizer.allows(call.principal, Verb.READ, record.name, record.id)
    }
