"""The repodata of a hosted repository: what it lists, and that equal packages make equal bytes, whatever
came and went."""

import gzip
import hashlib
from collections.abc import Mapping, Sequence
from xml.etree import ElementTree

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from artifactd.plugin import AssetNotFound, hex_of
from artifactd_rpm.runs import DOCUMENTS
from tests.support.repodata import (
    BEGAN,
    NAMES,
    REPO,
    Folder,
    content,
    location,
    locations,
    package,
    packages,
    records,
    unpacked,
)

COMPS = b"<comps><group><id>tools</id></group></comps>"
MODULES = b"---\ndocument: modulemd\nversion: 2\ndata:\n  name: nodejs\n  stream: 1.10\n...\n"
UPDATES = b"<updates><update><id>ACME-1</id></update></updates>"

COMMON = NAMES["primary"]


def documents(files: Mapping[str, bytes]) -> Sequence[bytes]:
    return [content(files, kind) for kind in DOCUMENTS]


def filled(count: int, **options: object) -> Folder:
    folder = Folder(**options)  # type: ignore[arg-type]
    for number in range(count):
        folder.put(f"p{number:04}-1.0-1.noarch.rpm", package(f"p{number:04}"))
    folder.publish()
    return folder


def test_an_empty_repository_has_a_valid_set() -> None:
    # rpm R67
    folder = Folder()
    assert folder.publish()
    assert list(records(folder.files)) == list(DOCUMENTS)
    assert [len(packages(folder.files, kind)) for kind in DOCUMENTS] == [0, 0, 0]


def test_every_package_is_in_all_three_documents_under_the_same_checksum() -> None:
    # rpm R41, R49, R60, R70
    folder = Folder()
    folder.put("Packages/a/alpha-1.0-1.noarch.rpm", package("alpha"))
    folder.put("beta-2.0-1.noarch.rpm", package("beta", "2.0"))
    folder.publish()
    found = packages(folder.files, "primary")
    checksums = [element.findtext(f"{COMMON}checksum") for element in found]
    assert checksums == [
        hashlib.sha256(f"{nevra} ".encode()).hexdigest()
        for nevra in ("alpha-1.0-1.noarch", "beta-2.0-1.noarch")
    ]
    for kind in ("filelists", "other"):
        assert [element.attrib["pkgid"] for element in packages(folder.files, kind)] == checksums
    times = [element.find(f"{COMMON}time") for element in found]
    assert [time.attrib["file"] for time in times if time is not None] == [str(BEGAN + 10), str(BEGAN + 20)]
    assert locations(folder.files) == {
        "Packages/a/alpha-1.0-1.noarch.rpm": "alpha-1.0",
        "beta-2.0-1.noarch.rpm": "beta-2.0",
    }


@pytest.mark.parametrize("compression", ["gzip", "zstd"])
def test_every_size_and_checksum_of_repomd_xml_is_that_of_the_bytes(compression: str) -> None:
    # rpm R60, R61
    folder = Folder(compression=compression)
    folder.put("alpha.rpm", package("alpha"))
    for kind, data in {
        "comps": COMPS,
        "modules": MODULES,
        "updateinfo": UPDATES,
        "productid": b"x",
    }.items():
        folder.put_file(f".metadata/{kind}", data)
    folder.publish()
    suffix = {"gzip": "gz", "zstd": "zst"}[compression]
    found = records(folder.files)
    assert list(found) == [*DOCUMENTS, "group", f"group_{suffix}", "modules", "productid", "updateinfo"]
    for data in found.values():
        href = location(data)
        stored = folder.files[href]
        checksum = hashlib.sha256(stored).hexdigest()
        assert href.startswith(f"repodata/{checksum}-")
        assert data.findtext(f"{REPO}checksum") == checksum
        assert data.findtext(f"{REPO}size") == str(len(stored))
        opened = unpacked(stored)
        if href.endswith(f".{suffix}"):
            assert data.findtext(f"{REPO}open-checksum") == hashlib.sha256(opened).hexdigest()
            assert data.findtext(f"{REPO}open-size") == str(len(opened))
        else:
            assert opened == stored
            assert data.find(f"{REPO}open-checksum") is None


def test_locations_are_relative_to_the_folder_that_has_repodata() -> None:
    # rpm R1, R2
    folder = Folder("9/x86_64", repodata_depth=2)
    folder.put("9/x86_64/Packages/a.rpm", package("alpha"))
    folder.put("9/aarch64/b.rpm", package("beta"))
    folder.publish()
    assert locations(folder.files, "9/x86_64") == {"Packages/a.rpm": "alpha-1.0"}
    assert all(path.startswith("9/x86_64/repodata/") for path in folder.files)


def test_locations_are_written_with_their_characters_as_they_are() -> None:
    # rpm R5
    folder = Folder()
    for path in (
        "a-1.0^git1-1.noarch.rpm",
        "libfoo++-1-1.noarch.rpm",
        "b-1~rc1-1.noarch.rpm",
        "c&d%25.rpm",
    ):
        folder.put(path, package(path))
    folder.publish()
    assert set(locations(folder.files)) == set(folder.assets)
    assert b"c&amp;d%25.rpm" in content(folder.files, "primary")


