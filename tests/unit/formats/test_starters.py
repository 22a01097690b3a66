"""The repositories that a fresh server has."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import SecretStr

from artifactd.app import Core, first_start
from artifactd.catalog.repositories import RepositoryRecord
from artifactd.formats.format import Format, Starter
from artifactd.formats.loader import load_formats
from artifactd.settings import Settings
from artifactd.tasks.task import Task
from tests.support import toy_format

PLAIN = replace(toy_format.format, name="plain", publications=())


@contextmanager
def started(data: Path, *formats: Format) -> Iterator[Core]:
    """A server's objects after its first start, with these formats alone."""
    settings = Settings(data=data, admin_password=SecretStr("secret"))
    with closing(Core(settings, {format.name: format for format in formats})) as core:
        first_start(core)
        yield core


def found(core: Core) -> Mapping[str, RepositoryRecord]:
    return {record.name: record for record in core.directory.all()}


def published(core: Core) -> Sequence[str]:
    """The repositories of which all is to be published."""
    return [name for name, record in found(core).items() if core.queue.is_pending(task(record))]


def task(record: RepositoryRecord) -> Task:
    return Task("publish", f"{record.id}")


def test_a_format_has_a_hosted_repository_of_its_name(tmp_path: Path) -> None:
    with started(tmp_path, toy_format.format, PLAIN) as core:
        records = found(core)
        assert {(name, each.format, each.kind) for name, each in records.items()} == {
            ("toy", "toy", "hosted"), ("plain", "plain", "hosted"),
        }  # fmt: skip
        assert all(each.settings == {} and each.members == () for each in records.values())


def test_a_format_may_say_which_it_has(tmp_path: Path) -> None:
    starters = (
        Starter("toy-releases", {"write_policy": "allow_once"}),
        Starter("toy-snapshots", {"max_size": 64}),
        Starter("toy", members=("toy-releases", "toy-snapshots"), writable="toy-releases"),
    )
    with started(tmp_path, replace(toy_format.format, starters=starters)) as core:
        records = found(core)
        assert {name: each.kind for name, each in records.items()} == {
            "toy-releases": "hosted", "toy-snapshots": "hosted", "toy": "group",
        }  # fmt: skip
        assert records["toy-releases"].settings == {"write_policy": "allow_once"}
        assert tuple(records["toy"].members) == ("toy-releases", "toy-snapshots")
        assert core.factory.writable(records["toy"]) == records["toy-releases"]
        assert core.factory.settings(records["toy-snapshots"]).max_size == 64


def test_what_they_publish_is_published_when_somebody_wants_it(tmp_path: Path) -> None:
    starters = (Starter("ours"), Starter("toy", members=("ours",)))
    with started(tmp_path, replace(toy_format.format, starters=starters), PLAIN) as core:
        assert published(core) == [], "a fresh server has nothing to do"


def test_a_second_start_makes_none(tmp_path: Path) -> None:
    with started(tmp_path, toy_format.format) as core:
        core.repositories.delete("toy")
    with started(tmp_path, toy_format.format, PLAIN) as core:
        assert found(core) == {}


@pytest.mark.parametrize("name", sorted(load_formats()))
def test_a_bundled_format_has_some_that_can_be_made(tmp_path: Path, name: str) -> None:
    format = load_formats()[name]
    with started(tmp_path, format) as core:
        records = found(core)
        assert name in records
        for record in records.values():
            assert record.format == name
            assert core.factory.settings(record) is not None
