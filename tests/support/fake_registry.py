"""A registry on loopback that images are pulled from (OCI distribution-spec, "Pull", "Content Discovery"),
with what may be different from one registry to another.

    with FakeRegistry() as registry:
        registry.push("team/app", pullable("content"), "1", "latest")
        registry.fault(status(429, retry_after="60"), "/v2/*/manifests/*")
"""

import json
import secrets
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from tests.support.fake_answers import Asked, Reply, Resource
from tests.support.fake_upstream import FakeUpstream
from tests.support.images import OCI_INDEX, OCI_MANIFEST, Built, digest_of
from tests.support.server import Login

TOKEN_PATH = "/token"
JSON = [("Content-Type", "application/json")]
_PARTS = ("manifests", "blobs", "tags", "referrers")


class Tokens:
    """A token service (distribution, "Token Authentication Specification"). `login`: who gets tokens; None
    is anybody. Answers `issue` at any upstream: `upstream.route("/token", tokens.issue)`."""

    def __init__(self, login: Login | None = None, *, expires_in: int | None = 300) -> None:
        self.login = login
        self.expires_in = expires_in
        self.issued = 0
        self._good: dict[str, tuple[str, float]] = {}

    def issue(self, asked: Asked) -> Reply:
        """A token for the scope that the query names."""
        if self.login is not None and asked.header("authorization") != self.login.header:
            return _error(401, "UNAUTHORIZED")
        token, lasts = secrets.token_hex(8), 60 if self.expires_in is None else self.expires_in
        self._good[token] = (asked.query.get("scope", ""), time.monotonic() + lasts)
        self.issued += 1
        said: dict[str, Any] = {"token": token}
        if self.expires_in is not None:
            said["expires_in"] = self.expires_in
        return Reply(200, JSON, json.dumps(said).encode())

    def allows(self, authorization: str, scope: str) -> bool:
        """Whether a header holds a token for a scope."""
        known = self._good.get(authorization.removeprefix("Bearer "))
        return known is not None and scope in ("", known[0]) and time.monotonic() < known[1]

    def revoke(self) -> None:
        """Let every token be worth nothing from now on."""
        self._good.clear()


