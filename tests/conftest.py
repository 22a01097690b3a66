"""The fixtures that every folder of tests may ask for."""

import sys

pytest_plugins = ["tests.support.databases", "tests.support.server", "tests.support.serving"]


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
