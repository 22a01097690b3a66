"""What lies in a folder: a page for people, JSON for programs.

Rule 1: programs say `application/json` in their Accept header. Whoever takes anything is a person.
Rule 2: links are relative, so that a listing works wherever its repository is mounted.
Rule 3: only files are listed. A page without the facts beside them may be shorter than its limit, even
empty, and still have a next one.
"""

from collections.abc import Sequence
from html import escape
from typing import Any, Final
from urllib.parse import quote, urlencode

import msgspec

from artifactd.blobs.store import Blob
from artifactd.catalog.assets import Asset, Entry, Page
from artifactd.clock import moment
from artifactd.errors import AssetNotFound, InvalidInput
from artifactd.formats.exchange import Exchange
from artifactd.repositories.content import Rendered

MOST_ENTRIES: Final = 1000
"""Entries of one page."""

_JSON: Final = "application/json"
_HTML: Final = "text/html"

_POLICY: Final = ("Content-Security-Policy", "default-src 'none'; sandbox allow-downloads")
"""Names are escaped; should one slip through, it can do nothing. Without `allow-downloads` a sandboxed page
leads to no file that is saved (HTML, section 7.1.5)."""


def list_folder(exchange: Exchange) -> Rendered:
    """A page of the files and folders right below the path that was asked for: empty for the repository's
    root, which is there even when it holds nothing, else ending in a slash.

    `?limit=` bounds the entries of the page, `?after=` is the entry behind which it begins. Raises
    AssetNotFound for a folder that holds nothing, InvalidInput for a limit that is none."""
    folder = exchange.located.path
    repository = exchange.repository
    query = exchange.arrival.query
    after, asked = query.get("after", ""), query.get("limit", "")
    page = repository.list(folder, after=after, limit=_limit(asked))
    if folder and not page.items and not after:
        raise AssetNotFound(repository.name, folder)
    files = Page([entry for entry in page.items if not _is_fact(entry)], page.next)
    more = None if page.next is None else _more(page.next, asked)
    if prefers_json(",".join(exchange.arrival.headers.getlist("accept"))):
        return _rendered(_JSON, document(folder, files, more))
    title = f"{exchange.located.prefix.strip('/').rpartition('/')[2]}/{folder}"
    html = render(title, files, more, parent=bool(folder))
    return _rendered(f"{_HTML}; charset=utf-8", html.encode())


def prefers_json(accept: str) -> bool:
    """Whether an Accept header names JSON, and likes it no less than HTML (RFC 9110, section 12.5.1)."""
    ranges = dict(_range(item) for item in accept.split(","))
    html = next((ranges[name] for name in (_HTML, "text/*", "*/*") if name in ranges), 0.0)
    return ranges.get(_JSON, 0.0) > 0 and ranges[_JSON] >= html


def document(folder: str, page: Page[Entry], more: str | None) -> bytes:
    """The page as JSON. `more`: where the next one is, relative to this one."""
    items = [_item(entry) for entry in page.items]
    return msgspec.json.encode({"path": folder, "items": items, "next": more})


def render(title: str, page: Page[Entry], more: str | None, *, parent: bool) -> str:
    """The page as HTML. `more`: as in `document`; `parent`: whether there is a folder above this one."""
    rows = [_row("../", "../")] if parent else []
    rows += [_entry(entry) for entry in page.items]
    link = "" if more is None else f'<p><a href="{escape(more)}" rel="next">more</a></p>\n'
    return _PAGE.format(title=escape(title), rows="".join(rows), more=link)


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


def _rendered(content_type: str, body: bytes) -> Rendered:
    return Rendered(200, [("Content-Type", content_type), ("Vary", "Accept"), _POLICY], body)


def _limit(asked: str) -> int:
    if not asked:
        return MOST_ENTRIES
    limit = int(asked) if asked.isdecimal() and len(asked) <= len(str(MOST_ENTRIES)) else 0
    if not 1 <= limit <= MOST_ENTRIES:
        raise InvalidInput(f"limit is a number from 1 to {MOST_ENTRIES}")
    return limit


def _more(after: str, limit: str) -> str:
    return "?" + urlencode({"after": after, **({"limit": limit} if limit else {})})


def _is_fact(entry: Entry) -> bool:
    return entry.asset is not None and entry.asset.blob is None


def _range(item: str) -> tuple[str, float]:
    """A media range and its quality; one that says no quality we can read is not wanted."""
    name, *parameters = (part.strip().lower() for part in item.split(";"))
    stated = next((text[2:] for text in parameters if text.startswith("q=")), "1")
    try:
        return name, float(stated)
    except ValueError:
        return name, 0.0


def _item(entry: Entry) -> dict[str, Any]:
    asset = entry.asset
    if asset is None:
        return {"name": entry.path.removesuffix("/"), "kind": "folder"}
    blob = _bytes_of(asset)
    return {
        "name": entry.path,
        "kind": "file",
        "size": blob.size,
        "content_type": asset.content_type,
        "added": moment(asset.added).isoformat().replace("+00:00", "Z"),
        "checksums": blob.checksums,
    }


def _entry(entry: Entry) -> str:
    # Quoting also keeps a first segment with a colon from being read as a scheme.
    link = quote(entry.path)
    asset = entry.asset
    if asset is None:
        return _row(link, entry.path)
    facts = [str(_bytes_of(asset).size), f"{moment(asset.added):%Y-%m-%d %H:%M:%S}"]
    return _row(link, entry.path, facts)


def _row(link: str, name: str, facts: Sequence[str] = ("", "")) -> str:
    cells = "".join(f"<td>{fact}</td>" for fact in facts)
    return f'<tr><td><a href="{escape(link)}">{escape(name)}</a></td>{cells}</tr>\n'


def _bytes_of(asset: Asset) -> Blob:
    assert asset.blob is not None, "facts are not listed"
    return asset.blob
