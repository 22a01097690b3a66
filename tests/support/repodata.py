"""Repodata without a server: folders of packages in memory, which are published and merged as the tasks of
a server would have it, and repodata that is read by the book.

    folder = Folder()
    folder.put("Packages/a.rpm", package("a"))
    folder.publish()
    assert packages(folder.files, "primary") == …
"""

import gzip
import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any, BinaryIO
from xml.etree import ElementTree

import zstandard

from artifactd.plugin import (
    SECOND,
    Asset,
    AssetNotFound,
    Blob,
    Generation,
    Keep,
    StagedBlob,
    parse_digest,
)
from artifactd_rpm.dependencies import Dependencies, Dependency
from artifactd_rpm.fragments import fragments_of, packed
from artifactd_rpm.package import Change, Package
from artifactd_rpm.publication import Repodata
from artifactd_rpm.settings import RpmSettings

BEGAN = 1_700_000_000
"""When the first package was put, in seconds; each change takes ten."""

REPODATA = Repodata()

NAMES = {
    "primary": "{http://linux.duke.edu/metadata/common}",
    "filelists": "{http://linux.duke.edu/metadata/filelists}",
    "other": "{http://linux.duke.edu/metadata/other}",
}
REPO = "{http://linux.duke.edu/metadata/repo}"


@dataclass(frozen=True, slots=True)
class Described:
    """A package: the bytes of its file, its NEVRA, and what was derived from its header."""

    data: bytes
    nevra: str
    fragments: bytes


def package(
    name: str,
    version: str = "1.0",
    release: str = "1",
    *,
    epoch: int = 0,
    arch: str = "noarch",
    files: Sequence[str] = (),
    content: str = "",
) -> Described:
    """A package, with a file of its own and a line in its changelog. Another `content` makes other
    bytes."""
    none: Sequence[Dependency] = ()
    provides = [Dependency(name, "EQ", str(epoch), version, release)]
    described = Package(
        name=name,
        epoch=epoch,
        version=version,
        release=release,
        arch=arch,
        summary=f"{name} & <more>",
        description=f"What {name} is for. {content}",
        packager="",
        url="",
        license="MIT",
        vendor="",
        group="Unspecified",
        buildhost="builder",
        sourcerpm=f"{name}-{version}-{release}.src.rpm",
        time_build=BEGAN,
        size_installed=1,
        size_archive=2,
        header_start=4504,
        header_end=6000,
        dependencies=Dependencies(provides, none, none, none, none, none, none, none),
        files=[(f"/usr/bin/{name}", ""), *((path, "") for path in files)],
        changes=[Change("Anna <anna@acme.example>", BEGAN, "- first")],
        signatures=[],
    )
    data = f"{described.nevra} {content}".encode()
    return Described(data, described.nevra, packed(fragments_of(described)))


class Store:
    """Blobs by location."""

    def __init__(self) -> None:
        self.blobs: dict[str, bytes] = {}

    def add(self, data: bytes, checksums: Iterable[str] = ()) -> Blob:
        digest = parse_digest(f"sha256:{hashlib.sha256(data).hexdigest()}")
        location = f"{digest}-{len(self.blobs)}"
        self.blobs[location] = data
        summed = {name: hashlib.new(name, data).hexdigest() for name in ("sha256", *checksums)}
        return Blob("memory", digest, len(data), location, summed)


@dataclass
class Writer:
    """A `PublicationWriter`: `files` is what was added, with its content types."""

    store: Store
    state: Mapping[str, Any] = field(default_factory=dict)
    files: dict[str, tuple[Blob, str]] = field(default_factory=dict)
    sign: Callable[[bytes], bytes] = lambda data: (
        b"-----BEGIN PGP SIGNATURE-----\n" + hashlib.sha256(data).hexdigest().encode()
    )
    openpgp_key: bytes = b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n"
    public_key: bytes = b""

    def sign_openpgp(self, data: bytes) -> bytes:
        return self.sign(data)

    @contextmanager
    def create(self, *, checksums: Iterable[str] = ()) -> Iterator["_File"]:
        yield _File(self.store, checksums)

    def add(self, path: str, file: StagedBlob | Blob | bytes, *, content_type: str) -> None:
        if isinstance(file, bytes):
            file = self.store.add(file)
        blob = Blob(file.store, file.digest, file.size, file.location, file.checksums)
        self.files[path] = blob, content_type


class _File:
    def __init__(self, store: Store, checksums: Iterable[str]) -> None:
        self._store, self._checksums = store, checksums
        self._data = BytesIO()

    def write(self, data: bytes) -> None:
        self._data.write(data)

    def finish(self) -> StagedBlob:
        blob = self._store.add(self._data.getvalue(), self._checksums)
        return StagedBlob("memory", blob.location, blob.size, blob.digest, blob.checksums)


class Published:
    """Whatever has a generation: `files` are its bytes by path."""

    def __init__(self, key: str = "", **settings: Any) -> None:
        self.key = key
        self.settings = RpmSettings(**settings)
        self.store = Store()
        self.previous: Generation | None = None
        self.writer = Writer(self.store)

    @property
    def files(self) -> Mapping[str, bytes]:
        assert self.previous is not None, "nothing was published"
        return {path: self.store.blobs[file.blob.location] for path, file in self.previous.files.items()}

    def _switch(self, out: Writer) -> bool:
        """Take the new generation over, if there is one."""
        if not out.files:
            return False
        assert REPODATA.entry(self.key) in out.files
        files = {path: _asset(path, blob, kind) for path, (blob, kind) in out.files.items()}
        self.previous = Generation(self.key, 0, "", files, out.state)
        return True


