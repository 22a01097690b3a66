"""The repodata of a group: one set from those of its members (rpm H).

The packages of each member are gone through twice. The first time says which are taken: of each NEVRA that
of the first member (rpm R121), whatever versions there are, and of proxies nothing that is called as what a
hosted member owns. The second time writes them as they stand. A few dozen bytes for each package are
remembered in between.
"""

import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Final
from xml.sax.saxutils import quoteattr

from artifactd.plugin import Generation, GroupInputs, PublicationWriter, UpstreamInvalid
from artifactd_rpm.compression import COMPRESSIONS
from artifactd_rpm.members import MemberSet, member_set
from artifactd_rpm.merged_metadata import add_metadata
from artifactd_rpm.owners import package_name
from artifactd_rpm.reading import Listed, declared, listed, moved, outermost
from artifactd_rpm.repomd import is_safe
from artifactd_rpm.writing import CompressedFile, RepodataWriter, join

MEMBER: Final = "_member"
"""The folder of a group that has a folder for each member: what lies there is that member's (rpm R122)."""

_DROPPED, _AS_IT_IS, _BY_MEMBER = range(3)
"""What becomes of a package of a member: nothing, an entry, or one with a location below `MEMBER`."""

_NEVER: Final = 1 << 32
"""Seconds since the epoch. A member that says that it is of later times says something else."""

_PKGID: Final = re.compile(rb"""<package\s[^<]*?\bpkgid\s*=\s*["']([0-9a-fA-F]+)["']""")

logger = logging.getLogger("artifactd.rpm")


def merge_repodata(
    key: str, inputs: GroupInputs, previous: Generation | None, out: PublicationWriter
) -> None:
    """Write the set of the folder `key`. Raises when the set of a member cannot be read: without it, its
    packages would seem to be gone."""
    settings = inputs.settings
    sets = [member_set(key, member) for member in inputs.members]
    choice = _Choice(_owned(sets))
    taken = [choice.take(found) for found in sets]
    repodata = RepodataWriter(key, out, COMPRESSIONS[settings.compression])
    with repodata.documents(sum(part.count for part in taken)) as (primary, filelists, other):
        for part in taken:
            _write_primary(part, primary)
            _write_listed(part, "filelists", filelists)
            _write_listed(part, "other", other)
    add_metadata(sets, repodata)
    times = (record.timestamp for found in sets for record in found.repomd.records)
    newest = max((time for time in times if time < _NEVER), default=0)
    notes = {"members": {found.name: found.repomd.revision for found in sets}}
    repodata.finish(previous, newest, signed=settings.sign_metadata, notes=notes)


@dataclass(slots=True)
class _Taken:
    """What is taken of a member: a decision for each of its packages, in their order, and digests of the
    checksums of those taken. `namespaces`: those that its primary declares."""

    found: MemberSet
    decisions: bytearray = field(default_factory=bytearray)
    packages: set[bytes] = field(default_factory=set)
    namespaces: Mapping[str, str] = field(default_factory=dict)

    @property
    def count(self) -> int:
        return len(self.packages)


def _owned(sets: Sequence[MemberSet]) -> Mapping[str, str]:
    """The names of packages that hosted members list in this folder, and where one lies of each."""
    owned: dict[str, str] = {}
    if any(found.member.asks_upstream for found in sets):
        for found in sets:
            record = found.repomd.find("primary")
            if record is not None and not found.member.asks_upstream:
                for _, element in outermost(found.opened(record), "package"):
                    package = listed(element)
                    owned.setdefault(package.name, found.path(package.href))
    return owned


