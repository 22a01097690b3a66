"""What a request's path names."""

from packaging.version import InvalidVersion

from artifactd.plugin import Exchange
from artifactd_pypi.errors import ProjectNotFound, UploadInvalid, VersionNotFound
from artifactd_pypi.names import ProjectName, Release, parse_version, project_name


def asked_project(exchange: Exchange) -> ProjectName:
    """The project. Raises ProjectNotFound for what cannot name one: to look for it is no mistake."""
    asked = exchange.params["project"]
    try:
        return project_name(asked)
    except UploadInvalid:
        raise ProjectNotFound(exchange.repository.name, asked) from None


def asked_version(exchange: Exchange) -> Release:
    """The version. Raises VersionNotFound for what is none."""
    asked = exchange.params["version"]
    try:
        return parse_version(asked)[1]
    except InvalidVersion:
        raise VersionNotFound(exchange.repository.name, f"{exchange.params['project']} {asked}") from None


def base_url(exchange: Exchange) -> str:
    """The repository's full address as the client sees it, ending in a slash."""
    arrival = exchange.arrival
    return f"{arrival.scheme}://{arrival.host}{exchange.located.prefix}"
