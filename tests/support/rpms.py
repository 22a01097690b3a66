"""RPM packages as rpmbuild makes them: a set with everything that headers have, and whatever else a test
describes.

    @pytest.fixture(scope="session")
    def rpms(tmp_path_factory):
        return built(tmp_path_factory)

    rpms.path("acme-tool-1.0-1.noarch")
    build(tmp_path, Spec("acme-tool", "2.0"))

The set is built once for all processes of a test session.
"""

import fcntl
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.programs import Program, installed
from tests.support.rpms_keys import Keyring, keyring

BUILT = "1700000000"
"""When everything was built, in seconds."""


@dataclass(frozen=True, slots=True)
class Spec:
    """What a package is made of. `tags` are further lines of its preamble. `files` are lines as `%files`
    has them, whose last word is a path; `%dir` ones are folders. Another `content` makes other bytes.
    `subpackages` are further packages of the same build, without files."""

    name: str
    version: str = "1.0"
    release: str = "1"
    arch: str = "noarch"
    summary: str = "A package of tests"
    tags: Sequence[str] = ()
    files: Sequence[str] = ()
    changelog: bytes = b""
    content: str = ""
    signed: bool = False
    subpackages: Sequence[str] = ()

    @property
    def nvr(self) -> str:
        return f"{self.name}-{self.version}-{self.release}"

    def text(self) -> bytes:
        """The spec file."""
        lines = [
            f"Name: {self.name}",
            f"Version: {self.version}",
            f"Release: {self.release}",
            f"Summary: {self.summary}",
            "License: Apache-2.0",
            *([] if self.arch != "noarch" else ["BuildArch: noarch"]),
            # Else packages need the libraries of the machine that they are built on.
            "AutoReqProv: no",
            *self.tags,
            "%description",
            f"What {self.name} is for. {self.content}",
        ]
        for name in self.subpackages:
            lines += [f"%package -n {name}", "Summary: One of many", "AutoReqProv: no"]
            lines += [f"%description -n {name}", "Small."]
        lines += [
            "%install",
            f"cp -a %{{_topdir}}/ROOTS/{self.nvr}/. %{{buildroot}}/",
            "%files",
            *self.files,
        ]
        for name in self.subpackages:
            lines += [f"%files -n {name}"]
        return "\n".join([*lines, "%changelog", ""]).encode() + self.changelog

    def lay(self, root: Path) -> None:
        """Write the files, below a folder that stands for the root of a machine."""
        root.mkdir(parents=True)
        for line in self.files:
            path = root / line.split()[-1].lstrip("/")
            if line.startswith("%dir"):
                path.mkdir(parents=True, exist_ok=True)
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            # What is no script is not looked into.
            path.write_text(f"{self.name} {self.version} {self.content}\n")


LATIN = (
    b"* Wed Feb 07 2024 Ren\xe9 <rene@acme.example> - 1.0-1\n- the caf\xe9 \x0b is open\n"
    b"* Mon Jan 01 2024 Anna <anna@acme.example> - 0.9-1\n- <first> & last\n"
)
"""A changelog in latin-1 that has a control character, too (R47)."""

LONG = b"".join(
    b"* Mon Jan %02d 2024 Anna <anna@acme.example> - 0.%d-1\n- change %d\n" % (day, day, day)
    for day in (29, 22, 15, 8, 1)
) + b"".join(
    b"* Mon %s 2023 Anna <anna@acme.example> - 0.0-1\n- older change\n" % day
    for day in (b"Nov 27", b"Nov 20", b"Nov 13", b"Nov 06", b"Oct 30", b"Oct 23", b"Oct 16")
)
"""More entries than metadata lists (R48)."""

