"""The page a person sees in a browser: what this server is, and how clients are pointed at it."""

import html
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from string import Template

from artifactd.formats.format import Format
from artifactd.formats.snippets import SnippetContext
from artifactd.repositories.content import Rendered

_HEADERS = (
    ("content-type", "text/html; charset=utf-8"),
    ("content-security-policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"),
    ("referrer-policy", "no-referrer"),
    ("cache-control", "no-store"),
)


def front_page(version: str, formats: Iterable[Format], scheme: str, host: str) -> Rendered:
    """The page for a client that came by `scheme` to `host`: for each format, how its first repository is
    used, which is called like it."""
    document = _template().substitute(
        version=html.escape(version),
        sections="".join(_section(format, f"{scheme}://{host}") for format in formats),
    )
    return Rendered(200, _HEADERS, document.encode())


def _section(format: Format, base: str) -> str:
    snippets = format.snippets(SnippetContext(format.name, f"{base}/repository/{format.name}/"))
    shown = "".join(f"<pre>{html.escape(snippet.text)}</pre>\n" for snippet in snippets[:1])
    return f"<h2>{html.escape(format.title)}</h2>\n{shown}"


@cache
def _template() -> Template:
    return Template((web_folder() / "front.html").read_text())


def web_folder() -> Path:
    """Where the files of the pages lie: within the installed wheel, or at the top of a checkout."""
    package = Path(__file__).resolve().parent.parent
    installed = package / "_web"
    return installed if installed.is_dir() else package.parent / "web"
