"""Builders of images, and a registry client of a few lines for wire tests."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.support.server import ADMIN, Answer, Login, RunningServer

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
OCI_LAYER = "application/vnd.oci.image.layer.v1.tar"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"


def digest_of(data: bytes, algorithm: str = "sha256") -> str:
    return f"{algorithm}:{hashlib.new(algorithm, data).hexdigest()}"


def descriptor(data: bytes, media_type: str, algorithm: str = "sha256") -> dict[str, Any]:
    return {"mediaType": media_type, "digest": digest_of(data, algorithm), "size": len(data)}


@dataclass(frozen=True)
class Built:
    """A manifest as it will be sent, and the blobs it needs."""

    body: bytes
    media_type: str
    blobs: Sequence[bytes] = field(default=())
    algorithm: str = "sha256"

    @property
    def digest(self) -> str:
        return digest_of(self.body, self.algorithm)

    @property
    def descriptor(self) -> dict[str, Any]:
        return descriptor(self.body, self.media_type, self.algorithm)


def image(
    content: str = "",
    *,
    layers: int = 1,
    media_type: str = OCI_MANIFEST,
    algorithm: str = "sha256",
    **more: Any,
) -> Built:
    """An image manifest; `content` tells it from others. `more` are further fields."""
    config = json.dumps({"architecture": "amd64", "os": "linux", "content": content}).encode()
    bodies = [f"layer {number} {content}".encode() for number in range(layers)]
    document = {
        "schemaVersion": 2,
        "mediaType": media_type,
        "config": descriptor(config, OCI_CONFIG, algorithm),
        "layers": [descriptor(body, OCI_LAYER, algorithm) for body in bodies],
        **more,
    }
    return Built(json.dumps(document).encode(), media_type, [config, *bodies], algorithm)


def index(*children: Mapping[str, Any], media_type: str = OCI_INDEX, **more: Any) -> Built:
    """An index of descriptors."""
    document = {"schemaVersion": 2, "mediaType": media_type, "manifests": list(children), **more}
    return Built(json.dumps(document).encode(), media_type)


@dataclass(frozen=True)
class Registry:
    """One image of one repository, as a client sees it."""

    server: RunningServer
    repository: str
    image: str
    login: Login | None = ADMIN

    @property
    def name(self) -> str:
        return f"{self.repository}/{self.image}"

    def of(self, image: str) -> "Registry":
        """Another image of the same repository."""
        return Registry(self.server, self.repository, image, self.login)

    def by(self, login: Login | None) -> "Registry":
        """The same image for someone else."""
        return Registry(self.server, self.repository, self.image, login)

    def request(
        self,
        method: str,
        path: str,
        body: bytes | Iterable[bytes] = b"",
        *,
        headers: Mapping[str, str] | Sequence[tuple[str, str]] = (),
    ) -> Answer:
        """A request below the image, or for an absolute path as a Location gives it."""
        full = path if path.startswith("/") else f"/v2/{self.name}/{path}"
        return self.server.request(method, full, body, login=self.login, headers=headers)

    def upload(self, data: bytes, algorithm: str = "sha256") -> str:
        """Store a blob; its digest."""
        digest = digest_of(data, algorithm)
        answer = self.request("POST", f"blobs/uploads/?digest={digest}", data)
        assert answer.status == 201, answer
        return digest

    def put(self, built: Built, reference: str | None = None) -> Answer:
        """Send a manifest."""
        return self.request(
            "PUT",
            f"manifests/{reference or built.digest}",
            built.body,
            headers={"Content-Type": built.media_type},
        )

    def push(self, built: Built, *references: str) -> str:
        """Store a manifest and all it needs under tags, or under its digest; the digest."""
        for blob in built.blobs:
            self.upload(blob, built.algorithm)
        for reference in references or (built.digest,):
            answer = self.put(built, reference)
            assert answer.status == 201, answer
        return built.digest

    def tags(self) -> list[str]:
        """Every tag."""
        tags: list[str] = self.request("GET", "tags/list").json()["tags"]
        return tags

    def begin(self, query: str = "") -> str:
        """Begin an upload; its URL."""
        answer = self.request("POST", f"blobs/uploads/{query}")
        assert answer.status == 202, answer
        return answer.header("location")


def codes(answer: Answer) -> list[str]:
    """The codes of an error answer."""
    return [error["code"] for error in answer.json()["errors"]]
