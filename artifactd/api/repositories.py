"""Repositories as documents: what every one has, with its format's own settings flat beside it.

Settings are kept as they were sent, not as they were completed: a default that a later version changes is
changed for everyone who never chose. The answer shows all of them.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictInt, create_model

from artifactd.api.conditions import etag, expected_version, persistently
from artifactd.api.documents import checked_by, instant, merged, named, read
from artifactd.api.operation import Answer, Call, Listed, MergePatch, OneOf, Operation, Permission, Write
from artifactd.api.pages import Paged, cut, page
from artifactd.api.problems import InvalidDocument, Mistake
from artifactd.auth.principal import Verb
from artifactd.catalog.blob_stores import DEFAULT
from artifactd.catalog.repositories import NAME, RepositoryDraft, RepositoryRecord
from artifactd.errors import InvalidInput, ObjectNotFound, RepositoryNotFound
from artifactd.formats.format import Format
from artifactd.formats.snippets import SnippetContext
from artifactd.repositories.factory import HOSTED, KINDS

COMPUTED = ("id", "version", "created", "url")
"""What an answer has beside what was sent. A request may repeat it, so that an answer can be edited and
sent back; nothing is made of it."""

_HOST = re.compile(
    r"(?=.{1,253}$)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*"
)


def _check_kind(kind: str) -> None:
    if kind not in KINDS:
        raise InvalidInput(f"there is no kind {kind!r}; the kinds are: {', '.join(KINDS)}")


def _check_host(host: str) -> None:
    if _HOST.fullmatch(host) is None:
        raise InvalidInput("a host is a DNS name in lower case, without a port")


Kind = Annotated[str, checked_by(_check_kind), Field(json_schema_extra={"enum": list(KINDS)})]
Host = Annotated[str, checked_by(_check_host), Field(max_length=253)]
Port = Annotated[StrictInt, Field(ge=1, le=65535)]


class RepositoryFields(BaseModel):
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


class ComputedFields(BaseModel):
    """What the server adds."""

    id: int = Field(description="of this repository, and of no later one of its name")
    version: int = Field(description="counts changes")
    created: str = Field(json_schema_extra={"format": "date-time"})
    url: str = Field(description="where its content begins")


class ShownSnippet(BaseModel):
    """How a client is pointed at a repository."""

    client: str
    title: str
    place: str = Field(description="where the text goes: a file, or `console`")
    text: str = Field(description="words in capitals are the reader's to replace")


class DeleteRepository(Write):
    """Parameters of a repository's end."""

    content: bool = Field(False, description="delete everything it holds as well, history included")


