"""pip as it was and as it is: 20 knows only HTML, 23 asks for JSON and metadata, 26 resumes downloads."""

import hashlib
import random
from pathlib import Path

import pytest

from artifactd.auth.principal import Verb
from tests.support.cutting import cutting
from tests.support.distributions import sdist, wheel
from tests.support.homes import Home
from tests.support.hosted import Hosted
from tests.support.programs import Program
from tests.support.serving import ADMIN, Login, eventually


@pytest.fixture(params=["pip-20", "pip-23", "pip-26"])
def pip(request: pytest.FixtureRequest, home: Home) -> Program:
    return home.program(request.param)


@pytest.fixture
def newest(home: Home) -> Program:
    return home.program("pip-26")


@pytest.fixture
def there(tmp_path: Path) -> Path:
    """Where what is downloaded goes."""
    return tmp_path / "there"


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_project_is_installed_with_what_it_needs(pip: Program, hosted: Hosted, there: Path) -> None:
    # pypi R30, R31, R54, R170, T1
    hosted.publish(wheel("acme-app", requires=["acme-lib>=1"]), wheel("acme-lib"), wheel("acme-lib", "0.9"))
    pip("install", "--index-url", hosted.simple_as(), "--target", there, "acme-app")
    installed = names(there)
    assert {"acme_app", "acme_app-1.0.dist-info", "acme_lib", "acme_lib-1.0.dist-info"} <= set(installed)


def test_a_source_distribution_is_built_and_installed(pip: Program, hosted: Hosted, there: Path) -> None:
    # pypi R70
    hosted.publish(sdist("acme-source"), wheel("acme-source"))
    flags = ("--no-binary", ":all:", "--target", there)
    pip("install", "--index-url", hosted.simple_as(), *flags, "acme-source")
    assert (there / "acme_source").is_dir()


def test_credentials_are_read_from_netrc(pip: Program, home: Home, hosted: Hosted, there: Path) -> None:
    # pypi R170
    hosted.publish(wheel("acme-netrc"))
    user = hosted.user(Verb.READ)
    home.write(".netrc", f"machine 127.0.0.1 login {user.name} password {user.password}\n", 0o600)
    pip("download", "--index-url", hosted.simple, "-d", there, "acme-netrc")
    assert names(there) == [wheel("acme-netrc").filename]


def test_a_token_is_a_password(pip: Program, hosted: Hosted, there: Path) -> None:
    # pypi R104
    hosted.publish(wheel("acme-token"))
    token = hosted.token(hosted.user(Verb.READ))
    pip("download", "--index-url", hosted.simple_as(token), "-d", there, "acme-token")
    assert names(there) == [wheel("acme-token").filename]


def test_nothing_is_downloaded_without_credentials(pip: Program, hosted: Hosted, there: Path) -> None:
    # pypi R170, L16
    hosted.publish(wheel("acme-private"))
    said = pip.refused("download", "--no-input", "--index-url", hosted.simple, "-d", there, "acme-private")
    assert "No matching distribution" in said
    eventually(lambda: 401 in {request.status for request in hosted.requests()})


def test_a_wrong_password_is_refused(newest: Program, hosted: Hosted, there: Path) -> None:
    # pypi R104: earlier versions of pip say only that they found nothing.
    hosted.publish(wheel("acme-private"))
    index = hosted.simple_as(Login(ADMIN.name, "typo"))
    said = newest.refused("download", "--no-input", "--index-url", index, "-d", there, "acme-private")
    assert "401 Error, Credentials not correct" in said, said


def test_a_public_repository_is_read_without_credentials(pip: Program, hosted: Hosted, there: Path) -> None:
    hosted.publish(wheel("acme-public"))
    hosted.server.allow("anonymous", f"{hosted.name}*", Verb.READ)
    try:
        pip("download", "--index-url", hosted.simple, "-d", there, "acme-public")
    finally:
        hosted.server.allow("anonymous", "nothing", Verb.READ)
    assert names(there) == [wheel("acme-public").filename]


