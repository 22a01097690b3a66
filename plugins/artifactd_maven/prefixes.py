"""`.meta/prefixes.txt`: what an upstream says it has (maven R92).

Clients ask for nothing that it does not list. So a proxy has its upstream's, word for word; a hosted
repository has none; and a group has none, since one member's would hide what the others have.
"""

from collections.abc import Iterable, Sequence
from typing import Final

from artifactd.plugin import Answer, Asset, AssetNotFound, Change, Exchange, Index, More, Part, Selection
from artifactd_maven.inline import Made
from artifactd_maven.layout import META
from artifactd_maven.layout import PREFIXES as PATH
from artifactd_maven.media_types import TEXT

LARGEST: Final = 8 << 20
"""Bytes of a list of prefixes: the largest known has a few hundred KiB."""


class PrefixIndex:
    """The index of prefixes. Empty but in proxies."""

    name = "maven prefixes"

    def selects(self, key: str) -> Selection:
        return Selection(key)

    def build(self, key: str, assets: Iterable[Asset]) -> bytes:
        return b""

    def apply(self, key: str, document: bytes, changes: Sequence[Change]) -> bytes | None:
        return None

    def size(self, document: bytes) -> int:
        return len(document)

    def path(self, key: str) -> str:
        return PATH

    def parse(self, key: str, answers: Sequence[Answer]) -> bytes | More:
        body = answers[-1].body
        return body if len(body) <= LARGEST else b""

    def merge(self, key: str, parts: Sequence[Part[bytes]]) -> bytes:
        return b""


PREFIXES: Index[bytes] = PrefixIndex()


def prefixes(exchange: Exchange) -> Made:
    """The list. Raises AssetNotFound."""
    document = exchange.repository.index(PREFIXES, META)
    if not document.value:
        raise AssetNotFound(exchange.repository.name, PATH, document.depends)
    return Made(document.value, TEXT, document.changed, document.depends)
