"""RFC 9110, section 14."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from artifactd.errors import RangeNotSatisfiable
from artifactd.http.ranges import Range, parse_range

WHOLE = None
UNSATISFIABLE = "416"

# docker R81: the six cases of the conformance suite, and what lies around them
TABLE = [
    ("bytes=0-499", 1000, Range(0, 500)),
    ("bytes=500-999", 1000, Range(500, 500)),
    ("bytes=999-999", 1000, Range(999, 1)),
    ("bytes=500-", 1000, Range(500, 500)),
    ("bytes=-300", 1000, Range(700, 300)),
    ("bytes=-5000", 1000, Range(0, 1000)),
    ("bytes=900-5000", 1000, Range(900, 100)),
    ("bytes=0-99999999999999999999999999999999", 1000, Range(0, 1000)),
    ("BYTES = 0-1", 1000, Range(0, 2)),
    ("bytes= 7-8 ", 1000, Range(7, 2)),
    ("bytes=007-8", 1000, Range(7, 2)),
    ("bytes=500-0", 1000, UNSATISFIABLE),
    ("bytes=1000-", 1000, UNSATISFIABLE),
    ("bytes=1000-1001", 1000, UNSATISFIABLE),
    ("bytes=99999999999999999999999999999999-", 1000, UNSATISFIABLE),
    ("bytes=-0", 1000, UNSATISFIABLE),
    ("bytes=0-", 0, UNSATISFIABLE),  # docker R82
    ("bytes=0-0", 0, UNSATISFIABLE),
    ("bytes=-1", 0, UNSATISFIABLE),
    ("bytes=0-1,5-6", 1000, WHOLE),
    ("bytes=0-1,", 1000, WHOLE),
    ("items=0-1", 1000, WHOLE),
    ("bytes", 1000, WHOLE),
    ("bytes=", 1000, WHOLE),
    ("bytes=-", 1000, WHOLE),
    ("bytes=a-b", 1000, WHOLE),
    ("bytes=+1-2", 1000, WHOLE),
    ("bytes=1--2", 1000, WHOLE),
    ("bytes=1-2-3", 1000, WHOLE),
    ("bytes=٣-٤", 1000, WHOLE),
    ("", 1000, WHOLE),
]


@pytest.mark.parametrize(("header", "size", "expected"), TABLE)
def test_a_range_header_selects(header: str, size: int, expected: Range | str | None) -> None:
    if expected == UNSATISFIABLE:
        with pytest.raises(RangeNotSatisfiable) as caught:
            parse_range(header, size)
        assert caught.value.size == size
    else:
        assert parse_range(header, size) == expected


def test_content_range_names_first_last_and_size() -> None:
    assert Range(5, 3).content_range(100) == "bytes 5-7/100"


@given(st.text(max_size=40) | st.from_regex(r"bytes=[0-9, -]*", fullmatch=True), st.integers(0, 10**6))
def test_a_selected_range_is_never_empty_and_lies_within(header: str, size: int) -> None:
    try:
        selected = parse_range(header, size)
    except RangeNotSatisfiable:
        return
    if selected is not None:
        assert selected.length > 0
        assert 0 <= selected.start <= selected.start + selected.length <= size


@given(st.data(), st.integers(1, 10**12))
def test_every_range_within_a_document_is_found(data: st.DataObject, size: int) -> None:
    start = data.draw(st.integers(0, size - 1))
    length = data.draw(st.integers(1, size - start))
    assert parse_range(f"bytes={start}-{start + length - 1}", size) == Range(start, length)
    assert parse_range(f"bytes={start}-", size) == Range(start, size - start)
    assert parse_range(f"bytes=-{length}", size) == Range(size - length, length)


@given(st.integers(0, 10**12), st.integers(0, 10**12), st.integers(0, 10**12))
def test_a_range_that_begins_behind_its_end_or_the_documents_is_unsatisfiable(
    size: int, first: int, distance: int
) -> None:
    with pytest.raises(RangeNotSatisfiable):
        parse_range(f"bytes={first + distance + 1}-{first}", size)
    with pytest.raises(RangeNotSatisfiable):
        parse_range(f"bytes={size + distance}-", size)
