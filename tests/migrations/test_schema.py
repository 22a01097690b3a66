from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext

from artifactd.db import schema
from artifactd.db.tables import SCHEMA_REVISION, metadata
from artifactd.db.writer import Database
from tests.support.databases import Place
from tests.support.processes import python, tell, told


def differences(database: Database) -> list[Any]:
    with database.connect() as connection:
        return list(compare_metadata(MigrationContext.configure(connection), metadata))


def migrate(database: Database, to: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(schema.migrations_folder()))

    def job(connection: sa.Connection) -> None:
        config.attributes["connection"] = connection
        (command.downgrade if to == "base" else command.upgrade)(config, to)

    database.write(lambda turn: job(turn.connection))


def tables(database: Database) -> set[str]:
    with database.connect() as connection:
        return set(sa.inspect(connection).get_table_names())


def test_an_empty_database_gets_the_schema_the_code_describes(empty_place: Place) -> None:
    database = empty_place.open()
    schema.ensure(database)
    schema.ensure(database)

    assert differences(database) == []
    with database.connect() as connection:
        assert schema.current(connection) == SCHEMA_REVISION
    database.close()


def test_the_schema_goes_down_to_nothing_and_up_again(empty_place: Place) -> None:
    database = empty_place.open()
    schema.ensure(database)
    migrate(database, "base")
    assert tables(database) <= {"alembic_version", "sqlite_sequence"}
    migrate(database, "head")

    assert differences(database) == []
    database.close()


def test_a_database_of_another_version_is_refused_and_says_what_to_do(empty_place: Place) -> None:
    database = empty_place.open()
    schema.ensure(database)
    database.write(
        lambda turn: turn.connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    )

    with pytest.raises(schema.SchemaOutdated, match=r"revision 9999.*artifactd db upgrade"):
        schema.ensure(database)
    database.close()


def test_several_processes_may_make_the_schema_at_once(empty_place: Place) -> None:
    script = """
from artifactd.db import schema
import alembic.command
print("ready", flush=True)
sys.stdin.readline()
schema.ensure(database)
print("made", flush=True)
"""
    with (
        python(empty_place, script) as one,
        python(empty_place, script) as two,
        python(empty_place, script) as three,
    ):
        processes = (one, two, three)
        assert [told(process) for process in processes] == ["ready"] * 3
        for process in processes:
            tell(process)
        assert [told(process) for process in processes] == ["made"] * 3
    database = empty_place.open()
    assert differences(database) == []
    database.close()
