"""Gradle as a person runs it: with a folder of caches of its own, and nothing else of the machine's."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.support.homes import Home
from tests.support.serving import ADMIN

JAVA = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
"""Options of the virtual machine: a run takes half as long with them."""

BUILD = """
repositories {{
    maven {{
        url '{url}'
        credentials {{ username '{name}'; password '{password}' }}
    }}
}}
configurations {{
    wanted {{ resolutionStrategy.cacheChangingModulesFor 0, 'seconds' }}
}}
dependencies {{ {dependencies} }}
task show {{ doLast {{ configurations.wanted.files.each {{ println it.name + ' ' + it.length() }} }} }}
"""


@dataclass(frozen=True, slots=True)
class Gradle:
    """A client of one repository."""

    home: Home
    url: str

    def resolve(self, *coordinates: str, refresh: bool = False) -> dict[str, int]:
        """What these dependencies are found to be: sizes by file name. `refresh`: nothing that is cached
        is taken for granted."""
        folder = self._write(coordinates)
        flags = ["--no-daemon", "--quiet", "--console=plain", "-g", str(self.home.folder / "gradle")]
        program = self.home.program("gradle", *flags, JAVA_OPTS=JAVA)
        out = program(*["--refresh-dependencies"] * refresh, "show", cwd=folder, timeout=120)
        return {name: int(size) for name, size in (line.split() for line in out.splitlines() if line)}

    def _write(self, coordinates: Sequence[str]) -> Path:
        build = BUILD.format(
            url=self.url,
            name=ADMIN.name,
            password=ADMIN.password,
            dependencies="; ".join(f"wanted '{each}'" for each in coordinates),
        )
        self.home.write("project/settings.gradle", "")
        return self.home.write("project/build.gradle", build).parent
