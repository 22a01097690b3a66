"""What the file name of a distribution says."""

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from packaging.utils import canonicalize_name, parse_sdist_filename, parse_wheel_filename
from packaging.version import Version

from artifactd_pypi.errors import UploadInvalid
from artifactd_pypi.filenames import Kind, parse_filename

NAMES = st.from_regex(r"\A[A-Za-z0-9]([A-Za-z0-9._-]{0,20}[A-Za-z0-9])?\Z")
NUMBERS = st.integers(0, 300).map(str)
VERSIONS = st.builds(
    "{}{}{}{}{}".format,
    st.sampled_from(["", "", "1!"]),
    st.lists(NUMBERS, min_size=1, max_size=4).map(".".join),
    st.sampled_from(["", "a1", "b2", "rc3"]),
    st.sampled_from(["", ".post1"]),
    st.sampled_from(["", ".dev4", "+cu118", "+a.1"]),
)
TAGS = st.sampled_from(
    ["py3-none-any", "py2.py3-none-any", "cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64"]
)


@given(NAMES, VERSIONS, st.sampled_from(["", "-1", "-2abc"]), TAGS)
def test_a_wheel_has_one_reading(name: str, version: str, build: str, tag: str) -> None:
    # pypi R5: older tools kept dots and upper case; two underscores never were a name's.
    written = re.sub("[-_]+", "_", name)
    text = f"{written}-{version}{build}-{tag}.whl"
    parsed = parse_filename(text)
    [reading] = parsed.readings
    assert (parsed.kind, parsed.python) == (Kind.WHEEL, tag.split("-")[0])
    assert (reading.project, reading.version) == (canonicalize_name(name), Version(version))
    expected = parse_wheel_filename(text)
    assert (reading.project, reading.version) == expected[:2]


@given(NAMES, VERSIONS, st.sampled_from([".tar.gz", ".zip"]), st.booleans())
@example("foo-1.0", "1", ".tar.gz", False)
@example("foo-2", "1.0", ".zip", False)
def test_a_source_distribution_is_read_as_its_project(
    name: str, version: str, suffix: str, is_escaped: bool
) -> None:
    written = name.replace("-", "_").replace(".", "_").lower() if is_escaped else name
    parsed = parse_filename(f"{written}-{version}{suffix}")
    reading = parsed.read_as(canonicalize_name(name))
    assert reading is not None
    assert (parsed.kind, parsed.python) == (Kind.SDIST, "source")
    assert reading.version == Version(version)  # pypi R6
    assert parsed.read_as("some-other-name-that-it-is-not") is None


@given(NAMES, VERSIONS)
def test_the_reading_of_installers_is_among_ours(name: str, version: str) -> None:
    text = f"{name}-{version}.tar.gz"
    read = {(reading.project, reading.version) for reading in parse_filename(text).readings}
    assert parse_sdist_filename(text) in read


def test_a_post_release_with_a_hyphen_is_found_by_its_project() -> None:
    parsed = parse_filename("foo-1.0-1.tar.gz")  # pypi R6, V4
    post = parsed.read_as("foo")
    assert post is not None
    assert post.version == Version("1.0.post1")
    other = parsed.read_as("foo-1-0")
    assert other is not None
    assert other.version == Version("1")


@given(
    st.one_of(st.text(max_size=30), st.text("-._/\\ aA0\0\n", max_size=20)),
    st.sampled_from([".whl", ".tar.gz", ".zip", ""]),
)
@example("foo-bar-1.0-py3-none-any", ".whl")
def test_any_other_text_is_refused_in_words(text: str, suffix: str) -> None:
    try:
        parsed = parse_filename(text + suffix)
    except UploadInvalid as refusal:
        assert str(refusal)
    else:
        assert parsed.text.isascii()  # pypi R8
        assert not set(parsed.text) & set("/\\\0 \n")
        assert not parsed.text.startswith(".")
        assert len(parsed.text.encode()) <= 255
        assert parsed.readings


@pytest.mark.parametrize(
    "text",
    [
        "foo-bar-1.0-py3-none-any.whl",  # pypi V3
        "foo-1.0.whl",
        "foo-1.0-py3-none.whl",
        "foo-1.0-x-py3-none-any.whl",
        "foo-one-py3-none-any.whl",
        "-1.0-py3-none-any.whl",
        "foo.tar.gz",
        "foo-one.tar.gz",
        "-1.0.tar.gz",
        "foo-1.0.tar.bz2",  # pypi R7
        "foo-1.0-py3.egg",
        "foo-1.0.WHL",
        ".whl",
        "f" * 250 + "-1.0.tar.gz",
    ],
)
def test_these_are_no_file_names(text: str) -> None:
    with pytest.raises(UploadInvalid):
        parse_filename(text)
