"""The page of a repository for people: where its list is, and how clients are pointed at it."""

from html import escape
from typing import Final

from artifactd.plugin import Exchange, Rendered, Snippet, SnippetContext
from artifactd_pypi.requests import base_url
from artifactd_pypi.snippets import snippets

_HEADERS: Final = (
    ("Content-Type", "text/html; charset=utf-8"),
    ("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; sandbox"),
    ("Cache-Control", "no-store"),
)


def show_repository(exchange: Exchange) -> Rendered:
    """The page. It shows what any visitor with the right to read may know."""
    name = exchange.repository.name
    shown = snippets(SnippetContext(name, base_url(exchange)))
    body = _PAGE.format(name=escape(name), style=_STYLE, snippets="".join(map(_section, shown)))
    return Rendered(200, _HEADERS, body.encode())


_PAGE: Final = """<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>{name}</title><style>{style}</style></head>
<body>
<h1>{name}</h1>
<p><a href="simple/">All projects</a></p>
{snippets}</body>
</html>
"""


_STYLE: Final = (
    ":root{color-scheme:light dark}body{max-width:44rem;margin:6vh auto;padding:0 1.5rem;"
    "font:1rem/1.55 system-ui,sans-serif}h2{font-size:1rem;margin:1.6rem 0 .4rem}"
    "pre{margin:0;padding:.8rem 1rem;overflow-x:auto;border:1px solid;border-radius:.4rem;"
    "font-size:.875rem}"
)


def _section(snippet: Snippet) -> str:
    heading = f"{snippet.client}: {snippet.title} ({snippet.place})"
    return f"<h2>{escape(heading)}</h2>\n<pre>{escape(snippet.text)}</pre>\n"
