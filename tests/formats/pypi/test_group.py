"""Several indexes as one, on the wire (pypi I)."""

import logging
from collections.abc import Callable

import pytest

from artifactd.auth.principal import Verb
from tests.support.distributions import sdist, wheel
from tests.support.fake_index import FakeIndex
from tests.support.indexes import HTML, JSON, Index, refused
from tests.support.proxies import group, hosted
from tests.support.server import RunningServer
from tests.support.upload_forms import SIGNATURE
from tests.support.upstream_faults import status

WHEEL, SDIST, LATER = wheel("demo", "1.0"), sdist("demo", "1.0"), wheel("demo", "2.0")
Both = Callable[..., Index]


@pytest.fixture
def own(server: RunningServer) -> Index:
    """A hosted repository of the test's own."""
    return Index(server, hosted(server, "pypi"))


@pytest.fixture
def both(server: RunningServer, own: Index, proxied: Index) -> Both:
    """A group of the hosted repository, which takes what is uploaded, and the proxy."""

    def make(**more: object) -> Index:
        members = (own.repository, proxied.repository)
        return Index(server, group(server, "pypi", *members, **{"writable": own.repository, **more}))

    return make


def test_projects_of_every_member_are_there(both: Both, own: Index, upstream: FakeIndex) -> None:
    own.publish(wheel("ours"))
    upstream.publish(wheel("theirs"))
    everyone = both()
    for name in ("ours", "theirs"):
        assert everyone.project(name)["versions"] == ["1.0"]
        assert everyone.file(wheel(name)).body == wheel(name).content
        assert everyone.file(wheel(name), ".metadata").body == wheel(name).metadata  # pypi R155
    assert everyone.page("none").status == 404
    assert everyone.projects() == ["ours", "theirs"]  # pypi R156


@pytest.mark.parametrize("after", ["nothing", "a yank", "a deletion"])
def test_a_name_of_ours_is_never_asked_for_elsewhere(
    both: Both, own: Index, upstream: FakeIndex, after: str
) -> None:
    # pypi R151, R152: `acme-core 99` upstream must not win
    own.publish(wheel("acme-core", "1.0"))
    upstream.publish(wheel("acme-core", "99"))
    if after == "a yank":
        own.yank("acme-core", "1.0")
    if after == "a deletion":
        own.delete(wheel("acme-core", "1.0"))
    everyone = both()
    wanted = [] if after == "a deletion" else ["1.0"]
    for accept in (JSON, HTML):
        assert b"acme_core-99" not in everyone.page("acme-core", accept).body
    answer = everyone.page("acme-core")
    assert answer.status == 404 or answer.json()["versions"] == wanted
    assert everyone.file(wheel("acme-core", "99")).status == 404
    assert everyone.get("pypi/acme-core/json").status in (200, 404)
    assert upstream.count() == 0


def test_a_reserved_name_is_never_asked_for(both: Both, upstream: FakeIndex) -> None:
    # pypi R152: before the first upload
    upstream.publish(wheel("acme-core", "99"))
    everyone = both(reserved=["acme-*"])
    assert everyone.page("acme-core").status == 404
    assert everyone.file(wheel("acme-core", "99")).status == 404
    assert upstream.count() == 0


def test_a_name_may_be_merged_on_purpose(both: Both, own: Index, upstream: FakeIndex) -> None:
    # pypi R151, R150, R154
    own.publish(WHEEL)
    upstream.publish(wheel("demo", "1.0", comment="another"), LATER, yanked="theirs")
    upstream.html_only = True
    everyone = both(merge=["demo"])
    page = everyone.project("demo")
    assert page["versions"] == ["1.0", "2.0"]
    assert page["meta"] == {"api-version": "1.0"}  # pypi R41, R57
    files = {file["filename"]: file for file in page["files"]}
    assert files[WHEEL.filename]["hashes"] == {"sha256": WHEEL.sha256}
    assert (files[WHEEL.filename]["yanked"], files[LATER.filename]["yanked"]) == (False, "theirs")
    assert files[WHEEL.filename]["size"] == WHEEL.size
    assert "size" not in files[LATER.filename]
    for distribution in (WHEEL, LATER):
        assert everyone.file(distribution).body == distribution.content
        assert everyone.file(distribution, ".metadata").body == distribution.metadata


