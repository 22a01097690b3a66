"""The page of a folder, and what a file is served as."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from artifactd.plugin import Asset, Entry, Keep, Page
from artifactd_raw.files import media_type
from artifactd_raw.listing import render

HREF = re.compile(r'href="([^"]*)"')


def file(name: str) -> Entry:
    asset = Asset(1, 1, name, None, "", "", {}, Keep.ALWAYS, 0, None, 1_800_000_000_000_000, 0, 1)
    return Entry(name, asset)


def links(page: str) -> list[str]:
    return HREF.findall(page)


def test_files_have_a_size_and_a_date_and_folders_a_slash() -> None:
    page = render("raw/", Page([Entry("docs/", None), file("a.txt")], None), parent=False)
    assert links(page) == ["docs/", "a.txt"]
    assert "<td>0</td><td>2027-01-15 08:00:00</td>" in page


def test_a_folder_leads_up_and_a_long_one_on() -> None:
    page = render("raw/docs/", Page([file("b&c")], "b&c"), parent=True)
    assert links(page) == ["../", "b%26c", "?after=b%26c"]


@pytest.mark.parametrize(
    "name", ["<script>alert(1)</script>", '"onmouseover="x', "a:b", "ä #?%", "javascript:x"]
)
def test_names_are_text_and_links_stay_here(name: str) -> None:
    page = render(f"raw/{name}", Page([file(name)], None), parent=False)
    (link,) = links(page)
    assert not set(link) & set("<>\"'&:#? ")
    assert "<script" not in page and "onmouseover=" not in page.replace("&quot;onmouseover=", "")


@given(st.text(st.characters(blacklist_categories=["Cs"]), min_size=1, max_size=20))
def test_a_page_has_one_link_per_entry_whatever_it_is_called(name: str) -> None:
    assert len(links(render(name, Page([file(name)], None), parent=False))) == 1


@pytest.mark.parametrize(
    ("path", "stated", "found"),
    [
        ("a.txt", "", "text/plain"),
        ("a.txt", "application/x-www-form-urlencoded", "text/plain"),
        ("a.txt", "text/html; charset=latin-1", "text/html; charset=latin-1"),
        ("a.tar.gz", "", "application/gzip"),
        ("a", "", "application/octet-stream"),
        ("a.txt", "x/" + "y" * 300, "text/plain"),
    ],
)
def test_the_client_says_what_a_file_is_or_its_name_does(path: str, stated: str, found: str) -> None:
    assert media_type(path, stated) == found
