"""What groups publish beside the packages of their members (rpm R124)."""

import logging
import re
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Final

from artifactd.plugin import AssetNotFound
from artifactd_rpm import comps, modules
from artifactd_rpm.members import MemberSet
from artifactd_rpm.repomd import Record
from artifactd_rpm.runs import DOCUMENTS
from artifactd_rpm.updateinfo import merged_updates
from artifactd_rpm.writing import RepodataWriter

_GROUPS: Final = ("group", "group_gz", "group_xz", "group_zst", "group_bz2")
_UPDATES: Final = "updateinfo"
_MODULES: Final = "modules"
_PRODUCT: Final = "productid"

_NOT_MERGED: Final = re.compile(r".*_(?:db|zck)|prestodelta|deltainfo|filelists[_-]ext")
"""Other forms of the documents, which no longer say the same, and differences between packages, which would
need packages that the group may not have."""

_CHECKSUM: Final = re.compile(r"(?:[0-9a-f]{32,128}-)?(.*)")
_UNFIT: Final = re.compile(r"[^A-Za-z0-9._-]+")

logger = logging.getLogger("artifactd.rpm")

_Found = Sequence[tuple[MemberSet, Record]]


def add_metadata(sets: Sequence[MemberSet], repodata: RepodataWriter) -> None:
    """Add the groups, advisories and modules of all members, and of other kinds those of the first member
    that has any. What only one member has stays as it is."""
    groups = _having(sets, *_GROUPS)
    if groups:
        repodata.groups(_merged(groups, comps.merged_comps, comps.LARGEST))
    updates = _having(sets, _UPDATES)
    if updates:
        sources = [partial(found.opened, record) for found, record in updates]
        repodata.compress(
            _UPDATES, "updateinfo.xml", sources[0]() if len(sources) == 1 else merged_updates(sources)
        )
    streams = _having(sets, _MODULES)
    if streams:
        merged = _merged(streams, modules.merged_modules, modules.LARGEST)
        repodata.compress(_MODULES, "modules.yaml", merged)
    products = _having(sets, _PRODUCT)
    if len(products) == 1:  # two certificates cannot both be that of what the group is
        _add_first(_PRODUCT, products, repodata)
    merged_kinds = {*DOCUMENTS, *_GROUPS, _UPDATES, _MODULES, _PRODUCT}
    kinds = {record.kind: None for found in sets for record in found.repomd.records}
    for kind in kinds:
        if kind not in merged_kinds and not _NOT_MERGED.fullmatch(kind):
            _add_first(kind, _having(sets, kind), repodata)


def _having(sets: Sequence[MemberSet], *kinds: str) -> _Found:
    """The members that have a record of one of these kinds, and that."""
    return [(found, record) for found in sets if (record := found.repomd.find(*kinds)) is not None]


def _merged(having: _Found, merge: Callable[[Sequence[bytes]], bytes], limit: int) -> Iterable[bytes]:
    documents = [b"".join(found.opened(record, limit)) for found, record in having]
    return documents if len(documents) == 1 else [merge(documents)]


def _add_first(kind: str, having: _Found, repodata: RepodataWriter) -> None:
    found, record = having[0]
    named = _CHECKSUM.fullmatch(record.href.rpartition("/")[2])
    name = _UNFIT.sub("-", named[1] if named is not None else kind) or kind
    try:
        repodata.copy(kind, name, found.stored(record))
    except AssetNotFound:
        # It is none of those that a proxy has before it takes a set over: half a mirror may lack it.
        logger.info("%s lacks the %s that its repomd.xml names", found.name, kind)
