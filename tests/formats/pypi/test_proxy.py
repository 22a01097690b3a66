"""Another index's pages and files, through a proxy, on the wire (pypi H)."""

import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.support.distributions import sdist, wheel
from tests.support.fake_index import SIMPLE, FakeIndex
from tests.support.fake_upstream import FakeUpstream
from tests.support.indexes import HTML, JSON, Index, refused
from tests.support.proxies import proxy
from tests.support.server import RunningServer, running
from tests.support.upload_forms import SIGNATURE
from tests.support.upstream_faults import login_page, status

WHEEL, SDIST = wheel("demo", "1.0"), sdist("demo", "1.0")
FILE = "packages/demo/"


def test_a_page_is_the_upstreams_with_addresses_of_ours(proxied: Index, upstream: FakeIndex) -> None:
    # pypi R130, R132, R41, R50
    upstream.publish(WHEEL, requires_python=">=3.8,<4", yanked="broken", **{"x-more": [1]})
    upstream.publish(SDIST, uploaded=None)
    page = proxied.project("demo")
    assert page["meta"]["api-version"] == "1.4"
    assert page["versions"] == ["1.0"]
    files = {file["filename"]: file for file in page["files"]}
    shown = files[WHEEL.filename]
    assert shown["url"] == f"../../packages/demo/{WHEEL.filename}"
    assert shown["hashes"] == {"sha256": WHEEL.sha256}
    assert shown["size"] == WHEEL.size
    assert shown["upload-time"] == "2024-05-06T07:08:09.123456Z"
    assert shown["requires-python"] == ">=3.8,<4"
    assert shown["yanked"] == "broken"
    assert shown["core-metadata"] == {"sha256": WHEEL.metadata_sha256}
    assert shown["x-more"] == [1]
    assert "upload-time" not in files[SDIST.filename]
    assert upstream.url.encode() not in proxied.page("demo").body


def test_both_forms_are_made_of_one_page(proxied: Index, upstream: FakeIndex) -> None:
    # TRAPS section 4, items 5, 9 and 10
    upstream.publish(WHEEL, yanked="<script>")
    pages = {accept: proxied.page("demo", accept) for accept in (JSON, HTML, "text/html")}
    for accept, answer in pages.items():
        assert answer.status == 200
        assert answer.header("content-type").startswith(accept)
        assert "Accept" in answer.header("vary")
        assert "public" not in answer.header("cache-control")
        assert accept == JSON or b"<script" not in answer.body
    assert len({answer.header("etag") for answer in pages.values()}) == 3
    assert f'{WHEEL.filename}#sha256={WHEEL.sha256}"' in pages[HTML].text
    assert "default-src 'none'" in pages[HTML].header("content-security-policy")


@pytest.mark.parametrize("html_only", [False, True])
def test_files_and_metadata_come_through(proxied: Index, upstream: FakeIndex, html_only: bool) -> None:
    # pypi R47, R70; TRAPS section 4, item 19
    upstream.html_only = html_only
    upstream.publish(WHEEL, SDIST)
    assert proxied.file(WHEEL, ".metadata").body == WHEEL.metadata
    assert not upstream.asked("GET", f"*/{WHEEL.filename}"), "the metadata is there without the wheel"
    for distribution in (SDIST, WHEEL):
        answer = proxied.file(distribution)
        assert (answer.status, answer.body) == (200, distribution.content)
        assert answer.header("content-type") == "application/octet-stream"
        assert answer.header("content-encoding") == ""
    assert proxied.file(WHEEL, ".metadata").body == WHEEL.metadata
    assert proxied.file(SDIST, ".metadata").status == 404
    assert proxied.file(WHEEL, ".metadata").header("content-type") == "text/plain; charset=utf-8"  # pypi L9


def test_a_page_without_sizes_keeps_to_the_first_version(proxied: Index, upstream: FakeIndex) -> None:
    # pypi R41
    upstream.html_only = True
    upstream.publish(WHEEL)
    page = proxied.project("demo")
    assert page["meta"]["api-version"] == "1.0"
    [file] = page["files"]
    assert "size" not in file
    assert "upload-time" not in file
    assert file["core-metadata"] == {"sha256": WHEEL.metadata_sha256}


