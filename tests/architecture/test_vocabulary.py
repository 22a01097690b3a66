"""One word per thing: words that other products use for our things do not appear in names."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]

RETIRED = {
    "artifact": "asset, blob or component (the product's own name aside)",
    "realm": "authenticator; only the string in WWW-Authenticate is a realm",
    "virtual": "group",
    "privilege": "grant",
    "binary": "blob",
    "job_queue": "task queue",
    "manager": "a name that says what it is",
    "helper": "a name that says what it is",
    "utils": "a folder named by a noun of the domain",
    "dto": "a name that says what it is",
}
"""Retired words, and what to say instead."""

ALLOWED = {
    "artifact_type",
    "artifactprotocol",
    "artifactcycle",
    "artifactderror",
    "contextmanager",
    "abstractcontextmanager",
}


OF_THE_FIELD = {
    "artifactd_maven": {"artifact"},  # the A of GAV
    "artifactd_rpm": {"binary"},  # what is no source package, and a type of header tags
}
"""Words that are a format's own, in its own package."""


def _is_of_the_field(word: str, path: Path) -> bool:
    return (word == "realm" and "plugins" in path.parts) or any(
        word in words and package in path.parts for package, words in OF_THE_FIELD.items()
    )


def names(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.Name):
            yield node.id


def test_names_use_the_fields_own_words() -> None:
    wrong: list[str] = []
    for folder in ("artifactd", "plugins"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            for name in set(names(ast.parse(path.read_text()))):
                lower = name.lower()
                if lower.startswith("artifactd") or lower in ALLOWED:
                    continue
                words = lower.split("_")
                wrong += [
                    f"{path.relative_to(ROOT)}: {name} (say {instead})"
                    for word, instead in RETIRED.items()
                    if word in words and not _is_of_the_field(word, path)
                ]
    assert not wrong, "\n".join(wrong)


def test_every_package_says_what_it_owns() -> None:
    for path in sorted((ROOT / "artifactd").rglob("__init__.py")):
        docstring = ast.get_docstring(ast.parse(path.read_text())) or ""
        lines = docstring.splitlines()
        assert 3 <= len(lines) <= 20, f"{path.relative_to(ROOT)} explains its folder in {len(lines)} lines"
