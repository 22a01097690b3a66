"""uv, which asks for JSON and metadata, on many connections at once."""

import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from artifactd.auth.principal import Verb
from tests.support.distributions import sdist, wheel
from tests.support.homes import Home
from tests.support.hosted import Hosted
from tests.support.programs import Program
from tests.support.serving import ADMIN, Login, eventually

CONSUMER = """
[project]
name = "consumer"
version = "0"
requires-python = ">=3.11"
dependencies = ["acme-app", "acme-source"]

[[tool.uv.index]]
name = "ours"
url = "{simple}"
default = true
"""


@pytest.fixture
def compile(home: Home, hosted: Hosted) -> Program:
    """`uv pip compile` of what comes by standard input, which keeps what it has read."""
    flags = ("--quiet", "--no-annotate", "--no-header", "--index-url", hosted.simple_as())
    return home.program("uv", "pip", "compile", *flags, "-")


def test_versions_are_resolved_by_metadata_alone(compile: Program, hosted: Hosted) -> None:
    # pypi R31, R45, R47
    app, lib = wheel("acme-app", requires=["acme-lib>=1", "acme-extra; extra == 'x'"]), wheel("acme-lib")
    hosted.publish(app, lib, wheel("acme-lib", "0.9"))
    assert compile(stdin="acme-app").split() == ["acme-app==1.0", "acme-lib==1.0"]

    def fetched() -> set[str]:
        return {request.file for request in hosted.requests()} - {""}

    eventually(lambda: len(fetched()) == 2)
    assert fetched() == {f"{app.filename}.metadata", f"{lib.filename}.metadata"}


def test_what_did_not_change_is_not_sent_again(compile: Program, hosted: Hosted) -> None:
    # pypi R33, T7
    hosted.publish(wheel("acme-app", requires=["acme-lib"]), wheel("acme-lib"), wheel("acme-other"))

    def pages(status: int) -> int:
        return sum(request.status == status for request in hosted.requests() if "simple/" in request.path)

    compile("--refresh", stdin="acme-app")
    eventually(lambda: pages(200) == 2)
    compile("--refresh", stdin="acme-app")
    eventually(lambda: pages(304) == 2)
    hosted.publish(wheel("acme-lib", "1.1"))
    assert compile("--refresh", stdin="acme-app").split() == ["acme-app==1.0", "acme-lib==1.1"]
    eventually(lambda: (pages(200), pages(304)) == (3, 3))


def test_what_came_later_can_be_left_out(compile: Program, hosted: Hosted) -> None:
    # pypi R50
    hosted.publish(wheel("acme-dated", "1.0"))
    hosted.publish(wheel("acme-dated", "1.1"))
    second = hosted.index.files("acme-dated")[wheel("acme-dated", "1.1").filename]["upload-time"]
    assert compile(stdin="acme-dated").strip() == "acme-dated==1.1"
    assert compile("--exclude-newer", second, stdin="acme-dated").strip() == "acme-dated==1.0"
    assert "no version" in compile.attempt("--exclude-newer", "2020-01-01", stdin="acme-dated").err


def test_yanked_versions_and_other_pythons_are_passed_over(compile: Program, hosted: Hosted) -> None:
    # pypi R43, R44
    hosted.publish(
        wheel("acme-some", "1.0"),
        wheel("acme-some", "1.1", requires_python=">=3.12"),
        wheel("acme-some", "1.2"),
        wheel("acme-some", "1.3rc1"),
    )
    assert hosted.index.request("PUT", "pypi/acme-some/1.2/yank").status == 204
    chosen = ("--python-version", "3.11")
    assert compile(*chosen, stdin="acme-some").strip() == "acme-some==1.0"
    assert compile("--python-version", "3.12", stdin="acme-some").strip() == "acme-some==1.1"
    assert compile(*chosen, stdin="acme-some==1.2").strip() == "acme-some==1.2"
    assert compile(*chosen, "--prerelease", "allow", stdin="acme-some").strip() == "acme-some==1.3rc1"
    assert hosted.index.request("DELETE", "pypi/acme-some/1.2/yank").status == 204
    assert compile(*chosen, "--refresh", stdin="acme-some").strip() == "acme-some==1.2"


def test_local_versions_and_spellings_are_found(home: Home, hosted: Hosted, tmp_path: Path) -> None:
    # pypi R1, R4, T9
    hosted.publish(wheel("Acme.Torch", "2.1+cu118"), wheel("Acme.Torch", "1!0.5"))
    install = home.program("uv", "pip", "install", "--no-cache", "--index-url", hosted.simple_as())
    install("--target", tmp_path / "local", "acme__torch==2.1+cu118")
    install("--target", tmp_path / "epoch", "ACME-torch")
    assert (tmp_path / "local" / "acme_torch-2.1+cu118.dist-info").is_dir()
    assert (tmp_path / "epoch" / "acme_torch-1!0.5.dist-info").is_dir()


