"""The table of requirements and tests in `tests/README.md` is true."""

import re
from collections.abc import Iterator
from pathlib import Path

TESTS = Path(__file__).parents[1]
TABLE = (TESTS / "README.md").read_text()
FORMAT = "pypi"


def files() -> dict[str, str]:
    """The text of the test files of each name."""
    found: dict[str, str] = {}
    for path in TESTS.rglob("test_*.py"):
        if path != Path(__file__):
            found[path.name] = found.get(path.name, "") + path.read_text()
    return found


def quoted(text: str) -> Iterator[str]:
    """The requirements that a text quotes: `pypi R1, R2 and L3`, `pypi R1 to R3`."""
    one = r"[RLVT]\d+"
    for match in re.finditer(rf"{FORMAT} ({one}(?:(?:, | to | and ){one})*)", text):
        for first, last in re.findall(rf"({one})(?: to ({one}))?", match[1]):
            numbers = range(int(first[1:]), int((last or first)[1:]) + 1)
            yield from (f"{first[0]}{number}" for number in numbers)


def test_every_test_of_the_table_exists() -> None:
    known = files()
    for file, test in re.findall(r"`(test_\w+\.py)(?:::(test_\w+))?`", TABLE):
        assert file in known, file
        assert not test or re.search(rf"^def {test}\(", known[file], re.MULTILINE), f"{file}::{test}"


def test_every_requirement_that_a_test_quotes_is_in_the_table() -> None:
    listed = set(re.findall(r"^\| ([RLVT]\d+) \|", TABLE, re.MULTILINE))
    for file, text in files().items():
        missing = set(quoted(text)) - listed
        assert not missing, f"{file} quotes {sorted(missing)}, which tests/README.md does not list"
