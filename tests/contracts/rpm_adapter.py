"""RPM for the contracts: packages, and the repodata that lists them.

A package is called after the first letter of an item's name: so it lies in a folder of its own within a
pool, and its path begins with its owner name, as the contract has it."""

import gzip
import hashlib
import re
from collections.abc import Mapping, Sequence

from tests.contracts.format_contract import ITEM, OTHER, Client, Item
from tests.contracts.publishing import Publishing
from tests.support.rpm_headers import rpm
from tests.support.server import Answer

REPOMD = "repodata/repomd.xml"


class Rpm:
    """Packages, by PUT."""

    format = "rpm"
    challenge = "Basic"
    conflict = 400
    deleted = 204
    generated = 400

    def url(self, repository: str, item: Item) -> str:
        return f"/repository/{repository}/{self.path(item)}"

    def body(self, item: Item) -> bytes:
        return rpm(letter(item.name), item.version, payload=item.content.encode())

    def path(self, item: Item) -> str:
        return f"{self.owner(item)}/{letter(item.name)}-{item.version}-1.noarch.rpm"

    def owner(self, item: Item) -> str:
        return f"{item.name.rpartition('/')[0]}/{letter(item.name)}"

    def publish(self, client: Client, item: Item) -> Answer:
        return client.request("PUT", self.url(client.repository, item), self.body(item))

    def listed(self, client: Client, name: str) -> Sequence[str]:
        folder = self.owner(Item(name, ""))
        answer = client.request("GET", f"/repository/{client.repository}/{folder}/")
        return (
            [] if answer.status == 404 else re.findall(r'<a href="\w-([^"]+)-1\.noarch\.rpm"', answer.text)
        )

    def is_error(self, answer: Answer) -> bool:
        return answer.header("content-type") == "text/plain; charset=utf-8" and answer.text.endswith("\n")

    def delete(self, client: Client, item: Item) -> Answer:
        return client.request("DELETE", self.url(client.repository, item))


def letter(name: str) -> str:
    """What the package of an item's name is called."""
    return name.rpartition("/")[2][:1]


class Repodata(Publishing):
    """The repodata of a whole repository."""

    _names: Mapping[str, str] = {letter(item.name): item.name for item in (ITEM, OTHER)}

    publication = "repodata"
    signing = "artifactd.auth.openpgp.OpenPgpKey.sign"

    def entry(self, repository: str) -> str:
        return f"/repository/{repository}/{REPOMD}"

    def names(self, client: Client) -> Sequence[str]:
        files = self.files(client)
        primary = next(body for url, body in files.items() if url.endswith("-primary.xml.gz"))
        packages = re.findall(rb"<name>([a-z])</name>", gzip.decompress(primary))
        return [self._names[name.decode()] for name in packages]

    def files(self, client: Client) -> Mapping[str, bytes]:
        base = f"/repository/{client.repository}"
        entry = client.request("GET", f"{base}/{REPOMD}")
        assert entry.status == 200, entry
        files = {f"{base}/{REPOMD}": entry.body}
        for href in re.findall(r'href="([^"]+)"', entry.text):
            files[f"{base}/{href}"] = body = _read(client, f"{base}/{href}")
            assert hashlib.sha256(body).hexdigest() in href
        for suffix in (".asc", ".key"):
            files[f"{base}/{REPOMD}{suffix}"] = body = _read(client, f"{base}/{REPOMD}{suffix}")
            assert body.startswith(b"-----BEGIN PGP ")
        return files


def _read(client: Client, url: str) -> bytes:
    answer = client.request("GET", url)
    assert answer.status == 200, url
    return answer.body
