"""Builders of wheels and source distributions, as real clients install them. The same arguments give the
same bytes, so digests are known beforehand.

    wheel("acme-core", "1.0", requires=["six"])
    sdist("acme-core", "1.0")
    wheel("acme-core", comment="other bytes of the same name")

Source distributions bring the few lines that build them: no build needs setuptools or an index.
"""

import base64
import hashlib
import io
import re
import tarfile
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from gzip import compress

EPOCH = (1980, 1, 1, 0, 0, 0)
"""The time of every member: the earliest that ZIP can write."""


@dataclass(frozen=True, slots=True)
class Distribution:
    """A file as it is uploaded, and what it says about itself. `metadata` is METADATA or PKG-INFO."""

    name: str
    version: str
    filename: str
    content: bytes
    metadata: bytes

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()

    @property
    def md5(self) -> str:
        return hashlib.md5(self.content, usedforsecurity=False).hexdigest()

    @property
    def blake2_256(self) -> str:
        return hashlib.blake2b(self.content, digest_size=32).hexdigest()

    @property
    def metadata_sha256(self) -> str:
        return hashlib.sha256(self.metadata).hexdigest()

    @property
    def size(self) -> int:
        return len(self.content)

    @property
    def project(self) -> str:
        """Its project's name in URLs."""
        return normalized(self.name)

    @property
    def path(self) -> str:
        """Where a repository keeps it, as roles and path rules mean it."""
        return f"{self.project}/{self.filename}"

    @property
    def filetype(self) -> str:
        return "bdist_wheel" if self.filename.endswith(".whl") else "sdist"

    @property
    def pyversion(self) -> str:
        """The Python tag of a wheel's file name, as upload forms have it."""
        return self.filename.split("-")[-3] if self.filetype == "bdist_wheel" else "source"


def wheel(
    name: str,
    version: str = "1.0",
    *,
    filename: str | None = None,
    tag: str = "py3-none-any",
    build: str = "",
    metadata_version: str = "2.4",
    requires_python: str = "",
    requires: Iterable[str] = (),
    provides_extra: Iterable[str] = (),
    summary: str = "",
    description: str = "",
    classifiers: Iterable[str] = (),
    headers: Iterable[str] = (),
    metadata: bytes | None = None,
    files: Mapping[str, bytes] | None = None,
    dist_info: str | None = None,
    comment: str = "",
) -> Distribution:
    """A wheel that installs a module of a few lines. `headers` are further lines of METADATA, `metadata`
    the very bytes of it; `files` replace the module; `dist_info` is that folder's name where the file
    name's beginning is not meant; `comment` tells its bytes from those of others."""
    if filename is None:
        middle = f"-{build}" if build else ""
        filename = f"{escaped(name)}-{version.replace('-', '_')}{middle}-{tag}.whl"
    if metadata is None:
        metadata = core_metadata(
            name,
            version,
            metadata_version=metadata_version,
            requires_python=requires_python,
            requires=requires,
            provides_extra=provides_extra,
            summary=summary,
            description=description,
            classifiers=classifiers,
            headers=headers,
        )
    if files is None:
        files = {f"{escaped(name)}/__init__.py": f"version = {version!r}\n".encode()}
    folder = dist_info or "-".join(filename.split("-")[:2]) + ".dist-info"
    about = f"Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: {tag}\n"
    members = {**files, f"{folder}/METADATA": metadata, f"{folder}/WHEEL": about.encode()}
    members[f"{folder}/RECORD"] = _record(members, f"{folder}/RECORD")
    return Distribution(name, version, filename, zipped(members, comment=comment), metadata)


def sdist(
    name: str,
    version: str = "1.0",
    *,
    filename: str | None = None,
    metadata_version: str = "2.4",
    requires_python: str = "",
    requires: Iterable[str] = (),
    provides_extra: Iterable[str] = (),
    summary: str = "",
    description: str = "",
    classifiers: Iterable[str] = (),
    headers: Iterable[str] = (),
    metadata: bytes | None = None,
    files: Mapping[str, bytes] | None = None,
    comment: str = "",
) -> Distribution:
    """A source distribution that builds without anything else; a ZIP file if `filename` ends so. `files`
    come beside what builds it; the rest is as for `wheel`."""
    if filename is None:
        filename = f"{escaped(name)}-{version}.tar.gz"
    if metadata is None:
        metadata = core_metadata(
            name,
            version,
            metadata_version=metadata_version,
            requires_python=requires_python,
            requires=requires,
            provides_extra=provides_extra,
            summary=summary,
            description=description,
            classifiers=classifiers,
            headers=headers,
        )
    inside = {
        "PKG-INFO": metadata,
        "pyproject.toml": _PYPROJECT,
        "building.py": _BACKEND,
        f"{escaped(name)}/__init__.py": f"version = {version!r}\n".encode(),
        **(files or {}),
    }
    if comment:
        inside["COMMENT"] = comment.encode()
    top = filename.removesuffix(".zip").removesuffix(".tar.gz")
    members = {f"{top}/{path}": data for path, data in inside.items()}
    content = zipped(members) if filename.endswith(".zip") else tarred(members)
    return Distribution(name, version, filename, content, metadata)


