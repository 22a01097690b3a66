"""What a package adds to repodata."""

import io
from xml.etree.ElementTree import Element, fromstring

import pytest
from hypothesis import given
from hypothesis import strategies as st

from artifactd_rpm.fragments import Fragments, filled, fragments_of, packed, unpacked
from artifactd_rpm.package import Change, Package, is_primary, read_package
from artifactd_rpm.repomd import RPM
from artifactd_rpm.tags import Tag
from artifactd_rpm.text import clean, in_attribute, in_text
from tests.support.rpm_headers import Values, rpm

IN_RPM = f"{{{RPM}}}"


def package(**tags: Values | None) -> Package:
    return read_package(io.BytesIO(rpm(tags={Tag[name]: values for name, values in tags.items()})))


def made(described: Package, href: str = "acme-1.0-1.noarch.rpm") -> Fragments:
    return filled(
        fragments_of(described), checksum_type="sha256", checksum="ab" * 32, size=77, time_file=5, href=href
    )


def primary(described: Package, href: str = "acme-1.0-1.noarch.rpm") -> Element:
    root = f'<metadata xmlns:rpm="{RPM}">{made(described, href).primary.decode()}</metadata>'
    return fromstring(root)[0]


def entries(described: Package, title: str) -> list[str]:
    """The lines of a list, as `name [comparison epoch:version-release] [pre]`."""
    found = primary(described).find(f"format/{IN_RPM}{title}")
    lines = []
    for entry in [] if found is None else list(found):
        facts = [entry.get(name, "") for name in ("name", "flags", "epoch", "ver", "rel", "pre")]
        lines.append(" ".join(fact for fact in facts if fact))
    return lines


def test_everything_that_only_the_file_tells_is_filled_in() -> None:
    # rpm R41, R49, R70
    fragments = made(package())
    element = primary(package())
    checksum, time, size = element.find("checksum"), element.find("time"), element.find("size")
    location = element.find("location")
    assert checksum is not None and time is not None and size is not None and location is not None
    assert (checksum.text, checksum.attrib) == ("ab" * 32, {"type": "sha256", "pkgid": "YES"})
    assert time.attrib == {"file": "5", "build": "1700000000"}
    assert size.attrib == {"package": "77", "installed": "0", "archive": "7"}
    assert location.attrib == {"href": "acme-1.0-1.noarch.rpm"}
    for other in (fragments.filelists, fragments.other):
        assert fromstring(other).attrib == {"pkgid": "ab" * 32, "name": "acme", "arch": "noarch"}


@pytest.mark.parametrize(
    "href",
    ["a-1.0^git1.rpm", "a~rc1%5e+.rpm", "Packages/a&b<c>\"d'.rpm", "ü/é.rpm", "a b.rpm", "\x01H\x01C.rpm"],
)
def test_a_location_is_written_as_it_is(href: str) -> None:
    # rpm R2, R5
    location = primary(package(), href).find("location")
    assert location is not None and location.get("href") == href.replace("\x01", "")


def test_marks_in_a_header_are_no_marks() -> None:
    described = package(SUMMARY=b"\x01T \x01C \x01S \x01F \x01H", PACKAGER=b"\x01C")
    summary = primary(described).find("summary")
    assert summary is not None and summary.text == "T C S F H"


def test_packed_fragments_come_out_as_they_went_in() -> None:
    # rpm R68
    fragments = fragments_of(package(CHANGELOGNAME=[b"a"], CHANGELOGTEXT=[b"b"], CHANGELOGTIME=[1]))
    assert unpacked(packed(fragments)) == fragments


def test_fragments_of_another_parser_are_told_apart() -> None:
    # rpm R68, L8
    document = packed(fragments_of(package()))
    with pytest.raises(ValueError, match="version 2"):
        unpacked(b"\x02" + document[1:])


FILES: dict[str, Values] = {
    "DIRNAMES": [b"/etc/", b"/usr/bin/", b"/usr/lib/", b"/opt/", b"/usr/share/sbin/"],
    "BASENAMES": [b"a", b"tool", b"sendmail", b"sendmail", b"hidden", b"dir", b"both"],
    "DIRINDEXES": [0, 1, 2, 3, 4, 3, 0],
    "FILEMODES": [0o100644, 0o100755, 0o120777, 0o100644, 0o100644, 0o040755, 0o040755],
    "FILEFLAGS": [0, 0, 0, 0, 64, 0, 64],
}


