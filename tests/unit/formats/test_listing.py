"""What lies in a folder, as a page and as JSON."""

import json
import re
from dataclasses import dataclass, replace
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import Headers

from artifactd.auth.principal import Principal
from artifactd.blobs.digest import Digest
from artifactd.blobs.store import Blob
from artifactd.catalog.assets import Asset, Entry, Keep, Page
from artifactd.errors import AssetNotFound
from artifactd.formats.exchange import Arrival, Exchange, Located, Services
from artifactd.formats.listing import document, list_folder, prefers_json, render
from artifactd.repositories.content import Rendered
from artifactd.repositories.repository import Repository

HREF = re.compile(r'href="([^"]*)"')
CHECKSUMS = {"sha256": "ab" * 32, "sha1": "cd" * 20}


def file(name: str) -> Entry:
    blob = Blob("default", Digest(f"sha256:{CHECKSUMS['sha256']}"), 5, "ab/cd", CHECKSUMS)
    return Entry(
        name,
        Asset(1, 1, name, blob, "text/plain", "", {}, Keep.ALWAYS, 0, None, 1_800_000_000_000_000, 0, 1),
    )


def fact(name: str) -> Entry:
    entry = file(name)
    assert entry.asset is not None
    return Entry(name, replace(entry.asset, blob=None))


@dataclass
class Shelf:
    """As much of a repository as a listing asks."""

    page: Page[Entry]
    name: str = "shelf"

    def list(self, prefix: str, *, after: str = "", limit: int = 1000) -> Page[Entry]:
        assert (prefix, after, limit) == ("x/", "", 3)
        return self.page


def listing(*entries: Entry, after: str | None = None, **headers: str) -> Rendered:
    """What a folder is answered with that a repository lists so."""
    arrival = Arrival(
        *("GET", "/repository/shelf/x/", b"limit=3", Headers(headers), "main", "http", "here", "there"),
        Principal("reader", 1, frozenset()),
    )
    located = Located("shelf", "x/", "/repository/shelf/")
    services, bound = cast(Services, None), cast(Repository, Shelf(Page(entries, after)))
    return list_folder(Exchange(arrival, located, {}, None, services, bound))


def links(page: str) -> list[str]:
    return HREF.findall(page)


def test_files_have_a_size_and_a_date_and_folders_a_slash() -> None:
    page = render("raw/", Page([Entry("docs/", None), file("a.txt")], None), None, parent=False)
    assert links(page) == ["docs/", "a.txt"]
    assert "<td>5</td><td>2027-01-15 08:00:00</td>" in page


def test_a_folder_leads_up_and_a_long_one_on() -> None:
    page = render("raw/docs/", Page([file("b&c")], "b&c"), "?after=b%26c&limit=1", parent=True)
    assert links(page) == ["../", "b%26c", "?after=b%26c&amp;limit=1"]


def test_programs_read_the_same_as_json() -> None:
    found = json.loads(document("x/", Page([Entry("docs/", None), file("a.txt")], "a.txt"), "?after=a.txt"))
    assert found == {
        "path": "x/",
        "items": [
            {"name": "docs", "kind": "folder"},
            {
                "name": "a.txt",
                "kind": "file",
                "size": 5,
                "content_type": "text/plain",
                "added": "2027-01-15T08:00:00Z",
                "checksums": CHECKSUMS,
            },
        ],
        "next": "?after=a.txt",
    }


def test_facts_are_no_files() -> None:
    answer = listing(file("a"), fact("b"), after="b", accept="application/json")
    found = json.loads(answer.body)
    assert [item["name"] for item in found["items"]] == ["a"]
    assert found["next"] == "?after=b&limit=3"
    page = listing(fact("b"), after="b").body.decode()
    assert links(page) == ["../", "?after=b&amp;limit=3"]


def test_a_folder_that_holds_only_facts_is_an_empty_one() -> None:
    assert json.loads(listing(fact("b"), accept="application/json").body)["items"] == []
    with pytest.raises(AssetNotFound):
        listing()


@pytest.mark.parametrize(
    ("accept", "json"),
    [
        ("application/json", True),
        ("application/json, text/plain, */*", True),
        ("text/html, Application/JSON ; charset=utf-8", True),
        ("text/html;q=0.8, application/json;q=0.9", True),
        ("text/html;q=0.9, application/json;q=0.8", False),
        ("text/*, application/json;q=0.8", False),
        ("*/*, application/json;q=0.8", False),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", False),
        ("application/json;q=0", False),
        ("application/json;q=much", False),
        ("application/*", False),
        ("*/*", False),
        ("", False),
    ],
)
def test_who_names_json_gets_it(accept: str, json: bool) -> None:
    assert prefers_json(accept) is json


@given(st.text(max_size=60))
def test_any_accept_header_is_read(accept: str) -> None:
    assert prefers_json(accept) in (True, False)


@pytest.mark.parametrize(
    "name", ["<script>alert(1)</script>", '"onmouseover="x', "a:b", "ä #?%", "javascript:x"]
)
def test_names_are_text_and_links_stay_here(name: str) -> None:
    page = render(f"raw/{name}", Page([file(name)], None), None, parent=False)
    (link,) = links(page)
    assert not set(link) & set("<>\"'&:#? ")
    assert "<script" not in page and "onmouseover=" not in page.replace("&quot;onmouseover=", "")


@given(st.text(st.characters(blacklist_categories=["Cs"]), min_size=1, max_size=20))
def test_a_page_has_one_link_per_entry_whatever_it_is_called(name: str) -> None:
    assert len(links(render(name, Page([file(name)], None), None, parent=False))) == 1
