"""A Maven client of a few lines for wire tests: it deploys as clients do, one request after the other."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from tests.support.maven_files import File, checksum, pom_of, versions_metadata, versions_of
from tests.support.server import ADMIN, Answer, Login, RunningServer


@dataclass(frozen=True)
class Artifacts:
    """One repository, as a client sees it."""

    server: RunningServer
    repository: str
    login: Login | None = ADMIN

    def by(self, login: Login | None) -> "Artifacts":
        """The same repository for someone else."""
        return replace(self, login=login)

    def of(self, repository: str) -> "Artifacts":
        """Another repository for the same one."""
        return replace(self, repository=repository)

    def request(
        self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> Answer:
        """A request below the repository. `path` goes out as it is written."""
        url = f"/repository/{self.repository}/{path}"
        return self.server.request(method, url, body, login=self.login, headers=headers or {})

    def get(self, path: str, **headers: str) -> Answer:
        """GET; headers are keyword arguments: `if_none_match=etag`."""
        return self.request("GET", path, headers=_lines(headers))

    def head(self, path: str, **headers: str) -> Answer:
        return self.request("HEAD", path, headers=_lines(headers))

    def put(self, path: str, body: bytes, **headers: str) -> Answer:
        return self.request("PUT", path, body, _lines(headers))

    def delete(self, path: str) -> Answer:
        return self.request("DELETE", path)

    def store(self, path: str, body: bytes) -> None:
        """Put, and insist on it."""
        answer = self.put(path, body)
        assert answer.status in (200, 201), answer

    def deploy(self, file: File, *, announce: bool = True) -> None:
        """A jar, its POM, their checksums and, unless told otherwise, the metadata that announces them."""
        for path, content in ((file.path, file.content), (file.pom_path, pom_of(file))):
            self.store(path, content)
            for algorithm in ("sha1", "md5"):
                self.store(f"{path}.{algorithm}", checksum(content, algorithm))
        if announce:
            self.announce(file)

    def announce(self, file: File) -> None:
        """The metadata that a client sends at the end of a deployment: of the build, if it is one, and of
        the version."""
        if file.build:
            self.store(f"{file.folder}/{file.version}/maven-metadata.xml", build_metadata(file))
        listed = versions_metadata(file.group, file.artifact, [*self.versions(file), file.version])
        self.store(file.metadata_path, listed)
        self.store(f"{file.metadata_path}.sha1", checksum(listed, "sha1"))

    def metadata(self, folder: str) -> bytes:
        """The metadata in a folder, which is there and has the checksum that it says."""
        answer = self.get(f"{folder}/maven-metadata.xml")
        assert answer.status == 200, answer
        assert self.get(f"{folder}/maven-metadata.xml.sha1").body == checksum(answer.body, "sha1")
        return answer.body

    def versions(self, file: File) -> Sequence[str]:
        """What versions of the file's artifact are listed now."""
        answer = self.get(file.metadata_path)
        assert answer.status in (200, 404), answer
        return versions_of(answer.body) if answer.status == 200 else []


def build_metadata(file: File) -> bytes:
    """What a client says of a build that it has deployed."""
    timestamp, _, number = file.build.partition("-")
    return (
        f"<metadata><groupId>{file.group}</groupId><artifactId>{file.artifact}</artifactId>"
        f"<version>{file.version}</version><versioning><snapshot><timestamp>{timestamp}</timestamp>"
        f"<buildNumber>{number}</buildNumber></snapshot><lastUpdated>20200101000000</lastUpdated>"
        "</versioning></metadata>"
    ).encode()


def at_once(server: RunningServer, act: Callable[[int], None], numbers: Iterable[int]) -> None:
    """Do something for each number, several at the same time, each over a connection of its own."""

    def alone(number: int) -> None:
        try:
            act(number)
        finally:
            server.disconnect()

    with ThreadPoolExecutor(5) as clients:
        list(clients.map(alone, numbers))


def refused(answer: Answer, status: int = 400) -> str:
    """What the answer to a refused request says."""
    assert answer.status == status, answer
    assert answer.header("content-type").startswith("text/plain"), answer
    return answer.text


def _lines(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}
