"""What a proxy asks its upstream for, without a network."""

import gzip
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from artifactd.plugin import IMMUTABLE, MUTABLE, Answer, Facts, Fetch, Index, UpstreamInvalid
from artifactd_rpm import repomd
from artifactd_rpm.known_packages import KNOWN_PACKAGES, KnownPackages, read_primary
from artifactd_rpm.mirrors import MIRRORS, Mirrors, Version, read_mirrors
from artifactd_rpm.repomd import Record, Repomd
from artifactd_rpm.settings import RpmSettings
from artifactd_rpm.upstream import OF_METALINKS, OF_NAMELESS, fetch
from artifactd_rpm.writing import NAMESPACES

SHA256, SHA512 = "ab" * 32, "cd" * 64
PRIMARY = f"repodata/{'ef' * 32}-primary.xml.gz"


def primary(*packages: str) -> bytes:
    head = f'<?xml version="1.0"?>\n<metadata xmlns="{NAMESPACES["primary"]}" packages="1">\n'
    return gzip.compress(f"{head}{''.join(packages)}</metadata>\n".encode())


def listed(
    href: str, checksum: str = SHA256, kind: str = "sha256", size: str = "77", base: str = ""
) -> str:
    return (
        '<package type="rpm"><name>a</name><arch>noarch</arch><version epoch="0" ver="1" rel="1"/>'
        f'<checksum type="{kind}" pkgid="YES">{checksum}</checksum><size package="{size}" installed="1"/>'
        f'<location {base} href="{href}"/></package>\n'
    )


@dataclass
class Proxy:
    """A proxy that holds this."""

    files: Mapping[str, bytes] = field(default_factory=dict)
    mirrors: Mirrors = field(default_factory=Mirrors)
    url: str = "https://upstream.example/el9/"

    def document(self, index: Index[Any], key: str) -> Any:
        if index.name == MIRRORS.name:
            return self.mirrors
        assert key in self.files, "nobody waits for what is not here"
        return index.parse(key, [Answer(Facts("", {}), self.files[key])])

    def holds(self, path: str) -> bool:
        return path in self.files

    def held(self, path: str) -> bytes | None:
        return self.files.get(path)


def asked(path: str, proxy: Proxy | None = None, **settings: Any) -> Fetch:
    (found,) = fetch(path, RpmSettings.model_validate(settings), proxy or Proxy())
    return found


def with_repodata(folder: str = "", *packages: str, records: list[Record] | None = None) -> Proxy:
    known = [Record("primary", PRIMARY, ("sha256", "ef" * 32), 1000), *(records or [])]
    files = {f"{folder}repodata/repomd.xml": repomd.rendered(Repomd("1", known))}
    return Proxy({**files, f"{folder}{PRIMARY}": primary(*packages)})


@pytest.mark.parametrize(
    ("path", "url"),
    [
        ("repodata/repomd.xml", "repodata/repomd.xml"),
        ("a-1.0^git1~rc+x-1.noarch.rpm", "a-1.0%5Egit1~rc%2Bx-1.noarch.rpm"),
        ("9/a b/ü.rpm", "9/a%20b/%C3%BC.rpm"),
        ("http://evil.example/a.rpm", None),
        ("a//b.rpm", None),
        ("../a.rpm", None),
        (".mirrors", None),
    ],
)
def test_a_file_is_asked_for_at_its_own_path(path: str, url: str | None) -> None:
    # rpm R5
    found = fetch(path, RpmSettings(), Proxy())
    assert [each.url for each in found] == ([] if url is None else [url])


def test_what_changes_is_asked_for_again() -> None:
    # rpm R100
    assert asked("repodata/repomd.xml").freshness == MUTABLE
    assert asked(".treeinfo").freshness == MUTABLE
    assert asked("repodata/primary.xml.gz").freshness == OF_NAMELESS
    assert asked(f"repodata/{SHA256}-primary.xml.gz").freshness == IMMUTABLE
    assert asked("a-1-1.noarch.rpm").freshness == IMMUTABLE
    assert asked("a-1-1.noarch.rpm", write_policy="allow").freshness == MUTABLE


def test_a_name_that_is_a_checksum_is_what_the_bytes_must_have() -> None:
    # rpm R103, R104
    found = asked(f"9/repodata/{SHA256}-primary.xml.gz")
    assert (found.expected, found.size) == ({"sha256": SHA256}, None)
    assert found.negative_for == timedelta(seconds=15)
    assert asked(f"repodata/{SHA512}-comps.xml").expected == {"sha512": SHA512}


