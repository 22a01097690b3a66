"""The six clients that publish distributions, each the way its users call it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tests.support.homes import Home
from tests.support.programs import Said
from tests.support.projects import Project
from tests.support.server import Login


@dataclass(frozen=True, slots=True)
class Publisher:
    """A client. `backend` is what its users build with; `quotes` are the statuses whose text it shows to
    its user."""

    backend: str
    publish: Callable[[Home, Project, str, Login], Said]
    quotes: frozenset[int]


def _twine(home: Home, project: Project, url: str, login: Login) -> Said:
    flags = ("--non-interactive", "--disable-progress-bar", "--repository-url", url)
    credentials = ("-u", login.name, "-p", login.password)
    return home.program("twine", "upload", "--verbose").attempt(*flags, *credentials, *project.files)


def _uv(home: Home, project: Project, url: str, login: Login) -> Said:
    credentials = ("-u", login.name, "-p", login.password)
    return home.program("uv", "publish").attempt("--publish-url", url, *credentials, *project.files)


def _poetry(home: Home, project: Project, url: str, login: Login) -> Said:
    credentials = ("-u", login.name, "-p", login.password)
    poetry = home.program("poetry", "publish", "-n", POETRY_REPOSITORIES_OURS_URL=url)
    return poetry.attempt("-r", "ours", *credentials, cwd=project.folder)


def _hatch(home: Home, project: Project, url: str, login: Login) -> Said:
    credentials = ("-u", login.name, "-a", login.password)
    return home.program("hatch", "publish", "-n").attempt("-r", url, *credentials, cwd=project.folder)


def _flit(home: Home, project: Project, url: str, login: Login) -> Said:
    credentials = {"FLIT_USERNAME": login.name, "FLIT_PASSWORD": login.password}
    flit = home.program("flit", FLIT_NO_NETWORK="1", FLIT_INDEX_URL=url, **credentials)
    return flit.attempt("publish", "--no-use-vcs", cwd=project.folder)


def _pdm(home: Home, project: Project, url: str, login: Login) -> Said:
    credentials = ("-u", login.name, "-P", login.password)
    pdm = home.program("pdm", "publish", "--no-build", PDM_USE_VENV="0")
    return pdm.attempt("-r", url, *credentials, cwd=project.folder)


ALWAYS, NEVER = frozenset({400, 401, 403}), frozenset[int]()

PUBLISHERS: Mapping[str, Publisher] = {
    "twine": Publisher("setuptools", _twine, quotes=ALWAYS),
    "uv": Publisher("setuptools", _uv, quotes=ALWAYS),
    "poetry": Publisher("poetry", _poetry, quotes=ALWAYS),
    "hatch": Publisher("hatchling", _hatch, quotes=NEVER),
    "flit": Publisher("flit", _flit, quotes=frozenset({400})),
    "pdm": Publisher("pdm", _pdm, quotes=NEVER),
}
"""By name."""
