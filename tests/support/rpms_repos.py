"""Repositories of RPM packages as other servers have them: made by createrepo_c, signed by gpg.

with keyring("repo@theirs.example") as keys, RpmUpstream() as upstream:
    upstream.publish(create(tmp_path / "1", *rpms.theirs, keys=keys))
"""

import hashlib
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import quote, unquote
from xml.etree import ElementTree

from benchmarks.peers import free_port, nginx
from tests.support.fake_answers import Asked, Reply, Resource
from tests.support.fake_upstream import FakeUpstream
from tests.support.programs import Program, installed
from tests.support.rpms_keys import Keyring
from tests.support.serving import eventually, listens

REPOMD = "repodata/repomd.xml"
_REPO = "{http://linux.duke.edu/metadata/repo}"


def create(
    folder: Path,
    *packages: Path,
    keys: Keyring | None = None,
    comps: bytes = b"",
    modules: bytes = b"",
    updateinfo: bytes = b"",
) -> Path:
    """Make a folder a repository with these packages below `Packages/`; the folder."""
    (folder / "Packages").mkdir(parents=True, exist_ok=True)
    for package in packages:
        shutil.copy(package, folder / "Packages")
    flags = ["--quiet", "--no-database"]
    if comps:
        (folder / "comps.xml").write_bytes(comps)
        flags += ["--groupfile", str(folder / "comps.xml")]
    Program(installed("createrepo_c"), flags)(folder)
    for kind, document in (("modules", modules), ("updateinfo", updateinfo)):
        if document:
            file = folder / f"{kind}.{'yaml' if kind == 'modules' else 'xml'}"
            file.write_bytes(document)
            modify = Program(installed("modifyrepo_c"), ["--mdtype", kind])
            modify(file, folder / "repodata")
    if keys is not None:
        entry = folder / REPOMD
        entry.with_name("repomd.xml.asc").write_bytes(keys.signature(entry.read_bytes()))
        entry.with_name("repomd.xml.key").write_bytes(keys.public)
    return folder


class RpmUpstream(FakeUpstream):
    """A web server with a repository at its root."""

    def publish(self, folder: Path, *, at: str = "/") -> None:
        """Have what is in a folder; what was there before is as it was. The entry document comes last."""
        files = [file for file in sorted(folder.rglob("*")) if file.is_file()]
        for file in sorted(files, key=lambda file: file.name.startswith("repomd.xml")):
            self.put(at + file.relative_to(folder).as_posix(), file.read_bytes())

    def drop(self, pattern: str, *, but: Path) -> None:
        """Have nothing any more at paths that match, but for what is in a folder."""
        for path in [path for path in self._resources if Path(path).match(pattern)]:
            if not (but / path.lstrip("/")).exists():
                self.remove(path)

    def find(self, asked: Asked) -> Resource | Reply | None:
        return super().find(replace(asked, target=quote(unquote(asked.path), safe="/+^~:")))


@dataclass(frozen=True, slots=True)
class Repomd:
    """An entry document. `files` by the type of data: where they are."""

    revision: int
    files: Mapping[str, str]


def parsed(body: bytes) -> Repomd:
    """What an entry document says."""
    root = ElementTree.fromstring(body)
    files = {}
    for data in root.findall(f"{_REPO}data"):
        location = data.find(f"{_REPO}location")
        assert location is not None
        files[data.attrib["type"]] = location.attrib["href"]
    return Repomd(int(root.findtext(f"{_REPO}revision") or 0), files)


def comps(group: str, *packages: str) -> bytes:
    """A document of package groups with one, whose packages are all mandatory."""
    wanted = "".join(f'<packagereq type="mandatory">{name}</packagereq>' for name in packages)
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE comps PUBLIC "-//Red Hat, Inc.//DTD Comps info//EN" "comps.dtd">
<comps>
 <group>
  <id>{group}</id><name>{group.title()}</name><description>What {group} is</description>
  <default>true</default><uservisible>true</uservisible>
  <packagelist>{wanted}</packagelist>
 </group>
</comps>
""".encode()


def updateinfo(number: str, name: str, version: str, kind: str = "security") -> bytes:
    """A document of one advisory, which has one package of release 1."""
    file = f"{name}-{version}-1.noarch.rpm"
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<updates>
 <update from="security@acme.example" status="stable" type="{kind}" version="1">
  <id>{number}</id><title>{name} is mended</title><severity>Important</severity>
  <issued date="2024-01-02 03:04:05"/><updated date="2024-01-02 03:04:05"/>
  <description>A hole.</description>
  <references/>
  <pkglist><collection short="acme"><name>acme</name>
   <package name="{name}" version="{version}" release="1" epoch="0" arch="noarch" src="{name}.src.rpm">
    <filename>{file}</filename>
   </package>
  </collection></pkglist>
 </update>
</updates>
""".encode()


def modules(module: str, streams: Mapping[str, Sequence[str]], default: str = "") -> bytes:
    """A document of a module's streams, each with its packages (name-epoch:version-release.arch), and which
    is the default."""
    documents = [
        f"""---
document: modulemd
version: 2
data:
  name: {module}
  stream: "{stream}"
  version: 1
  context: abcdef01
  arch: noarch
  summary: Module {module}
  description: What {module} is for
  license:
    module: [Apache-2.0]
  profiles:
    common:
      rpms: [{packages[0].partition("-0:")[0]}]
  artifacts:
    rpms:
{chr(10).join(f"    - {package}" for package in packages)}
...
"""
        for stream, packages in streams.items()
    ]
    if default:
        documents.append(
            f"""---
document: modulemd-defaults
version: 1
data:
  module: {module}
  stream: "{default}"
  profiles:
    "{default}": [common]
...
"""
        )
    return "".join(documents).encode()


def metalink(*mirrors: str, repomd: bytes, timestamp: int = 1700000000) -> bytes:
    """The document that names the mirrors of a repository (metalink 3.0), the best first, by the URLs of
    their roots; and how their entry document must be."""
    urls = "".join(
        f'<url protocol="http" type="http" preference="{100 - number}">{mirror}/{REPOMD}</url>'
        for number, mirror in enumerate(mirrors)
    )
    return f"""<?xml version="1.0" encoding="utf-8"?>
<metalink version="3.0" xmlns="http://www.metalinker.org/" type="dynamic"
  xmlns:mm0="http://fedorahosted.org/mirrormanager">
 <files>
  <file name="repomd.xml">
   <mm0:timestamp>{timestamp}</mm0:timestamp>
   <size>{len(repomd)}</size>
   <verification>
    <hash type="md5">{hashlib.md5(repomd).hexdigest()}</hash>
    <hash type="sha256">{hashlib.sha256(repomd).hexdigest()}</hash>
   </verification>
   <resources maxconnections="1">{urls}</resources>
  </file>
 </files>
</metalink>
""".encode()


@contextmanager
def web_server(folder: Path, root: Path) -> Iterator[str]:
    """nginx with its own files in one folder and what it serves in another; its URL, without a slash at the
    end."""
    installed("nginx")
    folder.mkdir()
    port = free_port()
    server = f"access_log off; server {{ listen 127.0.0.1:{port}; root {root}; }}"
    process = subprocess.Popen(nginx(folder, server))
    try:
        eventually(lambda: listens(port))
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()  # its worker, too
        process.wait(20)