SPECS: Sequence[Spec] = (
    Spec(
        "acme-tool",
        summary="Füße, 日本語 & <more>",
        tags=[
            "Requires: acme-base >= 1:1.0",
            "Provides: acme(tool) = 2:3-4",
            "URL: https://acme.example/?a=1&b=2",
        ],
        files=["/usr/bin/acme-tool", "%config(noreplace) /etc/acme/tool.conf", "/usr/share/acme/tool"],
        changelog=LONG,
    ),
    Spec("acme-base", tags=["Epoch: 1", "Group: Tools", "Vendor: Acme", "Packager: anna@acme.example"]),
    Spec("acme-pre", "1.0~rc1", files=["/usr/bin/acme-pre"]),
    Spec("acme-git", "1.0^git1", files=["/usr/bin/acme-git"]),
    Spec("libacme++", "1", files=["/usr/lib/libacme++/c++"]),
    Spec("acme-long", release="1." + "0123456789" * 7),
    Spec("acme-two", "1.0"),
    Spec("acme-two", "2.0", tags=["Obsoletes: acme-one < 2", "Conflicts: acme-three"]),
    Spec("acme-arch", arch="", files=["/usr/bin/acme-arch"], tags=["Provides: acme-arch%{?_isa} = 7"]),
    Spec(
        "acme-weak",
        tags=[
            "Recommends: acme-tool",
            "Suggests: acme-two >= 2",
            "Supplements: (acme-tool and acme-base)",
            "Enhances: acme-arch",
            "Requires: (acme-base if acme-arch else acme-base)",
            "Requires(pre): acme-base",
            "Requires(preun): /bin/sh",
            "Requires(post): /bin/sh",
        ],
    ),
    Spec("acme-log", summary="A changelog of old", changelog=LATIN),
    Spec(
        "acme-files",
        tags=["Requires: /usr/bin/perl", "Requires: /usr/bin/acme-own"],
        files=[
            "/usr/bin/acme-own",
            "/usr/sbin/acme-daemon",
            "%dir /etc/acme-files",
            "%config /etc/acme-files/a.conf",
            "%ghost /var/log/acme.log",
            "%doc /usr/share/doc/acme-files/README",
            "%dir /var/lib/acme-files",
            "/usr/lib/sendmail",
        ],
    ),
    Spec("acme-many-files", files=[f"%dir /usr/share/acme-many/{number:04}" for number in range(500)]),
    Spec("acme-zstd", tags=["%define _binary_payload w3.zstdio"], files=["/usr/share/acme/zstd"]),
    Spec("acme-xz", tags=["%define _binary_payload w2.xzdio"], files=["/usr/share/acme/xz"]),
    Spec("acme-nosource", tags=["Source0: absent.tar", "NoSource: 0"]),
    Spec("acme-module", "1.0", "1.module", tags=["ModularityLabel: acme:1.10:1:abcdef01"]),
    Spec("acme-module", "2.0", "1.module", tags=["ModularityLabel: acme:1.9:1:abcdef01"]),
    Spec("acme-signed", tags=["Requires: acme-signed-base"], files=["/usr/bin/acme-signed"], signed=True),
    Spec("acme-signed-base", files=["/usr/share/acme/signed"], signed=True),
)
"""What headers can say (T2)."""

THEIRS: Sequence[Spec] = (
    Spec("acme-two", "1.0", content="Built by somebody else."),
    Spec("acme-two", "3.0", content="Built by somebody else."),
    Spec("acme-base", "99.0", content="Built by somebody else.", tags=["Epoch: 9"]),
    Spec("acme-world", "1.0", tags=["Requires: acme-base"], files=["/usr/bin/acme-world"]),
)
"""What an upstream has: names of ours in other builds, and one of its own."""

MANY = 240
"""How many small packages there are."""


