"""The OpenAPI 3.1 document, made from the operations and their models.

It does not depend on the version of this server, only on what the API is: a difference to the committed
snapshot is a change of the API.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode

from artifactd.api.operation import (
    BASE,
    Answer,
    Call,
    Listed,
    MergePatch,
    OneOf,
    Operation,
    Permission,
    Schema,
)
from artifactd.api.problems import MEDIA_TYPE
from artifactd.api.schemas import REFERENCE, schemas_of

Document = dict[str, Any]

_PERMISSIONS: Mapping[Permission, str] = {
    Permission.PUBLIC: "Takes no credentials.",
    Permission.AUTHENTICATED: "For every user.",
    Permission.OWNER: "For every user, with credentials that are not narrowed by scopes.",
    Permission.ADMINISTRATOR: "For administrators.",
}

_PROBLEMS: Mapping[int, str] = {
    400: "What was sent is not valid",
    401: "Credentials are missing or wrong",
    403: "The caller may not do this",
    404: "There is no such object",
    409: "Another object is in the way",
    412: "The object is not at the version that If-Match names",
    413: "The body is too large",
    415: "The body is not JSON",
}

_PROBLEM: Document = {
    "type": "object",
    "description": "What went wrong (RFC 9457).",
    "required": ["type", "title", "status", "detail", "request_id"],
    "properties": {
        "type": {"type": "string", "format": "uri", "description": "stable; for programs"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "for people"},
        "errors": {
            "type": "array",
            "description": "each thing that is wrong with what was sent",
            "items": {
                "type": "object",
                "required": ["detail"],
                "properties": {
                    "pointer": {"type": "string", "description": "into the body (RFC 6901, as a fragment)"},
                    "parameter": {"type": "string", "description": "of the query"},
                    "detail": {"type": "string"},
                },
            },
        },
        "request_id": {"type": "string", "description": "also in the log, and in X-Request-Id"},
    },
}


def described(operations: Sequence[Operation]) -> Sequence[Operation]:
    """The operations, and one more that answers with the description of them all."""
    made: list[Document] = []

    def get_description(call: Call) -> Answer:
        # Made with the first request for it.
        if not made:
            made.append(describe(everything))
        return Answer(made[0])

    everything = [
        *operations,
        Operation(
            "getDescription", "GET", "/openapi.json", "This description", Permission.PUBLIC,
            get_description, {200: None},
        ),
    ]  # fmt: skip
    return everything


def describe(operations: Iterable[Operation]) -> Document:
    """The OpenAPI document of these operations."""
    components = _Components()
    paths: Document = {}
    for operation in operations:
        of_path = paths.setdefault(BASE + operation.path, {})
        of_path[operation.method.lower()] = _operation(operation, components)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "artifactd",
            "version": "v1",
            "summary": "Provisioning of an artifact repository server",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "security": [{"basic": []}, {"bearer": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "basic": {
                    "type": "http",
                    "scheme": "basic",
                    "description": "user and password, or an API token instead of the password",
                },
                "bearer": {"type": "http", "scheme": "bearer", "description": "an API token"},
            },
            "responses": {
                "Problem": {
                    "description": "It came to nothing",
                    "content": {MEDIA_TYPE: {"schema": {"$ref": REFERENCE + "Problem"}}},
                }
            },
            "schemas": {"Problem": _PROBLEM} | components.schemas(),
        },
    }


class _Components:
    """The schemas that operations refer to, gathered while they are described."""

    def __init__(self) -> None:
        self._models: dict[type[BaseModel], JsonSchemaMode] = {}
        self._unions: dict[str, OneOf] = {}

    def reference(self, schema: type[BaseModel] | OneOf, mode: JsonSchemaMode) -> Document:
        if isinstance(schema, OneOf):
            self._unions[schema.name] = schema
            for member in schema.members.values():
                self._models[member] = mode
            return {"$ref": REFERENCE + schema.name}
        self._models[schema] = mode
        return {"$ref": REFERENCE + schema.__name__}

    def schemas(self) -> Document:
        found = dict(schemas_of(list(self._models.items())))
        for model, mode in self._models.items():
            if mode == "serialization":
                # Answers may grow: who reads them passes over what it does not know.
                found[model.__name__].pop("additionalProperties", None)
        for name, union in self._unions.items():
            members = {key: REFERENCE + model.__name__ for key, model in union.members.items()}
            found[name] = {
                "oneOf": [{"$ref": reference} for reference in members.values()],
                "discriminator": {"propertyName": union.discriminator, "mapping": members},
            }
        return {name: found[name] for name in sorted(found)}


def _operation(operation: Operation, components: _Components) -> Document:
    words = [operation.details, _PERMISSIONS[operation.permission]]
    document: Document = {
        "operationId": operation.id,
        "tags": [operation.path.split("/")[1].partition(".")[0]],
        "summary": operation.summary,
        "description": " ".join(word for word in words if word),
        "parameters": list(_parameters(operation)),
        "responses": _responses(operation, components),
    }
    if operation.permission is Permission.PUBLIC:
        document["security"] = []
    if operation.request is not None:
        document["requestBody"] = _request_body(operation.request, components)
    return document


def _parameters(operation: Operation) -> Iterable[Document]:
    for name in re.findall(r"\{(\w+)\}", operation.path):
        yield {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
    schema = operation.query.model_json_schema(ref_template="{model}")
    for name, property in schema.get("properties", {}).items():
        described = dict(_inlined(property, schema.get("$defs", {})))
        parameter: Document = {"name": name, "in": "query", "required": name in schema.get("required", ())}
        if "description" in described:
            parameter["description"] = described.pop("description")
        described.pop("title", None)
        yield parameter | {"schema": described}
    if operation.conditional and operation.method != "GET":
        yield {
            "name": "If-Match",
            "in": "header",
            "description": "the ETag of the version that this is about",
            "schema": {"type": "string"},
        }


def _inlined(schema: Any, definitions: Mapping[str, Any]) -> Any:
    """A parameter's schema without references: those of a query are small."""
    if isinstance(schema, dict):
        if "$ref" in schema:
            rest = {key: value for key, value in schema.items() if key != "$ref"}
            return {**_inlined(definitions[schema["$ref"]], definitions), **rest}
        return {key: _inlined(value, definitions) for key, value in schema.items()}
    if isinstance(schema, list):
        return [_inlined(each, definitions) for each in schema]
    return schema


