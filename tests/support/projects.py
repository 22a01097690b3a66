"""Small source projects, each in the style of one build back end, and built by it without an index."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.support.homes import Home

BACKENDS: Mapping[str, tuple[str, str]] = {
    "setuptools": ("setuptools", "setuptools.build_meta"),
    "hatchling": ("hatchling", "hatchling.build"),
    "poetry": ("poetry-core", "poetry.core.masonry.api"),
    "flit": ("flit_core", "flit_core.buildapi"),
    "pdm": ("pdm-backend", "pdm.backend"),
}
"""What each requires, and its object."""


@dataclass(frozen=True, slots=True)
class Project:
    """A folder that publishers publish. `name` is its module's, too, with underscores."""

    folder: Path
    name: str

    @property
    def files(self) -> list[Path]:
        """What was built."""
        return sorted((self.folder / "dist").iterdir())


def write_project(folder: Path, backend: str, comment: str = "") -> Project:
    """A project named after its back end. `comment` tells what is built from what others build."""
    requires, build_backend = BACKENDS[backend]
    name = f"by-{backend}"
    folder.mkdir(parents=True)
    (folder / "pyproject.toml").write_text(
        f"""[build-system]
requires = ["{requires}"]
build-backend = "{build_backend}"

[project]
name = "{name}"
version = "1.0"
description = "Built by {backend}"
readme = "README.md"
requires-python = ">=3.8"
authors = [{{name = "Ada", email = "ada@registry.example"}}]
keywords = ["one", "two"]
classifiers = ["Programming Language :: Python :: 3"]
optional-dependencies = {{speed = ["acme-speed>=1"]}}
urls = {{Documentation = "http://docs.registry.example/"}}
"""
    )
    (folder / "README.md").write_text("# Ünïcode\n\nSeveral lines,\nand more.\n")
    (folder / f"{name.replace('-', '_')}.py").write_text(f'"""A module."""\n# {comment}\n')
    return Project(folder, name)


def build(project: Project, home: Home) -> None:
    """Build both distributions with the back end itself."""
    home.program("pyproject-build", "--no-isolation", "--quiet")(project.folder)