class _Choice:
    """What is taken so far, of all members. `owned`: names of hosted members, and paths of theirs."""

    def __init__(self, owned: Mapping[str, str]) -> None:
        self._owned = owned
        self._nevras: set[bytes] = set()
        self._packages: set[bytes] = set()
        self._hrefs: set[bytes] = set()

    def take(self, found: MemberSet) -> _Taken:
        """Decide on the packages of the next member."""
        taken = _Taken(found)
        document = found.document("primary")
        for _, element in document or ():
            package = listed(element)
            decision = self._decide(package, found)
            taken.decisions.append(decision)
            if decision != _DROPPED:
                taken.packages.add(_short(package.checksum))
        taken.namespaces = {} if document is None else document.namespaces
        dropped = len(taken.decisions) - taken.count
        if dropped:
            logger.info("%s: %d of %d packages left out", found.name, dropped, len(taken.decisions))
        return taken

    def _decide(self, package: Listed, found: MemberSet) -> int:
        href = package.href.removeprefix("./")
        if package.base or not is_safe(href):
            return _DROPPED  # it lies elsewhere, where no member can get it (rpm R123)
        place = _short(href)
        is_another = place in self._hrefs
        self._hrefs.add(place)
        nevra, checksum = _short(package.nevra), _short(package.checksum)
        if nevra in self._nevras or checksum in self._packages or not self._allows(package, href, found):
            return _DROPPED
        self._nevras.add(nevra)
        self._packages.add(checksum)
        # The file at this path of the group may be another member's.
        is_elsewhere = found.member.asks_upstream or is_another or MEMBER in href.split("/")
        return _BY_MEMBER if is_elsewhere else _AS_IT_IS

    def _allows(self, package: Listed, href: str, found: MemberSet) -> bool:
        """Whether the group may have it from the member: by where it lies, and by the name that clients
        see, whatever its file is called and wherever hosted members keep theirs."""
        folder, _, filename = href.rpartition("/")
        paths = [found.path(href)]
        if package_name(filename) != package.name:
            paths.append(found.path(join(folder, f"{package.name}-0-0.noarch.rpm")))
        if package.name in self._owned:
            paths.append(self._owned[package.name])
        return all(map(found.member.allows, paths))


def _write_primary(taken: _Taken, file: CompressedFile) -> None:
    prefix = f"{MEMBER}/{taken.found.name}/".encode()
    file.begin()
    for decision, element in _elements(taken):
        if decision == _BY_MEMBER:
            element = moved(element, prefix)
        file.write(element + b"\n")
    file.end()


def _write_listed(taken: _Taken, kind: str, file: CompressedFile) -> None:
    """Write a document beside primary, with as many packages as that (rpm R60): who reads it counts."""
    missing = set(taken.packages)
    file.begin()
    for _, element in taken.found.document(kind) or ():
        pkgid = _PKGID.match(element)
        if pkgid is not None and (digest := _short(pkgid[1].decode().lower())) in missing:
            missing.remove(digest)
            file.write(element + b"\n")
    if missing:
        for _, element in _elements(taken):
            package = listed(element)
            if _short(package.checksum) in missing:
                file.write(_empty(package))
    file.end()


def _elements(taken: _Taken) -> Iterator[tuple[int, bytes]]:
    """The packages that are taken, and how, from a primary that was gone through once."""
    record = taken.found.repomd.find("primary")
    data = taken.found.opened(record) if record is not None else ()
    place = -1
    for place, (name, element) in enumerate(outermost(data, "package")):
        decision = taken.decisions[place] if place < len(taken.decisions) else _DROPPED
        if decision != _DROPPED:
            yield decision, declared(element, name, taken.namespaces)
    if place + 1 != len(taken.decisions):
        raise UpstreamInvalid(f"the primary of {taken.found.name} was replaced while it was read")


def _empty(package: Listed) -> bytes:
    """The element of a package that has nothing in a document."""
    name, arch, version = quoteattr(package.name), quoteattr(package.arch), quoteattr(package.version)
    evr = f"epoch={quoteattr(package.epoch)} ver={version} rel={quoteattr(package.release)}"
    tag = f'<package pkgid="{package.checksum}" name={name} arch={arch}>'
    return f"{tag}\n  <version {evr}/>\n</package>\n".encode()


def _short(said: str) -> bytes:
    """Enough to tell two apart, in less memory."""
    return blake2b(said.encode(), digest_size=16).digest()
