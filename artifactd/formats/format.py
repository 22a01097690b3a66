"""What a format is: a frozen value with pure functions. Importing one does nothing."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, BinaryIO, Literal

from pydantic import BaseModel, ConfigDict

from artifactd.auth.principal import Verb
from artifactd.catalog.directory import Directory
from artifactd.catalog.repositories import HISTORY_MARK
from artifactd.errors import ArtifactdError
from artifactd.formats.exchange import Arrival, Exchange, Later, Located, Sink
from artifactd.formats.snippets import Snippet, SnippetContext, no_snippets
from artifactd.repositories.content import Content, Rendered
from artifactd.repositories.description import Description
from artifactd.repositories.fetch import Fetch, Look, fetch_nothing
from artifactd.repositories.policy import WriteClass, WritePolicy
from artifactd.repositories.publication import Publication

Handler = Callable[[Exchange], Content | Rendered | Later]


class Settings(BaseModel):
    """What every hosted repository can be told; formats add their own fields. Drives API and
    documentation."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    write_policy: WritePolicy = WritePolicy.ALLOW
    """allow: published files may be replaced; allow_once: not; deny: the repository takes no writes."""


@dataclass(frozen=True)
class Route:
    """One thing clients can ask for.

    `pattern` is matched against `Located.path` as a whole: `{x}` is one segment, `{x:path}` one or more,
    `{x:raw}` one segment that may hold encoded slashes (`%2F`); the parameter has them as slashes.
    Elsewhere a path with `%2F` is refused. `Located.path` has `ENCODED_SLASH` for each.
    When several routes fit, the first in the format's order answers. `methods`: separated by spaces; GET
    does not imply HEAD. `verb`: the right it takes, checked coarsely before the handler and exactly by the
    repository; None leaves it to the handler. `receive` decides from the headers where the body goes, and
    may refuse.
    `keyed`: the handler makes only a few keyed reads, so it may run on the event loop where those cost
    microseconds."""

    methods: str
    pattern: str
    verb: Verb | None
    handler: Handler
    receive: Callable[[Exchange], Sink] | None = None
    scope: Literal["repository", "format"] = "repository"
    keyed: bool = False

    def regex(self) -> re.Pattern[str]:
        """The pattern as a regular expression for `fullmatch`."""
        parts = re.split(r"\{(\w+)(:path|:raw)?\}", self.pattern)
        expression = re.escape(parts[0])
        for name, form, literal in zip(parts[1::3], parts[2::3], parts[3::3], strict=True):
            expression += f"(?P<{name}>{_FORMS[form]}){re.escape(literal)}"
        return re.compile(expression, re.DOTALL)

    @property
    def raw(self) -> bool:
        """Whether a parameter may hold encoded slashes."""
        return ":raw}" in self.pattern


ENCODED_SLASH = "\x1f"
"""Stands for `%2F` in decoded paths until a route has told it from `/`: a control character, which no path
may hold."""

_FORMS = {None: "[^/\x1f]+", ":path": "[^\x1f]+", ":raw": "[^/]+"}


def by_prefix(arrival: Arrival, directory: Directory) -> Located | None:
    """`/repository/{name}/{path}`: how every format is reached that declares nothing else.
    `{name}.at.{moment}` is the repository as it was. Without the slash behind its name it is the same
    place: some clients are configured so, and an upload that is redirected has failed."""
    _, _, rest = arrival.path.partition("/repository/")
    written, _, path = rest.partition("/")
    if not written:
        return None
    name, mark, moment = written.partition(HISTORY_MARK)
    return Located(name, path, prefix=f"/repository/{written}/", at=moment if mark else None)


def no_owner(path: str) -> str | None:
    """For formats whose paths belong to no name."""
    return None


def always_once(path: str, settings: Any) -> WriteClass:
    """Every path is published once; the write policy decides the rest."""
    return WriteClass.ONCE


def never(path: str, settings: Any) -> bool:
    """For formats whose paths may hold other bytes at any time."""
    return False


def not_addressed(path: str) -> bool:
    """For formats whose paths do not say what bytes they hold."""
    return False


def as_named(name: str) -> str | None:
    """For formats whose owner names stand for themselves."""
    return name


def no_companion(path: str) -> str | None:
    """For formats whose files stand alone."""
    return None


def as_asked(path: str, settings: Any) -> str:
    """For formats that have one name for each thing."""
    return path


def one_entry(entry: str, query_string: bytes) -> str:
    """For formats that have no entry points in queries."""
    return entry


def describe_nothing(path: str, content_type: str, file: BinaryIO) -> Description:
    """For formats that look into no file."""
    return Description()


def challenge_basic(arrival: Arrival, located: Located | None, verb: Verb | None, error: Exception) -> str:
    """The WWW-Authenticate header of a 401 (RFC 7617)."""
    return 'Basic realm="artifactd", charset="UTF-8"'


@dataclass(frozen=True)
class Starter:
    """A repository that a fresh server has: hosted, or a group where it has `members`, of starters before
    it. `settings` as the API takes them."""

    name: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    members: Sequence[str] = ()
    writable: str | None = None


@dataclass(frozen=True)
class Format:
    """A format. `mounts`: path prefixes at the root of the host that it serves beside `/repository/`, and
    for which `locate` answers. `owner`: the owner name of an asset path; asset paths begin with it.
    `immutable`: whether what is at a path will never be other bytes; `addressed`: whether the path says by
    digest which bytes these are. `owned_as`: the owner name whose owner counts for an owner name in groups,
    empty for what belongs to nobody and is merged from all, None for what no group has. `companion`: the
    path of the file that another one is made of or speaks of, both of which must come from one member of a
    group. `fetch`: what a proxy asks its upstream for the asset at a path, or for the document that an
    index keeps there: several are tried in order, none means that the upstream cannot have it.
    `canonical`: the path under which a proxy keeps, and asks for, what clients may call by several (asset
    paths and keys of indexes alike). `entry`: the entry point that a request means, when its query says
    more than its address.
    `publications`: sets of files that a task makes from a repository's assets. `snippets`: how clients are
    pointed at a repository.
    `starters`: the repositories of a fresh server, in order; by default a hosted one of the format's name.
    `render_error`: an error's body as this format's clients read it, None leaves it to the core; `statuses`
    where its clients need another status than everyone's."""

    name: str
    title: str
    routes: Sequence[Route]
    settings: type[Settings] = Settings
    mounts: Sequence[str] = ()
    locate: Callable[[Arrival, Directory], Located | None] = by_prefix
    owner: Callable[[str], str | None] = no_owner
    write_class: Callable[[str, Any], WriteClass] = always_once
    immutable: Callable[[str, Any], bool] = never
    addressed: Callable[[str], bool] = not_addressed
    owned_as: Callable[[str], str | None] = as_named
    companion: Callable[[str], str | None] = no_companion
    describe: Callable[[str, str, BinaryIO], Description] = describe_nothing
    fetch: Callable[[str, Any, Look], Sequence[Fetch]] = fetch_nothing
    canonical: Callable[[str, Any], str] = as_asked
    entry: Callable[[str, bytes], str] = one_entry
    publications: Sequence[Publication] = ()
    starters: Sequence[Starter] = ()
    snippets: Callable[[SnippetContext], Sequence[Snippet]] = no_snippets
    challenge: Callable[[Arrival, Located | None, Verb | None, Exception], str] = challenge_basic
    render_error: Callable[[ArtifactdError, int, Arrival], Rendered] | None = None
    statuses: Mapping[type[ArtifactdError], int] = field(default_factory=dict)
