"""What a project's page says, in JSON and in HTML (pypi D)."""

import re
from datetime import UTC, datetime, timedelta
from html import unescape
from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

import pytest
from pypi_simple import ProjectPage

from tests.support.distributions import normalized, sdist, wheel
from tests.support.indexes import HTML, JSON, Index
from tests.support.server import Answer
from tests.support.upload_forms import SIGNATURE

EVIL = "\"><script>alert(1)</script>&amp;'`<!--"


class Anchors(HTMLParser):
    """The anchors of a page, and every tag in it."""

    def __init__(self, answer: Answer) -> None:
        super().__init__()
        self.anchors: list[dict[str, str | None]] = []
        self.tags: list[str] = []
        self.metas: dict[str, str | None] = {}
        self._open = False
        self.feed(answer.body.decode("utf-8"))
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag == "a":
            self.anchors.append({**dict(attrs), "text": ""})
            self._open = True
        if tag == "meta" and "name" in dict(attrs):
            self.metas[str(dict(attrs)["name"])] = dict(attrs).get("content")

    def handle_endtag(self, tag: str) -> None:
        self._open = self._open and tag != "a"

    def handle_data(self, data: str) -> None:
        if self._open:
            self.anchors[-1]["text"] = f"{self.anchors[-1]['text']}{data}"


def full(index: Index, name: str) -> str:
    """A project with all that a page can tell of."""
    index.publish(
        wheel(name, "1.0", requires_python=">=3.7,<4,!=3.9.*"),
        wheel(name, "1.1", tag="cp311-cp311-linux_x86_64"),
        wheel(name, "2.0+cu118"),
        sdist(name, "1.1", requires_python=">=3.8"),
        sdist(name, "1!0.1", filename=f"{name}-1!0.1.zip"),
    )
    index.publish(wheel(name, "1.2"), signature=SIGNATURE)
    index.yank(name, "1.0", "broken on \u00e4 <Windows>")
    index.yank(name, "1.2")
    return name


def test_a_page_in_json(index: Index, name: str) -> None:
    # pypi R40 to R42, R50, R51
    before = datetime.now(UTC) - timedelta(seconds=1)
    distribution = wheel(name, requires_python=">=3.8,<4")
    index.publish(distribution)
    page = index.project(name)
    assert page["meta"]["api-version"] == "1.4"
    assert isinstance(page["meta"]["_last-serial"], int)
    assert page["name"] == name
    assert page["project-status"] == {"status": "active"}
    assert page["versions"] == ["1.0"]
    [file] = page["files"]
    assert file["filename"] == distribution.filename
    assert file["url"] == f"../../packages/{name}/{distribution.filename}"  # pypi R24, R25
    assert file["hashes"] == {"sha256": distribution.sha256}
    assert file["requires-python"] == ">=3.8,<4"
    assert file["core-metadata"] == {"sha256": distribution.metadata_sha256}  # pypi R45
    assert file["dist-info-metadata"] == file["core-metadata"]
    assert file["yanked"] is False
    assert type(file["size"]) is int
    assert file["size"] == distribution.size
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z", file["upload-time"])
    assert before <= datetime.fromisoformat(file["upload-time"]) <= datetime.now(UTC) + timedelta(days=1)
    assert not file.get("gpg-sig")
    assert file.get("provenance") is None


def test_a_page_in_html(index: Index, name: str) -> None:
    distribution = wheel(name, requires_python=">=3.7,<4,!=3.9.*")
    index.publish(distribution)
    answer = index.page(name, HTML)
    page = Anchors(answer)
    assert answer.text.startswith("<!DOCTYPE html>")  # pypi R54
    assert re.fullmatch(r"1\.\d+", page.metas["pypi:repository-version"] or "")
    [anchor] = page.anchors
    assert anchor["text"] == distribution.filename  # pypi R25
    assert anchor["href"] == f"../../packages/{name}/{distribution.filename}#sha256={distribution.sha256}"
    assert anchor["data-requires-python"] == ">=3.7,<4,!=3.9.*"
    assert "&gt;=3.7,&lt;4,!=3.9.*" in answer.text  # pypi R43, V5
    assert anchor["data-core-metadata"] == f"sha256={distribution.metadata_sha256}"
    assert anchor["data-dist-info-metadata"] == anchor["data-core-metadata"]  # pypi R45
    assert "data-yanked" not in anchor  # pypi R44
    assert "base" not in page.tags  # pypi R24


def test_html_has_no_more_than_it_had(index: Index, name: str) -> None:
    full(index, name)  # pypi R35: newer facts are in JSON alone
    known = {
        "href",
        "text",
        "data-requires-python",
        "data-core-metadata",
        "data-dist-info-metadata",
        "data-yanked",
        "data-gpg-sig",
        "data-provenance",
    }
    for anchor in Anchors(index.page(name, HTML)).anchors:
        assert set(anchor) <= known


