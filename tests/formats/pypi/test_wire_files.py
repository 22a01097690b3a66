"""Files, parts of files, and the metadata of wheels (pypi E)."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.support.distributions import Distribution, sdist, wheel
from tests.support.indexes import Index
from tests.support.server import Answer


@pytest.fixture(params=["wheel", "sdist", "zip"])
def distribution(request: pytest.FixtureRequest, index: Index, name: str) -> Distribution:
    """A file that was uploaded."""
    filename = f"{name.replace('-', '_')}-1.0.zip" if request.param == "zip" else None
    built = wheel(name) if request.param == "wheel" else sdist(name, filename=filename)
    index.publish(built)
    return built


def path(distribution: Distribution) -> str:
    return f"packages/{distribution.project}/{distribution.filename}"


def lines(answer: Answer) -> list[tuple[str, str]]:
    return [line for line in answer.headers if line[0] != "date"]


def test_a_file_is_served_as_it_is(index: Index, distribution: Distribution) -> None:
    # pypi R70, L6, L7: a tar.gz is no tar with a content coding
    for accepted in ("identity", "gzip, deflate, zstd", ""):
        answer = index.get(path(distribution), accept_encoding=accepted)
        assert (answer.status, answer.body) == (200, distribution.content)
        assert answer.header("content-encoding") == ""
        assert answer.header("content-type") == "application/octet-stream"
        assert answer.header("content-length") == str(distribution.size)
        assert answer.header("accept-ranges") == "bytes"
        assert answer.header("etag").startswith('"')
        assert answer.header("x-content-type-options") == "nosniff"
        head = index.head(path(distribution), accept_encoding=accepted)
        assert (head.status, head.body) == (200, b"")
        assert lines(head) == lines(answer)


@pytest.mark.parametrize(
    ("asked", "start", "stop"),
    [
        ("bytes=0-9", 0, 10),
        ("bytes=10-", 10, None),
        ("bytes=-100", -100, None),
        ("bytes=-999999999", 0, None),
    ],
)
def test_a_part_of_a_file(
    index: Index, distribution: Distribution, asked: str, start: int, stop: int | None
) -> None:
    # pypi R48, R49, L8: uv and pip read the end of wheels
    answer = index.get(path(distribution), range=asked, accept_encoding="gzip")
    expected = distribution.content[start:stop]
    assert (answer.status, answer.body) == (206, expected)
    first = distribution.content.index(expected) if start else 0
    last = first + len(expected) - 1
    assert answer.header("content-range") == f"bytes {first}-{last}/{distribution.size}"
    assert answer.header("content-encoding") == ""


def test_a_part_behind_the_end(index: Index, distribution: Distribution) -> None:
    answer = index.get(path(distribution), range=f"bytes={distribution.size}-")  # pypi L8
    assert (answer.status, answer.header("content-range")) == (416, f"bytes */{distribution.size}")


def test_a_download_is_resumed_if_the_file_is_the_same(index: Index, distribution: Distribution) -> None:
    # pypi R174: pip resumes by Range and If-Range
    first = index.get(path(distribution))
    for condition in (first.header("etag"), first.header("last-modified")):
        rest = index.get(path(distribution), range="bytes=100-", if_range=condition)
        assert (rest.status, rest.body) == (206, distribution.content[100:])
    for condition in ('"other"', "Thu, 01 Jan 2004 00:00:00 GMT", f"W/{first.header('etag')}"):
        whole = index.get(path(distribution), range="bytes=100-", if_range=condition)
        assert (whole.status, whole.body) == (200, distribution.content)


def test_a_client_that_has_the_file_is_told_so(index: Index, distribution: Distribution) -> None:
    etag = index.get(path(distribution)).header("etag")  # pypi R70
    again = index.get(path(distribution), if_none_match=etag)
    assert (again.status, again.body, again.header("etag")) == (304, b"", etag)


@pytest.mark.parametrize("suffix", ["", ".metadata"])
@pytest.mark.parametrize(("policy", "immutable"), [("allow_once", True), ("deny", True), ("allow", False)])
def test_a_file_is_immutable_where_it_cannot_be_replaced(
    empty: Index, name: str, policy: str, immutable: bool, suffix: str
) -> None:
    # pypi R71
    empty.publish(wheel(name))
    own = empty.configured(write_policy=policy)
    answer = own.file(wheel(name), suffix)
    assert answer.status == 200
    stated = answer.header("cache-control")
    if immutable:
        assert "immutable" in stated
        assert "max-age=31536000" in stated
        assert "private" in stated, "a password is needed for it"
    else:
        assert "no-cache" in stated
        assert "immutable" not in stated


def test_the_metadata_of_a_wheel_is_served_beside_it(index: Index, name: str) -> None:
    # pypi R46, L9
    distribution = wheel(name, description="# A \u00e4 b\n", requires=["six>=1"])
    index.publish(distribution)
    for accepted in ("identity", "gzip"):
        answer = index.get(f"{path(distribution)}.metadata", accept_encoding=accepted)
        assert (answer.status, answer.body) == (200, distribution.metadata)
        assert answer.header("content-type") == "text/plain; charset=utf-8"
        assert answer.header("content-length") == str(len(distribution.metadata))
        assert answer.header("content-encoding") == ""
        head = index.head(f"{path(distribution)}.metadata", accept_encoding=accepted)
        assert (head.status, head.body, lines(head)) == (200, b"", lines(answer))
    part = index.get(f"{path(distribution)}.metadata", range="bytes=0-7")
    assert (part.status, part.body) == (206, distribution.metadata[:8])
    etag = index.get(f"{path(distribution)}.metadata").header("etag")
    assert index.get(f"{path(distribution)}.metadata", if_none_match=etag).status == 304
    assert etag != index.get(path(distribution)).header("etag")


@pytest.mark.parametrize(
    "suffix", [".metadata", ".asc", ".provenance", ".sha256", ".metadata.asc", "/", ".METADATA"]
)
def test_what_is_not_beside_a_file_is_404(index: Index, name: str, suffix: str) -> None:
    index.publish(sdist(name))
    assert index.file(sdist(name), suffix).status == 404


def test_a_file_is_found_under_its_own_project_alone(index: Index, name: str) -> None:
    # pypi R8, R73
    index.publish(wheel(name), wheel("other-project"))
    filename = wheel(name).filename
    assert index.get(f"packages/{name}/{filename}").status == 200
    assert index.get(f"packages/other-project/{filename}").status == 404
    assert index.get(f"packages/{filename}").status == 404


def test_a_file_name_is_not_changed_on_its_way(index: Index, name: str) -> None:
    index.publish(wheel(name))
    filename = wheel(name).filename
    assert index.get(f"packages/{name}/{filename.upper()}").status == 404
    assert index.get(f"packages/{name}/{filename}%20").status in (400, 404)


def test_other_methods_say_what_is_possible(index: Index, name: str) -> None:
    index.publish(wheel(name))
    for method in ("PUT", "POST", "PATCH"):
        answer = index.request(method, path(wheel(name)), b"x")
        assert answer.status == 405, method
        assert {"GET", "HEAD"} <= {each.strip() for each in answer.header("allow").split(",")}
    assert index.file(wheel(name)).body == wheel(name).content


def test_fifty_clients_at_once_are_served(index: Index, name: str) -> None:
    # pypi R172: uv opens as many
    index.publish(*(wheel(name, f"1.{number}") for number in range(10)))

    def read(number: int) -> bool:
        distribution = wheel(name, f"1.{number % 10}")
        found = (
            index.file(distribution).body == distribution.content
            and index.file(distribution, ".metadata").body == distribution.metadata
            and index.page(name).status == 200
        )
        index.server.disconnect()
        return found

    with ThreadPoolExecutor(50) as threads:
        assert all(threads.map(read, range(100)))
