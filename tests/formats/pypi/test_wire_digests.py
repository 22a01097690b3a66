"""Checksums that clients state are checked, every one (pypi R94)."""

import base64
import hashlib

import pytest

from tests.support.distributions import Distribution, wheel
from tests.support.indexes import Index, refused

DIGESTS = ("md5_digest", "sha256_digest", "blake2_256_digest")


def right(distribution: Distribution, field: str) -> str:
    known = {
        "md5_digest": distribution.md5,
        "sha256_digest": distribution.sha256,
        "blake2_256_digest": distribution.blake2_256,
    }
    return known[field]


@pytest.mark.parametrize("file_first", [False, True], ids=["before", "behind"])
@pytest.mark.parametrize("field", DIGESTS)
def test_each_alone_is_enough(index: Index, name: str, field: str, file_first: bool) -> None:
    distribution = wheel(name)
    index.publish(distribution, digests=[field], file_first=file_first)
    assert index.file(distribution).status == 200


def test_all_of_them_or_none_are_fine(index: Index, name: str) -> None:
    index.publish(wheel(name, "1.0"), digests=DIGESTS)
    index.publish(wheel(name, "2.0"), digests=())


@pytest.mark.parametrize("field", DIGESTS)
def test_upper_case_is_the_same(index: Index, name: str, field: str) -> None:
    distribution = wheel(name)
    index.publish(distribution, fields={field: right(distribution, field).upper()}, digests=())


def test_an_md5_may_be_in_base64(index: Index, name: str) -> None:
    distribution = wheel(name)  # as older documentation had it
    digest = hashlib.md5(distribution.content, usedforsecurity=False).digest()
    written = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    index.publish(distribution, fields={"md5_digest": written}, digests=())


@pytest.mark.parametrize("file_first", [False, True], ids=["before", "behind"])
@pytest.mark.parametrize("field", DIGESTS)
def test_one_that_is_wrong_is_named(index: Index, name: str, field: str, file_first: bool) -> None:
    # pypi L14: it stands before the file or behind it, and the others are right
    fields = {field: right(wheel("other"), field)}
    others = [each for each in DIGESTS if each != field]
    with index.unchanged():
        answer = index.upload(wheel(name), fields, digests=others, file_first=file_first)
        refused(answer, field)
    assert index.page(name).status == 404


@pytest.mark.parametrize("field", DIGESTS)
@pytest.mark.parametrize("value", ["0", "x" * 64, "sha256:" + "0" * 64, "0" * 63])
def test_what_is_no_checksum_is_refused(index: Index, name: str, field: str, value: str) -> None:
    with index.unchanged():
        refused(index.upload(wheel(name), {field: value}, digests=()), field)


def test_an_empty_one_is_none(index: Index, name: str) -> None:
    index.publish(wheel(name), fields={"md5_digest": ""})


def test_a_second_value_is_not_passed_over(index: Index, name: str) -> None:
    distribution = wheel(name)
    fields = {"sha256_digest": [distribution.sha256, "0" * 64]}
    with index.unchanged():
        refused(index.upload(distribution, fields), "sha256_digest")


def test_a_file_that_differs_from_what_was_checked_is_not_the_same_again(index: Index, name: str) -> None:
    index.publish(wheel(name))  # stated as another upload's, a wrong checksum is still wrong
    fields = {"sha256_digest": wheel(name).sha256}
    with index.unchanged():
        refused(index.upload(wheel(name, comment="other"), fields, digests=()))
