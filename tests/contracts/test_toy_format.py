"""Parts of the seam that not every format uses: what `describe` finds, companions, forms, write classes,
settings, encoded slashes. The toy format uses them all."""

import json

import pytest

from artifactd.auth.principal import Verb
from tests.support.server import Answer, RunningServer


def package(name: str, version: str, *lines: str) -> bytes:
    return "\n".join([f"name: {name}", f"version: {version}", *lines, "", "bytes"]).encode()


@pytest.fixture
def toys(server: RunningServer) -> str:
    return f"/repository/{server.repository('toy')}"


def put(server: RunningServer, toys: str, name: str, version: str, *lines: str) -> Answer:
    url = f"{toys}/packages/{name.replace('/', '%2F')}/{version}.toy"
    return server.request("PUT", url, package(name, version, *lines))


def why(answer: Answer) -> tuple[int, str]:
    return answer.status, answer.json()["toy"]


def test_facts_come_from_the_file(server: RunningServer, toys: str) -> None:
    assert put(server, toys, "team/tool", "1.0", "title: A tool").status == 201
    answer = server.request("GET", f"{toys}/packages/team%2Ftool/1.0.toy.facts")
    assert answer.json() == {"name": "team/tool", "version": "1.0", "title": "A tool"}
    assert answer.header("content-type") == "application/json"
    head = server.request("HEAD", f"{toys}/packages/team%2Ftool/1.0.toy.facts")
    assert (head.status, head.header("etag")) == (200, answer.header("etag"))


def test_a_file_that_is_not_what_its_path_says_leaves_nothing(server: RunningServer, toys: str) -> None:
    before = set(server.stored())
    answer = server.request("PUT", f"{toys}/packages/tool/1.0.toy", package("tool", "2.0"))
    assert why(answer) == (400, "InvalidInput")
    assert set(server.stored()) == before


def test_what_a_package_requires_must_be_there_and_stays(server: RunningServer, toys: str) -> None:
    before = set(server.stored())
    assert why(put(server, toys, "tool", "1", "requires: lib 1")) == (400, "ReferencesMissing")
    assert set(server.stored()) == before
    assert put(server, toys, "lib", "1").status == 201
    assert put(server, toys, "tool", "1", "requires: lib 1").status == 201
    needed = server.request("DELETE", f"{toys}/packages/lib/1.toy")
    assert why(needed) == (409, "AssetReferenced")
    assert server.request("DELETE", f"{toys}/packages/tool/1.toy").status == 204
    assert server.request("DELETE", f"{toys}/packages/lib/1.toy").status == 204


def test_a_snapshot_moves_where_a_release_does_not(server: RunningServer) -> None:
    toys = f"/repository/{server.repository('toy', write_policy='allow_once')}"
    for version, status in (("1.0", 422), ("1.0-snapshot", 201)):
        assert put(server, toys, "tool", version, "title: one").status == 201
        assert put(server, toys, "tool", version, "title: two").status == status


@pytest.mark.parametrize("size", [64, 300_000])
def test_a_formats_own_setting_limits_what_it_takes(server: RunningServer, size: int) -> None:
    toys = f"/repository/{server.repository('toy', max_size=size)}"
    before = set(server.stored())
    filler = "filler: " + "x" * size
    assert why(put(server, toys, "tool", "1", filler)) == (413, "TooLarge")
    chunks = (package("tool", "1", filler)[at : at + 65536] for at in range(0, size + 100, 65536))
    try:
        refused = server.request("PUT", f"{toys}/packages/tool/1.toy", chunks)
        assert why(refused) == (413, "TooLarge")
    except OSError:
        server.disconnect()  # refused in the middle of the body
    assert set(server.stored()) == before
    assert put(server, toys, "tool", "1").status == 201


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"name": "tool", "version": "1"}, 201),
        ({"name": "tool", "version": "2"}, 400),
        ({"name": "../tool", "version": "1"}, 400),
        ({"version": "1"}, 400),
    ],
)
def test_a_form_says_what_its_file_is(
    server: RunningServer, toys: str, fields: dict[str, str], status: int
) -> None:
    before = set(server.stored())
    parts = [f'--b\r\nContent-Disposition: form-data; name="{k}"\r\n\r\n{v}\r\n' for k, v in fields.items()]
    file = '--b\r\nContent-Disposition: form-data; name="content"; filename="f"\r\n\r\n'
    title = f"title: from a form with {fields}"  # no other test has stored these bytes
    body = file.encode() + package("tool", "1", title) + b"\r\n" + "".join(parts).encode() + b"--b--\r\n"
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    assert server.request("POST", f"{toys}/", body, headers=headers).status == status
    assert (set(server.stored()) == before) == (status == 400)
    assert server.request("POST", f"{toys}/", body[:-6], headers=headers).status == 400
    assert server.request("POST", f"{toys}/", body).status == 400


def test_an_encoded_slash_is_part_of_a_name_and_judged_as_such(server: RunningServer, toys: str) -> None:
    """Rights are asked for the path that is meant, however it is written."""
    assert put(server, toys, "team/tool", "1").status == 201
    name = toys.rpartition("/")[2]
    others = server.user((name, "team-b/**", (Verb.READ,)), (name, "team%2Ftool/**", (Verb.READ,)))
    members = server.user((name, "team/**", (Verb.READ,)))
    for spelling in ("team%2Ftool", "team%2ftool", "%74eam%2ftool"):
        url = f"{toys}/packages/{spelling}/1.toy"
        assert server.request("GET", url, login=members).status == 200
        assert server.request("GET", url, login=others).status == 403
        assert server.request("GET", url, login=None).status == 401
    assert server.request("GET", f"{toys}/packages/team/tool/1.toy").status == 404
    for spelling in ("team%252Ftool", "..%2Ftool", "team%2F..%2Ftool", "%2Ftool", "team%2F", "team%1Ftool"):
        answer = server.request("GET", f"{toys}/packages/{spelling}/1.toy")
        assert answer.status == 400, spelling
    encoded = toys.replace("/repository/", "/repository%2F")
    assert server.request("GET", f"{encoded}/packages/team%2Ftool/1.toy").status == 400


def test_a_path_that_nothing_serves_is_404_in_the_formats_words(server: RunningServer, toys: str) -> None:
    assert why(server.request("GET", f"{toys}/nothing/here")) == (404, "RouteNotFound")
    answer = server.request("PATCH", f"{toys}/packages/tool/1.toy", b"")
    assert why(answer) == (405, "MethodNotAllowed")
    assert answer.header("allow") == "DELETE, GET, HEAD, PUT"


def test_a_405_says_what_is_possible(server: RunningServer, toys: str) -> None:
    answer = server.request("PUT", f"{toys}/catalog.json", json.dumps({}).encode())
    assert why(answer) == (405, "Generated")
    assert answer.header("allow") == "GET, HEAD"
