"""Uploads that are taken, however they are spelled (pypi F)."""

import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.support.distributions import Distribution, sdist, wheel
from tests.support.indexes import Index, refused
from tests.support.upload_forms import HEADERS, Part, encode, form

MEGABYTE = 1 << 20


@pytest.mark.parametrize("to", ["", "/", "/legacy", "/legacy/", "/simple/"])
def test_every_address_that_clients_are_given_takes_uploads_itself(
    index: Index, name: str, to: str
) -> None:
    # pypi R20, R22: twine, poetry and uv fail on a redirect
    answer = index.upload(wheel(name), to=to)
    assert (answer.status, answer.text.strip()) == (200, "OK")  # pypi R98, L10
    assert answer.header("content-type").startswith("text/plain")
    assert answer.header("location") == ""
    assert index.file(wheel(name)).body == wheel(name).content


def kinds(name: str) -> Sequence[Distribution]:
    return [
        wheel(name),
        wheel(name, tag="py2.py3-none-any"),
        wheel(name, build="1", tag="cp311-cp311-linux_x86_64"),
        wheel(name, tag="cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64"),
        sdist(name),
        sdist(name, "1.1", filename=f"{name.replace('-', '_')}-1.1.zip"),
    ]


def test_files_come_back_as_they_went_in(index: Index, name: str) -> None:
    index.publish(*kinds(name))  # pypi R7, V3
    listed = index.files(name)
    assert sorted(listed) == sorted(each.filename for each in kinds(name))
    for distribution in kinds(name):
        answer = index.get(index.url(distribution))
        assert (answer.status, answer.body) == (200, distribution.content)
        assert listed[distribution.filename]["hashes"]["sha256"] == distribution.sha256
        assert listed[distribution.filename]["size"] == distribution.size  # pypi R51


def test_fields_may_come_in_any_order(index: Index, name: str) -> None:
    # pypi R91: twine sends the file last, others first; uv begins with :action
    index.publish(wheel(name, "1.0"))
    index.publish(wheel(name, "2.0"), file_first=True)
    distribution = wheel(name, "3.0")
    parts = [
        Part(":action", b"file_upload"),
        Part("sha256_digest", distribution.sha256.encode()),
        Part("protocol_version", b"1"),
        Part("content", distribution.content, distribution.filename),
        Part("version", b"3.0"),
        Part("name", name.encode()),
        Part("metadata_version", b"2.4"),
        Part("filetype", b"bdist_wheel"),
    ]
    assert index.request("POST", "", encode(parts), headers=HEADERS).status == 200
    assert index.project(name)["versions"] == ["1.0", "2.0", "3.0"]


def test_a_form_of_curl_needs_only_what_matters(index: Index, name: str) -> None:
    # pypi R94, R95: no digest, no file type
    fields = {"filetype": None, "pyversion": None, "protocol_version": None}
    index.publish(wheel(name), fields=fields, bare=True, digests=())
    assert index.file(wheel(name)).status == 200


def test_the_protocol_version_may_be_misspelled_as_twine_once_did(index: Index, name: str) -> None:
    fields = {"protocol_version": None, "protcol_version": "1"}  # pypi R90
    assert index.upload(wheel(name), fields).status == 200


def test_fields_that_nobody_knows_are_no_matter(index: Index, name: str) -> None:
    fields = {"import_names": ["a", "b"], "x": "", "comment": "older clients", "blake3_digest": "00"}
    assert index.upload(wheel(name), fields).status == 200  # pypi R91


def test_a_body_may_come_in_chunks(index: Index, name: str) -> None:
    # pypi R93: without Content-Length, cut anywhere
    body, headers = form(wheel(name))

    def pieces() -> Iterator[bytes]:
        for start in range(0, len(body), 97):
            yield body[start : start + 97]

    answer = index.request("POST", "", pieces(), headers=headers)
    assert (answer.status, answer.text.strip()) == (200, "OK")
    assert index.file(wheel(name)).body == wheel(name).content


