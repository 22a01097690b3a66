"""zypper as a machine of its own runs it: a root folder with everything.

machine = Zypper(tmp_path / "machine")
machine("addrepo", url, "ours")
machine("refresh")
"""

from dataclasses import dataclass
from pathlib import Path

from tests.support.programs import Program, Said, found


@dataclass(frozen=True, slots=True)
class Zypper:
    """A machine whose files are all below `root`."""

    root: Path

    def __call__(self, *arguments: str | Path) -> str:
        """Run a command, which must succeed; what it printed."""
        return self._program(*arguments)

    def attempt(self, *arguments: str | Path) -> Said:
        """Run a command."""
        return self._program.attempt(*arguments)

    @property
    def _program(self) -> Program:
        flags = ["--root", str(self.root), "--non-interactive", "--gpg-auto-import-keys"]
        environment = {"LC_ALL": "C.UTF-8", "ZYPP_CONF": str(self.root / "zypp.conf")}
        return Program(found("zypper"), flags, environment)
