"""The repodata of groups: which packages are taken, where they are said to be, and what is beside them."""

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from artifactd.plugin import AssetNotFound, Unavailable, UpstreamInvalid
from artifactd_rpm.owners import owner
from artifactd_rpm.runs import DOCUMENTS
from tests.support.repodata import (
    NAMES,
    REPO,
    Described,
    Group,
    Member,
    content,
    location,
    locations,
    package,
    packages,
    records,
    unpacked,
    upstream,
)

Listed = tuple[str, Described]


def hosted(name: str, *listed: Listed, **options: object) -> Member:
    return Member(name, upstream(*listed, **options))  # type: ignore[arg-type]


def proxy(name: str, *listed: Listed, **options: object) -> Member:
    return Member(name, upstream(*listed, **options), asks_upstream=True)  # type: ignore[arg-type]


def merged(*members: Member, key: str = "", **options: object) -> Group:
    group = Group(*members, key=key, **options)
    assert group.merge()
    return group


def owned_by(*names: str) -> Callable[[str], bool]:
    """What a proxy may add where hosted members own these names."""
    return lambda path: owner(path) not in names


FOO1 = package("foo", "1")
FOO2 = package("foo", "2")
OTHER_FOO1 = package("foo", "1", content="built by somebody else")


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ([], {}),
        ([hosted("ours")], {}),
        # rpm R121: another version is another package; none is hidden by a newer one.
        (
            [hosted("ours", ("foo-1.rpm", FOO1)), hosted("more", ("foo-2.rpm", FOO2))],
            {"foo-1.rpm": "foo-1", "foo-2.rpm": "foo-2"},
        ),
        # rpm R121: the same file is there once, where the first member has it.
        ([hosted("ours", ("a.rpm", FOO1)), hosted("more", ("b.rpm", FOO1))], {"a.rpm": "foo-1"}),
        # rpm R121: of two builds of one version the first member's is there.
        ([hosted("ours", ("a.rpm", FOO1)), hosted("more", ("b.rpm", OTHER_FOO1))], {"a.rpm": "foo-1"}),
        ([hosted("more", ("b.rpm", OTHER_FOO1)), hosted("ours", ("a.rpm", FOO1))], {"b.rpm": "foo-1"}),
        # rpm R122: what a proxy has is fetched through it.
        (
            [hosted("ours", ("Packages/f/foo-1.rpm", FOO1)), proxy("epel", ("Packages/f/foo-2.rpm", FOO2))],
            {"Packages/f/foo-1.rpm": "foo-1", "_member/epel/Packages/f/foo-2.rpm": "foo-2"},
        ),
        # rpm R122: two members have other files at one path.
        (
            [hosted("ours", ("foo.rpm", FOO1)), hosted("more", ("foo.rpm", FOO2))],
            {"foo.rpm": "foo-1", "_member/more/foo.rpm": "foo-2"},
        ),
        # The file at the path is the first member's even where its package is not taken.
        (
            [
                hosted("first", ("x.rpm", FOO1)),
                hosted("second", ("foo.rpm", OTHER_FOO1)),
                hosted("third", ("foo.rpm", FOO2)),
            ],
            {"x.rpm": "foo-1", "_member/third/foo.rpm": "foo-2"},
        ),
        (
            [proxy("epel", ("foo.rpm", FOO1)), hosted("ours", ("foo.rpm", FOO2))],
            {"_member/epel/foo.rpm": "foo-1", "_member/ours/foo.rpm": "foo-2"},
        ),
        # A folder of that name would be taken for a member's.
        (
            [hosted("ours", ("_member/epel/foo.rpm", FOO1))],
            {"_member/ours/_member/epel/foo.rpm": "foo-1"},
        ),
    ],
)
def test_members_are_merged(members: Sequence[Member], expected: Mapping[str, str]) -> None:
    group = merged(*members)
    assert locations(group.files) == expected
    assert list(locations(group.files)) == list(expected)
    assert [len(packages(group.files, kind)) for kind in DOCUMENTS] == [len(expected)] * 3


def test_packages_stay_as_their_member_has_them() -> None:
    # rpm R120
    member = hosted("ours", ("foo-1.rpm", FOO1), ("foo-2.rpm", FOO2))
    group = merged(member)
    for kind in DOCUMENTS:
        assert content(group.files, kind) == content(member.files, kind)


