"""What the paths of a repository say."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from artifactd_rpm.media_types import media_type
from artifactd_rpm.owners import addressed, depth_of, extra_kind, immutable, owner, stated_checksum
from artifactd_rpm.settings import RpmSettings, write_class

SHA256 = "ab" * 32


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("acme-1.0-1.noarch.rpm", "acme"),
        ("Packages/a/acme-1.0-1.noarch.rpm", "acme"),
        ("9/x86_64/Packages/a/acme-1.0-1.noarch.rpm", "9/x86_64/acme"),
        ("9/x86_64/RPMS/acme-1.0-1.noarch.rpm", "9/x86_64/acme"),
        ("9/x86_64/getPackage/acme-1.0-1.noarch.rpm", "9/x86_64/acme"),
        ("Packages/l/Libacme-1.0-1.noarch.rpm", "Libacme"),
        ("9/acme-1.0-1.src.rpm", "9/acme"),
        ("9/SRPMS/acme-1.0-1.src.rpm", "9/acme"),
        ("a-b-c-1.0~rc1^git-1.fc40.x86_64.rpm", "a-b-c"),
        ("libacme++-1-1.noarch.rpm", "libacme++"),
        ("acme.rpm", "acme"),
        ("acme-1.rpm", "acme-1"),
        ("x-1.noarch.rpm", "x-1.noarch"),
        ("-1-1.noarch.rpm", "-1-1.noarch"),
        ("noarch/acme-1-1.noarch.rpm", "noarch/acme"),
        ("repodata/repomd.xml", None),
        (".metadata/comps", None),
        ("images/boot.iso", None),
        ("acme-1-1.drpm", None),
    ],
)
def test_a_package_belongs_to_its_name_within_its_folder(path: str, name: str | None) -> None:
    assert owner(path) == name


@given(st.from_regex(r"[a-z]{1,5}(-[a-z0-9]{1,3})?", fullmatch=True), st.sampled_from(["", "9/x86_64"]))
def test_where_a_package_lies_below_its_folder_does_not_matter(name: str, folder: str) -> None:
    file = f"{name}-1.0-1.noarch.rpm"
    below = (f"{folder}/" if folder else "", f"{folder}/Packages/{name[0]}/" if folder else "RPMS/")
    assert {owner(f"{place}{file}") for place in below} == {f"{folder}/{name}" if folder else name}


@pytest.mark.parametrize(
    ("path", "stated"),
    [
        (f"repodata/{SHA256}-primary.xml.gz", ("sha256", SHA256)),
        (f"9/x86_64/repodata/{'c' * 40}-other.xml.gz", ("sha1", "c" * 40)),
        (f"repodata/{'c' * 128}-comps.xml", ("sha512", "c" * 128)),
        (f"repodata/{'c' * 33}-comps.xml", None),
        (f"repodata/{SHA256.upper()}-primary.xml.gz", None),
        (f"repodata/{SHA256}", None),
        (f"repodata/{SHA256}-a/b", None),
        (f"other/{SHA256}-primary.xml.gz", None),
        ("repodata/primary.xml.gz", None),
        ("repodata/repomd.xml", None),
    ],
)
def test_a_file_of_repodata_may_be_named_by_its_checksum(path: str, stated: tuple[str, str] | None) -> None:
    # rpm R61, R100
    assert stated_checksum(path) == stated
    assert immutable(path, RpmSettings()) == (stated is not None)
    assert addressed(path) == (stated is not None and stated[0] != "sha1")


def test_packages_stay_where_nobody_may_replace_them() -> None:
    # rpm R24, R100
    path = "acme-1.0-1.noarch.rpm"
    assert immutable(path, RpmSettings())
    assert not immutable(path, RpmSettings.model_validate({"write_policy": "allow"}))
    assert write_class(path, RpmSettings()) == "once"
    assert write_class("9/.metadata/comps", RpmSettings()) == "replace"


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        (".metadata/comps", ("", "comps")),
        ("9/x86_64/.metadata/susedata", ("9/x86_64", "susedata")),
        (".metadata/Comps", None),
        (".metadata/comps.xml", None),
        (".metadata/a/comps", None),
        ("metadata/comps", None),
    ],
)
def test_what_is_listed_beside_packages_has_a_folder_of_its_own(
    path: str, kind: tuple[str, str] | None
) -> None:
    assert extra_kind(path) == kind


def test_how_deep_a_path_lies() -> None:
    # rpm R1
    paths = ("a.rpm", "9/a.rpm", "9/x/P/a.rpm", ".metadata/comps", "9/x/.metadata/comps")
    assert [depth_of(path) for path in paths] == [0, 1, 3, 0, 2]


@pytest.mark.parametrize(
    ("path", "type"),
    [
        ("a.rpm", "application/x-rpm"),
        ("repodata/repomd.xml", "application/xml"),
        ("repodata/repomd.xml.asc", "application/pgp-signature"),
        ("repodata/repomd.xml.key", "application/pgp-keys"),
        ("repodata/x-primary.xml.gz", "application/gzip"),
        ("repodata/x-primary.xml.zst", "application/zstd"),
        ("RPM-GPG-KEY-acme", "application/pgp-keys"),
        (".treeinfo", "text/plain"),
        ("index.html", "application/octet-stream"),
        ("evil.svg", "application/octet-stream"),
    ],
)
def test_files_are_served_as_what_their_names_say(path: str, type: str) -> None:
    # rpm R142
    assert media_type(path) == type