def test_a_page_is_asked_for_as_pip_does(proxied: Index, upstream: FakeIndex) -> None:
    upstream.publish(WHEEL)
    proxied.page("demo", "text/html")
    [asked] = upstream.asked("GET", f"{SIMPLE}*")
    assert asked.path == f"{SIMPLE}demo/"  # pypi R131
    assert asked.header("accept").startswith(JSON)  # pypi R130
    assert asked.header("accept-encoding") in ("", "identity")


def test_a_page_is_revalidated(proxied: Index, upstream: FakeIndex) -> None:
    # pypi R134
    upstream.publish(WHEEL)
    first = proxied.page("demo")
    upstream.forget()
    again = proxied.page("demo")
    [asked] = upstream.asked("GET", f"{SIMPLE}*")
    assert asked.header("if-none-match")
    assert asked.sent == 0
    assert (again.body, again.header("etag")) == (first.body, first.header("etag"))
    serial = proxied.serial("demo")
    upstream.publish(wheel("demo", "1.1"))
    assert proxied.project("demo")["versions"] == ["1.0", "1.1"]
    assert proxied.serial("demo") > serial  # pypi R57


def test_a_page_is_fresh_for_ten_minutes(server: RunningServer, upstream: FakeIndex) -> None:
    # pypi R134
    proxied = Index(server, proxy(server, "pypi", upstream.simple))
    upstream.publish(WHEEL)
    proxied.page("demo")
    upstream.yank(WHEEL, "bad")
    upstream.forget()
    for accept in (JSON, HTML):
        assert "bad" not in proxied.page("demo", accept).text
    assert upstream.count() == 0


def test_what_was_fetched_outlives_its_upstream(proxied: Index, upstream: FakeIndex) -> None:
    # pypi R134
    upstream.publish(WHEEL)
    before = proxied.page("demo")
    proxied.file(WHEEL)
    upstream.stop()
    stale = proxied.page("demo")
    assert (stale.status, stale.body) == (200, before.body)
    assert stale.header("age")
    assert proxied.file(WHEEL).body == WHEEL.content
    assert proxied.file(WHEEL, ".metadata").body == WHEEL.metadata
    assert proxied.page("other").status == 503
    assert proxied.file(SDIST).status in (404, 503)


def test_a_yank_is_seen_and_taken_back(proxied: Index, upstream: FakeIndex) -> None:
    # pypi R136
    upstream.publish(WHEEL)
    assert proxied.files("demo")[WHEEL.filename]["yanked"] is False
    upstream.yank(WHEEL, "bad")
    assert proxied.files("demo")[WHEEL.filename]["yanked"] == "bad"
    upstream.yank(WHEEL, None)
    assert proxied.files("demo")[WHEEL.filename]["yanked"] is False


def test_a_file_that_vanished_is_not_listed_and_still_served(proxied: Index, upstream: FakeIndex) -> None:
    # pypi R136
    upstream.publish(WHEEL, SDIST)
    proxied.file(WHEEL)
    upstream.withdraw(WHEEL)
    assert list(proxied.files("demo")) == [SDIST.filename]
    assert proxied.file(WHEEL).body == WHEEL.content


def test_quarantine_upstream_hides_and_blocks(proxied: Index, upstream: FakeIndex) -> None:
    # pypi R136, R53
    upstream.publish(WHEEL)
    upstream.status["demo"] = "quarantined"
    page = proxied.project("demo")
    assert page["project-status"] == {"status": "quarantined"}
    assert page["files"] == page["versions"] == []
    for suffix in ("", ".metadata"):
        assert proxied.file(WHEEL, suffix).status == 404
    assert not upstream.asked("GET", "/files/*")


def test_files_may_be_on_another_host(server: RunningServer, upstream: FakeIndex) -> None:
    # pypi R133
    with FakeUpstream() as files:
        upstream.files = files
        upstream.publish(WHEEL)
        proxied = Index(server, proxy(server, "pypi", upstream.simple))
        assert proxied.file(WHEEL).body == WHEEL.content
        assert [asked.path for asked in files.asked()] == [f"/files/demo/{WHEEL.filename}"]


