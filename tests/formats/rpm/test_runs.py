"""Runs: where they end, what is known of them, and which of two equal packages is listed."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from artifactd_rpm.runs import LONGEST, Published, Run, Span, decoded, encoded, plan, split
from tests.support.repodata import Folder, package

NAMES = st.sets(st.text("abcdefgh0123456789", min_size=1, max_size=4), max_size=400)


def rows(paths: Sequence[str]) -> list[tuple[str, int]]:
    return [(path, 1) for path in sorted(paths, key=str.encode)]


@given(NAMES)
def test_runs_have_all_packages_in_order_and_none_is_too_long(names: set[str]) -> None:
    listed = rows([f"{name}.rpm" for name in names])
    runs = list(split(listed))
    assert [row for run in runs for row in run] == listed
    assert all(0 < len(run) <= LONGEST for run in runs)


@given(NAMES, st.text("abcdefgh0123456789", min_size=1, max_size=4))
def test_a_package_more_leaves_the_runs_before_it_alone(names: set[str], name: str) -> None:
    before = list(split(rows([f"{each}.rpm" for each in names])))
    after = list(split(rows([f"{each}.rpm" for each in {*names, name}])))
    untouched = [run for run in before if run[-1][0].encode() < f"{name}.rpm".encode()][:-1]
    assert after[: len(untouched)] == untouched


def test_a_package_more_among_thousands_changes_a_run_or_two() -> None:
    paths = [f"p{number:05}.rpm" for number in range(5000)]
    before = {tuple(run) for run in split(rows(paths))}
    after = {tuple(run) for run in split(rows([*paths, "p02500a.rpm"]))}
    assert len(after - before) <= 2
    assert len(before) > 40


def folder_of(*paths: str) -> Folder:
    """Files of the same package at these paths, in this order."""
    folder = Folder()
    for path in paths:
        folder.put(path, package("acme"))
    return folder


@pytest.mark.parametrize(
    ("put", "listed"),
    [
        (["a.rpm", "b.rpm"], ["b.rpm"]),
        (["b.rpm", "a.rpm"], ["a.rpm"]),
        (["b/acme.rpm", "c/acme.rpm", "a/acme.rpm"], ["a/acme.rpm"]),
    ],
)
def test_a_package_that_is_there_twice_is_listed_where_it_was_put_last(
    put: Sequence[str], listed: Sequence[str]
) -> None:
    # rpm R25
    folder = folder_of(*put)
    runs = plan(folder.rows(), {}, folder.asset, all_listed=False)
    assert [path for run in runs for path, _ in run.listed] == listed
    assert sum(run.count for run in runs) == 1


def test_all_of_them_are_listed_on_demand() -> None:
    folder = folder_of("a.rpm", "b.rpm")
    runs = plan(folder.rows(), {}, folder.asset, all_listed=True)
    assert sum(run.count for run in runs) == 2


def test_of_two_packages_of_one_edit_the_last_path_is_listed() -> None:
    folder = folder_of("a.rpm", "b.rpm")
    folder.assets["b.rpm"] = replace(folder.assets["b.rpm"], revision=1)
    runs = plan(folder.rows(), {}, folder.asset, all_listed=False)
    assert [path for run in runs for path, _ in run.listed] == ["b.rpm"]


def test_of_a_known_run_no_asset_is_read() -> None:
    folder = folder_of("a.rpm")
    [planned] = plan(folder.rows(), {}, folder.asset, all_listed=False)
    known = Run(planned.rows, (), planned.newest, planned.nevras, ())

    def unread(path: str) -> None:
        raise AssertionError(path)

    runs: Mapping[str, Run] = {planned.rows: known}
    assert plan(folder.rows(), runs, unread, all_listed=False) == [planned]  # type: ignore[arg-type]


def test_what_is_kept_of_runs_is_read_as_it_was_written() -> None:
    run = Run("ab", (1, 2), 5, b"\x00\xff", (Span(0, 1, 2), Span(3, 4, 5), Span(6, 7, 8)))
    published = Published("1 sha256 gzip", ("a", "b", "c"), (run,))
    assert decoded(encoded(published)) == published


@pytest.mark.parametrize("data", [b"", b"{}", b'{"made": 1}', b"\xff"])
def test_what_another_version_has_kept_otherwise_is_of_no_use(data: bytes) -> None:
    assert decoded(data) is None
