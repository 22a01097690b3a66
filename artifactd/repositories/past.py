"""Moments of the past as they are written in a repository's name: `docker.at.2026-11-01`. Pure.

Lower case throughout, because an image's name must be (OCI distribution-spec, "Pulling manifests")."""

import re
from datetime import UTC, date, datetime, time, timedelta

from artifactd.clock import Micros, micros
from artifactd.errors import InvalidInput

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}t\d{6}z")


def parse_moment(text: str) -> Micros:
    """`2026-11-01` (the end of that day, UTC) or `2026-11-01t120000z`. Raises InvalidInput."""
    try:
        if _DATE.fullmatch(text):
            day = date.fromisoformat(text)
            return micros(datetime.combine(day + timedelta(days=1), time(), UTC)) - 1
        if _MOMENT.fullmatch(text):
            moment = datetime.strptime(text, "%Y-%m-%dt%H%M%Sz").replace(tzinfo=UTC)
            return micros(moment) + 999_999
    except ValueError:
        pass
    raise InvalidInput(f"{text!r} is no moment: write a UTC date as 2026-11-01 or 2026-11-01t120000z")