def test_what_repomd_lists_has_its_size_and_is_never_absent_for_long() -> None:
    # rpm R103, R104
    records = [
        Record("other", f"repodata/{SHA256}-other.xml.gz", ("sha256", SHA256), 123),
        Record("group", "repodata/comps.xml", ("sha", "12" * 20), 5),
        Record("odd", "repodata/odd.xml", ("crc", "12"), 6),
    ]
    for folder in ("", "9/x86_64/"):
        proxy = with_repodata(folder, records=records)
        found = asked(f"{folder}repodata/{SHA256}-other.xml.gz", proxy)
        assert (found.expected, found.size) == ({"sha256": SHA256}, 123)
        assert found.negative_for == timedelta(0)
        group = asked(f"{folder}repodata/comps.xml", proxy)
        assert (group.expected, group.size) == ({"sha1": "12" * 20}, 5)
        odd = asked(f"{folder}repodata/odd.xml", proxy)
        assert (odd.expected, odd.size) == ({}, 6)


def test_a_package_is_what_the_nearest_primary_says() -> None:
    # rpm R104, R111
    near = with_repodata("9/x86_64/", listed("Packages/a-1-1.noarch.rpm"))
    far = with_repodata("", listed("9/x86_64/Packages/a-1-1.noarch.rpm", "99" * 32))
    both = Proxy({**far.files, **near.files})
    path = "9/x86_64/Packages/a-1-1.noarch.rpm"
    assert (asked(path, both).expected, asked(path, both).size) == ({"sha256": SHA256}, 77)
    assert asked(path, far).expected == {"sha256": "99" * 32}
    assert asked("9/x86_64/Packages/unknown-1-1.noarch.rpm", both).expected == {}


def test_nobody_waits_for_a_primary_that_is_not_here() -> None:
    # rpm M6
    proxy = with_repodata("", listed("a-1-1.noarch.rpm"))
    without = Proxy({path: body for path, body in proxy.files.items() if path != PRIMARY})
    assert asked("a-1-1.noarch.rpm", without).expected == {}


@pytest.mark.parametrize("body", [b"no XML", primary() + b"x", b"", primary("<package/>")])
def test_a_primary_that_cannot_be_read_says_nothing(body: bytes) -> None:
    proxy = with_repodata("")
    assert asked("a-1-1.noarch.rpm", Proxy({**proxy.files, PRIMARY: body})).expected == {}
    broken = Proxy({"repodata/repomd.xml": b"<repomd", PRIMARY: body})
    assert asked("a-1-1.noarch.rpm", broken).expected == {}


def test_a_primary_is_kept_compactly_and_whole() -> None:
    count = 2000
    packages = [
        listed(f"Packages/{number}.rpm", f"{number:064x}", size=str(number)) for number in range(count)
    ]
    packages += [
        listed("old.rpm", "12" * 20, "sha"),
        listed("long.rpm", SHA512, "sha512"),
        listed("elsewhere.rpm", base='xml:base="https://upstream.example/"'),
        listed("odd.rpm", "12", "crc32"),
        listed("short.rpm", "12"),
        listed("a&amp;b.rpm", size="x"),
    ]
    known = read_primary([primary(*packages)])
    assert len(known) == count + 3
    assert KNOWN_PACKAGES.size(known) < 100 * count
    for number in range(1, count, 97):
        assert known.find(f"Packages/{number}.rpm") == ({"sha256": f"{number:064x}"}, number)
    assert known.find("old.rpm") == ({"sha1": "12" * 20}, 77)
    assert known.find("long.rpm") == ({"sha512": SHA512}, 77)
    assert known.find("a&b.rpm") == ({"sha256": SHA256}, None)
    for href in ("elsewhere.rpm", "odd.rpm", "short.rpm", "Packages/2000.rpm", ""):
        assert known.find(href) == ({}, None)
    assert KnownPackages().find("a.rpm") == ({}, None)