def test_a_file_is_found_without_its_page(proxied: Index, upstream: FakeIndex) -> None:
    # pypi R135: lock files have addresses, and never ask for a page
    upstream.publish(WHEEL)
    assert proxied.file(WHEEL).body == WHEEL.content
    assert [asked.path for asked in upstream.asked()] == [f"{SIMPLE}demo/", f"/files/demo/{WHEEL.filename}"]
    upstream.forget()
    assert proxied.file(WHEEL).body == WHEEL.content
    assert upstream.count() == 0


def test_a_file_is_found_after_a_restart(tmp_path: Path, upstream: FakeIndex) -> None:
    # pypi R135
    upstream.publish(WHEEL)
    with running(tmp_path) as server:
        name = proxy(server, "pypi", upstream.simple)
        assert Index(server, name).page("demo").status == 200
    upstream.forget()
    with running(tmp_path) as server:
        assert Index(server, name).file(WHEEL).body == WHEEL.content
    assert [asked.path for asked in upstream.asked()] == [f"/files/demo/{WHEEL.filename}"]


@pytest.mark.parametrize(
    "path",
    [
        "http:%2F%2F127.0.0.1:{port}%2Fsecret.zip",
        "..%2F..%2Fsecret.zip",
        "secret.zip?url=http://127.0.0.1:{port}/secret.zip",
        "secret.zip%23http:",
        "secret.zip",
        ".page",
        ".status",
    ],
)
def test_no_request_leads_anywhere_else(proxied: Index, upstream: FakeIndex, path: str) -> None:
    # pypi R132
    upstream.publish(WHEEL)
    upstream.put("/secret.zip", b"secret")
    written = path.replace("{port}", upstream.host.rpartition(":")[2])
    assert proxied.get(f"{FILE}{written}").status in (400, 404)
    assert not upstream.asked("", "*secret*")


@pytest.mark.parametrize("cached", [False, True])
def test_a_file_that_is_not_the_one_listed_is_never_kept(
    proxied: Index, upstream: FakeIndex, cached: bool
) -> None:
    # pypi R137
    upstream.publish(WHEEL)
    upstream.lie(WHEEL, sha256="0" * 64)
    before = set(proxied.server.stored())
    if cached:
        proxied.page("demo")
    try:
        answer = proxied.file(WHEEL)
        assert answer.status in (502, 503)
    except OSError:  # the end of the body never came
        proxied.server.disconnect()
    proxied.server.disconnect()
    upstream.lie(WHEEL, sha256=WHEEL.sha256)
    assert proxied.file(WHEEL).body == WHEEL.content
    bad = [each for each in set(proxied.server.stored()) - before if each.endswith("0" * 64)]
    assert not bad


def test_files_with_older_hashes_or_none_come_through(proxied: Index, upstream: FakeIndex) -> None:
    # pypi R142
    upstream.publish(WHEEL, hashes=("md5",))
    upstream.publish(SDIST, hashes=())
    files = proxied.files("demo")
    assert files[WHEEL.filename]["hashes"] == {"md5": WHEEL.md5}
    assert files[SDIST.filename]["hashes"] == {}
    for distribution in (WHEEL, SDIST):
        assert proxied.file(distribution).body == distribution.content


def test_a_head_of_a_file_downloads_nothing(proxied: Index, upstream: FakeIndex) -> None:
    # pypi R48, R49, R138, L7
    upstream.publish(WHEEL)
    answer = proxied.head(f"{FILE}{WHEEL.filename}")
    assert (answer.status, answer.body) == (200, b"")
    assert answer.header("content-length") == str(WHEEL.size)
    assert answer.header("accept-ranges") == "bytes"
    assert not upstream.asked("GET", "/files/*")


def test_a_range_of_a_file_that_is_not_here_is_that_range(proxied: Index, upstream: FakeIndex) -> None:
    # pypi R48, R138, L8
    upstream.publish(WHEEL)
    answer = proxied.get(f"{FILE}{WHEEL.filename}", range="bytes=-10")
    assert (answer.status, answer.body) == (206, WHEEL.content[-10:])
    assert answer.header("content-range") == f"bytes {WHEEL.size - 10}-{WHEEL.size - 1}/{WHEEL.size}"
    assert proxied.file(WHEEL).body == WHEEL.content


