"""`/v2/` and `/v2/_catalog`: what is asked of an entry point, not of an image."""

import msgspec

from artifactd.plugin import Exchange, InsufficientScope, Page, Rendered, Unauthenticated
from artifactd_docker.location import CATALOG, with_query
from artifactd_docker.paging import PageAsked, asked_page, next_page
from artifactd_docker.rendering import API_VERSION

MOST_NAMES = 1000
"""Names in one answer."""

_JSON = ("Content-Type", "application/json")


def check_version(exchange: Exchange) -> Rendered:
    """Whether this is a registry and the client is logged in. Anonymous clients need a token too: some send
    credentials only where this answer demanded them (docker R21)."""
    _demand_credentials(exchange)
    return Rendered(200, [_JSON, API_VERSION], b"{}")


def list_all_images(exchange: Exchange) -> Rendered:
    """A page of the images of every repository, where the client sees them all."""
    _demand_scope(exchange)
    asked = asked_page(exchange.arrival.query, MOST_NAMES)
    page = exchange.services.names(after=asked.after, limit=asked.limit) if asked.limit else Page((), None)
    return _rendered(exchange, page, asked)


def list_images(exchange: Exchange) -> Rendered:
    """A page of the images of one repository, at an entry point that stands for it."""
    _demand_scope(exchange)
    asked = asked_page(exchange.arrival.query, MOST_NAMES)
    listed = exchange.repository.names(after=asked.after, limit=asked.limit + 1).value
    names = [name.path for name in listed]
    page = names[: asked.limit]
    more = page[-1] if page and len(names) > len(page) else None
    return _rendered(exchange, Page(page, more), asked)


def _rendered(exchange: Exchange, page: Page[str], asked: PageAsked) -> Rendered:
    headers = [_JSON]
    if page.next is not None:
        headers.append(next_page(with_query(exchange, CATALOG, asked.behind(page.next))))
    return Rendered(200, headers, msgspec.json.encode({"repositories": page.items}))


def _demand_credentials(exchange: Exchange) -> None:
    principal = exchange.arrival.principal
    if principal.anonymous and principal.scopes is None:
        raise Unauthenticated


def _demand_scope(exchange: Exchange) -> None:
    _demand_credentials(exchange)
    scopes = exchange.arrival.principal.scopes
    if scopes is not None and not scopes.access:
        raise InsufficientScope("read", "*", "")
