"""Settings: what an operator says before the server starts. Everything else is an object of the API.

Precedence: flag > `ARTIFACTD_…` environment (nested by `__`) > `ARTIFACTD_…_FILE` (a file holding the
value) > TOML file > default. Unknown keys are errors: a misspelt setting must not look like a working one.
"""

import os
import tomllib
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
)
from pydantic_core import PydanticCustomError

from artifactd.errors import ArtifactdError

PREFIX = "ARTIFACTD_"
_NOT_SETTINGS = ("ARTIFACTD_CONFIG", "ARTIFACTD_TEST_")

SHORTEST_SECRET_KEY = 16
"""Characters: 16 random ones cannot be guessed."""

DEFAULT_FILES = (Path("artifactd.toml"), Path("/etc/artifactd/artifactd.toml"))


def _seconds(value: Any) -> Any:
    """`90` and `0.5`, also as text, are seconds; ISO 8601 durations are pydantic's."""
    try:
        return timedelta(seconds=float(value)) if isinstance(value, str) else value
    except ValueError:
        return value


Seconds = Annotated[timedelta, BeforeValidator(_seconds)]


class Log(BaseModel):
    """What is written to standard output."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    level: str = Field("info", pattern="^(debug|info|warning|error)$", description="least severe level")
    access: bool = Field(True, description="one line per request")
    format: str = Field(
        "auto", pattern="^(auto|json|text)$", description="auto: text on a terminal, JSON lines elsewhere"
    )


class Maintenance(BaseModel):
    """How often the collectors run, and what they spare. Seconds."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    collect_every: Seconds = Field(timedelta(hours=1), description="retire what nothing refers to")
    compact_every: Seconds = Field(timedelta(days=1), description="forget history behind the undo window")
    blob_gc_every: Seconds = Field(timedelta(hours=1), description="give back bytes that no row names")
    upload_gc_every: Seconds = Field(timedelta(hours=1), description="end uploads nobody continues")
    undo_window: Seconds = Field(timedelta(days=14), description="how long deleted things can come back")
    orphan_margin: Seconds = Field(
        timedelta(hours=24), description="how long stored bytes may wait for the edit that names them"
    )
    upload_ttl: Seconds = Field(timedelta(hours=72), description="how long an upload may rest")


class Settings(BaseModel):
    """All settings. `database_url` empty means SQLite in the data folder."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    data: Path = Field(Path("data"), description="folder of the database, blobs and run-time files")
    host: str = Field("127.0.0.1", description="address to listen on")
    port: int = Field(8081, ge=0, le=65535, description="port to listen on")
    workers: int = Field(1, ge=1, le=256, description="web processes")
    database_url: SecretStr = Field(SecretStr(""), description="SQLite in `data`, or postgresql://…")
    admin_password: SecretStr = Field(
        SecretStr(""), description="first start: password of `admin`; generated when empty"
    )
    secret_key: SecretStr = Field(
        SecretStr(""),
        description="seals the proxies' secrets in the database, 16 characters or more; a key is made in"
        " `data` when empty",
    )
    trusted_proxies: tuple[str, ...] = Field(
        (), description="networks (CIDR) whose X-Forwarded-* headers are believed"
    )
    drain_delay: Seconds = Field(
        timedelta(seconds=5), description="after SIGTERM: still accepting, /readyz says no"
    )
    drain_timeout: Seconds = Field(timedelta(seconds=300), description="for requests under way at the end")
    task_process_idle: Seconds = Field(
        timedelta(seconds=30), description="the task process ends after this time without work"
    )
    log: Log = Field(Log(), description="logging")
    maintenance: Maintenance = Field(Maintenance(), description="collectors")

    @field_validator("secret_key")
    @classmethod
    def _long_enough(cls, value: SecretStr) -> SecretStr:
        if 0 < len(value.get_secret_value()) < SHORTEST_SECRET_KEY:
            raise PydanticCustomError(
                "too_short", "at least {length} characters", {"length": SHORTEST_SECRET_KEY}
            )
        return value

    @property
    def database(self) -> str:
        """The URL of the database."""
        url = self.database_url.get_secret_value()
        return url or f"sqlite:///{self.data.absolute() / 'artifactd.db'}"


class SettingsInvalid(ArtifactdError):
    """A setting cannot be used; the message names it, its value and where it came from."""

    message = "{detail}"

    def __init__(self, detail: str) -> None:
        self.detail = detail


def environment_of(settings: Settings) -> dict[str, str]:
    """The environment in which `load` gives the same settings: what a process of ours hands to another. The
    admin's password is left out: only the first start needs it."""
    found: dict[str, str] = {}
    for path, value in _leaves((), settings):
        if path != ("admin_password",):
            found[PREFIX + "__".join(path).upper()] = value
    return found


