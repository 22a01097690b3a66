"""What twine, uv, poetry, hatch, flit and pdm publish, each with what its users build with."""

from collections.abc import Callable
from pathlib import Path

import pytest

from artifactd.auth.principal import Verb
from tests.support.homes import Home
from tests.support.hosted import Hosted
from tests.support.projects import Project
from tests.support.publishers import PUBLISHERS, Publisher
from tests.support.serving import ADMIN, Login

Built = Callable[..., Project]


@pytest.fixture(params=PUBLISHERS)
def publisher(request: pytest.FixtureRequest) -> Publisher:
    return PUBLISHERS[request.param]


def stored(hosted: Hosted, project: Project) -> list[bytes]:
    """The project's files as the repository has them."""
    answers = [hosted.index.get(f"packages/{project.name}/{file.name}") for file in project.files]
    assert {answer.status for answer in answers} == {200}
    return [answer.body for answer in answers]


def test_what_is_published_is_installed(
    publisher: Publisher, hosted: Hosted, home: Home, built: Built, tmp_path: Path
) -> None:
    # pypi R22: the URL has no slash at the end. R90, R91, R94, R96
    project = built(publisher.backend)
    said = publisher.publish(home, project, hosted.url, ADMIN)
    assert said.code == 0, said.text
    assert stored(hosted, project) == [file.read_bytes() for file in project.files]
    install = home.program("uv", "pip", "install", "--no-cache", "--index-url", hosted.simple_as())
    install("--target", tmp_path / "there", project.name)
    assert (tmp_path / "there" / f"{project.name.replace('-', '_')}.py").is_file()
    described = hosted.index.project(project.name)
    assert {file["requires-python"] for file in described["files"]} == {">=3.8"}


def test_what_is_published_again_is_no_error(
    publisher: Publisher, hosted: Hosted, home: Home, built: Built
) -> None:
    # pypi R99
    project = built(publisher.backend)
    serials = []
    for _ in range(2):
        said = publisher.publish(home, project, f"{hosted.url}/", ADMIN)
        assert said.code == 0, said.text
        serials.append(hosted.index.serial(project.name))
    assert serials[0] == serials[1]


def test_other_bytes_are_refused(publisher: Publisher, hosted: Hosted, home: Home, built: Built) -> None:
    # pypi R99, R100, R103
    first, other = built(publisher.backend), built(publisher.backend, "changed")
    assert PUBLISHERS["uv"].publish(home, first, hosted.url, ADMIN).code == 0
    said = publisher.publish(home, other, hosted.url, ADMIN)
    assert said.code != 0, said.text
    assert ("File already exists" in said.text) == (400 in publisher.quotes), said.text
    assert "400" in said.text
    assert stored(hosted, first) == [file.read_bytes() for file in first.files]


def test_a_token_is_a_password(publisher: Publisher, hosted: Hosted, home: Home, built: Built) -> None:
    # pypi R104
    token = hosted.token(hosted.user(Verb.READ, Verb.WRITE))
    assert token.name == "__token__"
    said = publisher.publish(home, built(publisher.backend), f"{hosted.url}/legacy/", token)
    assert said.code == 0, said.text


def test_a_wrong_password_is_refused(
    publisher: Publisher, hosted: Hosted, home: Home, built: Built
) -> None:
    # pypi R103, R104
    said = publisher.publish(home, built(publisher.backend), hosted.url, Login(ADMIN.name, "typo"))
    assert said.code != 0, said.text
    assert "401" in said.text or "credentials" in said.text, said.text
    assert hosted.index.projects() == []


def test_who_may_only_read_is_refused(
    publisher: Publisher, hosted: Hosted, home: Home, built: Built
) -> None:
    # pypi R103, R104
    reader = hosted.user(Verb.READ)
    said = publisher.publish(home, built(publisher.backend), hosted.url, reader)
    assert said.code != 0, said.text
    assert "403" in said.text, said.text
    assert (sentence(hosted, reader) in said.text) == (403 in publisher.quotes), said.text
    assert hosted.index.projects() == []


def sentence(hosted: Hosted, login: Login) -> str:
    """What the server says to who may not upload."""
    from tests.support.distributions import wheel

    answer = hosted.index.by(login).upload(wheel("acme-refused"))
    assert answer.status == 403
    return answer.text.strip()
