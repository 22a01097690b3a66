"""Request paths are decoded once, and what could be read in two ways is refused."""

import pytest

from artifactd.errors import InvalidPath
from artifactd.formats.format import ENCODED_SLASH, Route
from artifactd.http.paths import decode, host_name
from artifactd.repositories.content import Rendered

BAD = [
    b"/a/../b", b"/a/%2e%2e/b", b"/a/.%2E", b"/./a", b"/a//b", b"/a%00b", b"/a%0d%0ab", b"/a\x1fb",
    b"/a%1Fb", b"/a%7f", b"/a%zz", b"/a%", b"/a%f", b"/%ff", b"/\xff",
]  # fmt: skip


@pytest.mark.parametrize("slashes", [False, True])
@pytest.mark.parametrize("raw", BAD)
def test_what_could_be_read_in_two_ways_is_refused(raw: bytes, slashes: bool) -> None:
    with pytest.raises(InvalidPath):
        decode(raw, slashes=slashes)


@pytest.mark.parametrize(
    ("raw", "path"),
    [
        (b"/a/b/", "/a/b/"),
        (b"/a%20b+c", "/a b+c"),
        (b"/caf%C3%A9/%25", "/café/%"),
        (b"/...", "/..."),
        (b"/a%252Fb", "/a%2Fb"),
    ],
)
def test_a_path_is_decoded_once(raw: bytes, path: str) -> None:
    assert decode(raw) == decode(raw, slashes=True) == path


def test_an_encoded_slash_is_refused_where_it_is_not_expected() -> None:
    for raw in (b"/a%2Fb", b"/a%2fb"):
        with pytest.raises(InvalidPath):
            decode(raw)


def test_an_encoded_slash_is_told_from_a_slash() -> None:
    assert decode(b"/@scope%2Fname/x%2fy", slashes=True) == f"/@scope{ENCODED_SLASH}name/x{ENCODED_SLASH}y"


@pytest.mark.parametrize(
    "raw",
    [
        b"/a/..%2Fb",
        b"/a%2F..%2fb",
        b"/a%2F%2E%2E/b",
        b"/a%2F/b",
        b"/a%2F%2Fb",
        b"/%2Fa",
        b"/a%2F.",
        b"/a%2F%00",
    ],
)
def test_an_encoded_slash_lets_nothing_in_that_a_slash_would_not(raw: bytes) -> None:
    with pytest.raises(InvalidPath):
        decode(raw, slashes=True)


@pytest.mark.parametrize(
    ("pattern", "path", "found"),
    [
        ("{name:raw}/x", f"a{ENCODED_SLASH}b/x", {"name": f"a{ENCODED_SLASH}b"}),
        ("{name:raw}/x", "a/b/x", None),
        ("{name}/x", f"a{ENCODED_SLASH}b/x", None),
        ("{path:path}/x", f"a{ENCODED_SLASH}b/x", None),
        ("{path:path}/x", "a/b/x", {"path": "a/b"}),
        ("{name}.toy", "a.toy.toy", {"name": "a.toy"}),
    ],
)
def test_only_a_raw_parameter_holds_an_encoded_slash(
    pattern: str, path: str, found: dict[str, str] | None
) -> None:
    match = Route("GET", pattern, None, lambda exchange: Rendered(200)).regex().fullmatch(path)
    assert (match and match.groupdict()) == found


def test_a_host_name_is_lower_case_without_its_port() -> None:
    named = [host_name(each) for each in ("Registry.Example:5000", "localhost", "[::1]:80")]
    assert named == ["registry.example", "localhost", "[::1]"]
