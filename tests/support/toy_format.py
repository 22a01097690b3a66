"""A format made up to try every part of the seam at once; real formats each use some of it.

A package is a text file of `key: value` lines (`name`, `version`, `requires: NAME VERSION`), an empty line,
and any bytes. Names may hold one slash, which clients send as `%2F`. Facts of a package are served beside
it, its versions are an index, and all packages are listed in a signed publication:

    PUT GET HEAD DELETE  packages/{name}/{version}.toy         a package
    GET HEAD             packages/{name}/{version}.toy.facts   what `describe` derived from it
    POST                 (the root)                            the form `twine`-like clients send
    GET                  names/{name}                          its versions, JSON; `next` leads to more
    GET                  catalog.json, .sig, .key              the entry document, its signature, the key
    GET                  catalog-{checksum}.part               the list the entry document names
"""

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, BinaryIO, Final
from urllib.parse import quote

from artifactd.plugin import (
    IMMUTABLE,
    LONGEST_WAIT,
    MUTABLE,
    QUIET,
    Answer,
    Arrival,
    ArtifactdError,
    Asset,
    AssetExists,
    Change,
    Content,
    Coordinates,
    Description,
    Exchange,
    Fetch,
    Form,
    Format,
    FormData,
    Gathered,
    Generation,
    GroupInputs,
    InvalidInput,
    Look,
    More,
    Part,
    PublicationInputs,
    PublicationWriter,
    Reference,
    Rendered,
    Route,
    Selection,
    Settings,
    Staged,
    StagedBlob,
    UpstreamInvalid,
    Verb,
    WriteClass,
)

TOY: Final = "application/x-toy"
_NAME: Final = re.compile(r"[a-z0-9]+(?:/[a-z0-9]+)?")
_VERSION: Final = re.compile(r"[a-z0-9][a-z0-9.-]*")
_PART: Final = re.compile(r"catalog-([0-9a-f]{64})\.part")
_LIST: Final = ".versions"
_MOST_HEADERS: Final = 4096  # bytes


class ToySettings(Settings):
    """A toy repository's own field."""

    max_size: int = 1 << 20
    """Bytes of a package."""


@dataclass(frozen=True, slots=True)
class Versions:
    """The index of a name: its versions, oldest path first."""

    name: str = "versions"

    def selects(self, key: str) -> Selection:
        return Selection(key)

    def build(self, key: str, assets: Iterable[Asset]) -> Sequence[str]:
        return tuple(asset.label for asset in assets)

    def apply(self, key: str, document: Sequence[str], changes: Sequence[Change]) -> Sequence[str]:
        versions = set(document)
        for change in changes:
            (versions.discard if change.retired else versions.add)(change.asset.label)
        return tuple(sorted(versions))

    def size(self, document: Sequence[str]) -> int:
        return 80 * len(document)

    def path(self, key: str) -> str:
        return f"{key}/{_LIST}"

    def parse(self, key: str, answers: Sequence[Answer]) -> Sequence[str] | More:
        try:
            pages = [json.loads(answer.body) for answer in answers]
            more = pages[-1].get("next")
            return More(more) if more else tuple(sorted(v for page in pages for v in page["versions"]))
        except (ValueError, KeyError, AttributeError) as error:
            raise UpstreamInvalid(f"this is no list of versions: {error!r}") from error

    def merge(self, key: str, parts: Sequence[Part[Sequence[str]]]) -> Sequence[str]:
        return tuple(sorted({version for part in parts for version in part.document}))