class RepositoryResource:
    """`/repositories`, for these formats."""

    def __init__(self, formats: Mapping[str, Format]) -> None:
        self._formats = formats
        self._settings = {name: format.settings for name, format in formats.items()}
        self._defaults = {
            name: model.model_construct().model_dump(mode="json") for name, model in self._settings.items()
        }
        self._drafts = {name: _draft_model(format) for name, format in formats.items()}
        self._shown = {
            name: create_model(_class_name(name), __base__=(ComputedFields, draft))
            for name, draft in self._drafts.items()
        }

    def operations(self) -> Sequence[Operation]:
        """What can be done with repositories."""
        draft = OneOf("RepositoryDraft", "format", self._drafts)
        shown = OneOf("Repository", "format", self._shown)
        one = "/repositories/{name}"
        return (
            Operation(
                "listRepositories", "GET", "/repositories", "List repositories", Permission.AUTHENTICATED,
                self._list, {200: Listed(shown)}, query=Paged,
                details="Shows those that the caller may read, by name.",
            ),
            Operation(
                "createRepository", "POST", "/repositories", "Create a repository",
                Permission.ADMINISTRATOR, self._create, {201: shown}, request=draft, query=Write,
            ),
            Operation(
                "getRepository", "GET", one, "Show a repository", Permission.AUTHENTICATED,
                self._get, {200: shown}, conditional=True,
            ),
            Operation(
                "putRepository", "PUT", one, "Create or replace a repository", Permission.ADMINISTRATOR,
                self._put, {200: shown, 201: shown}, request=draft, query=Write, conditional=True,
                details="What is left out becomes its default. Its content is not touched.",
            ),
            Operation(
                "patchRepository", "PATCH", one, "Change a repository", Permission.ADMINISTRATOR,
                self._patch, {200: shown}, request=MergePatch(draft), query=Write, conditional=True,
            ),
            Operation(
                "deleteRepository", "DELETE", one, "Delete a repository", Permission.ADMINISTRATOR,
                self._delete, {204: None}, query=DeleteRepository, conditional=True,
            ),
            Operation(
                "listSnippets", "GET", f"{one}/snippets", "Show how clients are set up",
                Permission.AUTHENTICATED, self._snippets, {200: Listed(ShownSnippet)},
                details="Addresses are as the caller sees this server.",
            ),
        )  # fmt: skip

    def _list(self, call: Call) -> Answer:
        after, limit = call.query.after(), call.query.limit
        visible = [
            record
            for record in call.services.directory.all()
            if record.name > after and _readable(call, record)
        ]
        shown, following = cut(visible, limit, lambda record: record.name)
        return page(call, "/repositories", [self._document(call, each) for each in shown], following)

    def _get(self, call: Call) -> Answer:
        record = call.services.repositories.find(call.params["name"])
        if not _readable(call, record):
            raise RepositoryNotFound(record.name)
        return self._answer(call, record)

    def _snippets(self, call: Call) -> Answer:
        record = call.services.repositories.find(call.params["name"])
        if not _readable(call, record):
            raise RepositoryNotFound(record.name)
        format = self._formats.get(record.format)
        context = SnippetContext(record.name, _url(call, record))
        found = () if format is None else format.snippets(context)
        shown = [ShownSnippet(client=s.client, title=s.title, place=s.place, text=s.text) for s in found]
        return Answer({"items": shown, "next": None})

    def _create(self, call: Call) -> Answer:
        draft = self._draft(call, call.body, None)
        record, _ = call.services.repositories.put(draft, create=True)
        return self._answer(call, record, created=True)

    def _put(self, call: Call) -> Answer:
        name = call.params["name"]
        current = _find(call, name)
        at = None if current is None else (current.id, current.version)
        version = expected_version(call, f"repository {name!r}", at)
        draft = self._draft(call, named(call.body, name), current)
        if current is not None and self._is_already(current, draft):
            return self._answer(call, current)
        record, created = call.services.repositories.put(draft, if_version=version)
        return self._answer(call, record, created=created)

    def _patch(self, call: Call) -> Answer:
        name = call.params["name"]

        def attempt() -> Answer:
            current = call.services.repositories.find(name)
            expected_version(call, f"repository {name!r}", (current.id, current.version))
            document = merged(_sent(call, current), named(call.body, name))
            draft = self._draft(call, document, current)
            if self._is_already(current, draft):
                return self._answer(call, current)
            record, _ = call.services.repositories.put(draft, if_version=current.version)
            return self._answer(call, record)

        return persistently(call, attempt)

    def _delete(self, call: Call) -> Answer:
        record = call.services.repositories.find(call.params["name"])
        version = expected_version(call, f"repository {record.name!r}", (record.id, record.version))
        call.services.repositories.delete(record.name, with_content=call.query.content, if_version=version)
        return Answer(None, 204)

    def _draft(
        self, call: Call, document: Mapping[str, Any], current: RepositoryRecord | None
    ) -> RepositoryDraft:
        """A document as what the repository shall be. What never changes may be left out of it when there
        is one. Raises InvalidDocument."""
        format = document.get("format")
        model = self._drafts.get(format) if isinstance(format, str) else None
        if model is None:
            known = ", ".join(self._drafts)
            raise InvalidDocument([Mistake(f"the formats here are: {known}", pointer="#/format")])
        sent = {key: value for key, value in document.items() if key not in COMPUTED}
        parsed: Any = read(model, sent)
        if call.services.port in parsed.ports:
            port = call.services.port
            raise InvalidDocument([Mistake(f"{port} is this server's main port", pointer="#/ports")])
        return RepositoryDraft(
            name=parsed.name,
            format=parsed.format,
            kind=parsed.kind,
            settings=_as_sent(parsed, sent, self._settings[parsed.format]),
            store_id=_store_id(call, parsed, current),
            online=parsed.online,
            hosts=sorted(set(parsed.hosts)),
            ports=sorted(set(parsed.ports)),
        )

    def _is_already(self, record: RepositoryRecord, draft: RepositoryDraft) -> bool:
        """Whether the draft would change nothing: an answer that comes back names defaults too."""
        wanted = self._effective(draft.format, draft.settings)
        return replace(draft, settings=wanted) == RepositoryDraft(
            record.name,
            record.format,
            record.kind,
            self._effective(record.format, record.settings),
            record.store_id,
            record.online,
            list(record.hosts),
            list(record.ports),
        )

    def _effective(self, format: str, settings: Mapping[str, Any]) -> Mapping[str, Any]:
        """Settings with the defaults of those that were not sent."""
        return {**self._defaults.get(format, {}), **settings}

    def _answer(self, call: Call, record: RepositoryRecord, *, created: bool = False) -> Answer:
        return Answer(
            self._document(call, record),
            201 if created else 200,
            etag(record.id, record.version),
            f"/repositories/{record.name}" if created else None,
        )

    def _document(self, call: Call, record: RepositoryRecord) -> Mapping[str, Any]:
        return {
            **_sent(call, record),
            **self._effective(record.format, record.settings),
            "id": record.id,
            "version": record.version,
            "created": instant(record.created),
            "url": _url(call, record),
        }