def test_checksums_of_other_types_stay_those_of_their_packages() -> None:
    # rpm R125
    group = merged(
        hosted("ours", ("a.rpm", package("a"))),
        proxy("new", ("b.rpm", package("b")), checksum_type="sha512"),
    )
    types = [element.find(f"{NAMES['primary']}checksum") for element in packages(group.files, "primary")]
    assert [found.attrib["type"] for found in types if found is not None] == ["sha256", "sha512"]
    checksums = [data.find(f"{REPO}checksum") for data in records(group.files).values()]
    assert {found.attrib["type"] for found in checksums if found is not None} == {"sha256"}
    assert len({element.attrib["pkgid"] for element in packages(group.files, "other")}) == 2


@pytest.mark.parametrize("compression", ["gzip", "zstd"])
def test_members_of_any_compression_are_merged_into_that_of_the_group(compression: str) -> None:
    # rpm R65
    members = [
        hosted("ours", ("a.rpm", package("a")), compression="gzip"),
        proxy("new", ("b.rpm", package("b")), compression="zstd"),
    ]
    group = merged(*members, compression=compression)
    assert len(packages(group.files, "filelists")) == 2
    suffix = {"gzip": ".gz", "zstd": ".zst"}[compression]
    assert all(location(data).endswith(suffix) for data in records(group.files).values())


def test_a_group_of_folders_merges_those_of_the_same_name() -> None:
    # rpm R128
    group = merged(
        hosted("ours", ("a.rpm", package("a")), key="9/x86_64"),
        proxy("epel", ("p/b.rpm", package("b")), key="9/x86_64"),
        key="9/x86_64",
    )
    assert locations(group.files, "9/x86_64") == {"a.rpm": "a-1.0", "_member/epel/p/b.rpm": "b-1.0"}
    assert all(path.startswith("9/x86_64/repodata/") for path in group.files)


class TestOwnedNames:
    """What a hosted member owns, no proxy adds to."""

    OURS = hosted("ours", ("foo-1-1.noarch.rpm", FOO1))

    def listed(self, *listed: Listed, first: bool = False) -> set[str]:
        theirs = proxy("epel", *listed)
        theirs.allows = owned_by("foo")
        members = [theirs, self.OURS] if first else [self.OURS, theirs]
        return set(locations(merged(*members).files).values())

    def test_other_versions_of_a_proxy_are_left_out(self) -> None:
        theirs = ("Packages/f/foo-2-1.noarch.rpm", FOO2), ("bar-1-1.noarch.rpm", package("bar", "1"))
        assert self.listed(*theirs) == {"foo-1", "bar-1"}

    @pytest.mark.parametrize("first", [False, True])
    @pytest.mark.parametrize(
        "href",
        [
            "bar-2-1.noarch.rpm",
            "foo-bar-2-1.noarch.rpm",
            "elsewhere/foo-2-1.noarch.rpm",
            "x/bar-2.rpm",
            "foo",
        ],
    )
    def test_a_package_counts_by_its_name_wherever_its_file_is_and_whatever_it_is_called(
        self, href: str, first: bool
    ) -> None:
        assert self.listed((href, FOO2), first=first) == {"foo-1"}

    def test_a_version_with_a_dash_does_not_hide_a_name(self) -> None:
        assert self.listed(("foo-2-3-1.noarch.rpm", package("foo", "2-3"))) == {"foo-1"}

    def test_a_name_that_may_be_added_to_is(self) -> None:
        group = merged(self.OURS, proxy("epel", ("foo-2-1.noarch.rpm", FOO2)))
        assert set(locations(group.files).values()) == {"foo-1", "foo-2"}


def changed(member: Member, kind: str, data: bytes) -> Member:
    """The member with another document of a kind, as nobody compresses it."""
    files = dict(member.files)
    href = location(records(files)[kind])
    files[href] = data
    # Sizes that are stated bound what is read: none are, here.
    files["repodata/repomd.xml"] = re.sub(rb"<open-size>\d+</open-size>", b"", files["repodata/repomd.xml"])
    return Member(member.name, files, member.asks_upstream, member.allows)


def rewritten(member: Member, kind: str, *replacements: tuple[bytes, bytes]) -> Member:
    data = content(member.files, kind)
    for before, after in replacements:
        assert before in data
        data = data.replace(before, after)
    return changed(member, kind, data)


THEIRS = proxy("epel", ("foo.rpm", FOO1), ("bar.rpm", package("bar")))


