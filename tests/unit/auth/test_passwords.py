import shutil
import subprocess
import threading

import pytest

from artifactd.auth.passwords import Passwords, Verified
from artifactd.errors import InvalidInput
from tests.support.parts import require


@pytest.fixture
def passwords() -> Passwords:
    return Passwords(memory=64, passes=1)


def test_a_password_is_verified_against_its_hash(passwords: Passwords) -> None:
    stored = passwords.hash("correct hörse")
    assert stored.startswith("$argon2id$") and "hörse" not in stored
    assert passwords.verify("correct hörse", stored) == Verified(ok=True, rehash=False)
    assert passwords.verify("correct horse", stored) == Verified(ok=False, rehash=False)


def test_the_same_password_has_two_hashes(passwords: Passwords) -> None:
    assert passwords.hash("x") != passwords.hash("x")


def test_a_hash_made_with_other_work_is_renewed(passwords: Passwords) -> None:
    stored = passwords.hash("x")
    assert Passwords(memory=128, passes=1).verify("x", stored) == Verified(ok=True, rehash=True)
    assert Passwords(memory=128, passes=1).verify("y", stored) == Verified(ok=False, rehash=False)


@pytest.mark.parametrize("stored", [None, "", "plain", "$argon3$x", "*"])
def test_without_a_hash_no_password_is_right(passwords: Passwords, stored: str | None) -> None:
    assert not passwords.verify("plain", stored).ok


@pytest.mark.parametrize("password", ["", "a\0b", "x" * 1025, "\udcff"])
def test_what_cannot_be_a_password_is_wrong_and_not_an_error(passwords: Passwords, password: str) -> None:
    assert not passwords.verify(password, passwords.hash("x")).ok
    with pytest.raises(InvalidInput):
        passwords.hash(password)


@pytest.mark.parametrize("option", ["-m", "-2", "-5"])
def test_what_htpasswd_wrote_is_verified_and_renewed(passwords: Passwords, option: str) -> None:
    program = shutil.which("htpasswd")
    require("htpasswd", program is not None, "htpasswd is not installed")
    assert program is not None
    line = subprocess.run(
        [program, "-nb", option, "ada", "secret"], capture_output=True, check=True, text=True
    )
    stored = line.stdout.strip().partition(":")[2]
    assert passwords.verify("secret", stored) == Verified(ok=True, rehash=True)
    assert not passwords.verify("wrong", stored).ok


def test_threads_that_begin_at_once_all_get_an_answer() -> None:
    # passlib's lazy loader fails for the second of two threads that use argon2 first
    passwords = Passwords(memory=64, passes=1)
    start = threading.Barrier(8)
    answers: list[bool] = []

    def begin() -> None:
        start.wait()
        answers.append(passwords.verify("x", passwords.hash("x")).ok)

    threads = [threading.Thread(target=begin) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [True] * 8
