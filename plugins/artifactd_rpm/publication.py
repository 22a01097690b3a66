"""The publication of a repository: the repodata of each of its folders that clients point at."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from artifactd.plugin import (
    LONGEST_WAIT,
    QUIET,
    Answer,
    Gathered,
    Generation,
    GroupInputs,
    More,
    PublicationInputs,
    PublicationWriter,
    UpstreamInvalid,
)
from artifactd_rpm.media_types import media_type
from artifactd_rpm.merging import merge_repodata
from artifactd_rpm.owners import REPODATA, depth_of
from artifactd_rpm.repodata import VERSION, is_published, publish_repodata
from artifactd_rpm.repomd import is_safe, parse
from artifactd_rpm.writing import KEY, REPOMD, SIGNATURE, join

_MOST_ROUNDS: Final = 5
"""How often a set is read anew because it was replaced meanwhile (rpm M2)."""

_NEEDED: Final = re.compile(r"primary|filelists|other|modules|updateinfo|group(?:_[a-z0-9]+)?")
_ARMOUR: Final = b"-----BEGIN PGP "


@dataclass(frozen=True, slots=True)
class Repodata:
    """The repodata of a folder. Keys are folders; the empty one is the whole repository."""

    name: str = "repodata"
    version: int = VERSION
    quiet: timedelta = QUIET
    longest_wait: timedelta = LONGEST_WAIT

    def touches(self, path: str, settings: Any) -> Iterable[str]:
        depth = settings.repodata_depth
        if not is_published(path) or depth_of(path) < depth:
            return ()
        return ("/".join(path.split("/")[:depth]),)

    def keys(self, settings: Any) -> Iterable[str]:
        # An empty repository is one that clients can point at already (rpm R67). Deeper, its folders are
        # what is put into them.
        return ("",) if settings.repodata_depth == 0 else ()

    def owns(self, path: str) -> str | None:
        segments = path.split("/")[:-1]
        if REPODATA not in segments:
            return None
        return "/".join(segments[: len(segments) - 1 - segments[::-1].index(REPODATA)])

    def selects(self, key: str) -> str:
        return join(key, "")

    def entry(self, key: str) -> str:
        return join(key, f"{REPODATA}/{REPOMD}")

    def publish(
        self, key: str, inputs: PublicationInputs, previous: Generation | None, out: PublicationWriter
    ) -> None:
        publish_repodata(key, inputs, previous, out)

    def merge(
        self, key: str, inputs: GroupInputs, previous: Generation | None, out: PublicationWriter
    ) -> None:
        merge_repodata(key, inputs, previous, out)

    def gathers(self, key: str) -> Sequence[str]:
        return [join(key, f"{REPODATA}/{name}") for name in (REPOMD, SIGNATURE, KEY)]

    def gather(self, key: str, answers: Sequence[Answer]) -> Gathered | More:
        """repomd.xml, its signature and the key, then repomd.xml again: if it is another one by now, the
        signature may be of either, and all is asked anew (rpm R102, M2)."""
        newest = answers[-1].body
        step = len(answers) % 3
        if step == 2:
            return More(KEY, optional=True)
        if step == 0:
            return More(REPOMD)
        if len(answers) == 1 or answers[-4].body != newest:
            parse(newest)  # what cannot be read is not asked further about
            if len(answers) > 3 * _MOST_ROUNDS:
                raise UpstreamInvalid(f"a repomd.xml was replaced {_MOST_ROUNDS} times meanwhile")
            return More(SIGNATURE, optional=True)
        files, doubtful = {REPOMD: newest}, []
        for name, answer in zip((SIGNATURE, KEY), answers[-3:-1], strict=True):
            if _ARMOUR in answer.body:
                files[name] = answer.body
            elif not answer.absent:  # some servers send a page for what is absent
                doubtful.append(join(key, f"{REPODATA}/{name}"))
        return Gathered(
            {join(key, f"{REPODATA}/{name}"): (data, media_type(name)) for name, data in files.items()},
            [join(key, href) for href in _needed(newest)],
            doubtful,
            [join(key, f"{REPODATA}/{SIGNATURE}")],
        )


def _needed(repomd: bytes) -> Iterable[str]:
    """What a set must not lack when it takes the place of another (rpm M3)."""
    for record in parse(repomd).records:
        if _NEEDED.fullmatch(record.kind) and record.is_named_by_checksum and not record.base:
            href = record.href.removeprefix("./")
            if is_safe(href):
                yield href
