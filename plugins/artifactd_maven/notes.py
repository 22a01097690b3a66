"""What we note beside files: facts without bytes, which have a history and are undone like files."""

from typing import Final

from artifactd.plugin import Edit, Exchange, Forbidden, Unauthenticated, Verb
from artifactd_maven.layout import Place, deleted_path

FACT: Final = "application/json"
"""Their media type."""


def may_write(exchange: Exchange, path: str) -> bool:
    """Whether the client may write at a path, where that is not what it asks for."""
    try:
        exchange.repository.permit(Verb.WRITE, path)
    except (Forbidden, Unauthenticated):
        return False
    return True


def note_deletion(exchange: Exchange, edit: Edit, place: Place, *, right: str) -> None:
    """Note when something of a version was deleted, so that the moment its metadata was last changed never
    goes back (maven L3, R81)."""
    if place.gav is None:
        return
    directories = [place.gav.owner, *([place.gav.directory] if place.gav.is_snapshot else [])]
    facts = {"path": place.main, "at": exchange.services.now()}
    for directory in directories:
        edit.put(deleted_path(directory), None, content_type=FACT, attributes=facts, right=right)