class FakeRegistry(FakeUpstream):
    """A registry without images. `tokens`: who has no token of it is sent to `realm`, by default this
    registry's own; `login` instead asks for Basic. `cdn`: where blobs are said to be. `page_size`: at most
    so much of a list at a time. `has_referrers`: whether it knows referrers at all. `says_digest`: whether
    it says `Docker-Content-Digest` of manifests."""

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        login: Login | None = None,
        tokens: Tokens | None = None,
        realm: str = "",
        cdn: FakeUpstream | None = None,
        page_size: int = 1000,
        has_referrers: bool = True,
        says_digest: bool = True,
    ) -> None:
        super().__init__(host=host, login=login)
        self.tokens = tokens
        self.realm = realm
        self.cdn = cdn
        self.page_size = page_size
        self.has_referrers = has_referrers
        self.says_digest = says_digest
        self._blobs: dict[tuple[str, str], bytes] = {}
        self._manifests: dict[tuple[str, str], tuple[bytes, str]] = {}
        self._tags: dict[tuple[str, str], str] = {}

    def push(self, image: str, built: Built, *tags: str) -> str:
        """Have a manifest and all it needs, manifests among its blobs included; its digest."""
        for blob in built.blobs:
            if blob.startswith(b'{"schemaVersion"'):
                self._manifests[image, digest_of(blob)] = (blob, OCI_MANIFEST)
            else:
                self.put_blob(image, blob, built.algorithm)
        self._manifests[image, built.digest] = (built.body, built.media_type)
        for tag in tags:
            self._tags[image, tag] = built.digest
        return built.digest

    def put_blob(self, image: str, data: bytes, algorithm: str = "sha256") -> str:
        """Have a blob; its digest."""
        digest = digest_of(data, algorithm)
        self._blobs[image, digest] = data
        if self.cdn is not None:
            self.cdn.put(f"/blobs/{digest}", data)
        return digest

    def untag(self, image: str, tag: str) -> None:
        """Have the tag no more."""
        del self._tags[image, tag]

    def erase(self, image: str) -> None:
        """Have nothing of an image any more."""
        for known in (self._blobs, self._manifests, self._tags):
            for key in [key for key in known if key[0] == image]:
                known.pop(key)

    def find(self, asked: Asked) -> Resource | Reply | None:
        if asked.path == TOKEN_PATH and self.tokens is not None:
            return self.tokens.issue(asked)
        image, what, reference = _parsed(asked.path)
        if self.tokens is not None:
            scope = f"repository:{image}:pull" if image else ""
            if not self.tokens.allows(asked.header("authorization"), scope):
                return self._challenge(scope)
        if asked.path == "/v2/":
            return Reply(200, JSON, b"{}")
        if what == "manifests":
            return self._manifest(asked, image, reference)
        if what == "blobs":
            return self._blob(image, reference)
        if what == "tags":
            return self._list_tags(asked, image)
        if what == "referrers" and self.has_referrers:
            return self._list_referrers(asked, image, reference)
        return super().find(asked) or _error(404, "NOT_FOUND")

    def _challenge(self, scope: str) -> Reply:
        realm = self.realm or f"{self.url}{TOKEN_PATH}"
        said = f'Bearer realm="{realm}",service="registry.test"' + (f',scope="{scope}"' if scope else "")
        reply = _error(401, "UNAUTHORIZED")
        return Reply(401, [*reply.headers, ("WWW-Authenticate", said)], reply.body)

    def _manifest(self, asked: Asked, image: str, reference: str) -> Resource | Reply:
        digest = self._tags.get((image, reference), reference)
        if (image, digest) not in self._manifests:
            return _error(404, "MANIFEST_UNKNOWN")
        body, media_type = self._manifests[image, digest]
        if media_type not in asked.header("accept") and "*/*" not in asked.header("accept"):
            return _error(404, "MANIFEST_UNKNOWN")  # as registries say to clients that are too old
        headers = {"Docker-Content-Digest": digest} if self.says_digest else {}
        return Resource(body, media_type, etag=f'"{digest}"', modified=None, headers=headers)

    def _blob(self, image: str, digest: str) -> Resource | Reply:
        if (image, digest) not in self._blobs:
            return _error(404, "BLOB_UNKNOWN")
        if self.cdn is not None:
            signed = f"{self.cdn.url}/blobs/{digest}?signature={secrets.token_hex(8)}"
            return Reply(307, [("Location", signed)])
        return Resource(
            self._blobs[image, digest],
            etag=f'"{digest}"',
            modified=None,
            headers={"Docker-Content-Digest": digest},
        )

    def _list_tags(self, asked: Asked, image: str) -> Reply:
        if not any(name == image for name, _ in self._manifests):
            return _error(404, "NAME_UNKNOWN")
        tags = sorted(tag for name, tag in self._tags if name == image)
        page, more = self._page(asked, tags)
        link = [("Link", _next(asked, page[-1]))] if more else []
        return Reply(200, [*JSON, *link], json.dumps({"name": image, "tags": page}).encode())

    def _list_referrers(self, asked: Asked, image: str, digest: str) -> Reply:
        found: dict[str, Mapping[str, Any]] = {}
        for (name, known), (body, media_type) in self._manifests.items():
            document = json.loads(body)
            if name == image and document.get("subject", {}).get("digest") == digest:
                kind = document.get("artifactType") or document.get("config", {}).get("mediaType", "")
                described = {"mediaType": media_type, "digest": known, "size": len(body)}
                found[known] = described | {"artifactType": kind}
        page, more = self._page(asked, sorted(found))
        listing = {
            "schemaVersion": 2,
            "mediaType": OCI_INDEX,
            "manifests": [found[each] for each in page],
        }
        link = [("Link", _next(asked, page[-1]))] if more else []
        return Reply(200, [("Content-Type", OCI_INDEX), *link], json.dumps(listing).encode())

    def _page(self, asked: Asked, names: list[str]) -> tuple[list[str], bool]:
        behind = [name for name in names if name > asked.query.get("last", "")]
        size = min(int(asked.query.get("n", self.page_size)), self.page_size)
        return behind[:size], len(behind) > size


def _parsed(path: str) -> tuple[str, str, str]:
    """Image, what of it, and which. Empty for paths of no image."""
    parts = path.removeprefix("/v2/").rsplit("/", 2)
    if len(parts) == 3 and path.startswith("/v2/") and parts[1] in _PARTS:
        return parts[0], parts[1], parts[2]
    return "", "", ""


def _next(asked: Asked, last: str) -> str:
    size = f"n={asked.query['n']}&" if "n" in asked.query else ""
    return f'<{asked.path}?{size}last={quote(last)}>; rel="next"'


def _error(status: int, code: str) -> Reply:
    body = json.dumps({"errors": [{"code": code, "message": code.lower(), "detail": None}]})
    return Reply(status, JSON, body.encode())