def test_what_is_no_package_is_not_listed() -> None:
    folder = filled(1)
    folder.put_file("readme.txt", b"read me")
    folder.put_file("delta.drpm", b"")
    assert not folder.publish(), "nothing that is listed has changed"
    assert len(packages(folder.files, "primary")) == 1


def test_a_package_whose_fragments_are_lost_stops_the_publication() -> None:
    folder = Folder()
    folder.put_file("a.rpm", b"")

    def lost(asset: object, kind: str) -> bytes:
        raise AssetNotFound("hosted", "a.rpm")

    folder.derived = lost  # type: ignore[method-assign, assignment]
    with pytest.raises(AssetNotFound):
        folder.publish()


def test_nothing_changes_while_nothing_does() -> None:
    # rpm R63
    folder = filled(3)
    before = folder.files
    assert not folder.publish()
    assert folder.files == before


def test_a_publication_of_the_same_packages_elsewhere_has_the_same_bytes() -> None:
    # rpm R64
    assert filled(150).files == filled(150).files


def test_the_revision_is_the_time_of_what_was_put_last_and_never_goes_back() -> None:
    # rpm R60, R64, L3
    folder = filled(2)
    repomd = ElementTree.fromstring(folder.files["repodata/repomd.xml"])
    assert repomd.findtext(f"{REPO}revision") == str(BEGAN + 20)
    assert {data.findtext(f"{REPO}timestamp") for data in records(folder.files).values()} == {
        str(BEGAN + 20)
    }
    folder.delete("p0001-1.0-1.noarch.rpm")
    folder.publish()
    repomd = ElementTree.fromstring(folder.files["repodata/repomd.xml"])
    assert repomd.findtext(f"{REPO}revision") == str(BEGAN + 21)


def test_one_package_more_reads_the_fragments_of_its_run_only() -> None:
    # rpm R68
    folder = filled(1500)
    assert len(folder.derived_of) == 1500
    folder.put("p0700a-1.0-1.noarch.rpm", package("p0700a"))
    folder.publish()
    assert len(folder.derived_of) <= 200
    assert len(packages(folder.files, "primary")) == 1501


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(st.tuples(st.booleans(), st.integers(0, 40), st.booleans()), max_size=25),
    st.sampled_from(["gzip", "zstd"]),
)
def test_whatever_came_and_went_the_documents_are_those_of_a_first_publication(
    history: Sequence[tuple[bool, int, bool]], compression: str
) -> None:
    # rpm R64
    folder = Folder(compression=compression)
    for number in range(0, 300, 4):
        folder.put(f"p{number:03}.rpm", package(f"p{number:03}"))
    for add, number, publish in history:
        path = f"p{number * 10:03}.rpm"
        if add:
            folder.put(path, package(f"p{number % 20}"))
        elif path in folder.assets:
            folder.delete(path)
        if publish:
            folder.publish()
    folder.publish()
    published = documents(folder.files)
    compressed = {location(data) for data in records(folder.files).values()}
    folder.previous = None
    folder.publish()
    assert documents(folder.files) == published
    assert {location(data) for data in records(folder.files).values()} == compressed


def test_another_setting_writes_everything_anew() -> None:
    # rpm R49, R65
    folder = filled(3)
    folder.settings = folder.settings.model_copy(update={"compression": "zstd", "checksum_type": "sha512"})
    folder.publish()
    assert all(location(record).endswith(".zst") for record in records(folder.files).values())
    [first, *_] = packages(folder.files, "primary")
    checksum = first.find(f"{COMMON}checksum")
    assert checksum is not None
    assert checksum.attrib["type"] == "sha512"
    assert checksum.text == hashlib.sha512(b"p0000-1.0-1.noarch ").hexdigest()


def test_a_checksum_that_was_computed_at_the_upload_is_taken() -> None:
    folder = Folder(checksum_type="sha512")
    folder.put("a.rpm", package("a"), checksums=["sha512"])
    asset = folder.assets["a.rpm"]
    assert asset.blob is not None
    del folder.store.blobs[asset.blob.location]
    folder.publish()
    assert packages(folder.files, "other")[0].attrib["pkgid"] == asset.blob.checksums["sha512"]
    assert hex_of(asset.blob.digest) != asset.blob.checksums["sha512"]


@pytest.mark.parametrize(("policy", "listed"), [("latest", ["b.rpm"]), ("all", ["a.rpm", "b.rpm"])])
def test_a_package_at_two_paths_is_listed_as_the_repository_says(
    policy: str, listed: Sequence[str]
) -> None:
    # rpm R25
    folder = Folder(duplicates=policy)
    folder.put("a.rpm", package("acme"))
    folder.publish()
    folder.put("b.rpm", package("acme", content="again"))
    folder.publish()
    assert sorted(locations(folder.files)) == listed
    folder.delete("b.rpm")
    folder.publish()
    assert list(locations(folder.files)) == ["a.rpm"]


