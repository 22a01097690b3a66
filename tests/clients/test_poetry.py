"""poetry, which reads an index by way of a source that its project names."""

from collections.abc import Callable
from pathlib import Path

from artifactd.auth.principal import Verb
from tests.support.distributions import wheel
from tests.support.homes import Home
from tests.support.hosted import Hosted
from tests.support.projects import Project
from tests.support.publishers import PUBLISHERS
from tests.support.serving import ADMIN

CONSUMER = """
[project]
name = "consumer"
version = "0"
requires-python = ">=3.11,<4"
dependencies = ["acme-app"]

[tool.poetry]
package-mode = false

[[tool.poetry.source]]
name = "ours"
url = "{simple}"
priority = "primary"
"""


def test_a_project_is_locked_and_installed(home: Home, hosted: Hosted, tmp_path: Path) -> None:
    # pypi R47, T3
    app = wheel("acme-app", "1.0", requires=["acme-lib>=1"])
    hosted.publish(app, wheel("acme-app", "1.1"), wheel("acme-lib"), wheel("acme-lib", "0.9"))
    assert hosted.index.request("PUT", "pypi/acme-app/1.1/yank").status == 204
    (tmp_path / "pyproject.toml").write_text(CONSUMER.format(simple=hosted.simple))
    token = hosted.token(hosted.user(Verb.READ))
    credentials = {
        "POETRY_HTTP_BASIC_OURS_USERNAME": token.name,
        "POETRY_HTTP_BASIC_OURS_PASSWORD": token.password,
    }
    poetry = home.program("poetry", "-n", **credentials)
    poetry("lock", cwd=tmp_path)
    lock = (tmp_path / "poetry.lock").read_text()
    assert f'"sha256:{app.sha256}"' in lock
    assert "acme_app-1.1" not in lock
    poetry("install", cwd=tmp_path)
    [packages] = (tmp_path / ".venv").glob("lib/python*/site-packages")
    installed = {path.name for path in packages.glob("acme*.dist-info")}
    assert installed == {"acme_app-1.0.dist-info", "acme_lib-1.0.dist-info"}


def test_nothing_is_locked_without_credentials(home: Home, hosted: Hosted, tmp_path: Path) -> None:
    hosted.publish(wheel("acme-app"))
    (tmp_path / "pyproject.toml").write_text(CONSUMER.format(simple=hosted.simple))
    said = home.program("poetry", "-n").attempt("lock", cwd=tmp_path)
    assert said.code != 0, said.text
    assert "401" in said.text or "authoriz" in said.text.lower(), said.text


def test_files_that_exist_can_be_skipped(home: Home, hosted: Hosted, built: Callable[..., Project]) -> None:
    # pypi R100, T3: poetry reads from the refusal that there is such a file.
    first, changed = built("poetry"), built("poetry", "changed")
    assert PUBLISHERS["uv"].publish(home, first, hosted.url, ADMIN).code == 0
    poetry = home.program("poetry", "publish", "-n", POETRY_REPOSITORIES_OURS_URL=hosted.url)
    flags = ("--skip-existing", "-r", "ours", "-u", ADMIN.name, "-p", ADMIN.password)
    poetry(*flags, cwd=changed.folder)
    for file in first.files:
        assert hosted.index.get(f"packages/{first.name}/{file.name}").body == file.read_bytes()
