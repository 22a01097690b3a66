"""What an RPM repository can be told, beside what every repository can."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from artifactd.plugin import Settings, WriteClass, WritePolicy


class LayoutPolicy(StrEnum):
    """Which files are taken."""

    STRICT = "strict"
    PERMISSIVE = "permissive"


class ChecksumType(StrEnum):
    """What packages are known by in repodata."""

    SHA256 = "sha256"
    SHA512 = "sha512"


class CompressionType(StrEnum):
    """What repodata is compressed with."""

    GZIP = "gzip"
    ZSTD = "zstd"


class Duplicates(StrEnum):
    """What is listed of several files that are the same version of a package."""

    LATEST = "latest"
    ALL = "all"
    REFUSE = "refuse"


class Source(StrEnum):
    """What a proxy's upstream URL leads to."""

    BASEURL = "baseurl"
    MIRRORLIST = "mirrorlist"
    METALINK = "metalink"


class RpmSettings(Settings):
    """Settings of a repository of format rpm."""

    write_policy: WritePolicy = WritePolicy.ALLOW_ONCE
    """allow_once: a package's file never gets other content, since clients hold its checksum; allow: files
    may be replaced; deny: the repository takes no uploads."""

    repodata_depth: Annotated[int, Field(ge=0, le=5)] = 0
    """How many folders deep repodata lies: with 2, `9/x86_64/` is a repository to its clients, with
    metadata of its own, and packages lie in such folders or below."""

    layout_policy: LayoutPolicy = LayoutPolicy.STRICT
    """strict: only packages are taken, and typed metadata; permissive: any file."""

    checksum_type: ChecksumType = ChecksumType.SHA256
    """The checksum that packages have in repodata: sha256 or sha512."""

    compression: CompressionType = CompressionType.GZIP
    """Of repodata. Every client reads gzip; zstd is smaller and needs dnf of 2022 or later."""

    sign_metadata: bool = True
    """Whether repodata is signed by the repository's key (`repomd.xml.asc`)."""

    duplicates: Duplicates = Duplicates.LATEST
    """Of several files with the same name, version and architecture: `latest` lists the one that came last,
    `all` all of them, and with `refuse` a second one is not taken."""

    gpgcheck: bool = False
    """In the generated .repo file: whether clients shall check the signatures of packages."""

    module_hotfixes: bool = False
    """In the generated .repo file: whether packages are offered whatever modules are enabled."""

    metadata_expire: Annotated[str, Field(max_length=20, pattern=r"^(?:-1|never|[0-9]+[smhdw]?)?$")] = "1h"
    """In the generated .repo file: how long clients use repodata without looking for newer. Empty leaves it
    to them."""

    source: Source = Source.BASEURL
    """What a proxy's upstream URL leads to: `baseurl` a repository, `mirrorlist` or `metalink` a list of
    mirrors that have one."""

    mirrors_at: Annotated[str, Field(max_length=500, pattern=r"^(?:[!-.0-~][!-~]*)?$")] = ""
    """Where the list of mirrors is, relative to the upstream's URL, and with a query if it takes one:
    `mirrorlist?repo=baseos&arch=x86_64`. Empty: the upstream's URL itself."""


def write_class(path: str, settings: RpmSettings) -> WriteClass:
    """Packages are published once; what is listed beside them changes."""
    folder = path.rpartition("/")[0].rpartition("/")[2]
    return WriteClass.REPLACE if folder == ".metadata" else WriteClass.ONCE
