"""What a proxy asks an upstream index for (pypi H)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from artifactd.repositories.fetch import IMMUTABLE, MUTABLE, Fetch
from artifactd_pypi import format
from artifactd_pypi.project import Project
from artifactd_pypi.project_index import PROJECTS
from artifactd_pypi.settings import PyPISettings
from tests.support.upstream_pages import SHA, file, html, page, parsed

WHEEL = "demo-1.0-py3-none-any.whl"
URL = "http://files.example/ab/demo-1.0-py3-none-any.whl"


@dataclass
class Look:
    """A proxy with the pages of some projects. `asked`: which were looked at."""

    url: str = "http://u.example/root/"
    projects: Mapping[str, Project] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def document(self, index: Any, key: str) -> Any:
        assert index is PROJECTS
        self.asked.append(key)
        return self.projects.get(key, index.build(key, ()))


def fetches(path: str, body: bytes = b"", settings: PyPISettings | None = None) -> Sequence[Fetch]:
    """What is asked for a path of a project whose page is `body`."""
    look = Look(projects={"demo": parsed(body)} if body else {})
    return format.fetch(path, settings or PyPISettings(), look)


def fetched(path: str, body: bytes, settings: PyPISettings | None = None) -> Fetch:
    [found] = fetches(path, body, settings)
    return found


PLACES: Mapping[tuple[str, str], str] = {
    # pypi R131: the simple suffix is not doubled, and the case of a path kept
    ("http://u.example/", "simple/"): "http://u.example/simple/demo/",
    ("http://u.example/simple/", "simple/"): "http://u.example/simple/demo/",
    ("http://u.example/Root/Dev/", "simple/"): "http://u.example/Root/Dev/simple/demo/",
    ("http://u.example/root/dev/+simple/", "simple/"): "http://u.example/root/dev/+simple/demo/",
    ("http://u.example/root/dev/", "+simple"): "http://u.example/root/dev/+simple/demo/",
    ("http://u.example/notsimple/", "simple/"): "http://u.example/notsimple/simple/demo/",
    ("http://u.example/a/b/", "/api/pypi/simple/"): "http://u.example/a/b/api/pypi/simple/demo/",
    ("http://u.example/api/pypi/simple/", "api/pypi/simple"): "http://u.example/api/pypi/simple/demo/",
    ("http://u.example/folder/", ""): "http://u.example/folder/demo/",
    ("http://u.example/", ""): "http://u.example/demo/",
}


@pytest.mark.parametrize("place", PLACES)
def test_a_page_is_where_the_upstream_has_its_pages(place: tuple[str, str]) -> None:
    url, simple_path = place
    [asked] = format.fetch(PROJECTS.path("demo"), PyPISettings(simple_path=simple_path), Look(url))
    assert asked.url == PLACES[place]


def test_a_page_is_asked_for_as_pip_does() -> None:
    # pypi R130, R31, R134
    [asked] = fetches(PROJECTS.path("demo"))
    assert asked.accept.split(",")[0] == "application/vnd.pypi.simple.v1+json"
    assert "application/vnd.pypi.simple.v1+html;q=" in asked.accept
    assert "text/html;q=" in asked.accept
    assert asked.freshness == MUTABLE
    assert asked.freshness.fresh_for == timedelta(minutes=10)
    assert asked.whole


def test_the_page_of_a_project_is_its_own() -> None:
    path = PROJECTS.path("demo")
    assert format.owner(path) == "demo"
    assert format.companion(path) is None
    assert not format.immutable(path, PyPISettings())


@pytest.mark.parametrize("simple_path", ["http://elsewhere.example/", "?x=", "#x", "a b", "\n"])
def test_a_path_that_is_none_is_no_setting(simple_path: str) -> None:
    with pytest.raises(ValidationError):
        PyPISettings(simple_path=simple_path)


def test_a_file_is_asked_for_where_its_page_says() -> None:
    # pypi R132, R137
    asked = fetched(
        f"demo/{WHEEL}", page(file(WHEEL, url=URL, size=17, hashes={"sha256": SHA, "md5": "00"}))
    )
    assert asked == Fetch(
        URL,
        IMMUTABLE,
        expected={"sha256": SHA, "md5": "00"},
        size=17,
        content_type="application/octet-stream",
    )


@pytest.mark.parametrize(
    ("hashes", "expected"),
    [({}, {}), ({"md5": "00"}, {"md5": "00"}), ({"blake2b_256": "00", "sha512": "ff"}, {"sha512": "ff"})],
)
def test_a_file_is_checked_by_what_is_known_of_it(
    hashes: Mapping[str, str], expected: Mapping[str, str]
) -> None:
    asked = fetched(f"demo/{WHEEL}", page(file(WHEEL, url=URL, hashes=hashes)))  # pypi R137, R142
    assert (asked.expected, asked.size) == (expected, None)


@pytest.mark.parametrize(
    "path",
    [
        "demo/other-1.0.zip",
        "demo/demo-1.0-py3-none-any.whl/x",
        "demo/..",
        "demo/http:",
        "demo/http://127.0.0.1/x.zip",
        "demo/.status",
        "demo/.yanked/1.0",
        "demo/.deleted/x.zip",
        "demo/",
        "demo",
        "Demo/.page",
        "a b/.page",
        "../.page",
        "",
    ],
)
def test_nothing_of_a_request_gets_into_an_address(path: str) -> None:
    assert not fetches(path, page(file(WHEEL, url=URL)))  # pypi R132


def test_no_page_is_looked_at_for_what_is_none_of_its_files() -> None:
    look = Look()
    for path in ("demo/.status", "Demo/x.zip", "demo/.page"):
        format.fetch(path, PyPISettings(), look)
    assert look.asked == []


def test_files_of_a_project_in_quarantine_are_not_asked_for() -> None:
    body = page(file(WHEEL, url=URL), **{"project-status": {"status": "quarantined"}})
    for suffix in ("", ".metadata", ".asc", ".provenance"):
        assert not fetches(f"demo/{WHEEL}{suffix}", body)  # pypi R136


METADATA: Mapping[str, tuple[Any, Mapping[str, str] | None]] = {
    "a hash": ({"sha256": SHA}, {"sha256": SHA}),
    "that it is there": (True, {}),
    "that it is not": (False, None),
}


@pytest.mark.parametrize("what", METADATA)
def test_metadata_is_asked_for_where_the_page_says_so(what: str) -> None:
    # pypi R47
    said, expected = METADATA[what]
    found = fetches(f"demo/{WHEEL}.metadata", page(file(WHEEL, url=URL, **{"core-metadata": said})))
    if expected is None:
        assert not found
        return
    [asked] = found
    assert (asked.url, asked.freshness, asked.whole) == (f"{URL}.metadata", IMMUTABLE, True)
    assert asked.expected == expected


def test_what_lies_beside_a_file_does_so_behind_its_path() -> None:
    url = f"{URL}?token=a%2Fb#egg=demo"
    body = page(file(WHEEL, url=url, **{"core-metadata": True}))
    assert fetched(f"demo/{WHEEL}.metadata", body).url == f"{URL}.metadata?token=a%2Fb"
    assert fetched(f"demo/{WHEEL}.asc", body).url == f"{URL}.asc?token=a%2Fb"


def test_a_signature_is_asked_for_unless_there_is_none() -> None:
    # pypi R72
    for signed, count in ((True, 1), (False, 0), (None, 1)):
        body = page(file(WHEEL, url=URL, **{"gpg-sig": signed}))
        assert len(fetches(f"demo/{WHEEL}.asc", body)) == count
    assert fetched(f"demo/{WHEEL}.asc", html(f'<a href="{URL}">x</a>')).url == f"{URL}.asc"


def test_a_provenance_is_asked_for_where_the_page_says() -> None:
    # pypi R52
    body = page(file(WHEEL, url=URL, provenance="/integrity/demo/provenance"))
    asked = fetched(f"demo/{WHEEL}.provenance", body)
    assert asked.url == "http://u.example/integrity/demo/provenance"
    assert asked.whole
    assert asked.freshness.fresh_for == timedelta(hours=1)
    assert asked.content_type == "application/vnd.pypi.integrity.v1+json"
    assert not fetches(f"demo/{WHEEL}.provenance", page(file(WHEEL, url=URL)))


def test_what_may_be_replaced_is_asked_for_again() -> None:
    # pypi R71
    body, settings = (
        page(file(WHEEL, url=URL, **{"core-metadata": True})),
        PyPISettings(write_policy="allow"),
    )
    for suffix in ("", ".metadata", ".asc"):
        assert fetched(f"demo/{WHEEL}{suffix}", body, settings).freshness == MUTABLE


PATHS: Mapping[str, tuple[bool, str | None]] = {
    f"demo/{WHEEL}": (True, None),
    f"demo/{WHEEL}.metadata": (True, f"demo/{WHEEL}"),
    f"demo/{WHEEL}.asc": (True, f"demo/{WHEEL}"),
    f"demo/{WHEEL}.provenance": (False, f"demo/{WHEEL}"),
    "demo/.page": (False, None),
    "demo/.status": (False, None),
    f"demo/.yanked/1/{WHEEL}": (False, None),
}


@pytest.mark.parametrize("path", PATHS)
def test_what_never_changes_and_what_belongs_together(path: str) -> None:
    # pypi R71, R155
    immutable, main = PATHS[path]
    assert format.immutable(path, PyPISettings()) is immutable
    assert not format.immutable(path, PyPISettings(write_policy="allow"))
    assert format.companion(path) == main
    assert not format.addressed(path)
