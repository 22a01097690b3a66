"""The tables of requirements and tests in `tests/README.md` are true, those of each sheet."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
TABLES = {text.partition("\n")[0]: text for text in (TESTS / "README.md").read_text().split("\n## ")[1:]}
SHEETS = sorted(TABLES)

ONE = r"[A-Z]\d+"
SEVERAL = rf"{ONE}(?:(?:, |; | to | and ){ONE})*"

# Written out here as examples, and quoted by no test.
QUOTES = {
    "maven R1, R2 and L3": "R1 R2 L3",
    "maven R10 to R12; T1": "R10 R11 R12 T1",
    "maven R4; rpm R5": "R4",
}


@pytest.fixture(scope="module")
def files() -> dict[str, str]:
    """The text of every file below `tests/`, by its path there."""
    return {path.relative_to(TESTS).as_posix(): path.read_text() for path in TESTS.rglob("*.py")}


def numbers(text: str) -> Iterator[str]:
    """The requirements that a list names: `R1, R2 and L3`, `R1 to R3; T1`."""
    for first, last in re.findall(rf"({ONE})(?: to ({ONE}))?", text):
        for number in range(int(first[1:]), int((last or first)[1:]) + 1):
            yield f"{first[0]}{number}"


def quoted(sheet: str, text: str) -> set[str]:
    """The requirements of a sheet that a text quotes."""
    quotes = re.findall(rf"\b{sheet}\s+({SEVERAL})", text)
    return {number for quote in quotes for number in numbers(quote)}


def listed(table: str) -> set[str]:
    """The requirements that a table has tests for."""
    covered = table.partition("\n### Not covered")[0]
    rows = re.findall(rf"^\| ({SEVERAL}) \|", covered, re.MULTILINE)
    return {number for row in rows for number in numbers(row)}


def found(sheet: str, file: str, files: dict[str, str]) -> list[str]:
    """The texts of what a table calls by `file`."""
    folders = ("",) if "/" in file else (f"formats/{sheet}/", "clients/")
    return [files[f"{folder}{file}"] for folder in folders if f"{folder}{file}" in files]


@pytest.mark.parametrize("sheet", SHEETS)
def test_every_test_of_the_table_exists(sheet: str, files: dict[str, str]) -> None:
    named = re.findall(r"`([\w/]+\.py)(?:::(test_\w+))?`", TABLES[sheet])
    assert named
    for file, test in named:
        texts = found(sheet, file, files)
        assert len(texts) == 1, file
        assert not test or re.search(rf"^ *def {test}\(", texts[0], re.MULTILINE), f"{file}::{test}"


@pytest.mark.parametrize("sheet", SHEETS)
def test_every_requirement_that_a_test_quotes_is_in_the_table(sheet: str, files: dict[str, str]) -> None:
    known = listed(TABLES[sheet])
    for file, text in files.items():
        if file != "architecture/test_requirements.py":
            missing = quoted(sheet, text) - known
            assert not missing, f"{file} quotes {sorted(missing)} of {sheet}: not in tests/README.md"


@pytest.mark.parametrize("quote", QUOTES)
def test_quotes_are_read_as_they_are_written(quote: str) -> None:
    assert quoted("maven", quote) == set(QUOTES[quote].split())
