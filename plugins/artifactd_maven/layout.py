"""Paths of the Maven layout and what they name (maven A). Pure.

Rule 1: a path is read from the right: file, version directory, artifact directory; the rest is the group.
Rule 2: a checksum's extension is taken off once, then a signature's: `x.jar.asc.sha1` is the checksum of
the signature of a file.
Rule 3: what we note ourselves has names that begin with a dot; no client reads or writes there.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Final

CHECKSUMS: Final = ("md5", "sha1", "sha256", "sha512")
"""Algorithms whose checksums clients ask for, each under an extension of the same name."""

SIGNATURES: Final = (".asc", ".sigstore.json", ".sigstore")
"""Extensions of signatures, beside the file that they sign."""

METADATA: Final = "maven-metadata.xml"
PREFIXES: Final = ".meta/prefixes.txt"
ARCHETYPES: Final = "archetype-catalog.xml"

ANNOUNCED: Final = ".announced"
STATED: Final = ".stated"
DELETED: Final = ".deleted"
PLUGINS_FOLDER: Final = ".plugins"
CATALOGUED: Final = ".archetypes"

LONGEST_PATH: Final = 1024
"""Bytes of a path; databases index no more than a few thousand."""

_CHECKSUM_EXTENSIONS: Final = tuple(f".{algorithm}" for algorithm in CHECKSUMS)
_SNAPSHOT: Final = "SNAPSHOT"
_NOTE = re.compile(r"\.(?:announced(?:-.*)?|deleted|stated-.*)")
_ASKED_BY_ROBOTS: Final = frozenset(("robots.txt", "favicon.ico"))
_TIMESTAMP = re.compile(r"[0-9]{8}\.[0-9]{6}-[0-9]{1,9}(?=[-.])")
_LOCAL_METADATA = re.compile(r"maven-metadata-[^/]*\.xml")
_SEVERAL_PARTS = re.compile(r"(?:tar|cpio)\.[A-Za-z0-9]+")
"""Extensions of two parts: what packs is written before what compresses."""

_FOREIGN = re.compile(r"[\x00-\x1f\x7f\\:]")
"""In no name of the layout: it would not be a file's on every system."""


class Kind(StrEnum):
    """What a path is for."""

    ARTIFACT = "artifact"
    METADATA = "metadata"
    LOCAL_METADATA = "local metadata"
    ARCHETYPES = "archetype catalog"
    PREFIXES = "prefixes"
    INDEX = "index"
    NOTHING = "nothing"
    NOTE = "note"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Gav:
    """What a file of the layout is called. `base` is the version that its directory has; `stamp` is what a
    unique snapshot has in the place of `SNAPSHOT`, such as `20261123.175820-1`, and empty for others."""

    group: str
    artifact: str
    base: str
    classifier: str
    extension: str
    stamp: str = ""

    @property
    def version(self) -> str:
        """As the file's name has it."""
        return self.base[: -len(_SNAPSHOT)] + self.stamp if self.stamp else self.base

    @property
    def is_snapshot(self) -> bool:
        """Whether more builds of this version may come."""
        return is_snapshot(self.base)

    @property
    def owner(self) -> str:
        """The directory of the artifact, which is its owner name."""
        return f"{self.group.replace('.', '/')}/{self.artifact}"

    @property
    def directory(self) -> str:
        """The directory of the version."""
        return f"{self.owner}/{self.base}"

    @property
    def path(self) -> str:
        """Where the file lies."""
        classifier = f"-{self.classifier}" if self.classifier else ""
        return f"{self.directory}/{self.artifact}-{self.version}{classifier}.{self.extension}"

    @property
    def is_pom(self) -> bool:
        """Whether it is the POM that speaks for the version: a build POM is not (maven R9)."""
        return self.extension == "pom" and not self.classifier


META: Final = ".meta"
"""The owner name of what a repository says about itself."""


@dataclass(frozen=True, slots=True)
class Place:
    """A path, read. `checksum` is the algorithm, and `main` what it is of; `signature` is an extension of
    `gav`'s file, which is what is signed."""

    kind: Kind
    main: str
    checksum: str = ""
    gav: Gav | None = None
    signature: str = ""

    @property
    def folder(self) -> str:
        """Where it lies, without a slash at the end; empty at the root."""
        return self.main.rpartition("/")[0]

    @property
    def is_snapshot(self) -> bool:
        """Whether it belongs to a version of which more builds may come."""
        if self.gav is not None:
            return self.gav.is_snapshot
        return self.kind is Kind.METADATA and is_snapshot(self.folder.rpartition("/")[2])

    @property
    def is_literal(self) -> bool:
        """Whether it is named `-SNAPSHOT` as written, by clients that give no build a name of its own."""
        return self.gav is not None and self.gav.is_snapshot and not self.gav.stamp


@lru_cache(4096)  # a request asks several times
def parse(path: str) -> Place:
    """What a path names. Never fails: what is of no use is `OTHER`, or `NOTHING`."""
    main, checksum = _without(path, _CHECKSUM_EXTENSIONS)
    algorithm = checksum[1:]
    folders, _, name = main.rpartition("/")
    segments = main.split("/")
    if PLUGINS_FOLDER in segments or segments[0] == CATALOGUED or _NOTE.fullmatch(path.rpartition("/")[2]):
        return Place(Kind.NOTE, path)
    if main == PREFIXES:
        return Place(Kind.PREFIXES, main, algorithm)
    if segments[0] in (".meta", ".nexus") or main in _ASKED_BY_ROBOTS:
        return Place(Kind.NOTHING, main, algorithm)
    if segments[0] == ".index":
        return Place(Kind.INDEX, main, algorithm)
    if main == ARCHETYPES:
        return Place(Kind.ARCHETYPES, main, algorithm)
    if name == METADATA and folders:
        return Place(Kind.METADATA, main, algorithm)
    if _LOCAL_METADATA.fullmatch(name):
        return Place(Kind.LOCAL_METADATA, main, algorithm)
    signed, signature = _without(main, SIGNATURES)
    gav = _gav(signed.split("/"))
    if gav is None:
        return Place(Kind.OTHER, main, algorithm)
    return Place(Kind.ARTIFACT, main, algorithm, gav, signature)