def test_a_project_that_is_not_there_is_remembered(proxied: Index, upstream: FakeIndex) -> None:
    # pypi R56, R139, L5
    for _ in range(3):
        answer = proxied.page("none")
        assert answer.status == 404
        refused(answer, "none", status=404)
        assert answer.header("cache-control") == "no-store"
    assert upstream.count() == 1
    assert proxied.file(wheel("none")).status == 404
    assert upstream.count() == 1


@pytest.mark.parametrize("fault", [status(500), status(503), status(429, retry_after="1")])
def test_an_upstream_in_trouble_is_not_an_absence(
    proxied: Index, upstream: FakeIndex, fault: object
) -> None:
    # pypi R139, R173
    upstream.publish(WHEEL)
    upstream.fault(fault, f"{SIMPLE}*")  # type: ignore[arg-type]
    answer = proxied.page("demo")
    assert answer.status == 503
    assert answer.header("retry-after")


def test_a_login_page_is_no_empty_project(proxied: Index, upstream: FakeIndex) -> None:
    # pypi R140
    upstream.publish(WHEEL)
    with upstream.fault(login_page(), f"{SIMPLE}*"):
        refused(proxied.page("demo"), "log in", status=502)
    assert proxied.page("demo").status == 200
    with upstream.fault(login_page(), f"{SIMPLE}*"):
        assert proxied.project("demo")["versions"] == ["1.0"], "what was good a moment ago is better"


def test_an_unnormalised_name_upstream_is_never_asked_for(proxied: Index, upstream: FakeIndex) -> None:
    upstream.publish(wheel("Foo.Bar"))
    answer = proxied.get("simple/Foo.Bar/")
    assert (answer.status, answer.header("location")) == (301, "../foo-bar/")  # pypi R21, L3
    assert proxied.page("foo-bar").status == 200
    assert [asked.path for asked in upstream.asked()] == [f"{SIMPLE}foo-bar/"]


@pytest.mark.parametrize("suffix", ["", "simple/"])
def test_the_upstream_may_be_given_with_its_simple_path(
    server: RunningServer, upstream: FakeIndex, suffix: str
) -> None:
    # pypi R131
    upstream.publish(WHEEL)
    proxied = Index(server, proxy(server, "pypi", f"{upstream.url}/{suffix}"))
    assert proxied.project("demo")["versions"] == ["1.0"]


def test_a_folder_of_a_web_server_is_an_index(server: RunningServer) -> None:
    with FakeUpstream() as web:
        web.put(
            "/wheels/demo/",
            f'<html><head><title>Index of /wheels/demo/</title></head><a href="../">../</a>'
            f'<a href="{WHEEL.filename}">{WHEEL.filename}</a></html>'.encode(),
            "text/html",
        )
        web.put(f"/wheels/demo/{WHEEL.filename}", WHEEL.content)
        proxied = Index(server, proxy(server, "pypi", f"{web.url}/wheels/", settings={"simple_path": ""}))
        assert proxied.project("demo")["versions"] == ["1.0"]
        assert proxied.file(WHEEL).body == WHEEL.content


def test_signatures_and_provenances_come_through(proxied: Index, upstream: FakeIndex) -> None:
    # pypi R52, R72
    path = upstream.path(WHEEL)
    upstream.publish(WHEEL, **{"gpg-sig": True, "provenance": f"{upstream.url}/integrity/p?x=1"})
    upstream.put(f"{path}.asc", SIGNATURE)
    upstream.put("/integrity/p", b'{"version": 1}', "application/json")
    shown = proxied.files("demo")[WHEEL.filename]
    assert shown["gpg-sig"] is True
    assert shown["provenance"] == (
        f"{proxied.server.url}{proxied.base}/packages/demo/{WHEEL.filename}.provenance"
    )
    assert proxied.file(WHEEL, ".asc").body == SIGNATURE
    answer = proxied.file(WHEEL, ".provenance")
    assert answer.body == b'{"version": 1}'
    assert answer.header("content-type") == "application/vnd.pypi.integrity.v1+json"
    assert "immutable" not in answer.header("cache-control")
    assert proxied.file(SDIST, ".asc").status == 404


