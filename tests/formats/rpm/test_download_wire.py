"""Downloads on the wire: K1 to K13, and who is given which of two sets."""

import hashlib
import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

import pytest

from artifactd.auth.principal import Verb
from tests.support.proxies import group
from tests.support.rpm_headers import rpm
from tests.support.server import Answer, RunningServer

FOREVER = "max-age=31536000, immutable, no-transform"
EACH_TIME = "no-cache, no-transform"
REPOMD = "repodata/repomd.xml"
FILE = "acme-1.0-1.noarch.rpm"


class Published:
    """A repository whose packages are published, asked by one client."""

    def __init__(self, server: RunningServer, name: str, client: str = "libdnf") -> None:
        self.server = server
        self.name = name
        self._client = client

    def by(self, client: str) -> "Published":
        """The same for a client with another User-Agent."""
        return Published(self.server, self.name, client)

    def request(
        self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> Answer:
        lines = {"User-Agent": self._client, **(headers or {})}
        return self.server.request(method, f"/repository/{self.name}/{path}", body, headers=lines)

    def get(self, path: str, **headers: str) -> Answer:
        """With headers that have underscores for dashes."""
        return self.request(
            "GET", path, headers={name.replace("_", "-"): headers[name] for name in headers}
        )

    def publish(self, version: str) -> None:
        """Have one more package in the repodata."""
        body = rpm(version=version)
        assert self.request("PUT", f"acme-{version}-1.noarch.rpm", body).status == 201
        self.server.clock.advance(timedelta(seconds=6))
        self.server.run_tasks()

    def skip(self, seconds: int) -> None:
        self.server.clock.advance(timedelta(seconds=seconds))

    def primary(self) -> str:
        """The path of the primary that is listed now."""
        found = re.search(r'href="(repodata/[0-9a-f]{64}-primary\.xml\.gz)"', self.get(REPOMD).text)
        assert found is not None
        return found[1]


@pytest.fixture(scope="module")
def signed(server: RunningServer) -> Published:
    """A signed repository with a package."""
    published = Published(server, server.repository("rpm"))
    published.publish("1.0")
    return published


@pytest.fixture(scope="module")
def plain(server: RunningServer) -> Published:
    """An unsigned one."""
    published = Published(server, server.repository("rpm", sign_metadata=False))
    published.publish("1.0")
    return published


@pytest.fixture
def client(signed: Published, server: RunningServer) -> Iterator[Published]:
    """Somebody who has not asked for anything yet."""
    yield signed.by(server.unused("client"))


@pytest.mark.parametrize(
    ("path", "type", "caching"),
    [
        (REPOMD, "application/xml", EACH_TIME),
        (f"{REPOMD}.asc", "application/pgp-signature", EACH_TIME),
        (f"{REPOMD}.key", "application/pgp-keys", EACH_TIME),
        ("{primary}", "application/gzip", FOREVER),
        (FILE, "application/x-rpm", FOREVER),
    ],
)
def test_files_are_described_as_clients_and_caches_need_it(
    client: Published, path: str, type: str, caching: str
) -> None:
    # rpm R141, R142, K1, K2, K3, K5
    path = path.format(primary=client.primary())
    got, head = client.get(path, Accept_Encoding="gzip"), client.request("HEAD", path)
    etag = got.header("etag")
    again = client.get(path, If_None_Match=etag)
    assert (got.status, head.status, again.status) == (200, 200, 304)
    assert re.fullmatch(r'"sha256:[0-9a-f]{64}"', etag) and again.header("etag") == etag
    for answer in (got, head):
        assert answer.header("content-length") == str(len(got.body))
        assert answer.header("content-type") == type
        assert answer.header("cache-control") == caching
        assert answer.header("content-encoding") == ""
        assert answer.header("last-modified")
        assert answer.header("content-security-policy") == "sandbox"
    assert head.body == b""


def test_a_file_of_repodata_is_what_its_name_says(client: Published) -> None:
    # rpm R61, K3
    path = client.primary()
    assert hashlib.sha256(client.get(path).body).hexdigest() in path


@pytest.mark.parametrize(
    "path",
    [
        f"repodata/{'0' * 64}-primary.xml.gz",
        "acme-9-1.noarch.rpm",
        "media.1/media",
        ".treeinfo",
        "repodata/nothing",
    ],
)
def test_what_is_absent_now_is_absent_only_now(client: Published, path: str) -> None:
    # rpm R145, K4
    for method in ("GET", "HEAD"):
        answer = client.request(method, path)
        assert (answer.status, answer.header("cache-control")) == (404, "no-store")


def test_without_signing_there_is_no_signature(plain: Published) -> None:
    # rpm R93, K5
    assert plain.get(REPOMD).status == 200
    for path in (f"{REPOMD}.asc", f"{REPOMD}.key"):
        assert [plain.get(path).status for _ in range(2)] == [404, 404]


@pytest.mark.parametrize("path", [f"{REPOMD}.asc", "9/repodata/repomd.xml", "9/repodata/repomd.xml.asc"])
def test_what_was_never_published_is_no_error_of_ours(server: RunningServer, path: str) -> None:
    # rpm R93, R128
    empty = Published(server, server.repository("rpm", repodata_depth=1))
    assert empty.get(path).status == 404


def test_ranges_of_a_package(client: Published) -> None:
    # rpm R143, K10
    body = client.get(FILE).body
    part = client.get(FILE, Range="bytes=10-")
    assert (part.status, part.body) == (206, body[10:])
    past = client.get(FILE, Range=f"bytes={len(body)}-")
    assert (past.status, past.header("content-range")) == (416, f"bytes */{len(body)}")


def test_several_ranges_are_answered_in_parts(client: Published) -> None:
    # rpm R66, K11
    body, answer = client.get(FILE).body, client.get(FILE, Range="bytes=0-1,5-6")
    assert answer.status == 206
    assert answer.header("content-type").startswith("multipart/byteranges; boundary=")
    for first, last in ((0, 1), (5, 6)):
        lines = f"Content-Range: bytes {first}-{last}/{len(body)}\r\n\r\n".encode()
        assert lines + body[first : last + 1] + b"\r\n" in answer.body


def test_a_client_that_asks_for_no_cache_gets_the_same(client: Published) -> None:
    # rpm R108
    answer = client.get(REPOMD, Cache_Control="no-cache", Pragma="no-cache")
    assert (answer.status, answer.body) == (200, client.get(REPOMD).body)


def test_a_client_gets_the_signature_of_the_repomd_that_it_got(
    signed: Published, client: Published
) -> None:
    # rpm R91: dnf asks for repomd.xml, then for its signature
    old, signature = client.get(REPOMD), client.get(f"{REPOMD}.asc")
    assert client.get(REPOMD).body == old.body
    signed.publish("1.1")
    assert client.get(f"{REPOMD}.asc").body == signature.body
    newcomer = signed.by("newcomer")
    assert newcomer.get(REPOMD).body != old.body
    assert newcomer.get(f"{REPOMD}.asc").body != signature.body
    # Who asks anew sees what was published since.
    assert client.get(REPOMD).body == newcomer.get(REPOMD).body
    assert client.get(f"{REPOMD}.asc").body == newcomer.get(f"{REPOMD}.asc").body


def test_a_client_gets_the_repomd_of_the_signature_that_it_got(
    signed: Published, client: Published
) -> None:
    # rpm R91: zypper asks for the signature first
    current = signed.by("current").get(REPOMD)
    client.request("HEAD", REPOMD)
    signature = client.get(f"{REPOMD}.asc")
    signed.publish("1.2")
    assert client.get(REPOMD).body == current.body
    assert client.get(REPOMD).body != current.body
    assert signed.by("current").get(f"{REPOMD}.asc").body == signature.body


def test_a_minute_later_everybody_gets_what_is_published(signed: Published, client: Published) -> None:
    # rpm R91
    old, signature = client.get(REPOMD), client.get(f"{REPOMD}.asc")
    signed.publish("1.3")
    client.skip(61)
    assert client.get(f"{REPOMD}.asc").body != signature.body
    assert client.get(REPOMD).body != old.body


def test_what_a_client_got_is_no_way_around_its_rights(server: RunningServer) -> None:
    # rpm R91, K9
    own = Published(server, server.repository("rpm"))
    own.publish("1.0")
    assert own.get(REPOMD).status == 200
    other = server.user((own.name, "Packages/**", [Verb.READ]))
    agent = {"User-Agent": "libdnf"}
    url = f"/repository/{own.name}/{REPOMD}.asc"
    assert server.request("GET", url, login=other, headers=agent).status == 403
    assert server.request("GET", url, login=None, headers=agent).status == 401


def test_files_of_an_older_set_stay_for_clients_that_hold_it(signed: Published, client: Published) -> None:
    # rpm R62
    old = client.primary()
    signed.publish("1.4")
    assert client.primary() != old
    assert client.get(old).status == 200


def test_the_repo_file_points_at_the_repository(signed: Published, server: RunningServer) -> None:
    # rpm R4, N1, N2
    answer = signed.get(f"{signed.name}.repo")
    base = f"{server.url}/repository/{signed.name}/"
    assert (answer.status, answer.header("content-type")) == (200, "text/plain; charset=utf-8")
    assert answer.text.splitlines() == [
        f"[{signed.name}]",
        f"name={signed.name}",
        f"baseurl={base}",
        "enabled=1",
        "gpgcheck=0",
        "repo_gpgcheck=1",
        f"gpgkey={base}repodata/repomd.xml.key",
        "metadata_expire=1h",
    ]
    assert signed.get("other.repo").status == 404


def test_the_repo_file_says_what_the_settings_say(server: RunningServer) -> None:
    # rpm R82, N1
    settings: dict[str, Any] = {
        "sign_metadata": False,
        "gpgcheck": True,
        "module_hotfixes": True,
        "metadata_expire": "",
    }
    own = Published(server, server.repository("rpm", **settings))
    own.request("PUT", "RPM-GPG-KEY-acme", b"-----BEGIN PGP PUBLIC KEY BLOCK-----")
    base = f"{server.url}/repository/{own.name}/"
    assert own.get(f"{own.name}.repo").text.splitlines()[3:] == [
        "enabled=1",
        "gpgcheck=1",
        "repo_gpgcheck=0",
        f"gpgkey={base}RPM-GPG-KEY-acme",
        "module_hotfixes=1",
    ]


@pytest.mark.parametrize(
    ("depth", "path", "baseurl"),
    [
        (1, "", "$basearch/"),
        (2, "", "$releasever/$basearch/"),
        (2, "9/x86_64/", "9/x86_64/"),
        (2, "9/a%20b/", "9/a%20b/"),
        (3, "", None),
    ],
)
def test_the_repo_file_of_a_deep_repository_names_its_folder(
    server: RunningServer, depth: int, path: str, baseurl: str | None
) -> None:
    # rpm R1, N1
    own = Published(server, server.repository("rpm", repodata_depth=depth))
    answer = own.get(f"{path}{own.name}.repo")
    if baseurl is None:
        assert answer.status == 404
    else:
        assert f"baseurl={server.url}/repository/{own.name}/{baseurl}\n" in answer.text
    section = answer.text.splitlines()[0]
    assert baseurl is None or re.fullmatch(r"\[[A-Za-z0-9_.:-]+\]", section)


def test_the_repo_file_of_a_group_is_the_groups(server: RunningServer, plain: Published) -> None:
    # rpm N1
    both = Published(server, group(server, "rpm", plain.name))
    server.run_tasks()
    answer = both.get(f"{both.name}.repo")
    assert answer.text.startswith(f"[{both.name}]\n")
    assert f"baseurl={server.url}/repository/{both.name}/\n" in answer.text


def test_folders_are_listed(client: Published) -> None:
    page = client.get("")
    assert "acme-1.0-1.noarch.rpm" in page.text and "repodata/" in page.text
    assert "repomd.xml" in client.get("repodata/").text
    assert client.get("nothing/").status == 404
