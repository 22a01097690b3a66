"""The description of the API: valid, complete, and the one that was reviewed.

After a change that is meant: `ARTIFACTD_TEST_REWRITE=1 pytest tests/unit/api/test_openapi.py`, and look at
the difference.
"""

import json
import os
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from artifactd.api import application
from artifactd.api.application import operations
from artifactd.api.openapi import describe
from artifactd.api.operation import BASE, Permission
from artifactd.formats.format import Format, Settings
from artifactd.formats.loader import load_formats
from artifactd.settings import Settings as Configured
from tests.support.api_client import ApiClient, Described, started

SNAPSHOT = Path(application.__file__).with_name("openapi.json")
PLUGINS = Path(__file__).parents[3] / "plugins"


def bundled() -> Mapping[str, Format]:
    """The formats of this project, whatever else is installed."""
    names = {folder.name.removeprefix("artifactd_") for folder in PLUGINS.iterdir() if folder.is_dir()}
    return {name: format for name, format in load_formats().items() if name in names}


def test_the_description_is_the_one_that_was_reviewed() -> None:
    text = json.dumps(describe(operations(bundled())), indent=1, ensure_ascii=False) + "\n"
    if os.environ.get("ARTIFACTD_TEST_REWRITE"):
        SNAPSHOT.write_text(text)
    assert text == SNAPSHOT.read_text(), "the API has changed: see the docstring of this file"


def test_the_description_is_valid_openapi() -> None:
    OpenAPIV31SpecValidator(describe(operations(bundled()))).validate()


def test_the_server_describes_itself_to_anyone(settings: Configured, described: Described) -> None:
    core, application = started(settings, load_formats())
    with closing(core):
        document = ApiClient(application, described).anonymous().get("/openapi.json").json()
    assert document["openapi"] == "3.1.0"
    assert document == describe(operations(load_formats()))
    assert document["paths"].keys() == {BASE + operation.path for operation in operations(bundled())}


def test_every_operation_is_described_once() -> None:
    listed = operations(bundled())
    assert len({operation.id for operation in listed}) == len(listed)
    assert len({(operation.method, operation.path) for operation in listed}) == len(listed)


def test_every_write_can_be_rehearsed() -> None:
    for operation in operations(bundled()):
        assert ("dry_run" in operation.query.model_fields) == (operation.method != "GET"), operation.id


def test_every_operation_but_the_descriptions_takes_credentials(api: ApiClient) -> None:
    for operation in operations(bundled()):
        public = operation.permission is Permission.PUBLIC
        path = operation.path.replace("{name}", "raw").replace("{id}", "1")
        body: dict[str, str] | None = {} if operation.request is not None else None
        response = api.anonymous().request(operation.method, path, body)
        assert (response.status_code == 200) if public else (response.status_code == 401), operation.id
        assert public == (operation.path in ("/openapi.json", "/formats"))


def test_a_repositorys_document_is_told_apart_by_its_format() -> None:
    schemas = describe(operations(bundled()))["components"]["schemas"]
    draft = schemas["RepositoryDraft"]
    assert draft["discriminator"]["propertyName"] == "format"
    assert draft["discriminator"]["mapping"].keys() == bundled().keys()
    for reference in draft["discriminator"]["mapping"].values():
        assert "write_policy" in schemas[reference.rpartition("/")[2]]["properties"]


def test_a_format_cannot_take_a_property_that_every_repository_has() -> None:
    class Clashing(Settings):
        online: bool = False

    with pytest.raises(ValueError, match="online"):
        operations({"clashing": Format("clashing", "Clashing", (), settings=Clashing)})
