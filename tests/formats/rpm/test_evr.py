"""The order of versions."""

import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from artifactd_rpm.evr import Evr, compare, compare_versions, evr_key
from tests.support.programs import installed

# rpm R50
VECTORS = [
    ("1.0~rc1", -1, "1.0"),
    ("1.0^git1", 1, "1.0"),
    ("1.0^git1", -1, "1.0.1"),
    ("1.0~rc1^git1", 1, "1.0~rc1"),
    ("1.05", 0, "1.5"),
    ("1.0a", 1, "1.0"),
    ("2_0", 0, "2.0"),
    ("fc4", 0, "fc.4"),
    ("10", 1, "9"),
    ("a", -1, "1"),
    ("xyz10", -1, "xyz10.1"),
    ("1.0~", -1, "1.0"),
    ("1b.fc17", -1, "1.fc17"),
    ("1.0", 0, "1.0"),
    ("1.0^", 1, "1.0"),
    ("1.0^", -1, "1.0^git1"),
    ("1.0^git1~pre", -1, "1.0^git1"),
    ("2.0.1a", 1, "2.0.1"),
    ("5.5p2", 1, "5.5p1"),
    ("1.0.", 0, "1.0"),
    ("0000001", 0, "1"),
    ("20240101000000000000000000000000000000001", 1, "20240101000000000000000000000000000000000"),
]


@pytest.mark.parametrize(("one", "order", "other"), VECTORS)
def test_versions_are_ordered_as_rpm_orders_them(one: str, order: int, other: str) -> None:
    assert compare_versions(one, other) == order
    assert compare_versions(other, one) == -order


def test_an_epoch_comes_first_and_a_release_last() -> None:
    ordered = [
        Evr(0, "9", "9"),
        Evr(1, "1", "1"),
        Evr(1, "1", "2"),
        Evr(1, "1.1~rc", "9"),
        Evr(1, "1.1", "1"),
    ]
    mixed = [ordered[place] for place in (3, 0, 4, 2, 1)]
    assert sorted(mixed, key=evr_key) == ordered
    assert [str(evr) for evr in ordered[:2]] == ["9-9", "1:1-1"]


VERSIONS = st.text("0129aAb.~^_+", max_size=8)


@given(VERSIONS, VERSIONS, VERSIONS)
def test_the_order_is_total(one: str, two: str, three: str) -> None:
    assert compare_versions(one, two) == -compare_versions(two, one)
    if compare_versions(one, two) <= 0 and compare_versions(two, three) <= 0:
        assert compare_versions(one, three) <= 0


@given(st.integers(0, 3), st.text(max_size=5), st.text(max_size=5))
def test_what_is_the_same_is_equal(epoch: int, version: str, release: str) -> None:
    assert compare(Evr(epoch, version, release), Evr(epoch, version, release)) == 0


def test_rpm_itself_says_the_same() -> None:
    """What rpm does with pairs of everything that its order knows of."""
    parts = ["", "1", "01", "10", "a", "B", ".", "~", "^", "_"]
    versions = sorted({f"1{one}{two}" for one in parts for two in parts})
    pairs = [(one, two) for one in versions for two in versions[::7]]
    script = "".join(f'print(rpm.vercmp("{one}", "{two}") .. " ") ' for one, two in pairs)
    said = subprocess.run(
        [installed("rpm"), "--eval", f"%{{lua:{script}}}"], capture_output=True, text=True, check=True
    )
    assert list(map(int, said.stdout.split())) == [compare_versions(*pair) for pair in pairs]
