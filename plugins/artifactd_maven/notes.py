"""What we note beside files: facts without bytes, which have a history and are undone like files.

A note is part of what a client does, and none of what it asks for: where it has no right to one, what it
does happens without.
"""

from collections.abc import Iterable
from typing import Final

from artifactd.plugin import Edit, Exchange, Forbidden, Unauthenticated, Verb
from artifactd_maven.layout import Place, deleted_path

FACT: Final = "application/json"
"""Their media type."""


def may(exchange: Exchange, verb: Verb, path: str) -> bool:
    """Whether the client has a right to a note."""
    try:
        exchange.repository.permit(verb, path)
    except (Forbidden, Unauthenticated):
        return False
    return True


def note_deletion(exchange: Exchange, edit: Edit, what: str, of: Iterable[Place], *, right: Verb) -> None:
    """Note when something was deleted of the artifacts and snapshots that these files are of, so that the
    moment their metadata was last changed never goes back (maven L3, R81)."""
    gavs = [place.gav for place in of if place.gav is not None]
    directories = {gav.owner for gav in gavs} | {gav.directory for gav in gavs if gav.is_snapshot}
    facts = {"path": what, "at": exchange.services.now()}
    for path in map(deleted_path, sorted(directories)):
        if may(exchange, right, path):
            edit.put(path, None, content_type=FACT, attributes=facts, right=right)
