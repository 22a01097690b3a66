"""What a proxy asks an upstream index for (pypi H). Pure.

Rule 1: a file is fetched from where its project's page says it is, and from nowhere else: nothing of a
request but the names of project and file gets into an address.
Rule 2: what a page does not offer is not asked for. Installers ask for much that is not there.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Final
from urllib.parse import urlsplit

from artifactd.plugin import IMMUTABLE, MUTABLE, Fetch, Freshness, Look
from artifactd_pypi.attestations import PROVENANCE_TYPE
from artifactd_pypi.files import FILE_TYPE
from artifactd_pypi.listing import HASHES, File
from artifactd_pypi.names import (
    METADATA,
    PROVENANCE,
    SIGNATURE,
    is_name,
    is_page,
    main_name,
    project_name,
)
from artifactd_pypi.project_index import PROJECTS
from artifactd_pypi.settings import PyPISettings, immutable

ACCEPT: Final = (
    "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.1, text/html;q=0.01"
)
"""As pip sends it: indexes are tried with that (pypi R31, R130)."""

_PROVENANCE_FRESH: Final = Freshness(timedelta(hours=1), timedelta(days=30))
"""An attestation may be added, or its publisher be found out; neither is urgent."""


def fetch(path: str, settings: PyPISettings, look: Look) -> Sequence[Fetch]:
    """What to ask for a page, a file, or what lies beside one."""
    project, _, name = path.partition("/")
    if not is_name(project) or project != project_name(project):
        return ()
    if is_page(name):
        return (Fetch(page_url(look.url, settings.simple_path, project), MUTABLE, ACCEPT, whole=True),)
    if name.startswith("."):
        return ()  # what we note ourselves
    file = look.document(PROJECTS, project).offers(main_name(name))
    if file is None or file.origin is None:
        return ()
    if name.endswith(PROVENANCE):
        return _provenance(file.origin.provenance)
    freshness = IMMUTABLE if immutable(path, settings) else MUTABLE
    if name.endswith(METADATA):
        return _metadata(file, file.origin.url, freshness)
    if name.endswith(SIGNATURE):
        return _signature(file, file.origin.url, freshness)
    known = _checkable(file.hashes)
    return (Fetch(file.origin.url, freshness, expected=known, size=file.size, content_type=FILE_TYPE),)


def page_url(upstream: str, simple_path: str, project: str) -> str:
    """The address of a project's page. `upstream` ends in a slash; the path of the pages is added to it
    unless it is what `upstream` ends in, as in the address that installers are given (pypi R131)."""
    folder = simple_path.strip("/")
    # devpi marks its own names by a plus.
    if folder and not upstream.endswith((f"/{folder}/", f"/+{folder}/")):
        upstream += f"{folder}/"
    return f"{upstream}{project}/"


def _metadata(file: File, url: str, freshness: Freshness) -> Sequence[Fetch]:
    """Only where the page says that it is there (pypi R47)."""
    if file.metadata is None:
        return ()
    known = _checkable(file.metadata)
    return (Fetch(_beside(url, METADATA), freshness, expected=known, content_type=FILE_TYPE, whole=True),)


def _signature(file: File, url: str, freshness: Freshness) -> Sequence[Fetch]:
    """Unless the page says that there is none: a page that says nothing may have one (PEP 503)."""
    if file.signed is False:
        return ()
    return (Fetch(_beside(url, SIGNATURE), freshness, content_type=FILE_TYPE, whole=True),)


def _provenance(url: str) -> Sequence[Fetch]:
    if not url:
        return ()
    kind = PROVENANCE_TYPE
    return (Fetch(url, _PROVENANCE_FRESH, accept=kind, content_type=kind, whole=True),)


def _beside(url: str, suffix: str) -> str:
    """The address of what lies beside a file: behind its path, and before a query that may let us in."""
    parts = urlsplit(url)
    return parts._replace(path=parts.path + suffix).geturl()


def _checkable(hashes: Mapping[str, str]) -> Mapping[str, str]:
    """The hashes of those algorithms that installers check by."""
    return {name: digits for name, digits in hashes.items() if name in HASHES}
