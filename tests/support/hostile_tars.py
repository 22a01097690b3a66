"""Source distributions that no honest tool makes: each is refused, in little time and memory.

`HOSTILE` has a builder of each by what is wrong with it.
"""

import tarfile
import zlib
from collections.abc import Callable, Mapping
from gzip import compress

from tests.support.distributions import Distribution, core_metadata, sdist, tarred, wheel
from tests.support.hostile_zips import MEGABYTE, NAME, VERSION, zeros

TOP = f"{NAME}-{VERSION}"
FILENAME = f"{TOP}.tar.gz"
METADATA = core_metadata(NAME, VERSION)
HONEST = {f"{TOP}/PKG-INFO": METADATA, f"{TOP}/pyproject.toml": b"[build-system]\nrequires = []\n"}


def hostile(content: bytes) -> Distribution:
    """A source distribution of these bytes."""
    return Distribution(NAME, VERSION, FILENAME, content, METADATA)


def gzipped_zeros(before: bytes, megabytes: int, after: bytes = b"") -> bytes:
    """A gzip file of `before`, that many megabytes of zeros, and `after`."""
    packed, _ = zeros(megabytes)
    packer = zlib.compressobj(6, zlib.DEFLATED, -15)
    head = packer.compress(before) + packer.flush(zlib.Z_FULL_FLUSH)
    # The stream of zeros ends with a final block: it can be the last only.
    body = packed if not after else packed[: -len(_FINAL)] + _deflated(after)
    crc = zlib.crc32(before)
    for _ in range(megabytes):
        crc = zlib.crc32(bytes(MEGABYTE), crc)
    crc = zlib.crc32(after, crc)
    size = len(before) + megabytes * MEGABYTE + len(after)
    trailer = crc.to_bytes(4, "little") + (size & 0xFFFFFFFF).to_bytes(4, "little")
    return b"\x1f\x8b\x08\0\0\0\0\0\0\x03" + head + body + trailer


def _deflated(data: bytes) -> bytes:
    packer = zlib.compressobj(6, zlib.DEFLATED, -15)
    return packer.compress(data) + packer.flush()


_FINAL = _deflated(b"")
"""What a deflate stream ends with after a full flush."""


def _tar(members: Mapping[str, bytes]) -> bytes:
    """A plain tar file without its end."""
    return b"".join(_header(path, len(data)) + _padded(data) for path, data in members.items())


def _header(path: str, size: int, kind: bytes = tarfile.REGTYPE) -> bytes:
    member = tarfile.TarInfo(path)
    member.size, member.type = size, kind
    return member.tobuf(tarfile.GNU_FORMAT)


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 512)


END = bytes(1024)


def _bomb() -> Distribution:
    bomb = _header(f"{TOP}/bomb.bin", 1024 * MEGABYTE)
    return hostile(gzipped_zeros(bomb, 1024, _tar(HONEST) + END))


def _metadata_bomb() -> Distribution:
    return hostile(gzipped_zeros(_header(f"{TOP}/PKG-INFO", 1024 * MEGABYTE), 1024, END))


def _bomb_behind_the_end() -> Distribution:
    return hostile(gzipped_zeros(_tar(HONEST) + END, 1024))


def _long_name() -> Distribution:
    """A member whose name has 512 MB."""
    name = _header("././@LongLink", 512 * MEGABYTE, tarfile.GNUTYPE_LONGNAME)
    return hostile(gzipped_zeros(name, 512, _tar(HONEST) + END))


def _pax_header() -> Distribution:
    """A PAX header of 512 MB."""
    header = _header("././@PaxHeader", 512 * MEGABYTE, tarfile.XHDTYPE)
    return hostile(gzipped_zeros(header, 512, _tar(HONEST) + END))


def _pax_headers() -> Distribution:
    """A hundred thousand PAX headers for one member."""
    record = b"30 mtime=1600000000.000000000\n"
    one = _header("././@PaxHeader", len(record), tarfile.XHDTYPE) + _padded(record)
    return hostile(compress(one * 100_000 + _tar(HONEST) + END, 1, mtime=0))


