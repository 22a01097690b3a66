"""Secrets that are stored: sealed with a key that every process has, and no database holds."""

import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import SecretStr

from artifactd.sealing import KEY_FILE, SealBroken, Sealer, load_key, opened
from artifactd.settings import Settings, SettingsInvalid, load

KEY, OTHER = b"k" * 32, b"o" * 32
CONTEXT = "repository:hub:password"
CANARY = "canary-4f2e"


def test_what_is_sealed_opens_again_and_shows_nothing() -> None:  # proxy R95
    for text in (CANARY, "", "ä" * 5000):
        sealed = Sealer([KEY]).seal(text, CONTEXT)
        assert sealed.startswith("v1:") and (not text or text not in sealed)
        assert Sealer([KEY]).open(sealed, CONTEXT) == text


def test_equal_texts_are_sealed_differently() -> None:
    sealer = Sealer([KEY])
    assert sealer.seal(CANARY, CONTEXT) != sealer.seal(CANARY, CONTEXT)


def test_a_key_that_was_replaced_still_opens() -> None:  # proxy R95
    old = Sealer([OTHER]).seal(CANARY, CONTEXT)
    both = Sealer([KEY, OTHER])
    assert both.open(old, CONTEXT) == CANARY
    assert Sealer([KEY]).open(both.seal(CANARY, CONTEXT), CONTEXT) == CANARY


def test_another_key_is_told_with_the_setting_that_gives_it() -> None:
    with pytest.raises(SealBroken, match="`secret_key`") as caught:
        Sealer([OTHER]).open(Sealer([KEY]).seal(CANARY, CONTEXT), CONTEXT)
    assert str(caught.value).startswith(CONTEXT)
    assert CANARY not in str(caught.value)


def test_a_sealed_text_is_good_for_its_place_alone() -> None:
    sealer = Sealer([KEY])
    with pytest.raises(SealBroken):
        sealer.open(sealer.seal(CANARY, CONTEXT), "repository:other:password")


def test_what_was_changed_does_not_open() -> None:
    sealer = Sealer([KEY])
    sealed = sealer.seal(CANARY, CONTEXT)
    for broken in (
        sealed[:-6] + "AAAA==", sealed.replace("v1", "v2"), sealed[:20], sealed + "AAAA", "", CANARY,
        ":".join([*sealed.split(":")[:2], "AAAA"]),
    ):  # fmt: skip
        with pytest.raises(SealBroken):
            sealer.open(broken, CONTEXT)


def test_an_upstream_is_opened_as_a_whole() -> None:
    sealer = Sealer([KEY])
    stored = {
        "url": "https://upstream.example/",
        "username": "ada",
        "password": sealer.seal(CANARY, CONTEXT),
        "http_proxy": "http://outside.example:3128",
    }
    assert opened(stored, "hub", sealer) == {**stored, "password": CANARY}
    login = "ada:pass%20word"
    sealed = sealer.seal(login, "repository:hub:http_proxy_login")
    assert opened({**stored, "http_proxy_login": sealed}, "hub", sealer) == {
        **stored,
        "password": CANARY,
        "http_proxy": f"http://{login}@outside.example:3128",
    }
    with pytest.raises(SealBroken):
        opened(stored, "other", sealer)


# The key


def test_a_key_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path / "data")
    key = load_key(settings)
    assert len(key) == 32
    assert load_key(settings) == key
    file = settings.data / KEY_FILE
    assert file.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in settings.data.iterdir()] == [KEY_FILE]
    assert load_key(Settings(data=tmp_path / "other")) != key


def test_processes_that_need_the_key_first_end_up_with_the_same_one(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from artifactd.sealing import load_key;"
        "from artifactd.settings import Settings; settings = Settings(data=Path(sys.argv[1]));"
        "print('ready', flush=True); sys.stdin.readline(); print(load_key(settings).hex())"
    )
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", script, str(tmp_path)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )
        for _ in range(4)
    ]  # fmt: skip
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    keys = {process.communicate(timeout=20)[0] for process in processes}
    assert keys == {load_key(Settings(data=tmp_path)).hex() + "\n"}


def test_the_setting_takes_the_place_of_the_file(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("sixteen letters!\n")
    settings = load({"data": tmp_path}, {"ARTIFACTD_SECRET_KEY_FILE": str(secret)})
    key = load_key(settings)
    assert len(key) == 32
    assert key == load_key(Settings(data=tmp_path, secret_key=SecretStr("sixteen letters!")))
    assert key != load_key(Settings(data=tmp_path, secret_key=SecretStr("sixteen letters?")))
    assert not (tmp_path / KEY_FILE).exists()


def test_a_short_setting_is_refused_and_not_repeated() -> None:
    with pytest.raises(SettingsInvalid, match="secret_key: at least 16 characters") as caught:
        load({}, {"ARTIFACTD_SECRET_KEY": "hunter2"})
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"0123\n", b"x" * 64, b"\xff" * 64])
def test_a_key_file_that_is_none_is_an_error_and_stays(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / KEY_FILE
    file.write_bytes(content)
    with pytest.raises(SettingsInvalid, match=KEY_FILE):
        load_key(Settings(data=tmp_path))
    assert file.read_bytes() == content


def test_a_key_file_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    (tmp_path / KEY_FILE).mkdir()
    with pytest.raises(SettingsInvalid, match="secret_key"):
        load_key(Settings(data=tmp_path))
