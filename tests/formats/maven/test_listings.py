"""From when on a version and a build are listed (maven R72, R75, R81): pure, by assets that come and go."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from itertools import permutations
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from artifactd.clock import SECOND, micros
from artifactd.plugin import Asset, Change, Keep
from artifactd_maven import builds_index, versions_index
from artifactd_maven.builds_index import Builds
from artifactd_maven.layout import announced_path, deleted_path
from artifactd_maven.listings import QUIET, Files, Listing, Original
from artifactd_maven.metadata import Metadata, written
from artifactd_maven.versions_index import Versions

T = 1_800_000_000 * SECOND
LIB = "com/ex/lib"
SNAP = f"{LIB}/1.1-SNAPSHOT"
DAY = micros(timedelta(days=1))


def asset(path: str, added: int = T, attributes: Mapping[str, Any] | None = None) -> Asset:
    return Asset(1, 1, path, None, "", "", attributes or {}, Keep.ALWAYS, 0, None, added, added, 1)


def versions(*assets: Asset) -> Listing:
    return versions_index.VERSIONS.build(LIB, assets)


def builds(*assets: Asset) -> Listing:
    return builds_index.BUILDS.build(SNAP, assets)


def files(version: str, added: int = T) -> list[Asset]:
    path = f"{LIB}/{version}/lib-{version}"
    return [asset(f"{path}.jar", added), asset(f"{path}.pom", added + SECOND)]


def test_a_version_is_listed_once_it_is_announced() -> None:
    # maven R44, R72
    listing = versions(*files("1.0"), asset(announced_path(f"{LIB}/1.0"), T + 3 * SECOND))
    assert not listing.at(T + 3 * SECOND - 1).versions
    said = listing.at(T + 3 * SECOND)
    assert (said.group, said.artifact, said.versions) == ("com.ex", "lib", ("1.0",))
    assert said.updated == written(T + 3 * SECOND)
    assert listing.is_settled(T + 3 * SECOND)


def test_one_that_nobody_announces_is_listed_when_its_client_has_been_quiet_for_a_minute() -> None:
    listing = versions(*files("1.0"))
    complete = T + SECOND + QUIET
    assert not listing.at(complete - 1).versions
    assert not listing.is_settled(complete - 1)
    assert listing.at(complete).versions == ("1.0",)
    assert listing.at(complete).updated == listing.at(complete + DAY).updated == written(complete)
    assert listing.is_settled(complete)


def test_without_a_pom_only_an_announcement_counts() -> None:
    jar = files("1.0")[0]
    assert not versions(jar).at(T + DAY).versions
    assert versions(jar, asset(announced_path(f"{LIB}/1.0"))).at(T).versions == ("1.0",)
    assert not versions(asset(announced_path(f"{LIB}/1.0"))).at(T + DAY).versions, "there is nothing of it"
    build_pom = asset(f"{LIB}/1.0/lib-1.0-build.pom")
    assert not versions(jar, build_pom).at(T + DAY).versions  # maven R9
    assert not versions(jar, asset(f"{LIB}/1.0/lib-1.0.pom.asc")).at(T + DAY).versions


def test_what_comes_later_does_not_take_a_version_away() -> None:
    # maven R49, R74: a signature, days after the release
    late = asset(f"{LIB}/1.0/lib-1.0.jar.asc", T + DAY)
    listing = versions(*files("1.0"), late)
    assert listing.at(T + DAY).versions == ("1.0",)
    assert listing.at(T + DAY).updated == versions(*files("1.0")).at(T + DAY).updated


def test_a_deployment_that_takes_its_time_is_waited_for() -> None:
    slow = [asset(f"{LIB}/1.0/lib-1.0-{n}.jar", T + n * 50 * SECOND) for n in range(1, 5)]
    listing = versions(*files("1.0"), *slow)
    assert not listing.at(T + 200 * SECOND + QUIET - 1).versions
    assert listing.at(T + 200 * SECOND + QUIET).versions == ("1.0",)


def test_a_deletion_takes_a_version_away_and_the_moment_never_goes_back() -> None:
    # maven R81, L3
    both = versions(*files("1.0"), *files("2.0", T + DAY))
    assert both.at(T + 3 * DAY).latest == "2.0"
    gone = [Change(each, retired=True) for each in files("2.0", T + DAY)]
    noted = Change(asset(deleted_path(LIB), T + 2 * DAY), retired=False)
    left = versions_index.VERSIONS.apply(LIB, both, [*gone, noted])
    assert left is not None
    said = left.at(T + 3 * DAY)
    assert (said.versions, said.updated) == (("1.0",), written(T + 2 * DAY))
    assert versions(asset(deleted_path(LIB))).at(T).is_empty


def test_only_what_is_about_this_artifact_counts() -> None:
    others = [
        asset(f"{LIB}/maven-metadata.xml"),
        asset(f"{LIB}/1.0/notes.txt"),
        asset(f"{LIB}/1.0/lib-1.0.jar.sha1"),
        asset(f"{LIB}/1.0/.stated-lib-1.0.pom.sha1"),
    ]
    assert versions(*others) == Versions(LIB)


def build(number: int, *names: str, added: int = T) -> list[Asset]:
    stamp = f"20261123.17582{number}-{number}"
    return [asset(f"{SNAP}/lib-1.1-{stamp}{name}", added) for name in names]


def announced(number: int, added: int = T) -> Asset:
    return asset(announced_path(SNAP, f"20261123.17582{number}-{number}"), added)


def test_each_kind_of_file_is_the_newest_build_that_has_one() -> None:
    # maven R75
    listing = builds(
        *build(1, ".jar", ".pom", "-sources.jar", ".jar.asc", "-tests.tar.gz"),
        *build(2, ".jar", ".pom", added=T + DAY),
        announced(1),
        announced(2, T + DAY),
    )
    said = listing.at(T + DAY)
    assert str(said.snapshot) == "20261123.175822-2"
    assert (said.group, said.artifact, said.version) == ("com.ex", "lib", "1.1-SNAPSHOT")
    assert {pair: file.value[-1] for pair, file in said.files.items()} == {
        ("", "jar"): "2",
        ("", "pom"): "2",
        ("sources", "jar"): "1",
        ("tests", "tar.gz"): "1",
    }
    assert said.files["", "jar"].updated == written(T + DAY) == said.updated
    assert said.files["sources", "jar"].updated == written(T)
    assert str(listing.at(T).snapshot) == "20261123.175821-1"


def test_a_build_under_way_is_not_the_newest() -> None:
    listing = builds(*build(1, ".jar", ".pom"), *build(2, ".jar", ".pom", added=T + DAY))
    assert str(listing.at(T + DAY).snapshot) == "20261123.175821-1"
    assert str(listing.at(T + DAY + QUIET).snapshot) == "20261123.175822-2"


def test_a_file_that_each_build_replaces_counts_where_no_build_has_one() -> None:
    # maven R51, R75
    literal = [asset(f"{SNAP}/lib-1.1-SNAPSHOT{name}", T + DAY) for name in (".jar", ".war", ".jar.asc")]
    alone = builds(*literal).at(T + DAY)
    assert alone.snapshot is None
    assert {file.value for file in alone.files.values()} == {"1.1-SNAPSHOT"}
    both = builds(*literal, *build(1, ".jar", ".pom")).at(T + DAY)
    assert both.files["", "jar"].value == "1.1-20261123.175821-1"
    assert both.files["", "war"].value == "1.1-SNAPSHOT"
    assert ("", "jar.asc") not in both.files


def test_groups_leave_out_what_speaks_of_something_else() -> None:
    # maven R121
    from artifactd.plugin import Part

    own, other = versions(*files("1.0")), Original(Metadata("com.evil", "lib", versions=("9",)), b"x")
    right = Original(Metadata("com.ex", "lib", versions=("2",)), b"y")
    merge = versions_index.VERSIONS.merge
    assert merge(LIB, [Part("a", other), Part("b", right)]) is right, "alone it is as it is"
    merged = merge(LIB, [Part("a", own), Part("b", other), Part("c", right)])
    assert merged.at(T + DAY).versions == ("1.0", "2")
    assert merged.original == b""
    assert not merged.is_settled(T)
    assert merge(LIB, [Part("a", other)]).at(T).is_empty


MOMENTS = st.integers(0, 300).map(lambda seconds: T + seconds * SECOND)
CHANGES = st.lists(
    st.tuples(
        st.sampled_from(
            [
                *(f"{LIB}/1.{n}/lib-1.{n}.{kind}" for n in range(2) for kind in ("jar", "pom", "jar.asc")),
                announced_path(f"{LIB}/1.0"),
                deleted_path(LIB),
                *(
                    f"{SNAP}/lib-1.1-20261123.17582{n}-{n}{kind}"
                    for n in (1, 2)
                    for kind in (".jar", ".pom")
                ),
                f"{SNAP}/lib-1.1-SNAPSHOT.jar",
                announced_path(SNAP, "20261123.175821-1"),
                deleted_path(SNAP),
            ]
        ),
        MOMENTS,
    ),
    max_size=14,
)


@given(CHANGES, st.integers(0, 14))
def test_bringing_up_to_date_is_as_good_as_making_anew(
    changes: Sequence[tuple[str, int]], cut: int
) -> None:
    held: dict[str, Asset] = {}
    half: dict[str, Asset] = {}
    later: list[Change] = []
    for place, (path, added) in enumerate(changes):
        if place == cut:
            half = dict(held)
        present = held.pop(path, None)
        if present is not None and present.added % (2 * SECOND):
            news = [Change(present, retired=True)]  # deleted
        else:
            held[path] = asset(path, added)
            news = [Change(present, retired=True)] if present else []
            news.append(Change(held[path], retired=False))
        later += news if place >= cut else []
    if cut >= len(changes):
        half = dict(held)
    for index, key in ((versions_index.VERSIONS, LIB), (builds_index.BUILDS, SNAP)):
        mine = [each for each in sorted(held.values(), key=lambda each: each.path) if key in each.path]
        before = [each for each in sorted(half.values(), key=lambda each: each.path) if key in each.path]
        of_key = [change for change in later if change.asset.path.startswith(f"{key}/")]
        made = index.apply(key, index.build(key, before), of_key)
        anew = index.build(key, mine)
        assert made is not None
        for now in (T, T + 100 * SECOND, T + DAY):
            assert _but_moment(made.at(now)) == _but_moment(anew.at(now))
            assert made.is_settled(now) == anew.is_settled(now)


def _but_moment(said: Metadata) -> Metadata:
    """Without when it was last changed: who saw a deletion before its note went knows more."""
    from dataclasses import replace

    return replace(said, updated="")


@given(st.permutations(range(4)))
def test_the_order_of_files_does_not_matter(order: list[int]) -> None:
    # maven R45
    assets = [*files("1.0"), *files("1.1", T + 5 * SECOND)]
    assert versions(*(assets[place] for place in order)) == versions(*assets)


def test_files_of_a_version_enter_together_whatever_comes_first() -> None:
    moments = {"a.jar": T, "a.pom": T + 10 * SECOND, "b.jar": T + 30 * SECOND}
    for order in permutations(moments):
        made = Files({name: moments[name] for name in order}, frozenset({"a.pom"}))
        assert made.entered() == T + 30 * SECOND + QUIET
    assert Files().entered() is None
    assert Builds(SNAP).at(T) == Metadata()
