"""The conformance suite of the OCI distribution-spec, as one program that the machine has or has not."""

import os
import shutil
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.support.programs import Program
from tests.support.serving import ADMIN, Serve

VARIABLE = "ARTIFACTD_TEST_OCI_CONFORMANCE"
FEWEST_TESTS = 500
"""A suite that says less has not run."""


@pytest.mark.parametrize("workers", [1, 4])
def test_no_test_of_the_suite_fails(serve: Serve, tmp_path: Path, workers: int) -> None:
    program = os.environ.get(VARIABLE) or shutil.which("oci-conformance")
    if not program:
        pytest.skip(f"${VARIABLE} names no conformance suite, and oci-conformance is not on PATH")
    server = serve(workers=workers)
    results = tmp_path / "results"
    suite = Program(
        program,
        (),
        {
            "OCI_REGISTRY": server.host,
            "OCI_TLS": "disabled",
            "OCI_REPO1": "docker/conformance/one",
            "OCI_REPO2": "docker/conformance/two",
            "OCI_USERNAME": ADMIN.name,
            "OCI_PASSWORD": ADMIN.password,
            "OCI_VERSION": "dev",
            "OCI_RESULTS_DIR": str(results),
        },
    )
    suite(timeout=300)
    tests = ElementTree.parse(results / "junit.xml").findall(".//testcase")
    assert len(tests) >= FEWEST_TESTS
    broken = [
        test.get("name")
        for test in tests
        if test.find("failure") is not None or test.find("error") is not None
    ]
    assert not broken
