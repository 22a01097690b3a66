"""Repositories of every kind over memory, and upstreams that are a dictionary.

    cabinet = Cabinet(shelf)
    cabinet.proxy("hub")
    cabinet.say("hub", "app/x", b"bytes")
    assert cabinet.get("hub", "app/x") == b"bytes"

Repositories come from the real factory. A visit does what the gateway does: runs the handler, asks what it
wants to be asked, and runs it again. `cabinet.inquiry` is what the last one learned.

The format: paths begin with their owner name, in lower case. `fixed…` never changes, `by/…` is known by its
digest, `….sig` belongs to another file, `listed…` is fetched if the list of its name has it, `whole…` once
it is stored, `head…` is compared by HEAD, `summed…` is fetched with its MD5 and SHA-1, and `nowhere/…` has
no place upstream. Names that begin with `common` belong to nobody, and `app+…` to who owns `app`. Files say
of themselves what `describe` finds: `broken` is none, `refused` is another one than it should be, `alias`
is known by its digest as well, `needs PATH` refers to it, `facts` has a derived document.
"""

import hashlib
import itertools
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, BinaryIO, TypeVar

from artifactd.auth.principal import Principal, Verb
from artifactd.auth.roles import Grant, Roles
from artifactd.blobs.digest import Digest, union
from artifactd.blobs.store import SHA256, StagedBlob
from artifactd.catalog.assets import Asset, Change, Reference, Selection
from artifactd.catalog.directory import Directory
from artifactd.catalog.repositories import RepositoryDraft, RepositoryRecord
from artifactd.clock import Micros
from artifactd.db.generations import Stripe
from artifactd.errors import ArtifactdError, InvalidInput, UpstreamInvalid
from artifactd.repositories.catalog import FormatRules
from artifactd.repositories.content import Content, InlineSource, StoredSource
from artifactd.repositories.description import Description
from artifactd.repositories.factory import RepositoryFactory
from artifactd.repositories.fetch import IMMUTABLE, MUTABLE, Fetch, Look
from artifactd.repositories.index import More, Part
from artifactd.repositories.inquiry import Inquiry
from artifactd.repositories.policy import WriteClass
from artifactd.repositories.publication import Publication
from artifactd.repositories.repository import Repository
from artifactd.upstream.answer import Answer, Facts
from artifactd.upstream.question import (
    Aim,
    Failed,
    Kept,
    Missing,
    Outcome,
    Question,
    Seen,
    Source,
    Wanted,
)
from tests.support.shelves import STORE_ID, AnyWrites, Shelf, digest_of, owner
from tests.support.watching import unwatched_upstreams

R = TypeVar("R")

ROUNDS = 10
"""Of questions: more than any answer takes here."""

MINUTE = timedelta(minutes=1)
FRESH = timedelta(minutes=10)
"""How long what may change is good for (`MUTABLE`)."""


# The format


@dataclass(frozen=True)
class Lists:
    """An index of the files of a name, which remembers how often it did what."""

    name: str = "list"
    done: list[str] = field(default_factory=list, compare=False)

    def selects(self, key: str) -> Selection:
        return Selection(key.lower())

    def build(self, key: str, assets: Iterable[Asset]) -> Sequence[str]:
        self.done.append("build")
        return sorted(asset.path.partition("/")[2] for asset in assets)

    def apply(self, key: str, document: Sequence[str], changes: Sequence[Change]) -> Sequence[str] | None:
        return None

    def size(self, document: Sequence[str]) -> int:
        return 50 * len(document)

    def path(self, key: str) -> str:
        return f"{key}/.list"

    def parse(self, key: str, answers: Sequence[Answer]) -> Sequence[str] | More:
        self.done.append("parse")
        try:
            pages = [json.loads(answer.body) for answer in answers]
        except ValueError as error:
            raise UpstreamInvalid("this is no list") from error
        more = pages[-1].get("next")
        return More(more) if more else sorted(name for page in pages for name in page["names"])

    def merge(self, key: str, parts: Sequence[Part[Sequence[str]]]) -> Sequence[str]:
        self.done.append("merge " + " ".join(part.member for part in parts))
        return sorted({name for part in parts for name in part.document})