def test_a_conflict_is_logged(
    both: Both, own: Index, upstream: FakeIndex, caplog: pytest.LogCaptureFixture
) -> None:
    # pypi R150
    own.publish(WHEEL)
    upstream.publish(wheel("demo", "1.0", comment="another"))
    everyone = both(merge=["demo"])
    with caplog.at_level(logging.WARNING, "artifactd.pypi"):
        for _ in range(3):
            everyone.page("demo")
    [record] = [each for each in caplog.records if each.name == "artifactd.pypi"]
    assert WHEEL.filename in record.getMessage()
    assert upstream.url not in record.getMessage()


def test_addresses_are_the_groups_own(both: Both, upstream: FakeIndex) -> None:
    # pypi R155, R52
    upstream.publish(WHEEL, provenance=f"{upstream.url}/p")
    upstream.put("/p", b"{}", "application/json")
    everyone = both()
    shown = everyone.files("demo")[WHEEL.filename]
    assert shown["url"] == f"../../packages/demo/{WHEEL.filename}"
    own_address = f"{everyone.server.url}{everyone.base}/packages/demo/{WHEEL.filename}"
    assert shown["provenance"] == f"{own_address}.provenance"
    assert everyone.file(WHEEL, ".provenance").body == b"{}"


def test_a_page_of_a_group_has_no_serial(both: Both, own: Index, upstream: FakeIndex) -> None:
    # pypi R57
    own.publish(wheel("ours"))
    upstream.publish(wheel("theirs"))
    everyone = both()
    for path in ("simple/ours/", "simple/theirs/", "simple/", "pypi/ours/json"):
        answer = everyone.get(path, accept=JSON)
        assert answer.status == 200
        assert answer.header("x-pypi-last-serial") == ""
        assert b"_last-serial" not in answer.body


def test_the_tag_of_a_page_is_that_of_its_bytes(both: Both, own: Index, upstream: FakeIndex) -> None:
    # pypi R157
    own.publish(WHEEL)
    upstream.publish(LATER)
    everyone = both(merge=["demo"])
    first = everyone.page("demo")
    assert everyone.page("demo").header("etag") == first.header("etag")
    assert everyone.get("simple/demo/", accept=JSON, if_none_match=first.header("etag")).status == 304
    assert both(merge=["demo"]).page("demo").header("etag") == first.header("etag")
    own.yank("demo", "1.0")
    assert everyone.page("demo").header("etag") != first.header("etag")


def test_changes_of_a_member_are_seen_at_once(both: Both, own: Index, upstream: FakeIndex) -> None:
    # pypi T12
    own.publish(WHEEL)
    everyone = both()
    assert everyone.files("demo")[WHEEL.filename]["yanked"] is False
    own.yank("demo", "1.0", "bad")
    assert everyone.files("demo")[WHEEL.filename]["yanked"] == "bad"
    own.publish(LATER)
    assert everyone.project("demo")["versions"] == ["1.0", "2.0"]


def test_a_member_that_cannot_be_asked_makes_no_half_page(
    both: Both, own: Index, upstream: FakeIndex
) -> None:
    # pypi R153
    own.publish(WHEEL, wheel("ours"))
    upstream.publish(LATER)
    everyone = both(merge=["demo"])
    with upstream.fault(status(500)):
        answer = everyone.page("demo")
        assert answer.status == 503
        assert answer.header("retry-after")
        assert everyone.page("theirs").status == 503
        assert everyone.project("ours")["versions"] == ["1.0"]
    upstream.heal()


def test_a_stale_page_is_better_than_none(both: Both, own: Index, upstream: FakeIndex) -> None:
    # pypi R153, R134
    own.publish(WHEEL)
    upstream.publish(LATER)
    everyone = both(merge=["demo"])
    whole = everyone.page("demo")
    upstream.stop()
    stale = everyone.page("demo")
    assert (stale.status, stale.body) == (200, whole.body)
    upstream.start()
    upstream.publish(wheel("demo", "3.0"))


def test_uploads_go_to_the_writable_member(both: Both, own: Index, upstream: FakeIndex) -> None:
    everyone = both()
    everyone.publish(WHEEL, signature=SIGNATURE)
    assert own.file(WHEEL).body == WHEEL.content
    assert everyone.file(WHEEL, ".asc").status == own.file(WHEEL, ".asc").status == 200
    assert everyone.upload(WHEEL).status == 200, "the same again"
    refused(everyone.upload(wheel("demo", "1.0", comment="other")), "already exists")  # pypi L11
    assert everyone.yank("demo", "1.0", "bad").status == 204
    assert own.files("demo")[WHEEL.filename]["yanked"] == "bad"
    assert everyone.unyank("demo", "1.0").status == 204
    assert everyone.mark("demo", "archived").status == 204
    refused(everyone.upload(LATER), "archived", status=403)
    assert everyone.mark("demo", "active").status == 204
    assert everyone.delete(WHEEL).status == 204
    assert own.file(WHEEL).status == 404
    refused(everyone.upload(wheel("demo", "1.0", comment="other")), "already exists")