def test_a_lost_file_of_the_set_before_costs_only_time() -> None:
    folder = filled(3)
    assert folder.previous is not None
    expected = documents(folder.files)
    path = location(records(folder.files)["other"])
    assert isinstance(folder.previous.files, dict)
    del folder.previous.files[path]
    folder.put("z.rpm", package("z"))
    folder.publish()
    assert documents(folder.files)[0].startswith(expected[0][:100])
    assert len(packages(folder.files, "other")) == 4


def test_the_runs_are_kept_in_a_file_that_repomd_xml_does_not_name() -> None:
    folder = filled(3)
    [kept] = [path for path in folder.files if path.endswith("-runs.json")]
    assert hashlib.sha256(folder.files[kept]).hexdigest() in kept
    assert kept not in {location(record) for record in records(folder.files).values()}
    assert folder.previous is not None
    assert folder.previous.state["runs"] == kept


def test_a_signed_set_has_a_signature_of_its_repomd_xml_and_the_key() -> None:
    # rpm R90, R92
    folder = filled(1)
    signed = hashlib.sha256(folder.files["repodata/repomd.xml"]).hexdigest()
    assert folder.files["repodata/repomd.xml.asc"].endswith(signed.encode())
    assert folder.files["repodata/repomd.xml.key"].startswith(b"-----BEGIN PGP PUBLIC KEY BLOCK-----")


def test_a_set_is_not_signed_where_signing_is_off() -> None:
    # rpm R93
    folder = filled(1)
    folder.settings = folder.settings.model_copy(update={"sign_metadata": False})
    assert folder.publish(), "clients are no longer to look for a signature"
    assert not [path for path in folder.files if "repomd.xml." in path]


def test_another_key_signs_the_same_packages_anew() -> None:
    # rpm R92
    folder = filled(1)
    before = folder.files["repodata/repomd.xml"]
    folder.writer.openpgp_key = b"-----BEGIN PGP PUBLIC KEY BLOCK-----\nanother"
    assert folder.publish()
    assert folder.files["repodata/repomd.xml"] != before
    assert folder.files["repodata/repomd.xml.key"].endswith(b"another")


def test_a_signature_that_cannot_be_made_leaves_the_set_before_in_force() -> None:
    # rpm R92
    folder = filled(1)
    before = folder.files

    def fails(data: bytes) -> bytes:
        raise RuntimeError("no key")

    folder.writer.sign = fails
    folder.put("z.rpm", package("z"))
    with pytest.raises(RuntimeError):
        folder.publish()
    assert folder.files == before


def test_what_was_uploaded_beside_the_packages_is_published_byte_for_byte() -> None:
    # rpm R23, R80, R81, R82
    folder = Folder()
    for kind, data in {"comps": COMPS, "modules": MODULES, "updateinfo": UPDATES}.items():
        folder.put_file(f".metadata/{kind}", data)
    folder.publish()
    assert content(folder.files, "group") == content(folder.files, "group_gz") == COMPS
    assert content(folder.files, "modules") == MODULES
    assert content(folder.files, "updateinfo") == UPDATES
    names = {kind: location(record).partition("-")[2] for kind, record in records(folder.files).items()}
    assert names["group"] == "comps.xml"
    assert names["group_gz"] == "comps.xml.gz"
    assert names["modules"] == "modules.yaml.gz"
    assert names["updateinfo"] == "updateinfo.xml.gz"


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (b"<components/>", "appstream.xml"),
        (gzip.compress(b"<components/>"), "appstream.gz"),
        (b"\x28\xb5\x2f\xfd", "appstream.zst"),
        (b"plain", "appstream"),
        (b"", "appstream"),
    ],
    ids=["xml", "gzip", "zstd", "other", "empty"],
)
def test_other_kinds_are_called_so_that_clients_can_tell_their_compression(data: bytes, name: str) -> None:
    # rpm R84
    folder = Folder()
    folder.put_file(".metadata/appstream", data)
    folder.publish()
    href = location(records(folder.files)["appstream"])
    assert href.partition("-")[2] == name
    assert folder.files[href] == data


def test_metadata_of_another_folder_is_not_published_with_this_one() -> None:
    folder = Folder()
    folder.put_file("9/.metadata/comps", COMPS)
    folder.publish()
    assert list(records(folder.files)) == list(DOCUMENTS)


def test_changed_groups_are_published_with_the_same_packages() -> None:
    # rpm L7
    folder = filled(2)
    before = {kind: location(record) for kind, record in records(folder.files).items()}
    folder.put_file(".metadata/comps", COMPS)
    assert folder.publish()
    after = {kind: location(record) for kind, record in records(folder.files).items()}
    assert {kind: after[kind] for kind in DOCUMENTS} == before
    assert folder.derived_of == []


def test_what_the_entry_keeps_is_small() -> None:
    folder = filled(1500)
    assert folder.previous is not None
    assert len(str(folder.previous.state)) < 1000


def test_a_package_of_many_files_is_written_in_parts() -> None:
    folder = Folder()
    many = [f"/usr/share/acme/{number:06}" for number in range(20_000)]
    folder.put("big.rpm", package("big", files=many))
    folder.publish()
    [element] = packages(folder.files, "filelists")
    assert len(element.findall(f"{NAMES['filelists']}file")) == 20_001
