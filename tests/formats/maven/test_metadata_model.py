"""What `maven-metadata.xml` says, read, written and merged (maven D)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from artifactd_maven.metadata import (
    LARGEST,
    Metadata,
    Plugin,
    SnapshotVersion,
    Stamp,
    merge_metadata,
    micros_of,
    parse_metadata,
    parse_stamp,
    render_metadata,
    written,
)
from artifactd_maven.versions import in_order
from artifactd_maven.xml_reading import DEEPEST, MOST_ELEMENTS, XmlInvalid

VERSIONS = Metadata("com.ex", "lib", versions=("1.0", "1.1", "2.0-SNAPSHOT"), updated="20261123175820")
BUILDS = Metadata(
    "com.ex",
    "lib",
    "1.1-SNAPSHOT",
    snapshot=Stamp("20261123.175920", 2),
    files={
        ("", "jar"): SnapshotVersion("1.1-20261123.175920-2", "20261123175925"),
        ("sources", "jar"): SnapshotVersion("1.1-20261123.175820-1", "20261123175825"),
    },
    updated="20261123175925",
)
PLUGINS = Metadata(plugins=(Plugin("a-maven-plugin", "a", "A & B"), Plugin("b-maven-plugin", "b")))


def test_versions_are_written_as_maven_reads_them() -> None:
    # maven R70, R71, R78
    assert render_metadata(VERSIONS).decode() == (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<metadata modelVersion="1.1.0">\n'
        "  <groupId>com.ex</groupId>\n"
        "  <artifactId>lib</artifactId>\n"
        "  <versioning>\n"
        "    <latest>2.0-SNAPSHOT</latest>\n"
        "    <release>1.1</release>\n"
        "    <versions>\n"
        "      <version>1.0</version>\n"
        "      <version>1.1</version>\n"
        "      <version>2.0-SNAPSHOT</version>\n"
        "    </versions>\n"
        "    <lastUpdated>20261123175820</lastUpdated>\n"
        "  </versioning>\n"
        "</metadata>\n"
    )


def test_builds_are_written_as_maven_reads_them() -> None:
    # maven R70, R71
    assert render_metadata(BUILDS).decode() == (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<metadata modelVersion="1.1.0">\n'
        "  <groupId>com.ex</groupId>\n"
        "  <artifactId>lib</artifactId>\n"
        "  <version>1.1-SNAPSHOT</version>\n"
        "  <versioning>\n"
        "    <snapshot>\n"
        "      <timestamp>20261123.175920</timestamp>\n"
        "      <buildNumber>2</buildNumber>\n"
        "    </snapshot>\n"
        "    <lastUpdated>20261123175925</lastUpdated>\n"
        "    <snapshotVersions>\n"
        "      <snapshotVersion>\n"
        "        <extension>jar</extension>\n"
        "        <value>1.1-20261123.175920-2</value>\n"
        "        <updated>20261123175925</updated>\n"
        "      </snapshotVersion>\n"
        "      <snapshotVersion>\n"
        "        <classifier>sources</classifier>\n"
        "        <extension>jar</extension>\n"
        "        <value>1.1-20261123.175820-1</value>\n"
        "        <updated>20261123175825</updated>\n"
        "      </snapshotVersion>\n"
        "    </snapshotVersions>\n"
        "  </versioning>\n"
        "</metadata>\n"
    )


def test_plugins_are_written_as_maven_reads_them() -> None:
    # maven R70, R80
    assert render_metadata(PLUGINS).decode() == (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<metadata modelVersion="1.1.0">\n'
        "  <plugins>\n"
        "    <plugin>\n"
        "      <name>A &amp; B</name>\n"
        "      <prefix>a</prefix>\n"
        "      <artifactId>a-maven-plugin</artifactId>\n"
        "    </plugin>\n"
        "    <plugin>\n"
        "      <prefix>b</prefix>\n"
        "      <artifactId>b-maven-plugin</artifactId>\n"
        "    </plugin>\n"
        "  </plugins>\n"
        "</metadata>\n"
    )


@pytest.mark.parametrize("metadata", [VERSIONS, BUILDS, PLUGINS, Metadata()])
def test_what_is_written_is_read_again(metadata: Metadata) -> None:
    assert parse_metadata(render_metadata(metadata)) == metadata


def test_what_nobody_knows_is_left_out() -> None:
    # maven R71: namespaces, other models, elements of tomorrow
    said = parse_metadata(
        b'<m:metadata xmlns:m="urn:x" xmlns="urn:y" modelVersion="9"><groupId> g </groupId><!-- c -->'
        b"<artifactId>a</artifactId><future><groupId>no</groupId></future><versioning><release>1</release>"
        b"<versions><version>2</version><version>1</version><version/></versions>"
        b"<lastUpdated>never</lastUpdated></versioning></m:metadata>"
    )
    assert said == Metadata("g", "a", versions=("1", "2"))


def test_a_plugin_without_prefix_and_a_file_without_value_are_left_out() -> None:
    said = parse_metadata(
        b"<metadata><versioning><snapshot><timestamp>x</timestamp></snapshot><snapshotVersions>"
        b"<snapshotVersion><extension>jar</extension></snapshotVersion></snapshotVersions></versioning>"
        b"<plugins><plugin><artifactId>a</artifactId></plugin></plugins></metadata>"
    )
    assert said == Metadata()
    assert said.is_empty


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "well-formed"),
        (b"<html></html>", "root element <html>"),
        (b"<metadata>", "well-formed"),
        (b"<metadata>&auml;</metadata>", "well-formed"),
        (b"\xff\xfe<metadata/>", "well-formed"),
        (b'<?xml version="1.0" encoding="klingon"?><metadata/>', "encoding"),
        (b'<?xml version="1.0" encoding="zlib"?><metadata/>', "encoding"),
        (b"<!DOCTYPE metadata><metadata/>", "document type"),
        (
            b'<!DOCTYPE m [<!ENTITY a SYSTEM "file:///etc/passwd">]><metadata>&a;</metadata>',
            "document type",
        ),
        (  # billion laughs
            b'<!DOCTYPE m [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]><metadata>&b;</metadata>',
            "document type",
        ),
        (b"<a>" * (DEEPEST + 1), "deep"),
        (b"<metadata>" + b"<a/>" * MOST_ELEMENTS + b"</metadata>", "elements"),
        (b"<metadata>" + b" " * LARGEST + b"</metadata>", "bytes"),
        (b"<metadata><groupId>" + b"g" * 256 + b"</groupId></metadata>", "256 characters"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_what_is_no_metadata_is_refused_with_a_reason(data: bytes, reason: str) -> None:
    # maven R55, T11
    with pytest.raises(XmlInvalid, match=reason):
        parse_metadata(data)


def test_versions_of_all_are_merged_and_the_newest_found_anew() -> None:
    # maven R121, R78
    merged = merge_metadata(
        [
            Metadata("g", "a", versions=("1.9", "1.10"), updated="20260102000000"),
            Metadata("g", "a", versions=("1.9", "2.0-rc1", "1.11-SNAPSHOT"), updated="20260101000000"),
        ]
    )
    assert merged.versions == ("1.9", "1.10", "1.11-SNAPSHOT", "2.0-rc1")
    assert (merged.latest, merged.release) == ("2.0-rc1", "2.0-rc1")
    assert merged.updated == "20260102000000"


def test_only_snapshots_are_no_release() -> None:
    assert Metadata(versions=("1-SNAPSHOT", "SNAPSHOT")).release == ""


def test_the_newest_file_of_each_kind_is_kept() -> None:
    # maven R75, R121
    older, newer = "1.1-20261123.175820-7", "1.1-20261123.175920-2"
    literal = SnapshotVersion("1.1-SNAPSHOT", "20991231000000")
    first = Metadata(
        "g",
        "a",
        "1.1-SNAPSHOT",
        snapshot=Stamp("20261123.175820", 7),
        files={
            ("", "jar"): SnapshotVersion(older, "20261123175830"),
            ("sources", "jar"): SnapshotVersion(older, "20261123175830"),
            ("", "zip"): literal,
        },
    )
    second = Metadata(
        "g",
        "a",
        "1.1-SNAPSHOT",
        snapshot=Stamp("20261123.175920", 2),
        files={("", "jar"): SnapshotVersion(newer, "20261123175930"), ("sources", "jar"): literal},
    )
    for parts in ([first, second], [second, first]):
        merged = merge_metadata(parts)
        assert merged.snapshot == Stamp("20261123.175920", 2)
        assert {pair: file.value for pair, file in merged.files.items()} == {
            ("", "jar"): newer,
            ("sources", "jar"): older,
            ("", "zip"): "1.1-SNAPSHOT",
        }


def test_a_build_with_the_higher_number_is_newer_in_the_same_second() -> None:
    # maven R77
    assert max([Stamp("20261123.175820", 9), Stamp("20261123.175820", 10)]).number == 10
    files = [
        Metadata(files={("", "jar"): SnapshotVersion(f"1-20261123.175820-{number}", "")})
        for number in (10, 9)
    ]
    assert merge_metadata(files).files["", "jar"].value.endswith("-10")


def test_plugins_are_merged_by_artifact_and_prefix() -> None:
    # maven R80, R121
    merged = merge_metadata(
        [
            Metadata(plugins=(Plugin("b", "x", "first"), Plugin("a", "y"))),
            Metadata(plugins=(Plugin("b", "x", "second"), Plugin("b", "y"), Plugin("c", "x"))),
        ]
    )
    assert merged.plugins == (
        Plugin("b", "x", "first"),
        Plugin("c", "x"),
        Plugin("a", "y"),
        Plugin("b", "y"),
    )


def test_moments_are_written_in_utc() -> None:
    # maven R71
    assert written(1_800_000_000_999_999) == "20270115080000"
    assert micros_of("20270115080000") == 1_800_000_000_000_000
    assert micros_of("20271315080000") is None
    assert micros_of("") is None


@pytest.mark.parametrize(
    "text", ["", "20261123.175820", "20261123175820-1", "20261123.175820-x", "SNAPSHOT"]
)
def test_what_names_no_build_is_none(text: str) -> None:
    assert parse_stamp(text) is None


VERSION = st.sampled_from(["1", "1.0", "1.1", "1.10", "2-SNAPSHOT", "2-rc1", "2"])
PART = st.builds(
    Metadata,
    st.just("g"),
    st.just("a"),
    versions=st.sets(VERSION).map(in_order),
    updated=st.sampled_from(["", "20260101000000", "20270101000000"]),
    plugins=st.lists(st.builds(Plugin, st.sampled_from("ab"), st.sampled_from("xy")), max_size=2),
)


@given(st.lists(PART, min_size=2, max_size=4))
def test_merging_loses_nothing_and_needs_no_order(parts: list[Metadata]) -> None:
    # maven R121
    merged = merge_metadata(parts)
    assert set(merged.versions) == {version for part in parts for version in part.versions}
    assert merged.versions == merge_metadata(parts[::-1]).versions
    assert render_metadata(merged) == render_metadata(merge_metadata(parts))
    assert parse_metadata(render_metadata(merged)) == merged
