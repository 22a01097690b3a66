"""A folder as a page for people. JSON for programs is the API's."""

from collections.abc import Sequence
from html import escape
from typing import Final
from urllib.parse import quote, urlencode

from artifactd.plugin import AssetNotFound, Entry, Exchange, Page, Rendered, moment

_POLICY: Final = ("Content-Security-Policy", "default-src 'none'; sandbox allow-downloads")
"""Names are escaped; should one slip through, it can do nothing. Without `allow-downloads` a sandboxed page
leads to no file that is saved (HTML, section 7.1.5)."""

MOST_ENTRIES: Final = 1000
"""Entries of one page."""


def list_folder(exchange: Exchange) -> Rendered:
    """A page of a folder's files and folders. The root is there even when it is empty."""
    folder = exchange.located.path
    repository = exchange.repository
    after = exchange.arrival.query.get("after", "")
    page = repository.list(folder, after=after, limit=MOST_ENTRIES)
    if folder and not page.items and not after:
        raise AssetNotFound(repository.name, folder)
    title = f"{exchange.located.prefix.strip('/').rpartition('/')[2]}/{folder}"
    body = render(title, page, parent=bool(folder)).encode()
    return Rendered(200, [("Content-Type", "text/html; charset=utf-8"), _POLICY], body)


def render(title: str, page: Page[Entry], *, parent: bool) -> str:
    """The page. Links are relative, so that it works wherever it is mounted."""
    rows = [_row("../", "../")] if parent else []
    rows += [_entry(entry) for entry in page.items]
    more = "" if page.next is None else f'<p><a href="?{_query(page.next)}" rel="next">more</a></p>\n'
    return _PAGE.format(title=escape(title), rows="".join(rows), more=more)


_PAGE = """<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>{title}</title></head>
<body>
<h1>{title}</h1>
<table>
<thead><tr><th scope="col">Name</th><th scope="col">Bytes</th><th scope="col">Added (UTC)</th></tr></thead>
<tbody>
{rows}</tbody>
</table>
{more}</body>
</html>
"""


def _entry(entry: Entry) -> str:
    # Quoting also keeps a first segment with a colon from being read as a scheme.
    link = quote(entry.path)
    asset = entry.asset
    if asset is None:
        return _row(link, entry.path)
    size = 0 if asset.blob is None else asset.blob.size
    return _row(link, entry.path, [str(size), f"{moment(asset.added):%Y-%m-%d %H:%M:%S}"])


def _row(link: str, name: str, facts: Sequence[str] = ("", "")) -> str:
    cells = "".join(f"<td>{fact}</td>" for fact in facts)
    return f'<tr><td><a href="{escape(link)}">{escape(name)}</a></td>{cells}</tr>\n'


def _query(after: str) -> str:
    return escape(urlencode({"after": after}))
