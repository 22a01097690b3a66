"""What a proxy of files asks its upstream for."""

from datetime import timedelta
from typing import Any

import pytest

from artifactd.plugin import Index, Settings
from artifactd_raw import format


class Upstream:
    """Implements `Look` for an upstream that nobody asks."""

    url = "https://upstream.example/files/"

    def document(self, index: Index[Any], key: str) -> Any:
        raise AssertionError("a file's path says where it is")


@pytest.mark.parametrize(
    ("path", "asked"),
    [
        ("a.txt", "a.txt"),
        ("folder/a b.txt", "folder/a%20b.txt"),
        ("a?b#c%d.txt", "a%3Fb%23c%25d.txt"),
        ("ä+b.txt", "%C3%A4%2Bb.txt"),
        ("https:/elsewhere.example/x", "https:/elsewhere.example/x"),
        ("a;b,c=d@e!.txt", "a;b,c=d@e!.txt"),
    ],
)
def test_a_file_is_asked_for_at_its_own_path(path: str, asked: str) -> None:
    (found,) = format.fetch(path, Settings(), Upstream())
    assert found.url == f"https://upstream.example/files/{asked}"
    assert not found.whole
    assert found.freshness.fresh_for == timedelta(minutes=10)
    assert found.freshness.stale_for is None


@pytest.mark.parametrize("path", ["", "folder/", "a//b", "a/../b", "./a", ".."])
def test_folders_are_not_asked_for(path: str) -> None:
    assert not format.fetch(path, Settings(), Upstream())


def test_any_file_may_change() -> None:
    assert not format.immutable("a.txt", Settings())
    assert not format.addressed("a.txt")
