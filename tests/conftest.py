"""The fixtures that every folder of tests may ask for."""

import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

CLIENTS = Path(__file__).parent / "clients"

pytest_plugins = ["tests.support.databases", "tests.support.server", "tests.support.serving"]


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(items: Sequence[pytest.Item]) -> None:
    """Of several processes, one runs all tests of a file, and one all that drive real clients: some of them
    share a daemon, or a setting of this machine."""
    for item in items:
        group = "clients" if item.path.is_relative_to(CLIENTS) else str(item.path)
        item.add_marker(pytest.mark.xdist_group(group))


def pytest_unconfigure() -> None:
    """Close the files that counters of servers in this process are kept in: their library never does, and
    the interpreter complains behind the last line."""
    values = sys.modules.get("prometheus_client.values")
    reset = getattr(values and values.ValueClass, "_MmapedValue__reset", None)
    for cell in () if reset is None else reset.__closure__:
        if isinstance(cell.cell_contents, dict):
            for file in cell.cell_contents.values():
                if hasattr(file, "close"):
                    file.close()
