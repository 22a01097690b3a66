"""Packages that rpmbuild makes, read by createrepo_c and by us: byte for byte the same elements.

Where createrepo_c 0.17 and we differ is known: it leaves packages out whose texts have control characters,
and requirements of symbols of the C library that are no versions.
"""

import gzip
import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from artifactd_rpm.fragments import Fragments, filled, fragments_of, packed, unpacked
from artifactd_rpm.package import read_package
from tests.support.programs import Program, installed
from tests.support.rpms import Rpms, Spec, build, built

DOCUMENTS = ("primary", "filelists", "other")
TIME = 1_700_000_000

TRICKY: Sequence[Spec] = (
    Spec(
        "acme-tricky",
        "1.0~rc1^git1",
        "1.fc17",
        tags=[
            "Epoch: 2",
            'URL: https://acme.example/?a="1"&b=<2>',
            "Requires: bar >= 1.0, baz, /usr/bin/acme-tricky, /usr/bin/perl",
            "Requires: (alpha if beta), acme-self = 3",
            "Requires(pre): shadow-utils",
            "Requires(post): shadow-utils",
            "Requires: shadow-utils",
            "Requires(preun): unlinker",
            "Requires: libc.so.6(GLIBC_2.4)(64bit), libc.so.6()(64bit), libc.so.6(GLIBC_2.17)(64bit)",
            "Requires: a >= 1:2-3, a >= 1:2, d < 2-1, e > 0:1",
            "Provides: acme-self = 3, virtual = 2:1-3, unversioned",
            "Conflicts: quux < 2",
            "Obsoletes: acme-old <= 1:0.9",
        ],
        files=[
            "/usr/bin/acme-tricky",
            "%dir /etc/acme-tricky",
            "%config(noreplace) /etc/acme-tricky/a.conf",
            "%ghost /etc/acme-tricky/ghost",
            "%dir %ghost /var/lib/acme-tricky",
            "/usr/share/acme-tricky/ü&<b>.txt",
        ],
        changelog="\n".join(
            f"* Fri Jan 05 2024 Änna <a@acme.example>   - {number}-1\n- <{number}> & more\n"
            for number in range(12, 0, -1)
        ).encode(),
    ),
    Spec("acme-latin", changelog=b"* Fri Jan 05 2024 Ren\xe9 - 1-1\n- caf\xe9\n", summary="Ünïcode"),
)


@pytest.fixture(scope="module")
def rpms(tmp_path_factory: pytest.TempPathFactory) -> Rpms:
    return built(tmp_path_factory)


@pytest.fixture(scope="module")
def folder(rpms: Rpms, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Packages with repodata of createrepo_c's beside them."""
    createrepo = Program(installed("createrepo_c"))
    folder = tmp_path_factory.mktemp("oracle")
    build(folder, *TRICKY)
    for path in rpms.paths:
        (folder / path.name).write_bytes(path.read_bytes())
    createrepo("--quiet", "--no-database", folder)
    return folder


def elements(folder: Path, document: str) -> Iterator[bytes]:
    (path,) = folder.glob(f"repodata/*-{document}.xml.gz")
    yield from re.findall(rb"<package .*?</package>\n", gzip.decompress(path.read_bytes()), re.DOTALL)


@pytest.fixture(scope="module")
def theirs(folder: Path) -> Mapping[str, Fragments]:
    """What createrepo_c says of each package, by its file."""
    found = {}
    for parts in zip(*(elements(folder, document) for document in DOCUMENTS), strict=True):
        href = re.search(rb'<location href="([^"]*)"/>', parts[0])
        assert href is not None
        found[href[1].decode()] = Fragments(*parts)
    return found


def ours(path: Path) -> Fragments:
    with path.open("rb") as file:
        fragments = unpacked(packed(fragments_of(read_package(file))))
    data = path.read_bytes()
    return filled(
        fragments,
        checksum_type="sha256",
        checksum=hashlib.sha256(data).hexdigest(),
        size=len(data),
        time_file=int(path.stat().st_mtime),
        href=path.name,
    )


def test_our_elements_are_those_of_createrepo(folder: Path, theirs: Mapping[str, Fragments]) -> None:
    # rpm R40, R41, R51, T4
    compared = 0
    for path in sorted(folder.glob("*.rpm")):
        if path.name in theirs:
            assert ours(path) == theirs[path.name], path.name
            compared += 1
    assert compared >= 30


def test_only_packages_with_control_characters_are_left_out_by_createrepo(
    folder: Path, theirs: Mapping[str, Fragments]
) -> None:
    # rpm R47
    left_out = {path.name for path in folder.glob("*.rpm")} - theirs.keys()
    assert left_out == {"acme-log-1.0-1.noarch.rpm", "acme-log-1.0-1.src.rpm"}
    assert '<changelog author="Ren&#xE9;' in ours(folder / "acme-log-1.0-1.noarch.rpm").other.decode()


def test_a_signed_package_names_its_key(rpms: Rpms) -> None:
    # rpm R52
    with rpms.path("acme-signed-1.0-1.noarch").open("rb") as file:
        signatures = read_package(file).signatures
    said = Program(installed("rpm"))(
        "-qp", "--qf", "%{RSAHEADER:pgpsig}", rpms.path("acme-signed-1.0-1.noarch")
    )
    assert signatures[0].key in said.lower()
    with rpms.path("acme-base-1.0-1.noarch").open("rb") as file:
        assert read_package(file).signatures == ()
