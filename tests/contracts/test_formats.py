"""Every format, through the one contract."""

import contextlib
import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from urllib.parse import quote

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from artifactd.tasks.task import Task
from tests.contracts.format_contract import (
    Client,
    FormatContract,
    Item,
    PublicationContract,
    parsed,
)
from tests.contracts.kinds_contract import GroupContract, ProxyContract
from tests.contracts.publications_contract import GroupPublicationContract, ProxiedPublicationContract
from tests.support import toy_format
from tests.support.databases import PostgresServer
from tests.support.distributions import Distribution, wheel
from tests.support.images import Built, Registry, digest_of, image
from tests.support.server import Answer, RunningServer, running
from tests.support.upload_forms import form


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def contract_server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningServer]:
    """A server whose time these tests may move, on each engine."""
    settings = {}
    if request.param == "postgresql":
        postgresql: PostgresServer = request.getfixturevalue("postgresql_server")
        settings["database_url"] = postgresql.url(postgresql.create())
    folder = tmp_path_factory.mktemp("contract")
    with running(folder, {"toy": toy_format.format}, **settings) as server:
        yield server


class Raw:
    """Files at any path; a version is a file name here."""

    format = "raw"
    has_owners = False
    challenge = "Basic"
    conflict = 409
    deleted = 204

    def url(self, repository: str, item: Item) -> str:
        return f"/repository/{repository}/{self.path(item)}"

    def body(self, item: Item) -> bytes:
        return item.content.encode()

    def path(self, item: Item) -> str:
        return f"{item.name}/{item.version}"

    def owner(self, item: Item) -> str:
        return item.name

    def publish(self, client: Client, item: Item) -> Answer:
        return client.request("PUT", self.url(client.repository, item), self.body(item))

    def listed(self, client: Client, name: str) -> Sequence[str]:
        answer = client.request("GET", f"/repository/{client.repository}/{name}/")
        return [] if answer.status == 404 else re.findall(r'<a href="(\d[^"]*)"', answer.text)

    def is_error(self, answer: Answer) -> bool:
        return answer.header("content-type") == "text/plain; charset=utf-8" and answer.text.endswith("\n")

    def delete(self, client: Client, item: Item) -> Answer:
        return client.request("DELETE", self.url(client.repository, item))


class Toy(Raw):
    """The toy, by PUT."""

    format = "toy"
    has_owners = True
    conflict = 422

    def url(self, repository: str, item: Item) -> str:
        return f"/repository/{repository}/packages/{quote(item.name, safe='')}/{item.version}.toy"

    def body(self, item: Item) -> bytes:
        return f"name: {item.name}\nversion: {item.version}\n\n{item.content}".encode()

    def path(self, item: Item) -> str:
        return f"{item.name}/{item.version}.toy"

    def listed(self, client: Client, name: str) -> Sequence[str]:
        answer = client.request("GET", f"/repository/{client.repository}/names/{quote(name, safe='')}")
        versions: list[str] = answer.json()["versions"]
        return versions

    def is_error(self, answer: Answer) -> bool:
        return set(parsed(answer) or ()) == {"toy", "why"}


class ToyForm(Toy):
    """The toy, by its upload form."""

    def publish(self, client: Client, item: Item) -> Answer:
        boundary = "a-boundary"
        parts = [
            f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
            for name, value in (("name", item.name), ("version", item.version))
        ]
        file = (
            f'--{boundary}\r\nContent-Disposition: form-data; name="content"; filename="x.toy"\r\n'
            "Content-Type: application/octet-stream\r\n\r\n"
        )
        body = "".join((*parts, file)).encode() + self.body(item) + f"\r\n--{boundary}--\r\n".encode()
        headers = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
        return client.request("POST", f"/repository/{client.repository}/", body, headers=headers)


class Docker:
    """Images; a version is a tag."""

    format = "docker"
    root = "/v2/{}/"
    challenge = "Bearer"
    conflict = 403
    deleted = 202

    def url(self, repository: str, item: Item) -> str:
        return f"/v2/{repository}/{item.name}/manifests/{item.version}"

    def body(self, item: Item) -> bytes:
        return self._image(item).body

    def path(self, item: Item) -> str:
        return f"{item.name}/tags/{item.version}"

    def owner(self, item: Item) -> str:
        return item.name

    def publish(self, client: Client, item: Item) -> Answer:
        built = self._image(item)
        to = Registry(client.server, client.repository, item.name, client.login)
        for blob in built.blobs:
            answer = to.request("POST", f"blobs/uploads/?digest={digest_of(blob)}", blob)
            if answer.status != 201:
                return answer
        return to.put(built, item.version)

    def listed(self, client: Client, name: str) -> Sequence[str]:
        answer = client.request("GET", f"/v2/{client.repository}/{name}/tags/list")
        return [] if answer.status == 404 else list(answer.json()["tags"])

    def is_error(self, answer: Answer) -> bool:
        errors = (parsed(answer) or {}).get("errors", [])
        return bool(errors) and all({"code", "message"} <= set(error) for error in errors)

    def delete(self, client: Client, item: Item) -> Answer:
        return client.request("DELETE", self.url(client.repository, item))

    def _image(self, item: Item) -> Built:
        return image(f"{item.name} {item.version} {item.content}")


