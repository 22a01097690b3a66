"""The directory: which repositories exist and how they are reached, held in memory under the change
feed."""

from collections.abc import Mapping

from artifactd.catalog.repositories import Repositories, RepositoryRecord
from artifactd.db.generations import DIRECTORY
from artifactd.db.writer import Database
from artifactd.errors import RepositoryNotFound


class _Listing:
    def __init__(self, taken: tuple[tuple[int, int], ...], records: list[RepositoryRecord]) -> None:
        self.taken = taken
        self.by_name: Mapping[str, RepositoryRecord] = {record.name: record for record in records}
        self.by_host = {host: record for record in records for host in record.hosts}
        self.by_port = {port: record for record in records for port in record.ports}


class Directory:
    """Looks repositories up without asking the database, unless one was created, changed or deleted
    since."""

    def __init__(self, database: Database, repositories: Repositories) -> None:
        self._generations = database.generations
        self._repositories = repositories
        self._listing = _Listing(((DIRECTORY, -1),), [])

    def find(self, name: str) -> RepositoryRecord:
        """The repository of this name. Raises RepositoryNotFound."""
        record = self._current().by_name.get(name)
        if record is None:
            raise RepositoryNotFound(name)
        return record

    def of_host(self, host: str) -> RepositoryRecord | None:
        """The repository for which this host name (lower case, without a port) was declared."""
        return self._current().by_host.get(host)

    def of_port(self, port: int) -> RepositoryRecord | None:
        """The repository for which this port was declared."""
        return self._current().by_port.get(port)

    def all(self) -> list[RepositoryRecord]:
        """Every repository, ordered by name."""
        return list(self._current().by_name.values())

    def ports(self) -> frozenset[int]:
        """Every declared port: what must be listened on beside the main one."""
        return frozenset(self._current().by_port)

    def _current(self) -> _Listing:
        listing = self._listing
        if not self._generations.current(listing.taken):
            taken = self._generations.take((DIRECTORY,))
            listing = self._listing = _Listing(taken, self._repositories.all())
        return listing
