"""A client of the API that holds the server to its own description.

Every answer must be one that the OpenAPI document tells of: a known status, and a document of its schema.
"""

import re
from collections.abc import Mapping
from typing import Any

import httpx2
from jsonschema import Draft202012Validator
from referencing import Registry
from referencing.jsonschema import DRAFT202012
from starlette.testclient import TestClient

from artifactd.api.application import operations
from artifactd.api.openapi import describe
from artifactd.app import Application, Core, first_start
from artifactd.auth.passwords import Passwords
from artifactd.formats.format import Format
from artifactd.formats.loader import load_formats
from artifactd.settings import Settings

ADMIN_PASSWORD = "the admin's password"

BASE = "/api/v1"


class Described:
    """The description of a server with the installed formats."""

    def __init__(self) -> None:
        self.document = document = describe(operations(load_formats()))
        self._registry: Registry[Any] = Registry().with_resource(
            "urn:openapi", DRAFT202012.create_resource(document)
        )
        self._paths = [(re.compile(re.sub(r"\{\w+\}", "[^/]+", path)), path) for path in document["paths"]]

    def check(self, method: str, path: str, response: httpx2.Response) -> None:
        """Fail unless the description tells of `response`."""
        template = next((known for regex, known in self._paths if regex.fullmatch(path)), None)
        method = "get" if method == "HEAD" else method.lower()
        if template is None or method not in self.document["paths"][template]:
            assert response.status_code in (400, 404, 405), response.text
            pointer = "/components/responses/Problem"
        else:
            pointer = f"/paths/{template.replace('/', '~1')}/{method}/responses/"
            told = self.document["paths"][template][method]["responses"]
            status = str(response.status_code)
            pointer += status if status in told else "default"
            assert status in told or response.status_code >= 400, f"{method} {path}: {status}"
            if "$ref" in told.get(status, told["default"]):
                pointer = "/components/responses/Problem"
        content = self._at(pointer).get("content", {})
        if not content:
            assert response.content == b""
            return
        media_type = response.headers["content-type"]
        assert media_type in content, f"{method} {path}: {media_type}"
        if response.request.method == "HEAD":
            return
        reference = f"{pointer}/content/{media_type.replace('/', '~1')}/schema"
        schema = {"$ref": "urn:openapi#" + reference.replace("{", "%7B").replace("}", "%7D")}
        Draft202012Validator(schema, registry=self._registry).validate(response.json())

    def _at(self, pointer: str) -> Any:
        found = self.document
        for part in pointer.split("/")[1:]:
            found = found[part.replace("~1", "/")]
        return found


class ApiClient:
    """One caller of the API of an application in this process. Paths are below `/api/v1`."""

    def __init__(self, application: Application, described: Described, **headers: str) -> None:
        self._application = application
        self._client = TestClient(
            application, "http://artifacts.test", headers=headers, client=("127.0.0.1", 50_000)
        )
        self.described = described

    def login(self, user: str, password: str) -> "ApiClient":
        """The same as someone else."""
        client = ApiClient(self._application, self.described)
        client._client.auth = (user, password)
        return client

    def anonymous(self) -> "ApiClient":
        return ApiClient(self._application, self.described)

    def bearing(self, token: str) -> "ApiClient":
        return ApiClient(self._application, self.described, authorization=f"Bearer {token}")

    def request(self, method: str, path: str, json: Any = None, **options: Any) -> httpx2.Response:
        """Any request; its answer has been held against the description."""
        if json is not None:
            options["json"] = json
        response = self._client.request(method, BASE + path, **options)
        self.described.check(method, response.request.url.path, response)
        assert response.headers["x-request-id"]
        return response

    def get(self, path: str, **options: Any) -> httpx2.Response:
        return self.request("GET", path, **options)

    def post(self, path: str, json: Any, **options: Any) -> httpx2.Response:
        return self.request("POST", path, json, **options)

    def put(self, path: str, json: Any, **options: Any) -> httpx2.Response:
        return self.request("PUT", path, json, **options)

    def patch(self, path: str, json: Any, **options: Any) -> httpx2.Response:
        return self.request("PATCH", path, json, **options)

    def delete(self, path: str, **options: Any) -> httpx2.Response:
        return self.request("DELETE", path, **options)

    def content(self, method: str, path: str, body: bytes | None = None) -> int:
        """A request for content, not for the API; its status."""
        return self._client.request(method, path, content=body).status_code

    def keep_house(self) -> None:
        """What the server does once a second."""
        self._application._chores()

    def user(self, name: str, *roles: str) -> "ApiClient":
        """Make a user; a client that is logged in as it."""
        assert self.put(f"/users/{name}", {"password": name, "roles": roles}).status_code == 201
        return self.login(name, name)


def started(settings: Settings, formats: Mapping[str, Format] | None = None) -> tuple[Core, Application]:
    """A server that has had its first start, without the listening. Unless others are given, its formats
    publish nothing, so that no task waits for anybody."""
    installed = load_formats()
    quiet = {name: installed[name] for name in ("docker", "pypi", "raw")}
    core = Core(settings, formats or quiet, passwords=Passwords(memory=64, passes=1))
    first_start(core)
    return core, Application(core)
