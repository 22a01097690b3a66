"""Names of images and tags, and the asset paths made of them."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from artifactd.plugin import InvalidDigest, parse_digest
from artifactd_docker.errors import NameInvalid, TagInvalid
from artifactd_docker.names import (
    blob_path,
    image_name,
    kind_of,
    last_of,
    manifest_path,
    owner,
    parse_reference,
    parse_tag,
    referrers_tag,
    tag_path,
)

GRAMMAR = re.compile(
    r"[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*"
)  # docker R1, word for word

COMPONENTS = st.from_regex(r"[a-z0-9]+((\.|_|__|-{1,3})[a-z0-9]+){0,3}", fullmatch=True).filter(
    lambda text: len(text) < 40
)
IMAGES = st.lists(
    st.one_of(COMPONENTS, st.sampled_from(["manifests", "blobs", "tags", "uploads", "list"])),
    min_size=1,
    max_size=5,
).map("/".join)
TAGS = st.from_regex(r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}", fullmatch=True)
DIGESTS = st.from_regex(r"sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}", fullmatch=True)


@pytest.mark.parametrize(
    "name",
    ["a", "0", "library/nginx", "a.b_c__d-e--f---g/1", "a/manifests/b", "x/blobs/uploads", "tags/list"],
)
def test_legal_names_are_taken(name: str) -> None:
    assert image_name(name) == name  # docker R1, R6


@pytest.mark.parametrize(
    "name",
    [
        "",
        "/",
        "A",
        "a/",
        "/a",
        "a//b",
        "a___b",
        "a..b",
        "_a",
        "a-",
        ".a",
        "a b",
        "a:1",
        "ä",
        "a\n",
        "a" * 256,
    ],
)
def test_other_names_are_refused(name: str) -> None:
    with pytest.raises(NameInvalid, match="cannot name an image"):
        image_name(name)


@given(st.text(alphabet="ab0._-/A", max_size=12))
def test_names_fit_the_grammar_of_the_specification(text: str) -> None:
    try:
        accepted = image_name(text) == text
    except NameInvalid:
        accepted = False
    assert accepted == bool(GRAMMAR.fullmatch(text))


@pytest.mark.parametrize("tag", ["1", "_", "Latest", "v1.2-rc_3", "x" * 128])
def test_legal_tags_are_taken(tag: str) -> None:
    assert parse_tag(tag) == tag  # docker R2


@pytest.mark.parametrize("tag", ["", ".1", "-1", "a/b", "a b", "a:b", "x" * 129, "1\n", "é"])
def test_other_tags_are_refused(tag: str) -> None:
    with pytest.raises(TagInvalid):
        parse_tag(tag)


def test_a_reference_with_a_colon_is_a_digest_or_nothing() -> None:  # docker R5
    with pytest.raises(InvalidDigest):
        parse_reference("sha256:baddigeststring")
    with pytest.raises(InvalidDigest):
        parse_reference("sha256:" + "A" * 64)  # docker R3
    assert parse_reference("sha256-baddigeststring") == "sha256-baddigeststring"


@given(IMAGES, TAGS, DIGESTS)
def test_paths_tell_their_image_from_the_right(image: str, tag: str, digest: str) -> None:
    name, parsed = image_name(image), parse_digest(digest)
    for path, kind, last in [
        (tag_path(name, parse_tag(tag)), "tags", tag),
        (manifest_path(name, parsed), "manifests", digest),
        (blob_path(name, parsed), "blobs", digest),
    ]:
        assert (owner(path), kind_of(path), last_of(path)) == (image, kind, last)


@pytest.mark.parametrize("path", ["", "a", "tags/1", "a/b/c"])
def test_other_paths_belong_to_no_image(path: str) -> None:
    assert not owner(path)


def test_the_referrers_tag_cuts_long_digests() -> None:
    assert referrers_tag(parse_digest("sha256:" + "a" * 64)) == "sha256-" + "a" * 64
    assert referrers_tag(parse_digest("sha512:" + "b" * 128)) == "sha512-" + "b" * 64  # docker R153