@pytest.mark.parametrize(
    "href",
    [b'href="/foo.rpm"', b'href="../foo.rpm"', b'href="https://cdn.example/foo.rpm"', b'href=""'],
)
def test_packages_that_lie_outside_of_their_folder_are_left_out(href: bytes) -> None:
    # rpm R2, R3
    member = rewritten(THEIRS, "primary", (b'href="foo.rpm"', href))
    assert set(locations(merged(member).files).values()) == {"bar-1.0"}


def test_packages_that_lie_at_another_address_are_left_out_everywhere() -> None:
    # rpm R123
    base = b'xml:base="https://cdn.example/" href="foo.rpm"'
    member = rewritten(THEIRS, "primary", (b'href="foo.rpm"', base))
    group = merged(member)
    assert [len(packages(group.files, kind)) for kind in DOCUMENTS] == [1, 1, 1]


def test_a_location_that_begins_with_a_dot_is_one_like_others() -> None:
    member = rewritten(THEIRS, "primary", (b'href="foo.rpm"', b'href="./foo.rpm"'))
    assert "_member/epel/./foo.rpm" in locations(merged(member).files)


def test_the_location_is_the_only_thing_that_changes() -> None:
    group = merged(THEIRS)
    expected = content(THEIRS.files, "primary").replace(b'href="', b'href="_member/epel/')
    assert content(group.files, "primary") == expected


def test_prefixes_that_a_member_declares_are_declared_where_they_are_used() -> None:
    member = rewritten(
        THEIRS,
        "primary",
        (b" xmlns:rpm=", b' xmlns:suse="urn:suse" xmlns:rpm='),
        (b"<name>foo</name>", b"<name>foo</name><suse:eula/>"),
    )
    found = packages(merged(member).files, "primary")
    assert [element.find("{urn:suse}eula") is not None for element in found].count(True) == 1


@pytest.mark.parametrize("kind", ["filelists", "other"])
def test_a_package_that_a_document_lacks_has_an_empty_element_there(kind: str) -> None:
    # rpm R60
    data = content(THEIRS.files, kind)
    begin = data.index(b"<package ")
    end = data.index(b"</package>\n") + len(b"</package>\n")
    group = merged(changed(THEIRS, kind, data[:begin] + data[end:]))
    names = {element.attrib["name"]: len(element) for element in packages(group.files, kind)}
    assert names.keys() == {"foo", "bar"}
    assert 1 in names.values(), "its version only"


def test_a_package_that_a_document_has_twice_is_there_once() -> None:
    data = content(THEIRS.files, "other")
    begin = data.index(b"<package ")
    end = data.index(b"</package>\n") + len(b"</package>\n")
    group = merged(changed(THEIRS, "other", data[:end] + data[begin:]))
    assert len(packages(group.files, "other")) == 2


def test_a_member_without_a_document_has_empty_elements_in_it() -> None:
    files = dict(THEIRS.files)
    repomd = files["repodata/repomd.xml"]
    files["repodata/repomd.xml"] = re.sub(
        rb'  <data type="filelists">.*?</data>\n', b"", repomd, flags=re.S
    )
    group = merged(Member("epel", files, asks_upstream=True))
    assert len(packages(group.files, "filelists")) == 2


@pytest.mark.parametrize(
    "error", [Unavailable("asleep"), UpstreamInvalid("other bytes"), AssetNotFound("epel", "primary")]
)
def test_a_member_that_cannot_be_read_leaves_the_set_before_in_force(error: Exception) -> None:
    # rpm R126
    class Broken(Member):
        def open(self, path: str):  # type: ignore[no-untyped-def]
            if "primary" in path:
                raise error
            return super().open(path)

    group = merged(THEIRS)
    before = group.files
    group.members = [
        hosted("ours", ("a.rpm", package("a"))),
        Broken("epel", THEIRS.files, asks_upstream=True),
    ]
    with pytest.raises(type(error)):
        group.merge()
    assert group.files == before


@pytest.mark.parametrize("kind", DOCUMENTS)
def test_a_damaged_document_leaves_the_set_before_in_force(kind: str) -> None:
    member = changed(THEIRS, kind, content(THEIRS.files, kind)[:-30])
    with pytest.raises(UpstreamInvalid):
        merged(member)


def test_a_document_that_is_larger_than_it_says_is_not_read_on() -> None:
    files = dict(THEIRS.files)
    repomd = files["repodata/repomd.xml"]
    files["repodata/repomd.xml"] = re.sub(rb"<open-size>\d+", b"<open-size>9", repomd)
    with pytest.raises(UpstreamInvalid, match="more than"):
        merged(Member("epel", files, asks_upstream=True))


