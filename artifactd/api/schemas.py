"""JSON schemas of models, with the docstrings under their fields as descriptions."""

import ast
import inspect
import itertools
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

REFERENCE = "#/components/schemas/"

Document = dict[str, Any]


def schemas_of(models: Sequence[tuple[type[BaseModel], JsonSchemaMode]]) -> Mapping[str, Document]:
    """The schemas of these models, and of what they consist of, by name. Models of one name are one
    model."""
    _, document = models_json_schema(models, ref_template=REFERENCE + "{model}")
    found: Mapping[str, Document] = document.get("$defs", {})
    for model, _ in models:
        _describe(found[model.__name__], model)
    return found


def schema_of(model: type[BaseModel]) -> Document:
    """The schema of one model, complete in itself."""
    schema = model.model_json_schema()
    _describe(schema, model)
    return schema


def _describe(schema: Document, model: type[BaseModel]) -> None:
    """Add what the docstrings say, where a field has no description of its own."""
    words = _field_docstrings(model)
    for name, property in schema.get("properties", {}).items():
        if name in words:
            property.setdefault("description", words[name])


def _field_docstrings(model: type[BaseModel]) -> Mapping[str, str]:
    """The texts under the fields of a model and of those it is made from."""
    found: dict[str, str] = {}
    for cls in reversed(model.__mro__):
        if not issubclass(cls, BaseModel) or cls is BaseModel:
            continue
        try:
            tree = ast.parse(textwrap.dedent(inspect.getsource(cls)))
        except (OSError, TypeError, SyntaxError):  # made at run time, or installed without its source
            continue
        for body in (node.body for node in tree.body if isinstance(node, ast.ClassDef)):
            for field, text in itertools.pairwise(body):
                if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
                    match text:
                        case ast.Expr(value=ast.Constant(value=str(words))):
                            found[field.target.id] = inspect.cleandoc(words)
    return found
