"""The pure parts of the benchmark report: ratios, verdicts, the table and its place in a document."""

from pathlib import Path

import pytest

from benchmarks.report import (
    BEGIN,
    END,
    AtLeast,
    AtMost,
    Measurement,
    Spread,
    publish,
    ratios,
    replaced,
    spread,
    table,
    verdict,
)


def test_a_ratio_is_formed_inside_each_round_and_only_then_the_median_is_taken() -> None:
    # The machine was twice as fast in the second round: a quotient of medians would say 1.0.
    ours, theirs = (20.0, 100.0, 60.0), (10.0, 60.0, 200.0)
    assert spread(ratios(ours, theirs)).median == pytest.approx(100 / 60)


def test_the_spread_of_an_even_number_of_rounds_lies_between_the_middle_two() -> None:
    assert spread([4.0, 1.0, 2.0, 3.0]) == Spread(median=2.5, low=1.0, high=4.0)


def test_no_rounds_and_unpaired_rounds_are_errors_rather_than_figures() -> None:
    with pytest.raises(ValueError, match="no rounds"):
        spread([])
    with pytest.raises(ValueError):
        ratios([1.0, 2.0], [1.0])


@pytest.mark.parametrize(
    ("ours", "theirs", "budget", "expected"),
    [
        ((30.0, 29.0, 31.0), (1.0, 1.0, 1.0), AtLeast(30), "met"),  # the budget itself is enough
        ((29.0, 29.0, 90.0), (1.0, 1.0, 1.0), AtLeast(30), "missed"),  # one good round does not help
        ((30.0, 29.0, 31.0), (), AtLeast(30), "skipped"),
        ((0.7, 0.7, 2.0), (), AtMost(0.8, "s"), "met"),
        ((0.8, 0.8, 0.8), (), AtMost(0.8, "s"), "missed"),
        ((1.0,), (1.0,), None, "–"),
        ((), (1.0,), None, "skipped"),
    ],
)
def test_the_median_decides_whether_a_budget_is_met(
    ours: tuple[float, ...], theirs: tuple[float, ...], budget: AtLeast | AtMost | None, expected: str
) -> None:
    assert verdict(Measurement("x", "req/s", ours, "nginx", theirs, budget)) == expected


def test_a_line_tells_both_medians_the_ratio_with_its_range_the_budget_and_the_verdict() -> None:
    line = Measurement(
        "manifest GET",
        "req/s",
        (120_000, 90_000, 110_000),
        "nginx",
        (100_000, 100_000, 100_000),
        AtLeast(1),
    )
    assert table([line]).splitlines()[-1] == (
        "| manifest GET | 110,000 req/s | nginx 100,000 req/s | **1.10×** (0.90–1.20) | ≥ 1× | met |  |"
    )


def test_a_line_judged_by_itself_shows_the_range_of_its_own_figure() -> None:
    line = Measurement(
        "start", "s", (0.5, 0.7, 0.6), budget=AtMost(0.8, "s"), note="docker-registry 0.02 s"
    )
    assert table([line]).splitlines()[-1] == (
        "| start | 0.60 s (0.50–0.70) | – | – | < 0.8 s | met | docker-registry 0.02 s |"
    )


def test_what_is_absent_is_named_in_its_line() -> None:
    line = Measurement(
        "blob GET", "MiB/s", (), "nginx", (2000.0,), AtLeast(1.3), skipped="artifactd absent"
    )
    assert table([line]).splitlines()[-1] == (
        "| blob GET | – | nginx 2,000 MiB/s | – | ≥ 1.3× | skipped | skipped: artifactd absent |"
    )


def test_only_what_stands_between_the_markers_is_replaced(tmp_path: Path) -> None:
    document = tmp_path / "README.md"
    document.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    publish(document, "new")
    publish(document, "newer")
    assert document.read_text() == f"before\n{BEGIN}\nnewer\n{END}\nafter\n"


def test_a_file_without_markers_is_written_whole(tmp_path: Path) -> None:
    publish(tmp_path / "table.md", "the table")
    assert (tmp_path / "table.md").read_text() == "the table\n"


def test_a_document_that_lost_its_end_marker_is_left_alone() -> None:
    with pytest.raises(ValueError, match="markers"):
        replaced(f"text {BEGIN} old table and the rest of the document", "new")