@dataclass(frozen=True, slots=True)
class Catalog:
    """The publication: one for the whole repository, so there is one key."""

    name: str = "catalog"
    version: int = 1
    quiet: timedelta = QUIET
    longest_wait: timedelta = LONGEST_WAIT

    def touches(self, path: str, settings: Any) -> Iterable[str]:
        return ("",)

    def keys(self, settings: Any) -> Iterable[str]:
        return ()

    def owns(self, path: str) -> str | None:
        return "" if path.startswith("catalog") and "/" not in path else None

    def selects(self, key: str) -> str:
        return ""

    def entry(self, key: str) -> str:
        return "catalog.json"

    def publish(
        self, key: str, inputs: PublicationInputs, previous: Generation | None, out: PublicationWriter
    ) -> None:
        _publish_list((inputs.derived(asset, "facts") for asset in inputs), previous, out)

    def merge(
        self, key: str, inputs: GroupInputs, previous: Generation | None, out: PublicationWriter
    ) -> None:
        lines: dict[str, bytes] = {}
        for member in inputs.members:
            with member.open("catalog.json") as file:
                part = json.load(file)["part"]
            with member.open(part) as file:
                for line in file.read().splitlines():
                    facts = json.loads(line)
                    path = _path(facts["name"], facts["version"])
                    if member.allows(path):
                        lines.setdefault(path, line)
        _publish_list((lines[path] for path in sorted(lines)), previous, out)

    def gathers(self, key: str) -> Sequence[str]:
        return ("catalog.json", "catalog.json.sig", "catalog.key")

    def gather(self, key: str, answers: Sequence[Answer]) -> Gathered | More:
        paths = self.gathers(key)
        if len(answers) < len(paths):
            return More(paths[len(answers)], optional=True)
        try:
            needs = [json.loads(answers[0].body)["part"]]
        except (ValueError, KeyError, TypeError) as error:
            raise UpstreamInvalid(f"this is no catalog: {error!r}") from error
        types = ("application/json", "application/octet-stream", "application/x-pem-file")
        files = {
            path: (answer.body, type)
            for path, answer, type in zip(paths, answers, types, strict=True)
            if not answer.absent
        }
        return Gathered(files, needs)


def _publish_list(lines: Iterable[bytes], previous: Generation | None, out: PublicationWriter) -> None:
    count = 0
    with out.create() as part:
        for line in lines:
            part.write(line + b"\n")
            count += 1
        listed = part.finish()
    path = f"catalog-{listed.checksums['sha256']}.part"
    out.add(path, listed, content_type="text/plain")
    entry = json.dumps({"packages": count, "part": path}).encode()
    out.add("catalog.json", entry, content_type="application/json")
    out.add("catalog.json.sig", out.sign(entry), content_type="application/octet-stream")
    out.add("catalog.key", out.public_key, content_type="application/x-pem-file")
    out.state = {"runs": 1 if previous is None else previous.state["runs"] + 1}


VERSIONS: Final = Versions()


def describe(path: str, content_type: str, file: BinaryIO) -> Description:
    """The `key: value` lines a package begins with."""
    head = file.read(_MOST_HEADERS).partition(b"\n\n")[0]
    pairs = [line.partition(": ") for line in head.decode("utf-8", "replace").splitlines()]
    stated = {key: value for key, separator, value in pairs if separator}
    name, version = stated.get("name", ""), stated.get("version", "")
    if path != _path(name, version):
        raise InvalidInput(f"the file says it is {name} {version}, its path does not")
    required = [value.split(" ") for key, _, value in pairs if key == "requires"]
    return Description(
        Coordinates("", name, version),
        version,
        {"title": stated.get("title", "")},
        [Reference(_path(*each), required=True) for each in required],
        {"facts": json.dumps(stated, sort_keys=True).encode()},
    )


def fetch(path: str, settings: Any, look: Look) -> Sequence[Fetch]:
    """Packages and their facts, the list of versions, and the files of the catalog."""
    name, _, last = path.rpartition("/")
    if not name:
        checksum = _PART.fullmatch(path)
        expected = {"sha256": checksum[1]} if checksum else {}
        return [Fetch(path, IMMUTABLE if checksum else MUTABLE, expected=expected)]
    if last == _LIST:
        return [Fetch(f"names/{quote(name, safe='')}", whole=True)]
    freshness = IMMUTABLE if immutable(path, settings) else MUTABLE
    return [Fetch(f"packages/{quote(name, safe='')}/{last}", freshness, whole=companion(path) is not None)]


def immutable(path: str, settings: Any) -> bool:
    package = companion(path) or path
    released = package.endswith(".toy") and write_class(package, settings) is WriteClass.ONCE
    return released or addressed(path)


def addressed(path: str) -> bool:
    return _PART.fullmatch(path) is not None


def companion(path: str) -> str | None:
    return path.removesuffix(".facts") if path.endswith(".toy.facts") else None


def get_package(exchange: Exchange) -> Content:
    return exchange.repository.get(_path(**exchange.params))


def get_facts(exchange: Exchange) -> Content:
    content = exchange.repository.get(_path(**exchange.params), derived="facts")
    return content.with_headers(("content-type", "application/json"))


