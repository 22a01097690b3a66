"""Looking into distributions that nobody vouches for.

Rule 1: nothing is unpacked to a disk, and nothing is held but the metadata and the names of members.
Rule 2: whatever an archive claims is bounded before it is believed: members, sizes, what comes out of what
went in (`limits.py`).
Rule 3: what two readers could see differently is refused: members that occur twice, bytes before or behind
a zip file, a wheel that is a tar file as well.
"""

import struct
import zipfile
import zlib
from typing import BinaryIO, Final

from artifactd_pypi.filenames import Filename, Kind, Reading
from artifactd_pypi.limits import DAMAGED, ArchiveInvalid
from artifactd_pypi.tars import tar_metadata
from artifactd_pypi.zips import wheel_metadata, zip_metadata

_BROKEN: Final = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    struct.error,
    NotImplementedError,  # what `zipfile` says to features of other archivers
    ValueError,  # and to text and numbers that are none
)


def read_metadata(file: BinaryIO, filename: Filename, reading: Reading) -> bytes:
    """The core metadata in a distribution: METADATA of a wheel, PKG-INFO of a source distribution. Raises
    ArchiveInvalid, also for everything else that makes the archive no distribution."""
    size = file.seek(0, 2)
    file.seek(0)
    try:
        if filename.kind is Kind.WHEEL:
            return wheel_metadata(file, size, reading)
        if filename.text.endswith(".zip"):
            return zip_metadata(file, size)
        return tar_metadata(file, size)
    except _BROKEN as error:
        raise ArchiveInvalid(f"{DAMAGED}: {error}") from error
