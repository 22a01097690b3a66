"""RFC 9110, section 14."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from artifactd.errors import RangeNotSatisfiable
from artifactd.http.ranges import LONGEST, MOST, Range, is_small, parse_ranges

WHOLE: Sequence[Range] = ()
UNSATISFIABLE = "416"

# docker R81: the six cases of the conformance suite, and what lies around them
TABLE = [
    ("bytes=0-499", 1000, (Range(0, 500),)),
    ("bytes=500-999", 1000, (Range(500, 500),)),
    ("bytes=999-999", 1000, (Range(999, 1),)),
    ("bytes=500-", 1000, (Range(500, 500),)),
    ("bytes=-300", 1000, (Range(700, 300),)),
    ("bytes=-5000", 1000, (Range(0, 1000),)),
    ("bytes=900-5000", 1000, (Range(900, 100),)),
    ("bytes=0-99999999999999999999999999999999", 1000, (Range(0, 1000),)),
    ("BYTES = 0-1", 1000, (Range(0, 2),)),
    ("bytes= 7-8 ", 1000, (Range(7, 2),)),
    ("bytes=007-8", 1000, (Range(7, 2),)),
    ("bytes=500-0", 1000, UNSATISFIABLE),
    ("bytes=1000-", 1000, UNSATISFIABLE),
    ("bytes=1000-1001", 1000, UNSATISFIABLE),
    ("bytes=99999999999999999999999999999999-", 1000, UNSATISFIABLE),
    ("bytes=-0", 1000, UNSATISFIABLE),
    ("bytes=0-", 0, UNSATISFIABLE),  # docker R82
    ("bytes=0-0", 0, UNSATISFIABLE),
    ("bytes=-1", 0, UNSATISFIABLE),
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


# rpm R66, K11: the order is the client's; what touches is one; what selects nothing is dropped
SEVERAL = [
    ("bytes=0-1,5-6", 1000, (Range(0, 2), Range(5, 2))),
    ("bytes=0-3,10-13,-5", 1000, (Range(0, 4), Range(10, 4), Range(995, 5))),
    ("bytes=900-,0-1", 1000, (Range(900, 100), Range(0, 2))),
    ("Bytes = 0-1 ,\t5-6 , 8-8", 1000, (Range(0, 2), Range(5, 2), Range(8, 1))),
    ("bytes=0-1,", 1000, (Range(0, 2),)),
    ("bytes=, ,0-1,,5-6,", 1000, (Range(0, 2), Range(5, 2))),
    ("bytes=0-1,2-3,5-6", 1000, (Range(0, 4), Range(5, 2))),
    ("bytes=2-3,0-1", 1000, (Range(0, 4),)),
    ("bytes=0-5,3-9", 1000, (Range(0, 10),)),
    ("bytes=0-9,3-4", 1000, (Range(0, 10),)),
    ("bytes=0-4,10-14,5-9", 1000, (Range(0, 15),)),
    ("bytes=0-4,5-9", 10, (Range(0, 10),)),
    ("bytes=0-1,5000-5001", 1000, (Range(0, 2),)),
    ("bytes=0-1,5-3,998-2000", 1000, (Range(0, 2), Range(998, 2))),
    ("bytes=0-1,99999999999999999999999999-", 1000, (Range(0, 2),)),
    ("bytes=1000-,2000-2001", 1000, UNSATISFIABLE),
    ("bytes=-0,5-4", 1000, UNSATISFIABLE),
    ("bytes=0-0,1-1", 0, UNSATISFIABLE),
    ("bytes=0-1,a-b", 1000, WHOLE),
    ("bytes=0-1,-", 1000, WHOLE),
    ("bytes=0-1;5-6,8-9", 1000, WHOLE),
    ("bytes=0-1,bytes=5-6", 1000, WHOLE),
    ("bytes=,", 1000, WHOLE),
    ("items=0-1,5-6", 1000, WHOLE),
    ("0-1,5-6", 1000, WHOLE),
    ("bytes=0-,0-,0-", 1000, WHOLE),  # proxy R34: more than there is
    ("bytes=0-599,400-999", 1000, WHOLE),
    ("bytes=0-9,20-29,5-14", 1000, WHOLE),  # something twice
    ("bytes=0-0,1-1,2-2", 2, WHOLE),
]


@pytest.mark.parametrize(("header", "size", "expected"), TABLE + SEVERAL)
def test_a_range_header_selects(header: str, size: int, expected: Sequence[Range] | str) -> None:
    if expected == UNSATISFIABLE:
        with pytest.raises(RangeNotSatisfiable) as caught:
            parse_ranges(header, size)
        assert caught.value.size == size
    else:
        assert tuple(parse_ranges(header, size)) == expected


@pytest.mark.parametrize("count", [2, 127, MOST])
def test_as_many_ranges_as_clients_ask_for_are_selected(count: int) -> None:
    # rpm R66
    wanted = ",".join(f"{10 * n}-{10 * n + 3}" for n in range(count))
    assert parse_ranges(f"bytes={wanted}", 1 << 20) == [Range(10 * n, 4) for n in range(count)]


def test_more_ranges_than_anybody_needs_are_answered_by_the_whole() -> None:
    # proxy R34
    one_too_many = ",".join(f"{2 * n}-{2 * n}" for n in range(MOST + 1))
    assert tuple(parse_ranges(f"bytes={one_too_many}", 1 << 20)) == WHOLE
    assert tuple(parse_ranges("bytes=0-1,5-6" + "," * LONGEST, 1 << 20)) == WHOLE


def test_several_ranges_are_not_small() -> None:
    assert is_small("bytes=0-3")
    assert not is_small("bytes=0-3,10-13")


def test_content_range_names_first_last_and_size() -> None:
    assert Range(5, 3).content_range(100) == "bytes 5-7/100"


HEADERS = st.text(max_size=40) | st.from_regex(r"bytes=[0-9, -]*", fullmatch=True)


@given(HEADERS, st.integers(0, 10**6))
def test_what_is_selected_is_never_empty_lies_within_and_is_sent_once(header: str, size: int) -> None:
    try:
        selected = parse_ranges(header, size)
    except RangeNotSatisfiable:
        return
    at = 0
    for span in sorted(selected, key=lambda span: span.start):
        assert at <= span.start < span.end <= size
        at = span.end


@given(st.data(), st.integers(1, 10**12))
def test_every_range_within_a_document_is_found(data: st.DataObject, size: int) -> None:
    start = data.draw(st.integers(0, size - 1))
    length = data.draw(st.integers(1, size - start))
    assert parse_ranges(f"bytes={start}-{start + length - 1}", size) == (Range(start, length),)
    assert parse_ranges(f"bytes={start}-", size) == (Range(start, size - start),)
    assert parse_ranges(f"bytes=-{length}", size) == (Range(size - length, length),)


@given(st.integers(0, 10**12), st.integers(0, 10**12), st.integers(0, 10**12))
def test_a_range_that_begins_behind_its_end_or_the_documents_is_unsatisfiable(
    size: int, first: int, distance: int
) -> None:
    with pytest.raises(RangeNotSatisfiable):
        parse_ranges(f"bytes={first + distance + 1}-{first}", size)
    with pytest.raises(RangeNotSatisfiable):
        parse_ranges(f"bytes={size + distance}-", size)


ENDS = st.tuples(st.integers(0, 60), st.integers(-2, 9)).map(lambda pair: (pair[0], max(0, sum(pair))))


@given(st.lists(ENDS, min_size=2, max_size=6))
def test_several_ranges_select_the_bytes_that_each_of_them_does(asked: list[tuple[int, int]]) -> None:
    size = 50
    header = "bytes=" + ",".join(f"{first}-{last}" for first, last in asked)
    each = [part for first, last in asked if (part := range(first, min(last + 1, size)))]
    if not each:
        with pytest.raises(RangeNotSatisfiable):
            parse_ranges(header, size)
        return
    selected = parse_ranges(header, size)
    wanted = {position for part in each for position in part}
    if not selected:
        assert len(wanted) < sum(map(len, each))  # something twice
        return
    assert {position for span in selected for position in range(span.start, span.end)} == wanted
    # Who reads on finds its ranges in its order, but for those that became one.
    homes = [next(n for n, s in enumerate(selected) if s.start <= part[0] < s.end) for part in each]
    assert homes == sorted(homes)
