"""Which form an Accept header prefers, against a reading of RFC 9110 that does not know how it is done."""

from hypothesis import example, given
from hypothesis import strategies as st

from artifactd_pypi.negotiation import Form, choose_form

RANGES = st.dictionaries(
    st.sampled_from([*(form.value for form in Form), "application/*", "text/*", "*/*", "image/png", "a/*"]),
    st.integers(0, 10),
    max_size=8,
)


def quality(form: Form, ranges: dict[str, int], *, named: bool) -> int:
    """The tenths that the most specific range gives a form; `named`: without what lets everything in."""
    kind = form.value.partition("/")[0]
    candidates = [form.value, f"{kind}/*", *([] if named else ["*/*"])]
    return next((ranges[each] for each in candidates if each in ranges), 0)


@given(RANGES, st.randoms(use_true_random=False))
def test_nothing_that_is_liked_better_is_passed_over(ranges: dict[str, int], order: object) -> None:
    written = [f"{name};q={tenths / 10}" for name, tenths in ranges.items()]
    order.shuffle(written)  # type: ignore[attr-defined]
    chosen = choose_form(", ".join(written))
    best = max(quality(form, ranges, named=True) for form in Form)
    anything = quality(Form.HTML, ranges, named=False)
    if best == anything == 0:
        assert chosen is Form.HTML  # pypi R30: nothing fits, and HTML is what people read
    elif chosen is not Form.HTML or anything < best:
        assert quality(chosen, ranges, named=True) == best
    else:
        assert anything >= best


@given(RANGES)
def test_among_equals_json_comes_first(ranges: dict[str, int]) -> None:
    accept = ",".join([*(f"{name};q={tenths / 10}" for name, tenths in ranges.items()), Form.JSON.value])
    assert choose_form(accept) is Form.JSON


@given(st.text(max_size=200))
@example(",;=q=,;q")
@example("a;q=1_0, b;q=nan, c;q=inf, d;q=-0")
@example(f"{Form.JSON};q=\u0660")
def test_any_header_has_an_answer(accept: str) -> None:
    assert choose_form(accept) in Form
