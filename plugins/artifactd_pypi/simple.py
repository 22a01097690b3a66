"""The simple repository API (PEP 503, 691): a page for each project, and the list of them."""

from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import quote

from artifactd.plugin import Content, Document, Exchange, Rendered, Verb, represented
from artifactd_pypi.errors import ProjectNotFound
from artifactd_pypi.negotiation import form_for
from artifactd_pypi.pages import list_page, project_page
from artifactd_pypi.project_index import PROJECTS
from artifactd_pypi.requests import asked_project, base_url

_VARY: Final = ("Vary", "Accept")
_POLICY: Final = ("Content-Security-Policy", "default-src 'none'; sandbox allow-downloads")
"""All of a page is escaped; should something slip through, it still can do nothing."""


def list_projects(exchange: Exchange) -> Content:
    """The projects that hold a file the principal may read."""
    form = form_for(exchange.arrival)
    names = exchange.repository.names()
    number = serial_of(names)
    page = names.represented(form.value, lambda: list_page(names.value, number, form))
    return represented(page, names.changed, names.depends, _VARY, _POLICY, *serial_headers(number))


def get_project(exchange: Exchange) -> Content | Rendered:
    """A project's page, at its normalised name alone."""
    name = asked_project(exchange)
    if name != exchange.params["project"]:
        exchange.repository.permit(Verb.READ, f"{name}/")
        return _redirect(exchange, f"../{quote(name)}/")
    document = exchange.repository.index(PROJECTS, name)
    if not document.revision:
        raise ProjectNotFound(exchange.repository.name, name, document.depends)
    form = form_for(exchange.arrival)
    attested = document.value.attested
    base, number = base_url(exchange) if attested else "", serial_of(document)
    page = document.represented(
        f"{form.value} {base}",
        lambda: project_page(name, document.value, number, form, base),
    )
    # An answer that names our own address is for this client's way here, and for no cache of answers.
    depends = None if attested else document.depends
    return represented(page, document.changed, depends, _VARY, _POLICY, *serial_headers(number))


def add_slash(exchange: Exchange) -> Rendered:
    """To a page's own address. Uploads have a route before this one."""
    name = asked_project(exchange)
    exchange.repository.permit(Verb.READ, f"{name}/")
    return _redirect(exchange, f"{quote(name)}/")


def add_slash_to_list(exchange: Exchange) -> Rendered:
    """To the list's own address."""
    return _redirect(exchange, "simple/")


def serial_of(document: Document[Any]) -> int | None:
    """The number by which mirrors see what has changed, None for a group's documents: those of its members
    are no number that only grows once a member comes or goes (pypi R57)."""
    return None if document.merged else document.revision


def serial_headers(serial: int | None) -> Sequence[tuple[str, str]]:
    """The header that says it."""
    return [] if serial is None else [("X-PyPI-Last-Serial", str(serial))]


def _redirect(exchange: Exchange, location: str) -> Rendered:
    """Relative, so that it holds whatever stands in front of us (pypi R21)."""
    query = exchange.arrival.query_string.decode("latin-1")
    return Rendered(301, [("Location", f"{location}?{query}" if query else location)])
