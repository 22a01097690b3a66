"""Merging comps, updateinfo and modules (rpm R124)."""

from collections.abc import Sequence
from xml.etree import ElementTree

import pytest

from artifactd.plugin import UpstreamInvalid
from artifactd_rpm.comps import merged_comps
from artifactd_rpm.modules import merged_modules
from artifactd_rpm.updateinfo import merged_updates


def comps(*parts: str) -> bytes:
    doctype = '<!DOCTYPE comps PUBLIC "-//Red Hat, Inc.//DTD Comps info//EN" "comps.dtd">'
    return f'<?xml version="1.0"?>\n{doctype}<comps>{"".join(parts)}</comps>'.encode()


def group(name: str, *packages: str, title: str = "") -> str:
    listed = "".join(f'<packagereq type="mandatory">{each}</packagereq>' for each in packages)
    return f"<group><id>{name}</id><name>{title or name}</name><packagelist>{listed}</packagelist></group>"


def texts(merged: bytes, path: str) -> list[str]:
    return [found.text or "" for found in ElementTree.fromstring(merged).findall(path)]


def test_groups_of_all_are_there() -> None:
    merged = merged_comps([comps(group("a", "x")), comps(group("b", "y"))])
    assert texts(merged, "group/id") == ["a", "b"]


def test_a_group_of_several_has_the_packages_of_all_and_the_words_of_the_first() -> None:
    merged = merged_comps(
        [
            comps(group("a", "x", "y", title="Ours")),
            comps(group("a", "y", "z", title="Theirs")),
            comps(group("a")),
        ]
    )
    assert texts(merged, "group/name") == ["Ours"]
    assert texts(merged, "group/packagelist/packagereq") == ["x", "y", "z"]


@pytest.mark.parametrize("first", ["<packagelist/>", "<packagelist></packagelist>", ""])
def test_a_group_without_packages_gets_those_of_others(first: str) -> None:
    merged = merged_comps([comps(f"<group><id>a</id>{first}</group>"), comps(group("a", "x"))])
    assert texts(merged, "group/packagelist/packagereq") == ["x"]


def test_conditional_packages_keep_their_condition() -> None:
    condition = '<packagereq type="conditional" requires="a &gt; b">z</packagereq>'
    other = f"<group><id>a</id><packagelist>{condition}</packagelist></group>"
    assert condition.encode() in merged_comps([comps(group("a", "x")), comps(other)])


def test_environments_categories_and_languages_are_united_too() -> None:
    def parts(*names: str) -> bytes:
        ids = "".join(f"<groupid>{name}</groupid>" for name in names)
        matches = "".join(f'<match install="{name}-%s" name="{name}"/>' for name in names)
        return comps(
            f"<environment><id>e</id><grouplist>{ids}</grouplist><optionlist>{ids}</optionlist></environment>",
            f"<category><id>c</id><grouplist>{ids}</grouplist></category>",
            f"<langpacks>{matches}</langpacks>",
        )

    merged = merged_comps([parts("a", "b"), parts("b", "c")])
    root = ElementTree.fromstring(merged)
    assert texts(merged, "environment/grouplist/groupid") == ["a", "b", "c"]
    assert texts(merged, "environment/optionlist/groupid") == ["a", "b", "c"]
    assert texts(merged, "category/grouplist/groupid") == ["a", "b", "c"]
    assert [match.attrib["name"] for match in root.findall("langpacks/match")] == ["a", "b", "c"]


def test_what_somebody_has_commented_out_is_not_in_a_group() -> None:
    hidden = "<!-- <packagereq>x</packagereq> </packagelist></group> -->"
    one = f"<group><id>a</id><packagelist>{hidden}</packagelist></group>"
    merged = merged_comps([comps(one), comps(group("a", "x"))])
    assert texts(merged, "group/packagelist/packagereq") == ["x"]


@pytest.mark.parametrize(
    "document",
    [
        b"<comps><group></comps>",
        b"no comps",
        b'<!DOCTYPE comps [<!ENTITY a "b">]><comps><group><id>&a;</id></group></comps>',
        b"<comps><![CDATA[<!-- ]]><group/><!-- -->]]></comps>",
    ],
)
def test_comps_that_cannot_be_read_in_one_way_only_are_refused(document: bytes) -> None:
    with pytest.raises(UpstreamInvalid):
        merged_comps([comps(group("a", "x")), document])


def update(name: str, *, by: str = "acme", updated: str = "", short: str = "9", title: str = "") -> str:
    dates = '<issued date="2020-01-01 00:00:00"/>' + (f'<updated date="{updated}"/>' if updated else "")
    listed = f'<pkglist><collection short="{short}"><package name="x"/></collection></pkglist>'
    head = f'<update from="{by}" type="security"><id>{name}</id><title>{title}</title>'
    return f"{head}{dates}{listed}</update>"


