"""A project's page in a group, from those of its members (pypi I)."""

import json
from collections.abc import Sequence
from typing import Any

import pytest

from artifactd.repositories.index import Part
from artifactd_pypi.negotiation import Form
from artifactd_pypi.pages import list_page, project_page
from artifactd_pypi.project import Project, State, Status
from artifactd_pypi.project_index import PROJECTS
from tests.support.upstream_pages import SHA, file, page, parsed

OTHER = "0f" * 32


def merged(*bodies: bytes) -> Project:
    """The document of a group with these pages, of members `m1`, `m2` and so on."""
    parts = [Part(f"m{number}", parsed(body)) for number, body in enumerate(bodies, 1)]
    return PROJECTS.merge("demo", parts)


def shown(project: Project) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(
        project_page("demo", project, None, Form.JSON, "http://o.example/").body
    )
    return found


def names(project: Project) -> Sequence[str]:
    return [each.filename for each in project.files]


def test_all_files_of_all_members_are_there_in_order() -> None:
    # pypi R150
    project = merged(
        page(file("demo-2.0.zip"), file("demo-1.0.zip")), page(file("demo-1.5.zip"), file("demo-3.0.zip"))
    )
    assert names(project) == ["demo-1.0.zip", "demo-1.5.zip", "demo-2.0.zip", "demo-3.0.zip"]
    assert [json.loads(row)["filename"] for row in project.rows] == names(project)
    assert sorted(project.by_name) == names(project)
    assert project.versions == ["1.0", "1.5", "2.0", "3.0"]


def test_the_first_member_wins_with_all_it_says() -> None:
    # pypi R150, R154: what is said of a file comes from one member
    project = merged(
        page(file("demo-1.0.zip", size=1, yanked="why", url="http://one.example/demo-1.0.zip")),
        page(file("demo-1.0.zip", size=2, **{"requires-python": ">=3"})),
    )
    [found] = project.files
    assert (found.size, found.yanked, found.requires_python) == (1, "why", None)
    assert found.origin is not None
    assert found.origin.url == "http://one.example/demo-1.0.zip"


def test_a_conflict_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    # pypi R150: it may be an attack
    project = merged(
        page(file("demo-1.0.zip"), file("demo-1.1.zip"), file("demo-1.2.zip", hashes={"md5": "00"})),
        page(
            file("demo-1.0.zip", hashes={"sha256": OTHER}, url="http://secret.example/demo-1.0.zip"),
            file("demo-1.1.zip", hashes={"sha256": OTHER}),
            file("demo-1.2.zip", hashes={"sha256": OTHER}),
        ),
        page(file("demo-1.0.zip")),
    )
    assert project.by_name["demo-1.0.zip"].hashes == {"sha256": SHA}
    [record] = caplog.records
    assert record.levelname == "WARNING"
    for word in ("demo-1.0.zip of m1 and of m2", "demo-1.1.zip of m1 and of m2"):
        assert word in record.getMessage()
    for word in ("demo-1.2.zip", "m3", "example"):
        assert word not in record.getMessage()


def test_a_warning_is_no_page(caplog: pytest.LogCaptureFixture) -> None:
    many = [f"demo-1.{number}.zip" for number in range(200)]
    merged(page(*map(file, many)), page(*(file(name, hashes={"sha256": OTHER}) for name in many)))
    [record] = caplog.records
    assert "and 190 more" in record.getMessage()
    assert len(record.getMessage()) < 1000


def test_members_that_agree_say_nothing(caplog: pytest.LogCaptureFixture) -> None:
    merged(page(file("demo-1.0.zip")), page(file("demo-1.0.zip", hashes={"sha256": SHA, "md5": "00"})))
    assert not caplog.records


def test_versions_are_those_of_all() -> None:
    # pypi R154
    project = merged(
        page(file("demo-1.0.zip"), versions=["1.0.0", "0.1"]), page(versions=["1.0", "2.0", "odd"])
    )
    assert project.versions == ["odd", "0.1", "1.0.0", "2.0"]


def test_the_version_is_that_of_what_all_can_say() -> None:
    # pypi R154, R41
    sized, unsized = page(file("demo-1.0.zip", size=1)), page(file("demo-2.0.zip"))
    assert shown(merged(sized, unsized))["meta"] == {"api-version": "1.0"}
    assert shown(merged(sized, page(file("demo-2.0.zip", size=2))))["meta"] == {"api-version": "1.4"}
    assert shown(merged(sized, page(file("demo-1.0.zip"))))["meta"] == {"api-version": "1.4"}


def test_the_status_is_that_of_the_first_that_has_the_project() -> None:
    # pypi R154
    archived = {"project-status": {"status": "archived", "reason": "done"}}
    assert merged(page(file("demo-1.0.zip")), page(**archived)).status == Status()
    assert merged(page(), page(file("demo-1.0.zip"), **archived)).status == Status(State.ARCHIVED, "done")
    assert merged(page(**archived), page(file("demo-1.0.zip"))).status == Status(State.ARCHIVED, "done")
    assert merged(page(), page()).status == Status()


def test_quarantine_by_the_first_hides_all() -> None:
    # pypi R53, R154
    quarantined = {"project-status": {"status": "quarantined"}}
    project = merged(page(file("demo-1.0.zip"), **quarantined), page(file("demo-2.0.zip"), versions=["9"]))
    assert shown(project)["files"] == shown(project)["versions"] == []
    assert project.offers("demo-2.0.zip") is None


def test_quarantine_by_another_hides_what_it_has() -> None:
    quarantined = {"project-status": {"status": "quarantined"}}
    project = merged(page(file("demo-1.0.zip")), page(file("demo-2.0.zip"), versions=["9"], **quarantined))
    assert names(project) == ["demo-1.0.zip"]
    assert project.versions == ["1.0"]
    assert project.status == Status()


def test_what_one_member_says_stays_as_it_is() -> None:
    body = page(file("demo-1.0.zip", size=1), meta={"api-version": "1.0", "tracks": ["http://x.example/"]})
    document = parsed(body)
    assert PROJECTS.merge("demo", [Part("m1", document)]) is document


def test_a_merged_page_has_no_serial_and_no_clock() -> None:
    # pypi R57, R157
    first, second = page(file("demo-1.0.zip", size=1)), page(file("demo-2.0.zip", size=1))
    for form in Form:
        pages = {
            project_page("demo", merged(first, second), None, form, "http://o.example/").body
            for _ in range(3)
        }
        assert len(pages) == 1
    assert "_last-serial" not in shown(merged(first, second))["meta"]
    assert json.loads(list_page([], None, Form.JSON).body)["meta"] == {"api-version": "1.4"}


def test_addresses_are_the_groups_own() -> None:
    # pypi R155
    body = page(
        file("demo-1.0.zip", url="http://one.example/demo-1.0.zip", provenance="http://two.example/p")
    )
    text = project_page(
        "demo", merged(body, page(file("demo-2.0.zip"))), None, Form.JSON, "http://o.example/"
    ).body
    [first, second] = json.loads(text)["files"]
    assert first["url"] == "../../packages/demo/demo-1.0.zip"
    assert first["provenance"] == "http://o.example/packages/demo/demo-1.0.zip.provenance"
    assert "provenance" not in second
    assert b"one.example" not in text
    assert b"two.example" not in text
