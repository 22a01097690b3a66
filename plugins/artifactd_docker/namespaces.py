"""`?ns=`: which registry a client means that asks a mirror for its images (OCI distribution-spec, "Registry
Proxying"). Container runtimes send it to the mirror they are configured with.

Rule 1: a namespace is looked up in the settings of repositories and nowhere else. One that no repository
stands for is a repository that does not exist; nobody is asked for it (docker R11).
Rule 2: a namespace is an entry point: a token that was issued for one is good for that one.
"""

import re
from typing import Final

from artifactd.plugin import Arrival, Directory, QueryParams

MAIN: Final = "main"
"""The entry point that is declared for no repository."""

_MARK: Final = "ns:"
_NOBODY: Final = f"{_MARK}-"
"""Stands for whatever is no host."""

HOST: Final = r"(?:[a-z0-9.-]{1,253}|\[[0-9a-f:.]{2,45}\])(?::[0-9]{1,5})?"
"""A registry's host and port, in lower case, as a regular expression."""

_HOST = re.compile(HOST)


def entry_of(entry: str, query_string: bytes) -> str:
    """The entry point that a request means: `ns:HOST` where its query names one, or, when it is for a
    token, the service that needs the token. A declared host or port stands for its repository whatever is
    asked there."""
    if entry != MAIN or b"ns" not in query_string:
        return entry
    query = QueryParams(query_string)
    host = query.get("ns", "")
    if not host:
        service = query.get("service", "")
        if not service.startswith(_MARK):
            return entry
        host = service.removeprefix(_MARK)
    host = host.lower()
    return f"{_MARK}{host}" if _HOST.fullmatch(host) else _NOBODY


def namespace_of(arrival: Arrival) -> str | None:
    """The registry host that a request names, None where it names none or ourselves."""
    if not arrival.entry.startswith(_MARK):
        return None
    host = arrival.entry.removeprefix(_MARK)
    return None if host == arrival.host.lower() else host


def repository_of(namespace: str, directory: Directory) -> str | None:
    """The repository that stands for a registry host: of several the first by name."""
    for record in directory.all():
        if record.format == "docker" and namespace in record.settings.get("namespaces", ()):
            return record.name
    return None