def test_a_long_description_and_many_requirements_are_taken(index: Index, name: str) -> None:
    # pypi R92: parts over 1 MiB and more than 1000 fields
    extras = [f"extra-{number}" for number in range(1500)]
    requires = [f'six; extra == "{extra}"' for extra in extras]
    description = "line of a README\n" * (3 * MEGABYTE // 17)
    distribution = wheel(name, description=description, provides_extra=extras, requires=requires)
    index.publish(distribution)
    assert index.file(distribution, ".metadata").body == distribution.metadata


def test_a_large_file_is_taken(index: Index, name: str) -> None:
    distribution = wheel(name, files={"data.bin": bytes(range(256)) * (20 * MEGABYTE // 256)})
    index.publish(distribution, file_first=True)
    assert index.file(distribution).body == distribution.content


@pytest.mark.parametrize("version", ["1.0", "1.1", "1.2", "2.1", "2.2", "2.3", "2.4", "2.5", "2.9"])
def test_every_version_of_the_metadata_is_taken(index: Index, name: str, version: str) -> None:
    distribution = wheel(name, metadata_version=version)  # pypi R96
    index.publish(distribution)
    assert index.file(distribution, ".metadata").body == distribution.metadata


def test_licences_are_taken_as_they_are_written_today(index: Index, name: str) -> None:
    headers = ["License-Expression: Apache-2.0 OR MIT", "License-File: LICENSE", "License-File: NOTICE"]
    index.publish(wheel(name, headers=headers))  # pypi R96
    assert index.get(f"pypi/{name}/json").json()["info"]["license_expression"] == "Apache-2.0 OR MIT"


def test_the_archive_is_believed_and_not_the_form(index: Index, name: str) -> None:
    # pypi R96: what the form says of the package is no matter
    fields = {"summary": "from the form", "requires_python": ">=99", "requires_dist": ["nothing"]}
    index.publish(wheel(name, summary="from the file", requires_python=">=3.8"), fields=fields)
    assert index.files(name)[wheel(name).filename]["requires-python"] == ">=3.8"
    assert index.get(f"pypi/{name}/json").json()["info"]["summary"] == "from the file"


def test_an_empty_requires_python_is_none(index: Index, name: str) -> None:
    index.publish(wheel(name), fields={"requires_python": ""})  # pypi V9: uv always sends it
    assert index.files(name)[wheel(name).filename].get("requires-python") is None


def test_a_description_may_hold_anything(index: Index, name: str) -> None:
    # pypi V10: NUL is no text for a database; the bytes stay as they are
    metadata = (
        f"Metadata-Version: 2.4\nName: {name}\nVersion: 1.0\nSummary: a\0b \ud800 \u00e4\n\n"
        "NUL \0, a lone surrogate \udcff, \u2028, \U0001f40d\n"
    ).encode("utf-8", "surrogatepass")
    distribution = wheel(name, metadata=metadata)
    index.publish(distribution, bare=True, fields={"description": "form with \0", "summary": "\0"})
    assert index.file(distribution, ".metadata").body == metadata
    assert index.get(f"pypi/{name}/json").status == 200


def test_metadata_that_is_not_utf8_is_taken_and_kept(index: Index, name: str) -> None:
    metadata = f"Metadata-Version: 1.1\nName: {name}\nVersion: 1.0\nAuthor: J\u00f6rg\n".encode("latin-1")
    distribution = wheel(name, metadata=metadata)  # as setup.py of old wrote it
    index.publish(distribution, bare=True)
    assert index.file(distribution, ".metadata").body == metadata


def test_the_folder_of_the_metadata_is_found_however_it_is_spelled(index: Index, name: str) -> None:
    spelled = f"{name.replace('-', '_').title()}-1.0.0.dist-info"
    distribution = wheel(name, dist_info=spelled)  # pypi R46, V7
    index.publish(distribution)
    assert index.file(distribution, ".metadata").body == distribution.metadata


def test_the_same_again_is_no_change(index: Index, name: str) -> None:
    index.publish(wheel(name))  # pypi R99, L10: what clients that retry rely on
    with index.unchanged():
        answer = index.upload(wheel(name))
        assert (answer.status, answer.text.strip()) == (200, "OK")
        assert index.upload(wheel(name), bare=True, file_first=True, to="/legacy/").status == 200


def test_other_bytes_of_the_same_name_are_refused(index: Index, name: str) -> None:
    index.publish(wheel(name))  # pypi R99, R100, L11
    with index.unchanged():
        said = refused(index.upload(wheel(name, comment="other")))
    assert said.startswith("File already exists")
    assert "already exist" in said  # pypi R100: what twine and poetry look for
    assert index.file(wheel(name)).body == wheel(name).content


def test_what_was_uploaded_is_there_at_once(index: Index, name: str) -> None:
    # pypi R101: page, file and metadata, at each of 50 uploads
    for number in range(50):
        distribution = wheel(name, f"1.{number}")
        index.publish(distribution)
        listed = index.files(name)
        assert listed[distribution.filename]["hashes"] == {"sha256": distribution.sha256}
        assert len(listed) == number + 1
        assert index.file(distribution, ".metadata").body == distribution.metadata


def uploaded_at_once(index: Index, distributions: Sequence[Distribution]) -> list[int]:
    """Upload all of them, each from a thread of its own; the statuses."""

    def upload(distribution: Distribution) -> int:
        status = index.upload(distribution).status
        index.server.disconnect()
        return status

    with ThreadPoolExecutor(len(distributions)) as threads:
        return list(threads.map(upload, distributions))


def test_many_uploads_of_one_new_project_at_once_all_succeed(index: Index, name: str) -> None:
    distributions = [wheel(name, f"1.{number}") for number in range(16)]  # pypi R109
    statuses = uploaded_at_once(index, distributions)
    assert statuses == [200] * 16
    assert len(index.files(name)) == 16


def test_the_same_upload_many_times_at_once_is_one(index: Index, name: str) -> None:
    statuses = uploaded_at_once(index, [wheel(name)] * 8)
    assert statuses == [200] * 8
    assert len(index.files(name)) == 1


def test_of_two_contents_for_one_name_at_once_one_wins(index: Index, name: str) -> None:
    contents = [wheel(name, comment=str(number)) for number in range(8)]
    statuses = uploaded_at_once(index, contents)
    assert sorted(statuses) == [200] + [400] * 7
    won = contents[statuses.index(200)]
    assert index.files(name)[won.filename]["hashes"]["sha256"] == won.sha256
    assert index.file(won).body == won.content


def test_registering_a_project_does_nothing(index: Index, name: str) -> None:
    parts = [Part(":action", b"submit"), Part("name", name.encode()), Part("version", b"1.0")]
    with index.unchanged():  # pypi R90
        assert index.request("POST", "", encode(parts), headers=HEADERS).status == 200
    assert index.page(name).status == 404


def test_a_client_that_wants_json_gets_its_answer_too(index: Index, name: str) -> None:
    # pypi R103: what uv asks for; text is among it
    headers = {"Accept": "application/json;q=0.9, text/plain;q=0.8, text/html;q=0.7"}
    assert index.upload(wheel(name), headers=headers).status == 200
    answer = index.upload(wheel(name, comment="other"), headers=headers)
    assert answer.status == 400
    if answer.header("content-type").startswith("application/json"):
        assert "already exist" in json.dumps(answer.json())
    else:
        refused(answer, "already exist")
