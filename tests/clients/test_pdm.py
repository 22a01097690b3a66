"""pdm, which reads an index by way of a source that its project names."""

from pathlib import Path

from artifactd.auth.principal import Verb
from tests.support.distributions import wheel
from tests.support.homes import Home
from tests.support.hosted import Hosted
from tests.support.serving import Login

CONSUMER = """
[project]
name = "consumer"
version = "0"
requires-python = ">=3.11"
dependencies = ["acme-app"]

[tool.pdm]
distribution = false

[[tool.pdm.source]]
name = "pypi"
url = "{simple}"
"""


def test_a_project_is_locked_and_synced(home: Home, hosted: Hosted, tmp_path: Path) -> None:
    app = wheel("acme-app", "1.0", requires=["acme-lib>=1"])
    hosted.publish(app, wheel("acme-app", "1.1", requires_python=">=4"), wheel("acme-lib"))
    consumer(tmp_path, hosted, hosted.token(hosted.user(Verb.READ)))
    home.program("uv", "venv", "-q")(cwd=tmp_path)
    pdm = home.program("pdm")
    pdm("lock", cwd=tmp_path)
    assert f'hash = "sha256:{app.sha256}"' in (tmp_path / "pdm.lock").read_text()
    pdm("sync", "--no-self", cwd=tmp_path)
    [packages] = (tmp_path / ".venv").glob("lib/python*/site-packages")
    installed = {path.name for path in packages.glob("acme*.dist-info")}
    assert installed == {"acme_app-1.0.dist-info", "acme_lib-1.0.dist-info"}


def test_nothing_is_locked_without_credentials(home: Home, hosted: Hosted, tmp_path: Path) -> None:
    hosted.publish(wheel("acme-app"))
    consumer(tmp_path, hosted, None)
    home.program("uv", "venv", "-q")(cwd=tmp_path)
    said = home.program("pdm").attempt("lock", cwd=tmp_path)
    assert said.code != 0, said.text


def consumer(folder: Path, hosted: Hosted, login: Login | None) -> None:
    """Write the project that needs ours."""
    text = CONSUMER.format(simple=hosted.simple)
    if login is not None:
        text += f'username = "{login.name}"\npassword = "{login.password}"\n'
    (folder / "pyproject.toml").write_text(text)
