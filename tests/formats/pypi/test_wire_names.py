"""Names and versions on the wire: what is one project, what is one version, what is neither (pypi A, M)."""

from urllib.parse import quote

import pytest

from tests.support.distributions import core_metadata, sdist, wheel
from tests.support.indexes import Index, refused


@pytest.mark.parametrize("spelled", ["Foo.Bar", "foo-bar", "FOO__bar", "foo.-_bar", "foo_bar", "Foo--Bar"])
def test_all_spellings_of_a_name_reach_one_project(index: Index, spelled: str) -> None:
    # pypi R1, V1, T9
    version = f"1.{ord(spelled[0]) + len(spelled) * 10 + sum(map(ord, spelled))}"
    index.publish(wheel(spelled, version))
    page = index.project("foo-bar")
    assert page["name"] == "foo-bar"
    assert version in page["versions"]
    assert index.projects().count("foo-bar") == 1


def test_a_form_and_a_file_may_spell_the_name_differently(empty: Index) -> None:
    distribution = wheel("Foo.Bar", filename="foo_bar-1.0-py3-none-any.whl")  # pypi R5
    empty.publish(distribution, fields={"name": "foo_BAR"})
    assert empty.projects() == ["foo-bar"]


@pytest.mark.parametrize(
    "filename",
    [
        "My.Pkg-1.0-py3-none-any.whl",  # pypi R5
        "My.Pkg_name-1.0-py3-none-any.whl",  # as setuptools of today writes it
        "my_pkg_name-1.0.0-py3-none-any.whl",  # pypi R3
        "my_pkg_name-v1.0-py3-none-any.whl",
        "my_pkg_name-1.0-1-py3-none-any.whl",  # pypi V3
        "my_pkg_name-1.0-1foo-py2.py3-none-any.whl",
    ],
)
def test_wheels_named_in_older_ways_are_taken(empty: Index, filename: str) -> None:
    name = "my-pkg" if filename.startswith("My.Pkg-") else "My.Pkg_name"
    distribution = wheel(name, filename=filename)
    empty.publish(distribution)
    assert empty.file(distribution).body == distribution.content
    assert list(empty.files(distribution.project)) == [filename]
    assert empty.project(distribution.project)["versions"] == ["1.0"]


@pytest.mark.parametrize(
    ("name", "version", "filename"),
    [
        ("foo_bar", "1.0", "foo_bar-1.0.tar.gz"),  # pypi R6, V4: PEP 625
        ("foo-bar", "1.0", "foo-bar-1.0.tar.gz"),
        ("Foo.Bar", "1.0", "Foo.Bar-1.0.tar.gz"),
        ("foo", "1.0-1", "foo-1.0-1.tar.gz"),
        ("foo", "1.0.post1", "foo-1.0-1.tar.gz"),
        ("foo-bar-baz", "2.0b1", "foo-bar-baz-2.0b1.zip"),
        ("foo-2", "1.0", "foo-2-1.0.tar.gz"),
        ("foo", "2!1.0", "foo-2!1.0.tar.gz"),
        ("foo", "1.0+cu118", "foo-1.0+cu118.tar.gz"),
        ("foo", "1.0.0", "foo-1.0.tar.gz"),
    ],
)
def test_source_files_named_in_older_ways_are_taken(
    empty: Index, name: str, version: str, filename: str
) -> None:
    distribution = sdist(name, version, filename=filename)
    empty.publish(distribution)
    assert list(empty.files(distribution.project)) == [filename]
    answer = empty.get(empty.url(distribution))
    assert (answer.status, answer.body) == (200, distribution.content)


@pytest.mark.parametrize(
    "name", ["-a", "a-", "a b", "a/b", "\u00e9", ".a", "a_", "a!", "a\n", "a\0b", "a+b"]
)
def test_what_is_no_name_is_refused(index: Index, name: str) -> None:
    # pypi R1, V1
    with index.unchanged():
        refused(index.upload(wheel("fine"), {"name": name}), "name")


