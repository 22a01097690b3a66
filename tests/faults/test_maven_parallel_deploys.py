"""Two hundred deployments at once, of ten versions of each of twenty artifacts, to several processes: no
version is lost, though every client writes a list of those that it knew of."""

import re
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from tests.support.maven_deploys import deploy, fetched, get
from tests.support.maven_files import File, named, pom_of, versions_of
from tests.support.proxies import group, hosted
from tests.support.serving import Serve
from tests.support.wire import Wire

ARTIFACTS = [f"raced{number}" for number in range(20)]
VERSIONS = [f"1.{number}" for number in range(2, 12)]
"""In the order of versions, which is not that of letters."""


def test_every_version_that_was_deployed_is_listed(serve: Serve) -> None:
    # maven R72, R73, R78, R79, R124
    server = serve(workers=4)
    releases = hosted(server, "maven", "releases", version_policy="release")
    everything = group(server, "maven", releases, name="everything")
    files = [File("com.acme", artifact, version) for version in VERSIONS for artifact in ARTIFACTS]
    together = Barrier(len(files))

    def client(file: File) -> None:
        with Wire(server, timeout=120) as wire:
            together.wait(60)
            deploy(wire, releases, file)

    with ThreadPoolExecutor(len(files)) as pool:
        list(pool.map(client, files))
    with Wire(server) as wire:
        for artifact in ARTIFACTS:
            metadata = fetched(wire, releases, f"com/acme/{artifact}/maven-metadata.xml")
            assert versions_of(metadata) == VERSIONS, artifact
            assert named(metadata, "release") == named(metadata, "latest") == VERSIONS[-1]
            assert re.fullmatch(r"\d{14}", named(metadata, "lastUpdated"))
            merged = fetched(wire, everything, f"com/acme/{artifact}/maven-metadata.xml")
            assert versions_of(merged) == VERSIONS, artifact
        for file in files:
            assert get(wire, everything, file.path).body == file.content
            assert get(wire, everything, file.pom_path).body == pom_of(file)
        for file in files[: len(ARTIFACTS)]:
            fetched(wire, releases, file.path)
    assert '"level": "error"' not in server.log.read_text()
    assert server.stop() == 0