def _url(call: Call, record: RepositoryRecord) -> str:
    return f"{call.origin}/repository/{record.name}/"


def _draft_model(format: Format) -> type[BaseModel]:
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


def _class_name(format: str) -> str:
    return "".join(part.capitalize() for part in re.split(r"[^A-Za-z0-9]", format)) + "Repository"


def _as_sent(parsed: BaseModel, sent: Mapping[str, Any], model: type[BaseModel]) -> dict[str, Any]:
    """The settings that were chosen: as they were written where that is of the kind the schema tells
    (`PT24H` stays), else as the schema writes them (`86400` becomes `P1D`)."""
    chosen = set(model.model_fields) & parsed.model_fields_set
    written = parsed.model_dump(mode="json", include=chosen)
    return {
        key: sent[key] if isinstance(value, str) and isinstance(sent.get(key), str) else value
        for key, value in written.items()
    }


def _store_id(call: Call, parsed: Any, current: RepositoryRecord | None) -> int:
    if current is not None and "blob_store" not in parsed.model_fields_set:
        return current.store_id
    try:
        return call.services.stores.id(parsed.blob_store)
    except ObjectNotFound as error:
        raise InvalidDocument([Mistake(str(error), pointer="#/blob_store")]) from None


def _sent(call: Call, record: RepositoryRecord) -> dict[str, Any]:
    """A repository as a document that would make it what it is."""
    return {
        "name": record.name,
        "format": record.format,
        "kind": record.kind,
        "online": record.online,
        "hosts": list(record.hosts),
        "ports": list(record.ports),
        "blob_store": call.services.stores.name(record.store_id),
        **record.settings,
    }


def _find(call: Call, name: str) -> RepositoryRecord | None:
    try:
        return call.services.repositories.find(name)
    except RepositoryNotFound:
        return None


def _readable(call: Call, record: RepositoryRecord) -> bool:
    return call.services.authorizer.allows(call.principal, Verb.READ, record.name, record.id)
