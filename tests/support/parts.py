"""Parts a machine may lack: PostgreSQL, the real clients, other servers.

A test that needs one says so with `require`: it is skipped by name where the part is absent, unless
`ARTIFACTD_TEST_REQUIRE` (names separated by commas, or `all`) says that this machine must have it.
"""

import os

import pytest

VARIABLE = "ARTIFACTD_TEST_REQUIRE"


def require(part: str, present: bool, why: str) -> None:
    """Go on when `part` is present. Else skip the test with the reason `why`, or fail it when the
    environment requires the part."""
    if present:
        return
    if {part, "all"} & {name.strip() for name in os.environ.get(VARIABLE, "").split(",")}:
        pytest.fail(f"{why} ({VARIABLE} requires {part})", pytrace=False)
    pytest.skip(why)