def test_hashes_are_locked_and_checked(home: Home, hosted: Hosted, tmp_path: Path) -> None:
    # pypi R42, T5
    app = wheel("acme-app")
    hosted.publish(app)
    index = ("--index-url", hosted.simple_as())
    locked = home.program("uv", "pip", "compile", "-q", "--generate-hashes", "-")(*index, stdin="acme-app")
    assert app.sha256 in locked
    (tmp_path / "wanted.txt").write_text(locked)
    flags = (
        "--no-cache",
        "--require-hashes",
        "-r",
        tmp_path / "wanted.txt",
        "--target",
        tmp_path / "there",
    )
    home.program("uv", "pip", "install")(*index, *flags)
    (tmp_path / "wanted.txt").write_text(locked.replace(app.sha256, "0" * 64))
    assert "Hash mismatch" in home.program("uv", "pip", "install").refused(*index, *flags, "--reinstall")


@pytest.mark.parametrize("way", ["password", "token", "netrc"])
def test_a_project_is_locked_and_synced(home: Home, hosted: Hosted, tmp_path: Path, way: str) -> None:
    # pypi R104, R170, T2
    app, source = wheel("acme-app", requires=["acme-lib"]), sdist("acme-source")
    hosted.publish(app, source, wheel("acme-lib"))
    login = hosted.user(Verb.READ)
    if way == "token":
        login = hosted.token(login)
    environment = {"UV_INDEX_OURS_USERNAME": login.name, "UV_INDEX_OURS_PASSWORD": login.password}
    if way == "netrc":
        home.write(".netrc", f"machine 127.0.0.1 login {login.name} password {login.password}\n", 0o600)
        environment = {}
    (tmp_path / "pyproject.toml").write_text(CONSUMER.format(simple=hosted.simple))
    uv = home.program("uv", **environment)
    uv("lock", cwd=tmp_path)
    lock = (tmp_path / "uv.lock").read_text()
    assert f"sha256:{app.sha256}" in lock
    assert f"size = {app.size}" in lock
    assert login.password not in lock
    uv("sync", "--locked", "--no-cache", cwd=tmp_path)
    [packages] = (tmp_path / ".venv").glob("lib/python*/site-packages")
    synced = {path.name.partition("-")[0] for path in packages.glob("*.dist-info")}
    assert synced == {"acme_app", "acme_lib", "acme_source"}


@pytest.mark.parametrize("login", [None, Login(ADMIN.name, "typo")], ids=["nobody", "a typo"])
def test_nothing_is_read_without_credentials(home: Home, hosted: Hosted, login: Login | None) -> None:
    # pypi R56, L16
    hosted.publish(wheel("acme-private"))
    index = hosted.simple if login is None else hosted.simple_as(login)
    said = home.program("uv", "pip", "compile", "-", "--index-url", index).refused(stdin="acme-private")
    assert "401" in said, said


def test_a_project_of_another_index_is_looked_for_there(home: Home, hosted: Hosted) -> None:
    # pypi R56: 404 means elsewhere; any other answer would end the search.
    other = Hosted(hosted.server, hosted.server.repository(f"{hosted.name[:50]}-other", "pypi"))
    hosted.publish(wheel("acme-here"))
    other.publish(wheel("acme-there"))
    compile = home.program("uv", "pip", "compile", "-q", "--no-annotate", "--no-header", "-")
    indexes = ("--index-url", other.simple_as(), "--extra-index-url", hosted.simple_as())
    assert compile(*indexes, stdin="acme-here\nacme-there").split() == ["acme-here==1.0", "acme-there==1.0"]


def test_a_repository_is_installed_from_as_it_was(compile: Program, home: Home, hosted: Hosted) -> None:
    hosted.publish(wheel("acme-app", "1.0"), wheel("acme-lib", "1.0"))
    then = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=1)
    eventually(lambda: datetime.now(UTC) > then + timedelta(seconds=1))
    hosted.publish(wheel("acme-app", "1.1", requires=["acme-lib"]))
    assert hosted.index.request("DELETE", "pypi/acme-lib/1.0").status == 204
    past = Hosted(hosted.server, f"{hosted.name}.at.{then:%Y-%m-%dt%H%M%Sz}")
    flags = ("--no-cache", "--index-url", past.simple_as(), "--target", home.folder / "there")
    home.program("uv", "pip", "install")(*flags, "acme-app", "acme-lib")
    assert {path.name for path in (home.folder / "there").glob("*.dist-info")} == {
        "acme_app-1.0.dist-info",
        "acme_lib-1.0.dist-info",
    }
    compile.refused(stdin="acme-app==1.1")  # it needs what is gone


def test_two_at_once_ask_for_hundreds_of_projects(home: Home, hosted: Hosted, tmp_path: Path) -> None:
    # pypi R172
    count = 150
    names = [f"acme-part-{number:03}" for number in range(count)]
    hosted.publish(wheel("acme-all", requires=names), *(wheel(name) for name in names))
    flags = ("--no-cache", "--index-url", hosted.simple_as())
    install = home.program("uv", "pip", "install", "-q", *flags)
    targets = [tmp_path / "one", tmp_path / "two"]
    running = [
        subprocess.Popen([install.path, *install.flags, "--target", target, "acme-all"])
        for target in targets
    ]
    assert [process.wait(60) for process in running] == [0, 0]
    for target in targets:
        assert len(list(target.glob("*.dist-info"))) == count + 1
