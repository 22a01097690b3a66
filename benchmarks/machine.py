"""One line about the machine and the peers' versions, so that a table can be read later."""

import os
import platform
import shutil
import subprocess
from pathlib import Path

from benchmarks.pypi_peers import versions

_VERSIONS = (
    ("nginx", "-v"),
    ("docker-registry", "--version"),
    ("wrk", "-v"),
    ("createrepo_c", "--version"),
)


def describe() -> str:
    """Processor, cores, kernel, Python, and the versions of what is installed."""
    named = [text for program, option in _VERSIONS if (text := _version(program, option))]
    cores = len(os.sched_getaffinity(0))
    machine = (
        f"{_processor()}, {cores} cores, Linux {platform.release()}, Python {platform.python_version()}"
    )
    return "; ".join([machine, *named, *versions()])


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _version(program: str, option: str) -> str:
    found = shutil.which(program) or shutil.which(f"/usr/sbin/{program}")
    if found is None:
        return ""
    done = subprocess.run([found, option], capture_output=True, text=True, check=False)
    for word in (done.stdout + done.stderr).replace("/", " ").split():
        if word.lstrip("v")[:1].isdigit():
            return f"{program} {word.strip('[]')}"
    return program