def is_snapshot(version: str) -> bool:
    """Whether a version, as its directory is called, stands for builds to come. Gradle's word for it may be
    written in lower case."""
    return version.upper() == _SNAPSHOT or version.upper().endswith(f"-{_SNAPSHOT}")


def owner(path: str) -> str | None:
    """The owner name of an asset path: the artifact's directory. The folders of our notes that are about
    more than one artifact are names of their own, and so is `.meta`."""
    place = parse(path)
    if place.gav is not None:
        return place.gav.owner
    if place.kind is Kind.METADATA:
        return artifact_directory(place.folder)
    if place.kind is Kind.NOTE:
        return _owner_of_note(path)
    return {Kind.PREFIXES: META, Kind.ARCHETYPES: CATALOGUED}.get(place.kind)


def artifact_directory(directory: str) -> str:
    """The directory of the artifact that the metadata in `directory` is about: that, or for builds of a
    snapshot the one above."""
    above, _, name = directory.rpartition("/")
    return above if is_snapshot(name) else directory


def owned_as(name: str) -> str | None:
    """The owner name whose ownership counts for another: an artifact's for the plugins of the group of the
    same name, as one file tells of both. Archetypes are everyone's, and prefixes are a member's alone: a
    group has none (maven R92)."""
    if name == CATALOGUED:
        return ""
    if name == META:
        return None
    return name.removesuffix(f"/{PLUGINS_FOLDER}")


def companion(path: str) -> str | None:
    """What a signature signs."""
    place = parse(path)
    return None if place.gav is None or not place.signature else place.gav.path


def announced_path(directory: str, stamp: str = "") -> str:
    """Where we note that a client has announced a version, or a build of one."""
    return f"{directory}/{ANNOUNCED}-{stamp}" if stamp else f"{directory}/{ANNOUNCED}"


def stated_path(main: str, algorithm: str) -> str:
    """Where we note the checksum of a file that has not come yet."""
    folder, slash, name = main.rpartition("/")
    return f"{folder}{slash}{STATED}-{name}.{algorithm}"


def deleted_path(directory: str) -> str:
    """Where we note that something was deleted of a directory."""
    return f"{directory}/{DELETED}"


def plugin_path(group_directory: str, artifact: str) -> str:
    """Where we note the prefix of a plugin."""
    return f"{group_directory}/{PLUGINS_FOLDER}/{artifact}"


def archetype_path(gav: Gav) -> str:
    """Where we note an archetype."""
    return f"{CATALOGUED}/{gav.group}:{gav.artifact}:{gav.base}"


def _owner_of_note(path: str) -> str | None:
    if path.startswith(f"{CATALOGUED}/"):
        return CATALOGUED
    folder, _, name = path.rpartition("/")
    if folder.endswith(f"/{PLUGINS_FOLDER}"):
        return folder
    if name.startswith(ANNOUNCED):
        return folder.rpartition("/")[0]
    if name == DELETED:
        return artifact_directory(folder)
    of = name.removeprefix(f"{STATED}-").rpartition(".")[0]
    return owner(f"{folder}/{of}")


def _gav(segments: list[str]) -> Gav | None:
    if len(segments) < 4 or any(not part or _FOREIGN.search(part) for part in segments):
        return None
    *group, artifact, base, name = segments
    if any("." in part for part in group) or artifact.startswith("."):
        return None
    if not name.startswith(f"{artifact}-"):
        return None
    rest, stamp = name[len(artifact) + 1 :], ""
    if is_snapshot(base):
        stem = base[: -len(_SNAPSHOT)]
        found = _TIMESTAMP.match(rest, len(stem)) if rest.startswith(stem) else None
        stamp = found[0] if found else ""
    version = base[: -len(_SNAPSHOT)] + stamp if stamp else base
    if not rest.startswith((f"{version}-", f"{version}.")):
        return None
    named = _named(rest[len(version) :])
    return None if named is None else Gav(".".join(group), artifact, base, *named, stamp)


def _named(tail: str) -> tuple[str, str] | None:
    """Classifier and extension from what follows the version; None when there is no extension."""
    parts = tail[1:].split(".")
    if not all(parts):
        return None
    if tail.startswith("."):
        # `lib-1.0.1.jar` is not a file of version 1.0.
        return None if len(parts) > 1 and parts[0].isdigit() else ("", ".".join(parts))
    several = len(parts) > 2 and _SEVERAL_PARTS.fullmatch(".".join(parts[-2:])) is not None
    classifier = ".".join(parts[: -2 if several else -1])
    extension = ".".join(parts[-2 if several else -1 :])
    return (classifier, extension) if classifier and extension else None


def _without(name: str, suffixes: tuple[str, ...]) -> tuple[str, str]:
    """A name without that one of the suffixes that it has, and the suffix."""
    if not name.endswith(suffixes):
        return name, ""
    for suffix in suffixes:
        if name.endswith(suffix) and len(name) > len(suffix):
            return name[: -len(suffix)], suffix
    return name, ""