@dataclass(frozen=True, slots=True)
class Rpms:
    """The packages of a session. `paths` are those of `SPECS`, source packages included; `theirs` those of
    `THEIRS`; `many` are small ones, one name each."""

    folder: Path

    def path(self, name: str) -> Path:
        """A package of `SPECS` by its name, version, release and architecture."""
        return self._found(self.folder / "ours" / f"{name}.rpm")

    def their(self, name: str) -> Path:
        """A package of `THEIRS`."""
        return self._found(self.folder / "theirs" / f"{name}.rpm")

    @property
    def paths(self) -> Sequence[Path]:
        return sorted((self.folder / "ours").glob("*.rpm"))

    @property
    def theirs(self) -> Sequence[Path]:
        return sorted((self.folder / "theirs").glob("*.rpm"))

    @property
    def many(self) -> Sequence[Path]:
        return sorted((self.folder / "many").glob("*.rpm"))

    @property
    def key(self) -> bytes:
        """The public key that signed packages were signed with, armoured."""
        return (self.folder / "key.asc").read_bytes()

    def _found(self, path: Path) -> Path:
        assert path.exists(), f"{path.name} is not among {[each.name for each in path.parent.iterdir()]}"
        return path


def built(factory: pytest.TempPathFactory) -> Rpms:
    """The packages of this session, which the first that asks builds for all processes."""
    base = factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    installed("rpmbuild")
    folder = shared / "rpms"
    with (shared / "rpms.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "key.asc").exists():
            shutil.rmtree(folder, ignore_errors=True)  # of a process that did not come to the end
            names = [f"acme-many-{number:03}" for number in range(MANY)]
            with keyring("builder@acme.example") as keys:
                build(folder / "ours", *SPECS, keys=keys)
                build(folder / "theirs", *THEIRS)
                build(folder / "many", Spec("acme-crowd", subpackages=names))
                (folder / "many" / "acme-crowd-1.0-1.src.rpm").unlink()
                (folder / "many" / "acme-crowd-1.0-1.noarch.rpm").unlink()
                (folder / "key.asc").write_bytes(keys.public)
    return Rpms(folder)


def build(folder: Path, *specs: Spec, keys: Keyring | None = None) -> list[Path]:
    """Build packages and their source packages into a folder; their files. `keys` sign those that are to be
    signed. What ends in `.noarch.rpm` here is the binary one."""
    top = folder / "top"
    for spec in specs:
        spec.lay(top / "ROOTS" / spec.nvr)
        written = top / "SPECS" / f"{spec.nvr}.spec"
        written.parent.mkdir(exist_ok=True)
        written.write_bytes(spec.text())
    (top / "SOURCES").mkdir()
    (top / "SOURCES" / "absent.tar").touch()
    _rpmbuild(top)
    files = [file.rename(folder / file.name) for file in sorted(_packages(top))]
    shutil.rmtree(top)
    if keys is not None:
        signed = [folder / f"{spec.nvr}.noarch.rpm" for spec in specs if spec.signed]
        # Its exit code tells of failures, its text of none.
        Program(installed("rpm"), _SIGNING)(f"--define=_gpg_path {keys.home}", "--addsign", *signed)
    return files


def _packages(top: Path) -> Iterator[Path]:
    yield from top.glob("RPMS/**/*.rpm")
    yield from top.glob("SRPMS/*.rpm")


_SIGNING = ["--define=__gpg /usr/bin/gpg", "--define=_gpg_name builder@acme.example"]


def _rpmbuild(top: Path) -> None:
    defined = (
        f"_topdir {top}",
        "_build_name_fmt %%{NAME}-%%{VERSION}-%%{RELEASE}.%%{ARCH}.rpm",
        "_buildhost builder.acme.example",
        "_invalid_encoding_terminates_build 0",
        "__os_install_post %{nil}",
        "_binary_payload w1.gzdio",
        "_source_payload w1.gzdio",
        "debug_package %{nil}",
        "use_source_date_epoch_as_buildtime 1",
        "clamp_mtime_to_source_date_epoch 1",
    )
    flags = ["--quiet", *(f"--define={each}" for each in defined)]
    done = subprocess.run(
        [installed("rpmbuild"), *flags, "-ba", *sorted(map(str, top.glob("SPECS/*.spec")))],
        env=os.environ | {"SOURCE_DATE_EPOCH": BUILT, "LC_ALL": "C.UTF-8"},
        capture_output=True,
    )
    # It warns of texts that are not UTF-8, in their own coding.
    assert done.returncode == 0, done.stderr.decode(errors="replace")
