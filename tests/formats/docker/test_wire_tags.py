"""Tags, on the wire (docker H)."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.images import Registry, codes, image, index

TAGS = ["A", "a", "B", "_x", "1.10", "1.9", "v1-rc", "latest", "Latest"]


@pytest.fixture(scope="module")
def tagged(registry: Registry) -> Registry:
    app = registry.of("h/tagged")
    app.push(index(), *TAGS)
    return app


def test_tags_are_listed_in_the_order_of_their_bytes(tagged: Registry) -> None:  # docker R140, R141
    answer = tagged.request("GET", "tags/list")
    assert answer.status == 200
    assert answer.header("content-type") == "application/json"
    assert answer.json() == {"name": tagged.name, "tags": sorted(TAGS)}
    assert not answer.header("link")


@pytest.mark.parametrize("size", [1, 2, 4, 8, 9, 10])
def test_pages_are_followed_to_the_whole(tagged: Registry, size: int) -> None:  # docker R143
    found, path, pages = [], f"tags/list?n={size}", 0
    while path:
        answer = tagged.request("GET", path)
        page = answer.json()["tags"]
        assert len(page) <= size
        found += page
        pages += 1
        link = answer.header("link")
        assert not link or link.endswith('>; rel="next"')
        path = link.partition(">")[0].removeprefix("<")
        assert not path or path.startswith(f"/v2/{tagged.name}/tags/list?n={size}&last=")
    assert found == sorted(TAGS)
    assert pages == -(-len(TAGS) // size)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("n=0", []),
        ("last=a", ["latest", "v1-rc"]),
        ("last=b", ["latest", "v1-rc"]),
        ("last=zzz", []),
        ("last=&n=2", ["1.10", "1.9"]),
        ("n=2&last=1.9", ["A", "B"]),
        ("n=99999999999999&unknown=1", sorted(TAGS)),
    ],
)
def test_a_page_begins_behind_its_last(
    tagged: Registry, query: str, found: list[str]
) -> None:  # docker R142
    answer = tagged.request("GET", f"tags/list?{query}")
    assert answer.json()["tags"] == found


@pytest.mark.parametrize("number", ["-1", "x", "1.5", "", "٣", "1e3"])
def test_a_page_size_that_is_none(tagged: Registry, number: str) -> None:  # docker R142
    encoded = "".join(f"%{byte:02x}" for byte in number.encode())
    answer = tagged.request("GET", f"tags/list?n={encoded}")
    assert (answer.status, codes(answer)) == (400, ["PAGINATION_NUMBER_INVALID"])


def test_an_image_that_never_was_and_one_without_tags(registry: Registry) -> None:  # docker R144
    app = registry.of("h/untagged")
    unknown = app.request("GET", "tags/list")
    assert (unknown.status, codes(unknown)) == (404, ["NAME_UNKNOWN"])
    app.push(image("untagged"))
    assert app.request("GET", "tags/list").json() == {"name": app.name, "tags": []}


def test_nested_images_keep_their_tags_apart(registry: Registry) -> None:
    outer, inner = registry.of("h/nest"), registry.of("h/nest/tags")
    outer.push(index(), "outer")
    inner.push(index(), "inner")
    assert (outer.tags(), inner.tags()) == (["outer"], ["inner"])
    assert outer.request("DELETE", f"manifests/{index().digest}").status == 202
    assert (outer.tags(), inner.tags()) == ([], ["inner"])
    assert inner.request("GET", "manifests/inner").status == 200


@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["put", "delete"]), st.sampled_from("abcd")), max_size=12))
def test_the_list_is_what_was_put_and_not_deleted(registry: Registry, steps: list[tuple[str, str]]) -> None:
    app = registry.of(registry.server.unused("steps"))
    app.push(index())
    present: set[str] = set()
    for number, (step, tag) in enumerate(steps):
        if step == "put":
            app.push(index(annotations={"number": str(number)}), tag)
            present.add(tag)
        else:
            status = app.request("DELETE", f"manifests/{tag}").status
            assert status == (202 if tag in present else 404)
            present.discard(tag)
        if number % 2:
            assert app.tags() == sorted(present)
    assert app.tags() == sorted(present)
