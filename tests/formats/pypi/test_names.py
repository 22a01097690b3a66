"""What is a name, and what it is in URLs."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from packaging.utils import InvalidName, canonicalize_name

from artifactd_pypi.errors import UploadInvalid
from artifactd_pypi.names import file_path, is_name, owner, parse_version, project_name

NAMES = st.from_regex(r"\A[A-Za-z0-9]([A-Za-z0-9._-]{0,30}[A-Za-z0-9])?\Z")


@given(NAMES)
@example("Foo.Bar")
@example("foo.-_bar")
def test_names_are_normalised_as_installers_do(text: str) -> None:
    assert project_name(text) == canonicalize_name(text, validate=True)  # pypi R1


@given(st.one_of(st.text(max_size=12), st.text("aZ0.-_ \n\u2460\ufb01\u0131\u212a", max_size=8)))
@example("a\n")
@example("")
def test_a_name_is_valid_where_installers_say_so(text: str) -> None:
    try:
        canonicalize_name(text, validate=True)
    except InvalidName:
        assert not is_name(text)  # pypi R1, R2
        with pytest.raises(UploadInvalid):
            project_name(text)
    else:
        assert is_name(text)


@given(NAMES)
def test_normalising_again_changes_nothing(text: str) -> None:
    assert project_name(project_name(text)) == project_name(text)


@pytest.mark.parametrize("text", ["Foo.Bar", "foo-bar", "FOO__bar", "foo.-_bar"])
def test_these_are_one_project(text: str) -> None:
    assert project_name(text) == "foo-bar"  # pypi V1


@pytest.mark.parametrize(
    "equal",
    [("1.0", "1.0.0", "v1.0", "1"), ("1.0.post1", "1.0-1", "1.0.r1"), ("1.0a1", "1.0.alpha.1", "1.0-a.1")],
)
def test_these_are_one_release(equal: tuple[str, ...]) -> None:
    assert len({parse_version(text)[1] for text in equal}) == 1  # pypi R3, V2


@given(NAMES)
def test_a_file_belongs_to_its_project(text: str) -> None:
    name = project_name(text)
    assert owner(file_path(name, "x.whl")) == name
    assert owner("x.whl") is None
