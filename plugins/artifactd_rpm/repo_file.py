"""The generated .repo file: what makes dnf, yum and zypper use a repository (rpm N)."""

import re
from typing import Final
from urllib.parse import quote

from artifactd.plugin import AssetNotFound, Content, Exchange, Rendered, RouteNotFound
from artifactd_rpm.files import served
from artifactd_rpm.media_types import TEXT
from artifactd_rpm.owners import REPOMD

_VARIABLES: Final = {0: "", 1: "$basearch/", 2: "$releasever/$basearch/"}
"""What repodata's folders usually are, by their number; clients put in what they are."""

_KEYS: Final = "RPM-GPG-KEY"
"""What the files of keys that packages are signed with are called by custom."""

_MOST_KEYS: Final = 20

_NO_SECTION: Final = re.compile(r"[^A-Za-z0-9_.:-]+")


def get_repo_file(exchange: Exchange) -> Content | Rendered:
    """The generated file, at `<repository>.repo` at the root or beside `repodata/`; others as they are.
    Addresses are as this client sees them (rpm N2), and no credentials stand in them. Raises RouteNotFound
    where nobody can say which folder is meant."""
    path = exchange.located.path
    if exchange.params["name"] != exchange.repository.name:
        return served(exchange.repository.get(path))
    repository, arrival, located = exchange.repository, exchange.arrival, exchange.located
    settings = repository.settings
    folder = exchange.params.get("folder", "")
    if folder:
        written = f"{quote(folder)}/"
    elif settings.repodata_depth in _VARIABLES:
        written = _VARIABLES[settings.repodata_depth]
    else:
        raise RouteNotFound(path)
    base = f"{arrival.scheme}://{arrival.host}{located.prefix}"
    signed = _is_signed(exchange, folder)
    keys = [f"{base}{written}{REPOMD}.key"] if signed else []
    keys += [f"{base}{quote(key)}" for key in _package_keys(exchange, folder)]
    section = _NO_SECTION.sub("-", f"{repository.name}-{folder}" if folder else repository.name)
    facts = {
        "name": section,
        "baseurl": f"{base}{written}",
        "enabled": "1",
        "gpgcheck": str(int(settings.gpgcheck)),
        "repo_gpgcheck": str(int(signed)),
        "gpgkey": "\n       ".join(keys),
        "metadata_expire": settings.metadata_expire,
        "module_hotfixes": "1" if settings.module_hotfixes else "",
    }
    lines = [f"[{section}]", *(f"{name}={value}" for name, value in facts.items() if value), ""]
    return Rendered(200, [("Content-Type", TEXT), ("Cache-Control", "no-cache")], "\n".join(lines).encode())


def _is_signed(exchange: Exchange, folder: str) -> bool:
    """As its repodata is; as it will be, where none was published yet."""
    repository = exchange.repository
    repomd = f"{folder}/{REPOMD}" if folder else REPOMD
    try:
        repository.stat(repomd)
    except AssetNotFound:
        signed: bool = repository.settings.sign_metadata
        return signed
    try:
        repository.stat(f"{repomd}.key")
    except AssetNotFound:
        return False
    return True


def _package_keys(exchange: Exchange, folder: str) -> list[str]:
    """Files of keys that lie in the folder, or in the root."""
    found = []
    for place in dict.fromkeys((f"{folder}/" if folder else "", "")):
        page = exchange.repository.list(place, after=_KEYS[:-1], limit=_MOST_KEYS)
        names = [entry.path for entry in page.items if entry.asset is not None]
        found += [f"{place}{name}" for name in names if name.startswith(_KEYS)]
    return found