METALINK = f"""<?xml version="1.0" encoding="utf-8"?>
<metalink version="3.0" xmlns="http://metalinker.example/" xmlns:mm0="http://manager.example/">
 <files>
  <file name="repomd.xml">
   <mm0:timestamp>1700000001</mm0:timestamp>
   <size>4000</size>
   <verification><hash type="md5">00</hash><hash type="sha256">{SHA256}</hash></verification>
   <mm0:alternates>
    <mm0:alternate>
     <mm0:timestamp>1700000000</mm0:timestamp>
     <size>3999</size>
     <verification><hash type="sha512">{SHA512}</hash><hash type="sha1">{"12" * 20}</hash></verification>
    </mm0:alternate>
   </mm0:alternates>
   <resources maxconnections="1">
    <url protocol="rsync" preference="100">rsync://m0.example/el9/repodata/repomd.xml</url>
    <url protocol="http" preference="90">http://m1.example/el9/repodata/repomd.xml</url>
    <url protocol="https" preference="99">https://m2.example/el9/repodata/repomd.xml</url>
    <url protocol="https" preference="x">https://m3.example/el9/repodata/repomd.xml</url>
    <url protocol="https" preference="98">https://m4.example/el9/other.xml</url>
   </resources>
  </file>
 </files>
</metalink>
"""
NEWEST, OLDER = Version({"sha256": SHA256}, 4000), Version({"sha512": SHA512}, 3999)


def test_a_metalink_names_mirrors_by_preference_and_what_they_may_have() -> None:
    # rpm R106
    mirrors = read_mirrors(METALINK.encode())
    assert mirrors.urls == ("https://m2.example/el9/", "http://m1.example/el9/", "https://m3.example/el9/")
    assert mirrors.versions == [NEWEST, OLDER]


def test_a_list_of_mirrors_has_one_in_each_line() -> None:
    # rpm R106
    lines = [
        "# repo = el9",
        "https://m1.example/el9",
        "https://m1.example/el9/",
        "  http://m2.example/el9/ ",
        "rsync://m3.example/",
        "https://m4.example/$basearch/",
        *(f"https://more{number}.example/" for number in range(20)),
    ]
    mirrors = read_mirrors("\n".join(lines).encode())
    assert mirrors.urls[:3] == (
        "https://m1.example/el9/",
        "http://m2.example/el9/",
        "https://more0.example/",
    )
    assert (len(mirrors.urls), mirrors.versions) == (8, ())


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"no mirrors\n",
        b"<metalink/>",
        b"<metalink>",
        b'<!DOCTYPE a [<!ENTITY b "c">]><metalink/>',
        b"<a>" * 50,
        b"x" * (4 << 20) + b"x",
    ],
    ids=["empty", "text", "none", "cut off", "entities", "deep", "large"],
)
def test_what_names_no_mirror_is_no_list(body: bytes) -> None:
    with pytest.raises(UpstreamInvalid):
        read_mirrors(body)


def test_each_mirror_is_asked_in_turn() -> None:
    # rpm R106
    proxy = Proxy(mirrors=Mirrors(("https://m1.example/el9/", "https://m2.example/")))
    settings = RpmSettings.model_validate({"source": "mirrorlist"})
    urls = [each.url for each in fetch("Packages/a-1-1.noarch.rpm", settings, proxy)]
    assert urls == [
        "https://m1.example/el9/Packages/a-1-1.noarch.rpm",
        "https://m2.example/Packages/a-1-1.noarch.rpm",
    ]


def test_repomd_must_be_one_that_the_metalink_allows_the_newest_first() -> None:
    # rpm R106
    proxy = Proxy(mirrors=Mirrors(("https://m1.example/", "https://m2.example/"), [NEWEST, OLDER]))
    found = fetch("repodata/repomd.xml", RpmSettings.model_validate({"source": "metalink"}), proxy)
    assert [(each.url.split("/")[2], each.size) for each in found] == [
        ("m1.example", 4000),
        ("m2.example", 4000),
        ("m1.example", 3999),
        ("m2.example", 3999),
    ]
    assert [each.expected for each in found[1:3]] == [{"sha256": SHA256}, {"sha512": SHA512}]


@pytest.mark.parametrize(
    ("at", "url"),
    [
        ("", "https://upstream.example/el9"),
        ("mirrorlist?repo=a&arch=b", "mirrorlist?repo=a&arch=b"),
    ],
)
def test_the_list_itself_is_where_the_settings_say(at: str, url: str) -> None:
    found = asked(".mirrors", source="metalink", mirrors_at=at)
    assert (found.url, found.whole, found.freshness) == (url, True, OF_METALINKS)
