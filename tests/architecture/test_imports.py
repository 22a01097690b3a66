"""The architecture is a test: who may import whom, and what the core may not know."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CORE = ROOT / "artifactd"
PLUGINS = ROOT / "plugins"

LAYERS: dict[str, set[str]] = {
    "errors": set(),
    "clock": set(),
    "memory": set(),
    "settings": {"errors"},
    "sealing": {"errors", "settings"},
    "logs": {"settings"},
    "blobs": {"errors", "clock"},
    "db": {"errors", "clock", "blobs"},
    "catalog": {"errors", "clock", "blobs", "db"},
    "auth": {"errors", "clock", "blobs", "db", "catalog"},
    "tasks": {"errors", "clock", "blobs", "db", "catalog"},
    "maintenance": {"errors", "clock", "blobs", "db", "catalog", "tasks"},
    "upstream": {"errors", "clock", "blobs", "db", "catalog"},
    "repositories": {"errors", "clock", "blobs", "db", "catalog", "auth", "tasks", "upstream"},
    "formats": {"errors", "clock", "blobs", "db", "catalog", "auth", "tasks", "upstream", "repositories"},
    "plugin": {
        *("errors", "clock", "blobs", "db", "catalog", "auth", "tasks", "upstream", "repositories"),
        "formats",
    },
    "http": {
        *("errors", "clock", "blobs", "db", "catalog", "auth", "tasks", "upstream", "repositories"),
        "formats",
    },
    "api": {
        "errors",
        "clock",
        "sealing",
        "blobs",
        "db",
        "catalog",
        "auth",
        "tasks",
        "upstream",
        "repositories",
        "formats",
        "http",
        "maintenance",
    },
}
"""What each part of the core may import. `app`, `serving` and `cli` sit on top and may import all of it."""

TOP = {"app", "serving", "cli", "__init__"}

FORMATS_MAY_IMPORT = {"artifactd.plugin", "starlette.responses"}


def modules(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*.py") if "__pycache__" not in path.parts)


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            assert node.module is not None
            yield node.module
            if node.module == "artifactd":
                yield from (f"artifactd.{alias.name}" for alias in node.names)


def part_of(module: str) -> str | None:
    """`blobs` of `artifactd.blobs.store`; None for what is not ours or is the package itself."""
    first, _, rest = module.partition(".")
    return rest.partition(".")[0] or None if first == "artifactd" else None


@pytest.mark.parametrize("path", modules(CORE), ids=lambda path: str(path.relative_to(ROOT)))
def test_arrows_of_the_core_point_down(path: Path) -> None:
    part = path.relative_to(CORE).parts[0].removesuffix(".py")
    if part in TOP:
        return
    assert part in LAYERS, f"{part} has no place in the architecture: add it to LAYERS and ARCHITECTURE.md"
    used = {other for module in imports(path) if (other := part_of(module)) and other != "__version__"}
    wrong = used - LAYERS[part] - {part}
    assert not wrong, f"{path.relative_to(ROOT)} imports {sorted(wrong)}"


@pytest.mark.parametrize("path", modules(PLUGINS), ids=lambda path: str(path.relative_to(ROOT)))
def test_formats_import_the_facade_and_themselves(path: Path) -> None:
    own = path.relative_to(PLUGINS).parts[0]
    for module in imports(path):
        top = module.partition(".")[0]
        if top == own or module in FORMATS_MAY_IMPORT:
            continue
        assert top not in ("artifactd", "starlette"), f"{path.relative_to(ROOT)} imports {module}"
        assert not top.startswith("artifactd_"), (
            f"{path.relative_to(ROOT)} imports another format, {module}"
        )


def test_the_core_imports_no_format() -> None:
    for path in modules(CORE):
        assert not [m for m in imports(path) if m.startswith("artifactd_")], path


def test_the_core_names_no_format() -> None:
    names = "|".join(
        folder.name.removeprefix("artifactd_") for folder in PLUGINS.iterdir() if folder.is_dir()
    )
    word = re.compile(rf"[\"']({names})[\"']")
    for path in modules(CORE):
        found = word.findall(path.read_text())
        assert not found, f"{path.relative_to(ROOT)} names the format {found[0]}"


def test_no_format_asks_a_repository_for_its_kind() -> None:
    for path in modules(PLUGINS):
        for node in ast.walk(ast.parse(path.read_text())):
            assert not (isinstance(node, ast.Attribute) and node.attr == "kind" and _is_repository(node)), (
                path
            )


def _is_repository(node: ast.Attribute) -> bool:
    value = node.value
    return isinstance(value, ast.Attribute | ast.Name) and (
        getattr(value, "attr", None) == "repository" or getattr(value, "id", None) == "repository"
    )


def test_async_lives_at_the_edges() -> None:
    for path in [*modules(CORE), *modules(PLUGINS)]:
        part = path.relative_to(CORE).parts[0] if path.is_relative_to(CORE) else "plugins"
        if part in ("http", "api", "upstream", "app.py"):
            continue
        asynchronous = [
            n for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.AsyncFunctionDef)
        ]
        assert not asynchronous, (
            f"{path.relative_to(ROOT)} is asynchronous at line {asynchronous[0].lineno}"
        )


def test_only_the_clock_asks_for_the_time() -> None:
    calls = re.compile(r"\b(time\.time\(|time\.time_ns\(|datetime\.now\(|datetime\.utcnow\(|date\.today\()")
    for path in [*modules(CORE), *modules(PLUGINS)]:
        if path != CORE / "clock.py":
            assert not calls.search(path.read_text()), (
                f"{path.relative_to(ROOT)} asks the system for the time"
            )


def test_the_facade_lists_what_it_offers() -> None:
    import artifactd.plugin as facade

    public = {name for name in vars(facade) if not name.startswith("_")}
    submodules = {path.stem for path in (CORE / "plugin").glob("*.py")}
    offered = {name for name in public - submodules if not isinstance(vars(facade)[name], type(re))}
    assert offered == set(facade.__all__)