def test_a_document_that_lies_elsewhere_is_not_asked_for() -> None:
    files = dict(THEIRS.files)
    repomd = files["repodata/repomd.xml"]
    files["repodata/repomd.xml"] = repomd.replace(b'href="repodata/', b'href="../other/repodata/')
    with pytest.raises(UpstreamInvalid, match="outside"):
        merged(Member("epel", files, asks_upstream=True))


def test_the_same_members_again_change_nothing() -> None:
    # rpm R63
    group = merged(THEIRS, hosted("ours", ("a.rpm", package("a"))))
    before = group.files
    assert not group.merge()
    assert group.files == before


def test_the_revision_is_the_time_of_the_newest_member_and_never_goes_back() -> None:
    # rpm R126, L3
    ours = hosted("ours", ("a.rpm", package("a")), ("b.rpm", package("b")), ("c.rpm", package("c")))
    group = merged(ours, THEIRS)
    assert group.previous is not None
    revision = group.previous.state["revision"]
    assert revision == max(
        int(data.findtext(f"{REPO}timestamp") or 0) for data in records(ours.files).values()
    )
    assert set(group.previous.state["members"]) == {"ours", "epel"}
    group.members = [THEIRS]
    assert group.merge()
    assert group.previous.state["revision"] == revision + 1


def test_a_group_signs_what_it_has_merged_with_its_own_key() -> None:
    # rpm R94
    group = merged(THEIRS)
    signed = hashlib.sha256(group.files["repodata/repomd.xml"]).hexdigest()
    assert group.files["repodata/repomd.xml.asc"].endswith(signed.encode())
    assert group.files["repodata/repomd.xml.asc"] != THEIRS.files["repodata/repomd.xml.asc"]
    unsigned = merged(THEIRS, sign_metadata=False)
    assert not [path for path in unsigned.files if "repomd.xml." in path]


def test_a_time_that_no_clock_has_is_not_believed() -> None:
    files = dict(THEIRS.files)
    repomd = files["repodata/repomd.xml"]
    files["repodata/repomd.xml"] = re.sub(rb"<timestamp>\d+", b"<timestamp>1700000000000", repomd)
    group = merged(Member("epel", files, asks_upstream=True))
    assert group.previous is not None
    assert group.previous.state["revision"] == 0


@settings(deadline=None, max_examples=100)
@given(st.sampled_from(DOCUMENTS), st.binary(max_size=12), st.floats(0, 1), st.integers(0, 12))
def test_whatever_a_member_sends_it_is_merged_or_refused(
    kind: str, noise: bytes, where: float, instead_of: int
) -> None:
    data = content(THEIRS.files, kind)
    place = int(where * len(data))
    member = changed(THEIRS, kind, data[:place] + noise + data[place + instead_of :])
    with suppress(UpstreamInvalid):
        group = merged(member)
        assert len({len(packages(group.files, each)) for each in DOCUMENTS}) == 1


HREFS = st.sampled_from(["a.rpm", "b.rpm", "p/a.rpm", "p/b.rpm"])
PACKAGE = st.builds(
    lambda name, version, content: package(name, str(version), content=content),
    st.sampled_from(["foo", "bar"]),
    st.integers(1, 2),
    st.sampled_from(["", "x"]),
)
MEMBERS = st.lists(
    st.tuples(st.booleans(), st.dictionaries(HREFS, PACKAGE, max_size=4)), min_size=1, max_size=3
)


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(MEMBERS)
def test_every_location_leads_to_the_file_that_is_listed_there(
    given_members: Sequence[tuple[bool, Mapping[str, Described]]],
) -> None:
    # rpm R121, R122
    members = [
        Member(f"m{number}", upstream(*listed.items(), duplicates="all"), asks_upstream)
        for number, (asks_upstream, listed) in enumerate(given_members)
    ]
    group = merged(*members)
    common = NAMES["primary"]
    found = packages(group.files, "primary")
    nevras = set()
    for element in found:
        href, checksum = location(element, common), element.findtext(f"{common}checksum")
        named = re.fullmatch(r"_member/m(\d)/(.*)", href)
        if named:
            described = given_members[int(named[1])][1][named[2]]
        else:
            described = next(listed[href] for _, listed in given_members if href in listed)
        assert hashlib.sha256(described.data).hexdigest() == checksum
        nevras.add(described.nevra)
    every = {described.nevra for _, listed in given_members for described in listed.values()}
    assert nevras == every
    assert len(found) == len(every)
    listed_elsewhere = [{e.attrib["pkgid"] for e in packages(group.files, kind)} for kind in DOCUMENTS[1:]]
    assert listed_elsewhere == [{e.findtext(f"{common}checksum") for e in found}] * 2


