"""RFC 9110, section 13."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import Headers

from artifactd.clock import SECOND
from artifactd.errors import PreconditionFailed
from artifactd.http.conditional import http_date, lists, not_modified, range_applies

ETAG = "sha256:9f86"
MODIFIED = 1_700_000_000 * SECOND + 250_000
BEFORE, SAME, AFTER = (http_date(MODIFIED + offset * SECOND) for offset in (-1, 0, 1))


def headers(*lines: tuple[str, str]) -> Headers:
    return Headers(raw=[(name.encode(), value.encode()) for name, value in lines])


@pytest.mark.parametrize(
    ("value", "listed"),
    [
        ('"sha256:9f86"', True),
        ("sha256:9f86", True),  # docker R46
        ('W/"sha256:9f86"', True),
        ("*", True),
        (' "other" , "sha256:9f86"', True),
        ('other,W/"x" ,sha256:9f86', True),
        ('"a,b", "sha256:9f86"', True),
        ('"other"', False),
        ('"other", sha256:9f860', False),
        ('"sha256:9f86', False),
        ("", False),
        (",,,", False),
    ],
)
def test_if_none_match_names_the_tag(value: str, listed: bool) -> None:
    assert lists(value, ETAG) is listed


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([], False),
        ([("if-none-match", f'"{ETAG}"')], True),
        ([("if-none-match", '"other"'), ("if-none-match", f'"{ETAG}"')], True),
        ([("if-none-match", '"other"'), ("if-modified-since", AFTER)], False),
        ([("if-modified-since", BEFORE)], False),
        ([("if-modified-since", SAME)], True),
        ([("if-modified-since", AFTER)], True),
        ([("if-modified-since", "yesterday")], False),
        ([("if-modified-since", "Tue, 14 Nov 2023 22:13:20")], True),
        ([("if-match", f'"{ETAG}"'), ("if-unmodified-since", BEFORE)], False),
        ([("if-match", "*"), ("if-none-match", "*")], True),
        ([("if-unmodified-since", SAME)], False),
        ([("if-unmodified-since", "never")], False),
    ],
)
def test_a_client_that_has_the_document_is_told_so(lines: list[tuple[str, str]], expected: bool) -> None:
    assert not_modified(headers(*lines), ETAG, MODIFIED) is expected


@pytest.mark.parametrize(
    "lines",
    [
        [("if-match", '"other"')],
        [("if-match", f'W/"{ETAG}"')],
        [("if-unmodified-since", BEFORE)],
    ],
)
def test_a_client_that_wants_other_bytes_is_told_so(lines: list[tuple[str, str]]) -> None:
    with pytest.raises(PreconditionFailed):
        not_modified(headers(*lines), ETAG, MODIFIED)


@pytest.mark.parametrize(
    ("value", "applies"),
    [
        (None, True),
        (f'"{ETAG}"', True),
        (ETAG, True),
        (SAME, True),
        (f'W/"{ETAG}"', False),
        ('"other"', False),
        (BEFORE, False),
        (AFTER, False),
        ("nonsense", False),
    ],
)
def test_a_range_counts_only_for_the_same_document(value: str | None, applies: bool) -> None:  # docker R84
    assert range_applies(value, ETAG, MODIFIED) is applies


@given(st.text(max_size=60))
def test_any_header_is_read_without_an_error(value: str) -> None:
    lists(value, ETAG)
    range_applies(value, ETAG, MODIFIED)
    not_modified(Headers({"if-modified-since": value.encode("ascii", "replace").decode()}), ETAG, MODIFIED)