def receive_package(exchange: Exchange) -> Staged:
    exchange.repository.permit(Verb.WRITE, _path(**exchange.params))
    return Staged(exchange.repository.settings.max_size)


def put_package(exchange: Exchange) -> Rendered:
    assert isinstance(exchange.body, StagedBlob)
    return _publish(exchange, _path(**exchange.params), exchange.body)


def delete_package(exchange: Exchange) -> Rendered:
    with exchange.repository.edit() as edit:
        edit.delete(_path(**exchange.params), unless_referenced=True)
    return Rendered(204)


def receive_form(exchange: Exchange) -> Form:
    return Form("content", exchange.repository.settings.max_size)


def post_form(exchange: Exchange) -> Rendered:
    form = exchange.body
    assert isinstance(form, FormData)
    if form.file is None:
        raise InvalidInput("the form has no file")
    name, version = (form.fields.get(field, [""])[0] for field in ("name", "version"))
    return _publish(exchange, _path(name, version), form.file)


def list_versions(exchange: Exchange) -> Rendered:
    document = exchange.repository.index(VERSIONS, exchange.params["name"])
    body = json.dumps({"versions": document.value}).encode()
    return Rendered(200, [("content-type", "application/json")], body, document.depends)


def get_published(exchange: Exchange) -> Content:
    return exchange.repository.get(exchange.located.path)


def put_published(exchange: Exchange) -> Rendered:
    """Always refused: by the repository, since the publication owns the path."""
    assert isinstance(exchange.body, StagedBlob)
    with exchange.repository.edit() as edit:
        edit.put(exchange.located.path, exchange.body, content_type="application/json")
    return Rendered(201)


def delete_published(exchange: Exchange) -> Rendered:
    with exchange.repository.edit() as edit:
        edit.delete(exchange.located.path)
    return Rendered(204)


def write_class(path: str, settings: Any) -> WriteClass:
    return WriteClass.REPLACE if path.endswith("-snapshot.toy") else WriteClass.ONCE


def owner(path: str) -> str | None:
    return path.rpartition("/")[0] or None


def render_error(error: ArtifactdError, status: int, arrival: Arrival) -> Rendered:
    body = {"toy": type(error).__name__, "why": str(error)}
    return Rendered(status, [("content-type", "application/x-toy-error+json")], json.dumps(body).encode())


def _path(name: str, version: str) -> str:
    if not _NAME.fullmatch(name) or not _VERSION.fullmatch(version):
        raise InvalidInput(f"{name!r} {version!r} names no package")
    return f"{name}/{version}.toy"


def _publish(exchange: Exchange, path: str, blob: StagedBlob) -> Rendered:
    facts = exchange.services.describe(path, TOY, blob)
    with exchange.repository.edit() as edit:
        edit.put(
            path,
            blob,
            content_type=TOY,
            coordinates=facts.coordinates,
            label=facts.label,
            attributes=facts.attributes,
            references=facts.references,
            derived=facts.derived,
        )
    return Rendered(200 if edit.revision is None else 201)


_PACKAGE = "packages/{name:raw}/{version}.toy"

format = Format(
    name="toy",
    title="Toys",
    routes=(
        Route("GET HEAD", _PACKAGE, Verb.READ, get_package, keyed=True),
        Route("PUT", _PACKAGE, Verb.WRITE, put_package, receive_package),
        Route("DELETE", _PACKAGE, Verb.DELETE, delete_package),
        Route("GET HEAD", f"{_PACKAGE}.facts", Verb.READ, get_facts),
        Route("POST", "", Verb.WRITE, post_form, receive_form),
        Route("GET HEAD", "names/{name:raw}", Verb.READ, list_versions),
        Route("GET HEAD", "catalog{rest}", Verb.READ, get_published, keyed=True),
        Route("PUT", "catalog{rest}", Verb.WRITE, put_published, lambda exchange: Staged(1 << 20)),
        Route("DELETE", "catalog{rest}", Verb.DELETE, delete_published),
    ),
    settings=ToySettings,
    owner=owner,
    write_class=write_class,
    immutable=immutable,
    addressed=addressed,
    companion=companion,
    describe=describe,
    fetch=fetch,
    publications=(Catalog(),),
    render_error=render_error,
    statuses={AssetExists: 422},
)
