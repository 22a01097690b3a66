"""What is read from the pages of other indexes (pypi H), and given back."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from artifactd.errors import UpstreamInvalid
from artifactd_pypi.listing import File
from artifactd_pypi.negotiation import Form
from artifactd_pypi.pages import project_page
from artifactd_pypi.project import Project, State, Status
from artifactd_pypi.project_index import PROJECTS
from tests.support.upstream_pages import ANSWERED, SHA, answer, file, html, page, parsed

OURS = "http://ours.example/repository/proxy/"


def rendered(project: Project, form: Form = Form.JSON) -> Any:
    """Our page of a project: JSON as an object, HTML as text."""
    body = project_page("demo", project, 7, form, OURS).body
    return json.loads(body) if form is Form.JSON else body.decode()


def only(project: Project) -> File:
    [found] = project.files
    return found


def test_a_page_in_json_is_given_back() -> None:
    # pypi R130, R40, R50, R51, R52
    said = file(
        "demo-1.0-py3-none-any.whl",
        url="http://files.example/ab/cd/demo-1.0-py3-none-any.whl",
        size=17,
        provenance="http://ours.example/integrity/demo",
        yanked="broken",
        **{
            "upload-time": "2024-01-02T03:04:05.6Z",
            "requires-python": ">=3.7,<4 & x",
            "core-metadata": {"sha256": "ab" * 32},
            "gpg-sig": True,
            "x-tags": {"a": [1, None, 1.5]},
        },
    )
    found = rendered(parsed(page(said, versions=["1.0", "0.9"])))
    [shown] = found["files"]
    address = "packages/demo/demo-1.0-py3-none-any.whl"
    assert shown == {
        **said,
        "url": f"../../{address}",
        "dist-info-metadata": {"sha256": "ab" * 32},
        "provenance": f"{OURS}{address}.provenance",
    }
    assert found["versions"] == ["0.9", "1.0"]
    assert found["meta"] == {"_last-serial": 7, "api-version": "1.4"}
    assert found["project-status"] == {"status": "active"}


def test_an_upstreams_addresses_are_kept_and_never_shown() -> None:
    # pypi R132: a link of ours leads to ours
    said = file("demo-1.0.tar.gz", url="http://files.example/x/demo-1.0.tar.gz?token=secret#sha256=ab")
    project = parsed(page({**said, "provenance": "http://files.example/p?token=secret"}))
    assert only(project).origin is not None
    for form in Form:
        body = project_page("demo", project, 7, form, OURS).body
        assert b"files.example" not in body
        assert b"secret" not in body


RESOLVED: Mapping[str, tuple[str, str]] = {
    "../../packages/demo-1.0.zip": (ANSWERED, "http://u.example/root/packages/demo-1.0.zip"),
    "/files/demo-1.0.zip": (ANSWERED, "http://u.example/files/demo-1.0.zip"),
    "demo-1.0.zip": (ANSWERED, "http://u.example/root/simple/demo/demo-1.0.zip"),
    "//cdn.example/demo-1.0.zip": (ANSWERED, "http://cdn.example/demo-1.0.zip"),
    "https://cdn.example/a%20b/demo-1.0.zip?x=%2F&y=1#egg=1": (
        ANSWERED,
        "https://cdn.example/a%20b/demo-1.0.zip?x=%2F&y=1",
    ),
    " demo-1.0.zip ": ("https://moved.example/i/demo/", "https://moved.example/i/demo/demo-1.0.zip"),
    "a b/ä/demo-1.0.zip": (ANSWERED, "http://u.example/root/simple/demo/a%20b/%C3%A4/demo-1.0.zip"),
}


@pytest.mark.parametrize("url", RESOLVED)
def test_addresses_are_resolved_against_what_answered(url: str) -> None:
    # pypi R133: after redirects; in both forms
    answered, wanted = RESOLVED[url]
    for project in (
        parsed(page(file("demo-1.0.zip", url=url)), url=answered),
        parsed(html(f'<a href="{url}">x</a>'), url=answered),
    ):
        found = only(project).origin
        assert found is not None
        assert found.url == wanted


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/demo-1.0.zip",
        "ftp://u.example/demo-1.0.zip",
        "javascript:demo-1.0.zip",
        "data:,demo-1.0.zip",
        "//[u.example/demo-1.0.zip",
        "//demo-1.0.zip",
    ],
)
def test_what_cannot_be_fetched_is_not_listed(url: str) -> None:
    assert parsed(page(file("demo-1.0.zip", url=url), file("demo-2.0.zip"))).versions == ["2.0"]
    project = parsed(html(f'<a href="{url}">x</a><a href="demo-2.0.zip">y</a>'))
    assert [each.filename for each in project.files] == ["demo-2.0.zip"]


IMPOSSIBLE = [
    *(
        "../demo-1.0.zip",
        "a/demo-1.0.zip",
        "a\\demo-1.0.zip",
        ".demo-1.0.zip",
        "demo\n-1.0.zip",
        "demo\0.zip",
    ),
    *("", "demo-1.0", "demo-1.0.txt", "demo-1.0.zip.asc", "demo-1.0.zip.metadata", f"demo-{'1' * 300}.zip"),
]


@pytest.mark.parametrize("name", IMPOSSIBLE)
def test_a_name_that_no_file_has_is_not_listed(name: str) -> None:
    # pypi R8, R132
    project = parsed(page(file(name, url="http://u.example/x.zip"), file("demo-2.0.zip")))
    assert [each.filename for each in project.files] == ["demo-2.0.zip"]


def test_old_files_are_listed_as_they_are() -> None:
    # pypi R3, R7: first what has no version; it is none of the versions
    names = {
        "demo-1.0.linux-x86_64.tar.gz": ("sdist", "source", "1.0.linux-x86_64"),
        "demo-final.zip": ("sdist", "source", "final"),
        "elses-1.0.tar.gz": ("sdist", "source", "elses-1.0"),
        "demo-1.0-py2.7.egg": ("bdist_egg", "2.7", "1.0"),
        "demo-1.1-py2.7-linux-x86_64.egg": ("bdist_egg", "2.7", "1.1"),
        "demo-1.2.win32-py2.7.exe": ("bdist_wininst", "2.7", "1.2"),
        "demo-1.3.win-amd64.msi": ("bdist_msi", "any", "1.3"),
        "demo-1.4-1.noarch.rpm": ("bdist_rpm", "any", "1.4"),
        "demo-1.5.tar.bz2": ("sdist", "source", "1.5"),
        "demo-1.6-1.tgz": ("sdist", "source", "1.6.post1"),
        "demo-1.7_2-py3-none-any.whl": ("bdist_wheel", "py3", "1.7.post2"),
    }
    project = parsed(page(*(file(name) for name in reversed(names))))
    assert [each.filename for each in project.files] == list(names)
    assert {each.filename: (each.kind, each.python, each.shown) for each in project.files} == names
    assert project.versions == ["1.0", "1.1", "1.2", "1.3", "1.4", "1.5", "1.6.post1", "1.7.post2"]


def test_a_projects_name_may_be_written_in_many_ways() -> None:
    names = ["Foo.Bar-1.0.tar.gz", "foo_bar-1.1.zip", "foo-bar-1.2.tar.gz", "FOO--bar-1.3-1.tar.gz"]
    project = parsed(page(*(file(name) for name in names)), project="foo-bar")
    assert project.versions == ["1.0", "1.1", "1.2", "1.3.post1"]


def test_the_versions_are_the_upstreams_and_those_of_its_files() -> None:
    project = parsed(page(file("demo-1.0.0.zip"), file("demo-3.zip"), versions=["2.0", "1.0.0", "odd", 7]))
    assert project.versions == ["odd", "1.0.0", "2.0", "3"]


NOT_SAID: Mapping[str, Any] = {
    "size": [None, -1, "17", 1.5, True],
    "upload-time": [None, "", 17],
    "requires-python": [None, "", 3],
    "gpg-sig": [None, "yes"],
    "provenance": [None, "", "ftp://u.example/p", 1],
    "x-unknown": [],
}


@pytest.mark.parametrize("key", NOT_SAID)
def test_what_is_not_said_is_not_shown(key: str) -> None:
    # pypi R41: never "size": null
    for value in NOT_SAID[key]:
        [shown] = rendered(parsed(page(file("demo-1.0.zip", **{key: value}))))["files"]
        assert key not in shown
    assert key not in rendered(parsed(page(file("demo-1.0.zip"))))["files"][0]


def test_a_page_with_sizes_alone_keeps_to_the_latest_version() -> None:
    # pypi R41, R154
    sized, unsized = file("demo-1.0.zip", size=1), file("demo-2.0.zip")
    for files, version in (((sized,), "1.4"), ((sized, unsized), "1.0"), ((), "1.4")):
        project = parsed(page(*files))
        assert rendered(project)["meta"]["api-version"] == version
        assert f'repository-version" content="{version}"' in rendered(project, Form.HTML)


YANKS = [(False, None), (None, None), ("", None), (True, ""), ("why", "why"), (1, None)]


@pytest.mark.parametrize(("value", "reason"), YANKS)
def test_yanks_are_read(value: Any, reason: str | None) -> None:
    # pypi R44
    assert only(parsed(page(file("demo-1.0.zip", yanked=value)))).yanked == reason


METADATA: list[tuple[Mapping[str, Any], Any]] = [
    ({"core-metadata": {"sha256": SHA}}, {"sha256": SHA}),
    ({"core-metadata": True}, True),
    ({"core-metadata": {}}, True),
    ({"core-metadata": False, "dist-info-metadata": True}, False),
    ({"dist-info-metadata": {"sha256": SHA}}, {"sha256": SHA}),
    ({"data-dist-info-metadata": {"sha256": SHA}}, {"sha256": SHA}),
    ({"core-metadata": None}, False),
    ({"core-metadata": "true"}, False),
    ({}, False),
]


@pytest.mark.parametrize(("said", "shown"), METADATA)
def test_core_metadata_goes_by_many_names(said: Mapping[str, Any], shown: Any) -> None:
    # pypi R45
    [found] = rendered(parsed(page(file("demo-1.0-py3-none-any.whl", **said))))["files"]
    assert found["core-metadata"] == found["dist-info-metadata"] == shown
    assert "data-dist-info-metadata" not in found


def test_hashes_are_those_that_are_told() -> None:
    # pypi R42, R142
    told = {
        "SHA256": SHA.upper(),
        "md5": "0" * 32,
        "blake2b_256": "ff",
        "odd": 7,
        "x y": "00",
        "sha1": "no",
    }
    project = parsed(page(file("demo-1.0.zip", hashes=told)))
    assert rendered(project)["files"][0]["hashes"] == {"sha256": SHA, "md5": "0" * 32, "blake2b_256": "ff"}
    assert f"demo-1.0.zip#sha256={SHA}" in rendered(project, Form.HTML)
    for none in ({}, None, "x"):
        bare = parsed(page(file("demo-1.0.zip", hashes=none)))
        assert rendered(bare)["files"][0]["hashes"] == {}
        assert 'demo-1.0.zip"' in rendered(bare, Form.HTML)


STATUSES: list[tuple[Mapping[str, Any], Status]] = [
    ({"project-status": {"status": "archived", "reason": "done"}}, Status(State.ARCHIVED, "done")),
    (
        {"meta": {"project-status": {"status": "deprecated"}}},
        Status(State.DEPRECATED),
    ),
    ({"project-status": {"status": "abandoned"}}, Status()),
    ({"project-status": "archived"}, Status()),
    ({"project-status": {"status": None, "reason": 7}}, Status()),
]


@pytest.mark.parametrize(("said", "status"), STATUSES)
def test_a_projects_status_is_read(said: Mapping[str, Any], status: Status) -> None:
    # pypi R53
    assert parsed(page(**said)).status == status


def test_a_quarantined_project_offers_nothing() -> None:
    said = {"project-status": {"status": "quarantined"}}
    project = parsed(page(file("demo-1.0.zip"), versions=["1.0"], **said))  # pypi R53, R136
    assert project.offers("demo-1.0.zip") is None
    assert (rendered(project)["files"], rendered(project)["versions"]) == ([], [])


def test_what_the_page_says_beside_is_given_back() -> None:
    # pypi R130, R55; what begins with an underscore is its index's own
    meta = {"api-version": "1.9", "tracks": ["http://x.example/demo/"], "_last-serial": 99, "_secret": 1}
    said = {"alternate-locations": ["http://y.example/"], "_private": 1, "future": {"a": 1}}
    found = rendered(parsed(page(file("demo-1.0.zip", _key=1, size=1), meta=meta, **said)))
    assert found["meta"] == {"_last-serial": 7, "api-version": "1.4", "tracks": ["http://x.example/demo/"]}
    assert found["alternate-locations"] == ["http://y.example/"]
    assert found["future"] == {"a": 1}
    assert not [key for key in (*found, *found["files"][0]) if key.startswith("_")]


def test_a_file_that_is_listed_twice_is_the_first() -> None:
    project = parsed(page(file("demo-1.0.zip", size=1), file("demo-1.0.zip", size=2)))
    assert only(project).size == 1


BROKEN: Mapping[str, tuple[str, bytes]] = {
    "no JSON": ("application/json", b"{"),
    "no UTF-8": ("application/json", b'{"files": [], "x": "\xff"}'),
    "no object": ("application/json", b"[]"),
    "an error": ("application/json", b'{"errors": ["no such project"]}'),
    "files of no kind": ("application/json", b'{"files": {}}'),
    "a file of no kind": ("application/json", b'{"files": ["demo-1.0.zip"]}'),
    "a file without name": ("application/json", b'{"files": [{"url": "x.zip"}]}'),
    "a file without address": ("application/json", b'{"files": [{"filename": "x.zip"}]}'),
    "deep JSON": ("application/json", b'{"files":' + b"[" * 100_000),
    "a number of no size": ("application/json", b'{"files": [], "x": 1e999}'),
    "version 2 in JSON": ("application/json", b'{"meta": {"api-version": "2.0"}, "files": []}'),
    "a version of no kind": ("application/json", b'{"meta": {"api-version": 1.0}, "files": []}'),
    "version 2 by type": ("application/vnd.pypi.simple.v2+json", b'{"meta": {"api-version": "2.0"}}'),
    "version 2 in HTML": ("text/html", b'<meta name="pypi:repository-version" content="2.0">'),
    "a picture": ("image/png", b"\x89PNG"),
    "nothing": ("", b""),
    "text": ("text/plain", b"no such project"),
}


@pytest.mark.parametrize("what", BROKEN)
def test_what_is_no_page_is_refused(what: str) -> None:
    content_type, body = BROKEN[what]
    with pytest.raises(UpstreamInvalid) as caught:
        PROJECTS.parse("demo", [answer(body, content_type)])
    assert "'demo'" in str(caught.value)
    assert "example" not in str(caught.value)


@pytest.mark.parametrize(
    "content_type",
    [
        "application/vnd.pypi.simple.v1+json",
        "application/json",
        "application/octet-stream",
        "text/plain",
        "",
    ],
)
def test_json_is_known_by_its_type_or_its_first_byte(content_type: str) -> None:
    body = b"\xef\xbb\xbf \n" + page(file("demo-1.0.zip"))
    assert len(PROJECTS.parse("demo", [answer(body, content_type)]).files) == 1  # type: ignore[union-attr]


@pytest.mark.parametrize("form", [Form.HTML, Form.V1_HTML])
def test_two_hops_in_html_lose_what_html_cannot_say_alone(form: Form) -> None:
    project = parsed(rich())
    again = parsed(
        project_page("demo", project, 7, form, OURS).body, form.content_type, url=f"{OURS}simple/demo/"
    )
    shown, lost = rendered(again, form), rendered(project, form)
    assert shown == lost.replace('content="1.4"', 'content="1.0"')  # pypi R41


def test_two_hops_lose_nothing() -> None:
    # pypi T11: sizes, times, yanks, metadata flags and provenance survive
    project = parsed(rich())
    body = project_page("demo", project, 7, Form.JSON, OURS).body
    again = parsed(body, Form.JSON.content_type, url=f"{OURS}simple/demo/")
    assert project_page("demo", again, 7, Form.JSON, OURS).body == body
    wheel = again.by_name["demo-1.0-py3-none-any.whl"]
    assert wheel.origin is not None
    assert wheel.origin.url == f"{OURS}packages/demo/{wheel.filename}"
    assert wheel.origin.provenance == f"{wheel.origin.url}.provenance"


def rich() -> bytes:
    """A page that says all there is to say."""
    return page(
        file(
            "demo-1.0-py3-none-any.whl",
            size=17,
            yanked="<why>",
            provenance="http://u.example/p",
            **{
                "upload-time": "2024-01-02T03:04:05Z",
                "core-metadata": {"sha256": SHA},
                "requires-python": ">=3",
                "gpg-sig": False,
            },
        ),
        file("demo-1.0.tar.gz", size=1, yanked=True, **{"gpg-sig": True}),
        file("demo-2!2.0+local.1-py3-none-any.whl", size=2, **{"core-metadata": True}),
        file("demo-odd.zip", size=3),
        versions=["1.0", "2!2.0+local.1"],
        **{"project-status": {"status": "archived", "reason": '"><script>'}},
    )


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
KEYS = [
    "size",
    "hashes",
    "url",
    "filename",
    "yanked",
    "gpg-sig",
    "core-metadata",
    "provenance",
    "upload-time",
]


@given(
    st.dictionaries(st.sampled_from(KEYS) | st.text(), VALUES, max_size=6),
    st.dictionaries(st.sampled_from(["files", "meta", "versions", "project-status"]) | st.text(), VALUES),
)
def test_whatever_a_page_says_is_shown_or_refused(said: dict[str, Any], beside: dict[str, Any]) -> None:
    try:
        project = parsed(page(file("demo-1.0.zip") | said, **beside))
    except UpstreamInvalid:
        return
    for form in Form:
        body = project_page("demo", project, 7, form, OURS).body
        again = parsed(body, form.content_type, url=f"{OURS}simple/demo/")
        assert facts(again) == facts(project)


@given(st.binary() | st.text("<>!-/a =\"'&;#ahrefscript", max_size=60).map(str.encode))
def test_whatever_comes_is_a_page_or_refused(body: bytes) -> None:
    for content_type in ("text/html", "application/json", ""):
        try:
            assert isinstance(PROJECTS.parse("demo", [answer(body, content_type)]), Project)
        except UpstreamInvalid as error:
            assert str(error)


TEXTS = st.text(st.characters(exclude_categories=("Cs",)), max_size=30)


@given(st.lists(TEXTS, max_size=4), TEXTS, TEXTS)
def test_no_text_breaks_out_of_a_page(names: list[str], reason: str, specifier: str) -> None:
    # pypi R54, V5, TRAPS section 4, item 5
    said = [file(f"demo-1.{name}.zip", yanked=reason, **{"requires-python": specifier}) for name in names]
    project = parsed(page(*said))
    body = project_page("demo", project, 7, Form.HTML, OURS).body
    again = parsed(body, Form.HTML.content_type, url=f"{OURS}simple/demo/")
    assert facts(again) == facts(project)
    assert body.count(b"<") == 14 + 3 * len(project.files)
    body = project_page("demo", project, 7, Form.JSON, OURS).body
    assert facts(parsed(body, Form.JSON.content_type)) == facts(project)


def facts(project: Project) -> list[tuple[str, str | None, str | None]]:
    return [(each.filename, each.yanked, each.requires_python) for each in project.files]
