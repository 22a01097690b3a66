"""The status of a project (pypi R53): archived and quarantined take no uploads, quarantined lists and
serves nothing."""

import pytest

from artifactd.auth.principal import Verb
from tests.formats.pypi.test_wire_pages import Anchors
from tests.support.distributions import sdist, wheel
from tests.support.indexes import HTML, Index, refused
from tests.support.upload_forms import SIGNATURE

STATUSES = ["active", "archived", "quarantined", "deprecated"]


@pytest.mark.parametrize("reason", [None, "moved to acme-next", '"><script>'])
@pytest.mark.parametrize("status", STATUSES)
def test_it_is_on_both_forms_of_the_page(index: Index, name: str, status: str, reason: str | None) -> None:
    index.publish(wheel(name))
    answer = index.mark(name, status, reason)
    assert (answer.status, answer.body) == (204, b"")
    stated = {"status": status} | ({} if reason is None else {"reason": reason})
    assert index.project(name)["project-status"] == stated
    page = Anchors(index.page(name, HTML))
    assert page.metas.get("pypi:project-status", "active") == status
    assert page.metas.get("pypi:project-status-reason") == reason
    assert "script" not in page.tags
    assert len(page.anchors) == (0 if status == "quarantined" else 1)
    assert index.mark(name, "active").status == 204
    assert index.project(name)["project-status"] == {"status": "active"}
    assert len(index.files(name)) == 1


def test_an_archived_project_is_read_and_takes_no_uploads(index: Index, name: str) -> None:
    index.publish(wheel(name))
    index.mark(name, "archived", "no longer kept")
    with index.unchanged():
        refused(index.upload(wheel(name, "2.0")), "archived", status=403)  # pypi R105
    assert index.file(wheel(name)).body == wheel(name).content
    assert list(index.files(name)) == [wheel(name).filename]
    index.mark(name, "active")
    index.publish(wheel(name, "2.0"))


def test_a_deprecated_project_still_takes_uploads(index: Index, name: str) -> None:
    index.publish(wheel(name))
    index.mark(name, "deprecated")
    index.publish(wheel(name, "2.0"))
    assert index.project(name)["project-status"] == {"status": "deprecated"}
    assert len(index.files(name)) == 2


def test_a_quarantined_project_lists_and_serves_nothing(index: Index, name: str) -> None:
    distribution = wheel(name)
    index.publish(distribution, signature=SIGNATURE)
    index.publish(sdist(name))
    assert index.mark(name, "quarantined", "malware").status == 204
    page = index.project(name)
    assert page["files"] == []
    assert Anchors(index.page(name, HTML)).anchors == []
    for method in ("GET", "HEAD"):
        for each in (distribution, sdist(name)):
            for suffix in ("", ".metadata", ".asc"):
                path = f"packages/{name}/{each.filename}{suffix}"
                assert index.request(method, path).status in (403, 404), path
    etag = '"' + distribution.sha256 + '"'
    for headers in ({"If-None-Match": etag}, {"If-None-Match": "*"}, {"Range": "bytes=0-1"}):
        answer = index.request("GET", f"packages/{name}/{distribution.filename}", headers=headers)
        assert answer.status in (403, 404)
    for path in (f"pypi/{name}/json", f"pypi/{name}/1.0/json"):
        answer = index.get(path)
        assert distribution.filename not in answer.text, path
    with index.unchanged():
        refused(index.upload(wheel(name, "2.0")), "quarantined", status=403)
        assert index.upload(distribution).status == 403, "not even the same again"
    assert index.mark(name, "active").status == 204
    assert index.file(distribution).body == distribution.content
    assert index.file(distribution, ".asc").body == SIGNATURE
    assert len(index.files(name)) == 2


def test_what_was_quarantined_is_not_served_from_a_memory_of_before(index: Index, name: str) -> None:
    index.publish(wheel(name))
    for _ in range(3):
        assert index.file(wheel(name)).status == 200
        assert index.page(name).status == 200
    etag = index.page(name).header("etag")
    index.mark(name, "quarantined")
    assert index.file(wheel(name)).status in (403, 404)
    assert index.get(f"simple/{name}/", accept="*/*", if_none_match=etag).status == 200


def test_quarantine_is_for_administrators(index: Index, name: str) -> None:
    index.publish(wheel(name))
    verbs = [Verb.READ, Verb.WRITE, Verb.DELETE]
    writer = index.by(index.server.user((index.repository, f"{name}/**", verbs)))
    admin = index.by(index.server.user((index.repository, f"{name}/**", [*verbs, Verb.ADMIN])))
    for status in ("archived", "deprecated", "active"):
        assert writer.mark(name, status).status == 204
    with index.unchanged():
        assert writer.mark(name, "quarantined").status == 403
    assert admin.mark(name, "quarantined").status == 204
    with index.unchanged():
        for status in STATUSES:
            assert writer.mark(name, status).status == 403, status
    assert admin.mark(name, "active").status == 204


def test_a_reader_sets_no_status(index: Index, name: str) -> None:
    index.publish(wheel(name))
    reader = index.by(index.server.user((index.repository, "**", [Verb.READ])))
    with index.unchanged():
        assert reader.mark(name, "archived").status == 403
        assert index.by(None).mark(name, "archived").status == 401


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"[]",
        b"archived",
        b'{"status": "gone"}',
        b'{"status": 1}',
        b'{"status": null}',
        b'{"status": "archived", "reason": 1}',
        b'{"status": "archived", "reasons": "x"}',
        b"\xff",
    ],
)
def test_what_is_no_status_is_refused(index: Index, name: str, body: bytes) -> None:
    index.publish(wheel(name))
    with index.unchanged():
        refused(index.request("PUT", f"pypi/{name}/status", body))


def test_a_status_is_of_a_project_that_is_there(index: Index) -> None:
    with index.unchanged():
        refused(index.mark("nobody-has-this", "archived"), status=404)


def test_a_name_may_be_spelled_as_one_likes(index: Index, name: str) -> None:
    index.publish(wheel(name))
    assert index.mark(name.replace("-", "_").upper(), "deprecated").status in (204, 301, 308)


def test_a_status_makes_a_serial_number_and_the_same_again_none(index: Index, name: str) -> None:
    index.publish(wheel(name))
    before = index.serial(name)  # pypi R57
    index.mark(name, "archived", "x")
    after = index.serial(name)
    assert after > before
    with index.unchanged():
        assert index.mark(name, "archived", "x").status == 204
    assert index.serial(name) == after