def test_hashes_are_required(pip: Program, hosted: Hosted, there: Path, tmp_path: Path) -> None:
    # pypi R74, T5
    good = wheel("acme-hashed")
    hosted.publish(good)
    wanted = tmp_path / "wanted.txt"
    flags = ("--require-hashes", "-r", wanted, "--index-url", hosted.simple_as(), "-d", there)
    wanted.write_text(f"acme-hashed==1.0 --hash=sha256:{hashlib.sha256(b'else').hexdigest()}\n")
    assert "HASHES" in pip.refused("download", *flags) or not there.exists()
    wanted.write_text(f"acme-hashed==1.0 --hash=sha256:{good.sha256}\n")
    pip("download", *flags)
    assert (there / good.filename).read_bytes() == good.content


def test_a_yanked_version_is_installed_only_by_its_number(
    pip: Program, hosted: Hosted, there: Path
) -> None:
    # pypi R44
    hosted.publish(wheel("acme-yanked", "1.0"), wheel("acme-yanked", "2.0"))
    yank = hosted.index.request(
        "PUT", "pypi/acme-yanked/2.0/yank", b'{"reason": "it \\u003cbreaks\\u003e"}'
    )
    assert yank.status == 204
    flags = ("--index-url", hosted.simple_as(), "-d", there)
    pip("download", *flags, "acme-yanked")
    assert names(there) == [wheel("acme-yanked", "1.0").filename]
    said = pip.attempt("download", *flags, "acme-yanked==2.0")
    assert said.code == 0, said.text
    assert "it <breaks>" in said.text
    assert wheel("acme-yanked", "2.0").filename in names(there)


def test_other_versions_of_python_get_what_is_for_them(pip: Program, hosted: Hosted, there: Path) -> None:
    # pypi R43
    old = wheel("acme-python", "1.0", requires_python=">=3.6,<4,!=3.7.*")
    hosted.publish(old, wheel("acme-python", "2.0", requires_python=">=3.8"))
    flags = ("--index-url", hosted.simple_as(), "-d", there, "--only-binary", ":all:")
    pip("download", *flags, "--python-version", "3.6", "acme-python")
    assert names(there) == [old.filename]
    pip("download", *flags, "acme-python")
    assert wheel("acme-python", "2.0").filename in names(there)
    pip.refused("download", *flags, "--python-version", "3.7", "acme-python")


VERSIONS = ["1.0", "1.0.post1", "1.1rc1", "2.0.dev3", "1.0+cu118", "1.1"]


WANTED = {
    "acme-many": "1.1",
    "acme-many==1.1rc1": "1.1rc1",
    "acme-many==1.0+cu118": "1.0+cu118",
    "acme-many<1.1": "1.0.post1",
    "acme-many==1.0.*,!=1.0.post1": "1.0+cu118",
    "acme-many>=2.0.dev0": "2.0.dev3",
}


def test_versions_are_ordered_as_they_are_meant(newest: Program, hosted: Hosted, there: Path) -> None:
    # pypi R3, R4, T6
    hosted.publish(*(wheel("acme-many", version) for version in VERSIONS))
    for number, (wanted, found) in enumerate(WANTED.items()):
        folder = there / str(number)
        newest("download", "--index-url", hosted.simple_as(), "-d", folder, wanted)
        assert names(folder) == [wheel("acme-many", found).filename]


def test_an_epoch_beats_every_version_before_it(pip: Program, hosted: Hosted, there: Path) -> None:
    # pypi R3, R4: the file names hold `!` and `+`.
    hosted.publish(
        wheel("acme-epoch", "2024.1"), wheel("acme-epoch", "1!1.0"), sdist("acme-epoch", "1!0.1")
    )
    flags = ("--index-url", hosted.simple_as(), "-d", there)
    pip("download", *flags, "acme-epoch")
    assert names(there) == [wheel("acme-epoch", "1!1.0").filename]
    hosted.publish(wheel("acme-epoch", "1!1.0+local.2"))
    pip("download", *flags, "acme-epoch==1!1.0+local.2")
    assert wheel("acme-epoch", "1!1.0+local.2").filename in names(there)