def test_both_forms_say_the_same(index: Index, name: str) -> None:
    # An independent reader of both (LIBRARIES: pypi-simple) finds one project.
    full(index, name)
    url = f"{index.server.url}{index.base}/simple/{name}/"
    from_json = ProjectPage.from_json_data(index.page(name, JSON).json(), url)
    from_html = ProjectPage.from_html(name, index.page(name, HTML).body, url, "utf-8")
    assert from_json.project == from_html.project == name
    assert from_json.status == from_html.status
    assert [facts(each) for each in from_json.packages] == [facts(each) for each in from_html.packages]
    assert len(from_json.packages) == 6
    assert {normalized(str(each.project)) for each in from_json.packages} == {name}


def facts(package: object) -> dict[str, object]:
    """What HTML can say of a file."""
    hidden = {"size", "upload_time", "provenance_sha256"}  # in JSON alone
    found = {key: value for key, value in vars(package).items() if key not in hidden}
    found["has_sig"] = bool(found["has_sig"])
    found["has_metadata"] = bool(found["has_metadata"])
    found["metadata_digests"] = found["metadata_digests"] or None
    found["yanked_reason"] = found["yanked_reason"] or None
    return found


def test_urls_are_relative_and_end_with_the_file_name(index: Index, name: str) -> None:
    full(index, name)  # pypi R24, R25: they hold behind any prefix
    for file in index.files(name).values():
        assert not urlsplit(file["url"]).scheme
        assert not urlsplit(file["url"]).netloc
        assert not urlsplit(file["url"]).fragment  # pypi R42
        assert not file["url"].startswith("/")
        url = urljoin(f"/a/b/repository/x/simple/{name}/", file["url"])
        assert url.startswith("/a/b/repository/x/packages/")
        assert index.head(urljoin(f"{index.base}/simple/{name}/", file["url"])).status == 200


def test_source_files_have_no_core_metadata(index: Index, name: str) -> None:
    # pypi R46, V8: their metadata may change with the build
    old, new = (
        sdist(name, version, metadata_version=written, headers=["Dynamic: Requires-Dist"])
        for version, written in (("1.0", "2.1"), ("2.0", "2.2"))
    )
    index.publish(old, new)
    for distribution in (old, new):
        file = index.files(name)[distribution.filename]
        assert not file.get("core-metadata")
        assert not file.get("dist-info-metadata")
        assert index.file(distribution, ".metadata").status == 404
    for anchor in Anchors(index.page(name, HTML)).anchors:
        assert "data-core-metadata" not in anchor


def test_all_that_is_advertised_is_there(index: Index, name: str) -> None:
    full(index, name)  # pypi R47: uv and pip fail on a 404
    for filename, file in index.files(name).items():
        url = urljoin(f"{index.base}/simple/{name}/", file["url"])
        assert (index.get(f"{url}.metadata").status == 200) == bool(file["core-metadata"]), filename
        assert (index.get(f"{url}.asc").status == 200) == bool(file.get("gpg-sig")), filename


def test_what_is_escaped_stays_inert(index: Index, name: str) -> None:
    # pypi R43, R44, R54, V5: a reason, a specifier and a summary that would be HTML
    reason = EVIL
    index.publish(wheel(name, summary=EVIL, description=EVIL, headers=[f"Author: {EVIL}"]))
    assert index.yank(name, "1.0", reason).status == 204
    answer = index.page(name, HTML)
    page = Anchors(answer)
    assert "script" not in page.tags
    assert b"<script" not in answer.body
    [anchor] = page.anchors
    assert anchor["data-yanked"] == reason
    assert unescape(answer.text).count("alert(1)") == 1
    assert index.files(name)[wheel(name).filename]["yanked"] == reason
    assert answer.header("x-content-type-options") == "nosniff"


def test_a_project_without_files_is_a_page_without_files(index: Index, name: str) -> None:
    index.publish(wheel(name))  # pypi R56
    assert index.page("never-seen").status == 404
    assert index.delete(wheel(name)).status == 204
    answer = index.page(name)
    assert answer.status in (200, 404)
    if answer.status == 200:
        assert (answer.json()["files"], answer.json()["versions"]) == ([], [])
    assert index.page(name, HTML).status == answer.status


def test_nothing_more_than_the_page_is_shown(index: Index, name: str) -> None:
    index.publish(wheel(name))
    page = index.project(name)
    assert set(page) <= {"meta", "name", "project-status", "versions", "files"}  # pypi R40
    assert set(page["meta"]) <= {"api-version", "_last-serial"}  # pypi R55


@pytest.mark.parametrize("count", [60])
def test_a_large_page_is_whole(empty: Index, count: int) -> None:
    empty.publish(*(wheel("large", f"1.{number}") for number in range(count)))
    assert empty.project("large")["versions"] == [f"1.{number}" for number in range(count)]
    assert len(Anchors(empty.page("large", HTML)).anchors) == count
