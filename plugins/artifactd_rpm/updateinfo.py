"""Merging updateinfo: the advisories of several repositories (rpm R124), as they stand there."""

import re
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Final

from artifactd_rpm.reading import Document, attributes, text

Source = Callable[[], Iterable[bytes]]
"""An updateinfo document, read from its beginning whenever it is called."""

_HEAD: Final = b'<?xml version="1.0" encoding="UTF-8"?>\n<updates>\n'
_ID: Final = re.compile(rb"<id>([^<]*)</id>")
_COLLECTION: Final = re.compile(rb"<collection(?:\s([^<]*))?>")
_UPDATED: Final = re.compile(rb"<updated\s([^<]*)>")
_ISSUED: Final = re.compile(rb"<issued\s([^<]*)>")


def merged_updates(sources: Sequence[Source]) -> Iterator[bytes]:
    """One document from several, in parts. Of an advisory that several have for the same collections, the
    one updated last is taken, or the first. Raises UpstreamInvalid."""
    chosen: dict[Hashable, tuple[str, int]] = {}
    for place, source in enumerate(sources):
        for update in _updates(source):
            key, updated = _identity(update), _updated(update)
            if key not in chosen or updated > chosen[key][0]:
                chosen[key] = updated, place
    yield _HEAD
    for place, source in enumerate(sources):
        for update in _updates(source):
            key = _identity(update)
            if chosen.get(key) == (_updated(update), place):
                del chosen[key]  # the same one twice in a document is once enough
                yield b"  %b\n" % update
    yield b"</updates>\n"


def _updates(source: Source) -> Iterator[bytes]:
    return (update for _, update in Document(source(), "update"))


def _identity(update: bytes) -> Hashable:
    named = _ID.search(update)
    tag = update[: update.index(b">")]
    collections = [attributes(found[1] or b"").get("short", "") for found in _COLLECTION.finditer(update)]
    return text(named[1]) if named else "", attributes(tag).get("from", ""), tuple(collections)


def _updated(update: bytes) -> str:
    """When it was updated, or issued, in a form that sorts by time."""
    found = _UPDATED.search(update) or _ISSUED.search(update)
    date = attributes(found[1]).get("date", "") if found is not None else ""
    if date.isascii() and date.isdigit() and len(date) <= 11:
        return datetime.fromtimestamp(int(date), UTC).strftime("%Y-%m-%d %H:%M:%S")
    return date
