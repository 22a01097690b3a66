"""Documents: JSON as it comes in, checked and merged. Pure.

Rule 1: what is wrong with a document is told with a pointer to where (RFC 6901, as a URI fragment), all of
it at once.
Rule 2: no string with a control character gets past here but line breaks and tabs: nothing of ours is
named by one, and PostgreSQL stores no NUL.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Any, TypeVar

import msgspec
from pydantic import AfterValidator, BaseModel, ValidationError
from pydantic_core import PydanticCustomError

from artifactd import clock
from artifactd.api.problems import InvalidDocument, Mistake
from artifactd.auth import patterns
from artifactd.clock import Micros
from artifactd.errors import InvalidInput

CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_CONTROL_IN_TEXT = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")

M = TypeVar("M", bound=BaseModel)


def parse_object(body: bytes) -> Mapping[str, Any]:
    """A body as a JSON object. Raises InvalidDocument."""
    try:
        document = msgspec.json.decode(body)
        if not isinstance(document, dict):
            raise InvalidDocument([Mistake("the body is a JSON object", pointer="#")])
        mistakes = list(_unprintable(document, "#"))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        words = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise InvalidDocument([Mistake(f"the body is not JSON: {words}", pointer="#")]) from None
    if mistakes:
        raise InvalidDocument(mistakes)
    return document


def read(model: type[M], document: Mapping[str, Any]) -> M:
    """`document` as a `model`. Raises InvalidDocument."""
    try:
        return model.model_validate(document)
    except ValidationError as error:
        raise InvalidDocument(
            [Mistake(problem["msg"], pointer=_pointer(problem["loc"])) for problem in error.errors()]
        ) from None


def read_query(model: type[M], items: list[tuple[str, str]]) -> M:
    """The parameters of a query as a `model`. Raises InvalidDocument, for one that comes twice too."""
    values = dict(items)
    mistakes = [
        Mistake("control characters are not possible here", parameter=CONTROL.sub("?", name))
        for name, value in items
        if CONTROL.search(name + value)
    ]
    if len(values) < len(items):
        mistakes.append(Mistake("a parameter is given once", parameter=_first_twice(items)))
    if mistakes:
        raise InvalidDocument(mistakes)
    try:
        return model.model_validate(values)
    except ValidationError as error:
        known = ", ".join(model.model_fields) or "none"
        raise InvalidDocument(
            [
                Mistake(
                    f"unknown parameter; known here: {known}"
                    if problem["type"] == "extra_forbidden"
                    else problem["msg"],
                    parameter=str(problem["loc"][0]),
                )
                for problem in error.errors()
            ]
        ) from None


def merged(document: Mapping[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    """`document` with a JSON merge patch applied (RFC 7396, section 2): null removes, objects merge,
    everything else replaces."""
    result = dict(document)
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, Mapping):
            before = result.get(key)
            result[key] = merged(before if isinstance(before, Mapping) else {}, value)
        else:
            result[key] = value
    return result


def named(document: Mapping[str, Any], name: str) -> dict[str, Any]:
    """A document whose object is named by its path: `name` may be left out of it, but not be another.
    Raises InvalidDocument."""
    if document.get("name", name) != name:
        raise InvalidDocument([Mistake(f"this is {name!r}, and a name never changes", pointer="#/name")])
    return {**document, "name": name}


def instant(moment: Micros) -> str:
    """A moment as RFC 3339 writes it, in UTC."""
    return clock.moment(moment).isoformat().replace("+00:00", "Z")


def checked_by(check: Callable[[str], Any]) -> AfterValidator:
    """A validator of text from a function that raises InvalidInput."""

    def validate(text: str) -> str:
        try:
            check(text)
        except InvalidInput as error:
            raise PydanticCustomError("invalid", "{detail}", {"detail": str(error)}) from None
        return text

    return AfterValidator(validate)


Pattern = Annotated[str, checked_by(patterns.compile)]
"""A pattern of repository names or of paths."""


def _unprintable(value: Any, pointer: str) -> Iterator[Mistake]:
    if isinstance(value, str):
        if _CONTROL_IN_TEXT.search(value):
            yield Mistake("control characters are not possible here", pointer=pointer)
    elif isinstance(value, dict):
        for key, each in value.items():
            if CONTROL.search(key):
                yield Mistake("a property is named with a control character", pointer=pointer)
            else:
                yield from _unprintable(each, f"{pointer}/{_escaped(key)}")
    elif isinstance(value, list):
        for index, each in enumerate(value):
            yield from _unprintable(each, f"{pointer}/{index}")


def _pointer(location: tuple[int | str, ...]) -> str:
    return "/".join(("#", *(_escaped(str(part)) for part in location)))


def _escaped(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")


def _first_twice(items: list[tuple[str, str]]) -> str:
    names = [name for name, _ in items]
    return next(name for name in names if names.count(name) > 1)
