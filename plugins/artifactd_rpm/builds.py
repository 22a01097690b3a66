"""Which file a package is: for repositories where each version is taken once (rpm R25).

Noted as facts, one for each package, at `<folder>/.builds/<nevra>`: so that of two who put the same package
at the same time the second is told.
"""

from collections.abc import Callable
from typing import Final

from artifactd.plugin import Asset, Edit, Exchange, InvalidInput
from artifactd_rpm.owners import folder_of

BUILDS: Final = ".builds"
"""The folder of these facts, beside packages and the folders that spread them out."""

_FACT: Final = "application/json"


def claim(exchange: Exchange, edit: Edit, path: str, nevra: str) -> None:
    """Let an edit that puts a package happen only if no other file of its folder is the same package.
    Raises InvalidInput where one is known already."""
    fact_path = _fact_path(path, nevra)
    known = exchange.services.held(fact_path)
    if known is not None:
        _check(exchange, known, path, nevra)
    edit.check(fact_path, _nobody_elses(path, nevra, known))
    edit.put(fact_path, None, content_type=_FACT, attributes={"path": path})


def release(exchange: Exchange, edit: Edit, asset: Asset) -> None:
    """Have an edit that deletes a package forget that it was there."""
    fact_path = _fact_path(asset.path, asset.label)
    known = exchange.services.held(fact_path)
    if known is not None and known.attributes["path"] == asset.path:
        edit.delete(fact_path)


def _fact_path(path: str, nevra: str) -> str:
    return "/".join(part for part in (folder_of(path), BUILDS, nevra) if part)


def _check(exchange: Exchange, known: Asset, path: str, nevra: str) -> None:
    """A file may have been replaced, or deleted, while nobody minded duplicates."""
    other = known.attributes["path"]
    if other == path:
        return
    asset = exchange.services.held(other)
    if asset is not None and asset.label == nevra:
        raise _taken(other, nevra)


def _nobody_elses(path: str, nevra: str, known: Asset | None) -> Callable[[Asset | None], None]:
    def holds(fact: Asset | None) -> None:
        seen = fact is not None and known is not None and fact.id == known.id
        if fact is not None and not seen and fact.attributes["path"] != path:
            raise _taken(fact.attributes["path"], nevra)

    return holds


def _taken(path: str, nevra: str) -> InvalidInput:
    return InvalidInput(f"{nevra} is here already, at {path!r}, and each package is taken once here")