def _responses(operation: Operation, components: _Components) -> Document:
    responses: Document = {}
    for status, schema in operation.answers.items():
        responses[str(status)] = _response(operation, status, schema, components)
    for status in _refusals(operation):
        responses[str(status)] = {
            "description": _PROBLEMS[status],
            "content": {MEDIA_TYPE: {"schema": {"$ref": REFERENCE + "Problem"}}},
        }
    responses["default"] = {"$ref": "#/components/responses/Problem"}
    return responses


def _response(
    operation: Operation, status: int, schema: Schema | None, components: _Components
) -> Document:
    gone = "Gone" if operation.method == "DELETE" else "Done"
    words = {200: "Done", 201: "Made", 202: "Asked for", 204: gone}[status]
    document: Document = {"description": words}
    headers: Document = {}
    if operation.conditional and status != 204:
        headers["ETag"] = {"description": "of this version", "schema": {"type": "string"}}
    if status == 201 or (status == 202 and operation.method == "POST"):
        headers["Location"] = {"description": "where it is found", "schema": {"type": "string"}}
    if headers:
        document["headers"] = headers
    if schema is not None:
        document["content"] = {"application/json": {"schema": _schema(schema, components, "serialization")}}
    elif status == 200:
        document["content"] = {"application/json": {"schema": {"type": "object"}}}
    return document


def _request_body(schema: Schema, components: _Components) -> Document:
    content: Document = {"application/json": {"schema": _schema(schema, components, "validation")}}
    if isinstance(schema, MergePatch):
        content["application/merge-patch+json"] = content["application/json"]
    return {"required": True, "content": content}


def _schema(schema: Schema, components: _Components, mode: JsonSchemaMode) -> Document:
    match schema:
        case Listed():
            return {
                "type": "object",
                "required": ["items", "next"],
                "properties": {
                    "items": {"type": "array", "items": components.reference(schema.item, mode)},
                    "next": {"type": ["string", "null"], "description": "`cursor` of the next page"},
                },
            }
        case MergePatch():
            name = schema.of.name if isinstance(schema.of, OneOf) else schema.of.__name__
            return {"type": "object", "description": f"A JSON merge patch (RFC 7396) of a {name}."}
    return components.reference(schema, mode)


def _refusals(operation: Operation) -> Iterable[int]:
    if operation.request is not None or operation.query.model_fields:
        yield 400
    if operation.permission is not Permission.PUBLIC:
        yield 401
        yield 403
    if "{" in operation.path:
        yield 404
    if operation.method != "GET":
        yield 409
    if operation.conditional and operation.method != "GET":
        yield 412
    if operation.request is not None:
        yield 413
        yield 415
