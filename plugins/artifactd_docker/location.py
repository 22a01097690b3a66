"""Which repository a request, or a name inside one, means.

A declared host name or port stands for one repository, and names are the image's own. At the main entry
the first component of a name is the repository's key, and every name given back carries it (docker R8, R9).
"""

from dataclasses import dataclass

from artifactd.plugin import HISTORY_MARK, Arrival, Directory, Exchange, Located
from artifactd_docker.errors import NameInvalid
from artifactd_docker.names import ImageName, image_name

MAIN = "main"
BASE = "/v2"
CATALOG = "/v2/_catalog"
TOKEN = "/auth/token"  # noqa: S105 - a path

_OF_THE_ENTRY = frozenset({BASE, f"{BASE}/", CATALOG, TOKEN})
"""Paths that name no image. Behind `locate` they keep their slash, which no path within a repository
has."""


def locate(arrival: Arrival, directory: Directory) -> Located | None:
    """Where `arrival` goes."""
    declared = _declared(arrival.entry, directory)
    if arrival.path in _OF_THE_ENTRY:
        return Located(declared, arrival.path)
    if not arrival.path.startswith(f"{BASE}/"):
        return None
    name = arrival.path.removeprefix(f"{BASE}/")
    if declared is not None:
        return Located(declared, name)
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
    key, slash, image = name.removeprefix(f"{exchange.arrival.host}/").partition("/")
    if not slash:
        raise NameInvalid(f"{name!r} does not say which image of repository {key!r} it means")
    repository, at = _keyed(key)
    return ImagePlace(repository, image_name(image), at)


def image_of(exchange: Exchange) -> ImageName:
    """The image in the request's path. Raises NameInvalid."""
    return image_name(exchange.params["image"])


def url(exchange: Exchange, *segments: str) -> str:
    """A path below the image of the request, as its client sees it. Relative to the host, so that it holds
    whatever stands between us (docker R101)."""
    return "/".join((BASE, f"{exchange.located.prefix}{exchange.params['image']}", *segments))


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