def test_primary_lists_the_files_that_are_required_and_filelists_all() -> None:
    # rpm R44
    described = package(**FILES)
    listed = [(file.text, file.get("type")) for file in fromstring(made(described).filelists).iter("file")]
    assert listed == [
        ("/etc/a", None),
        ("/usr/bin/tool", None),
        ("/usr/lib/sendmail", None),
        ("/opt/sendmail", None),
        ("/usr/share/sbin/hidden", "ghost"),
        ("/opt/dir", "dir"),
        ("/etc/both", "dir"),
    ]
    first = [file.text for file in primary(described).iter("file")]
    assert first == [path for path, _ in listed if path is not None and is_primary(path)]
    assert "/opt/sendmail" not in first and "/usr/share/sbin/hidden" in first


def test_what_a_package_has_itself_it_does_not_require() -> None:
    # rpm R45
    described = package(
        **FILES,
        PROVIDENAME=[b"acme", b"own"],
        PROVIDEFLAGS=[8, 8],
        PROVIDEVERSION=[b"1.0-1", b"2"],
        REQUIRENAME=[b"rpmlib(X)", b"/usr/bin/tool", b"/opt/sendmail", b"own", b"own", b"acme", b"x", b"x"],
        REQUIREFLAGS=[1 << 24, 0, 0, 8, 12, 8, 0, 0],
        REQUIREVERSION=[b"4", b"", b"", b"2", b"2", b"1.0-1", b"", b""],
    )
    assert entries(described, "requires") == ["/opt/sendmail", "own GE 0 2", "x"]


@pytest.mark.parametrize("flag", [1 << 5, 1 << 6, 1 << 7, 1 << 9, 1 << 10])
def test_what_scripts_need_is_marked(flag: int) -> None:
    # rpm R45
    described = package(
        REQUIRENAME=[b"sh", b"sh", b"sh"], REQUIREFLAGS=[0, flag, flag], REQUIREVERSION=[b""] * 3
    )
    assert entries(described, "requires") == ["sh", "sh 1"]


@pytest.mark.parametrize("flag", [1 << 8, 1 << 11, 1 << 12])
def test_what_only_removal_needs_is_not_marked(flag: int) -> None:
    described = package(REQUIRENAME=[b"sh"], REQUIREFLAGS=[flag], REQUIREVERSION=[b""])
    assert entries(described, "requires") == ["sh"]


def test_of_the_c_library_the_highest_version_is_required() -> None:
    # rpm R45
    names = ["", "()(64bit)", "(GLIBC_2.4)(64bit)", "(GLIBC_2.17)(64bit)", "(GLIBC_2.3.4)(64bit)"]
    described = package(
        REQUIRENAME=[f"libc.so.6{name}".encode() for name in names] + [b"libc.so.6(GLIBC_PRIVATE)", b"z"],
        REQUIREFLAGS=[0] * 7,
        REQUIREVERSION=[b""] * 7,
    )
    assert entries(described, "requires") == [
        "libc.so.6(GLIBC_PRIVATE)",
        "z",
        "libc.so.6(GLIBC_2.17)(64bit)",
    ]


@pytest.mark.parametrize(
    ("flags", "version", "written"),
    [
        (2, b"1", "a LT 0 1"),
        (4, b"1-2", "a GT 0 1 2"),
        (8, b"3:1-2", "a EQ 3 1 2"),
        (10, b"0:1", "a LE 0 1"),
        (12, b"1-2-3", "a GE 0 1 2-3"),
        (12, b"x:1", "a GE 1"),
        (0, b"1", "a"),
        (6, b"1", "a"),
        (12, b"", "a GE 0"),
    ],
)
def test_versions_are_written_in_parts(flags: int, version: bytes, written: str) -> None:
    # rpm R46
    described = package(CONFLICTNAME=[b"a"], CONFLICTFLAGS=[flags], CONFLICTVERSION=[version])
    assert entries(described, "conflicts") == [written]


