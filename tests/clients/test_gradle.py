"""Gradle resolves from a group."""

from dataclasses import replace

from tests.support.central import Central
from tests.support.gradle import Gradle
from tests.support.homes import Home
from tests.support.maven_deploys import deploy
from tests.support.maven_files import File
from tests.support.proxies import group, hosted, proxy
from tests.support.serving import Running
from tests.support.wire import Wire

VERSIONS = ("1.0", "1.9", "1.10", "2.0")


def test_releases_ranges_and_snapshots_are_resolved(registry: Running, home: Home) -> None:
    # maven R22, R75, R79, R121, T2: what it has it asks for again by its checksum.
    with Central() as central:
        own = hosted(registry, "maven")
        everything = group(registry, "maven", own, proxy(registry, "maven", f"{central.url}/"))
        gradle = Gradle(home, f"{registry.url}/repository/{everything}/")
        snapshot = File("com.acme", "moving", "3.0-SNAPSHOT", build="20260101.120000-1")
        with Wire(registry) as wire:
            for version in VERSIONS:
                deploy(wire, own, File("com.acme", "ranged", version))
            deploy(wire, own, snapshot)
        wanted = ("com.acme:ranged:1.+", "com.acme:moving:3.0-SNAPSHOT", "commons-io:commons-io:2.11.0")
        first = gradle.resolve(*wanted)
        assert set(first) == {"ranged-1.10.jar", "moving-3.0-SNAPSHOT.jar", "commons-io-2.11.0.jar"}
        assert first["moving-3.0-SNAPSHOT.jar"] == len(snapshot.content)

        later = replace(snapshot, build="20260102.120000-2", comment="built again")
        with Wire(registry) as wire:
            deploy(wire, own, File("com.acme", "ranged", "1.11"))
            deploy(wire, own, later)
        second = gradle.resolve(*wanted, refresh=True)
        assert set(second) == {"ranged-1.11.jar", "moving-3.0-SNAPSHOT.jar", "commons-io-2.11.0.jar"}
        assert second["moving-3.0-SNAPSHOT.jar"] == len(later.content)
        assert central.count("", "/com/acme/*") == 0
