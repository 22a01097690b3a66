"""uv, which begins a form with its action, sends it in chunks and reads pages between uploads."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from artifactd.auth.principal import Verb
from tests.support.attestations import attestation
from tests.support.distributions import Distribution, wheel
from tests.support.homes import Home
from tests.support.hosted import Hosted
from tests.support.programs import Program, Said
from tests.support.serving import ADMIN


@pytest.fixture
def publish(home: Home, hosted: Hosted) -> Program:
    """uv, as the administrator, for this test's repository."""
    flags = ("--publish-url", hosted.url, "-u", ADMIN.name, "-p", ADMIN.password)
    return home.program("uv", "publish", *flags)


def written(folder: Path, distribution: Distribution) -> Path:
    folder.mkdir(exist_ok=True)
    file = folder / distribution.filename
    file.write_bytes(distribution.content)
    return file


def test_what_is_there_already_is_not_sent_again(publish: Program, hosted: Hosted, tmp_path: Path) -> None:
    # pypi R101: the page has a file the moment its upload is answered.
    first, second = (written(tmp_path, wheel("acme-twice", version)) for version in ("1.0", "1.1"))
    check = ("--check-url", hosted.simple_as())
    publish(*check, first)
    said = publish.attempt(*check, first, second)
    assert said.code == 0, said.text
    assert f"Uploading {second.name}" in said.text
    assert f"Uploading {first.name}" not in said.text
    assert set(hosted.index.files("acme-twice")) == {first.name, second.name}


def test_other_bytes_than_the_page_has_are_an_error(
    publish: Program, hosted: Hosted, tmp_path: Path
) -> None:
    # pypi R101
    hosted.publish(wheel("acme-other"))
    other = written(tmp_path, wheel("acme-other", comment="other"))
    said = publish.refused("--check-url", hosted.simple_as(), other)
    assert "Local file and index file do not match" in said
    assert hosted.index.file(wheel("acme-other")).body == wheel("acme-other").content


def test_a_page_as_the_target_says_where_uploads_go(home: Home, hosted: Hosted, tmp_path: Path) -> None:
    # pypi R23
    file = written(tmp_path, wheel("acme-page"))
    flags = ("--publish-url", f"{hosted.simple}acme-page/", "-u", ADMIN.name, "-p", ADMIN.password)
    said = home.program("uv", "publish").refused(*flags, file)
    assert "are you using the simple index URL instead of the upload URL?" in said, said
    assert f"/repository/{hosted.name}" in said.partition("Server says: ")[2], said


def test_the_list_of_projects_takes_uploads_too(home: Home, hosted: Hosted, tmp_path: Path) -> None:
    # pypi R22
    file = written(tmp_path, wheel("acme-list"))
    flags = ("--publish-url", hosted.simple, "-u", ADMIN.name, "-p", ADMIN.password)
    home.program("uv", "publish")(*flags, file)
    assert hosted.index.projects() == ["acme-list"]


def test_an_index_of_a_project_says_where_its_files_go(home: Home, hosted: Hosted) -> None:
    # pypi R101, R104, T2
    token = hosted.token(hosted.user(Verb.READ, Verb.WRITE))
    home.write(
        "pyproject.toml",
        f'''[project]
name = "acme-app"
version = "1.0"

[[tool.uv.index]]
name = "ours"
url = "{hosted.simple}"
publish-url = "{hosted.url}/"
''',
    )
    written(home.folder / "dist", wheel("acme-app"))
    reading = {"UV_INDEX_OURS_USERNAME": token.name, "UV_INDEX_OURS_PASSWORD": token.password}
    publish = home.program("uv", "publish", "--index", "ours", UV_PUBLISH_TOKEN=token.password, **reading)
    assert "Uploading acme_app" in publish.attempt().text
    assert "already exists, skipping" in publish.attempt().text
    assert hosted.index.projects() == ["acme-app"]


def test_attestations_beside_a_file_go_with_it(publish: Program, hosted: Hosted, tmp_path: Path) -> None:
    # pypi R106
    attested = wheel("acme-attested")
    file = written(tmp_path, attested)
    given = attestation(attested)
    beside = tmp_path / f"{attested.filename}.publish.attestation"
    beside.write_text(json.dumps(given))
    publish(file, beside)
    [bundle] = hosted.index.file(attested, ".provenance").json()["attestation_bundles"]
    assert bundle["attestations"] == [given]


def test_sixteen_uploads_of_one_new_project_succeed_at_once(
    publish: Program, hosted: Hosted, tmp_path: Path
) -> None:
    # pypi R109
    files = [written(tmp_path, wheel("acme-new", f"1.{number}")) for number in range(16)]
    with ThreadPoolExecutor(len(files)) as pool:
        ended = list(pool.map(publish.attempt, files))
    assert [said.text for said in ended if said.code] == []
    assert set(hosted.index.files("acme-new")) == {file.name for file in files}
    assert hosted.index.project("acme-new")["versions"] == [f"1.{number}" for number in range(16)]


def test_sixteen_uploads_of_one_file_end_alike(publish: Program, hosted: Hosted, tmp_path: Path) -> None:
    # pypi R99, R109: some carry other bytes of the same name. Whichever came first, stays.
    files = [written(tmp_path / str(kind), wheel("acme-same", comment=str(kind))) for kind in range(2)]
    with ThreadPoolExecutor(16) as pool:
        ended: list[Said] = list(pool.map(publish.attempt, files * 8))
    winner = hosted.index.file(wheel("acme-same")).body
    kept = [file.read_bytes() == winner for file in files]
    assert sorted(kept) == [False, True]
    assert [said.code == 0 for said in ended] == kept * 8
    assert all("File already exists" in said.text for said in ended if said.code)


def test_an_upload_is_there_for_whoever_asks_next(
    publish: Program, home: Home, hosted: Hosted, tmp_path: Path
) -> None:
    # pypi R101: in every web process, though an earlier page was asked for a moment ago.
    resolve = home.program("uv", "pip", "compile", "--no-cache", "-q", "--no-annotate", "--no-header", "-")
    for number in range(15):
        publish(written(tmp_path, wheel("acme-next", f"1.{number}")))
        said = resolve("--index-url", hosted.simple_as(), stdin="acme-next")
        assert said.strip() == f"acme-next==1.{number}"