def fetch(path: str, settings: Any, look: Look) -> Sequence[Fetch]:
    name, _, last = path.partition("/")
    if name == "nowhere":
        return ()
    if last == ".list":
        return [Fetch(f"{name}/list", whole=True)]
    if last.startswith("listed") and last not in look.document(Lists(), name):
        return ()
    if last.startswith("by/"):
        return [Fetch(path, IMMUTABLE, expected={"sha256": last.removeprefix("by/")})]
    if last.startswith("mirrored"):
        return [Fetch(f"https://mirror.example/{last}"), Fetch(path)]
    return [
        Fetch(
            path,
            IMMUTABLE if immutable(path, settings) else MUTABLE,
            whole=last.startswith("whole"),
            unchanged=_unchanged if last.startswith("head") else None,
            checksums=("md5", "sha1") if last.startswith("summed") else (),
        )
    ]


def _unchanged(facts: Facts, attributes: Mapping[str, Any]) -> bool | None:
    stated = facts.headers.get("x-size")
    return None if stated is None else stated == str(attributes["size"])


def immutable(path: str, settings: Any) -> bool:
    return addressed(path) or path.partition("/")[2].startswith("fixed")


def addressed(path: str) -> bool:
    return path.partition("/")[2].startswith("by/")


def companion(path: str) -> str | None:
    return path.removesuffix(".sig") if path.endswith(".sig") else None


def describe(path: str, content_type: str, file: BinaryIO) -> Description:
    body = file.read()
    word, _, rest = body.decode("latin-1").partition(" ")
    if word == "broken":
        raise InvalidInput("this file is broken")
    if word == "refused":
        raise UpstreamInvalid("this is another file than it should be")
    by_digest = f"{owner(path)}/by/{hashlib.sha256(body).hexdigest()}"
    return Description(
        label=word,
        attributes={"size": len(body), "type": content_type},
        references=[Reference(rest, required=True)] if word == "needs" else [],
        derived={"facts": body.upper()} if word == "facts" else {},
        aliases=[by_digest] if word == "alias" and path != by_digest else [],
    )


def canonical(path: str, settings: Any) -> str:
    return path.lower()


def owned_as(name: str) -> str:
    return "" if name.startswith("common") else name.partition("+")[0]


RULES = FormatRules(
    owner,
    lambda path, settings: WriteClass.REPLACE,
    immutable=immutable,
    addressed=addressed,
    companion=companion,
    describe=describe,
    fetch=fetch,
    canonical=canonical,
    owned_as=owned_as,
)


# Its upstreams


