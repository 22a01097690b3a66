"""How URLs are read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from artifactd.upstream.target import Target

READ = [
    ("http://upstream.example", Target("http", "upstream.example", 80, "/")),
    ("HTTPS://Upstream.Example/A?b=c#d", Target("https", "upstream.example", 443, "/A?b=c")),
    ("https://upstream.example:8443/", Target("https", "upstream.example", 8443, "/")),
    ("https://{}upstream.example/a".format("user:pass@"), Target("https", "upstream.example", 443, "/a")),
    ("http://[::1]:8080/a", Target("http", "::1", 8080, "/a")),
    ("http://{}/".format("[0:0::1]"), Target("http", "::1", 80, "/")),
    ("http://127.0.0.1/", Target("http", "127.0.0.1", 80, "/")),
    ("http://bücher.example/ü", Target("http", "xn--bcher-kva.example", 80, "/%C3%BC")),
    # Signatures are made of the exact text.
    (
        "http://a.example/%2f%2B/../~?x=%2b+a&y=|",
        Target("http", "a.example", 80, "/%2f%2B/../~?x=%2b+a&y=|"),
    ),
    ('http://a.example/a b"<>\\', Target("http", "a.example", 80, "/a%20b%22%3C%3E%5C")),
    ("http://a_b.example/", Target("http", "a_b.example", 80, "/")),
    ("http://good.example@evil.example/", Target("http", "evil.example", 80, "/")),
]
NOT_READ = [
    *("", "a", "/a", "//upstream.example/", "ftp://upstream.example/", "file:///etc/passwd", "http:a"),
    *("http://upstream.example:0/", "http://upstream.example:99999/", "http://upstream.example:x/"),
    *("http://upstream.example/\r\nX: y", "http://upstream.example/\0", "http://upstream.exa\nmple/"),
    "http://upstream.example/" + "a" * 20000,
]
NO_HOSTS = [
    *("", "a..b", ".a", "a b", "-", "a" * 64 + ".example", "a." * 200 + "example", "%6c", "a,b", "a^b"),
    *("127.1", "2130706433", "0x7f000001", "0x7f.1", "0177.0.0.1", "127.0.0.1.5", "1.2.3.256"),
    *("[::1", "[fe80::1%25eth0]", "[a]", "[127.0.0.1]", "::1"),
    *("evil.example\\@good.example", "good.example\\.evil.example"),
]


@pytest.mark.parametrize(("url", "expected"), READ)
def test_a_url_is_read(url: str, expected: Target) -> None:
    assert Target.parse(url) == expected


@pytest.mark.parametrize("url", [*NOT_READ, *(f"http://{host}/" for host in NO_HOSTS)])
def test_what_could_be_read_in_two_ways_is_refused(url: str) -> None:
    with pytest.raises(ValueError):
        Target.parse(url)


JOINED = [
    ("/b?c", "https://a.example:8443/b?c"),
    ("b", "https://a.example:8443/x/b"),
    ("../b", "https://a.example:8443/b"),
    ("?q=1", "https://a.example:8443/x/y?q=1"),
    ("//other.example/b", "https://other.example/b"),
    ("http://other.example/b", "http://other.example/b"),
    (" /b ", "https://a.example:8443/b"),
]


@pytest.mark.parametrize(("location", "expected"), JOINED)
def test_a_location_is_relative_to_what_was_asked(location: str, expected: str) -> None:
    assert Target.parse("https://a.example:8443/x/y?z").join(location).url == expected


SHARED = [
    ("https://a.example/", "https://a.example/b", True),
    ("https://a.example/", "https://a.example:443/b", True),
    ("http://a.example/", "https://a.example/", True),
    ("https://a.example/", "http://a.example/", False),
    ("http://a.example:8080/", "https://a.example/", False),
    ("http://a.example/", "https://a.example:8443/", False),
    ("https://a.example/", "https://a.example:8443/", False),
    ("https://a.example/", "https://b.a.example/", False),
]


@pytest.mark.parametrize(("home", "other", "expected"), SHARED)
def test_secrets_stay_at_their_origin(home: str, other: str, expected: bool) -> None:
    # proxy R72
    assert Target.parse(home).shares_credentials(Target.parse(other)) is expected


@given(st.text(max_size=40) | st.from_regex(r"https?://[a-z0-9.@:\\\[\]/?#%-]*", fullmatch=True))
def test_what_is_read_is_read_again_as_the_same(url: str) -> None:
    try:
        target = Target.parse(url)
    except ValueError:
        return
    assert Target.parse(target.url) == target
    assert target.url.isascii()
