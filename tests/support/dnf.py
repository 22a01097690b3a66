"""dnf as a machine of its own runs it: an installroot, a cache and `.repo` files in a folder.

with dnf(tmp_path / "machine") as machine:
    machine.repository("ours", url, gpgcheck=1, gpgkey=key)
    machine("makecache")
    assert machine.query("acme-tool") == ["acme-tool-0:1.0-1.noarch"]
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.parts import require
from tests.support.programs import Program, Said, installed

OPTIONS = {"metadata_expire": 1, "gpgcheck": 0, "retries": 1, "skip_if_unavailable": 0}
"""What every repository says unless the test says otherwise: metadata is old after a second, and what fails
is not tried again."""


@dataclass(frozen=True, slots=True)
class Dnf:
    """A machine whose files are all below `folder`."""

    folder: Path

    def repository(self, name: str, url: str, **options: object) -> Path:
        """Have a repository, or have it anew with these options; its file."""
        lines = {"name": name, "baseurl": url, **OPTIONS, **options}
        text = "".join(f"{key}={value}\n" for key, value in lines.items())
        return self.configure(name, f"[{name}]\n{text}")

    def configure(self, name: str, text: str) -> Path:
        """Have a `.repo` file."""
        file = self.folder / "repos" / f"{name}.repo"
        file.write_text(text)
        return file

    @property
    def root(self) -> Path:
        """Where packages are installed."""
        return self.folder / "root"

    def __call__(self, *arguments: str | Path) -> str:
        """Run a command, which must succeed; what it printed."""
        return self._program(*arguments)

    def attempt(self, *arguments: str | Path) -> Said:
        """Run a command."""
        return self._program.attempt(*arguments)

    def refused(self, *arguments: str | Path) -> str:
        """Run a command, which must fail; what it said."""
        return self._program.refused(*arguments)

    def refresh(self) -> Said:
        """Ask whether there is anything new, and fetch it."""
        return self.attempt("--refresh", "makecache")

    def query(self, *arguments: str) -> list[str]:
        """The packages that a query finds, as `name-epoch:version-release.arch`, sorted."""
        written = "--queryformat=%{name}-%{epoch}:%{version}-%{release}.%{arch}"
        return sorted(self("--quiet", "repoquery", written, *arguments).split())

    def install(self, *names: str) -> None:
        """Install packages, by their scripts too."""
        self("install", *names)

    def installed(self) -> Sequence[str]:
        """The names of what is installed."""
        flags = ["--root", str(self.root), "-qa", "--queryformat=%{NAME}\n"]
        return sorted(name for name in Program(installed("rpm"), flags)().split() if name != "gpg-pubkey")

    def download(self, *names: str) -> Path:
        """Download packages; the folder with them."""
        folder = self.folder / "downloads"
        self("download", f"--destdir={folder}", *names)
        return folder

    @property
    def _program(self) -> Program:
        places = {
            "installroot": self.root,
            "setopt=reposdir": self.folder / "repos",
            "setopt=cachedir": self.folder / "cache",
        }
        flags = [f"--{name}={value}" for name, value in places.items()]
        flags += ["--assumeyes", "--releasever=9", f"--config={self.folder / 'dnf.conf'}"]
        # The plug-in makes a repository of what was installed once.
        flags += ["--disableplugin=local", "--setopt=module_platform_id=platform:el9"]
        return Program(installed("dnf"), flags, {"LC_ALL": "C.UTF-8"})


@contextmanager
def dnf(folder: Path) -> Iterator[Dnf]:
    """A machine on which nothing is installed. dnf has gpg check signatures, whose agent runs on: it is
    ended here."""
    require("dnf", os.geteuid() == 0, "packages are installed by root only")
    (folder / "repos").mkdir(parents=True)
    (folder / "dnf.conf").write_text("[main]\n")
    try:
        yield Dnf(folder)
    finally:
        for keys in folder.glob("cache/*/pubring"):
            Program(installed("gpgconf"), ["--homedir", str(keys)])("--kill", "gpg-agent")
