"""Uploads that a repository refuses by rule: uv shows its user the sentence, and nothing is stored."""

import pytest

from artifactd.auth.principal import Verb
from tests.support.distributions import Distribution, wheel
from tests.support.homes import Home
from tests.support.hosted import Hosted
from tests.support.programs import Said
from tests.support.serving import ADMIN, Login


def published(home: Home, hosted: Hosted, distribution: Distribution, login: Login = ADMIN) -> Said:
    """What uv said."""
    file = home.folder / distribution.filename
    file.write_bytes(distribution.content)
    flags = ("--publish-url", hosted.url, "-u", login.name, "-p", login.password)
    return home.program("uv", "publish").attempt(*flags, file)


def test_an_archived_project_takes_no_more(home: Home, hosted: Hosted) -> None:
    # pypi R53, R105
    hosted.publish(wheel("acme-old"))
    status = hosted.index.request("PUT", "pypi/acme-old/status", b'{"status": "archived"}')
    assert status.status == 204
    said = published(home, hosted, wheel("acme-old", "1.1"))
    assert said.code != 0
    assert "archived" in said.text.partition("Server says: ")[2], said.text
    install = home.program("uv", "pip", "install", "--no-cache", "--index-url", hosted.simple_as())
    install("--target", home.folder / "there", "acme-old")


def test_a_quarantined_project_is_not_installed(home: Home, hosted: Hosted) -> None:
    # pypi R53
    hosted.publish(wheel("acme-bad"))
    pip = home.program("pip-26", "download", "--no-cache-dir", "--index-url", hosted.simple_as())
    pip("acme-bad")
    status = hosted.index.request("PUT", "pypi/acme-bad/status", b'{"status": "quarantined"}')
    assert status.status == 204
    said = pip.refused("acme-bad")
    assert "No matching distribution" in said
    said = published(home, hosted, wheel("acme-bad", "1.1")).text
    assert "quarantined" in said.partition("Server says: ")[2], said


def test_a_repository_that_takes_nothing_says_so(home: Home, hosted: Hosted) -> None:
    # pypi R105, L15
    hosted.server.repository(hosted.name, "pypi", write_policy="deny")
    said = published(home, hosted, wheel("acme-denied"))
    assert said.code != 0
    assert "Server says: " in said.text, said.text
    assert hosted.index.projects() == []


def test_rights_may_end_at_the_names_of_a_team(home: Home, hosted: Hosted) -> None:
    role = f"{hosted.name}-team"
    hosted.server.allow(role, hosted.name, Verb.READ, Verb.WRITE, path="acme-*/**")
    team = hosted.server.user(role, "correct-horse", role)
    assert published(home, hosted, wheel("Acme.App"), team).code == 0
    said = published(home, hosted, wheel("other"), team)
    assert said.code != 0
    assert "403" in said.text, said.text
    assert hosted.index.projects() == ["acme-app"]


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        (wheel("acme-one", filename="acme_two-1.0-py3-none-any.whl"), "name"),
        (wheel("acme-one", "1.0", filename="acme_one-1.1-py3-none-any.whl"), "version"),
        (wheel("acme-one", metadata=b"Metadata-Version: 2.4\nName: acme-two\nVersion: 1.0\n"), "name"),
    ],
    ids=["the name of the file", "the version of the file", "the name within"],
)
def test_names_that_disagree_are_named(home: Home, hosted: Hosted, wrong: Distribution, word: str) -> None:
    # pypi R5, R96, R103
    said = published(home, hosted, wrong)
    assert said.code != 0
    if "Server says: " in said.text:  # uv checks some of it itself
        assert word in said.text.partition("Server says: ")[2].lower()
    answer = hosted.index.upload(wrong)
    assert answer.status == 400
    assert word in answer.text.lower()
    assert hosted.index.projects() == []