class PyPI:
    """Wheels, by the form that twine and uv send. A slash cannot be in a project's name: a dash is."""

    format = "pypi"
    challenge = "Basic"
    conflict = 400
    deleted = 204

    def url(self, repository: str, item: Item) -> str:
        return f"/repository/{repository}/packages/{self.path(item)}"

    def body(self, item: Item) -> bytes:
        return self._wheel(item).content

    def path(self, item: Item) -> str:
        return self._wheel(item).path

    def publish(self, client: Client, item: Item) -> Answer:
        body, headers = form(self._wheel(item))
        return client.request("POST", f"/repository/{client.repository}/", body, headers=headers)

    def listed(self, client: Client, name: str) -> Sequence[str]:
        page = f"/repository/{client.repository}/simple/{self._project(name)}/"
        answer = client.request("GET", page, headers={"Accept": "application/vnd.pypi.simple.v1+json"})
        return [] if answer.status == 404 else list(answer.json()["versions"])

    def is_error(self, answer: Answer) -> bool:
        return answer.header("content-type") == "text/plain; charset=utf-8" and answer.text.endswith("\n")

    def delete(self, client: Client, item: Item) -> Answer:
        return client.request("DELETE", self.url(client.repository, item))

    def owner(self, item: Item) -> str:
        return self._project(item.name)

    def _project(self, name: str) -> str:
        return name.replace("/", "-")

    def _wheel(self, item: Item) -> Distribution:
        return wheel(self._project(item.name), item.version, comment=item.content)


class TestRaw(FormatContract, ProxyContract, GroupContract):
    @pytest.fixture
    def adapter(self) -> Raw:
        return Raw()


class TestToy(FormatContract, ProxyContract, GroupContract):
    @pytest.fixture
    def adapter(self) -> Toy:
        return Toy()


class TestToyForm(FormatContract):
    @pytest.fixture
    def adapter(self) -> ToyForm:
        return ToyForm()


class TestDocker(FormatContract, ProxyContract, GroupContract):
    @pytest.fixture
    def adapter(self) -> Docker:
        return Docker()


class TestPyPI(FormatContract, ProxyContract, GroupContract):
    @pytest.fixture
    def adapter(self) -> PyPI:
        return PyPI()


class ToyCatalog:
    """The toy's signed catalog."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch

    def entry(self, repository: str) -> str:
        return f"/repository/{repository}/catalog.json"

    def names(self, client: Client) -> Sequence[str]:
        files = self.files(client)
        part = next(body for url, body in files.items() if url.endswith(".part"))
        lines = part.decode().splitlines()
        return [line.partition('"name": "')[2].partition('"')[0] for line in lines]

    def files(self, client: Client) -> Mapping[str, bytes]:
        base = f"/repository/{client.repository}"
        entry = client.request("GET", f"{base}/catalog.json")
        files = {f"{base}/catalog.json": entry.body}
        for name in (entry.json()["part"], "catalog.json.sig", "catalog.key"):
            answer = client.request("GET", f"{base}/{name}")
            assert answer.status == 200, name
            files[f"{base}/{name}"] = answer.body
        part = files[f"{base}/{entry.json()['part']}"]
        assert entry.json()["part"] == f"catalog-{hashlib.sha256(part).hexdigest()}.part"
        key = load_pem_public_key(files[f"{base}/catalog.key"])
        assert isinstance(key, Ed25519PublicKey)
        key.verify(files[f"{base}/catalog.json.sig"], entry.body)
        return files

    def settle(self, client: Client) -> None:
        client.server.clock.advance(timedelta(seconds=6))
        client.server.run_tasks()

    def ask_again(self, client: Client) -> None:
        core = client.server.core
        record = core.repositories.find(client.repository)
        arguments = {"repository": record.id, "publication": "catalog", "key": ""}
        core.queue.enqueue(Task("publish", f"{record.id}/catalog/", arguments), requested_by="a test")
        client.server.run_tasks()

    def collect(self, client: Client) -> None:
        client.server.core.queue.enqueue(Task("collect"), requested_by="a test")
        client.server.run_tasks()

    @contextlib.contextmanager
    def breaking(self) -> Iterator[None]:
        def fail(*_: object) -> bytes:
            raise RuntimeError("the key is away")

        with self._monkeypatch.context() as patch:
            patch.setattr("artifactd.auth.signing.SigningKey.sign", fail)
            yield


class TestToyCatalog(PublicationContract, ProxiedPublicationContract, GroupPublicationContract):
    @pytest.fixture
    def adapter(self) -> Toy:
        return Toy()

    @pytest.fixture
    def publication(self, monkeypatch: pytest.MonkeyPatch) -> ToyCatalog:
        return ToyCatalog(monkeypatch)
