"""Set-up snippets: what is written where, so that a client talks to a repository."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SnippetContext:
    """The repository that clients are pointed at. `url` is its full address as the asking client sees it,
    ending in a slash."""

    repository: str
    url: str

    @property
    def host(self) -> str:
        """The host, and the port if the address has one."""
        return self.url.partition("://")[2].partition("/")[0]

    @property
    def is_secure(self) -> bool:
        """Whether it is reached by TLS: some clients want to be told when it is not."""
        return self.url.startswith("https:")


@dataclass(frozen=True, slots=True)
class Snippet:
    """A few lines for one client. `place` is where they go: a file, or `console`. Words in capitals are the
    reader's to replace; no secret stands in it."""

    client: str
    title: str
    place: str
    text: str


def no_snippets(context: SnippetContext) -> Sequence[Snippet]:
    """For formats that need no set-up."""
    return ()