class Folder(Published):
    """A hosted repository, or one folder of it. `opened` and `derived_of` are the paths that publishing has
    read."""

    def __init__(self, key: str = "", **settings: Any) -> None:
        super().__init__(key, **settings)
        self.assets: dict[str, Asset] = {}
        self.derived_of: list[str] = []
        self._fragments: dict[str, bytes] = {}
        self._revision = 0

    def put(self, path: str, described: Described, checksums: Iterable[str] = ()) -> None:
        """Put a package."""
        self._put(path, described.data, described.nevra, checksums)
        self._fragments[path] = described.fragments

    def put_file(self, path: str, data: bytes) -> None:
        """Put what is no package."""
        self._put(path, data, path.rpartition("/")[2], ())

    def delete(self, path: str) -> None:
        del self.assets[path]

    def publish(self) -> bool:
        """Publish; whether there is a new generation."""
        self.derived_of.clear()
        out = Writer(self.store, sign=self.writer.sign, openpgp_key=self.writer.openpgp_key)
        REPODATA.publish(self.key, self, self.previous, out)
        return self._switch(out)

    def rows(self) -> Iterator[tuple[str, int]]:
        for path in sorted(self.assets, key=str.encode):
            if path.startswith(REPODATA.selects(self.key)):
                yield path, self.assets[path].revision

    def __iter__(self) -> Iterator[Asset]:
        return (self.assets[path] for path, _ in self.rows())

    def asset(self, path: str) -> Asset:
        return self.assets[path]

    def open(self, asset: Asset) -> BinaryIO:
        assert asset.blob is not None
        return BytesIO(self.store.blobs[asset.blob.location])

    def derived(self, asset: Asset, kind: str) -> bytes:
        assert kind == "repodata"
        self.derived_of.append(asset.path)
        return self._fragments[asset.path]

    def _put(self, path: str, data: bytes, label: str, checksums: Iterable[str]) -> None:
        self._revision += 1
        added = (BEGAN + 10 * self._revision) * SECOND
        self.assets[path] = _asset(
            path, self.store.add(data, checksums), "", label=label, revision=self._revision, added=added
        )


@dataclass
class Member:
    """A member of a group: the files of a published set, by path."""

    name: str
    files: Mapping[str, bytes]
    asks_upstream: bool = False
    allows: Callable[[str], bool] = lambda path: True

    def open(self, path: str) -> BinaryIO:
        if path not in self.files:
            raise AssetNotFound(self.name, path)
        return BytesIO(self.files[path])


class Group(Published):
    """A group of such members."""

    def __init__(self, *members: Member, key: str = "", **settings: Any) -> None:
        super().__init__(key, **settings)
        self.members: Sequence[Member] = members

    def merge(self) -> bool:
        """Merge; whether there is a new generation."""
        out = Writer(self.store, sign=self.writer.sign, openpgp_key=self.writer.openpgp_key)
        REPODATA.merge(self.key, self, self.previous, out)
        return self._switch(out)


def upstream(
    *listed: tuple[str, Described], key: str = "", extra: Mapping[str, bytes] | None = None, **settings: Any
) -> Mapping[str, bytes]:
    """The files of another repository with these packages, by their locations, and with these further kinds
    of metadata."""
    folder = Folder(key, **settings)
    for href, described in listed:
        folder.put(f"{key}/{href}" if key else href, described)
    for kind, data in (extra or {}).items():
        folder.put_file(f"{key}/.metadata/{kind}" if key else f".metadata/{kind}", data)
    folder.publish()
    return folder.files


def records(files: Mapping[str, bytes], key: str = "") -> Mapping[str, ElementTree.Element]:
    """What the repomd.xml of a set lists, by type."""
    root = ElementTree.fromstring(files[REPODATA.entry(key)])
    found = {data.attrib["type"]: data for data in root.iter(f"{REPO}data")}
    assert len(found) == len(root.findall(f"{REPO}data")), "a type is listed twice"
    return found


def content(files: Mapping[str, bytes], kind: str, key: str = "") -> bytes:
    """What the file of a type holds."""
    href = location(records(files, key)[kind])
    return unpacked(files[f"{key}/{href}" if key else href])


def packages(files: Mapping[str, bytes], kind: str, key: str = "") -> Sequence[ElementTree.Element]:
    """The packages that one of the documents lists, which are as many as it says."""
    root = ElementTree.fromstring(content(files, kind, key))
    found = root.findall(f"{NAMES[kind]}package")
    assert len(found) == int(root.attrib["packages"]) == len(root)
    return found


def locations(files: Mapping[str, bytes], key: str = "") -> Mapping[str, str]:
    """Where primary says that packages are: location → `name-version`."""
    common = NAMES["primary"]
    found = {}
    for element in packages(files, "primary", key):
        version = element.find(f"{common}version")
        assert version is not None
        name = element.findtext(f"{common}name")
        found[location(element, common)] = f"{name}-{version.attrib['ver']}"
    return found


def location(element: ElementTree.Element, namespace: str = REPO) -> str:
    found = element.find(f"{namespace}location")
    assert found is not None
    return found.attrib["href"]


def unpacked(data: bytes) -> bytes:
    """A file by its first bytes, read by other means than ours."""
    if data.startswith(b"\x1f\x8b"):
        return gzip.decompress(data)
    if data.startswith(b"\x28\xb5\x2f\xfd"):
        return zstandard.ZstdDecompressor().stream_reader(data, read_across_frames=True).read()
    return data


def _asset(
    path: str, blob: Blob, content_type: str, *, label: str = "", revision: int = 0, added: int = 0
) -> Asset:
    return Asset(
        0, 0, path, blob, content_type, label, {}, Keep.ALWAYS, 0, None, added, added, revision
    )  # fmt: skip
