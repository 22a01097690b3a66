"""What the benchmark uploads and reads: packages that it makes itself, and metadata of them."""

import gzip
import hashlib
import re
from pathlib import Path

import pytest

from benchmarks import rpm
from tests.support.programs import Program, installed

REPOMD = b"""<repomd>
<data type="primary"><open-checksum>ab</open-checksum><location href="repodata/ab-primary.xml.gz"/></data>
<data type="other"><location href="repodata/cd-other.xml.gz"/></data>
</repomd>"""


def test_packages_differ_in_their_number_alone() -> None:
    first, second = (rpm.package("bench", number) for number in (7, 12_345_678))
    assert [name for name, _ in (first, second)] == [
        "bench-00000007-1.0-1.noarch.rpm",
        "bench-12345678-1.0-1.noarch.rpm",
    ]
    assert len(first[1]) == len(second[1])
    assert first[1].count(b"00000007") == second[1].count(b"12345678")
    assert rpm.package("bench", 7) == first


def test_a_package_states_its_digests() -> None:
    _, content = rpm.package("bench", 1)
    header = content.rindex(b"\x8e\xad\xe8\x01")
    payload = content.index(gzip.compress(bytes(1024), mtime=0))
    assert header % 8 == 0
    assert hashlib.sha256(content[header:payload]).hexdigest().encode() in content[:header]
    assert hashlib.sha256(content[payload:]).hexdigest().encode() in content[header:payload]


def test_rpm_takes_a_package_for_one(tmp_path: Path) -> None:
    rpm.lay(tmp_path, "bench", [1])
    (file,) = tmp_path.iterdir()
    assert Program(installed("rpm"))("-K", "--nosignature", file).strip().endswith("digests OK")


def test_metadata_is_found_and_counted() -> None:
    assert rpm.listed(REPOMD) == {
        "primary": "repodata/ab-primary.xml.gz",
        "other": "repodata/cd-other.xml.gz",
    }
    document = b'<metadata xmlns="x" packages="2"><package></package>\n<package></package></metadata>'
    assert rpm.count(gzip.compress(document)) == 2
    with pytest.raises(ValueError, match="lists 2 packages and says 3"):
        rpm.count(gzip.compress(document.replace(b'"2"', b'"3"')))


def test_metadata_is_made_of_that_of_one_package(tmp_path: Path) -> None:
    installed("createrepo_c")
    rpm.lay_metadata(tmp_path, "bench", 3)
    repomd = (tmp_path / "repodata/repomd.xml").read_text()
    documents = rpm.listed(repomd.encode())
    assert sorted(documents) == ["filelists", "other", "primary"]
    for location in documents.values():
        compressed = (tmp_path / location).read_bytes()
        document = gzip.decompress(compressed)
        assert [b"bench-0000000%d" % number in document for number in range(4)] == [True] * 3 + [False]
        for content in (compressed, document):
            assert hashlib.sha256(content).hexdigest() in repomd
            assert f"size>{len(content)}</" in repomd
    primary = (tmp_path / documents["primary"]).read_bytes()
    assert rpm.count(primary) == 3
    assert len(set(re.findall(rb'pkgid="YES">(\w{64})<', gzip.decompress(primary)))) == 3
