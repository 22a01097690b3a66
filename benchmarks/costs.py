"""The rate of a run and what it cost: CPU of the server for each unit, and the cores that the load took.

CPU figures say where the time goes and survive a noisy machine; the cores of the load tell whether the
server was the limit or the client.
"""

from collections.abc import Callable

from benchmarks import processes
from benchmarks.load import Run
from benchmarks.peers import Peer
from benchmarks.report import digits, spread

_MIB = 1 << 20
_GIB = 1 << 30


class Costs:
    """Gathers the costs by peer over the rounds of one case; made by `of_requests` or `of_bytes`."""

    def __init__(self, label: str, *, factor: float, divisor: float) -> None:
        self._label = label
        self._factor = factor  # from CPU seconds a unit to what the label says
        self._divisor = divisor  # from units a second to the figure of the table
        self._server: dict[str, list[float]] = {}
        self._load: dict[str, list[float]] = {}

    @classmethod
    def of_requests(cls) -> "Costs":
        """Rates are a second, costs CPU-µs each."""
        return cls("CPU-µs each", factor=1e6, divisor=1)

    @classmethod
    def of_bytes(cls) -> "Costs":
        """Rates are MiB/s, costs CPU-s/GiB."""
        return cls("CPU-s/GiB", factor=_GIB, divisor=_MIB)

    def rate(self, peer: Peer, work: Callable[[], Run], name: str = "") -> float:
        """Do the work and keep its cost under the peer's name, or another one."""
        before = processes.cpu_seconds(peer.pid)
        run = work()
        spent = processes.cpu_seconds(peer.pid) - before
        self._server.setdefault(name or peer.name, []).append(spent / run.total * self._factor)
        self._load.setdefault(name or peer.name, []).append(run.client_cpu_seconds / run.seconds)
        return run.rate / self._divisor

    def seen(self, peer: Peer) -> int:
        """How many runs of this peer were kept."""
        return len(self._server.get(peer.name, ()))

    def note(self, *names: str) -> str:
        """The medians, for the table."""
        known = [name for name in names if name in self._server]
        if not known:
            return ""
        servers = ", ".join(f"{name} {digits(spread(self._server[name]).median)}" for name in known)
        loads = ", ".join(f"{spread(self._load[name]).median:.1f}" for name in known)
        return f"{self._label}: {servers}; load took {loads} cores"
