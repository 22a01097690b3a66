"""Bringing a database to the schema this code expects. Alembic is imported only when there is something to
do."""

from pathlib import Path

from sqlalchemy import Connection, inspect, text

from artifactd.db.tables import SCHEMA_REVISION
from artifactd.db.writer import Database
from artifactd.errors import ArtifactdError


class SchemaOutdated(ArtifactdError):
    """The database stands at another revision than this code expects."""

    message = (
        "the database is at schema revision {found}, this version needs {expected}: "
        "run `artifactd db upgrade`"
    )

    def __init__(self, found: str | None) -> None:
        self.found = found
        self.expected = SCHEMA_REVISION


def current(connection: Connection) -> str | None:
    """The revision the database stands at; None for an empty one."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    revision: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return revision


def ensure(database: Database) -> None:
    """Create the schema in an empty database; raise SchemaOutdated for any other than the expected one."""
    with database.connect() as connection:
        found = current(connection)
    if found is None:
        upgrade(database)
    elif found != SCHEMA_REVISION:
        raise SchemaOutdated(found)


def upgrade(database: Database) -> None:
    """Run every migration the database lacks. Safe to call from several processes at once: the first does
    it."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(migrations_folder()))

    def job(connection: Connection) -> None:
        if current(connection) == SCHEMA_REVISION:
            return
        config.attributes["connection"] = connection
        command.upgrade(config, "head")

    database.write(lambda turn: job(turn.connection))


def migrations_folder() -> Path:
    """Where the migrations lie: within the installed wheel, or at the top of a checkout."""
    package = Path(__file__).resolve().parent.parent
    installed = package / "_migrations"
    return installed if installed.is_dir() else package.parent / "migrations"
