"""The index of an artifact's versions, by the artifact's directory (maven R72, R78, R81)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from artifactd.plugin import Answer, Asset, Change, Index, Micros, More, Part, Selection, UpstreamInvalid
from artifactd_maven.layout import ANNOUNCED, METADATA, Kind, deleted_path, parse
from artifactd_maven.listings import Files, Listing, Original, merged
from artifactd_maven.metadata import Metadata, parse_metadata, written
from artifactd_maven.versions import in_order
from artifactd_maven.xml_reading import XmlInvalid

FILE_BYTES: Final = 200
"""What a file takes in memory, about: its name and when it came."""


@dataclass(frozen=True, slots=True)
class Versions:
    """The versions in the directory `key`. `entered`: from when on each is listed. `deleted`: when
    something was last deleted, 0 if never."""

    key: str
    files: Mapping[str, Files] = field(default_factory=dict)
    entered: Mapping[str, Micros] = field(default_factory=dict)
    deleted: Micros = 0
    original: bytes = b""

    def at(self, now: Micros) -> Metadata:
        listed = {version: moment for version, moment in self.entered.items() if moment <= now}
        if not listed:
            return Metadata()
        group, _, artifact = self.key.rpartition("/")
        return Metadata(
            group=group.replace("/", "."),
            artifact=artifact,
            versions=in_order(set(listed)),
            updated=written(max(self.deleted, *listed.values())),
        )

    def is_settled(self, now: Micros) -> bool:
        return all(moment <= now for moment in self.entered.values())

    @property
    def weight(self) -> int:
        return sum(FILE_BYTES * (2 + len(files.added)) for files in self.files.values())


class OfMetadata:
    """What the indexes have in common whose documents are, upstream, the metadata of a directory."""

    def size(self, document: Listing) -> int:
        return document.weight

    def path(self, key: str) -> str:
        return f"{key}/{METADATA}"

    def parse(self, key: str, answers: Sequence[Answer]) -> Listing | More:
        body = answers[-1].body
        try:
            return Original(parse_metadata(body), body)
        except XmlInvalid as error:
            raise UpstreamInvalid(f"the upstream's {METADATA} {error}") from error


class VersionIndex(OfMetadata):
    """The index of versions."""

    name = "maven versions"

    def selects(self, key: str) -> Selection:
        return Selection(key)

    def build(self, key: str, assets: Iterable[Asset]) -> Listing:
        return after(Versions(key), (Change(asset, retired=False) for asset in assets))

    def apply(self, key: str, document: Listing, changes: Sequence[Change]) -> Listing:
        assert isinstance(document, Versions), "only what was built here changes by what comes and goes"
        return after(document, changes)

    def merge(self, key: str, parts: Sequence[Part[Listing]]) -> Listing:
        return merged(parts, lambda said: bool(said.versions), key)


VERSIONS: Index[Listing] = VersionIndex()


def after(document: Versions, changes: Iterable[Change]) -> Versions:
    """The versions once rows have come and gone. What `document` holds is copied, never changed."""
    deleted, touched = document.deleted, dict[str, _Draft]()
    for change in changes:
        asset = change.asset
        gone = change.retired or asset.withheld is not None
        if asset.path == deleted_path(document.key):
            deleted = deleted if gone else max(deleted, asset.added)
            continue
        version = _version_of(document.key, asset.path)
        if version is None:
            continue
        if version not in touched:
            touched[version] = _Draft(document.files.get(version, Files()))
        touched[version].apply(asset, gone=gone)
    files, entered = dict(document.files), dict(document.entered)
    for version, draft in touched.items():
        files[version] = made = draft.finished()
        moment = made.entered()
        if moment is None:
            entered.pop(version, None)
        else:
            entered[version] = moment
        if made == Files():
            del files[version]
    return Versions(document.key, files, entered, deleted)


def _version_of(key: str, path: str) -> str | None:
    """The version that an asset counts for: our note that it was announced, or a file of it."""
    version, _, below = path[len(key) + 1 :].partition("/")
    if below == ANNOUNCED:
        return version
    place = parse(path)
    return version if place.kind is Kind.ARTIFACT and not place.checksum else None


class _Draft:
    """The files of a version while they come and go."""

    def __init__(self, files: Files) -> None:
        self._added = dict(files.added)
        self._poms = set(files.poms)
        self._announced = files.announced

    def apply(self, asset: Asset, *, gone: bool) -> None:
        name, place = asset.path.rpartition("/")[2], parse(asset.path)
        if place.gav is None:
            self._announced = None if gone else asset.added
            return
        self._added.pop(name, None)
        self._poms.discard(name)
        if not gone:
            self._added[name] = asset.added
            if place.gav.is_pom and not place.signature:
                self._poms.add(name)

    def finished(self) -> Files:
        return Files(self._added, frozenset(self._poms), self._announced)
