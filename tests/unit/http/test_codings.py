"""Which content coding a client gets (RFC 9110, section 12.5.3)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from artifactd.http.codings import choose_coding

OFFERED = ("zstd", "gzip")


@pytest.mark.parametrize(
    ("header", "coding"),
    [
        (None, None),
        ("", None),
        ("identity", None),
        ("br", None),
        ("gzip", "gzip"),
        ("x-gzip", "gzip"),
        ("GZIP", "gzip"),
        ("gzip, deflate", "gzip"),
        ("gzip, deflate, zstd", "zstd"),  # uv
        ("zstd;q=0.5, gzip", "gzip"),
        ("zstd;q=0, gzip;q=0", None),
        ("gzip;q=0.5, identity", None),
        ("gzip, identity;q=0.5", "gzip"),
        ("*", "zstd"),
        ("*;q=0", None),
        ("zstd;q=0, *", "gzip"),
        ("gzip ; q=0.8 ,identity;q=0", "gzip"),
        ("gzip;q=none", None),
        ("gzip;q=1.2.3", None),
        ("gzip;level=3", None),
    ],
)
def test_the_client_gets_what_it_likes_best(header: str | None, coding: str | None) -> None:
    assert choose_coding(header, OFFERED) == coding


@given(st.text(max_size=60))
def test_nothing_that_can_be_sent_does_harm(header: str) -> None:
    assert choose_coding(header, OFFERED) in (None, *OFFERED)
    assert choose_coding(header, ()) is None
