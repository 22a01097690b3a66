"""repomd.xml, written and read."""

import subprocess
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from artifactd.plugin import UpstreamInvalid
from artifactd_rpm.repomd import LARGEST, Record, Repomd, is_safe, parse, rendered
from tests.support.programs import installed

PRIMARY = Record(
    "primary", "repodata/ab-primary.xml.gz", ("sha256", "ab"), 10, ("sha256", "cd"), 20, timestamp=5
)
COMPS = Record("group", "repodata/ef-comps.xml", ("sha256", "ef"), 30, timestamp=5)

WRITTEN = b"""<?xml version="1.0" encoding="UTF-8"?>
<repomd xmlns="http://linux.duke.edu/metadata/repo" xmlns:rpm="http://linux.duke.edu/metadata/rpm">
  <revision>5</revision>
  <data type="primary">
    <checksum type="sha256">ab</checksum>
    <open-checksum type="sha256">cd</open-checksum>
    <location href="repodata/ab-primary.xml.gz"/>
    <timestamp>5</timestamp>
    <size>10</size>
    <open-size>20</open-size>
  </data>
  <data type="group">
    <checksum type="sha256">ef</checksum>
    <location href="repodata/ef-comps.xml"/>
    <timestamp>5</timestamp>
    <size>30</size>
  </data>
</repomd>
"""


def test_it_is_written_as_createrepo_c_writes_it() -> None:
    # rpm R60
    assert rendered(Repomd("5", [PRIMARY, COMPS])) == WRITTEN


def test_what_was_written_is_read_again() -> None:
    assert parse(WRITTEN) == Repomd("5", [PRIMARY, COMPS])


def test_createrepo_c_and_we_write_the_same_for_the_same_files(tmp_path: Path) -> None:
    (tmp_path / "comps.xml").write_text("<comps></comps>")
    flags = ["--quiet", "--no-database", "--revision=7", "--set-timestamp-to-revision"]
    flags += ["--groupfile", str(tmp_path / "comps.xml")]
    subprocess.run([installed("createrepo_c"), *flags, str(tmp_path)], check=True)
    theirs = (tmp_path / "repodata" / "repomd.xml").read_bytes()
    assert rendered(parse(theirs)) == theirs


@pytest.mark.parametrize(
    ("href", "named"),
    [
        ("repodata/" + "a1" * 32 + "-primary.xml.gz", True),
        ("repodata/" + "a1" * 20 + "-primary.xml.gz", True),
        ("repodata/primary.xml.gz", False),
        ("repodata/abcdef-primary.xml.gz", False),
    ],
)
def test_a_name_with_a_checksum_is_told_from_others(href: str, named: bool) -> None:
    assert Record("primary", href, ("", "")).is_named_by_checksum is named


def test_the_first_of_several_kinds_is_found() -> None:
    repomd = Repomd("1", [Record("group_gz", "b", ("", "")), Record("group", "a", ("", ""))])
    found = repomd.find("group", "group_gz")
    assert found is not None
    assert found.href == "a"
    assert repomd.find("modules") is None


@pytest.mark.parametrize(
    ("data", "record"),
    [
        (b'<location href="a"/>', Record("x", "a", ("", ""))),
        (
            b'<location href="a" xml:base="http://mirror.example/"/>',
            Record("x", "a", ("", ""), base="http://mirror.example/"),
        ),
        (
            b'<location href="a"/><timestamp>17.25</timestamp><size>1</size><size2/>',
            Record("x", "a", ("", ""), 1, timestamp=17),
        ),
        (
            b'<checksum type="SHA"> AB\n</checksum><location href="a"/><size>-1</size>',
            Record("x", "a", ("sha", "ab")),
        ),
        (b'<checksum type="sha256">ab</checksum>', None),
    ],
)
def test_what_other_tools_write_is_understood(data: bytes, record: Record | None) -> None:
    body = b'<repomd xmlns="http://linux.duke.edu/metadata/repo"><data type="x">%b</data></repomd>' % data
    assert parse(body).records == ([] if record is None else [record])


def test_a_document_without_namespaces_is_understood() -> None:
    assert parse(b"<repomd><revision>a</revision></repomd>") == Repomd("a", [])


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html></html>",
        b"<repomd>",
        b"<repomd></repomd><repomd></repomd>",
        b"<!DOCTYPE repomd><repomd></repomd>",
        b'<!DOCTYPE r [<!ENTITY a "b">]><repomd>&a;</repomd>',
        b"<repomd>" + b"<a>" * 20 + b"</a>" * 20 + b"</repomd>",
        b"<repomd>\xff</repomd>",
        b"<repomd>" + b" " * LARGEST + b"</repomd>",
    ],
    ids=["empty", "html", "cut", "two", "doctype", "entity", "deep", "not utf-8", "large"],
)
def test_what_is_no_repomd_xml_is_refused_with_a_sentence(body: bytes) -> None:
    with pytest.raises(UpstreamInvalid, match=r"repomd\.xml"):
        parse(body)


@given(st.binary(max_size=200), st.integers(0, len(WRITTEN)))
def test_whatever_comes_it_is_read_or_refused(noise: bytes, place: int) -> None:
    with suppress(UpstreamInvalid):
        parse(WRITTEN[:place] + noise + WRITTEN[place:])


@pytest.mark.parametrize(
    ("href", "safe"),
    [
        ("Packages/a/a-1-1.noarch.rpm", True),
        ("a-1.0^git1-1.noarch.rpm", True),
        ("/repository/a.rpm", False),
        ("../a.rpm", False),
        ("a/../../b.rpm", False),
        ("a//b.rpm", False),
        ("https://upstream.example/a.rpm", False),
        ("", False),
    ],
)
def test_locations_outside_of_the_folder_are_not_safe(href: str, safe: bool) -> None:
    # rpm R2, R3
    assert is_safe(href) is safe
