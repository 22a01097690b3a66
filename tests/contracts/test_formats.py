"""Every format, through the one contract."""

from collections.abc import Sequence

import pytest

from tests.contracts.format_contract import (
    Client,
    FormatContract,
    Item,
    parsed,
)
from tests.contracts.kinds_contract import GroupContract, ProxyContract
from tests.contracts.maven_adapter import Maven
from tests.contracts.plain_adapters import Raw, Toy, ToyForm
from tests.contracts.rpm_adapter import Rpm
from tests.support.distributions import Distribution, wheel
from tests.support.images import Built, Registry, digest_of, image
from tests.support.server import Answer
from tests.support.upload_forms import form


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


class TestMaven(FormatContract, ProxyContract, GroupContract):
    @pytest.fixture
    def adapter(self) -> Maven:
        return Maven()


class TestRpm(FormatContract, ProxyContract, GroupContract):
    @pytest.fixture
    def adapter(self) -> Rpm:
        return Rpm()
