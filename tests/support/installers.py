"""pip and uv alike: each installs into a folder of its own and remembers nothing of the last time."""

from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from tests.support.homes import Home
from tests.support.hosted import Hosted
from tests.support.programs import Program


@dataclass(frozen=True, slots=True)
class Installer:
    """An installer of a person: `uv`, or a `pip` by the name it is installed under."""

    home: Home
    client: str
    _numbers: "count[int]" = field(default_factory=count)

    def __call__(self, index: Hosted, *wanted: str) -> set[str]:
        """Install; `name-version` of what there is then."""
        program, target = self._program(index, retries=3)
        program(*wanted, timeout=120)
        return {folder.name.removesuffix(".dist-info") for folder in target.glob("*.dist-info")}

    def refused(self, index: Hosted, *wanted: str) -> str:
        """What it said when it could not, at the first try."""
        return self._program(index, retries=0)[0].refused(*wanted)

    def succeeds(self, index: Hosted, *wanted: str) -> bool:
        """Whether it can, at the first try."""
        return self._program(index, retries=0)[0].attempt(*wanted).code == 0

    def _program(self, index: Hosted, *, retries: int) -> tuple[Program, Path]:
        target = self.home.folder / f"target{next(self._numbers)}"
        flags = ["--index-url", index.simple_as(), "--target", str(target)]
        if self.client == "uv":
            tries = {"UV_HTTP_RETRIES": str(retries)}
            return self.home.program("uv", "pip", "install", "--no-cache", *flags, **tries), target
        flags += ["--no-cache-dir", "--retries", str(retries)]
        return self.home.program(self.client, "install", *flags), target
