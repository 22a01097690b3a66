"""The JSON API that poetry, auditors and updaters read (pypi R120)."""

from typing import Any

import pytest

from tests.support.distributions import sdist, wheel
from tests.support.indexes import Index


def document(index: Index, path: str) -> dict[str, Any]:
    answer = index.get(f"pypi/{path}")
    assert answer.status == 200, answer
    assert answer.header("content-type").partition(";")[0] == "application/json"
    found: dict[str, Any] = answer.json()
    return found


def test_a_project_is_told_of_as_its_latest_version(index: Index, name: str) -> None:
    index.publish(
        wheel(name, "1.0", summary="the first"),
        wheel(
            name,
            "2.0",
            summary="the second",
            description="# Title\n",
            requires_python=">=3.9",
            requires=["six>=1", 'rich; extra == "tty"'],
            provides_extra=["tty"],
            classifiers=["Programming Language :: Python :: 3"],
            headers=["Author: Anna", "Project-URL: Source, https://acme.example/source", "Keywords: a,b"],
        ),
        sdist(name, "3.0a1", summary="not yet"),
    )
    found = document(index, f"{name}/json")
    info = found["info"]
    assert (info["name"], info["version"], info["summary"]) == (name, "2.0", "the second")
    assert info["requires_python"] == ">=3.9"
    assert info["requires_dist"] == ["six>=1", 'rich; extra == "tty"']
    assert info["classifiers"] == ["Programming Language :: Python :: 3"]
    assert info["author"] == "Anna"
    assert info["project_urls"] == {"Source": "https://acme.example/source"}
    assert info["description"].strip() == "# Title"
    assert list(found["releases"]) == ["1.0", "2.0", "3.0a1"]
    assert [each["filename"] for each in found["urls"]] == [wheel(name, "2.0").filename]
    assert found["last_serial"] == index.serial(name)


def test_files_are_told_of_with_checksums_and_urls(index: Index, name: str) -> None:
    distribution = wheel(name, requires_python=">=3.8")
    index.publish(distribution, sdist(name))
    files = {each["filename"]: each for each in document(index, f"{name}/json")["urls"]}
    assert set(files) == {distribution.filename, sdist(name).filename}
    told = files[distribution.filename]
    assert told["digests"]["sha256"] == distribution.sha256
    assert told["size"] == distribution.size
    assert told["packagetype"] == "bdist_wheel"
    assert files[sdist(name).filename]["packagetype"] == "sdist"
    assert told["requires_python"] == ">=3.8"
    assert told["yanked"] is False
    assert told["url"].endswith(f"/packages/{name}/{distribution.filename}")
    assert told["upload_time_iso_8601"].endswith("Z")
    path = told["url"].removeprefix(index.server.url)
    assert index.get(path).body == distribution.content


def test_one_version_is_told_of_alone(index: Index, name: str) -> None:
    index.publish(wheel(name, "1.0", summary="the first"), wheel(name, "2.0"))
    for spelled in ("1.0", "1.0.0", "v1.0"):
        found = document(index, f"{name}/{spelled}/json")
        assert (found["info"]["version"], found["info"]["summary"]) == ("1.0", "the first")
        assert [each["filename"] for each in found["urls"]] == [wheel(name, "1.0").filename]
    assert index.get(f"pypi/{name}/3.0/json").status == 404


def test_a_yanked_version_is_not_the_latest(index: Index, name: str) -> None:
    index.publish(wheel(name, "1.0"), wheel(name, "2.0"))
    index.yank(name, "2.0", "broken")
    found = document(index, f"{name}/json")
    assert found["info"]["version"] == "1.0"
    [told] = found["releases"]["2.0"]
    assert (told["yanked"], told["yanked_reason"]) == (True, "broken")
    yanked = document(index, f"{name}/2.0/json")["info"]
    assert (yanked["yanked"], yanked["yanked_reason"]) == (True, "broken")


def test_a_first_version_that_is_not_final_is_the_latest_there_is(index: Index, name: str) -> None:
    index.publish(wheel(name, "1.0a1"), wheel(name, "1.0b1"))
    assert document(index, f"{name}/json")["info"]["version"] == "1.0b1"


@pytest.mark.parametrize("path", ["none/json", "none/1.0/json", "{name}/9.9/json", "{name}/nonsense/json"])
def test_what_is_not_there_is_404(index: Index, name: str, path: str) -> None:
    index.publish(wheel(name))
    answer = index.get(f"pypi/{path.format(name=name)}")
    assert answer.status == 404
    assert len(answer.body) < 500


def test_head_and_conditions_work_here_too(index: Index, name: str) -> None:
    index.publish(wheel(name))
    got, head = index.get(f"pypi/{name}/json"), index.head(f"pypi/{name}/json")
    assert (head.status, head.body) == (200, b"")
    assert head.header("content-length") == str(len(got.body))
    etag = got.header("etag")
    if etag:
        assert index.get(f"pypi/{name}/json", if_none_match=etag).status == 304


def test_a_name_is_found_however_it_is_spelled(empty: Index) -> None:
    empty.publish(wheel("Foo.Bar"))
    answer = empty.get("pypi/Foo.Bar/json")
    if answer.status in (301, 308):
        assert not answer.header("location").startswith(("http", "/"))
        answer = empty.get("pypi/foo-bar/json")
    assert answer.json()["info"]["name"] == "Foo.Bar"
