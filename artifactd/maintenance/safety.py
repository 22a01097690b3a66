"""How careful maintenance is: the durations that stand for what no write turn can see.

Whether a row names bytes is decided exactly, in a turn. Only what is not yet, or no longer, in the database
needs a duration: a person's second thoughts, bytes whose edit is still to come, a client that went to
sleep.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final


@dataclass(frozen=True, slots=True)
class Safety:
    """`undo_window`: how long what was deleted or replaced can come back, and the past be read.
    `orphan_margin`: how long bytes may lie in a store before an edit names them; it must be longer than the
    longest time between a body's last byte and its edit. `upload_ttl`: how long an upload may rest."""

    undo_window: timedelta
    orphan_margin: timedelta
    upload_ttl: timedelta


FULL: Final = Safety(
    # Two weeks cover a holiday: whoever deleted the wrong thing on the last day can still undo it.
    undo_window=timedelta(days=14),
    # An edit follows its bytes within seconds. A day also covers clocks that disagree (a file server's and
    # ours) and a restore that puts bytes back before the database.
    orphan_margin=timedelta(hours=24),
    # Clients retry within minutes. Three days let a push that broke on Friday go on on Monday, and lie
    # between the 24 and 168 hours that clients have met elsewhere.
    upload_ttl=timedelta(hours=72),
)
"""For every server that has users."""

NONE: Final = Safety(timedelta(0), timedelta(0), timedelta(0))
"""For a store that nobody writes to: everything unnamed goes at once. Beside a push it would take the bytes
that wait for their edit."""