def extras(**kinds: bytes) -> Mapping[str, bytes]:
    return kinds


class TestBesideThePackages:
    """rpm R124"""

    def test_of_one_member_everything_stays_as_it_is(self) -> None:
        given = extras(
            comps=b"<comps><!-- <x/> --></comps>", modules=b"---\na: 1\n", updateinfo=b"<updates/>"
        )
        group = merged(hosted("ours"), proxy("epel", extra=given))
        assert content(group.files, "group") == given["comps"]
        assert content(group.files, "modules") == given["modules"]
        assert content(group.files, "updateinfo") == given["updateinfo"]

    def test_of_several_members_they_are_merged(self) -> None:
        one = extras(
            comps=b"<comps><group><id>a</id></group></comps>",
            modules=b"---\ndocument: modulemd\ndata:\n  name: a\n  stream: 1.10\n",
            updateinfo=b"<updates><update><id>A</id></update></updates>",
        )
        other = extras(
            comps=b"<comps><group><id>b</id></group></comps>",
            modules=b"---\ndocument: modulemd\ndata:\n  name: b\n  stream: 1.1\n",
            updateinfo=b"<updates><update><id>B</id></update></updates>",
        )
        group = merged(hosted("ours", extra=one), proxy("epel", extra=other, compression="zstd"))
        assert content(group.files, "group").count(b"<group>") == 2
        assert content(group.files, "group_gz") == content(group.files, "group")
        assert content(group.files, "modules").count(b"stream: 1.1") == 2
        assert content(group.files, "updateinfo").count(b"<id>") == 2

    def test_groups_that_are_listed_only_compressed_are_found(self) -> None:
        comps = b"<comps><group><id>a</id></group></comps>"
        files = dict(upstream(extra={"comps": comps}))
        repomd = files["repodata/repomd.xml"]
        files["repodata/repomd.xml"] = re.sub(
            rb'  <data type="group">.*?</data>\n', b"", repomd, flags=re.S
        )
        group = merged(Member("epel", files, asks_upstream=True))
        assert content(group.files, "group") == comps

    def test_a_product_is_named_only_if_there_is_one(self) -> None:
        ours, theirs = (
            hosted("ours", extra=extras(productid=b"a")),
            proxy("rhel", extra=extras(productid=b"b")),
        )
        assert content(merged(ours, hosted("more")).files, "productid") == b"a"
        assert "productid" not in records(merged(ours, theirs).files)

    def test_other_kinds_are_those_of_the_first_member_that_has_them(self) -> None:
        group = merged(
            hosted("ours", extra=extras(appstream=b"<a/>")),
            proxy("suse", extra=extras(appstream=b"<b/>", susedata=b"<susedata/>")),
        )
        assert content(group.files, "appstream") == b"<a/>"
        assert content(group.files, "susedata") == b"<susedata/>"
        assert location(records(group.files)["susedata"]).endswith("-susedata.xml")

    def test_forms_of_the_documents_that_would_say_something_else_are_dropped(self) -> None:
        kinds = ["prestodelta", "deltainfo", "primary_db", "primary_zck", "group_zck", "filelists_ext"]
        group = merged(proxy("fedora", extra=dict.fromkeys(kinds, b"x")))
        assert list(records(group.files)) == list(DOCUMENTS)

    def test_a_file_of_another_kind_that_is_not_there_is_left_out(self) -> None:
        member = proxy("epel", ("a.rpm", package("a")), extra=extras(appstream=b"<a/>"))
        files = {path: data for path, data in member.files.items() if "appstream" not in path}
        group = merged(Member("epel", files, asks_upstream=True))
        assert list(records(group.files)) == list(DOCUMENTS)

    def test_groups_that_are_not_there_stop_the_merge(self) -> None:
        member = proxy("epel", extra=extras(comps=b"<comps/>"))
        files = {path: data for path, data in member.files.items() if "comps" not in path}
        with pytest.raises(AssetNotFound):
            merged(Member("epel", files, asks_upstream=True))

    def test_changed_metadata_of_a_member_is_published_with_the_same_packages(self) -> None:
        group = merged(proxy("epel", ("a.rpm", FOO1)))
        group.members = [proxy("epel", ("a.rpm", FOO1), extra=extras(comps=b"<comps/>"))]
        assert group.merge()
        assert unpacked(group.files[location(records(group.files)["group"])]) == b"<comps/>"