def core_metadata(
    name: str,
    version: str,
    *,
    metadata_version: str = "2.4",
    requires_python: str = "",
    requires: Iterable[str] = (),
    provides_extra: Iterable[str] = (),
    summary: str = "",
    description: str = "",
    classifiers: Iterable[str] = (),
    headers: Iterable[str] = (),
) -> bytes:
    """METADATA or PKG-INFO."""
    lines = [f"Metadata-Version: {metadata_version}", f"Name: {name}", f"Version: {version}"]
    lines += [f"Summary: {summary}"] if summary else []
    lines += [f"Classifier: {each}" for each in classifiers]
    lines += [f"Requires-Python: {requires_python}"] if requires_python else []
    lines += [f"Provides-Extra: {each}" for each in provides_extra]
    lines += [f"Requires-Dist: {each}" for each in requires]
    lines += headers
    return ("\n".join(lines) + "\n" + (f"\n{description}" if description else "")).encode()


def normalized(name: str) -> str:
    """A project's name in URLs (name normalization, "Normalization")."""
    return re.sub(r"[-_.]+", "-", name).lower()


def escaped(name: str) -> str:
    """A project's name in file names (binary distribution format, "Escaping and Unicode")."""
    return normalized(name).replace("-", "_")


def zipped(
    members: Mapping[str, bytes], *, comment: str = "", compression: int = zipfile.ZIP_DEFLATED
) -> bytes:
    """A ZIP file."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", compression) as archive:
        archive.comment = comment.encode()
        for path, data in members.items():
            member = zipfile.ZipInfo(path, EPOCH)
            member.external_attr = 0o644 << 16
            member.compress_type = compression
            archive.writestr(member, data)
    return out.getvalue()


def tarred(members: Mapping[str, bytes], extra: Sequence[tuple[tarfile.TarInfo, bytes]] = ()) -> bytes:
    """A gzipped tar file. `extra` are members of other kinds, behind the files."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for path, data in members.items():
            member = tarfile.TarInfo(path)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
        for member, data in extra:
            archive.addfile(member, io.BytesIO(data))
    return compress(out.getvalue(), 6, mtime=0)


def _record(members: Mapping[str, bytes], itself: str) -> bytes:
    lines = []
    for path, data in members.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
        lines.append(f"{path},sha256={digest},{len(data)}\n")
    return "".join([*lines, f"{itself},,\n"]).encode()


_PYPROJECT = b"""[build-system]
requires = []
build-backend = "building"
backend-path = ["."]
"""

_BACKEND = b'''"""Builds the wheel of the folder it is in (PEP 517), with nothing but Python."""

import base64
import email
import hashlib
import pathlib
import re
import zipfile

HERE = pathlib.Path(__file__).parent


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    metadata = (HERE / "PKG-INFO").read_bytes()
    parsed = email.message_from_bytes(metadata)
    name = re.sub(r"[-_.]+", "_", parsed["Name"]).lower()
    stem = name + "-" + parsed["Version"].replace("-", "_")
    about = b"Wheel-Version: 1.0\\nGenerator: building\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n"
    members = {
        path.relative_to(HERE).as_posix(): path.read_bytes() for path in sorted((HERE / name).rglob("*.py"))
    }
    members.update({stem + ".dist-info/METADATA": metadata, stem + ".dist-info/WHEEL": about})
    lines = []
    for path, data in members.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
        lines.append(f"{path},sha256={digest},{len(data)}\\n")
    members[stem + ".dist-info/RECORD"] = "".join([*lines, stem + ".dist-info/RECORD,,\\n"]).encode()
    filename = stem + "-py3-none-any.whl"
    with zipfile.ZipFile(pathlib.Path(wheel_directory) / filename, "w") as archive:
        for path, data in members.items():
            archive.writestr(path, data)
    return filename
'''