@pytest.mark.parametrize("name", ["\uff21bc", "\u2460", "\ufb01", "\u0131", "abc\u0661", "K\u212a"])
def test_letters_and_digits_beyond_ascii_are_no_name(index: Index, name: str) -> None:
    # pypi R2: str.isalnum and \\w know more letters than package names do
    distribution = wheel("fine", metadata=core_metadata(name, "1.0"))
    with index.unchanged():
        refused(index.upload(distribution, {"name": name}), "name")
        refused(index.upload(wheel("fine", metadata=core_metadata(name, "1.0"))), "name")
    assert index.get(f"simple/{quote(name)}/").status in (400, 404)


@pytest.mark.parametrize("version", ["1.0+", "one", "1.0 0", "1..0", "1.0-x", "\u0661.0", "==1.0", "-1"])
def test_what_is_no_version_is_refused(index: Index, version: str) -> None:
    # pypi R3, V2
    with index.unchanged():
        refused(index.upload(wheel("fine"), {"version": version}), "version")


@pytest.mark.parametrize("spelled", ["1.0", "1.0.0", "v1.0", "1", "01.0", " 1.0 "])
def test_versions_that_are_equal_are_one(empty: Index, spelled: str) -> None:
    # pypi R3, V2: the form, the file and the metadata may differ in how they spell it
    empty.publish(wheel("foo", "1.0"), fields={"version": spelled})
    assert len(empty.project("foo")["versions"]) == 1


def test_files_of_one_version_may_spell_it_differently(empty: Index) -> None:
    empty.publish(wheel("foo", "1.0"), sdist("foo", "1.0.0"))  # pypi R3: 1.0 is 1.0.0
    assert len(empty.project("foo")["versions"]) == 1
    assert len(empty.get("pypi/foo/1.0/json").json()["urls"]) == 2


def test_versions_are_listed_once_and_in_order(empty: Index) -> None:
    # pypi R3, V2
    ordered = [
        "1.0.dev1",
        "1.0a1",
        "1.0b1",
        "1.0rc1",
        "1.0",
        "1.0+local",
        "1.0.post1",
        "1.9",
        "1.10",
        "1!0.1",
    ]
    for version in reversed(ordered):
        empty.publish(sdist("foo", version))
    empty.publish(wheel("foo", "1.10"))
    assert empty.project("foo")["versions"] == ordered


@pytest.mark.parametrize(
    ("version", "file_version"),
    [
        ("1!2.0", "1!2.0"),
        ("2.1+cu118", "2.1+cu118"),
        ("1.0.post1", "1.0.post1"),
        ("1.0+a.b-c", "1.0+a.b_c"),
    ],
)
def test_epochs_local_versions_and_posts_are_found_again(
    empty: Index, version: str, file_version: str
) -> None:
    # pypi R3, R4: in a path + is a plus, and clients write it as it is or as %2B
    distribution = wheel("torch", version, filename=f"torch-{file_version}-py3-none-any.whl")
    empty.publish(distribution)
    path = f"packages/torch/{distribution.filename}"
    for spelled in (path, path.replace("+", "%2B"), path.replace("!", "%21"), quote(path, safe="/")):
        answer = empty.get(spelled)
        assert (answer.status, answer.body) == (200, distribution.content), spelled
        assert empty.get(f"{spelled}.metadata").body == distribution.metadata
    assert empty.get(empty.url(distribution)).body == distribution.content
    if "+" in path:
        assert "+" not in empty.files("torch")[distribution.filename]["url"]
        assert empty.get(path.replace("+", "%20")).status in (400, 404)


def test_a_space_is_no_plus(empty: Index) -> None:
    empty.publish(wheel("torch", "2.1+cu118"))
    assert empty.get("packages/torch/torch-2.1%20cu118-py3-none-any.whl").status in (400, 404)


def test_the_name_is_shown_as_the_latest_upload_spells_it(empty: Index) -> None:
    empty.publish(wheel("foo-bar", "1.0"), wheel("Foo.Bar", "2.0"))  # pypi R1
    assert empty.get("pypi/foo-bar/json").json()["info"]["name"] == "Foo.Bar"
    assert empty.project("foo-bar")["name"] == "foo-bar"
