"""Uploads that are refused: each with a sentence that says why, and nothing is left (pypi F, R103)."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest

from artifactd.auth.principal import Verb
from tests.support.distributions import Distribution, core_metadata, sdist, wheel
from tests.support.indexes import Index, refused
from tests.support.upload_forms import HEADERS, Fields, Part, encode, form

NAME = "refused"
GOOD = wheel(NAME)
MEGABYTE = 1 << 20


@dataclass(frozen=True, slots=True)
class Case:
    """A form that is refused, and what the answer speaks of."""

    words: tuple[str, ...]
    fields: Fields | None = None
    distribution: Distribution = GOOD
    filename: str | None = None


def field(name: str, value: str | None, *words: str) -> Case:
    """One field that is wrong: the answer names it."""
    return Case(words or (name,), {name: value})


def described(metadata: bytes, *words: str) -> Case:
    """A wheel that says this of itself."""
    return Case(words, {"metadata_version": "2.4"}, wheel(NAME, metadata=metadata))


def called(filename: str, *words: str, source: bool = False) -> Case:
    """A good file under a name that is none."""
    distribution = sdist(NAME) if source else wheel(NAME)
    return Case(words or (filename.lstrip("./\\a")[:3],), {}, distribution, filename)


OTHER = core_metadata("other", "1.0")
OTHER_VERSION = core_metadata(NAME, "2.0")

CASES = {
    "an unknown action": field(":action", "remove_pkg", "action"),  # pypi R90
    "documentation": field(":action", "doc_upload", "action"),
    "no action": field(":action", None, "action"),
    "protocol 2": field("protocol_version", "2", "protocol version"),
    "no name": field("name", None),
    "an empty name": field("name", ""),
    "no version": field("version", None),
    "an empty version": field("version", ""),
    "another name in the form": field("name", "other"),  # pypi R96, L14
    "another version in the form": field("version", "2.0"),
    "another name in the metadata": described(OTHER, "name", "other"),
    "another version in the metadata": described(OTHER_VERSION, "version", "2.0"),
    "another name in the file name": Case(
        ("name",), {}, wheel(NAME, filename="other-1.0-py3-none-any.whl")
    ),
    "another version in the file name": Case(
        ("version",), {}, wheel(NAME, filename=f"{NAME}-2.0-py3-none-any.whl")
    ),
    "a source file of another name": Case(("name",), {}, sdist(NAME, filename="other-1.0.tar.gz")),
    "a source file of another version": Case(("version",), {}, sdist(NAME, filename=f"{NAME}-2.0.tar.gz")),
    "a source file with other metadata": Case(("name",), {}, sdist(NAME, metadata=OTHER)),
    "metadata without a name": described(b"Metadata-Version: 2.4\nVersion: 1.0\n", "name"),
    "metadata without a version": described(f"Metadata-Version: 2.4\nName: {NAME}\n".encode(), "version"),
    "empty metadata": described(b"", "metadata"),
    "metadata that is a page": described(b"<!DOCTYPE html><title>Log in</title>", "metadata"),
    "two names in the metadata": described(core_metadata(NAME, "1.0") + b"Name: other\n", "name"),
    "metadata of another age": described(core_metadata(NAME, "1.0", metadata_version="3.0"), "metadata"),
    "metadata of no version": described(f"Name: {NAME}\nVersion: 1.0\n".encode(), "metadata"),
    "a wheel as a source file": field("filetype", "sdist"),  # pypi R95
    "a file type that is gone": field("filetype", "bdist_wininst"),
    "a source file as a wheel": Case(("filetype",), {"filetype": "bdist_wheel"}, sdist(NAME)),
    "an egg": called(f"{NAME}-1.0-py3.egg"),  # pypi R7: proxies only
    "a tar.bz2": called(f"{NAME}-1.0.tar.bz2", source=True),
    "a tgz": called(f"{NAME}-1.0.tgz", source=True),
    "an installer": called(f"{NAME}-1.0.exe"),
    "a file without an end": called(f"{NAME}-1.0"),
    "nothing but an end": called(".whl"),
    "no version in the file name": called(f"{NAME}.tar.gz", source=True),
    "a hyphen in a wheel's name": called("re-fused-1.0-py3-none-any.whl"),  # pypi V3
    "a wheel without tags": called(f"{NAME}-1.0.whl"),
    "a build tag that is no number": called(f"{NAME}-1.0-x-py3-none-any.whl"),
    "a path": called(f"a/{NAME}-1.0-py3-none-any.whl"),  # pypi R8
    "a path out": called(f"../{NAME}-1.0-py3-none-any.whl"),
    "a path of Windows": called(f"a\\{NAME}-1.0-py3-none-any.whl"),
    "a control character": called(f"{NAME}-1.0-py3-none-any\x01.whl"),
    "NUL in the file name": called(f"{NAME}-1.0\0-py3-none-any.whl"),
    "a leading dot": called(f".{NAME}-1.0-py3-none-any.whl"),
    "a file name of 256 bytes": called(f"{NAME}-1.0-py3-none-{'a' * (256 - 25)}.whl", "255"),
    "a file name that is not ASCII": called(f"{NAME}-1.0-py3-none-\u00e4ny.whl"),
    "a space in the file name": called(f"{NAME}-1.0-py3-none-any .whl"),
    "attestations that are no JSON": field("attestations", "["),  # pypi R106
    "attestations that are no list": field("attestations", '{"version": 1}'),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_what_is_wrong_is_named_and_nothing_is_left(index: Index, case: Case) -> None:
    with index.unchanged():
        refused(index.upload(case.distribution, case.fields, filename=case.filename), *case.words)
    assert index.page(NAME).status == 404


@pytest.mark.parametrize(
    "field",
    [
        "name",
        "version",
        ":action",
        "protocol_version",
        "filetype",
        "sha256_digest",
        "md5_digest",
        "attestations",
    ],
)
@pytest.mark.parametrize("piece", ["x", "1."], ids=["letters", "version"])
def test_a_refusal_does_not_say_back_megabytes(index: Index, field: str, piece: str) -> None:
    value = f"1{piece * MEGABYTE}1"
    with index.unchanged():
        said = refused(index.upload(GOOD, {field: value}, bare=True, digests=()))
    assert len(said) < 4000


@pytest.mark.parametrize("field", ["Metadata-Version", "Name", "Version"])
def test_metadata_is_not_said_back_either(index: Index, field: str) -> None:
    lines = {"Metadata-Version": "2.4", "Name": NAME, "Version": "1.0", field: "x" * MEGABYTE}
    metadata = "".join(f"{key}: {value}\n" for key, value in lines.items()).encode()
    with index.unchanged():
        said = refused(index.upload(wheel(NAME, metadata=metadata), bare=True))
    assert len(said) < 4000


def without_content() -> bytes:
    return encode([Part(":action", b"file_upload"), Part("name", NAME.encode()), Part("version", b"1.0")])


def content_as_text() -> bytes:
    """The file without a file name: it is a field then."""
    body, _ = form(wheel(NAME))
    return body.replace(f'; filename="{wheel(NAME).filename}"'.encode(), b"")


def content_without_name() -> bytes:
    body, _ = form(wheel(NAME))
    return body.replace(wheel(NAME).filename.encode(), b"")


@pytest.mark.parametrize(
    "build", [without_content, content_as_text, content_without_name, lambda: encode([]), lambda: b""]
)
def test_a_form_without_a_file_is_refused(index: Index, build: Callable[[], bytes]) -> None:
    with index.unchanged():
        refused(index.request("POST", "", build(), headers=HEADERS))


@pytest.mark.parametrize(
    "content_type",
    ["application/x-www-form-urlencoded", "application/json", "text/xml", "multipart/form-data", ""],
)
def test_what_is_no_form_is_refused(index: Index, content_type: str) -> None:
    with index.unchanged():  # pypi R121: so does the search of old, XML-RPC, end
        answer = index.request("POST", "", form(wheel(NAME))[0], headers={"Content-Type": content_type})
        refused(answer, "multipart/form-data")


def test_nobody_uploads_to_an_address_that_is_only_read(index: Index) -> None:
    # pypi R23: uv prints that this may be an index
    index.publish(wheel("read-only"))
    for path in ("simple/read-only/", "packages/read-only/x.whl", "pypi/read-only/json"):
        body, headers = form(wheel("read-only", "2.0"))
        with index.unchanged():
            answer = index.request("POST", path, body, headers=headers)
            refused(answer, "upload", index.base, status=405)
        assert "GET" in answer.header("allow")


def test_xml_rpc_is_not_spoken(index: Index) -> None:
    body = b"<?xml version='1.0'?><methodCall><methodName>search</methodName></methodCall>"
    answer = index.request("POST", "pypi", body, headers={"Content-Type": "text/xml"})  # pypi R121
    assert answer.status in (404, 405)


def test_refusals_come_before_the_file_is_received_where_rights_are_missing(index: Index) -> None:
    reader = index.by(index.server.user((index.repository, "**", [Verb.READ])))
    with index.unchanged():  # pypi L13, R104
        refused(reader.upload(wheel(NAME)), status=403)


def test_a_file_name_belongs_to_the_project_that_had_it_first(index: Index) -> None:
    # pypi R8: nothing of one project is found under another
    distribution = sdist("first-project", filename="first-project-1.0.tar.gz")
    index.publish(distribution)
    other = replace(distribution, name="first", version="project-1.0")
    with index.unchanged():
        refused(index.upload(other))
