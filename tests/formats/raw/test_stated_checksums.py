"""What requests state of their files, header by header."""

import base64
import hashlib

import pytest

from artifactd.plugin import Headers, InvalidInput
from artifactd_raw.checksums import stated

BODY = b"the bytes of a file"
HEX = {name: hashlib.new(name, BODY).hexdigest() for name in ("md5", "sha1", "sha256", "sha512")}
BASE64 = {name: base64.b64encode(bytes.fromhex(each)).decode() for name, each in HEX.items()}


@pytest.mark.parametrize(
    ("lines", "algorithms"),
    [
        ({}, []),
        ({"x-checksum-sha1": HEX["sha1"], "x-checksum-md5": HEX["md5"].upper()}, ["md5", "sha1"]),
        ({"x-checksum-sha512": f" {HEX['sha512']} "}, ["sha512"]),
        ({"content-md5": BASE64["md5"]}, ["md5"]),
        ({"digest": f"SHA-256={BASE64['sha256']},md5={BASE64['md5']}"}, ["md5", "sha256"]),
        ({"digest": f"sha={BASE64['sha1']}"}, ["sha1"]),
        (
            {"repr-digest": f"sha-512=:{BASE64['sha512']}:, sha-256=:{BASE64['sha256']}:"},
            ["sha256", "sha512"],
        ),
        ({"content-digest": f"sha-256=:{BASE64['sha256']}:"}, ["sha256"]),
        ({"repr-digest": "unixsum=:MTIzNDU=:", "digest": "crc32c=AAAAAA=="}, []),
        ({"x-checksum-sha256": HEX["sha256"], "digest": f"sha-256={BASE64['sha256']}"}, ["sha256"]),
    ],
)
def test_every_way_of_saying_it_is_understood(lines: dict[str, str], algorithms: list[str]) -> None:
    assert stated(Headers(lines)) == {name: HEX[name] for name in algorithms}  # proxy R114


@pytest.mark.parametrize(
    "lines",
    [
        {"x-checksum-sha1": "abc"},
        {"x-checksum-md5": "z" * 32},
        {"x-checksum-sha256": ""},
        {"content-md5": "no base64!"},
        {"content-md5": BASE64["sha1"]},
        {"repr-digest": "sha-256=::"},
        {"digest": "sha-256="},
        {"x-checksum-md5": "0" * 32, "content-md5": BASE64["md5"]},
    ],
)
def test_what_is_no_checksum_is_refused(lines: dict[str, str]) -> None:
    with pytest.raises(InvalidInput):
        stated(Headers(lines))
