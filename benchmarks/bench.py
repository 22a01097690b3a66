"""What every case works with: the running peers, the sizes, the rounds, and the blobs all peers hold."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks import image
from benchmarks.load import Wrk
from benchmarks.peers import Peer, PeerAbsent
from benchmarks.report import AtLeast, AtMost, Measurement
from benchmarks.wire import Payload

MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much work one visit is."""

    blob: int = 64 * MIB
    large_blob: int = 1024 * MIB
    crowd_blob: int = 200_000_000
    seconds: float = 2.0
    files: int = 20_000  # of the project with the large page
    packages: int = 10_000  # of the repository that gets one more
    merged: int = 50_000  # of each of two repositories that a group merges


QUICK = Sizes(
    blob=2 * MIB,
    large_blob=16 * MIB,
    crowd_blob=4_000_000,
    seconds=1.0,
    files=500,
    packages=300,
    merged=1000,
)


@dataclass(slots=True)
class Bench:
    """The peers that are up, by name; `absent` tells why the others are not."""

    folder: Path
    rounds: int
    sizes: Sizes
    peers: dict[str, Peer] = field(default_factory=dict)
    absent: dict[str, str] = field(default_factory=dict)
    _held: dict[int, Payload] = field(default_factory=dict, init=False)

    @property
    def wrk(self) -> Wrk:
        return Wrk(self.folder, self.sizes.seconds)

    def of(self, *names: str) -> list[Peer]:
        """Those of the named peers that are up; `PeerAbsent` when none is."""
        found = [self.peers[name] for name in names if name in self.peers]
        if not found:
            raise PeerAbsent(f"{', '.join(names)} absent")
        return found

    def measure(self, visits: Mapping[str, Callable[[], float]]) -> dict[str, tuple[float, ...]]:
        """Every round makes every visit once, in an order that turns by one each round.

        What a visit leaves to be written to the disk is written before the next one begins, off the clock:
        a peer that does not wait for its disk must not slow down the one after it.
        """
        figures: dict[str, list[float]] = {name: [] for name in visits}
        names = list(visits)
        for turn in range(self.rounds):
            for place in range(len(names)):
                name = names[(turn + place) % len(names)]
                os.sync()
                figures[name].append(visits[name]())
        return {name: tuple(values) for name, values in figures.items()}

    def compare(
        self,
        title: str,
        unit: str,
        figures: Mapping[str, tuple[float, ...]],
        against: str,
        budget: AtLeast | AtMost | None,
        note: str = "",
        ours: str = "artifactd",
    ) -> Measurement:
        """One line of the table: `ours` against `against`, or what is absent."""
        missing = [name for name in ("artifactd", against) if name in self.absent]
        return Measurement(
            title,
            unit,
            figures.get(ours, ()),
            against,
            figures.get(against, ()),
            budget,
            note,
            f"{' and '.join(missing)} absent" if missing else "",
        )

    def judge(
        self, title: str, unit: str, values: tuple[float, ...], limit: float | None, note: str = ""
    ) -> Measurement:
        """One line about artifactd alone."""
        skipped = "" if values else "artifactd absent"
        budget = None if limit is None else AtMost(limit, unit)
        return Measurement(title, unit, values, budget=budget, note=note, skipped=skipped)

    def manifest_path(self, peer: Peer) -> str:
        """Where every peer has the same 2 KiB manifest; nginx as a plain file."""
        return image.manifest_path(peer) if peer.image else "/manifest.json"

    def blob_path(self, size: int, *names: str) -> dict[str, str]:
        """Where each of the peers holds the same blob of this size; pushed at the first use, read back once
        and its digest checked, off the clock."""
        payload = self._held.setdefault(size, Payload(size))
        paths = {}
        for peer in self.of(*names):
            name = payload.digest.partition(":")[2]
            paths[peer.name] = image.blob_path(peer, payload.digest) if peer.image else f"/{name}"
            marker = peer.folder / f"held-{name}"
            if marker.exists():
                continue
            if peer.image:
                connection = peer.connect()
                image.push_by_patch(connection, peer.image, payload)
                connection.close()
            elif peer.static:
                payload.save(peer.static / name)
            image.check(peer, paths[peer.name], payload.digest)
            marker.touch()
        return paths

    def prepare(self) -> None:
        """Give the image with the 2 KiB manifest to every peer that has images, or the manifest as a file,
        and see that each gives back the same bytes."""
        for peer in self.peers.values():
            if peer.image:
                image.push_image(peer)
            elif peer.static:
                (peer.static / "manifest.json").write_bytes(image.manifest())
            else:
                continue
            image.check(peer, self.manifest_path(peer), image.digest_of(image.manifest()))
