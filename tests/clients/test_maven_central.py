"""A proxy of the repository that this machine's Maven is configured to use, as it is in the world. Only
where `ARTIFACTD_TEST_LIVE` is set: what the world has, and whether it answers, is not ours to say."""

import os
from pathlib import Path

import pytest

from tests.support.central import local_repository
from tests.support.homes import Home
from tests.support.maven import Maven
from tests.support.maven_deploys import deploy, fetched
from tests.support.maven_files import File, versions_of
from tests.support.maven_installed import central_url
from tests.support.proxies import group, hosted, proxy
from tests.support.serving import Running
from tests.support.wire import Wire

LIVE = "ARTIFACTD_TEST_LIVE"
WANTED = "org.opentest4j:opentest4j:1.3.0"


@pytest.mark.skipif(not os.environ.get(LIVE), reason=f"{LIVE} is not set")
def test_what_the_world_has_is_resolved_beside_what_is_ours(
    registry: Running, home: Home, tmp_path: Path
) -> None:
    # maven R101, R120, R121, R122
    own = hosted(registry, "maven")
    everything = group(registry, "maven", own, proxy(registry, "maven", central_url()))
    local = local_repository(tmp_path / "local", without="org/opentest4j")
    maven = Maven(home, f"{registry.url}/repository/{everything}/", local)
    ours = File("com.acme", "ours", "1.0")
    with Wire(registry) as wire:
        deploy(wire, own, ours)
    maven.get(WANTED, "--strict-checksums")
    assert (local / "org/opentest4j/opentest4j/1.3.0/opentest4j-1.3.0.jar").stat().st_size > 10_000
    maven.get(ours.coordinates)
    with Wire(registry, timeout=120) as wire:
        metadata = fetched(wire, everything, "org/opentest4j/opentest4j/maven-metadata.xml")
        assert "1.3.0" in versions_of(metadata)
        plugins = fetched(wire, everything, "org/apache/maven/plugins/maven-metadata.xml")
        assert b"<prefix>enforcer</prefix>" in plugins
