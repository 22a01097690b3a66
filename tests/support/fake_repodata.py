"""A repository of packages as others serve it, in a fake upstream.

    there = FakeRepodata(upstream, "/el9/")
    there.publish({"Packages/acme-1.0-1.noarch.rpm": rpm("acme")})

Its signatures say nothing: they are told apart by the revision that stands in them.
"""

import gzip
import hashlib
import io
from collections.abc import Mapping, Sequence

from artifactd_rpm.fragments import filled, fragments_of
from artifactd_rpm.package import read_package
from artifactd_rpm.repomd import RPM, Record, Repomd, rendered
from artifactd_rpm.writing import NAMESPACES
from tests.support.fake_upstream import FakeUpstream

_ROOTS = {"primary": "metadata", "filelists": "filelists", "other": "otherdata"}


class FakeRepodata:
    """What is published below `base`, the path of a folder."""

    def __init__(self, upstream: FakeUpstream, base: str = "/") -> None:
        self.base = base
        self.revision = 0
        self.files: dict[str, str] = {}
        self._upstream = upstream

    @property
    def url(self) -> str:
        return f"{self._upstream.url}{self.base}"

    def publish(
        self,
        packages: Mapping[str, bytes],
        *,
        extra: Mapping[str, tuple[str, bytes]] | None = None,
        signed: bool = False,
        named: bool = True,
        without: Sequence[str] = (),
    ) -> bytes:
        """Put a new set, and its packages by their paths, in place of the one before; its repomd.xml.
        `extra`: files by kind, as (name, bytes). `named`: whether names have checksums. `without`: kinds
        whose files are missing still."""
        self.revision += 1
        for path, body in packages.items():
            self._put(path.replace("^", "%5E").replace("+", "%2B"), body)
        documents = {
            kind: (f"{kind}.xml.gz", gzip.compress(_document(kind, packages), mtime=0)) for kind in _ROOTS
        }
        records = []
        for kind, (name, body) in {**documents, **(extra or {})}.items():
            checksum = hashlib.sha256(body).hexdigest()
            href = f"repodata/{checksum}-{name}" if named else f"repodata/{name}"
            self.files[kind] = href
            if kind not in without:
                self._put(href, body)
            records.append(Record(kind, href, ("sha256", checksum), len(body)))
        repomd = rendered(Repomd(str(self.revision), records))
        self._put("repodata/repomd.xml", repomd)
        if signed:
            self._put("repodata/repomd.xml.asc", self.signature)
        return repomd

    @property
    def signature(self) -> bytes:
        """That of the present set."""
        lines = ["-----BEGIN PGP SIGNATURE-----", "", str(self.revision), "-----END PGP SIGNATURE-----", ""]
        return "\n".join(lines).encode()

    def _put(self, path: str, body: bytes) -> None:
        etag = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
        self._upstream.put(f"{self.base}{path}", body, "application/octet-stream", etag=etag)


def _document(kind: str, packages: Mapping[str, bytes]) -> bytes:
    root = f'{_ROOTS[kind]} xmlns="{NAMESPACES[kind]}" packages="{len(packages)}"'
    if kind == "primary":
        root += f' xmlns:rpm="{RPM}"'
    elements = [_fragment(kind, path, body) for path, body in packages.items()]
    head = f'<?xml version="1.0" encoding="UTF-8"?>\n<{root}>\n'.encode()
    return head + b"".join(elements) + f"</{_ROOTS[kind]}>\n".encode()


def _fragment(kind: str, path: str, body: bytes) -> bytes:
    made = filled(
        fragments_of(read_package(io.BytesIO(body))),
        checksum_type="sha256",
        checksum=hashlib.sha256(body).hexdigest(),
        size=len(body),
        time_file=1_700_000_000,
        href=path,
    )
    fragment: bytes = getattr(made, kind)
    return fragment
