"""Facts of a file, found in its bytes: for uploads, fetches and imports alike."""

from typing import Any, BinaryIO, Final

from artifactd.plugin import Coordinates, Description
from artifactd_rpm.extra import describe_extra
from artifactd_rpm.owners import PACKAGE, extra_kind, folder_of

LONGEST_FACT: Final = 1024
"""Characters of a fact that lists repeat."""


def describe(path: str, content_type: str, file: BinaryIO) -> Description:
    """The facts of a package, or of what repodata lists beside packages; of other files none. Raises
    InvalidInput for what is not what its path says."""
    extra = extra_kind(path)
    if extra is not None:
        return describe_extra(extra[1], file)
    if not path.endswith(PACKAGE):
        return Description()
    # Imported with the first upload: a server that only serves starts without the parser.
    from artifactd_rpm.fragments import KIND, fragments_of, packed
    from artifactd_rpm.package import read_package

    package = read_package(file)
    attributes: dict[str, Any] = {
        "name": package.name,
        "epoch": package.epoch,
        "version": package.version,
        "release": package.release,
        "arch": package.arch,
        "summary": package.summary[:LONGEST_FACT],
        "license": package.license[:LONGEST_FACT],
        "url": package.url[:LONGEST_FACT],
        "built": package.time_build,
        "size_installed": package.size_installed,
        "signatures": [
            {"key": each.key, "algorithm": each.algorithm, "hash": each.hash} for each in package.signatures
        ],
    }
    return Description(
        coordinates=Coordinates(folder_of(path), package.name, str(package.evr)),
        label=package.nevra,
        attributes=attributes,
        derived={KIND: packed(fragments_of(package))},
    )
