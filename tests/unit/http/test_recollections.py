"""What a client was given a moment ago: for that client and repository, not for long, and from every
process of a host."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from artifactd.auth.principal import Verb
from artifactd.clock import SECOND
from artifactd.http import recollections
from artifactd.http.recollections import Recollections
from tests.contracts.format_contract import Client, past
from tests.support import patient_format
from tests.support.proxies import group
from tests.support.server import ADMIN, Answer, Login, RunningServer, running

KEY = "1\n192.0.2.1 dnf\nasc"


@pytest.fixture
def kept(tmp_path: Path) -> Recollections:
    return Recollections(tmp_path / "recollections")


def test_what_is_kept_is_found_until_its_time_has_passed(kept: Recollections) -> None:
    assert kept.find(KEY, 0) is None
    kept.keep(KEY, 7, 10 * SECOND)
    assert kept.find(KEY, 10 * SECOND - 1) == 7
    assert kept.find(KEY, 10 * SECOND) is None
    kept.keep(KEY, 8, 20 * SECOND)
    assert kept.find(KEY, 15 * SECOND) == 8


def test_keys_are_told_apart(kept: Recollections) -> None:
    other = KEY.replace("dnf", "zypper")
    kept.keep(KEY, 7, SECOND)
    assert kept.find(other, 0) is None
    kept.keep(other, 8, SECOND)
    assert (kept.find(KEY, 0), kept.find(other, 0)) == (7, 8)


def test_another_process_knows_it_too(kept: Recollections, tmp_path: Path) -> None:
    kept.keep(KEY, 7, SECOND)
    assert Recollections(tmp_path / "recollections").find(KEY, 0) == 7
    assert Recollections(tmp_path / "elsewhere").find(KEY, 0) is None


def test_however_many_clients_come_there_are_so_many_files(
    kept: Recollections, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert recollections.PLACES <= 1 << 16
    monkeypatch.setattr(recollections, "PLACES", 4)
    for number in range(40):
        kept.keep(f"client {number}", number, SECOND)
        assert kept.find(f"client {number}", 0) == number
    assert len(list((tmp_path / "recollections").iterdir())) == 4
    found = {number: kept.find(f"client {number}", 0) for number in range(40)}
    assert sum(known is not None for known in found.values()) == 4, "each forgets another one's"
    assert all(known in (None, number) for number, known in found.items()), "and is never given it"


@pytest.mark.parametrize("text", ["", "7", "x y z", "1 2 3"])
def test_what_cannot_be_read_is_not_remembered(kept: Recollections, tmp_path: Path, text: str) -> None:
    kept.keep(KEY, 7, SECOND)
    (file,) = (tmp_path / "recollections").iterdir()
    file.write_text(text)
    assert kept.find(KEY, 0) is None


def test_a_folder_that_cannot_be_written_to_remembers_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    kept = Recollections(tmp_path / "file")
    kept.keep(KEY, 7, SECOND)
    assert kept.find(KEY, 0) is None


# Over the wire


@pytest.fixture(scope="module")
def patient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with running(tmp_path_factory.mktemp("patient"), {"patient": patient_format.format}) as server:
        yield server


def ask(
    server: RunningServer, repository: str, path: str, *, client: str = "dnf", login: Login = ADMIN
) -> Answer:
    url = f"/repository/{repository}/{path}"
    return server.request("GET", url, headers={"User-Agent": client}, login=login)


def filled(server: RunningServer) -> str:
    """A repository with a package."""
    name = server.repository("patient")
    body = b"name: tool\nversion: 1\n\nbytes"
    assert server.request("PUT", f"/repository/{name}/packages/tool/1.toy", body).status == 201
    return name


def test_a_client_is_given_again_what_it_was_given(patient: RunningServer) -> None:
    name = filled(patient)
    both = group(patient, "patient", name)
    assert ask(patient, name, "remembered/tool").status == 404
    given = ask(patient, name, "remembering/tool/1.toy")
    assert given.status == 200
    assert patient.request("DELETE", f"/repository/{name}/packages/tool/1.toy").status == 204
    again = ask(patient, name, "remembered/tool")
    assert (again.status, again.body, again.header("etag")) == (200, given.body, given.header("etag"))
    assert ask(patient, name, "remembered/other").status == 404
    assert ask(patient, name, "remembered/tool", client="zypper").status == 404
    assert ask(patient, both, "remembered/tool").status == 404
    patient.clock.advance(patient_format.LASTING)
    assert ask(patient, name, "remembered/tool").status == 404


def test_users_are_told_apart(patient: RunningServer) -> None:
    name = filled(patient)
    other = patient.user((name, "**", (Verb.READ,)))
    assert ask(patient, name, "remembering/tool/1.toy").status == 200
    assert ask(patient, name, "remembered/tool", login=other).status == 404
    assert ask(patient, name, "remembered/tool").status == 200


def test_the_past_is_another_repository(patient: RunningServer) -> None:
    name = filled(patient)
    then = past(Client(patient, name)).repository
    assert ask(patient, then, "remembering/tool/1.toy").status == 200
    assert ask(patient, name, "remembered/tool").status == 404
    assert ask(patient, then, "remembered/tool").status == 200
