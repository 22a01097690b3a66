"""Documents of others: elements are cut out as they stand; what could be read in two ways is refused."""

import tracemalloc
from collections.abc import Iterator
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from artifactd.plugin import UpstreamInvalid
from artifactd_rpm.reading import Document, Listed, Proof, declared, listed, moved, outermost

COMMON = "http://linux.duke.edu/metadata/common"
RPM = "http://linux.duke.edu/metadata/rpm"
ROOT = f'xmlns="{COMMON}" xmlns:rpm="{RPM}"'.encode()
DECLARATION = b'<?xml version="1.0"?>\n'

PACKAGES = [
    b"<package type='rpm'><name>a</name><packager>me &amp; you</packager></package>",
    b'<package a="x > y" b=\'"\'/>',
    b"<package\n><packages/><format><rpm:license>MIT</rpm:license></format></package >",
]


def document(*packages: bytes, root: bytes = ROOT) -> bytes:
    listed = b"\n".join(packages)
    return DECLARATION + b"<!-- by hand -->\n<metadata %b packages='3'>\n%b\n</metadata>\n" % (root, listed)


def in_pieces(data: bytes, size: int) -> Iterator[bytes]:
    return (data[place : place + size] for place in range(0, len(data), size))


def read(data: bytes, *, size: int = 1 << 20, namespace: str = COMMON) -> list[bytes]:
    return [element for _, element in Document(in_pieces(data, size), "package", namespace=namespace)]


@given(st.integers(1, 200))
def test_elements_are_given_as_they_stand_in_whatever_pieces_they_come(size: int) -> None:
    assert read(document(*PACKAGES), size=size) == PACKAGES


def test_elements_of_several_names_come_in_the_order_of_the_document() -> None:
    data = b"<comps><group><id>a</id></group><groups/><category/><group/></comps>"
    found = list(Document([data], "group", "category"))
    assert [name for name, _ in found] == ["group", "category", "group"]
    assert [element for _, element in found][1:] == [b"<category/>", b"<group/>"]


def test_a_document_without_packages_has_none() -> None:
    assert read(document()) == []
    assert read(b'<metadata xmlns="%b"/>' % COMMON.encode()) == []


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "no element"),
        (document(*PACKAGES)[:-5], "unclosed token"),
        (document(b"<package><name></package>"), "mismatched"),
        (document(b"<package>&nbsp;</package>"), "undefined entity"),
        (document(b"<package>\xe9</package>"), "invalid token"),
        (document(b"<package>\x0b</package>"), "invalid token"),
        (document(b"<package><suse:x/></package>"), "unbound prefix"),
        (document(b"<package><!-- <package> --></package>"), "markup in a comment"),
        (document(b"<package><name>a</name><!--<name>b</name>--></package>"), "markup in a comment"),
        (document(b"<package><?p <name>?></package>"), "markup in a comment"),
        (document(b"<package><![CDATA[</package>]]></package>"), "CDATA"),
        (document(b"<package><package></package></package>"), "within such"),
        (b"<!DOCTYPE metadata>" + document().removeprefix(DECLARATION), "DOCTYPE"),
        (b'<!DOCTYPE m [<!ENTITY a "b">]>' + document().removeprefix(DECLARATION), "DOCTYPE"),
        (document(root=b""), "another namespace"),
        (document(root=b'xmlns="http://linux.duke.edu/metadata/other"'), "another namespace"),
        (document().decode().encode("utf-16"), "UTF-8"),
        (b"<html><body>Log in</body></html>", "another namespace"),
    ],
)
def test_what_cannot_be_read_in_one_way_only_is_refused(data: bytes, why: str) -> None:
    with pytest.raises(UpstreamInvalid, match=why):
        read(data)


def test_a_latin_1_document_is_not_taken_for_utf_8() -> None:
    data = b'<?xml version="1.0" encoding="iso-8859-1"?>' + document(
        b"<package>\xe9</package>"
    ).removeprefix(DECLARATION)
    with pytest.raises(UpstreamInvalid):
        read(data)


def test_a_doctype_without_declarations_is_ignored_where_it_may_be() -> None:
    data = (
        b'<!DOCTYPE comps PUBLIC "-//Red Hat, Inc.//DTD Comps info//EN" "comps.dtd"><comps><group/></comps>'
    )
    assert list(Document([data], "group", doctype=True)) == [("group", b"<group/>")]
    subset = b'<!DOCTYPE comps [<!ENTITY a "aaaa">]><comps><group>&a;</group></comps>'
    with pytest.raises(UpstreamInvalid, match="declares"):
        list(Document([subset], "group", doctype=True))


