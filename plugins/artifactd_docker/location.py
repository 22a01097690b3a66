"""Which repository a request, or a name inside one, means.

A declared host name or port stands for one repository, and names are the image's own. At the main entry
the first component of a name is the repository's key, and every name given back carries it (docker R8, R9),
unless the request names the registry that a repository stands for (`namespaces.py`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from artifactd.plugin import HISTORY_MARK, Arrival, Directory, Exchange, Located
from artifactd_docker.errors import NameInvalid
from artifactd_docker.names import ImageName, image_name
from artifactd_docker.namespaces import MAIN, namespace_of, repository_of

BASE = "/v2"
CATALOG = "/v2/_catalog"
TOKEN = "/auth/token"  # noqa: S105 - a path

_OF_THE_ENTRY = frozenset({BASE, f"{BASE}/", CATALOG, TOKEN})
"""Paths that name no image. Behind `locate` they keep their slash, which no path within a repository
has."""


def locate(arrival: Arrival, directory: Directory) -> Located | None:
    """Where `arrival` goes."""
    namespace = namespace_of(arrival)
    declared = (
        _declared(arrival.entry, directory) if namespace is None else repository_of(namespace, directory)
    )
    if arrival.path in _OF_THE_ENTRY:
        return Located(declared, arrival.path)
    if not arrival.path.startswith(f"{BASE}/"):
        return None
    name = arrival.path.removeprefix(f"{BASE}/")
    if declared is not None:
        return Located(declared, name)
    if namespace is not None:
        return Located(arrival.entry, name)  # no repository has a colon in its name
    key, _, path = name.partition("/")
    repository, at = _keyed(key)
    return Located(repository, path, prefix=f"{key}/", at=at)


@dataclass(frozen=True, slots=True)
class ImagePlace:
    """An image in a repository, and the moment of its past, as a client's name for it says."""

    repository: str
    image: ImageName
    at: str | None = None


def find_image(exchange: Exchange, name: str) -> ImagePlace:
    """The image that the client of `exchange` calls `name`. Raises NameInvalid."""
    if exchange.arrival.entry != MAIN and exchange.located.repository is not None:
        return ImagePlace(exchange.located.repository, image_name(name))
    if namespace_of(exchange.arrival) is not None:
        raise NameInvalid(f"no repository stands for the registry that {name!r} is of")
    key, slash, image = name.removeprefix(f"{exchange.arrival.host}/").partition("/")
    if not slash:
        raise NameInvalid(f"{name!r} does not say which image of repository {key!r} it means")
    repository, at = _keyed(key)
    return ImagePlace(repository, image_name(image), at)


def image_of(exchange: Exchange) -> ImageName:
    """The image in the request's path. Raises NameInvalid."""
    return image_name(exchange.params["image"])


def url(exchange: Exchange, *segments: str, query: Sequence[tuple[str, str]] = ()) -> str:
    """A path below the image of the request, with a query, as its client sees it. Relative to the host, so
    that it holds whatever stands between us (docker R101)."""
    name = f"{exchange.located.prefix}{exchange.params['image']}"
    return with_query(exchange, "/".join((BASE, name, *segments)), query)


def with_query(exchange: Exchange, path: str, query: Sequence[tuple[str, str]]) -> str:
    """A path with a query, which names the registry that the client named."""
    namespace = namespace_of(exchange.arrival)
    parameters = [*query, *([] if namespace is None else [("ns", namespace)])]
    return f"{path}?{urlencode(parameters)}" if parameters else path


def namespace_headers(exchange: Exchange) -> Sequence[tuple[str, str]]:
    """What tells a client that the registry it named was understood (docker R11)."""
    namespace = namespace_of(exchange.arrival)
    return () if namespace is None else (("OCI-Namespace", namespace),)


def _declared(entry: str, directory: Directory) -> str | None:
    kind, _, value = entry.partition(":")
    if kind == "host":
        record = directory.of_host(value)
    elif kind == "port":
        record = directory.of_port(int(value))
    else:
        return None
    return None if record is None else record.name


def _keyed(key: str) -> tuple[str, str | None]:
    repository, mark, at = key.partition(HISTORY_MARK)
    return repository, at if mark else None
