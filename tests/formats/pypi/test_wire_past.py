"""The repository as it was."""

from collections.abc import Iterator

import pytest

from artifactd.auth.principal import Verb
from tests.support.distributions import sdist, wheel
from tests.support.indexes import HTML, Index, refused
from tests.support.server import RunningServer, running


@pytest.fixture(scope="module")
def moving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server whose time these tests may move."""
    with running(tmp_path_factory.mktemp("past")) as server:
        yield server


@pytest.fixture
def index(moving: RunningServer) -> Index:
    return Index(moving, moving.repository("pypi"))


def test_a_page_of_the_past_is_what_it_was(index: Index) -> None:
    index.publish(wheel("foo", "1.0"), wheel("bar"))
    then = index.past()
    index.publish(wheel("foo", "2.0"), wheel("later"))
    index.yank("foo", "1.0", "broken")
    index.mark("bar", "archived")
    index.delete(wheel("bar"))
    assert list(then.files("foo")) == [wheel("foo", "1.0").filename]
    assert then.project("foo")["versions"] == ["1.0"]
    assert then.files("foo")[wheel("foo", "1.0").filename]["yanked"] is False
    assert then.project("bar")["project-status"] == {"status": "active"}
    assert then.file(wheel("bar")).body == wheel("bar").content
    assert then.file(wheel("bar"), ".metadata").body == wheel("bar").metadata
    assert then.projects() == ["bar", "foo"]
    assert then.page("later").status == 404
    assert then.file(wheel("foo", "2.0")).status == 404
    assert then.get("pypi/foo/json").json()["info"]["version"] == "1.0"
    assert b"broken" not in then.page("foo", HTML).body


def test_its_links_stay_in_the_past(index: Index) -> None:
    index.publish(wheel("foo"))
    then = index.past()
    index.delete(wheel("foo"))
    assert index.file(wheel("foo")).status == 404
    url = then.url(wheel("foo"))
    assert url.startswith(f"/repository/{then.repository}/packages/")
    assert index.get(url).body == wheel("foo").content


def test_nothing_of_it_can_be_changed(index: Index) -> None:
    index.publish(wheel("foo"))
    then = index.past()
    with index.unchanged():
        refused(then.upload(wheel("foo", "2.0")), status=405)
        refused(then.upload(sdist("other")), status=405)
        refused(then.delete(wheel("foo")), status=405)
        refused(then.yank("foo", "1.0"), status=405)
        refused(then.unyank("foo", "1.0"), status=405)
        refused(then.mark("foo", "archived"), status=405)
        refused(then.request("DELETE", "pypi/foo/1.0"), status=405)
    assert index.file(wheel("foo")).status == 200


def test_it_takes_the_right_to_the_past(index: Index) -> None:
    index.publish(wheel("foo"))
    then = index.past()
    reader = index.server.user((index.repository, "**", [Verb.READ]))
    historian = index.server.user((index.repository, "**", [Verb.READ, Verb.HISTORY]))
    for path in ("simple/foo/", "pypi/foo/json", f"packages/foo/{wheel('foo').filename}"):
        statuses = [then.by(login).get(path).status for login in (reader, historian, None)]
        assert statuses == [403, 200, 401], path
    assert then.projects() == then.by(historian).projects() == ["foo"]
    answer = then.by(reader).get("simple/")
    assert answer.status == 403 or "foo" not in answer.text


def test_a_redirect_stays_in_the_past(index: Index) -> None:
    index.publish(wheel("foo-bar"))
    then = index.past()
    answer = then.get("simple/Foo.Bar/")
    assert (answer.status, answer.header("location")) == (301, "../foo-bar/")


def test_a_page_of_the_past_can_be_kept_by_its_tag(index: Index) -> None:
    index.publish(wheel("foo"))
    then = index.past()
    etag = then.page("foo").header("etag")
    index.publish(wheel("foo", "2.0"))
    assert (
        then.get("simple/foo/", accept="application/vnd.pypi.simple.v1+json", if_none_match=etag).status
        == 304
    )
