"""What /proc knows of a peer: memory and CPU of its process and all descendants.

Memory in MB (10^6 bytes), as the budgets are written.
"""

import os
from pathlib import Path

_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


def tree(pid: int) -> list[int]:
    """The process and its descendants that are alive now."""
    found = [pid]
    for parent in found:
        try:
            for thread in Path(f"/proc/{parent}/task").iterdir():
                found += [int(child) for child in (thread / "children").read_text().split()]
        except OSError:
            continue  # ended while we looked
    return found


def rss(pid: int) -> float:
    """Resident memory of the tree, shared pages counted in each process."""
    return _sum(pid, "status", "VmRSS")


def pss(pid: int) -> float:
    """Proportional memory of the tree: shared pages counted once."""
    return _sum(pid, "smaps_rollup", "Pss")


def forget_peak(pid: int) -> None:
    """Let `peak_rss` count from now: proc(5), clear_refs, value 5."""
    for one in tree(pid):
        Path(f"/proc/{one}/clear_refs").write_text("5")


def peak_rss(pid: int) -> float:
    """The greatest resident memory since `forget_peak`, as the kernel kept it; summed over the tree."""
    return _sum(pid, "status", "VmHWM")


def child_peak_rss(pid: int) -> float:
    """The greatest resident memory that any descendant alive now has had in its life."""
    return max((_of(child, "status", "VmHWM") for child in tree(pid)[1:]), default=0.0)


def cpu_seconds(pid: int) -> float:
    """User and system time used so far by the tree that is alive now."""
    total = 0
    for one in tree(pid):
        try:
            fields = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        total += int(fields[11]) + int(fields[12])  # utime, stime: fields 14 and 15 of proc(5), stat
    return total / _TICKS_PER_SECOND


def _sum(pid: int, file: str, field: str) -> float:
    return sum(_of(one, file, field) for one in tree(pid))


def _of(pid: int, file: str, field: str) -> float:
    try:
        text = Path(f"/proc/{pid}/{file}").read_text()
    except OSError:
        return 0.0  # ended while we looked
    kib = sum(int(line.split()[1]) for line in text.splitlines() if line.startswith(field + ":"))
    return kib * 1024 / 1e6
