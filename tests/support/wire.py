"""A registry client of a few lines for servers in other processes: it pushes and pulls as real clients do,
and says at which request something went wrong."""

import base64
import http.client
import json
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Self

from tests.support.images import OCI_MANIFEST, Built, digest_of
from tests.support.server import Answer, Login
from tests.support.serving import ADMIN, Running

TAGS_AT_ONCE = 50
"""The answer names each in a header line, of which this client reads 100."""


class Unexpected(AssertionError):
    """An answer that a push or pull does not end well with."""

    def __init__(self, method: str, target: str, answer: Answer) -> None:
        super().__init__(f"{method} {target} was answered with {answer.status}: {answer.body[:500]!r}")
        self.answer = answer


class Wire:
    """One connection to a server, for one thread."""

    def __init__(
        self,
        server: Running,
        login: Login | None = ADMIN,
        *,
        port: int | None = None,
        timeout: float = 30,
    ) -> None:
        self._login = login
        self._connection = http.client.HTTPConnection("127.0.0.1", port or server.port, timeout=timeout)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _at: TracebackType | None
    ) -> None:
        self._connection.close()

    def request(
        self, method: str, target: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """One request, sent as it is written. Raises OSError or HTTPException when no answer comes."""
        lines = dict(headers or {})
        if self._login is not None:
            secret = f"{self._login.name}:{self._login.password}".encode()
            lines["Authorization"] = "Basic " + base64.b64encode(secret).decode()
        try:
            self._connection.request(method, target, body, lines)
            response = self._connection.getresponse()
            received = response.read()
        except BaseException:
            self._connection.close()
            raise
        return Answer(
            response.status, [(name.lower(), value) for name, value in response.getheaders()], received
        )

    def answers(self) -> bool:
        """Whether somebody listens."""
        try:
            self.request("GET", "/v2/")
        except OSError:
            return False
        return True

    def expect(self, status: int, method: str, target: str, *rest: Any) -> Answer:
        """`request`, which must be answered with `status`. Raises Unexpected."""
        answer = self.request(method, target, *rest)
        if answer.status != status:
            raise Unexpected(method, target, answer)
        return answer

    def push(self, image: str, tag: str, built: Built) -> None:
        """Push as clients do: what is not there yet as POST, PATCH, PUT; then the manifest. `image` begins
        with the repository."""
        for blob in built.blobs:
            self.push_blob(image, blob)
        self.put_manifest(image, tag, built)

    def push_index(self, image: str, tag: str, whole: Built) -> None:
        """Push an index after the manifests and blobs among what it needs."""
        for data in whole.blobs:
            if data.startswith(b'{"schemaVersion"'):
                self.put_manifest(image, digest_of(data), Built(data, OCI_MANIFEST))
            else:
                self.push_blob(image, data)
        self.put_manifest(image, tag, whole)

    def push_tags(self, image: str, tags: Sequence[str], built: Built) -> None:
        """Push one manifest under many tags."""
        self.push(image, built.digest, built)
        for start in range(0, len(tags), TAGS_AT_ONCE):
            query = "&".join(f"tag={tag}" for tag in tags[start : start + TAGS_AT_ONCE])
            self.put_manifest(image, f"{built.digest}?{query}", built)

    def push_blob(self, image: str, data: bytes) -> None:
        """Send a blob unless it is there."""
        digest = digest_of(data)
        if self.request("HEAD", f"/v2/{image}/blobs/{digest}").status == 200:
            return
        begun = self.expect(202, "POST", f"/v2/{image}/blobs/uploads/", b"")
        sent = self.expect(202, "PATCH", begun.header("location"), data)
        assert sent.header("range") == f"0-{max(0, len(data) - 1)}"
        self.expect(201, "PUT", f"{sent.header('location')}?digest={digest}", b"")

    def put_manifest(self, image: str, reference: str, built: Built) -> None:
        """Send a manifest."""
        typed = {"Content-Type": built.media_type}
        answer = self.expect(201, "PUT", f"/v2/{image}/manifests/{reference}", built.body, typed)
        assert answer.header("docker-content-digest") == built.digest

    def pull(self, image: str, reference: str) -> str:
        """Pull a manifest and all it names, and compare every digest; the manifest's own."""
        answer = self.expect(200, "GET", f"/v2/{image}/manifests/{reference}")
        digest = digest_of(answer.body)
        assert answer.header("docker-content-digest") == digest
        document = json.loads(answer.body)
        for described in (document["config"], *document["layers"]):
            blob = self.expect(200, "GET", f"/v2/{image}/blobs/{described['digest']}").body
            assert digest_of(blob) == described["digest"]
            assert len(blob) == described["size"]
        return digest
