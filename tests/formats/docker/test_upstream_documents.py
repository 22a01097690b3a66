"""Lists of tags and of referrers, as another registry sends them and as members of a group have them."""

import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from artifactd.plugin import Answer, Asset, Facts, Keep, More, Part, UpstreamInvalid
from artifactd_docker.links import MOST_PAGES, next_page_of
from artifactd_docker.names import owner
from artifactd_docker.referrers import REFERRERS, Referrer
from artifactd_docker.tags import TAGS
from tests.support.images import OCI_INDEX, OCI_MANIFEST, digest_of

URL = "https://upstream.example/v2/app/tags/list?n=1000"
A, B = digest_of(b"a"), digest_of(b"b")


def answer(body: Any, link: str = "", url: str = URL) -> Answer:
    document = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Answer(Facts(url, {"link": link} if link else {}), document)


def tags(*answers: Answer) -> Any:
    return TAGS.parse("app", answers)


def referrers(*answers: Answer) -> Any:
    return REFERRERS.parse(f"app@{A}", answers)


def descriptor(digest: str, **more: Any) -> dict[str, Any]:
    return {"mediaType": OCI_MANIFEST, "digest": digest, "size": 7, **more}


# Tags


def test_tags_are_sorted_whatever_order_they_come_in() -> None:  # docker R141, R191
    assert tags(answer({"name": "other", "tags": ["b", "a", "B", "a", "1"]})) == ("1", "B", "a", "b")


@pytest.mark.parametrize("listed", [None, []])
def test_an_image_may_have_no_tags(listed: list[str] | None) -> None:
    assert tags(answer({"name": "app", "tags": listed})) == ()


def test_what_is_no_tag_is_left_out() -> None:  # docker R140
    assert tags(answer({"tags": ["", "1", ".x", "a/b", "x" * 129, "sha256:0", "a\n"]})) == ("1",)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b"null",
        b'{"tags": {}}',
        b'{"tags": [1]}',
        b'{"errors": []}',
        b'{"tags": ["\xff"]}',
        b'{"tags": null, "x": ' + b"[" * 100_000,
    ],
)
def test_other_documents_are_no_list_of_tags(body: bytes) -> None:
    with pytest.raises(UpstreamInvalid, match="list of tags cannot be read"):
        tags(answer(body))


def test_a_list_goes_on_until_it_ends() -> None:  # docker R191
    first = answer({"tags": ["b"]}, '</v2/app/tags/list?n=1&last=b>; rel="next"')
    more = tags(first)
    assert more == More("https://upstream.example/v2/app/tags/list?n=1&last=b")
    assert tags(first, answer({"tags": ["a"]}, url=more.url)) == ("a", "b")


def test_a_list_without_end_is_cut() -> None:
    page = answer({"tags": ["a"]}, f'<{URL}>; rel="next"')
    assert isinstance(tags(*[page] * (MOST_PAGES - 1)), More)
    assert tags(*[page] * MOST_PAGES) == ("a",)


@pytest.mark.parametrize(
    ("link", "target"),
    [
        ('</v2/x?last=1>; rel="next"', "https://upstream.example/v2/x?last=1"),
        ("</v2/x>; rel=next", "https://upstream.example/v2/x"),
        ("</v2/x>;rel = next", "https://upstream.example/v2/x"),
        ("<list?last=1>; REL=NEXT", "https://upstream.example/v2/app/tags/list?last=1"),
        ("<?last=1>; rel=next", "https://upstream.example/v2/app/tags/list?last=1"),
        ("<https://upstream.example/v2/x>; rel=next", "https://upstream.example/v2/x"),
        ("<https://UPSTREAM.example:443/v2/x>; rel=next", "https://UPSTREAM.example:443/v2/x"),
        ("</first>; rel=prev, </v2/x>; rel=next", "https://upstream.example/v2/x"),
        ('</v2/x>; title="a, <b>; c"; rel="last next"', "https://upstream.example/v2/x"),
        ('</v2/x,y>; title="\\"quoted\\""; rel="next"', "https://upstream.example/v2/x,y"),
        ("</v2/x>; other; rel=next", "https://upstream.example/v2/x"),
        ("</v2/x>; rel=nextish", None),
        ("</v2/x>; rel", None),
        ("</v2/x>; title=next", None),
        ("</v2/x>", None),
        ("rel=next", None),
        ("</v2/x; rel=next", None),
    ],
)
def test_the_next_page_is_found_as_rfc_8288_writes_it(link: str, target: str | None) -> None:
    found = next_page_of([answer({}, link)])
    assert (None if found is None else found.url) == target


