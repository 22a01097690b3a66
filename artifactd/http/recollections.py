"""What a client was given a moment ago, where its next question can only be answered well by who knows.

The processes of a host share it: a client's next request may meet another one. It is small files that
nobody waits for the disk to keep; one that is lost is an answer that nobody remembers.
"""

import contextlib
import hashlib
import os
import threading
from pathlib import Path
from typing import Final

from artifactd.clock import SECOND, Micros

_Key = tuple[int, str, str]

_LONGEST: Final = 600
"""Seconds after which a file is removed, whatever it says: nothing is remembered for as long."""


class Recollections:
    """Which asset a client was given, by repository, client and the format's own key. Lies in `folder`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def keep(self, key: _Key, asset_id: int, until: Micros) -> None:
        """Remember an asset until then."""
        with contextlib.suppress(OSError):
            self._folder.mkdir(parents=True, exist_ok=True)
            file = self._file(key)
            written = file.with_suffix(f".{os.getpid()}-{threading.get_ident()}")
            written.write_text(f"{until} {asset_id}")
            written.replace(file)

    def find(self, key: _Key, now: Micros) -> int | None:
        """The id of the asset that is remembered."""
        try:
            until, asset_id = map(int, self._file(key).read_text().split())
        except (OSError, ValueError):
            return None
        return asset_id if now < until else None

    def tidy(self, now: Micros) -> None:
        """Remove what is too old to be asked for. Once in a while, in a thread."""
        with contextlib.suppress(OSError), os.scandir(self._folder) as entries:
            for entry in entries:
                with contextlib.suppress(OSError):
                    if entry.stat().st_mtime < now / SECOND - _LONGEST:
                        Path(entry.path).unlink()

    def _file(self, key: _Key) -> Path:
        return self._folder / hashlib.sha256("\n".join(map(str, key)).encode()).hexdigest()[:32]
