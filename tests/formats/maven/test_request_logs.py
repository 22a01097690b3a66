"""The requests of mvn 3.8.7, as they were recorded, one after the other (maven M)."""

import base64

import pytest

from tests.formats.maven.artifacts import Artifacts, build_metadata
from tests.support.maven_files import File, checksum, named, pom_of, versions_metadata, versions_of
from tests.support.server import ADMIN, Answer, RunningServer

ALWAYS = {  # maven M3
    "Cache-control": "no-cache",
    "Cache-store": "no-store",
    "Pragma": "no-cache",
    "Accept-Encoding": "gzip,deflate",
    "User-Agent": "Apache-Maven/3.8.7 (Java 17.0.9; Linux 6.1)",
}


class Mvn:
    """Sends requests as mvn does. A GET has no credentials until it is asked for them (maven R29, R141)."""

    def __init__(self, artifacts: Artifacts) -> None:
        self._artifacts = artifacts
        self._challenged = False
        self.statuses: list[int] = []

    def put(self, path: str, body: bytes) -> None:
        answer = self._send("PUT", path, body, {"Expect": "100-continue"}, known=True)
        assert answer.status == 201, (path, answer)

    def files(self, file: File) -> None:
        for path, content in ((file.path, file.content), (file.pom_path, pom_of(file))):
            self.put(path, content)
            for algorithm in ("sha1", "md5"):
                self.put(f"{path}.{algorithm}", checksum(content, algorithm))

    def metadata(self, path: str, body: bytes) -> None:
        self.put(path, body)
        for algorithm in ("sha1", "md5"):
            self.put(f"{path}.{algorithm}", checksum(body, algorithm))

    def get(self, path: str) -> bytes | None:
        answer = self._send("GET", path, b"", {}, known=self._challenged)
        if answer.status == 401:
            assert answer.header("www-authenticate").startswith("Basic")
            self._challenged = True
            answer = self._send("GET", path, b"", {}, known=True)
        assert answer.status in (200, 404)
        return answer.body if answer.status == 200 else None

    def _send(self, method: str, path: str, body: bytes, more: dict[str, str], *, known: bool) -> Answer:
        login = base64.b64encode(f"{ADMIN.name}:{ADMIN.password}".encode()).decode()
        headers = {**ALWAYS, **more, **({"Authorization": f"Basic {login}"} if known else {})}
        answer = self._artifacts.by(None).request(method, path, body, headers)
        self.statuses.append(answer.status)
        return answer


@pytest.fixture
def mvn(artifacts: Artifacts) -> Mvn:
    return Mvn(artifacts)


def test_a_release_is_deployed_as_mvn_does(mvn: Mvn, artifacts: Artifacts, lib: File) -> None:
    # maven M1, M3, R44
    mvn.files(lib)
    assert mvn.get(lib.metadata_path) is None
    mvn.metadata(lib.metadata_path, versions_metadata("com.ex", lib.artifact, ["1.0"]))
    assert mvn.statuses == [201] * 6 + [401, 404] + [201] * 3
    assert artifacts.versions(lib) == ["1.0"]


def test_snapshots_are_deployed_as_mvn_does(mvn: Mvn, artifacts: Artifacts, lib: File) -> None:
    # maven M2, R29, R44: three times, and the build number counts
    folder = f"{lib.folder}/1.1-SNAPSHOT"
    for expected in (1, 2, 3):
        known = mvn.get(f"{folder}/maven-metadata.xml")
        number = 1 if known is None else int(named(known, "buildNumber")) + 1
        assert number == expected
        stamp = f"20261123.17582{number}-{number}"
        file = File("com.ex", lib.artifact, "1.1-SNAPSHOT", str(number), stamp)
        mvn.files(file)
        listed = mvn.get(file.metadata_path)
        if listed is not None:
            sha1 = mvn.get(f"{file.metadata_path}.sha1")
            assert sha1 == checksum(listed, "sha1")
        mvn.metadata(f"{folder}/maven-metadata.xml", build_metadata(file))
        versions = [] if listed is None else versions_of(listed)
        versions = list(dict.fromkeys([*versions, file.version]))
        mvn.metadata(file.metadata_path, versions_metadata("com.ex", lib.artifact, versions))
    assert named(artifacts.metadata(folder), "buildNumber") == "3"
    assert artifacts.versions(lib) == ["1.1-SNAPSHOT"]


def test_a_client_of_http_two_is_answered_in_one(server: RunningServer, mvn: Mvn, lib: File) -> None:
    # maven M4, R41
    offer = {
        "Connection": "Upgrade, HTTP2-Settings",
        "Upgrade": "h2c",
        "HTTP2-Settings": "AAMAAABkAAQ",
    }
    answer = mvn._send("PUT", lib.path, lib.content, offer, known=True)
    assert answer.status == 201
    assert mvn.get(lib.path) == lib.content


def test_files_may_come_in_any_order(artifacts: Artifacts, lib: File) -> None:
    # maven R45: the first alone, the rest at the same time
    pom = pom_of(lib)
    sources = lib.path.replace(".jar", "-sources.jar")
    artifacts.store(lib.path, lib.content)
    for path, body in (
        (f"{lib.pom_path}.md5", checksum(pom, "md5")),
        (f"{sources}.sha1", checksum(b"s", "sha1")),
        (f"{lib.path}.sha1", checksum(lib.content, "sha1")),
        (sources, b"s"),
        (f"{lib.pom_path}.sha1", checksum(pom, "sha1")),
        (lib.pom_path, pom),
        (f"{lib.path}.md5", checksum(lib.content, "md5")),
    ):
        artifacts.store(path, body)
    artifacts.announce(lib)
    assert artifacts.versions(lib) == ["1.0"]


def test_a_deployment_as_gradle_does_it(artifacts: Artifacts, lib: File) -> None:
    # maven R46
    base = lib.path.removesuffix(".jar")
    for path, content in (
        (lib.path, lib.content),
        (lib.pom_path, pom_of(lib)),
        (f"{base}.module", b"{}"),
        (f"{base}-sources.jar", b"sources"),
    ):
        artifacts.store(path, content)
        for algorithm in ("sha1", "md5", "sha256", "sha512"):
            artifacts.store(f"{path}.{algorithm}", checksum(content, algorithm))
    assert artifacts.get(lib.metadata_path).status == 404
    artifacts.announce(lib)
    assert artifacts.versions(lib) == ["1.0"]


def test_a_put_that_is_repeated_is_a_success(artifacts: Artifacts, lib: File) -> None:
    # maven R50, T7: the answer was lost, not the file
    for _ in range(2):
        artifacts.deploy(lib)
    assert artifacts.versions(lib) == ["1.0"]