def test_weak_dependencies_of_old_and_new_packages_are_listed() -> None:
    # rpm R45
    lists: dict[str, Values] = {}
    for title in ("RECOMMEND", "SUGGEST", "SUPPLEMENT", "ENHANCE"):
        lists |= {f"{title}NAME": [title.lower().encode()], f"{title}FLAGS": [0], f"{title}VERSION": [b""]}
    strong = 1 << 27
    lists |= {
        "OLDSUGGESTSNAME": [b"weak", b"strong"],
        "OLDSUGGESTSFLAGS": [0, strong],
        "OLDSUGGESTSVERSION": [b"", b""],
        "OLDENHANCESNAME": [b"weak", b"strong"],
        "OLDENHANCESFLAGS": [0, strong],
        "OLDENHANCESVERSION": [b"", b""],
        "REQUIRENAME": [b"wished"],
        "REQUIREFLAGS": [1 << 19],
        "REQUIREVERSION": [b""],
    }
    described = package(**lists)
    assert entries(described, "requires") == []
    assert entries(described, "recommends") == ["wished", "recommend", "strong"]
    assert entries(described, "suggests") == ["suggest", "weak"]
    assert entries(described, "supplements") == ["supplement", "strong"]
    assert entries(described, "enhances") == ["enhance", "weak"]


def test_a_rich_dependency_is_a_name() -> None:
    # rpm R46
    described = package(REQUIRENAME=[b"(a >= 1 if b)"], REQUIREFLAGS=[0], REQUIREVERSION=[b""])
    assert entries(described, "requires") == ["(a >= 1 if b)"]


def test_the_ten_newest_changes_are_listed_oldest_first() -> None:
    # rpm R48
    numbers = range(12, 0, -1)
    described = package(
        CHANGELOGTIME=[1000 * number for number in numbers],
        CHANGELOGNAME=[b"author %d  " % number for number in numbers],
        CHANGELOGTEXT=[b"- %d" % number for number in numbers],
    )
    assert described.changes[0] == Change("author 3", 3000, "- 3")
    assert [change.date for change in described.changes] == [1000 * number for number in range(3, 13)]


@pytest.mark.parametrize(
    ("newest_first", "oldest_first"),
    [
        ([9, 9, 9], [9, 10, 11]),
        ([10, 9, 9], [9, 10, 11]),
        ([11, 9, 9], [9, 10, 11]),
        ([12, 9, 9], [9, 10, 12]),
        ([5, 9], [9, 5]),
        ([5, 9, 9], [9, 10, 5]),
        ([0], [0]),
    ],
)
def test_changes_of_one_day_are_set_apart(newest_first: list[int], oldest_first: list[int]) -> None:
    # rpm R48
    count = len(newest_first)
    described = package(
        CHANGELOGTIME=newest_first, CHANGELOGNAME=[b"a"] * count, CHANGELOGTEXT=[b"b"] * count
    )
    assert [change.date for change in described.changes] == oldest_first


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"caf\xc3\xa9", "café"),
        (b"caf\xe9", "café"),
        (b"caf\xe9 \xc3\xa9", "café Ã©"),
        (b"a\x0bb\x00c\x1b", "abc"),
        (b"tab\there\nline\r", "tab\there\nline\r"),
        (b"\x80\x9f\xe9", "é"),
        (b"\xef\xbf\xbe", ""),
        (b"\xed\xa0\x80", "í\xa0"),
        (b"\x7f", "\x7f"),
        ("日本語 😀".encode(), "日本語 😀"),
    ],
)
def test_text_of_any_coding_becomes_what_xml_may_hold(data: bytes, text: str) -> None:
    # rpm R47
    assert clean(data) == text


@given(st.binary(max_size=60))
def test_no_text_breaks_a_document(data: bytes) -> None:
    # rpm R47
    text = clean(data)
    element = fromstring(f'<a b="{in_attribute(text)}">{in_text(text)}</a>')
    assert (element.text or "", element.get("b")) == (text, text)


@given(st.binary(max_size=30), st.binary(max_size=30), st.binary(min_size=1, max_size=30))
def test_a_header_of_any_bytes_makes_documents_that_can_be_read(
    one: bytes, two: bytes, three: bytes
) -> None:
    # rpm R47
    described = package(
        SUMMARY=one.replace(b"\0", b""),
        VENDOR=two.replace(b"\0", b""),
        CHANGELOGTIME=[1],
        CHANGELOGNAME=[two.replace(b"\0", b"")],
        CHANGELOGTEXT=[three.replace(b"\0", b"")],
        REQUIRENAME=[three.replace(b"\0", b"")],
        REQUIREFLAGS=[8],
        REQUIREVERSION=[one.replace(b"\0", b"")],
        BASENAMES=[three.replace(b"\0", b"")],
        DIRNAMES=[b"/etc/"],
        DIRINDEXES=[0],
    )
    fragments = made(described)
    primary(described)
    fromstring(fragments.filelists)
    fromstring(fragments.other)
