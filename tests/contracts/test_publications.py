"""Every format that publishes sets of files, through the one contract. On a server of their own: tasks that
other tests have left would be run here."""

import hashlib
from collections.abc import Mapping, Sequence

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from tests.contracts.format_contract import Client, PublicationContract
from tests.contracts.plain_adapters import Toy
from tests.contracts.publications_contract import GroupPublicationContract, ProxiedPublicationContract
from tests.contracts.publishing import Publishing
from tests.contracts.rpm_adapter import Repodata, Rpm


class ToyCatalog(Publishing):
    """The toy's signed catalog."""

    publication = "catalog"
    signing = "artifactd.auth.signing.SigningKey.sign"

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


class TestToyCatalog(PublicationContract, ProxiedPublicationContract, GroupPublicationContract):
    @pytest.fixture
    def adapter(self) -> Toy:
        return Toy()

    @pytest.fixture
    def publication(self, monkeypatch: pytest.MonkeyPatch) -> ToyCatalog:
        return ToyCatalog(monkeypatch)


class TestRepodata(PublicationContract, ProxiedPublicationContract, GroupPublicationContract):
    @pytest.fixture
    def adapter(self) -> Rpm:
        return Rpm()

    @pytest.fixture
    def publication(self, monkeypatch: pytest.MonkeyPatch) -> Repodata:
        return Repodata(monkeypatch)
