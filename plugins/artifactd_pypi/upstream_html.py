"""HTML pages of other indexes, read for what they say of a project: anchors, metas, and whether it is an
index at all. Nothing is judged here but that.

Read by a scanner of our own, which goes over a page once and never back: `html.parser` of Python 3.11.7
takes minutes for 800 kB of comments that nobody closes, and pages are other people's.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import unescape
from typing import Final
from urllib.parse import unquote

from artifactd_pypi.listing import HASHES

_TITLED: Final = re.compile(
    r"\b(?:links for|simple(?: package)? index|index of|directory listing for)\b", re.IGNORECASE
)
"""What the page of an empty project is called by indexes, and by web servers that show a folder."""

_LONGEST_TITLE: Final = 1000

_LATIN: Final = ("iso-8859-1", "latin-1", "windows-1252", "us-ascii")

_TAG = re.compile(r"<([A-Za-z][^\s/>]*)")
_ATTRIBUTE = re.compile(
    r"""[\s/]*(?P<name>[^\s/>=]+)(?:\s*=\s*(?:"(?P<double>[^"]*)"|'(?P<single>[^']*)'|(?P<bare>[^\s>]*)))?"""
)
_BETWEEN = re.compile(r"[\s/=]*")
_RAW: Final = {name: re.compile(f"</{name}", re.IGNORECASE) for name in ("script", "style", "textarea")}
"""Elements whose content is text, whatever it looks like."""


@dataclass(frozen=True, slots=True)
class Link:
    """An anchor. `href` without its fragment, of which `hashes` are. `filename`: the last segment of the
    address, decoded, by which installers call it. `data`: attributes that begin so, empty where they have
    no value."""

    href: str
    filename: str
    hashes: Mapping[str, str]
    data: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Page:
    """A page. `base`: the address that its anchors are relative to, when it states one. `is_index`: whether
    it is that of an index, even if it lists nothing (pypi R140)."""

    links: Sequence[Link]
    metas: Mapping[str, str]
    base: str
    is_index: bool
    asks_for_password: bool


@dataclass(frozen=True, slots=True)
class Tag:
    """A start tag: its name in lower case, its attributes, and where it ends in the page."""

    name: str
    attributes: Mapping[str, str]
    end: int


def parse_html(body: bytes, charset: str) -> Page:
    """What a page says, whatever else it is."""
    encoding = "windows-1252" if charset.strip("\"' ").startswith(_LATIN) else "utf-8"
    text = body.decode(encoding, "replace")
    links: list[Link] = []
    metas: dict[str, str] = {}
    base, titled, asks_for_password = "", False, False
    for tag in tags(text):
        said = tag.attributes
        match tag.name:
            case "a" if said.get("href"):
                links.append(_link(said))
            case "meta" if "name" in said:
                metas.setdefault(said["name"].lower(), said.get("content", ""))
            case "base":
                base = base or said.get("href", "").strip()
            case "title" | "h1":
                title = text[tag.end : tag.end + _LONGEST_TITLE].partition("<")[0]
                titled = titled or _TITLED.search(title) is not None
            case "input":
                asks_for_password = asks_for_password or said.get("type", "").lower() == "password"
    is_index = titled or "pypi:repository-version" in metas
    return Page(links, metas, base, is_index, asks_for_password)


def tags(text: str) -> Iterator[Tag]:
    """The start tags of a page, in order: what is behind something that never ends is not there."""
    place = text.find("<")
    while place >= 0:
        found = _TAG.match(text, place)
        if found is not None:
            tag = _tag(text, found)
            if tag is None:
                return
            yield tag
            place = tag.end
            if tag.name in _RAW:
                closing = _RAW[tag.name].search(text, place)
                if closing is None:
                    return
                place = closing.end()
        elif text.startswith(("<!", "</", "<?"), place):
            closed = "-->" if text.startswith("<!--", place) else ">"
            place = text.find(closed, place + 2)
            if place < 0:
                return
        else:
            place += 1
        place = text.find("<", place)


def _tag(text: str, found: re.Match[str]) -> Tag | None:
    """The tag that begins at `found`, None when it never ends."""
    attributes: dict[str, str] = {}
    place = found.end()
    while (stated := _ATTRIBUTE.match(text, place)) is not None:
        value = stated["double"] or stated["single"] or stated["bare"] or ""
        # Of an attribute that is there twice, the first counts (HTML, section 13.2.5.33).
        attributes.setdefault(stated["name"].lower(), unescape(value) if "&" in value else value)
        place = stated.end()
    between = _BETWEEN.match(text, place)
    place = between.end() if between is not None else place
    if not text.startswith(">", place):
        return None if place >= len(text) else Tag(found[1].lower(), attributes, place)
    return Tag(found[1].lower(), attributes, place + 1)


def _link(said: Mapping[str, str]) -> Link:
    href = said["href"].strip()
    address, _, fragment = href.partition("#")
    filename = address.partition("?")[0].rpartition("/")[2]
    hashes: dict[str, str] = {}
    for item in fragment.split("&"):
        name, _, digits = item.partition("=")
        if name.lower() in HASHES:
            hashes[name] = digits
    data = {name: value for name, value in said.items() if name.startswith("data-")}
    return Link(address, unquote(filename), hashes, data)
