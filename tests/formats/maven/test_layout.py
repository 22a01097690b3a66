"""Paths of the Maven layout (maven A, K)."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from artifactd_maven.layout import (
    Gav,
    Kind,
    announced_path,
    archetype_path,
    companion,
    deleted_path,
    is_snapshot,
    owned_as,
    owner,
    parse,
    plugin_path,
    stated_path,
)

LIB = "com/ex/lib/1.0"
SNAPSHOT = "com/ex/lib/1.1-SNAPSHOT"
BUILD = "20261123.175820-1"


@pytest.mark.parametrize(
    ("path", "gav"),
    [
        (f"{LIB}/lib-1.0.jar", Gav("com.ex", "lib", "1.0", "", "jar")),  # maven K1
        (f"{LIB}/lib-1.0-sources.jar", Gav("com.ex", "lib", "1.0", "sources", "jar")),  # maven K2
        (f"{LIB}/lib-1.0-jdk1.5.tar.gz", Gav("com.ex", "lib", "1.0", "jdk1.5", "tar.gz")),  # maven K3, R4
        (f"{LIB}/lib-1.0-jdk1.5.jar", Gav("com.ex", "lib", "1.0", "jdk1.5", "jar")),  # maven R4
        (f"{LIB}/lib-1.0.tar.gz", Gav("com.ex", "lib", "1.0", "", "tar.gz")),
        (f"{LIB}/lib-1.0.7z", Gav("com.ex", "lib", "1.0", "", "7z")),
        (  # maven K4
            f"{SNAPSHOT}/lib-1.1-{BUILD}.jar",
            Gav("com.ex", "lib", "1.1-SNAPSHOT", "", "jar", BUILD),
        ),
        (f"{SNAPSHOT}/lib-1.1-SNAPSHOT.jar", Gav("com.ex", "lib", "1.1-SNAPSHOT", "", "jar")),  # maven K6
        (  # maven R5: digits that are no timestamp
            f"{SNAPSHOT}/lib-1.1-SNAPSHOT-20240101.jar",
            Gav("com.ex", "lib", "1.1-SNAPSHOT", "20240101", "jar"),
        ),
        (  # maven R5
            f"{SNAPSHOT}/lib-1.1-{BUILD}-20240101.jar",
            Gav("com.ex", "lib", "1.1-SNAPSHOT", "20240101", "jar", BUILD),
        ),
        ("com/ex/a.b/1/a.b-1.pom", Gav("com.ex", "a.b", "1", "", "pom")),  # maven K12
        (f"{LIB}/lib-1.0-build.pom", Gav("com.ex", "lib", "1.0", "build", "pom")),  # maven K13, R9
        (f"{LIB}/lib-1.0.module", Gav("com.ex", "lib", "1.0", "", "module")),  # maven K14, R10
        ("com/ex/p/SNAPSHOT/p-SNAPSHOT.jar", Gav("com.ex", "p", "SNAPSHOT", "", "jar")),  # maven K15
        (f"com/ex/p/SNAPSHOT/p-{BUILD}.jar", Gav("com.ex", "p", "SNAPSHOT", "", "jar", BUILD)),
        (  # maven R5: as Gradle may write it
            f"com/ex/p/1-snapshot/p-1-{BUILD}.jar",
            Gav("com.ex", "p", "1-snapshot", "", "jar", BUILD),
        ),
        (  # maven K16: a release that looks dated
            "com/ex/lib/1.0-20240101/lib-1.0-20240101.jar",
            Gav("com.ex", "lib", "1.0-20240101", "", "jar"),
        ),
        ("g/lib_2.13/1.0+b.5/lib_2.13-1.0+b.5.jar", Gav("g", "lib_2.13", "1.0+b.5", "", "jar")),  # maven R7
        ("g/a b/1~2/a b-1~2.jar", Gav("g", "a b", "1~2", "", "jar")),  # maven R7
        ("g/Foo/1/Foo-1.jar", Gav("g", "Foo", "1", "", "jar")),  # maven R7
    ],
)
def test_a_file_is_called_what_its_path_says(path: str, gav: Gav) -> None:
    # maven R1, R2
    place = parse(path)
    assert (place.kind, place.gav, place.main, place.checksum) == (Kind.ARTIFACT, gav, path, "")
    assert gav.path == path
    assert owner(path) == gav.owner
    assert place.is_snapshot == ("SNAPSHOT" in path.upper())
    assert place.is_literal == (place.is_snapshot and not gav.stamp)


@pytest.mark.parametrize(
    "path",
    [
        "lib/1.0/lib-1.0.jar",  # maven K9
        f"{LIB}/lib-1.0",  # maven K10
        f"{LIB}/lib-1.0-sources",
        f"{LIB}/other-1.0.jar",  # maven K11
        f"{LIB}/lib-1.0.1.jar",
        f"{LIB}/lib-1.0..jar",
        f"{LIB}/lib-1.0-.jar",
        f"{LIB}/lib-1.0.",
        f"{LIB}/lib-1.01.jar",
        f"{LIB}/.jar",
        f"{SNAPSHOT}/lib-1.1-20261123.175820.jar",
        f"{SNAPSHOT}/lib-1.2-{BUILD}.jar",
        "com.ex/lib/1.0/lib-1.0.jar",
        "com/ex/li\\b/1.0/li\\b-1.0.jar",
        "com//lib/1.0/lib-1.0.jar",
        "com/ex/lib/1.0/",
        "maven-metadata.xml",
        "",
        "site/index.html",
    ],
)
def test_what_is_no_path_of_the_layout_is_no_file_of_it(path: str) -> None:
    # maven R6
    assert parse(path).kind is Kind.OTHER
    assert owner(path) is None


def test_a_checksum_is_taken_off_and_then_a_signature() -> None:
    # maven R3, K5
    main = f"{SNAPSHOT}/lib-1.1-{BUILD}-tests.jar"
    place = parse(f"{main}.asc.sha512")
    assert place.gav == Gav("com.ex", "lib", "1.1-SNAPSHOT", "tests", "jar", BUILD)
    assert (place.main, place.checksum, place.signature) == (f"{main}.asc", "sha512", ".asc")
    for signature in (".asc", ".sigstore", ".sigstore.json"):
        place = parse(main + signature)
        assert (place.main, place.signature, place.checksum) == (main + signature, signature, "")
        assert companion(main + signature) == main
    assert companion(main) is None
    assert parse(f"{main}.sha1.sha1").checksum == "sha1"
    assert parse(f"{main}.sha1.sha1").main == f"{main}.sha1"


def test_metadata_is_about_the_folder_that_it_lies_in() -> None:
    # maven K7, K8
    place = parse(f"{SNAPSHOT}/maven-metadata.xml.sha1")
    assert (place.kind, place.checksum, place.folder) == (Kind.METADATA, "sha1", SNAPSHOT)
    assert place.is_snapshot
    assert owner(f"{SNAPSHOT}/maven-metadata.xml") == "com/ex/lib"
    assert owner("com/ex/maven-metadata.xml") == "com/ex"
    assert not parse("com/ex/maven-metadata.xml").is_snapshot


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("com/ex/lib/maven-metadata-local.xml", Kind.LOCAL_METADATA),  # maven R83
        ("com/ex/lib/maven-metadata-central.xml", Kind.LOCAL_METADATA),
        ("archetype-catalog.xml", Kind.ARCHETYPES),  # maven R90
        (".index/nexus-maven-repository-index.gz", Kind.INDEX),  # maven R91
        (".meta/prefixes.txt", Kind.PREFIXES),  # maven R92
        (".meta/repository-metadata.xml", Kind.NOTHING),  # maven R93
        (".nexus/attributes", Kind.NOTHING),
        ("robots.txt", Kind.NOTHING),
        ("favicon.ico", Kind.NOTHING),
    ],
)
def test_some_paths_are_for_something_else(path: str, kind: Kind) -> None:
    assert parse(path).kind is kind
    assert parse(f"{path}.sha1").kind is kind
    assert parse(f"{path}.sha1").main == path


def test_what_we_note_belongs_to_what_it_is_about() -> None:
    notes = {
        announced_path(LIB): "com/ex/lib",
        announced_path(SNAPSHOT, BUILD): "com/ex/lib",
        deleted_path("com/ex/lib"): "com/ex/lib",
        deleted_path(SNAPSHOT): "com/ex/lib",
        stated_path(f"{LIB}/lib-1.0.jar", "md5"): "com/ex/lib",
        stated_path(f"{LIB}/lib-1.0.jar.asc", "sha1"): "com/ex/lib",
        stated_path("site/index.html", "sha1"): None,
        stated_path("index.html", "sha1"): None,
        plugin_path("com/ex", "x-maven-plugin"): "com/ex/.plugins",
        archetype_path(Gav("com.ex", "a", "1", "", "pom")): ".archetypes",
    }
    for path, name in notes.items():
        assert parse(path).kind is Kind.NOTE, path
        assert owner(path) == name, path
    assert owned_as("com/ex/.plugins") == "com/ex"
    assert owned_as("com/ex/lib") == "com/ex/lib"
    assert owned_as(".archetypes") == ""


@pytest.mark.parametrize("version", ["SNAPSHOT", "1.0-SNAPSHOT", "1-snapshot", "1.0-rc-Snapshot"])
def test_a_snapshot_is_one_however_it_is_written(version: str) -> None:
    assert is_snapshot(version)


@pytest.mark.parametrize("version", ["1.0", "1.0SNAPSHOT", "1.0-SNAPSHOT-1", "snapshots", ""])
def test_a_release_is_one_whatever_it_looks_like(version: str) -> None:
    assert not is_snapshot(version)


WORD = st.text(string.ascii_letters + string.digits + "_+~", min_size=1, max_size=8)
NAME = st.lists(WORD, min_size=1, max_size=3).map("-".join)
DOTTED = st.lists(WORD, min_size=1, max_size=3).map(".".join)
EXTENSION = st.sampled_from(["jar", "pom", "module", "tar.gz", "war", "zip", "klib"])
STAMP = st.builds("{:08d}.{:06d}-{}".format, *(st.integers(0, n) for n in (99999999, 999999, 999)))


@st.composite
def gavs(draw: st.DrawFn) -> Gav:
    group, artifact = draw(DOTTED), draw(st.one_of(NAME, DOTTED))
    classifier = draw(st.one_of(st.just(""), NAME))
    base = draw(st.one_of(DOTTED, NAME, DOTTED.map("{}-SNAPSHOT".format), st.just("SNAPSHOT")))
    stamp = draw(STAMP) if is_snapshot(base) and draw(st.booleans()) else ""
    return Gav(group, artifact, base, classifier, draw(EXTENSION), stamp)


@given(gavs())
def test_a_path_is_read_as_it_is_written(gav: Gav) -> None:
    assert parse(gav.path).gav == gav
    for signature in ("", ".asc", ".sigstore.json"):
        for checksum in ("", ".md5", ".sha1", ".sha256", ".sha512"):
            place = parse(f"{gav.path}{signature}{checksum}")
            assert (place.gav, place.signature, place.checksum) == (gav, signature, checksum[1:])
            assert place.main == f"{gav.path}{signature}"
            assert owner(f"{gav.path}{signature}{checksum}") == gav.owner


@given(st.text(string.ascii_letters + "-./\\0129 \x00\x1fä:", max_size=60))
def test_every_path_is_read(path: str) -> None:
    place = parse(path)
    assert place.gav is None or place.gav.path + place.signature == place.main
    assert owner(path) is None or path.startswith((f"{owner(path)}/", "archetype-"))
