"""Maven builds through a group with a proxy of a repository that has a bad day."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.central import Central, local_repository
from tests.support.homes import Home
from tests.support.maven import Maven
from tests.support.maven_files import File
from tests.support.proxies import command, group, hosted, proxy
from tests.support.serving import Running

CACHED, LATE = (File("org.elsewhere", name, "1.0") for name in ("cached", "late"))


@pytest.fixture
def central() -> Iterator[Central]:
    with Central() as central:
        central.publish(CACHED, LATE)
        yield central


def test_an_outage_of_the_world_is_no_absence(
    registry: Running, home: Home, central: Central, tmp_path: Path
) -> None:
    # maven R25, R100, R103, R104, R110, J14: what was built once is built again; what is missing is not
    # remembered as such by the client, which gets it afterwards without being told to look again.
    world = proxy(registry, "maven", f"{central.url}/")
    everything = group(registry, "maven", hosted(registry, "maven"), world)
    local = local_repository(tmp_path / "local")
    maven = Maven(home, f"{registry.url}/repository/{everything}/", local)

    maven.get(CACHED.coordinates)
    central.stop()
    shutil.rmtree(local / "org/elsewhere")
    maven.get(CACHED.coordinates, "--update-snapshots")
    assert (local / CACHED.path).read_bytes() == CACHED.content

    said = maven.refused("dependency:get", f"-Dartifact={LATE.coordinates}")
    assert "status: 503 Service Unavailable" in said
    assert "Could not find artifact" not in said.partition("Failed to execute goal")[2]

    central.start()
    for verb in ("block", "unblock"):  # not to wait until the server tries by itself
        command(registry, world, verb)
    maven.get(LATE.coordinates)
    assert (local / LATE.path).read_bytes() == LATE.content
