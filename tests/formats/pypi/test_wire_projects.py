"""The list of all projects, and serial numbers (pypi R40, R57)."""

import pytest

from tests.formats.pypi.test_wire_pages import Anchors
from tests.support.distributions import sdist, wheel
from tests.support.indexes import HTML, JSON, Index


def test_projects_are_listed_in_both_forms(empty: Index) -> None:
    empty.publish(wheel("Zeta"), wheel("alpha"), wheel("Foo.Bar"), sdist("alpha", "2.0"))
    document = empty.get("simple/", accept=JSON).json()
    assert document["meta"]["api-version"] == "1.4"
    assert isinstance(document["meta"]["_last-serial"], int)
    assert [each["name"] for each in document["projects"]] == ["alpha", "foo-bar", "zeta"]
    answer = empty.get("simple/", accept=HTML)
    page = Anchors(answer)
    assert answer.text.startswith("<!DOCTYPE html>")
    assert (page.metas["pypi:repository-version"] or "").startswith("1.")
    assert [anchor["href"] for anchor in page.anchors] == ["alpha/", "foo-bar/", "zeta/"]
    assert [anchor["text"] for anchor in page.anchors] == ["alpha", "foo-bar", "zeta"]


def test_an_empty_repository_has_an_empty_list(empty: Index) -> None:
    assert empty.projects() == []
    assert Anchors(empty.get("simple/", accept=HTML)).anchors == []
    assert int(empty.get("simple/", accept=JSON).header("x-pypi-last-serial")) >= 0


@pytest.mark.parametrize("spelled", ["Foo.Bar", "foo-bar", "FOO_bar"])
def test_one_project_is_listed_once(empty: Index, spelled: str) -> None:
    empty.publish(wheel("foo.bar", "1.0"), wheel(spelled, "2.0"))
    assert empty.projects() == ["foo-bar"]


def test_every_change_raises_the_serial_number(empty: Index) -> None:
    # pypi R57: mirrors read what changed by it
    empty.publish(wheel("foo"))
    seen = [empty.serial("foo")]
    changes = [
        lambda: empty.publish(wheel("foo", "2.0")),
        lambda: empty.yank("foo", "1.0", "broken"),
        lambda: empty.unyank("foo", "1.0"),
        lambda: empty.mark("foo", "deprecated"),
        lambda: empty.delete(wheel("foo")),
    ]
    for change in changes:
        change()
        assert empty.serial("foo") > seen[-1]
        assert empty.serial() >= empty.serial("foo")
        seen.append(empty.serial("foo"))


def test_the_number_in_the_page_is_the_one_in_its_header(empty: Index) -> None:
    empty.publish(wheel("foo"), wheel("bar"))
    for path in ("simple/", "simple/foo/"):
        answer = empty.get(path, accept=JSON)
        assert answer.json()["meta"]["_last-serial"] == int(answer.header("x-pypi-last-serial"))
        html = empty.get(path, accept=HTML)
        assert html.header("x-pypi-last-serial") == answer.header("x-pypi-last-serial")


def test_a_change_of_one_project_leaves_the_number_of_another(empty: Index) -> None:
    empty.publish(wheel("foo"), wheel("bar"))
    foo, everything = empty.serial("foo"), empty.serial()
    empty.publish(wheel("bar", "2.0"))
    assert empty.serial("foo") == foo
    assert empty.serial() > everything


def test_a_mirror_finds_what_changed_and_only_that(empty: Index) -> None:
    # pypi T8: a mirror keeps the number of the list and asks for projects whose own is higher
    empty.publish(*(wheel(f"project-{number}") for number in range(5)))
    mark = empty.serial()
    empty.publish(wheel("project-3", "2.0"))
    changed = [each for each in empty.projects() if empty.serial(each) > mark]
    assert changed == ["project-3"]


def test_the_list_follows_at_once(empty: Index) -> None:
    for number in range(5):
        empty.publish(wheel(f"project-{number}"))
        assert len(empty.projects()) == number + 1  # pypi R101
    etag = empty.get("simple/", accept=JSON).header("etag")
    assert empty.get("simple/", accept=JSON, if_none_match=etag).status == 304
    empty.publish(wheel("project-9"))
    assert empty.get("simple/", accept=JSON, if_none_match=etag).status == 200
