"""The command line. Exit codes: 0 done, 1 failed (the reason on standard error), 2 wrong usage."""

import json
import os
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import click

from artifactd import __version__
from artifactd.errors import ArtifactdError
from artifactd.settings import Settings, load

data_option = click.option("--data", type=click.Path(path_type=Path), help="Data folder.")
config_option = click.option("--config", type=click.Path(path_type=Path), help="TOML settings file.")
output_option = click.option("--output", type=click.Choice(["table", "json"]), default="table")


@click.group()
@click.version_option(__version__, prog_name="artifactd")
def cli() -> None:
    """One artifact repository server for docker, pip, mvn, dnf and curl."""


@cli.command()
@config_option
@data_option
@click.option("--host", help="Address to listen on.")
@click.option("--port", type=int, help="Port to listen on.")
@click.option("--workers", type=int, help="Web processes.")
@click.option("--role", type=click.Choice(["all", "web", "worker"]), default="all", show_default=True)
@click.option("--spawned-by", type=int, hidden=True)
def serve(
    config: Path | None,
    data: Path | None,
    host: str | None,
    port: int | None,
    workers: int | None,
    role: str,
    spawned_by: int | None,
) -> None:
    """Run the server: `web` only answers, `worker` only runs tasks, `all` does both."""
    from artifactd import serving

    settings = _settings(config, data=data, host=host, port=port, workers=workers)
    if role == "worker":
        serving.task_process(settings, spawned_by=spawned_by)
    else:
        serving.serve(settings, with_tasks=role == "all")


@cli.group()
def db() -> None:
    """The database's schema."""


@db.command("upgrade")
@config_option
@data_option
def db_upgrade(config: Path | None, data: Path | None) -> None:
    """Bring the database to the schema of this version."""
    from artifactd.db import schema

    with _core(config, data) as core:
        schema.upgrade(core.database)
    click.echo(f"the database is at schema revision {_expected_revision()}")


@db.command("current")
@config_option
@data_option
@output_option
def db_current(config: Path | None, data: Path | None, output: str) -> None:
    """Show the schema revision of the database, and the one this version needs."""
    from artifactd.db import schema

    with _core(config, data) as core, core.database.connect() as connection:
        found = schema.current(connection)
    _show(output, [{"found": found, "expected": _expected_revision()}])


@cli.group()
def admin() -> None:
    """Getting back in."""


@admin.command("reset-password")
@config_option
@data_option
@click.argument("user", default="admin")
@click.option("--password", envvar="ARTIFACTD_ADMIN_PASSWORD", help="Asked for when not given.")
def admin_reset_password(config: Path | None, data: Path | None, user: str, password: str | None) -> None:
    """Give USER a new password and open its account."""
    secret = password or click.prompt("New password", hide_input=True, confirmation_prompt=True)
    with _core(config, data) as core:
        core.users.update(user, password=secret, active=True)
    click.echo(f"user {user} has a new password")


@cli.group()
def token() -> None:
    """API tokens."""


@token.command("create")
@config_option
@data_option
@output_option
@click.argument("user")
@click.argument("name")
def token_create(config: Path | None, data: Path | None, output: str, user: str, name: str) -> None:
    """Make an API token called NAME for USER, and show it this once."""
    with _core(config, data) as core:
        row, secret = core.tokens.create(core.users.find(user).id, name)
    _show(output, [{"id": row.id, "name": row.name, "token": secret}])


@cli.command()
@config_option
@data_option
def gc(config: Path | None, data: Path | None) -> None:
    """Ask for a run of every collector now; the task process does it beside whatever is served."""
    from artifactd.tasks.task import Task

    with _core(config, data) as core:
        for name in ("upload-gc", "collect", "compact", "blob-gc"):
            core.queue.enqueue(Task(name), requested_by="command line")
    click.echo("asked for: upload-gc, collect, compact, blob-gc")


@cli.group()
def formats() -> None:
    """Installed formats."""


@formats.command("list")
@output_option
def formats_list(output: str) -> None:
    """Show the installed formats."""
    from artifactd.formats.loader import load_formats

    _show(output, [{"name": f.name, "title": f.title} for f in load_formats().values()])


@cli.command()
@output_option
def version(output: str) -> None:
    """Show the version."""
    _show(output, [{"version": __version__}])


def main() -> None:
    """The console script."""
    try:
        cli()
    except ArtifactdError as error:
        click.echo(f"artifactd: {error}", err=True)
        sys.exit(1)
    except OSError as error:
        click.echo(f"artifactd: {error.strerror or error}: {error.filename or ''}".rstrip(": "), err=True)
        sys.exit(1)


def _settings(config: Path | None, **flags: Any) -> Settings:
    return load({name: value for name, value in flags.items() if value is not None}, os.environ, config)


def _core(config: Path | None, data: Path | None) -> Any:
    from contextlib import closing

    from artifactd.app import Core

    return closing(Core(_settings(config, data=data)))


def _expected_revision() -> str:
    from artifactd.db.tables import SCHEMA_REVISION

    return SCHEMA_REVISION


def _show(output: str, rows: Iterable[Mapping[str, Any]]) -> None:
    rows = list(rows)
    if output == "json":
        click.echo(json.dumps(rows))
        return
    for row in rows:
        click.echo("  ".join(str(value) for value in row.values()))


if __name__ == "__main__":
    main()
