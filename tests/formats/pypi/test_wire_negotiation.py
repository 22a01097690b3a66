"""Which form of a page a client gets (pypi C)."""

import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.distributions import wheel
from tests.support.indexes import HTML, JSON, Index

PIP = f"{JSON}, {HTML}; q=0.1, text/html; q=0.01"
UV = f"{JSON}, {HTML};q=0.2, text/html;q=0.01"
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
LATEST_JSON = "application/vnd.pypi.simple.latest+json"
LATEST_HTML = "application/vnd.pypi.simple.latest+html"
TEXT = "text/html"

NEGOTIATED = [
    (PIP, JSON),  # pypi R31
    (UV, JSON),
    (BROWSER, TEXT),
    (JSON, JSON),
    (HTML, HTML),
    (TEXT, TEXT),
    (LATEST_JSON, JSON),  # pypi V6
    (LATEST_HTML, HTML),
    (f"text/html;q=0.9, {JSON};q=0.1", TEXT),
    ("image/png", TEXT),
    ("*/*", TEXT),
    ("application/*", JSON),
    ("text/*", TEXT),
    ("", TEXT),
    ("*/*;q=0", TEXT),  # pypi T10
    (f"{JSON};q=0, {HTML}", HTML),
    (f"{JSON};q=0", TEXT),
    (f"{TEXT}, {JSON}", JSON),  # pypi R30: a tie goes to JSON where it is named
    (f"{JSON}, {TEXT}", JSON),
    (f"{JSON}, */*", JSON),
    (f"*/*, {TEXT};q=0.5", TEXT),
    (f"{HTML};q=0.3, {TEXT};q=0.5, {JSON};q=0.4", TEXT),
    (f"{HTML};q=0.3, */*;q=0.1", HTML),
    (f"{JSON.upper()}", JSON),
    (f"{JSON} ; q=1.0 ; x=y", JSON),
    (f"{JSON};q=0.001", JSON),
    (f"  {JSON}\t,,, ", JSON),
    ("application/json", TEXT),
    ("application/vnd.pypi.simple.v2+json", TEXT),
    (f"application/vnd.pypi.simple.v2+json, {JSON};q=0.1", JSON),
]


@pytest.fixture(scope="module")
def page(index: Index) -> str:
    """A project's page, and what one asks it for."""
    index.publish(wheel("negotiated"))
    return "simple/negotiated/"


@pytest.mark.parametrize("where", ["simple/negotiated/", "simple/"])
@pytest.mark.parametrize(("accept", "expected"), NEGOTIATED)
def test_a_client_gets_what_it_likes_best(
    index: Index, page: str, accept: str, expected: str, where: str
) -> None:
    answer = index.get(where, accept=accept)
    assert answer.status == 200
    assert kind(answer.header("content-type")) == expected
    assert "Accept" in answer.header("vary")  # pypi R33
    assert answer.body.startswith(b"{" if expected == JSON else b"<!DOCTYPE html>")


def test_no_accept_at_all_is_html(index: Index, page: str) -> None:
    assert kind(index.get(page).header("content-type")) == TEXT  # pypi R30


def test_every_line_of_accept_counts(index: Index, page: str) -> None:
    lines = [("Accept", f"{TEXT};q=0.5"), ("Accept", f"{HTML};q=0.6"), ("Accept", JSON)]
    answer = index.request("GET", page, headers=lines)
    assert kind(answer.header("content-type")) == JSON


@pytest.mark.parametrize("written", [JSON, HTML, TEXT, LATEST_JSON, LATEST_HTML])
@pytest.mark.parametrize("accept", [JSON, TEXT, "image/png"])
def test_format_in_the_url_wins_over_accept(index: Index, page: str, written: str, accept: str) -> None:
    expected = written.replace("latest", "v1")  # pypi R32
    for spelled in (written, written.replace("+", "%2B"), written.replace("/", "%2F")):
        answer = index.get(f"{page}?format={spelled}", accept=accept)
        assert (answer.status, kind(answer.header("content-type"))) == (200, expected), spelled


@pytest.mark.parametrize(
    "query", ["format=nonsense", "format=", "format", "format=a&format=b", "x=y", "%00"]
)
def test_any_other_query_is_no_fault(index: Index, page: str, query: str) -> None:
    answer = index.get(f"{page}?{query}", accept=BROWSER)  # pypi T10
    assert answer.status in (200, 406) or (query == "%00" and answer.status == 400)
    if answer.status == 200:
        assert kind(answer.header("content-type")) == TEXT


def test_html_says_its_charset_and_json_its_exact_type(index: Index, page: str) -> None:
    # pypi R31: uv compares what stands before `;`, pip the beginning
    assert index.get(page, accept=JSON).header("content-type").partition(";")[0] == JSON
    for accept in (HTML, TEXT):
        answer = index.get(page, accept=accept)
        stated = answer.header("content-type").lower().replace(" ", "")
        assert stated == f"{accept};charset=utf-8" or b'<meta charset="utf-8"' in answer.body.lower()


@pytest.mark.parametrize("accept", [JSON, HTML, TEXT])
@pytest.mark.parametrize("where", ["simple/negotiated/", "simple/"])
def test_head_says_what_get_does(index: Index, page: str, accept: str, where: str) -> None:
    got, head = index.get(where, accept=accept), index.head(where, accept=accept)
    assert (head.status, head.body) == (200, b"")  # pypi R34
    assert [line for line in head.headers if line[0] != "date"] == [
        line for line in got.headers if line[0] != "date"
    ]
    assert int(head.header("content-length")) == len(got.body)


SCRAPS = [
    ",",
    ";",
    "=",
    "q",
    "q=",
    "0.5",
    "1.5",
    "-1",
    "*",
    "*/*",
    "/",
    JSON,
    TEXT,
    '"',
    "\\",
    " ",
    "\t",
    "a/b",
]


def test_no_accept_makes_the_server_fail(index: Index, page: str) -> None:
    choices = random.Random(30)  # pypi T10
    for _ in range(200):
        accept = "".join(choices.choices(SCRAPS, k=choices.randint(1, 30))).strip()
        answer = index.get(page, accept=accept)
        assert answer.status == 200, accept


@pytest.mark.parametrize(
    "accept", [",".join([JSON] * 800), ",".join(["a/b"] * 10_000), "*" * 40_000, f"{JSON};q={'9' * 30_000}"]
)
def test_a_huge_accept_is_answered(index: Index, page: str, accept: str) -> None:
    assert index.get(page, accept=accept).status in (200, 431)  # pypi T10


@given(
    st.text(st.characters(min_codepoint=0x20, max_codepoint=0xFF, exclude_characters="\x7f"), max_size=80)
)
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_is_accepted_there_is_a_page(index: Index, accept: str) -> None:
    answer = index.get("simple/", accept=accept.strip())
    assert answer.status == 200
    assert kind(answer.header("content-type")) in (JSON, HTML, TEXT)


def kind(content_type: str) -> str:
    return content_type.partition(";")[0].strip()