@pytest.mark.parametrize("name", ["demo-1.0-py2.7.egg", "demo-1.0.win32-py2.7.exe", "demo-1.0.tar.bz2"])
def test_old_files_come_through_unchanged(server: RunningServer, name: str) -> None:
    # pypi R7
    content = b"no archive that we would open"
    said = {"filename": name, "url": f"/{name}", "hashes": {"sha256": hashlib.sha256(content).hexdigest()}}
    with FakeUpstream() as web:
        web.put("/simple/demo/", json.dumps({"files": [said]}).encode(), "application/json")
        web.put(f"/{name}", content)
        proxied = Index(server, proxy(server, "pypi", f"{web.url}/"))
        assert proxied.project("demo")["versions"] == ["1.0"]
        assert proxied.get(f"{FILE}{name}").body == content


def test_a_wheel_that_we_would_not_take_is_passed_on(proxied: Index, upstream: FakeIndex) -> None:
    broken = wheel("demo", "1.0", metadata=b"Metadata-Version: 9\nName: other\n\n")
    upstream.publish(broken)
    assert proxied.file(broken).body == broken.content
    assert proxied.file(broken, ".metadata").body == broken.metadata  # pypi R47


def test_a_proxy_takes_no_uploads(proxied: Index, upstream: FakeIndex) -> None:
    # pypi L15
    upstream.publish(WHEEL)
    for to in ("/", "", "/legacy/", "/simple/"):
        answer = proxied.upload(WHEEL, to=to)
        refused(answer, "takes no writes", "hosted", status=405)
        assert answer.header("allow") == "GET, HEAD"
    assert proxied.yank("demo", "1.0").status == 405
    assert proxied.mark("demo", "archived").status == 405
    assert proxied.file(WHEEL).body == WHEEL.content
    assert proxied.delete(WHEEL).status == 405


def test_the_list_is_of_what_is_here(proxied: Index, upstream: FakeIndex) -> None:
    # pypi R58
    upstream.publish(WHEEL, wheel("other"))
    assert proxied.projects() == []
    proxied.page("demo")
    proxied.file(wheel("other"))
    assert "other" in proxied.projects()
    assert not upstream.asked("GET", SIMPLE)


def test_the_json_api_speaks_of_what_the_upstream_has(proxied: Index, upstream: FakeIndex) -> None:
    # pypi R120
    described = wheel("demo", "2.0", summary="a summary")
    upstream.publish(WHEEL, SDIST, described)
    shown = proxied.get("pypi/demo/json").json()
    assert shown["info"]["version"] == "2.0"
    assert shown["info"]["summary"] == "a summary"
    assert set(shown["releases"]) == {"1.0", "2.0"}
    [file] = shown["urls"]
    assert file["digests"] == {"sha256": described.sha256}
    assert file["size"] == described.size
    assert file["upload_time"] == "2024-05-06T07:08:09"
    assert file["url"] == f"{proxied.server.url}{proxied.base}/packages/demo/{described.filename}"
    upstream.html_only = True
    upstream.publish(wheel("plain"), hashes=(), has_metadata=False)
    [file] = proxied.get("pypi/plain/json").json()["urls"]
    assert (file["size"], file["upload_time"], file["digests"]) == (None, None, {})
    assert proxied.get("pypi/none/json").status == 404


def test_two_hops_lose_nothing(server: RunningServer, proxied: Index, upstream: FakeIndex) -> None:
    # pypi T11
    upstream.publish(WHEEL, yanked="why", **{"provenance": f"{upstream.url}/p", "gpg-sig": False})
    upstream.publish(SDIST, uploaded=datetime(2020, 1, 2, tzinfo=UTC))
    upstream.put("/p", b'{"version": 1}', "application/json")
    login = {"username": "admin", "password": proxied.login.password if proxied.login else ""}
    second = Index(server, proxy(server, "pypi", f"{server.url}{proxied.base}/", **login))
    first_files, second_files = proxied.files("demo"), second.files("demo")
    for name, file in first_files.items():
        assert {**second_files[name], "provenance": ""} == {**file, "provenance": ""}
        assert bool(second_files[name].get("provenance")) == bool(file.get("provenance"))
    assert second.project("demo")["versions"] == proxied.project("demo")["versions"]
    assert second.file(WHEEL).body == WHEEL.content
    assert second.file(WHEEL, ".metadata").body == WHEEL.metadata
    assert second.file(WHEEL, ".provenance").body == b'{"version": 1}'
