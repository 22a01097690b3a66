"""What a client was given a moment ago, where its next question can only be answered well by who knows.

The processes of a host share it: a client's next request may meet another one. It is a bounded number of
small files that nobody waits for the disk to keep; one that is lost is an answer that nobody remembers.
"""

import contextlib
import hashlib
import os
import threading
from pathlib import Path
from typing import Final

from artifactd.clock import Micros

PLACES: Final = 1 << 14
"""Files at most: two clients that share one forget each other's answers, and get present ones."""


class Recollections:
    """Which asset a client was given, by a key that says what was asked and by whom. Lies in `folder`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def keep(self, key: str, asset_id: int, until: Micros) -> None:
        """Remember an asset until then."""
        file, mark = self._place(key)
        with contextlib.suppress(OSError):
            self._folder.mkdir(parents=True, exist_ok=True)
            written = file.with_suffix(f".{os.getpid()}-{threading.get_ident()}")
            written.write_text(f"{mark} {until} {asset_id}")
            written.replace(file)

    def find(self, key: str, now: Micros) -> int | None:
        """The id of the asset that is remembered."""
        file, mark = self._place(key)
        try:
            known, until, asset_id = file.read_text().split()
            return int(asset_id) if known == mark and now < int(until) else None
        except (OSError, ValueError):
            return None

    def _place(self, key: str) -> tuple[Path, str]:
        mark = hashlib.sha256(key.encode()).hexdigest()
        return self._folder / f"{int(mark, 16) % PLACES:x}", mark
