"""RFC 9110, section 11.6.1; proxy R73."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from artifactd.upstream.challenges import Challenge, parse

TABLE = [
    ("", []),
    ("Basic", [Challenge("basic")]),
    ('Basic realm="a"', [Challenge("basic", {"realm": "a"})]),
    ('BASIC REALM="A"', [Challenge("basic", {"realm": "A"})]),
    (
        'Bearer realm="https://auth.example/token",service="hub",scope="repository:a/b:pull,push"',
        [
            Challenge(
                "bearer",
                {
                    "realm": "https://auth.example/token",
                    "service": "hub",
                    "scope": "repository:a/b:pull,push",
                },
            )
        ],
    ),
    # Two in one line, commas in quotes, and what looks like a challenge within them.
    (
        'Basic realm="x, Bearer realm=y", Bearer realm="z"',
        [Challenge("basic", {"realm": "x, Bearer realm=y"}), Challenge("bearer", {"realm": "z"})],
    ),
    (
        'Newauth realm="apps", type=1, title="Login to \\"apps\\"", Basic realm="simple"',
        [
            Challenge("newauth", {"realm": "apps", "type": "1", "title": 'Login to "apps"'}),
            Challenge("basic", {"realm": "simple"}),
        ],
    ),
    ("Negotiate, Basic", [Challenge("negotiate"), Challenge("basic")]),
    (
        'Negotiate YIIC/+==, Basic realm="a"',
        [Challenge("negotiate"), Challenge("basic", {"realm": "a"})],
    ),
    ('Bearer  realm = "a" ,, service= b', [Challenge("bearer", {"realm": "a", "service": "b"})]),
    (
        "Bearer realm=http://a.example/t,service=x",
        [Challenge("bearer", {"realm": "http://a.example/t", "service": "x"})],
    ),
    ('Bearer realm="a", realm="b"', [Challenge("bearer", {"realm": "a"})]),
    ('Bearer realm=""', [Challenge("bearer", {"realm": ""})]),
    # What cannot be read is passed over.
    ('realm="a"', []),
    ('Bearer realm="a', [Challenge("bearer", {"realm": "a"})]),
    ('Bearer realm="a\\', [Challenge("bearer", {"realm": "a"})]),
    ('\x00\x01, Basic realm="a"', [Challenge("basic", {"realm": "a"})]),
    (", ,", []),
]


@pytest.mark.parametrize(("header", "expected"), TABLE)
def test_a_header_says(header: str, expected: list[Challenge]) -> None:
    assert parse(header) == expected


@given(st.text(max_size=60) | st.text(alphabet='Bb, ="\\a1/', max_size=60))
def test_any_text_is_read_without_an_error(header: str) -> None:
    for challenge in parse(header):
        assert challenge.scheme == challenge.scheme.lower()


VALUES = st.text(alphabet=st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=20)


@given(st.dictionaries(st.sampled_from(["realm", "service", "scope", "error"]), VALUES, min_size=1))
def test_whatever_is_quoted_comes_out_as_it_was(parameters: dict[str, str]) -> None:
    quoted = [
        '{}="{}"'.format(name, value.replace("\\", "\\\\").replace('"', '\\"'))
        for name, value in parameters.items()
    ]
    header = f"Basic realm=x, Bearer {', '.join(quoted)}, Digest a=b"
    assert parse(header) == [
        Challenge("basic", {"realm": "x"}),
        Challenge("bearer", parameters),
        Challenge("digest", {"a": "b"}),
    ]
