"""Archives that are odd and honest: tools of today and of old make them, and they are taken (pypi R97)."""

import gzip
import io
import stat
import tarfile
import zipfile
from collections.abc import Callable

import pytest

from tests.support.distributions import EPOCH, Distribution, core_metadata, tarred, wheel, zipped
from tests.support.indexes import Index

NAME = "odd"
METADATA = core_metadata(NAME, "1.0")
INFO = f"{NAME}-1.0.dist-info"
TOP = f"{NAME}-1.0"
SOURCES = {f"{TOP}/PKG-INFO": METADATA, f"{TOP}/setup.py": b"pass\n"}
MEMBERS = {
    f"{NAME}.py": b"pass\n",
    f"{INFO}/METADATA": METADATA,
    f"{INFO}/WHEEL": b"Wheel-Version: 1.0\n",
    f"{INFO}/RECORD": b"",
}


def a_wheel(content: bytes) -> Distribution:
    return Distribution(NAME, "1.0", f"{NAME}-1.0-py3-none-any.whl", content, METADATA)


def a_source(content: bytes, suffix: str = ".tar.gz") -> Distribution:
    return Distribution(NAME, "1.0", f"{TOP}{suffix}", content, METADATA)


class Unseekable(io.RawIOBase):
    """Somewhere to write that cannot be gone back in: sizes then stand behind the data."""

    def __init__(self) -> None:
        self.written = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: bytes) -> int:  # type: ignore[override]
        self.written += data
        return len(data)


def streamed() -> bytes:
    out = Unseekable()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, data in MEMBERS.items():
            archive.writestr(zipfile.ZipInfo(path, EPOCH), data, zipfile.ZIP_DEFLATED)
    return bytes(out.written)


def in_64_bits() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for path, data in MEMBERS.items():
            with archive.open(zipfile.ZipInfo(path, EPOCH), "w", force_zip64=True) as member:
                member.write(data)
    return out.getvalue()


def linked() -> bytes:
    out = io.BytesIO(zipped(MEMBERS))
    with zipfile.ZipFile(out, "a") as archive:
        link = zipfile.ZipInfo("lib.so", EPOCH)
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "lib.so.1")
    return out.getvalue()


def archived(format: int, **more: object) -> bytes:
    """A tar file of another format, with a name that is too long for it."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=format, **more) as archive:  # type: ignore[call-overload]
        long = {f"{TOP}/{'/'.join(['folder'] * 20)}/file.py": b"x"}
        for path, data in {**SOURCES, **long}.items():
            member = tarfile.TarInfo(path)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return gzip.compress(out.getvalue(), mtime=0)


def member(path: str, kind: bytes, target: str = "") -> tuple[tarfile.TarInfo, bytes]:
    made = tarfile.TarInfo(path)
    made.type, made.linkname = kind, target
    return made, b""


TAR = tarred(SOURCES)

ODD: dict[str, Callable[[], Distribution]] = {
    "a wheel with a comment": lambda: a_wheel(zipped(MEMBERS, comment="made by a tool")),
    "a wheel that is not compressed": lambda: a_wheel(zipped(MEMBERS, compression=zipfile.ZIP_STORED)),
    "a wheel with folders": lambda: a_wheel(zipped({f"{NAME}/": b"", f"{INFO}/": b"", **MEMBERS})),
    "a wheel with data and scripts": lambda: a_wheel(
        zipped({f"{NAME}-1.0.data/scripts/run": b"x", **MEMBERS})
    ),
    "a wheel with names beyond ASCII": lambda: a_wheel(zipped({"\u00e4/\u4e2d.txt": b"x", **MEMBERS})),
    "a wheel with a signature": lambda: a_wheel(zipped({**MEMBERS, f"{INFO}/RECORD.jws": b"x"})),
    "a wheel with licences": lambda: a_wheel(zipped({**MEMBERS, f"{INFO}/licenses/LICENSE": b"x"})),
    "a wheel that was streamed": lambda: a_wheel(streamed()),
    "a wheel in 64 bits": lambda: a_wheel(in_64_bits()),
    "a wheel with a link": lambda: a_wheel(linked()),
    "a wheel of many files": lambda: a_wheel(
        zipped({**MEMBERS, **{f"{NAME}/{n}.py": b"" for n in range(9000)}})
    ),
    "a wheel of much text": lambda: wheel(NAME, files={"data.txt": b"0" * (30 << 20)}),
    "a ZIP with folders": lambda: a_source(zipped({f"{TOP}/": b"", **SOURCES}), ".zip"),
    "a tar file of POSIX 1988": lambda: a_source(archived(tarfile.USTAR_FORMAT)),
    "a tar file of GNU": lambda: a_source(archived(tarfile.GNU_FORMAT)),
    "a tar file of POSIX 2001": lambda: a_source(archived(tarfile.PAX_FORMAT)),
    "a tar file with a header for all": lambda: a_source(
        archived(tarfile.PAX_FORMAT, pax_headers={"comment": "0" * 40})
    ),
    "a tar file with folders": lambda: a_source(with_folder()),
    "a tar file whose paths begin with a dot": lambda: a_source(
        tarred({f"./{path}": data for path, data in SOURCES.items()})
    ),
    "a tar file with links": lambda: a_source(
        tarred(
            SOURCES,
            [
                member(f"{TOP}/link", tarfile.SYMTYPE, "setup.py"),
                member(f"{TOP}/same", tarfile.LNKTYPE, f"{TOP}/setup.py"),
            ],
        )
    ),
    "a tar file with an egg-info": lambda: a_source(
        tarred({**SOURCES, f"{TOP}/{NAME}.egg-info/PKG-INFO": METADATA})
    ),
    "gzip in two parts": lambda: a_source(two_parts()),
    "gzip with a name and a time": lambda: a_source(named()),
    "a tar file with padding": lambda: a_source(gzip.compress(unpacked() + bytes(20 * 512), mtime=0)),
}


def unpacked() -> bytes:
    return gzip.decompress(TAR)


def two_parts() -> bytes:
    whole = unpacked()
    return gzip.compress(whole[:700], mtime=0) + gzip.compress(whole[700:], mtime=0)


def named() -> bytes:
    out = io.BytesIO()
    with gzip.GzipFile("odd-1.0.tar", "wb", fileobj=out, mtime=1_700_000_000) as file:
        file.write(unpacked())
    return out.getvalue()


def with_folder() -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        archive.addfile(*member(TOP, tarfile.DIRTYPE)[:1])
        for path, data in SOURCES.items():
            made = tarfile.TarInfo(path)
            made.size = len(data)
            archive.addfile(made, io.BytesIO(data))
    return gzip.compress(out.getvalue(), mtime=0)


@pytest.mark.parametrize("build", ODD.values(), ids=ODD.keys())
def test_an_odd_archive_is_taken(empty: Index, build: Callable[[], Distribution]) -> None:
    distribution = build()
    empty.publish(distribution, bare=True)
    assert empty.file(distribution).body == distribution.content
    if distribution.filetype == "bdist_wheel":
        assert empty.file(distribution, ".metadata").body == distribution.metadata
