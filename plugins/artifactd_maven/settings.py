"""What a Maven repository can be told, beside what every repository can."""

from enum import StrEnum

from artifactd.plugin import Settings, WriteClass, WritePolicy
from artifactd_maven.layout import Kind, parse


class VersionPolicy(StrEnum):
    """Which versions a repository has."""

    MIXED = "mixed"
    RELEASE = "release"
    SNAPSHOT = "snapshot"


class LayoutPolicy(StrEnum):
    """Which paths a repository has."""

    STRICT = "strict"
    PERMISSIVE = "permissive"


class MavenSettings(Settings):
    """Settings of a repository of format maven."""

    write_policy: WritePolicy = WritePolicy.ALLOW_ONCE
    """allow_once: the files of a release never get other content; snapshots, metadata and checksums are
    taken all the same; allow: everything may be replaced; deny: the repository takes no uploads."""

    version_policy: VersionPolicy = VersionPolicy.MIXED
    """release: no snapshots; snapshot: nothing else; mixed: both. A proxy asks its upstream for nothing
    that the policy excludes."""

    layout_policy: LayoutPolicy = LayoutPolicy.STRICT
    """strict: only files that the Maven layout has; permissive: any path, such as those of sites."""

    pom_consistency: bool = True
    """Whether a POM must be readable, and say the group, artifact and version that its path says."""

    verify_checksums: bool = True
    """Whether a proxy asks for the checksum of a file before the file, and takes no other bytes. Where the
    upstream has none, the file is taken as it is."""

    resolve_snapshots: bool = True
    """Whether a file asked for as `-SNAPSHOT`, which no client has put under this name, is the newest build
    of it."""


def is_held(path: str, settings: MavenSettings) -> bool:
    """Whether a repository may have what is at a path."""
    return refusal(path, settings) is None


def refusal(path: str, settings: MavenSettings) -> str | None:
    """Why a repository does not have a path, in a sentence; None when it may (maven R6, R52, R83)."""
    place, strict = parse(path), settings.layout_policy is LayoutPolicy.STRICT
    policy = settings.version_policy
    match place.kind:
        case Kind.NOTHING | Kind.NOTE:
            return f"{path!r} is the path of no file that clients have"
        case Kind.LOCAL_METADATA if strict:
            return f"{path!r} is what a local repository notes for itself, and nothing to be shared"
        case Kind.OTHER if strict:
            return f"{path!r} is no path of the Maven layout, which this repository keeps to"
        case Kind.ARTIFACT if policy is VersionPolicy.RELEASE and place.is_snapshot:
            return "the version policy of this repository is 'release': it has no snapshots"
        case Kind.ARTIFACT if policy is VersionPolicy.SNAPSHOT and not place.is_snapshot:
            return "the version policy of this repository is 'snapshot': it has no releases"
        case Kind.METADATA if policy is VersionPolicy.RELEASE and place.is_snapshot:
            return "the version policy of this repository is 'release': it has no snapshots"
    return None


def immutable(path: str, settings: MavenSettings) -> bool:
    """Files of releases and their signatures, where nobody may replace them (maven R100)."""
    place = parse(path)
    release = place.kind is Kind.ARTIFACT and not place.checksum and not place.is_snapshot
    return release and settings.write_policy is not WritePolicy.ALLOW


def write_class(path: str, settings: MavenSettings) -> WriteClass:
    """Files of releases are published once; snapshots, indexes and what we note ourselves change (maven
    R50, R51)."""
    place = parse(path)
    once = place.kind in (Kind.ARTIFACT, Kind.OTHER) and not place.is_snapshot
    return WriteClass.ONCE if once else WriteClass.REPLACE
