"""How Alembic reaches the database: with the connection `artifactd db upgrade` hands over, or the URL of
alembic.ini."""

from alembic import context
from sqlalchemy import Connection

from artifactd.db.engine import open_engine
from artifactd.db.tables import metadata


def migrate(connection: Connection) -> None:
    """Run the migrations asked for in one transaction each."""
    context.configure(connection=connection, target_metadata=metadata, transaction_per_migration=True)
    with context.begin_transaction():
        context.run_migrations()


given: Connection | None = context.config.attributes.get("connection")
if given is not None:
    migrate(given)
else:
    with open_engine(context.config.get_main_option("sqlalchemy.url") or "").connect() as connection:
        migrate(connection)
