"""The index of a snapshot's builds, by the directory of the snapshot (maven R75 to R77)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from artifactd.plugin import Asset, Change, Index, Micros, Part, Selection
from artifactd_maven.layout import ANNOUNCED, deleted_path, parse
from artifactd_maven.listings import Files, Listing, merged
from artifactd_maven.metadata import Metadata, Pair, SnapshotVersion, Stamp, parse_stamp, written
from artifactd_maven.versions_index import FILE_BYTES, OfMetadata


@dataclass(frozen=True, slots=True)
class Build:
    """One build: its files as names tell them apart, and `kinds`, which classifier and extension each
    has. Signatures are no files of their own: who wants one asks for it by its file."""

    files: Files = field(default_factory=Files)
    kinds: Mapping[str, Pair] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Builds:
    """The builds in the directory `key`. `literals`: when those files came that every build replaces.
    `deleted`: when something was last deleted, 0 if never."""

    key: str
    builds: Mapping[Stamp, Build] = field(default_factory=dict)
    entered: Mapping[Stamp, Micros] = field(default_factory=dict)
    literals: Mapping[Pair, Micros] = field(default_factory=dict)
    deleted: Micros = 0
    original: bytes = b""

    def at(self, now: Micros) -> Metadata:
        above, _, version = self.key.rpartition("/")
        group, _, artifact = above.rpartition("/")
        stem = version[: -len("SNAPSHOT")]
        listed = sorted(stamp for stamp, moment in self.entered.items() if moment <= now)
        found = {pair: SnapshotVersion(version, written(added)) for pair, added in self.literals.items()}
        for stamp in listed:
            updated = written(self.entered[stamp])
            for pair in self.builds[stamp].kinds.values():
                found[pair] = SnapshotVersion(f"{stem}{stamp}", updated)
        if not found:
            return Metadata()
        moments = [self.deleted, *(self.entered[stamp] for stamp in listed), *self.literals.values()]
        return Metadata(
            group=group.replace("/", "."),
            artifact=artifact,
            version=version,
            snapshot=listed[-1] if listed else None,
            files=found,
            updated=written(max(moments)),
        )

    def is_settled(self, now: Micros) -> bool:
        return all(moment <= now for moment in self.entered.values())

    @property
    def weight(self) -> int:
        return sum(FILE_BYTES * (2 + 2 * len(build.kinds)) for build in self.builds.values())


class BuildIndex(OfMetadata):
    """The index of builds."""

    name = "maven builds"

    def selects(self, key: str) -> Selection:
        return Selection(key.rpartition("/")[0], prefix=f"{key}/")

    def build(self, key: str, assets: Iterable[Asset]) -> Listing:
        return after(Builds(key), (Change(asset, retired=False) for asset in assets))

    def apply(self, key: str, document: Listing, changes: Sequence[Change]) -> Listing:
        assert isinstance(document, Builds), "only what was built here changes by what comes and goes"
        return after(document, changes)

    def merge(self, key: str, parts: Sequence[Part[Listing]]) -> Listing:
        return merged(parts, lambda said: bool(said.files or said.snapshot), key.rpartition("/")[0])


BUILDS: Index[Listing] = BuildIndex()


def after(document: Builds, changes: Iterable[Change]) -> Builds:
    """The builds once rows have come and gone."""
    draft = _Draft(document)
    for change in changes:
        draft.apply(change.asset, gone=change.retired or change.asset.withheld is not None)
    return draft.finished()


class _Draft:
    """Builds while rows come and go. What `document` holds is copied, never changed."""

    def __init__(self, document: Builds) -> None:
        self._key = document.key
        self._builds = dict(document.builds)
        self._entered = dict(document.entered)
        self._literals = dict(document.literals)
        self._deleted = document.deleted
        self._touched: set[Stamp] = set()

    def apply(self, asset: Asset, *, gone: bool) -> None:
        place = parse(asset.path)
        below = asset.path[len(self._key) + 1 :]
        if asset.path == deleted_path(self._key):
            self._deleted = self._deleted if gone else max(self._deleted, asset.added)
        elif below.startswith(f"{ANNOUNCED}-"):
            stamp = parse_stamp(below.partition("-")[2])
            if stamp is not None:
                self._announce(stamp, None if gone else asset.added)
        elif place.gav is not None and not place.checksum and "/" not in below:
            pair = (place.gav.classifier, place.gav.extension)
            stamp = parse_stamp(place.gav.stamp)
            if stamp is not None:
                self._file(stamp, below, asset.added, pair, signature=bool(place.signature), gone=gone)
            elif not place.signature:
                self._literal(pair, None if gone else asset.added)

    def finished(self) -> Builds:
        for stamp in self._touched:
            build = self._builds[stamp]
            moment = build.files.entered()
            if moment is None:
                self._entered.pop(stamp, None)
            else:
                self._entered[stamp] = moment
            if not build.files.added and build.files.announced is None:
                del self._builds[stamp]
        return Builds(self._key, self._builds, self._entered, self._literals, self._deleted)

    def _announce(self, stamp: Stamp, moment: Micros | None) -> None:
        build = self._builds.get(stamp, Build())
        self._keep(stamp, replace(build, files=replace(build.files, announced=moment)))

    def _file(
        self, stamp: Stamp, name: str, added: Micros, pair: Pair, *, signature: bool, gone: bool
    ) -> None:
        build = self._builds.get(stamp, Build())
        files, kinds, poms = dict(build.files.added), dict(build.kinds), build.files.poms
        files.pop(name, None)
        kinds.pop(name, None)
        poms -= {name}
        if not gone:
            files[name] = added
            if not signature:
                kinds[name] = pair
                poms |= {name} if pair == ("", "pom") else frozenset()
        self._keep(stamp, Build(replace(build.files, added=files, poms=poms), kinds))

    def _literal(self, pair: Pair, added: Micros | None) -> None:
        if added is None:
            self._literals.pop(pair, None)
        else:
            self._literals[pair] = added

    def _keep(self, stamp: Stamp, build: Build) -> None:
        self._builds[stamp] = build
        self._touched.add(stamp)
