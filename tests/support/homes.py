"""Homes for clients: each has folders of its own, and sees nothing of what the machine has configured."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.support.programs import Program, installed

ALWAYS: Mapping[str, str] = {
    "PATH": "/usr/bin:/bin",
    "LANG": "C.UTF-8",
    "NO_COLOR": "1",
    "COLUMNS": "400",  # sentences are not broken into lines
    "SOURCE_DATE_EPOCH": "1700000000",  # what is built twice is the same
    "PIP_CONFIG_FILE": "/dev/null",
    "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    "PIP_NO_INPUT": "1",
    "UV_PYTHON": sys.executable,
    "UV_PYTHON_DOWNLOADS": "never",
    "UV_NO_PROGRESS": "1",
    "POETRY_VIRTUALENVS_IN_PROJECT": "1",
    "PDM_CHECK_UPDATE": "0",
    "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
}


@dataclass(frozen=True, slots=True)
class Home:
    """A person's home folder."""

    folder: Path

    def program(self, name: str, *flags: str, **environment: str) -> Program:
        """A client as this person runs it; the test is skipped without it."""
        chosen = {**ALWAYS, "HOME": str(self.folder), "XDG_CONFIG_DIRS": str(self.folder), **environment}
        lines = [f"{variable}={value}" for variable, value in chosen.items()]
        return Program(installed("env"), ["-i", *lines, installed(name), *flags])

    def write(self, path: str, text: str, mode: int = 0o644) -> Path:
        """A file of this home."""
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        file.chmod(mode)
        return file
