"""The one place that asks the system what time it is.

Everything else takes `now` as an argument. Times are integers in microseconds since 1970-01-01T00:00Z
(`Micros`) wherever they are stored or compared, and aware UTC datetimes where a person or a client reads
them: integers need no conversion on either database.
"""

import time
from datetime import UTC, datetime, timedelta

Micros = int

SECOND: Micros = 1_000_000


def now() -> Micros:
    """The present, in microseconds since the epoch."""
    return time.time_ns() // 1000


def moment(micros: Micros) -> datetime:
    """`micros` as an aware UTC datetime."""
    return datetime.fromtimestamp(micros / SECOND, UTC)


def micros(value: timedelta | datetime) -> Micros:
    """A duration's or an aware datetime's length in microseconds."""
    if isinstance(value, timedelta):
        return value // timedelta(microseconds=1)
    return round(value.timestamp() * SECOND)
