"""What a file is served as."""

import pytest

from artifactd_raw.files import media_type


@pytest.mark.parametrize(
    ("path", "stated", "found"),
    [
        ("a.txt", "", "text/plain"),
        ("a.txt", "application/x-www-form-urlencoded", "text/plain"),
        ("a.txt", "text/html; charset=latin-1", "text/html; charset=latin-1"),
        ("a.tar.gz", "", "application/gzip"),
        ("a", "", "application/octet-stream"),
        ("a.txt", "x/" + "y" * 300, "text/plain"),
    ],
)
def test_the_client_says_what_a_file_is_or_its_name_does(path: str, stated: str, found: str) -> None:
    assert media_type(path, stated) == found