def _many_members(distinct: bool) -> Distribution:
    """200,000 empty members, of as many names or of one."""
    packer = zlib.compressobj(1, zlib.DEFLATED, 31)
    out = bytearray(packer.compress(_tar(HONEST)))
    one = _header(f"{TOP}/0000000", 0)
    for start in range(0, 200_000, 1000):
        numbers = range(start, start + 1000) if distinct else [0] * 1000
        out += packer.compress(b"".join(_renumbered(one, number) for number in numbers))
    out += packer.compress(END) + packer.flush()
    return hostile(bytes(out))


def _renumbered(header: bytes, number: int) -> bytes:
    """A header whose name ends with this number."""
    digits = b"%07d" % number
    place = len(TOP) + 1
    total = int(header[148:154], 8) + sum(digits) - 7 * ord("0")
    return header[:place] + digits + header[place + 7 : 148] + b"%06o\0 " % total + header[156:]


def _linked(kind: bytes, target: str = "") -> Distribution:
    """PKG-INFO that is no file."""
    member = tarfile.TarInfo(f"{TOP}/PKG-INFO")
    member.type, member.linkname = kind, target
    others = {path: data for path, data in HONEST.items() if "PKG-INFO" not in path}
    return hostile(tarred({**others, f"{TOP}/real": METADATA}, [(member, b"")]))


def _with(path: str, kind: bytes = tarfile.REGTYPE, target: str = "") -> Distribution:
    """An honest one and this member."""
    member = tarfile.TarInfo(path)
    member.type, member.linkname = kind, target
    return hostile(tarred(HONEST, [(member, b"")]))


def _sparse() -> Distribution:
    """PKG-INFO that unpacks to 8 GB, of which the archive holds a few bytes (GNU, old form)."""
    header = bytearray(_header(f"{TOP}/PKG-INFO", len(METADATA), tarfile.GNUTYPE_SPARSE))
    header[386:398] = b"%011o\0" % 0
    header[398:410] = b"%011o\0" % len(METADATA)
    header[483:495] = b"%011o\0" % ((8 << 30) - 1)
    return hostile(compress(_summed(header) + _padded(METADATA) + END, mtime=0))


def _sparse_map() -> Distribution:
    """A sparse PKG-INFO (PAX, form 1.0) whose map says it has 10^15 entries."""
    pax = b"22 GNU.sparse.major=1\n22 GNU.sparse.minor=0\n32 GNU.sparse.realsize=99999999\n"
    data = _padded(b"999999999999999\n" + b"0\n1\n" * 200)
    whole = _header("././@PaxHeader", len(pax), tarfile.XHDTYPE) + _padded(pax)
    whole += _header(f"{TOP}/PKG-INFO", len(data)) + data
    return hostile(compress(whole + END, mtime=0))


def _sized(size: bytes) -> Distribution:
    """PKG-INFO with this for its size field."""
    header = bytearray(_header(f"{TOP}/PKG-INFO", len(METADATA)))
    header[124:136] = size.ljust(12, b"\0")
    return hostile(compress(_summed(header) + _padded(METADATA) + END, mtime=0))


def _summed(header: bytearray) -> bytes:
    """A header with its checksum made right."""
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header)


def _wrong_sum() -> Distribution:
    whole = bytearray(_tar(HONEST) + END)
    whole[150] ^= 1
    return hostile(compress(bytes(whole), mtime=0))


def _changed(build: Callable[[bytes], bytes]) -> Callable[[], Distribution]:
    """What becomes of an honest one."""
    return lambda: hostile(build(tarred(HONEST)))


