"""What the members of a group have published, while it is merged."""

from collections.abc import Iterator
from dataclasses import dataclass

from artifactd.plugin import PublicationMember, UpstreamInvalid
from artifactd_rpm import repomd
from artifactd_rpm.compression import LARGEST, decompressed, pieces
from artifactd_rpm.owners import REPOMD
from artifactd_rpm.reading import Document
from artifactd_rpm.repomd import Record, Repomd, is_safe
from artifactd_rpm.writing import NAMESPACES, join


@dataclass(frozen=True, slots=True)
class MemberSet:
    """The set of one member, for the folder `key`."""

    key: str
    member: PublicationMember
    repomd: Repomd

    @property
    def name(self) -> str:
        return self.member.name

    def path(self, href: str) -> str:
        """The path of what is listed at an href."""
        return join(self.key, href)

    def stored(self, record: Record) -> Iterator[bytes]:
        """The bytes of a file of the set. Raises AssetNotFound."""
        href = record.href.removeprefix("./")
        if record.base or not is_safe(href):
            raise UpstreamInvalid(f"{self.name} has its {record.kind} at {href!r}, outside of its folder")
        with self.member.open(self.path(href)) as file:
            yield from pieces(file)

    def opened(self, record: Record, limit: int = LARGEST) -> Iterator[bytes]:
        """What a file of the set holds. Raises AssetNotFound, and UpstreamInvalid."""
        size = limit if record.open_size is None else min(limit, record.open_size)
        return decompressed(self.stored(record), size)

    def document(self, kind: str) -> Document | None:
        """One of the documents that list its packages, if it has that."""
        record = self.repomd.find(kind)
        if record is None:
            return None
        return Document(self.opened(record), "package", namespace=NAMESPACES[kind])


def member_set(key: str, member: PublicationMember) -> MemberSet:
    """What a member has published for the folder `key`."""
    with member.open(join(key, REPOMD)) as file:
        return MemberSet(key, member, repomd.parse(file.read(repomd.LARGEST + 1)))
