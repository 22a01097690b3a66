"""What a proxy asks its upstream for (maven F). Pure.

Rule 1: an address is the upstream's with the path behind it, and nothing else of a request.
Rule 2: what the repository cannot have is not asked for.
Rule 3: a file is asked for once its checksum is known, so that no other bytes are taken for it; checksums
of metadata are never asked for, since those are of the very bytes that we serve.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Final

from artifactd.plugin import IMMUTABLE, Fetch, Freshness, Look, quoted
from artifactd_maven.checksums import CHECKSUM, COMPUTED, stated_by_upstream
from artifactd_maven.layout import Kind, Place, parse
from artifactd_maven.media_types import TEXT, XML, media_type
from artifactd_maven.settings import MavenSettings, immutable, is_held

_BEARABLE: Final = timedelta(days=7)
"""How old a copy may be of what changes, while its upstream cannot be asked (proxy-http, "freshness")."""

OF_SNAPSHOTS: Final = Freshness(timedelta(minutes=10), _BEARABLE)
OF_VERSIONS: Final = Freshness(timedelta(hours=1), _BEARABLE)
OF_CATALOGUES: Final = Freshness(timedelta(days=1), _BEARABLE)

METADATA_ABSENT: Final = timedelta(minutes=5)
"""How long metadata counts as absent: a first release should not stay unseen for long."""

FILE_ABSENT: Final = timedelta(minutes=10)
"""How long a file does (maven R105)."""


def fetch(path: str, settings: MavenSettings, look: Look) -> Sequence[Fetch]:
    """What to ask for a file, for what lies beside one, or for a document of the repository."""
    place = parse(path)
    if not is_held(path, settings) or any(part in ("", ".", "..") for part in path.split("/")):
        return ()
    url = f"{look.url}{quoted(path)}"
    match place.kind:
        case Kind.METADATA | Kind.PREFIXES | Kind.ARCHETYPES if place.checksum:
            return ()
        case Kind.METADATA:
            fresh = OF_SNAPSHOTS if place.is_snapshot else OF_VERSIONS
            return (Fetch(url, fresh, content_type=XML, whole=True, negative_for=METADATA_ABSENT),)
        case Kind.PREFIXES:
            return (Fetch(url, OF_CATALOGUES, content_type=TEXT, whole=True),)
        case Kind.ARCHETYPES:
            return (Fetch(url, OF_CATALOGUES, content_type=XML, whole=True),)
        case Kind.INDEX:
            return (Fetch(url, OF_CATALOGUES, checksums=COMPUTED, stated=stated_by_upstream),)
    if place.checksum:
        return (Fetch(url, OF_SNAPSHOTS, content_type=TEXT, whole=True, negative_for=FILE_ABSENT),)
    return (
        Fetch(
            url,
            IMMUTABLE if immutable(path, settings) else OF_SNAPSHOTS,
            expected=_expected(path, place, settings, look),
            checksums=COMPUTED,
            content_type=media_type(path),
            stated=stated_by_upstream,
            negative_for=FILE_ABSENT,
            no_page=not path.endswith((".html", ".htm")),
        ),
    )


def _expected(path: str, place: Place, settings: MavenSettings, look: Look) -> Mapping[str, str]:
    """The checksum that the upstream has published beside a file. Signatures have none worth a question;
    of a file that is replaced with each build it may be that of another build."""
    if not settings.verify_checksums or place.gav is None or place.signature or place.is_literal:
        return {}
    beside = f"{path}.sha1"
    known = look.document(CHECKSUM, beside)
    return {"sha1": known} if known else {}
