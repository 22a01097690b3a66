"""The page a person sees in a browser: what this server is, and how clients are pointed at it."""

import html
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from string import Template

from artifactd.repositories.content import Rendered

_HEADERS = (
    ("content-type", "text/html; charset=utf-8"),
    ("content-security-policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"),
    ("referrer-policy", "no-referrer"),
    ("cache-control", "no-store"),
)


def front_page(version: str, formats: Iterable[str], scheme: str, host: str) -> Rendered:
    """The page for a client that came by `scheme` to `host`."""
    document = _template().substitute(
        version=html.escape(version),
        formats=html.escape(" and ".join(formats)),
        host=html.escape(host),
        base=html.escape(f"{scheme}://{host}"),
    )
    return Rendered(200, _HEADERS, document.encode())


@cache
def _template() -> Template:
    return Template((web_folder() / "front.html").read_text())


def web_folder() -> Path:
    """Where the files of the pages lie: within the installed wheel, or at the top of a checkout."""
    package = Path(__file__).resolve().parent.parent
    installed = package / "_web"
    return installed if installed.is_dir() else package.parent / "web"