def test_a_proof_alone_allows_comments_and_cdata() -> None:
    proof = Proof(doctype=True)
    proof.feed(b"<!DOCTYPE comps><comps><!-- <group/> --><![CDATA[x]]></comps>", last=True)
    assert proof.root == "comps"


def test_namespaces_that_a_root_declares_go_with_the_elements_that_use_them() -> None:
    root = b'xmlns="%b" xmlns:rpm="%b" xmlns:suse="urn:a&amp;b" xmlns:x="urn:x"' % (
        COMMON.encode(),
        RPM.encode(),
    )
    [used, unused] = read(document(b"<package><suse:a/></package>", b"<package/>", root=root))
    assert used == b'<package xmlns:suse="urn:a&amp;b"><suse:a/></package>'
    assert unused == b"<package/>"
    ElementTree.fromstring(used)


def test_another_prefix_for_the_namespace_of_rpm_is_declared_too() -> None:
    assert declared(b"<package><r:x/></package>", "package", {"r": RPM}) == (
        b'<package xmlns:r="http://linux.duke.edu/metadata/rpm"><r:x/></package>'
    )
    assert (
        declared(b"<package><rpm:x/></package>", "package", {"rpm": RPM}) == b"<package><rpm:x/></package>"
    )
    assert b"urn:other" in declared(b"<package><rpm:x/></package>", "package", {"rpm": "urn:other"})


def test_an_element_that_never_ends_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("artifactd_rpm.reading.LARGEST_ELEMENT", 1 << 16)
    with pytest.raises(UpstreamInvalid, match="more than"):
        list(outermost([b"<package>", *(b"x" * 1024 for _ in range(100))], "package"))


def test_what_is_between_elements_is_not_kept() -> None:
    tracemalloc.start()
    list(outermost((b" " * (1 << 20) for _ in range(50)), "package"))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 << 20


PACKAGE = b"""<package type="rpm">
  <name>a&amp;b</name>
  <arch>noarch</arch>
  <version epoch="1" ver="2~rc1" rel="3"/>
  <checksum type="sha256" pkgid="YES">ABCDEF</checksum>
  <location href="Packages/a&amp;b-2.rpm"/>
</package>"""


def test_what_primary_says_of_a_package_is_read() -> None:
    assert listed(PACKAGE) == Listed(
        "a&b", "1", "2~rc1", "3", "noarch", "sha256", "abcdef", "Packages/a&b-2.rpm", ""
    )
    assert listed(PACKAGE).nevra == "a&b-1:2~rc1-3.noarch"


def test_what_other_tools_leave_out_or_write_otherwise_is_understood() -> None:
    written = PACKAGE.replace(b'epoch="1" ', b"").replace(
        b'href="', b"xml:base = 'http://mirror.example/' href=\""
    )
    found = listed(written)
    assert (found.epoch, found.base, found.href) == ("0", "http://mirror.example/", "Packages/a&b-2.rpm")


@pytest.mark.parametrize(
    ("location", "expected"),
    [
        (b'<location href="a.rpm"/>', b'<location href="m/a.rpm"/>'),
        (b"<location href = 'a.rpm' />", b"<location href = 'm/a.rpm' />"),
        (b'<location xml:base="" href="a.rpm"/>', b'<location xml:base="" href="m/a.rpm"/>'),
        (b"<location x='href=\"b\"' href='a'/>", b"<location x='href=\"b\"' href='m/a'/>"),
        (b'<location x-href="b" href="a"/>', b'<location x-href="b" href="m/a"/>'),
    ],
)
def test_a_location_is_moved_and_nothing_else(location: bytes, expected: bytes) -> None:
    # rpm R122
    assert moved(PACKAGE.replace(b'<location href="Packages/a&amp;b-2.rpm"/>', location), b"m/") == (
        PACKAGE.replace(b'<location href="Packages/a&amp;b-2.rpm"/>', expected)
    )


@pytest.mark.parametrize("lost", [b"name", b"arch", b"version", b"checksum", b"location"])
def test_a_package_that_lacks_what_others_refer_to_is_refused(lost: bytes) -> None:
    with pytest.raises(UpstreamInvalid, match="lacks"):
        listed(PACKAGE.replace(b"<" + lost, b"<x"))


@pytest.mark.parametrize(
    "again",
    [
        b"<name>other</name>",
        b"<arch>src</arch>",
        b'<location href="b.rpm"/>',
        b'<checksum type="sha256">00</checksum>',
        b'<version ver="9"/>',
        b'<c:name xmlns:c="http://linux.duke.edu/metadata/common">other</c:name>',
    ],
)
def test_a_package_that_says_twice_what_it_is_cannot_pass_for_another_one(again: bytes) -> None:
    with pytest.raises(UpstreamInvalid, match="twice"):
        listed(PACKAGE.replace(b"</package>", again + b"</package>"))
