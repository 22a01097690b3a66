"""The publication: which folders have repodata, what belongs to it, and what a proxy fetches as one set."""

from collections.abc import Sequence

import pytest

from artifactd.plugin import Answer, Facts, Gathered, More, UpstreamInvalid
from artifactd_rpm.settings import RpmSettings
from tests.support.repodata import REPODATA


@pytest.mark.parametrize(
    ("depth", "path", "keys"),
    [
        (0, "a.rpm", [""]),
        (0, "Packages/a/a.rpm", [""]),
        (0, ".metadata/comps", [""]),
        (2, "9/x86_64/a.rpm", ["9/x86_64"]),
        (2, "9/x86_64/Packages/a/a.rpm", ["9/x86_64"]),
        (2, "9/x86_64/.metadata/comps", ["9/x86_64"]),
        (2, "9/a.rpm", []),
        (2, "9/.metadata/comps", []),
        (1, ".metadata/comps", []),
        (0, "readme.txt", []),
        (0, "a.drpm", []),
    ],
)
def test_a_path_touches_the_folder_that_clients_point_at(
    depth: int, path: str, keys: Sequence[str]
) -> None:
    # rpm R1
    assert list(REPODATA.touches(path, RpmSettings(repodata_depth=depth))) == keys


def test_an_empty_repository_is_published_where_there_is_only_one_folder() -> None:
    # rpm R67
    assert list(REPODATA.keys(RpmSettings())) == [""]
    assert list(REPODATA.keys(RpmSettings(repodata_depth=2))) == []


@pytest.mark.parametrize(
    ("path", "key"),
    [
        ("repodata/repomd.xml", ""),
        ("9/x86_64/repodata/repomd.xml.asc", "9/x86_64"),
        ("a/repodata/b/repodata/primary.xml.gz", "a/repodata/b"),
        ("repodata/sub/file", ""),
        ("repodata", None),
        ("a/repodata", None),
        ("Packages/repodata.rpm", None),
        ("myrepodata/a.rpm", None),
    ],
)
def test_what_lies_below_repodata_is_the_publications(path: str, key: str | None) -> None:
    # rpm R23
    assert REPODATA.owns(path) == key


def test_the_parts_of_a_folder() -> None:
    assert (REPODATA.selects(""), REPODATA.entry("")) == ("", "repodata/repomd.xml")
    assert (REPODATA.selects("9"), REPODATA.entry("9")) == ("9/", "9/repodata/repomd.xml")
    assert REPODATA.gathers("9") == [
        "9/repodata/repomd.xml",
        "9/repodata/repomd.xml.asc",
        "9/repodata/repomd.xml.key",
    ]


PRIMARY = "repodata/" + "ab" * 32 + "-primary.xml.gz"
ASC = b"-----BEGIN PGP SIGNATURE-----\n"
KEY = b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n"


def repomd(revision: int = 1) -> bytes:
    kinds = {
        "primary": PRIMARY,
        "filelists": "repodata/filelists.xml.gz",
        "primary_db": PRIMARY.replace("xml", "sqlite"),
        "group_gz": PRIMARY.replace("primary.xml", "comps.xml"),
        "modules": PRIMARY.replace("primary.xml", "modules.yaml"),
        "prestodelta": PRIMARY.replace("primary", "prestodelta"),
        "updateinfo": "../" + PRIMARY,
    }
    data = "".join(f'<data type="{kind}"><location href="{href}"/></data>' for kind, href in kinds.items())
    return f"<repomd><revision>{revision}</revision>{data}</repomd>".encode()


def answer(body: bytes | None) -> Answer:
    facts = Facts("https://upstream.example/repodata/repomd.xml", {})
    return Answer(facts, body or b"", absent=body is None)


def gathered(*bodies: bytes | None, key: str = "") -> Gathered | More:
    return REPODATA.gather(key, [answer(body) for body in bodies])


def test_the_files_of_a_set_are_asked_for_in_turn() -> None:
    # rpm R102, M2
    assert gathered(repomd()) == More("repomd.xml.asc", optional=True)
    assert gathered(repomd(), ASC) == More("repomd.xml.key", optional=True)
    assert gathered(repomd(), ASC, KEY) == More("repomd.xml")


def test_a_set_that_stayed_the_same_meanwhile_is_taken_as_it_was_sent() -> None:
    # rpm R101, R102
    found = gathered(repomd(), ASC, KEY, repomd())
    assert isinstance(found, Gathered)
    assert found.files == {
        "repodata/repomd.xml": (repomd(), "application/xml"),
        "repodata/repomd.xml.asc": (ASC, "application/pgp-signature"),
        "repodata/repomd.xml.key": (KEY, "application/pgp-keys"),
    }


def test_what_a_set_must_not_lack_are_its_documents_of_which_no_other_form_is_listed() -> None:
    # rpm M3
    found = gathered(repomd(), ASC, KEY, repomd(), key="9")
    assert isinstance(found, Gathered)
    assert found.needs == [
        f"9/{PRIMARY}",
        f"9/{PRIMARY.replace('primary.xml', 'comps.xml')}",
        f"9/{PRIMARY.replace('primary.xml', 'modules.yaml')}",
    ]
    assert set(found.files) == set(REPODATA.gathers("9"))


@pytest.mark.parametrize(
    ("asc", "key", "names"),
    [(None, None, []), (ASC, None, [".asc"]), (None, KEY, [".key"]), (b"<html>Not found</html>", None, [])],
)
def test_an_unsigned_set_has_no_signature(
    asc: bytes | None, key: bytes | None, names: Sequence[str]
) -> None:
    # rpm R93
    found = gathered(repomd(), asc, key, repomd())
    assert isinstance(found, Gathered)
    assert list(found.files) == ["repodata/repomd.xml", *(f"repodata/repomd.xml{name}" for name in names)]


def test_a_set_that_was_replaced_meanwhile_is_asked_for_anew() -> None:
    # rpm R102, M2
    first = (repomd(1), ASC, KEY, repomd(2))
    assert gathered(*first) == More("repomd.xml.asc", optional=True)
    newer = ASC + b"newer"
    assert gathered(*first, newer, KEY) == More("repomd.xml")
    found = gathered(*first, newer, KEY, repomd(2))
    assert isinstance(found, Gathered)
    assert found.files["repodata/repomd.xml"][0] == repomd(2)
    assert found.files["repodata/repomd.xml.asc"][0] == newer


def test_a_set_that_never_stays_the_same_is_given_up() -> None:
    # rpm M2
    answers: list[bytes | None] = [repomd(0)]
    for revision in range(1, 5):
        answers += [ASC, KEY, repomd(revision)]
        assert gathered(*answers) == More("repomd.xml.asc", optional=True)
    with pytest.raises(UpstreamInvalid, match="5 times"):
        gathered(*answers, ASC, KEY, repomd(5))


@pytest.mark.parametrize("body", [b"", b"<html></html>", b"<!DOCTYPE repomd><repomd/>"])
def test_what_is_no_repomd_xml_is_not_asked_further_about(body: bytes) -> None:
    with pytest.raises(UpstreamInvalid):
        gathered(body)
    with pytest.raises(UpstreamInvalid):
        gathered(repomd(), ASC, KEY, body)