def test_a_name_that_is_uploaded_is_ours_from_then_on(both: Both, upstream: FakeIndex) -> None:
    # pypi R151, R139
    upstream.publish(LATER)
    everyone = both()
    assert everyone.project("demo")["versions"] == ["2.0"]
    everyone.publish(WHEEL)
    assert everyone.project("demo")["versions"] == ["1.0"]
    assert everyone.file(LATER).status == 404


def test_an_absence_upstream_does_not_hide_an_upload(both: Both) -> None:
    # pypi R139
    everyone = both()
    assert everyone.page("demo").status == 404
    everyone.publish(WHEEL)
    assert everyone.project("demo")["versions"] == ["1.0"]


def test_nothing_is_noted_about_what_only_others_have(both: Both, upstream: FakeIndex) -> None:
    # pypi R151: a note would make the name ours, and hide every file of it
    upstream.publish(WHEEL)
    everyone = both()
    assert everyone.page("demo").status == 200
    for answer in (
        everyone.yank("demo", "1.0"),
        everyone.yank("demo", "1.0", filename=WHEEL.filename),
        everyone.mark("demo", "archived"),
        everyone.delete(WHEEL),
        everyone.request("DELETE", "pypi/demo/1.0"),
    ):
        assert answer.status == 404, answer
    assert everyone.project("demo")["versions"] == ["1.0"]
    assert everyone.file(WHEEL).body == WHEEL.content


def test_a_group_without_a_writable_member_takes_no_uploads(server: RunningServer, own: Index) -> None:
    everyone = Index(server, group(server, "pypi", own.repository))
    refused(everyone.upload(WHEEL), "takes no writes", status=405)  # pypi L15


@pytest.mark.parametrize("more", [{}, {"merge": ["demo"]}])
def test_quarantine_by_a_member_holds_in_the_group(
    both: Both, own: Index, upstream: FakeIndex, more: dict[str, object]
) -> None:
    # pypi R53
    own.publish(WHEEL)
    own.mark("demo", "quarantined")
    upstream.publish(LATER)
    everyone = both(**more)
    assert everyone.project("demo")["files"] == []
    for suffix in ("", ".metadata"):
        assert everyone.file(WHEEL, suffix).status == 403


def test_quarantine_by_a_member_that_takes_no_uploads_holds_as_well(
    server: RunningServer, own: Index
) -> None:
    # pypi R53
    own.publish(WHEEL)
    own.mark("demo", "quarantined")
    other = server.repository("pypi")
    everyone = Index(server, group(server, "pypi", own.repository, other, writable=other))
    for suffix in ("", ".metadata"):
        assert everyone.file(WHEEL, suffix).status == 403


def test_a_hidden_member_is_not_there_for_whom_it_is_hidden_from(
    server: RunningServer, own: Index, proxied: Index, upstream: FakeIndex, both: Both
) -> None:
    # TRAPS section 4, item 8
    own.publish(wheel("ours"), WHEEL)
    upstream.publish(wheel("theirs"), LATER)
    everyone = both()
    reader = server.user(
        (everyone.repository, "**", [Verb.READ, Verb.POPULATE]),
        (proxied.repository, "**", [Verb.READ, Verb.POPULATE]),
    )
    assert everyone.page("ours").status == 200
    theirs = everyone.by(reader)
    assert theirs.page("ours").status == 404
    assert theirs.file(wheel("ours")).status == 404
    assert theirs.project("theirs")["versions"] == ["1.0"]
    assert theirs.projects() == ["theirs"]
    assert theirs.page("demo").status == 404, "a name of ours is no upstream's, whoever asks"


def test_both_forms_are_the_same_for_all(both: Both, own: Index, upstream: FakeIndex) -> None:
    # TRAPS section 4, items 9 and 10
    own.publish(WHEEL, SDIST)
    upstream.publish(LATER)
    everyone = both(merge=["demo"])
    names = [file["filename"] for file in everyone.project("demo")["files"]]
    page = everyone.page("demo", HTML)
    assert [name for name in names if f">{name}</a>" in page.text] == names
    assert len(names) == 3
    assert "Accept" in page.header("vary")
    assert "public" not in page.header("cache-control")
