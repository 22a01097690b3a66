"""Reading repositories in a task, which may wait for upstreams."""

from collections.abc import Callable
from io import BytesIO
from typing import BinaryIO, TypeVar

from artifactd.errors import AssetNotFound
from artifactd.repositories.content import Content, GrowingSource, InlineSource, StoredSource
from artifactd.repositories.inquiry import MOST_QUESTIONS, Inquiry
from artifactd.repositories.publication import Unpublished
from artifactd.repositories.repository import Repository
from artifactd.upstream.question import Grows, Kept, Wanted
from artifactd.upstream.waiting import Waiting

R = TypeVar("R")


class WaitingReader:
    """Reads one repository, which was opened for `inquiry`, and asks `upstreams` for what it lacks."""

    def __init__(self, repository: Repository, inquiry: Inquiry, upstreams: Waiting) -> None:
        self._repository = repository
        self._inquiry = inquiry
        self._upstreams = upstreams

    def fetched(self, path: str) -> Content:
        """The asset at a path, whose bytes have all come if they were on their way. Raises what
        `Repository.get` does."""
        content = self._answered(lambda: self._repository.get(path))
        if isinstance(content.source, GrowingSource):
            self._upstreams.follow(content.source.growing)
        return content

    def stored(self, path: str) -> Content:
        """The asset at a path, with its bytes at rest."""
        content = self.fetched(path)
        if isinstance(content.source, GrowingSource):
            outcomes = self._inquiry.outcomes  # what has come is in the catalog now
            outcomes |= {key: Kept() for key, outcome in outcomes.items() if isinstance(outcome, Grows)}
            content = self.fetched(path)
        return content

    def open(self, content: Content) -> BinaryIO:
        """The bytes of what `stored` gave. The caller closes it."""
        match content.source:
            case StoredSource(store, location):
                return store.open(location)
            case InlineSource(body):
                return BytesIO(body)
        raise AssetNotFound(self._repository.name, "")

    def _answered(self, ask: Callable[[], R]) -> R:
        for _ in range(MOST_QUESTIONS):
            try:
                return ask()
            except Unpublished:
                raise AssetNotFound(self._repository.name, "") from None  # the task for it comes after
            except Wanted as wanted:
                self._inquiry.learn(wanted.questions, self._upstreams.ask(wanted.questions))
        raise AssetNotFound(self._repository.name, "")