def _leaves(path: tuple[str, ...], model: BaseModel) -> Iterator[tuple[tuple[str, ...], str]]:
    for name in type(model).model_fields:
        value = getattr(model, name)
        match value:
            case BaseModel():
                yield from _leaves((*path, name), value)
            case SecretStr():
                yield (*path, name), value.get_secret_value()
            case timedelta():
                yield (*path, name), str(value.total_seconds())
            case tuple():
                yield (*path, name), ",".join(value)
            case _:
                yield (*path, name), str(value)


def load(
    flags: Mapping[str, Any], environment: Mapping[str, str] | None = None, file: Path | None = None
) -> Settings:
    """The settings from all sources. `flags` as nested mappings, without those not given. Raises
    SettingsInvalid."""
    environment = os.environ if environment is None else environment
    layers = [_from_file(file, environment), _from_environment(environment), flags]
    merged: dict[str, Any] = {}
    for layer in layers:
        _merge(merged, layer)
    try:
        return Settings.model_validate(merged)
    except ValidationError as error:
        problems = [
            f"{'.'.join(map(str, problem['loc']))}: {problem['msg']} (given: {_shown(problem)})"
            for problem in error.errors()
        ]
        raise SettingsInvalid("settings: " + "; ".join(problems)) from None


def _from_file(file: Path | None, environment: Mapping[str, str]) -> Mapping[str, Any]:
    named = file or (Path(environment["ARTIFACTD_CONFIG"]) if "ARTIFACTD_CONFIG" in environment else None)
    for candidate in [named] if named else DEFAULT_FILES:
        if candidate.is_file():
            try:
                return tomllib.loads(candidate.read_text())
            except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
                raise SettingsInvalid(f"{candidate} is not TOML: {error}") from error
    if named:
        raise SettingsInvalid(f"the settings file {named} does not exist")
    return {}


def _from_environment(environment: Mapping[str, str]) -> Mapping[str, Any]:
    found: dict[str, Any] = {}
    for key in sorted(environment):
        if not key.startswith(PREFIX) or key.startswith(_NOT_SETTINGS):
            continue
        value = environment[key]
        if key.endswith("_FILE"):
            key = key.removesuffix("_FILE")
            if key in environment:
                continue
            try:
                value = Path(value).read_text().rstrip("\n")
            except OSError as error:
                raise SettingsInvalid(f"{key}_FILE: cannot read {value}: {error.strerror}") from error
        path = key.removeprefix(PREFIX).lower().split("__")
        _merge(found, _nested(path, value))
    return found


def _nested(path: list[str], value: str) -> dict[str, Any]:
    if len(path) > 1:
        return {path[0]: _nested(path[1:], value)}
    if path[0] == "trusted_proxies":
        return {path[0]: [part.strip() for part in value.split(",") if part.strip()]}
    return {path[0]: value}


def _merge(into: dict[str, Any], layer: Mapping[str, Any]) -> None:
    for key, value in layer.items():
        if isinstance(value, Mapping) and isinstance(into.get(key), dict):
            _merge(into[key], value)
        else:
            into[key] = dict(value) if isinstance(value, Mapping) else value


def _shown(problem: Any) -> str:
    secret = any(word in str(part) for part in problem["loc"] for word in ("password", "url", "secret"))
    return "not shown" if secret else repr(problem["input"])