@dataclass(frozen=True)
class Said:
    """What an upstream says at an address: an answer, or that it cannot be asked."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    error: ArtifactdError | None = None


@dataclass
class Network:
    """Every upstream there is. `asked` has what was asked for, in order: how, and where."""

    said: dict[str, Said] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)
    outcomes: dict[tuple[Aim, str], Outcome] = field(default_factory=dict)

    def ask(self, questions: Sequence[Question]) -> Sequence[Outcome]:
        return [self._ask(question) for question in questions]

    def _ask(self, question: Question) -> Outcome:
        given = self.outcomes.get((question.aim, question.sources[0].url))
        if given is not None:
            self.asked.append((question.aim.value, question.sources[0].url))
            return given
        failure: Outcome | None = None
        for source in question.sources:
            outcome = self._attempt(question, source)
            if not isinstance(outcome, Missing | Failed):
                return outcome
            failure = failure or (outcome if isinstance(outcome, Failed) else None)
        if failure is not None:
            return failure
        return Missing() if question.miss() else Kept()

    def _attempt(self, question: Question, source: Source) -> Outcome:
        held = question.held
        if question.aim is Aim.STORE and held is not None and held.is_current is not None:
            said = self._at("head", source.url)
            if said.status == 200 and held.is_current(_facts(source.url, said)):
                question.confirm()
                return Kept()
        said = self._at(question.aim.value, source.url)
        if said.error is not None:
            return Failed(said.error)
        if said.status == 404:
            return Missing()
        facts = _facts(source.url, said)
        if question.aim is Aim.LOOK:
            return Seen(facts, len(said.body))
        etag = said.headers.get("etag")
        if held is not None and etag and held.etag == etag:
            question.confirm()
            return Kept()
        try:
            if question.aim is Aim.READ:
                return self._read(question, Answer(facts, said.body))
            question.store(_staged(question, source, said.body), facts)
        except ArtifactdError as error:
            return Failed(error)
        return Kept()

    def _read(self, question: Question, first: Answer) -> Outcome:
        answers = [first]
        while (following := question.read(answers)) is not None:
            said = self._at("read", following.url)
            if said.error is not None:
                return Failed(said.error)
            absent = said.status == 404
            if absent and not following.optional:
                return Missing()
            answers.append(Answer(_facts(following.url, said), said.body, absent))
        return Kept()

    def _at(self, how: str, url: str) -> Said:
        self.asked.append((how, url))
        return self.said.get(url, Said(404))


def _facts(url: str, said: Said) -> Facts:
    return Facts(url, {"content-type": "text/plain; charset=utf-8", **said.headers})


def _staged(question: Question, source: Source, body: bytes) -> StagedBlob:
    writer = question.blobs.create(union(SHA256, source.checksums))
    writer.write(body)
    stored = writer.commit(source.expected)
    digest = Digest(f"sha256:{stored.checksums['sha256']}")
    return StagedBlob(question.blob_store, stored.location, stored.size, digest, stored.checksums)


# Repositories


class Cabinet:
    """Repositories on a shelf, seen by `shelf.principal`, who may do everything, unless a visit says who
    comes. `publications` are the format's."""

    def __init__(self, shelf: Shelf, publications: Sequence[Publication] = ()) -> None:
        self.shelf = shelf
        self.network = Network()
        self.inquiry = Inquiry()
        self._numbers = itertools.count(100)
        self.watch = unwatched_upstreams(shelf.database.now)
        self.factory = RepositoryFactory(
            shelf.catalog,
            Directory(shelf.database, shelf.repositories),
            {"test": replace(RULES, publications=publications)},
            {"test": lambda settings: AnyWrites()},
            self.watch,
            lambda record: record.upstream or {},
        )

    def hosted(self, name: str) -> RepositoryRecord:
        """Make a hosted repository."""
        return self._add(RepositoryDraft(name, "test", "hosted", {}, STORE_ID))

    def proxy(self, name: str, **upstream: Any) -> RepositoryRecord:
        """Make a proxy, or configure it anew."""
        said = {"url": f"https://{name}.example/root/", **upstream}
        return self._add(RepositoryDraft(name, "test", "proxy", {}, STORE_ID, upstream=said))

    def group(self, name: str, *members: str, **membership: Any) -> RepositoryRecord:
        """Make a group."""
        draft = RepositoryDraft(name, "test", "group", {}, STORE_ID, members=members, membership=membership)
        return self._add(draft)

    def offline(self, name: str) -> None:
        """Take a repository off the network, until it is made again."""
        record = self.record(name)
        draft = RepositoryDraft(
            *(record.name, record.format, record.kind, {}, STORE_ID, False),
            upstream=record.upstream,
            members=record.members,
            membership=record.membership,
        )
        self._add(draft)

    def say(
        self,
        proxy: str,
        path: str,
        body: bytes = b"",
        *,
        status: int = 200,
        error: ArtifactdError | None = None,
        **headers: str,
    ) -> None:
        """What the upstream of a proxy says of a path from now on."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.network.said[self.url(proxy, path)] = Said(status, body, named, error)

    def says_list(self, proxy: str, name: str, *names: str, **more: Any) -> None:
        """What the upstream of a proxy lists for a name."""
        self.say(proxy, f"{name}/list", json.dumps({"names": names, **more}).encode())

    def url(self, proxy: str, path: str) -> str:
        return f"https://{proxy}.example/root/{path}"

    def record(self, name: str) -> RepositoryRecord:
        return self.shelf.repositories.find(name)

    def visit(
        self,
        name: str,
        act: Callable[[Repository], R],
        *,
        by: Principal | None = None,
        past: Micros | None = None,
        **inquiry: Any,
    ) -> R:
        """What `act` finds in the repository `name`, after everything that it wants was asked."""
        self.inquiry = Inquiry(**{"may_ask": True, **inquiry})
        repository = self.factory.open(self.record(name), by or self.shelf.principal, past, self.inquiry)
        for _ in range(ROUNDS):
            self.inquiry.begin()
            try:
                return act(repository)
            except Wanted as wanted:
                if self.inquiry.hurried:
                    raise
                assert wanted.questions
                self.inquiry.learn(wanted.questions, self.network.ask(wanted.questions))
        raise AssertionError("it does not stop asking")

    def get(self, name: str, path: str, **more: Any) -> bytes:
        """The bytes at a path."""
        return body(self.visit(name, lambda repository: repository.get(path), **more))

    def put(self, name: str, path: str, data: bytes = b"bytes") -> None:
        """Publish bytes to a hosted repository, or a group."""
        staged = self.shelf.stage(data)

        def act(repository: Repository) -> None:
            with repository.edit() as edit:
                edit.put(path, staged, content_type="text/plain")

        self.visit(name, act)

    def delete(self, name: str, path: str) -> None:
        def act(repository: Repository) -> None:
            with repository.edit() as edit:
                edit.delete(path)

        self.visit(name, act)

    def find(self, name: str, path: str) -> Asset | None:
        """What a repository holds at a path."""
        return self.shelf.assets.find(self.shelf.database, self.record(name).id, path)

    def holds(self, name: str) -> list[str]:
        """The paths that a repository holds."""
        below = self.shelf.assets.below(self.shelf.database, self.record(name).id, "")
        return [asset.path for asset in below]

    def principal(self, *grants: tuple[str, str, Iterable[Verb]]) -> Principal:
        """Somebody who may do only this: (repository pattern, path pattern, verbs)."""
        number = next(self._numbers)
        role = Roles(self.shelf.database).put(
            f"role-{number}", [Grant(where, path, frozenset(verbs)) for where, path, verbs in grants]
        )
        return Principal(f"user-{number}", number, frozenset({role.id}))

    @property
    def asked(self) -> list[tuple[str, str]]:
        """What upstreams were asked for since somebody last looked: how, and below which proxy's root."""
        asked, self.network.asked = self.network.asked, []
        return [(how, url.removeprefix("https://").replace(".example/root/", ":")) for how, url in asked]

    def stands(self, depends: Sequence[tuple[Stripe, int]] | None) -> bool:
        """Whether nothing of this has changed."""
        assert depends is not None
        return self.shelf.database.generations.current(tuple(depends))

    def _add(self, draft: RepositoryDraft) -> RepositoryRecord:
        return self.shelf.repositories.put(draft)[0]


def body(content: Content) -> bytes:
    """The bytes of an answer that are here."""
    if isinstance(content.source, InlineSource):
        return content.source.body
    assert isinstance(content.source, StoredSource), content.source
    with content.source.store.open(content.source.location) as file:
        return file.read()


def by_digest(name: str, data: bytes) -> str:
    """The path of bytes that are known by their digest."""
    return f"{name}/by/{digest_of(data).removeprefix('sha256:')}"
