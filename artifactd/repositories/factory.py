"""From a repository's row to a repository: the one place that knows which class answers for a kind."""

from collections.abc import Callable, Mapping
from typing import Any

from artifactd.auth.principal import Principal
from artifactd.catalog.repositories import RepositoryRecord
from artifactd.clock import Micros
from artifactd.errors import Unavailable
from artifactd.repositories.catalog import Catalog, FormatRules
from artifactd.repositories.hosted import HostedRepository
from artifactd.repositories.repository import Repository

HOSTED = "hosted"
KINDS = (HOSTED,)

Parse = Callable[[Mapping[str, Any]], Any]
"""A format's settings document as its settings object."""


class RepositoryFactory:
    """Makes repositories bound to a principal. `rules` and `settings` come from the formats, by name.
    Parsed settings are kept per row version."""

    def __init__(
        self, catalog: Catalog, rules: Mapping[str, FormatRules], settings: Mapping[str, Parse]
    ) -> None:
        self.catalog = catalog
        self._rules = rules
        self._parsers = settings
        self._kept: dict[int, tuple[int, Any]] = {}

    def open(
        self, record: RepositoryRecord, principal: Principal, past: Micros | None = None
    ) -> Repository:
        """The repository as `principal` sees it. Raises Unavailable when it is offline, Gone for a moment
        its history does not reach."""
        if not record.online:
            raise Unavailable(f"repository {record.name!r} is offline", retry_after=60)
        rules, settings = self.rules(record), self.settings(record)
        return HostedRepository(self.catalog, record, rules, settings, principal, past)

    def rules(self, record: RepositoryRecord) -> FormatRules:
        """What the repository's format says. Raises Unavailable when it is not installed."""
        if record.format not in self._rules:
            raise Unavailable(f"the format {record.format!r} is not installed", retry_after=60)
        return self._rules[record.format]

    def settings(self, record: RepositoryRecord) -> Any:
        """The repository's settings as its format's object."""
        kept = self._kept.get(record.id)
        if kept is None or kept[0] != record.version:
            kept = (record.version, self._parsers[record.format](record.settings))
            self._kept[record.id] = kept
        return kept[1]
