"""What a proxy asks its upstream for (maven F): pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from artifactd.plugin import IMMUTABLE, Facts, Fetch
from artifactd_maven import format
from artifactd_maven.checksums import CHECKSUM, parse_checksum, stated_by_upstream
from artifactd_maven.settings import LayoutPolicy, MavenSettings, VersionPolicy

URL = "https://upstream.example/maven2/"
JAR = "com/ex/lib/1.0/lib-1.0.jar"
SNAPSHOT = "com/ex/lib/1.1-SNAPSHOT"
SHA1 = "0123456789abcdef0123456789abcdef01234567"


@dataclass
class Look:
    """A proxy whose upstream has these checksums. `asked`: which were looked at."""

    url: str = URL
    known: Mapping[str, str] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def document(self, index: Any, key: str) -> Any:
        assert index is CHECKSUM
        self.asked.append(key)
        return self.known.get(key, "")

    def holds(self, path: str) -> bool:
        raise AssertionError

    def held(self, path: str) -> bytes | None:
        raise AssertionError


def fetches(path: str, look: Look | None = None, **settings: Any) -> Sequence[Fetch]:
    return format.fetch(path, MavenSettings(**settings), look or Look())


def fetched(path: str, look: Look | None = None, **settings: Any) -> Fetch:
    [found] = fetches(path, look, **settings)
    return found


@pytest.mark.parametrize("path", [JAR, JAR.replace(".jar", ".pom"), JAR.replace(".jar", "-x.tar.gz")])
def test_a_release_is_asked_for_once_with_its_checksum(path: str) -> None:
    # maven R100, R101
    look = Look(known={f"{path}.sha1": SHA1})
    found = fetched(path, look)
    assert (found.url, found.freshness, found.expected) == (URL + path, IMMUTABLE, {"sha1": SHA1})
    assert look.asked == [f"{path}.sha1"]
    assert set(found.checksums) == {"md5", "sha1", "sha512"}
    assert found.negative_for == timedelta(minutes=10)  # maven R105
    assert format.immutable(path, MavenSettings())


def test_a_file_whose_checksum_nobody_publishes_is_taken_as_it_is() -> None:
    # maven R101
    assert fetched(JAR).expected == {}


def test_whoever_wants_no_checks_has_none() -> None:
    look = Look(known={f"{JAR}.sha1": SHA1})
    assert fetched(JAR, look, verify_checksums=False).expected == {}
    assert look.asked == []


@pytest.mark.parametrize(
    ("path", "fresh_for"),
    [
        ("com/ex/lib/maven-metadata.xml", timedelta(hours=1)),
        ("com/ex/maven-metadata.xml", timedelta(hours=1)),
        (f"{SNAPSHOT}/maven-metadata.xml", timedelta(minutes=10)),
        (f"{SNAPSHOT}/lib-1.1-SNAPSHOT.jar", timedelta(minutes=10)),
        (f"{SNAPSHOT}/lib-1.1-20261123.175820-1.jar", timedelta(minutes=10)),
        (".meta/prefixes.txt", timedelta(days=1)),
        ("archetype-catalog.xml", timedelta(days=1)),
        (".index/nexus-maven-repository-index.properties", timedelta(days=1)),
        (f"{JAR}.sha1", timedelta(minutes=10)),
    ],
)
def test_what_changes_is_fresh_for_a_while_and_bearable_for_a_week(path: str, fresh_for: timedelta) -> None:
    # maven R100, R103; proxy R140
    found = fetched(path)
    assert found.url == URL + path
    assert (found.freshness.fresh_for, found.freshness.stale_for) == (fresh_for, timedelta(days=7))
    assert not format.immutable(path, MavenSettings())


def test_a_signature_is_asked_for_as_a_file_without_a_checksum() -> None:
    look = Look(known={f"{JAR}.asc.sha1": SHA1})
    found = fetched(f"{JAR}.asc", look)
    assert (found.freshness, found.expected, look.asked) == (IMMUTABLE, {}, [])


def test_a_file_that_each_build_replaces_is_asked_for_without_a_checksum() -> None:
    look = Look()
    fetched(f"{SNAPSHOT}/lib-1.1-SNAPSHOT.jar", look)
    assert look.asked == []
    fetched(f"{SNAPSHOT}/lib-1.1-20261123.175820-1.jar", look)
    assert look.asked == [f"{SNAPSHOT}/lib-1.1-20261123.175820-1.jar.sha1"]


@pytest.mark.parametrize(
    "path",
    [
        "com/ex/lib/maven-metadata.xml.sha1",  # maven R101: of what is served
        ".meta/prefixes.txt.sha1",
        "archetype-catalog.xml.md5",
        "com/ex/lib/1.0/other.txt",  # maven R6
        "site/index.html",
        "com/ex/lib/maven-metadata-local.xml",
        "com/ex/.plugins/x",
        "com/ex/lib/1.0/.announced",
        ".meta/repository-metadata.xml",  # maven R93
        ".nexus/x",
        "robots.txt",
        "favicon.ico",
        "com/ex/../lib/1.0/lib-1.0.jar",
        "",
    ],
)
def test_what_cannot_be_there_is_not_asked_for(path: str) -> None:
    assert fetches(path) == ()


def test_a_permissive_proxy_asks_for_any_file() -> None:
    # maven R6
    found = fetched("p2/content.jar", layout_policy=LayoutPolicy.PERMISSIVE)
    assert found.freshness.fresh_for == timedelta(minutes=10)
    assert fetches("robots.txt", layout_policy=LayoutPolicy.PERMISSIVE) == ()


@pytest.mark.parametrize(
    ("policy", "path", "asked"),
    [
        (VersionPolicy.RELEASE, JAR, True),
        (VersionPolicy.RELEASE, f"{SNAPSHOT}/lib-1.1-SNAPSHOT.jar", False),
        (VersionPolicy.RELEASE, f"{SNAPSHOT}/lib-1.1-SNAPSHOT.jar.sha1", False),
        (VersionPolicy.RELEASE, f"{SNAPSHOT}/maven-metadata.xml", False),
        (VersionPolicy.RELEASE, "com/ex/lib/maven-metadata.xml", True),
        (VersionPolicy.SNAPSHOT, JAR, False),
        (VersionPolicy.SNAPSHOT, f"{SNAPSHOT}/lib-1.1-SNAPSHOT.jar", True),
        (VersionPolicy.SNAPSHOT, "com/ex/lib/maven-metadata.xml", True),
    ],
)
def test_versions_that_the_policy_excludes_are_not_asked_for(
    policy: VersionPolicy, path: str, asked: bool
) -> None:
    # maven R126
    assert bool(fetches(path, version_policy=policy)) == asked


@pytest.mark.parametrize(
    ("path", "quoted"),
    [
        ("g/a b/1/a b-1.jar", "g/a%20b/1/a%20b-1.jar"),
        ("g/a/1+b/a-1+b.jar", "g/a/1%2Bb/a-1%2Bb.jar"),
        ("g/a/1~2/a-1~2.jar", "g/a/1~2/a-1~2.jar"),
        ("g/a%25/1/a%25-1.jar", "g/a%2525/1/a%2525-1.jar"),
        ("g/a#/1/a#-1.jar", "g/a%23/1/a%23-1.jar"),
        ("g/é/1/é-1.jar", "g/%C3%A9/1/%C3%A9-1.jar"),
    ],
)
def test_an_address_is_the_path_behind_the_upstreams(path: str, quoted: str) -> None:
    assert fetched(path).url == URL + quoted


@pytest.mark.parametrize(
    ("headers", "stated"),
    [
        ({"x-checksum-sha1": SHA1.upper()}, {"sha1": SHA1}),
        ({"x-checksum-sha1": "wrong", "x-goog-meta-checksum-sha1": SHA1}, {"sha1": SHA1}),
        ({"x-amz-meta-checksum-md5": SHA1[:32]}, {"md5": SHA1[:32]}),
        ({"x-checksum-sha256": "a" * 64}, {"sha256": "a" * 64}),
        ({"etag": f'"{{SHA1{{{SHA1}}}}}"'}, {"sha1": SHA1}),
        ({"etag": f"{{SHA1{{{SHA1}}}}}"}, {"sha1": SHA1}),
        ({"etag": f'"{SHA1}"'}, {}),
        ({}, {}),
    ],
)
def test_upstreams_state_checksums_in_headers(headers: dict[str, str], stated: dict[str, str]) -> None:
    # maven R21, R23, R101
    assert stated_by_upstream(Facts(URL, headers)) == stated


@pytest.mark.parametrize(
    ("text", "algorithm", "found"),
    [
        (f"{SHA1}", "sha1", SHA1),
        (f"{SHA1}  lib-1.0.jar\n", "sha1", SHA1),
        (f"SHA1(lib.jar)= {SHA1.upper()}", "sha1", SHA1),
        (f"{SHA1[:32]} {SHA1}", "sha1", SHA1),
        (f"{SHA1[:32]} {SHA1}", "md5", SHA1[:32]),
        ("<html>Sign in</html>", "sha1", None),
        ("", "sha1", None),
        (f"{SHA1}0", "sha1", None),
    ],
)
def test_a_checksum_is_found_in_what_tools_write(text: str, algorithm: str, found: str | None) -> None:
    # maven R47, R101
    assert parse_checksum(text.encode(), algorithm) == found
