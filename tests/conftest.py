"""The fixtures that every folder of tests may ask for."""

pytest_plugins = ["tests.support.databases", "tests.support.server", "tests.support.serving"]
