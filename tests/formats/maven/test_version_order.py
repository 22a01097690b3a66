"""The order of Maven's versions (maven R79, K17)."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from artifactd_maven.versions import in_order, version_key

IN_ORDER = [  # maven K17, R79; as Maven 3.8.7 orders them
    "0.1",
    "1-alpha-1",
    "1-beta",
    "1-m1",
    "1-rc1",
    "1-SNAPSHOT",
    "1",
    "1-sp",
    "1-abc",
    "1-xyz",
    "1-1",
    "1-2",
    "1.0.0.1",
    "1.0.1",
    "1.1",
    "1.2.3.4-SNAPSHOT",
    "1.9",
    "1.10",
    "2-M1",
    "2",
    "5.0.0.Alpha2",
    "5.0.0.Beta1",
    "5.0.0.CR1",
    "5.0.0.Final",
    "31.1-android",
    "31.1-jre",
    "20230101",
    "20230101.1",
]


def test_versions_are_in_the_order_of_their_key() -> None:
    for lower, higher in pairwise(IN_ORDER):
        assert version_key(lower) < version_key(higher), (lower, higher)
    assert in_order(set(IN_ORDER)) == tuple(IN_ORDER)


@pytest.mark.parametrize(
    "same",
    [
        ["1", "1.0", "1.0.0", "1.0.Final", "1-ga", "1.0-RELEASE"],
        ["1-alpha-1", "1-alpha1", "1-a1", "1.0-ALPHA-1"],
        ["1-b1", "1-beta-1"],
        ["1-m1", "1-milestone-1", "1.0-M1"],
        ["1-rc1", "1-cr1", "1.0.RC1"],
        ["0", "", "0.0", "final"],
    ],
)
def test_versions_that_mean_the_same_are_equal(same: list[str]) -> None:
    assert len({version_key(version) for version in same}) == 1


VERSION = st.text("0123456789.-_abmrcspx", max_size=12)


@given(st.lists(VERSION, max_size=8))
def test_any_versions_have_one_order(versions: list[str]) -> None:
    ordered = in_order(set(versions))
    for place, lower in enumerate(ordered):
        assert all(version_key(lower) <= version_key(higher) for higher in ordered[place:])


@given(VERSION, st.sampled_from(["alpha", "beta", "milestone", "rc", "snapshot"]))
def test_what_announces_a_release_comes_before_it(version: str, word: str) -> None:
    assert version_key(f"{version}-{word}") < version_key(version) < version_key(f"{version}-sp")


@given(st.text(max_size=40))
def test_any_text_is_a_version(version: str) -> None:
    assert version_key(version) == version_key(version)