@pytest.mark.parametrize(
    "target",
    [
        "https://other.example/v2/x",
        "//other.example/v2/x",
        "https://upstream.example:8443/v2/x",
        "http://upstream.example/v2/x",
        "ftp://upstream.example/v2/x",
        "https://upstream.example:x/",
        "http" + "s://[/",
    ],
)
def test_a_list_does_not_lead_elsewhere(target: str) -> None:  # docker R143
    with pytest.raises(UpstreamInvalid, match="another origin"):
        next_page_of([answer({}, f"<{target}>; rel=next")])


@given(st.text(alphabet='<>;,= "\\relnxt/?', max_size=200))
def test_any_header_is_read(link: str) -> None:
    try:
        next_page_of([answer({}, link)])
    except UpstreamInvalid:
        assert "<" in link


def test_headers_that_want_to_be_slow_are_not() -> None:
    for link in ("<" * 30_000, '<a>;x="' + "\\" * 30_000, "<a>" + "; " * 15_000, "<a>" + ";a" * 15_000):
        assert next_page_of([answer({}, link)]) is None


def test_the_tags_of_members_are_one_list() -> None:  # docker R202
    parts = [Part("a", ("1", "3")), Part("b", ()), Part("c", ("2", "3"))]
    assert TAGS.merge("app", parts) == ("1", "2", "3")


# Referrers


def test_referrers_are_sorted_and_described() -> None:  # docker R151, R192
    listed = [descriptor(B, artifactType="application/vnd.example"), descriptor(A, annotations={"k": "v"})]
    body = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": listed}
    assert referrers(answer(body)) == tuple(
        sorted(
            (
                Referrer(OCI_MANIFEST, A, 7, annotations={"k": "v"}),
                Referrer(OCI_MANIFEST, B, 7, "application/vnd.example"),
            ),
            key=lambda each: each.digest,
        )
    )


def test_referrers_may_come_in_pages() -> None:
    first = answer({"manifests": [descriptor(A)]}, "<?last=1>; rel=next")
    assert isinstance(referrers(first), More)
    both = referrers(first, answer({"manifests": [descriptor(B)]}))
    assert {each.digest for each in both} == {A, B}


def test_a_referrer_that_nobody_could_fetch_is_left_out() -> None:
    assert referrers(answer({"manifests": [descriptor("md5:0"), descriptor("x")]})) == ()
    assert referrers(answer({"manifests": None})) == ()


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[]", b"{}", b'{"manifests": [{"digest": "x"}]}', b'{"manifests": [1]}']
)
def test_other_documents_are_no_list_of_referrers(body: bytes) -> None:
    with pytest.raises(UpstreamInvalid, match="list of referrers cannot be read"):
        referrers(answer(body))


def test_of_two_members_that_describe_a_referrer_the_first_is_believed() -> None:  # docker R202
    first, second = Referrer(OCI_MANIFEST, A, 1), Referrer(OCI_MANIFEST, A, 2)
    other = Referrer(OCI_MANIFEST, B, 3)
    merged = REFERRERS.merge(f"app@{A}", [Part("a", (first,)), Part("b", (other, second))])
    assert set(merged) == {first, other}


# Where a proxy keeps them


def test_lists_are_kept_where_nothing_else_can_be() -> None:
    for path in (TAGS.path("team/app"), REFERRERS.path(f"team/app@{A}")):
        assert owner(path) == "team/app"
    assert TAGS.path("team/app") == "team/app/tags/.list"
    assert REFERRERS.path(f"team/app@{A}") == f"team/app/referrers/{A}"


def test_a_list_that_is_kept_is_no_tag() -> None:
    assets = [kept("app/tags/.list", ""), kept("app/tags/1", "1")]
    assert TAGS.build("app", assets) == ("1",)


def kept(path: str, label: str) -> Asset:
    return Asset(1, 1, path, None, "", label, {}, Keep.ALWAYS, 0, None, 0, 0, 1)


def parts(*documents: Sequence[str]) -> list[Part[tuple[str, ...]]]:
    return [Part(str(number), tuple(document)) for number, document in enumerate(documents)]


@given(st.lists(st.lists(st.sampled_from(["1", "2", "a", "B"])), min_size=1, max_size=3))
def test_a_merged_list_has_every_tag_once(documents: list[list[str]]) -> None:
    merged = TAGS.merge("app", parts(*documents))
    assert list(merged) == sorted({tag for document in documents for tag in document})
