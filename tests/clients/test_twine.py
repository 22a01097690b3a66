"""twine, which sends what the metadata says as a form, and signatures and attestations beside it."""

import json
from pathlib import Path

import pytest

from artifactd.auth.principal import Verb
from tests.support.attestations import attestation
from tests.support.distributions import Distribution, sdist, wheel
from tests.support.homes import Home
from tests.support.hosted import Hosted
from tests.support.programs import Program
from tests.support.serving import ADMIN


@pytest.fixture
def upload(home: Home, hosted: Hosted) -> Program:
    """twine, as the administrator, for this test's repository."""
    flags = ("--non-interactive", "--disable-progress-bar", "--verbose", "--repository-url", hosted.url)
    return home.program("twine", "upload", *flags, "-u", ADMIN.name, "-p", ADMIN.password)


def written(folder: Path, distribution: Distribution) -> Path:
    file = folder / distribution.filename
    file.write_bytes(distribution.content)
    return file


def test_the_repository_is_one_of_a_pypirc(home: Home, hosted: Hosted) -> None:
    # pypi R104, T4
    token = hosted.token(hosted.user(Verb.READ, Verb.WRITE))
    where = f"[ours]\nrepository = {hosted.url}/\nusername = {token.name}\npassword = {token.password}\n"
    home.write(".pypirc", f"[distutils]\nindex-servers = ours\n\n{where}", 0o600)
    files = [written(home.folder, wheel("acme-app")), written(home.folder, sdist("acme-app"))]
    home.program("twine", "upload", "--non-interactive", "-r", "ours")(*files)
    assert set(hosted.index.files("acme-app")) == {file.name for file in files}


def test_large_descriptions_and_long_lists_are_taken(
    upload: Program, hosted: Hosted, tmp_path: Path
) -> None:
    # pypi R92
    extras = [f"extra-{number}" for number in range(1500)]
    large = wheel(
        "acme-large",
        provides_extra=extras,
        requires=[f"acme-part-{number}; extra == 'extra-{number}'" for number in range(1500)],
        classifiers=[f"Private :: Number {number}" for number in range(300)],
        headers=["Description-Content-Type: text/markdown"],
        description="One line of three million bytes. " * 100_000,
    )
    upload(written(tmp_path, large))
    assert hosted.index.file(large).body == large.content
    assert hosted.index.file(large, ".metadata").body == large.metadata


def test_a_signature_is_served_beside_its_file(upload: Program, hosted: Hosted, tmp_path: Path) -> None:
    # pypi R72, R110
    signed, bare = wheel("acme-signed"), sdist("acme-signed")
    signature = b"-----BEGIN PGP SIGNATURE-----\n\nabc\n-----END PGP SIGNATURE-----\n"
    (tmp_path / f"{signed.filename}.asc").write_bytes(signature)
    files = [written(tmp_path, signed), written(tmp_path, bare)]
    upload(*files, tmp_path / f"{signed.filename}.asc")
    assert hosted.index.file(signed, ".asc").body == signature
    assert hosted.index.file(bare, ".asc").status == 404
    said = {name: file.get("gpg-sig", False) for name, file in hosted.index.files("acme-signed").items()}
    assert said == {signed.filename: True, bare.filename: False}


def test_attestations_are_served_as_provenance(upload: Program, hosted: Hosted, tmp_path: Path) -> None:
    # pypi R106
    attested = wheel("acme-attested")
    given = attestation(attested)
    (tmp_path / f"{attested.filename}.publish.attestation").write_text(json.dumps(given))
    file = written(tmp_path, attested)
    upload("--attestations", file, tmp_path / f"{attested.filename}.publish.attestation")
    [bundle] = hosted.index.file(attested, ".provenance").json()["attestation_bundles"]
    assert bundle["attestations"] == [given]


def test_an_attestation_of_another_file_is_refused(upload: Program, hosted: Hosted, tmp_path: Path) -> None:
    # pypi R103, R106
    attested = wheel("acme-attested")
    given = attestation(wheel("acme-attested", comment="other bytes"))
    (tmp_path / f"{attested.filename}.publish.attestation").write_text(json.dumps(given))
    file = written(tmp_path, attested)
    said = upload.refused("--attestations", file, tmp_path / f"{attested.filename}.publish.attestation")
    assert "attestation" in said
    assert "400" in said
    assert hosted.index.projects() == []


def test_names_as_authors_write_them_reach_one_project(
    upload: Program, hosted: Hosted, tmp_path: Path
) -> None:
    # pypi R1, R5
    first = wheel("My.Pkg_name", "1.0", filename="My.Pkg_name-1.0-py3-none-any.whl")
    second = wheel("my-pkg-name", "1.1")
    upload(written(tmp_path, first), written(tmp_path, second))
    assert hosted.index.projects() == ["my-pkg-name"]
    assert set(hosted.index.files("my-pkg-name")) == {first.filename, second.filename}


def test_what_is_no_distribution_is_refused_in_words(
    upload: Program, hosted: Hosted, tmp_path: Path
) -> None:
    # pypi R96, R103: the file says another name than its own name does.
    wrong = wheel("acme-one", filename="acme_two-1.0-py3-none-any.whl")
    said = upload.refused(written(tmp_path, wrong))
    assert "400" in said
    answer = hosted.index.upload(wrong)
    assert answer.status == 400
    assert answer.text.strip() in said
    assert hosted.index.projects() == []
