"""Logging: JSON lines on standard output, or text on a terminal. Secrets are taken out by a processor."""

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any

from artifactd.settings import Log

_SECRET = re.compile(r"(adt_|eyJ)[A-Za-z0-9_.-]{8,}|(?i:(?<=://)[^/@\s:]+:[^/@\s]+(?=@))")


def configure(settings: Log) -> None:
    """Set the root logger up, once per process."""
    import structlog

    text = settings.format == "text" or (settings.format == "auto" and sys.stdout.isatty())
    shared: list[Any] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="ts"),
        structlog.processors.format_exc_info,
        redact,
    ]
    renderer: Any = (
        structlog.dev.ConsoleRenderer(colors=False) if text else structlog.processors.JSONRenderer()
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.level.upper())
    # These say at each start what we say ourselves, or what nobody asked.
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    logging.getLogger("alembic").setLevel(logging.WARNING)


def redact(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Take tokens and passwords in URLs out of whatever is about to be logged."""
    for key, value in event.items():
        if isinstance(value, str):
            event[key] = _SECRET.sub("[redacted]", value)
    return event