HOSTILE: Mapping[str, Callable[[], Distribution]] = {
    "a bomb of 1 GB": _bomb,
    "PKG-INFO of 1 GB": _metadata_bomb,
    "1 GB behind its end": _bomb_behind_the_end,
    "a name of 512 MB": _long_name,
    "a PAX header of 512 MB": _pax_header,
    "100,000 PAX headers": _pax_headers,
    "200,000 members": lambda: _many_members(distinct=True),
    "200,000 members of one name": lambda: _many_members(distinct=False),
    "two folders": lambda: hostile(tarred({**HONEST, "other/setup.py": b""})),
    "a file beside its folder": lambda: hostile(tarred({**HONEST, "setup.py": b""})),
    "no PKG-INFO": lambda: hostile(tarred({f"{TOP}/setup.py": b""})),
    "PKG-INFO at the top": lambda: hostile(tarred({"PKG-INFO": METADATA})),
    "PKG-INFO in a deeper folder only": lambda: hostile(tarred({f"{TOP}/a/PKG-INFO": METADATA})),
    "PKG-INFO twice": lambda: hostile(compress(_tar(HONEST) + _tar(HONEST) + END, mtime=0)),
    "PKG-INFO that is a symbolic link": lambda: _linked(tarfile.SYMTYPE, "real"),
    "PKG-INFO that is a link out": lambda: _linked(tarfile.SYMTYPE, "/etc/passwd"),
    "PKG-INFO that is a hard link": lambda: _linked(tarfile.LNKTYPE, f"{TOP}/real"),
    "PKG-INFO that is a hard link to itself": lambda: _linked(tarfile.LNKTYPE, f"{TOP}/PKG-INFO"),
    "PKG-INFO that is a device": lambda: _linked(tarfile.CHRTYPE),
    "PKG-INFO that is a pipe": lambda: _linked(tarfile.FIFOTYPE),
    "PKG-INFO that is a folder": lambda: _linked(tarfile.DIRTYPE),
    "PKG-INFO with a sparse end": _sparse,
    "PKG-INFO with an endless map": _sparse_map,
    "PKG-INFO of a negative size": lambda: _sized(b"\xff" * 12),
    "PKG-INFO of a size of exabytes": lambda: _sized(b"\x80\0\0\0\x7f" + b"\xff" * 7),
    "PKG-INFO of a size that is no number": lambda: _sized(b"many"),
    "an absolute path": lambda: _with("/etc/passwd"),
    "a path that leads out": lambda: _with("../outside.py"),
    "a path that leads out from inside": lambda: _with(f"{TOP}/../../outside.py"),
    "a device": lambda: _with(f"{TOP}/null", tarfile.CHRTYPE),
    "a header of another checksum": _wrong_sum,
    "a gzip file that is cut": _changed(lambda whole: whole[: len(whole) // 2]),
    "a gzip file without its trailer": _changed(lambda whole: whole[:-8]),
    "a gzip file of another checksum": _changed(lambda whole: whole[:-8] + b"\1\2\3\4" + whole[-4:]),
    "something behind the gzip file": _changed(lambda whole: whole + b"something else"),
    "something before the gzip file": _changed(lambda whole: b"something else" + whole),
    "a ZIP file": lambda: hostile(wheel(NAME, VERSION).content),
    "a ZIP source distribution": lambda: hostile(sdist(NAME, VERSION, filename=f"{TOP}.zip").content),
    "a plain tar file": lambda: hostile(_tar(HONEST) + END),
    "a tar file that ends inside a member": lambda: hostile(
        compress(_header(f"{TOP}/PKG-INFO", 1 << 20) + b"Name: hostile\n", mtime=0)
    ),
    "gzip in gzip": _changed(lambda whole: compress(whole, mtime=0)),
    "nothing": _changed(lambda whole: b""),
    "nothing, compressed": _changed(lambda whole: compress(b"", mtime=0)),
    "zeros, compressed": _changed(lambda whole: gzipped_zeros(b"", 1024)),
    "a page": _changed(lambda whole: b"<!DOCTYPE html><p>Log in first"),
}
