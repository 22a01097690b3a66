"""The documentation is tested: what exists is described, and what is described exists."""

import re
from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel

from artifactd.cli import cli
from artifactd.formats.loader import load_formats
from artifactd.settings import Settings

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
ARCHITECTURE = (ROOT / "artifactd" / "ARCHITECTURE.md").read_text()


def settings(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    for name, field in model.model_fields.items():
        annotation = field.annotation
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            yield from settings(annotation, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}"


def test_every_setting_is_in_the_readme() -> None:
    missing = [name for name in settings(Settings) if f"`{name}`" not in README]
    assert not missing, f"README.md does not describe the settings {missing}"


def test_every_setting_has_a_description() -> None:
    for name, field in Settings.model_fields.items():
        assert field.description, name


def test_every_format_and_its_settings_are_in_the_readme() -> None:
    for format in load_formats().values():
        assert f"`{format.name}`" in README, format.name
        for name in format.settings.model_fields:
            assert f"`{name}`" in README, f"{format.name}: {name}"


def test_every_command_is_in_the_readme() -> None:
    for name in cli.commands:
        assert f"artifactd {name}" in README, name


def test_every_folder_of_the_core_is_on_the_map() -> None:
    folders = {path.parent.name for path in (ROOT / "artifactd").glob("*/__init__.py")}
    missing = [folder for folder in sorted(folders) if f"`{folder}/`" not in ARCHITECTURE]
    assert not missing, f"ARCHITECTURE.md does not mention {missing}"


def test_files_named_in_the_architecture_exist() -> None:
    for name in set(re.findall(r"`((?:artifactd|plugins|tests|migrations|web)/[\w./-]+)`", ARCHITECTURE)):
        assert (ROOT / name).exists(), name


def test_the_test_commands_of_readme_and_ci_are_one() -> None:
    assert "make test" in README
    assert "make test" in (ROOT / ".ci" / "run").read_text()


def test_no_address_outside_this_machine_is_written_down() -> None:
    allowed = re.compile(
        r"https?://(localhost|there|127\.0\.0\.1|\[::1\]|<|\{|registry\.example|upstream|[\w.{}-]*\.example\b|"
        r"www\.apache\.org/licenses|json-schema\.org|"
        # Names of XML vocabularies, which lead nowhere.
        r"linux\.duke\.edu/metadata|www\.metalinker\.org|fedorahosted\.org/|www\.w3\.org/|"
        r"maven\.apache\.org/(?:POM|SETTINGS|METADATA)|[\w.-]*\.test\b|[\w.-]*\.invalid\b)"
    )
    for pattern in (
        "artifactd/**/*.py",
        "plugins/**/*.py",
        "tests/**/*.py",
        "benchmarks/**/*",
        "*.md",
        "*.toml",
    ):
        for path in ROOT.glob(pattern):
            if not path.is_file() or "__pycache__" in path.parts:
                continue
            for match in re.finditer(r"https?://[^\s\"'`)>]+", path.read_text(errors="replace")):
                found = match.group()
                assert allowed.match(found) or "{" in found[:12] or "%s" in found[:12], f"{path}: {found}"