def test_every_spelling_of_a_name_reaches_the_project(pip: Program, hosted: Hosted, there: Path) -> None:
    # pypi R1, R21, T9
    hosted.publish(wheel("Foo.Bar"))
    for spelling in ("FOO.bar", "foo-._bar"):
        pip(
            "download",
            "--no-cache-dir",
            "--index-url",
            hosted.simple_as(),
            "-d",
            there / spelling,
            spelling,
        )
        assert names(there / spelling) == [wheel("Foo.Bar").filename]


def test_the_versions_of_a_project_are_listed(newest: Program, hosted: Hosted) -> None:
    # pypi R40, T6
    hosted.publish(*(wheel("acme-many", version) for version in [*VERSIONS, "1!0.1"]))
    said = newest("index", "versions", "--pre", "--index-url", hosted.simple_as(), "acme-many")
    listed = said.partition("Available versions: ")[2].splitlines()[0].split(", ")
    assert listed == ["1!0.1", "2.0.dev3", "1.1", "1.1rc1", "1.0.post1", "1.0+cu118", "1.0"]


@pytest.mark.parametrize("version", ["pip-23", "pip-26"])
def test_metadata_is_read_before_a_wheel_is_fetched(
    home: Home, hosted: Hosted, there: Path, version: str
) -> None:
    # pypi R46, R47: the wheel of a version that is turned down is never fetched.
    newer, older = wheel("acme-app", "2.0", requires=["acme-lib<1"]), wheel("acme-app", "1.0")
    hosted.publish(newer, older, wheel("acme-lib"))
    flags = ("--index-url", hosted.simple_as(), "-d", there)
    home.program(version)("download", *flags, "acme-lib==1.0", "acme-app")
    eventually(lambda: older.filename in fetched(hosted))
    assert f"{newer.filename}.metadata" in fetched(hosted)
    assert newer.filename not in fetched(hosted)


def fetched(hosted: Hosted) -> list[str]:
    """The names of the files that were asked for."""
    return [request.file for request in hosted.requests() if request.method == "GET" and request.file]


def test_parts_of_a_wheel_are_served(newest: Program, hosted: Hosted, there: Path) -> None:
    # pypi R48, R49: what readers of remote wheels ask for, the directory at the end of the ZIP file.
    large = wheel("acme-large", files={"acme_large.bin": noise(100_000)})
    hosted.publish(large)
    path = f"packages/{large.path}"
    head = hosted.index.head(path, accept_encoding="identity")
    assert (head.header("accept-ranges"), head.header("content-length")) == ("bytes", str(large.size))
    tail = hosted.index.get(
        path, accept_encoding="gzip", range=f"bytes={large.size - 16384}-{large.size - 1}"
    )
    assert (tail.status, tail.body) == (206, large.content[-16384:])
    assert tail.header("content-encoding") == ""
    flags = ("--use-feature=fast-deps", "--index-url", hosted.simple_as(), "-d", there)
    newest("download", *flags, "acme-large")
    assert (there / large.filename).read_bytes() == large.content


def test_a_download_that_was_cut_goes_on(newest: Program, hosted: Hosted, there: Path) -> None:
    # pypi R174: pip asks for the rest of what it has by Range and If-Range.
    large = wheel("acme-large", files={"acme_large.bin": noise(1_000_000)})
    hosted.publish(large)
    with cutting(hosted.server.port, after=400_000) as port:
        index = hosted.simple_as().replace(str(hosted.server.port), str(port))
        newest("download", "--resume-retries", "5", "--index-url", index, "-d", there, "acme-large")
    assert (there / large.filename).read_bytes() == large.content

    def statuses() -> list[int]:
        return [request.status for request in hosted.requests() if request.file == large.filename]

    eventually(lambda: len(statuses()) == 3)
    assert sorted(statuses()) == [200, 206, 206]


def noise(size: int) -> bytes:
    """What does not compress."""
    return random.Random(size).randbytes(size)
