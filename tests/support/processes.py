"""Other processes that share a test's database."""

import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from tests.support.databases import Place

_OPENING = """
import sys, threading
from datetime import timedelta
from pathlib import Path
from artifactd import clock
from artifactd.db.writer import Database
database = Database(sys.argv[1], Path(sys.argv[2]), clock.now)
"""


@contextmanager
def python(place: Place, script: str, *arguments: str) -> Iterator["subprocess.Popen[str]"]:
    """A process that runs `script` with `database` opened at `place` and `arguments` from `sys.argv[3]`
    on. It is killed if it still runs at the end."""
    process = subprocess.Popen(
        command(place, script, *arguments),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def command(place: Place, script: str, *arguments: str) -> Sequence[str]:
    """What `python` runs."""
    return [sys.executable, "-c", _OPENING + script, place.url, str(place.folder), *arguments]


def told(process: "subprocess.Popen[str]") -> str:
    """The next line it prints, without its end. Raises EOFError when it ended instead."""
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise EOFError(f"the process ended with status {process.wait(20)}")
    return line.rstrip("\n")


def tell(process: "subprocess.Popen[str]", line: str = "") -> None:
    """A line to its standard input."""
    assert process.stdin is not None
    process.stdin.write(line + "\n")
    process.stdin.flush()