def updates(*documents: Sequence[str]) -> bytes:
    bodies = [f"<updates>{''.join(parts)}</updates>".encode() for parts in documents]
    sources = [lambda body=body: iter([body]) for body in bodies]  # type: ignore[misc]
    return b"".join(merged_updates(sources))


@pytest.mark.parametrize(
    ("documents", "titles"),
    [
        ([[update("A", title="1")], [update("B", title="2")]], ["1", "2"]),
        ([[update("A", title="1")], [update("A", title="2")]], ["1"]),
        ([[update("A", title="1")], [update("A", title="2", updated="2024-05-01 00:00:00")]], ["2"]),
        (
            [
                [update("A", title="1", updated="2024-05-02 10:00:00")],
                [update("A", title="2", updated="2024-05-01 00:00:00")],
            ],
            ["1"],
        ),
        # Seconds since the epoch, as SUSE writes them: 2024-05-03.
        (
            [
                [update("A", title="1", updated="2024-05-02 10:00:00")],
                [update("A", title="2", updated="1714730400")],
            ],
            ["2"],
        ),
        ([[update("A", title="1")], [update("A", title="2", by="somebody")]], ["1", "2"]),
        ([[update("A", title="1")], [update("A", title="2", short="8")]], ["1", "2"]),
        ([[update("A", title="1"), update("A", title="2")], []], ["1"]),
        ([[], []], []),
    ],
)
def test_advisories_are_there_once_as_they_were_updated_last(
    documents: Sequence[Sequence[str]], titles: Sequence[str]
) -> None:
    assert texts(updates(*documents), "update/title") == titles


def test_an_advisory_stays_as_it_is() -> None:
    assert update("A", title="a &amp; b").encode() in updates(
        [update("A", title="a &amp; b")], [update("B")]
    )


STREAM = """\
document: modulemd
version: 2
data:
  name: nodejs
  stream: {stream}
  version: 820
  context: c0ffee
  arch: x86_64
  summary: {summary}
"""


def stream(name: str, summary: str = "first") -> str:
    return STREAM.format(stream=name, summary=summary)


def defaults(module: str, name: str) -> str:
    return f"document: modulemd-defaults\nversion: 1\ndata:\n  module: {module}\n  stream: {name}\n"


def yaml(*documents: str) -> bytes:
    return "".join(f"---\n{document}...\n" for document in documents).encode()


@pytest.mark.parametrize(
    ("files", "merged"),
    [
        ([yaml(stream("1.10")), yaml(stream("18"))], yaml(stream("1.10"), stream("18"))),
        # rpm R82: 1.10 is not 1.1
        ([yaml(stream("1.10")), yaml(stream("1.1"))], yaml(stream("1.10"), stream("1.1"))),
        ([yaml(stream("1.10")), yaml(stream("1.10", "second"))], yaml(stream("1.10"))),
        ([yaml(stream("1.10")), yaml(stream('"1.10"', "second"))], yaml(stream("1.10"))),
        ([yaml(stream("'18' # text", "x")), yaml(stream("18"))], yaml(stream("'18' # text", "x"))),
        ([yaml(stream("18 # text", "x")), yaml(stream("18"))], yaml(stream("18 # text", "x"))),
        (
            [yaml(defaults("nodejs", "18")), yaml(defaults("nodejs", "20"), defaults("perl", "5"))],
            yaml(defaults("nodejs", "18"), defaults("perl", "5")),
        ),
        ([yaml("a: 1\n"), yaml("a: 1\n", "a: 2\n")], yaml("a: 1\n", "a: 2\n")),
        ([b"", b"\n---\n...\n"], b""),
    ],
)
def test_modules_are_there_once_as_the_first_member_has_them(files: Sequence[bytes], merged: bytes) -> None:
    assert merged_modules(files) == merged


@pytest.mark.parametrize(
    "written",
    [
        "---\n{0}---\n{1}",
        "%YAML 1.1\n---\n{0}...\n---\n{1}...\n",
        "{0}\n---\n{1}",
        "--- # the first\n{0}...\n# between\n--- \n{1}... \n",
    ],
)
def test_documents_are_told_apart_however_they_are_separated(written: str) -> None:
    text = written.format(stream("18"), stream("20"))
    merged = merged_modules([text.encode(), yaml(stream("18", "other"), stream("20", "other"))])
    assert merged.count(b"document: modulemd") == 2
    assert b"other" not in merged


def test_lines_of_texts_are_no_separators_and_no_facts() -> None:
    described = stream("18").replace("first", "|-\n    --- not an end\n    stream: 20\n    name: perl")
    merged = merged_modules([yaml(described), yaml(stream("20"))])
    assert merged.count(b"document: modulemd") == 2


def test_nothing_of_a_document_is_written_anew() -> None:
    odd = stream("1.10").replace("version: 820", "version:   820   # ≠ 821").replace("\n", "\r\n")
    assert odd.encode() in merged_modules([yaml(odd), yaml(stream("20"))])
