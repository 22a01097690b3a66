"""What a repository can be told about uploads."""

import random

import pytest

from tests.support.distributions import sdist, wheel
from tests.support.indexes import Index, refused


def test_local_versions_can_be_refused(empty: Index) -> None:
    local = wheel("torch", "2.1+cu118")
    empty.publish(local)  # pypi R4: taken unless something else is said
    empty.configured(allow_local_versions=False)
    with empty.unchanged():
        refused(empty.upload(wheel("torch", "2.2+cu118")), "local")
    empty.publish(wheel("torch", "2.2"))
    assert empty.file(local).status == 200


def test_file_names_can_be_held_to_the_rules_of_today(empty: Index) -> None:
    empty.publish(sdist("foo-bar", filename="foo-bar-1.0.tar.gz"))
    empty.configured(normalized_filenames=True)  # pypi R5, R6
    legacy = [
        wheel("Foo.Bar", "2.0", filename="Foo.Bar-2.0-py3-none-any.whl"),
        wheel("foo-bar", "2.0", filename="Foo_Bar-2.0-py3-none-any.whl"),
        sdist("foo-bar", "2.0", filename="foo-bar-2.0.tar.gz"),
    ]
    for distribution in legacy:
        with empty.unchanged():
            refused(empty.upload(distribution), "file name", "foo_bar-")
    empty.publish(wheel("foo-bar", "2.0"), sdist("Foo.Bar", "2.0"))


@pytest.mark.parametrize("file_first", [False, True])
def test_files_can_be_too_large(empty: Index, file_first: bool) -> None:
    small, large = wheel("foo"), wheel("foo", "2.0", files={"data.bin": random.Random(1).randbytes(5000)})
    assert small.size < 2000 < large.size
    empty.configured(file_limit=2000)  # pypi R105
    empty.publish(small)
    with empty.unchanged():
        answer = empty.upload(large, file_first=file_first)
        assert answer.status in (400, 413)
        refused(answer, "2000", status=answer.status)
