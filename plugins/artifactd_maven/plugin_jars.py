"""Jars of Maven plugins: the prefix that people call them by (maven R80)."""

import re
import struct
import zipfile
import zlib
from typing import BinaryIO, Final

from artifactd_maven.metadata import LONGEST_NAME, Plugin
from artifactd_maven.xml_reading import read_xml

DESCRIPTOR: Final = "META-INF/maven/plugin.xml"

LARGEST_DESCRIPTOR: Final = 4 << 20
"""Bytes: the largest known, of a plugin with hundreds of parameters, has 600 KiB."""

LARGEST_DIRECTORY: Final = 8 << 20
"""Bytes of a jar's directory. A plugin's has a few thousand entries of a hundred bytes."""

_END = struct.Struct("<4s4H2LH")
_END_MARK: Final = b"PK\x05\x06"
_LARGE_MARK: Final = b"PK\x06\x07"
_LARGE_MARK_BEFORE: Final = 20
_LONGEST_COMMENT: Final = 0xFFFF
_UNREADABLE: Final = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    KeyError,
    NotImplementedError,  # a compression that Python does not know
    OSError,
    RuntimeError,  # encrypted
    ValueError,  # no XML
)
_PREFIX = re.compile(r"[A-Za-z0-9_.-]+")


def read_plugin(file: BinaryIO) -> Plugin | None:
    """The plugin in a jar; None for a jar that has none, and for what is no jar: it is stored all the
    same."""
    if DESCRIPTOR.encode() not in _directory(file):
        return None
    try:
        file.seek(0)
        with zipfile.ZipFile(file) as jar, jar.open(DESCRIPTOR) as descriptor:
            data = descriptor.read(LARGEST_DESCRIPTOR + 1)
        if len(data) > LARGEST_DESCRIPTOR:
            return None
        root = read_xml(data, "plugin")
    except _UNREADABLE:
        return None
    prefix, artifact = root.say("goalPrefix"), root.say("artifactId")
    if not _PREFIX.fullmatch(prefix) or len(prefix) > LONGEST_NAME:
        return None
    return Plugin(artifact[:LONGEST_NAME], prefix, root.say("name")[:LONGEST_NAME])


def _directory(file: BinaryIO) -> bytes:
    """The raw directory: looked into before `zipfile` reads it, which takes a second where it is long.
    Empty when it is longer than any plugin's."""
    size = file.seek(0, 2)
    start = max(0, size - _END.size - _LONGEST_COMMENT)
    file.seek(start)
    tail = file.read()
    place = tail.rfind(_END_MARK)
    if place < 0 or len(tail) - place < _END.size:
        return b""
    if tail[max(0, place - _LARGE_MARK_BEFORE) : place].startswith(_LARGE_MARK):
        return b""  # with another end, that of files of 4 GiB: what we look at is not what `zipfile` reads
    length = _END.unpack_from(tail, place)[5]
    if length > min(LARGEST_DIRECTORY, start + place):
        return b""
    file.seek(start + place - length)
    return file.read(length)
