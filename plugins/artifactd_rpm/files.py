"""Files as clients get them: packages, repodata, and whatever else lies in a repository.

The signature of repomd.xml has no version in its name. A client that got one of the two before a new set
was published, and gets the other after, would say that it is forged. So whoever is given one of them is
given the other of the same set when it asks within a minute (rpm R91): dnf asks for repomd.xml first,
zypper for its signature.
"""

from dataclasses import replace
from datetime import timedelta
from typing import Final

from artifactd.plugin import AssetNotFound, Content, Exchange, Rendered, Verb
from artifactd_rpm.builds import release
from artifactd_rpm.mirrors import MIRRORS_PATH
from artifactd_rpm.owners import PACKAGE, REPOMD

SIGNATURE: Final = ".asc"

REMEMBERED_FOR: Final = timedelta(seconds=60)
"""How long a client may take from one of the two to the other."""

_NO_LONGER: Final = timedelta(0)
_TRIES: Final = 3
"""How often repomd.xml and its signature are read until both are of one edit: an edit takes milliseconds,
and there are seconds between two."""

_CHANGES: Final = ("Cache-Control", "no-cache, no-transform")
_STAYS: Final = ("Cache-Control", "max-age=31536000, immutable, no-transform")
"""A proxy that compresses what it passes on would change lengths that clients know (rpm R141)."""

_SANDBOX: Final = ("Content-Security-Policy", "sandbox")


def get_file(exchange: Exchange) -> Content:
    """A file."""
    path = exchange.params["path"]
    if _is_repomd(path):
        return served(_repomd(exchange, path))
    if path.endswith(SIGNATURE) and _is_repomd(path.removesuffix(SIGNATURE)):
        return served(_signature(exchange, path))
    content = exchange.repository.get(path)
    asset = content.head.asset
    if path == MIRRORS_PATH or (asset is not None and asset.blob is None):
        raise AssetNotFound(exchange.repository.name, path, content.depends)  # what we note ourselves
    return served(content)


def delete_file(exchange: Exchange) -> Rendered:
    """Delete a file; of a proxy its copy."""
    path = exchange.params["path"]
    with exchange.repository.edit(f"delete {path}") as edit:
        edit.delete(path)
        asset = exchange.services.held(path)
        if asset is not None and path.endswith(PACKAGE):
            release(exchange, edit, asset)
    return Rendered(204)


def served(content: Content) -> Content:
    """A file with what caches, and browsers, are told of it."""
    return content.with_headers(_STAYS if content.head.immutable else _CHANGES, _SANDBOX)


def _is_repomd(path: str) -> bool:
    return path == REPOMD or path.endswith(f"/{REPOMD}")


def _repomd(exchange: Exchange, path: str) -> Content:
    """The repomd.xml whose signature this client has got already, else the present one."""
    services = exchange.services
    if exchange.arrival.method == "HEAD":
        return _pair(exchange, path)[0]
    known = services.recall(path)
    if known is not None:
        exchange.repository.permit(Verb.READ, path)
        # Once only: who asks again wants to know what has been published since.
        services.remember(path, known, _NO_LONGER)
        return known
    content, signature = _pair(exchange, path)
    if signature is None:  # one that is remembered is another set's
        services.remember(path + SIGNATURE, content, _NO_LONGER)
    else:
        services.remember(path + SIGNATURE, signature, REMEMBERED_FOR)
    return content


def _signature(exchange: Exchange, path: str) -> Content:
    """The signature of the repomd.xml that this client got last, else the present one."""
    services, repomd = exchange.services, path.removesuffix(SIGNATURE)
    known = services.recall(path)
    if known is not None:
        exchange.repository.permit(Verb.READ, path)
        return known
    content, signature = _pair(exchange, repomd)
    if signature is None:
        raise AssetNotFound(exchange.repository.name, path, content.depends)
    services.remember(repomd, content, REMEMBERED_FOR)
    return signature


def _pair(exchange: Exchange, path: str) -> tuple[Content, Content | None]:
    """repomd.xml and its signature, of one edit; None where there is none. What is signed is kept out of
    the cache of answers: who is answered from there is not seen here, and would not be remembered."""
    repository = exchange.repository
    for _ in range(_TRIES):
        content = repository.get(path)
        try:
            signature = repository.get(path + SIGNATURE)
        except AssetNotFound:
            return content, None
        if _of_one_edit(content, signature):
            break
    return replace(content, depends=None), replace(signature, depends=None)


def _of_one_edit(one: Content, other: Content) -> bool:
    assets = one.head.asset, other.head.asset
    return assets[0] is None or assets[1] is None or assets[0].revision == assets[1].revision
