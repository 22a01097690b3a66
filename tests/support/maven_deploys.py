"""Deployments as Maven makes them, request by request, without Maven.

with Wire(server) as wire:
    deploy(wire, "releases", File("com.ex", "lib", "1.0"))
"""

from collections.abc import Iterator

from tests.support.maven_files import File, checksum, pom_of, versions_metadata, versions_of
from tests.support.server import Answer
from tests.support.wire import Unexpected, Wire


def deploy(wire: Wire, repository: str, file: File) -> None:
    """Deploy a jar and its POM. Raises Unexpected."""
    for _ in deploying(wire, repository, file):
        pass


def deploying(wire: Wire, repository: str, file: File) -> Iterator[None]:
    """`deploy`, which stops after each answer (maven M1): jar, POM, and the metadata that was there
    with one version more, each with its checksums."""
    for path, content in ((file.path, file.content), (file.pom_path, pom_of(file))):
        yield from _put(wire, repository, path, content)
    if file.build:
        metadata = _snapshot_metadata(file)
        yield from _put(wire, repository, f"{file.folder}/{file.version}/maven-metadata.xml", metadata)
    there = get(wire, repository, file.metadata_path)
    yield
    known = versions_of(there.body) if there.status == 200 else []
    metadata = versions_metadata(file.group, file.artifact, [*known, file.version])
    yield from _put(wire, repository, file.metadata_path, metadata)


def get(wire: Wire, repository: str, path: str) -> Answer:
    """What is at a path of a repository."""
    return wire.request("GET", f"/repository/{repository}/{path}")


def fetched(wire: Wire, repository: str, path: str) -> bytes:
    """The bytes at a path, which its checksums agree with."""
    content = wire.expect(200, "GET", f"/repository/{repository}/{path}").body
    for algorithm in ("sha1", "md5"):
        stated = wire.expect(200, "GET", f"/repository/{repository}/{path}.{algorithm}").body
        assert stated == checksum(content, algorithm), path
    return content


def _put(wire: Wire, repository: str, path: str, content: bytes) -> Iterator[None]:
    beside = [(f"{path}.{algorithm}", checksum(content, algorithm)) for algorithm in ("sha1", "md5")]
    for target, body in ((path, content), *beside):
        answer = wire.request("PUT", f"/repository/{repository}/{target}", body)
        if answer.status not in (200, 201):
            raise Unexpected("PUT", target, answer)
        yield


def _snapshot_metadata(file: File) -> bytes:
    stamp, _, number = file.build.partition("-")
    moment = stamp.replace(".", "")
    value = file.version.replace("SNAPSHOT", file.build)
    listed = "".join(
        f"<snapshotVersion><extension>{extension}</extension><value>{value}</value>"
        f"<updated>{moment}</updated></snapshotVersion>"
        for extension in ("jar", "pom")
    )
    return (
        f"<metadata><groupId>{file.group}</groupId><artifactId>{file.artifact}</artifactId>"
        f"<version>{file.version}</version><versioning><snapshot><timestamp>{stamp}</timestamp>"
        f"<buildNumber>{number}</buildNumber></snapshot><lastUpdated>{moment}</lastUpdated>"
        f"<snapshotVersions>{listed}</snapshotVersions></versioning></metadata>"
    ).encode()
