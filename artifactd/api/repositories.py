"""Repositories as documents: what every one has, with its format's own settings flat beside it.

Settings are kept as they were sent, not as they were completed: a default that a later version changes is
changed for everyone who never chose. The answer shows all of them.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from artifactd.api import groups, upstreams
from artifactd.api.conditions import etag, expected_version, persistently
from artifactd.api.documents import instant, merged, named, read
from artifactd.api.groups import GroupFields
from artifactd.api.operation import Answer, Call, Listed, MergePatch, OneOf, Operation, Permission, Write
from artifactd.api.pages import Paged, cut, page
from artifactd.api.problems import InvalidDocument, Mistake
from artifactd.api.repository_schemas import (
    COMPUTED,
    DeleteRepository,
    ShownSnippet,
    as_sent,
    draft_model,
    shown_model,
)
from artifactd.auth.principal import Verb
from artifactd.catalog.kinds import GROUP, HOSTED, PROXY
from artifactd.catalog.members import InvalidMembers
from artifactd.catalog.repositories import RepositoryDraft, RepositoryRecord
from artifactd.db.writer import Turn
from artifactd.errors import ObjectNotFound, RepositoryNotFound
from artifactd.formats.format import Format
from artifactd.formats.snippets import SnippetContext
from artifactd.repositories.fetch import fetch_nothing
from artifactd.repositories.publication import publish_all_task

WRITE_POLICY = "write_policy"
"""The setting of every format that is about writes, which only hosted repositories take themselves."""


class RepositoryResource:
    """`/repositories`, for these formats."""

    def __init__(self, formats: Mapping[str, Format]) -> None:
        self._formats = formats
        self._settings = {name: format.settings for name, format in formats.items()}
        self._defaults = {
            name: model.model_construct().model_dump(mode="json") for name, model in self._settings.items()
        }
        self._drafts = {name: draft_model(format) for name, format in formats.items()}
        self._shown = {name: shown_model(formats[name], draft) for name, draft in self._drafts.items()}

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
                details="What is left out becomes its default, but for an upstream's secrets. Its content"
                " is not touched.",
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
        failing = upstreams.failures(call.services.database)
        documents = [self._document(call, each, failing) for each in shown]
        return page(call, "/repositories", documents, following)

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
        asked = upstreams.as_asked(call.body)
        draft = self._draft(call, asked, asked, None)
        record, _ = _stored(call, draft, create=True)
        return self._answer(call, record, created=True)

    def _put(self, call: Call) -> Answer:
        name = call.params["name"]
        current = _find(call, name)
        at = None if current is None else (current.id, current.version)
        version = expected_version(call, f"repository {name!r}", at)
        asked = upstreams.as_asked(named(call.body, name))
        draft = self._draft(call, asked, asked, current)
        if current is not None and self._is_already(current, draft):
            return self._answer(call, current)
        record, created = _stored(call, draft, if_version=version)
        return self._answer(call, record, created=created)

    def _patch(self, call: Call) -> Answer:
        name = call.params["name"]

        def attempt() -> Answer:
            current = call.services.repositories.find(name)
            expected_version(call, f"repository {name!r}", (current.id, current.version))
            asked = upstreams.as_asked(named(call.body, name))
            document = merged(upstreams.as_asked(_sent(call, current)), asked)
            draft = self._draft(call, document, asked, current)
            if self._is_already(current, draft):
                return self._answer(call, current)
            record, _ = _stored(call, draft, if_version=current.version)
            return self._answer(call, record)

        return persistently(call, attempt)

    def _delete(self, call: Call) -> Answer:
        record = call.services.repositories.find(call.params["name"])
        version = expected_version(call, f"repository {record.name!r}", (record.id, record.version))
        call.services.repositories.delete(record.name, with_content=call.query.content, if_version=version)
        return Answer(None, 204)

    def _draft(
        self,
        call: Call,
        document: Mapping[str, Any],
        asked: Mapping[str, Any],
        current: RepositoryRecord | None,
    ) -> RepositoryDraft:
        """A document as what the repository shall be. What never changes may be left out of it when there
        is one. `asked` is what the document was made from: what was sent. Raises InvalidDocument."""
        format = document.get("format")
        model = self._drafts.get(format) if isinstance(format, str) else None
        if model is None:
            known = ", ".join(self._drafts)
            raise InvalidDocument([Mistake(f"the formats here are: {known}", pointer="#/format")])
        sent = {key: value for key, value in document.items() if key not in COMPUTED}
        if current is not None:
            sent.setdefault("kind", current.kind)
        parsed: Any = read(model, sent)
        if call.services.port in parsed.ports:
            port = call.services.port
            raise InvalidDocument([Mistake(f"{port} is this server's main port", pointer="#/ports")])
        mistakes = list(self._misplaced(parsed))
        if mistakes:
            raise InvalidDocument(mistakes)
        settings = as_sent(parsed, sent, self._settings[parsed.format])
        if parsed.kind != HOSTED:
            settings.pop(WRITE_POLICY, None)
        return RepositoryDraft(
            name=parsed.name,
            format=parsed.format,
            kind=parsed.kind,
            settings=settings,
            store_id=_store_id(call, parsed, current),
            online=parsed.online,
            hosts=sorted(set(parsed.hosts)),
            ports=sorted(set(parsed.ports)),
            upstream=_upstream(call, parsed, asked, current),
            members=parsed.members,
            membership=groups.membership(parsed),
        )

    def _misplaced(self, parsed: Any) -> Iterator[Mistake]:
        """What does not go with the kind."""
        if parsed.kind == PROXY and self._formats[parsed.format].fetch is fetch_nothing:
            yield Mistake(f"the format {parsed.format!r} has no proxies", pointer="#/kind")
        if parsed.kind == PROXY and parsed.upstream is None:
            yield Mistake("a proxy has an upstream", pointer="#/upstream")
        if parsed.kind != PROXY and parsed.upstream is not None:
            yield Mistake("only a proxy has an upstream", pointer="#/upstream")
        if parsed.kind != GROUP:
            for field in parsed.model_dump(include=set(GroupFields.model_fields), exclude_defaults=True):
                yield Mistake("only a group has this", pointer=f"#/{field}")
        if parsed.kind != HOSTED and parsed.write_policy != self._defaults[parsed.format][WRITE_POLICY]:
            words = {
                PROXY: "a proxy takes no writes: leave this out",
                GROUP: "what is written to a group goes into its writable member, which has the policy",
            }
            yield Mistake(words[parsed.kind], pointer=f"#/{WRITE_POLICY}")

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
            record.upstream,
            list(record.members),
            record.membership,
        )

    def _effective(self, format: str, settings: Mapping[str, Any]) -> Mapping[str, Any]:
        """Settings with the defaults of those that were not sent."""
        return {**self._defaults.get(format, {}), **settings}

    def _answer(self, call: Call, record: RepositoryRecord, *, created: bool = False) -> Answer:
        return Answer(
            self._document(call, record, upstreams.failures(call.services.database)),
            201 if created else 200,
            etag(record.id, record.version),
            f"/repositories/{record.name}" if created else None,
        )

    def _document(
        self, call: Call, record: RepositoryRecord, failing: Mapping[int, Any]
    ) -> Mapping[str, Any]:
        administers = call.services.authorizer.administers(call.principal)
        return {
            **_sent(call, record),
            **self._effective(record.format, record.settings),
            "id": record.id,
            "version": record.version,
            "created": instant(record.created),
            "url": _url(call, record),
            "upstream_status": upstreams.status(record, failing, detailed=administers),
            **({} if administers else _withheld(call, record)),
        }


def _url(call: Call, record: RepositoryRecord) -> str:
    return f"{call.origin}/repository/{record.name}/"


def _store_id(call: Call, parsed: Any, current: RepositoryRecord | None) -> int:
    if current is not None and "blob_store" not in parsed.model_fields_set:
        return current.store_id
    try:
        return call.services.stores.id(parsed.blob_store)
    except ObjectNotFound as error:
        raise InvalidDocument([Mistake(str(error), pointer="#/blob_store")]) from None


def _upstream(
    call: Call, parsed: Any, asked: Mapping[str, Any], current: RepositoryRecord | None
) -> Mapping[str, Any] | None:
    """The upstream as it is stored."""
    if parsed.upstream is None:
        return None
    known = None if current is None else current.upstream
    sent = asked.get("upstream") or {}
    return upstreams.stored(parsed.upstream, sent, known, parsed.name, call.services.sealer)


def _stored(call: Call, draft: RepositoryDraft, **conditions: Any) -> tuple[RepositoryRecord, bool]:
    """`Repositories.put`, which tells where a mistake about members is; what the repository publishes is
    made anew. Raises InvalidDocument."""

    def publish(turn: Turn, repository_id: int) -> None:
        if call.services.formats[draft.format].publications:
            task = publish_all_task(repository_id)
            call.services.queue.enqueue(task, requested_by=call.principal.name, turn=turn)

    try:
        return call.services.repositories.put(draft, then=publish, **conditions)
    except InvalidMembers as error:
        raise InvalidDocument([Mistake(str(error), pointer=f"#/{error.part}")]) from None


def _withheld(call: Call, record: RepositoryRecord) -> Mapping[str, Any]:
    """What callers who are no administrators see instead: no more than the repositories and names that they
    may know of."""
    members = [name for name in record.members if _is_readable(call, name)]
    writable = record.membership.get("writable")
    return {
        "upstream": None,
        "members": members,
        "writable": writable if writable in members else None,
        "merge": [],
        "reserved": [],
    }


def _sent(call: Call, record: RepositoryRecord) -> dict[str, Any]:
    """A repository as a document that would make it what it is, but for secrets."""
    return {
        "name": record.name,
        "format": record.format,
        "kind": record.kind,
        "online": record.online,
        "hosts": list(record.hosts),
        "ports": list(record.ports),
        "blob_store": call.services.stores.name(record.store_id),
        "upstream": None if record.upstream is None else upstreams.shown(record.upstream),
        **groups.shown(record),
        **record.settings,
    }


def _find(call: Call, name: str) -> RepositoryRecord | None:
    try:
        return call.services.repositories.find(name)
    except RepositoryNotFound:
        return None


def _is_readable(call: Call, name: str) -> bool:
    """Whether the caller may read the repository of this name."""
    try:
        return _readable(call, call.services.directory.find(name))
    except RepositoryNotFound:
        return False


def _readable(call: Call, record: RepositoryRecord) -> bool:
    return call.services.authorizer.allows(call.principal, Verb.READ, record.name, record.id)
