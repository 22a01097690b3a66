"""Merging comps: the groups of packages of several repositories (rpm R124). Elements are kept as they stand
in their documents; what another repository adds to a group is put behind what the first one lists."""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from artifactd_rpm.reading import Document, Proof, attributes, text

LARGEST: Final = 64 << 20
"""Bytes of comps; those of Fedora have 2 MiB."""

_HEAD: Final = (
    b'<?xml version="1.0" encoding="UTF-8"?>\n'
    b'<!DOCTYPE comps PUBLIC "-//Red Hat, Inc.//DTD Comps info//EN" "comps.dtd">\n'
    b"<comps>\n"
)
_LISTS: Final = {
    "group": [("packagelist", "packagereq")],
    "category": [("grouplist", "groupid")],
    "environment": [("grouplist", "groupid"), ("optionlist", "groupid")],
    "langpacks": [("langpacks", "match")],
    "blacklist": [("blacklist", "package")],
    "whiteout": [("whiteout", "ignoredep")],
}
"""The elements of comps in their order, the lists in each, and what those consist of."""

_COMMENT: Final = re.compile(rb"<!--.*?-->", re.DOTALL)
_ID: Final = re.compile(rb"<id>([^<]*)</id>")
_INSIDE: Final = rb"""(?:[^"'<>]|"[^"<]*"|'[^'<]*')*?"""  # of a tag, behind its name
_LIST: Final = {
    name: re.compile(
        b"<%b(?:\\s%b)?(?:/>|>(.*?)</%b\\s*>)" % (name.encode(), _INSIDE, name.encode()), re.DOTALL
    )
    for lists in _LISTS.values()
    for pair in lists
    for name in pair
}


def merged_comps(documents: Sequence[bytes]) -> bytes:
    """One comps from several, the more important first. Raises UpstreamInvalid."""
    found: dict[tuple[str, str], bytes] = {}
    for document in documents:
        # Comments may hold packages that somebody has taken out of a group.
        plain = _COMMENT.sub(b"", document)
        for kind, element in Document([plain], *_LISTS, doctype=True):
            named = _ID.search(element)
            key = kind, "" if named is None else text(named[1])
            found[key] = _united(kind, found[key], element) if key in found else element
    by_kind = [element for kind in _LISTS for key, element in found.items() if key[0] == kind]
    merged = _HEAD + b"".join(b"  %b\n" % element for element in by_kind) + b"</comps>\n"
    Proof(doctype=True).feed(merged, last=True)
    return merged


def _united(kind: str, first: bytes, other: bytes) -> bytes:
    """The first element, with what only the other one lists."""
    for name, item in _LISTS[kind]:
        known = {key for key, _ in _items(first, name, item)}
        missing = [entry for key, entry in _items(other, name, item) if key not in known]
        if missing:
            first = _extended(first, kind, name, b"".join(b"      %b\n" % entry for entry in missing))
    return first


def _items(element: bytes, name: str, item: str) -> Iterator[tuple[str, bytes]]:
    found = _LIST[name].search(element)
    for entry in _LIST[item].finditer((found and found[1]) or b""):
        said = text(entry[1]) if entry[1] is not None else attributes(entry[0]).get("name", "")
        yield said, entry[0]


def _extended(element: bytes, kind: str, name: str, entries: bytes) -> bytes:
    """The element with more entries in its list, which need not be there."""
    found = _LIST[name].search(element)
    if found is not None and found[1] is not None:
        end = found.end(1)
        return element[:end] + entries + element[end:]
    made = b"<%b>\n%b</%b>\n" % (name.encode(), entries, name.encode())
    if found is not None:
        return element[: found.start()] + made + element[found.end() :]
    end = element.rindex(b"</" + kind.encode())
    return element[:end] + made + element[end:]
