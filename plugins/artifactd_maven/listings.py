"""What the indexes of metadata hold: what a directory's file says, as soon as the time is known.

A version is entered once its client has announced it, by a metadata file of its own, or has been quiet for
a minute; until then a deployment may still be under way (maven R44, R45). So what is held tells from when
on each version is entered, and `at` is a pure function of the moment.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from artifactd.plugin import SECOND, Micros, Part
from artifactd_maven.metadata import Metadata, merge_metadata

QUIET: Final[Micros] = 60 * SECOND
"""How long after its last file a version counts as complete that nobody has announced: longer than a client
takes between two files, shorter than people wait."""

logger = logging.getLogger("artifactd.maven")


class Listing(Protocol):
    """What one directory's metadata says."""

    @property
    def original(self) -> bytes:
        """The file as an upstream sent it; empty when it is made here."""
        ...

    def at(self, now: Micros) -> Metadata:
        """The metadata at a moment."""
        ...

    def is_settled(self, now: Micros) -> bool:
        """Whether the same holds for ever after, if nothing changes."""
        ...

    @property
    def weight(self) -> int:
        """Bytes in memory, about."""
        ...


@dataclass(frozen=True, slots=True)
class Files:
    """The files of a version, or of a build: when each was added. `poms`: those that speak for it.
    `announced`: when a client announced it, None while none has."""

    added: Mapping[str, Micros] = field(default_factory=dict)
    poms: frozenset[str] = frozenset()
    announced: Micros | None = None

    def entered(self) -> Micros | None:
        """From when on it is listed; None while nothing says that it ever will be."""
        if not self.added:
            return None
        moments = [] if self.announced is None else [max(self.announced, min(self.added.values()))]
        quiet = self._quiet_since()
        if quiet is not None:
            moments.append(quiet)
        return min(moments, default=None)

    def _quiet_since(self) -> Micros | None:
        """When it had first been quiet for long enough, with a POM. What comes later does not undo that."""
        if not self.poms:
            return None
        complete = min(self.added[pom] for pom in self.poms)
        last = complete
        for moment in sorted(moment for moment in self.added.values() if moment > complete):
            if moment - last >= QUIET:
                break
            last = moment
        return last + QUIET


@dataclass(frozen=True, slots=True)
class Original:
    """What an upstream's file says."""

    metadata: Metadata
    original: bytes

    def at(self, now: Micros) -> Metadata:
        return self.metadata

    def is_settled(self, now: Micros) -> bool:
        return True

    @property
    def weight(self) -> int:
        return 8 * len(self.original)


@dataclass(frozen=True, slots=True)
class Merged:
    """What the members of a group say together."""

    parts: Sequence[Listing]
    original: bytes = b""

    def at(self, now: Micros) -> Metadata:
        return merge_metadata([part.at(now) for part in self.parts])

    def is_settled(self, now: Micros) -> bool:
        return all(part.is_settled(now) for part in self.parts)

    @property
    def weight(self) -> int:
        return 100


def merged(
    parts: Sequence[Part[Listing]], tells: Callable[[Metadata], bool], directory: str | None = None
) -> Listing:
    """The listing of a group from those of its members. What an upstream says is left out where it does not
    tell of what is wanted, or tells of another artifact than that of `directory` (maven R121). One that is
    alone stays as it is."""
    fitting: list[Listing] = []
    for part in parts:
        said = part.document.metadata if isinstance(part.document, Original) else None
        if said is not None and not tells(said):
            continue
        if said is not None and directory is not None and not speaks_of(said, directory):
            logger.warning(
                "the metadata of %s in repository %s is about %s:%s, and is left out",
                directory,
                part.member,
                said.group,
                said.artifact,
            )
            continue
        fitting.append(part.document)
    return fitting[0] if len(fitting) == 1 else Merged(fitting)


def speaks_of(metadata: Metadata, directory: str) -> bool:
    """Whether metadata is about the artifact that has this directory; what does not say is believed."""
    group, _, artifact = directory.rpartition("/")
    return metadata.group in ("", group.replace("/", ".")) and metadata.artifact in ("", artifact)
