"""Other programs that tests drive: found, run, and shown when they fail."""

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.support.parts import require

BINARIES = "ARTIFACTD_TEST_BIN"
"""A folder of clients that no package manager has, in front of PATH."""


@dataclass(frozen=True, slots=True)
class Said:
    """What a program said, and how it ended."""

    code: int
    out: str
    err: str

    @property
    def text(self) -> str:
        return self.out + self.err


@dataclass(frozen=True, slots=True)
class Program:
    """A client that is installed. `flags` come before every argument."""

    path: str
    flags: Sequence[str] = ()
    environment: Mapping[str, str] = field(default_factory=dict)

    def __call__(
        self, *arguments: str | Path, stdin: str = "", timeout: float = 60, cwd: Path | None = None
    ) -> str:
        """Run it; what it printed. Fails when it does."""
        said = self.attempt(*arguments, stdin=stdin, timeout=timeout, cwd=cwd)
        assert said.code == 0, f"{self.path} {arguments} ended with {said.code}:\n{said.text}"
        return said.out

    def refused(self, *arguments: str | Path, stdin: str = "") -> str:
        """Run it; what it said when it failed. Fails when it does not."""
        said = self.attempt(*arguments, stdin=stdin)
        assert said.code != 0, f"{self.path} {arguments} succeeded:\n{said.text}"
        return said.text

    def attempt(
        self, *arguments: str | Path, stdin: str = "", timeout: float = 60, cwd: Path | None = None
    ) -> Said:
        """Run it."""
        done = subprocess.run(
            [self.path, *self.flags, *map(str, arguments)],
            env=os.environ | dict(self.environment),
            input=stdin,
            capture_output=True,
            text=True,
            timeout=timeout,
            cwd=cwd,
        )
        return Said(done.returncode, done.stdout, done.stderr)


def installed(part: str) -> str:
    """Where a program is; the test is skipped, or fails, without it (`parts.require`)."""
    found = shutil.which(part, path=_path())
    require(part, found is not None, f"{part} is not installed")
    assert found is not None
    return found


def found(part: str) -> str:
    """Where a program is that no package manager has: without it the test is skipped, whatever the
    environment requires."""
    path = shutil.which(part, path=_path())
    if path is None:
        pytest.skip(f"{part} is neither on PATH nor in ${BINARIES}")
    return path


def _path() -> str:
    return os.pathsep.join(filter(None, (os.environ.get(BINARIES), os.environ.get("PATH"))))
