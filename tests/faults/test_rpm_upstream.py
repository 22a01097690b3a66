"""A repository that is published anew and again while its server has a bad day: whatever a proxy has of it
at any moment is one set, and signed."""

import hashlib
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.fake_answers import Fault
from tests.support.proxies import command, proxy
from tests.support.rpms import Rpms, built
from tests.support.rpms_keys import Keyring, keyring
from tests.support.rpms_repos import REPOMD, RpmUpstream, create, parsed
from tests.support.server import RunningServer
from tests.support.serving import eventually
from tests.support.upstream_faults import flipped, login_page, reset, status, truncated

ROUNDS = 40
GENERATIONS = 5

FAULTS: dict[str, list[Fault]] = {
    "*/repomd.xml": [status(500), truncated(0.5), login_page(), reset()],
    "*/repomd.xml.asc": [status(503), truncated(0.5), login_page(), reset()],
    "*.gz": [status(404), status(500), truncated(0.5), flipped(0.5), login_page(), reset()],
}


@pytest.fixture(scope="session")
def rpms(tmp_path_factory: pytest.TempPathFactory) -> Rpms:
    return built(tmp_path_factory)


@pytest.fixture(scope="module")
def keys() -> Iterator[Keyring]:
    with keyring("repository@world.example") as keys:
        yield keys


@pytest.fixture(scope="module")
def generations(rpms: Rpms, keys: Keyring, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """What is published, one behind the other."""
    folder = tmp_path_factory.mktemp("generations")
    return [
        create(folder / str(number), *rpms.many[: number + 1], keys=keys) for number in range(GENERATIONS)
    ]


@pytest.fixture
def upstream() -> Iterator[RpmUpstream]:
    with RpmUpstream() as upstream:
        yield upstream


class World:
    """A proxy of an upstream, which looks for what is new each time."""

    def __init__(self, server: RunningServer, upstream: RpmUpstream, keys: Keyring) -> None:
        self._server = server
        self._keys = keys
        self._name = proxy(server, "rpm", f"{upstream.url}/", fresh_for=0)

    def get(self, path: str) -> bytes:
        answer = self._server.request("GET", f"/repository/{self._name}/{path}")
        assert answer.status == 200, (path, answer)
        return answer.body

    def look(self) -> bytes:
        """The entry document, once everything else is what it says, and what was wanted has come."""
        command(self._server, self._name, "invalidate", path="")
        document, signature = self.get(REPOMD), self.get(f"{REPOMD}.asc")
        assert self._keys.verifies(document, signature)
        for path in parsed(document).files.values():
            checksum = path.removeprefix("repodata/").partition("-")[0]
            assert hashlib.sha256(self.get(path)).hexdigest() == checksum
        self._server.run_tasks()
        return document


def test_there_is_one_whole_set_at_any_moment(
    server: RunningServer, upstream: RpmUpstream, keys: Keyring, generations: list[Path]
) -> None:
    # rpm R102, R103, R104, T7
    chance = random.Random(7)
    world = World(server, upstream, keys)
    upstream.publish(generations[0])
    assert world.look() == (generations[0] / REPOMD).read_bytes()
    seen = set()
    for _ in range(ROUNDS):
        upstream.heal()
        for pattern in chance.sample(sorted(FAULTS), chance.randint(0, 2)):
            upstream.fault(chance.choice(FAULTS[pattern]), pattern, times=chance.randint(1, 3))
        upstream.publish(chance.choice(generations))
        seen.add(world.look())
    upstream.heal()
    upstream.publish(generations[-1])
    eventually(lambda: world.look() == (generations[-1] / REPOMD).read_bytes(), 20)
    assert len(seen) > 1


def test_a_signature_that_comes_late_is_waited_for(
    server: RunningServer, upstream: RpmUpstream, keys: Keyring, generations: list[Path]
) -> None:
    # rpm R102
    world = World(server, upstream, keys)
    old, new = generations[:2]
    upstream.publish(old)
    world.look()
    signature = (old / f"{REPOMD}.asc").read_bytes()
    upstream.publish(new)
    upstream.put(f"/{REPOMD}.asc", signature)
    for _ in range(3):
        world.look()
    upstream.publish(new)
    eventually(lambda: world.look() == (new / REPOMD).read_bytes(), 20)
