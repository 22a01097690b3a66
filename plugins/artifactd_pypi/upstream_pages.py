"""Projects' pages as other indexes send them (PEP 503 to 792): read into one model, whatever their form.

Rule 1: pages are read, never passed on: a page of ours is made from what was understood (TRAPS: markup of
an upstream at our address is a script of its own choosing).
Rule 2: what is said of a file is believed as far as it has the right type; what has not was not said.
Rule 3: a page that is none is never an empty one: installers would look no further.
"""

import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote, urljoin, urlsplit

import msgspec

from artifactd.plugin import Answer, UpstreamInvalid
from artifactd_pypi.listing import METADATA_KEYS, File, Origin
from artifactd_pypi.metadata import clean
from artifactd_pypi.project import Project, State, Status, project_of
from artifactd_pypi.upstream_html import Link, parse_html
from artifactd_pypi.upstream_names import read_name

_METADATA_KEYS: Final = (*METADATA_KEYS, "data-dist-info-metadata")
"""The last one by a mistake that was never taken back (pypi R45)."""

_KNOWN: Final = frozenset(
    (
        "filename",
        "url",
        "hashes",
        "size",
        "upload-time",
        "yanked",
        "gpg-sig",
        "requires-python",
        "provenance",
        *_METADATA_KEYS,
    )
)
"""Keys of a file that are read; others are kept as they came."""

_PAGE_KEYS: Final = frozenset(("meta", "name", "project-status", "versions", "files"))
_META_KEYS: Final = frozenset(("api-version", "project-status"))

_HTML_TYPES: Final = ("text/html", "application/xhtml+xml", "application/vnd.pypi.simple.v1+html")
_SAFE: Final = "%/:=&?~+!$,;'@()*[]"
"""What an address may hold beside letters and digits; all else is encoded."""

_BOM: Final = b"\xef\xbb\xbf"
_HASH = re.compile(r"[A-Za-z0-9_-]{1,40}")
_HEX = re.compile(r"[0-9A-Fa-f]{1,256}")
_PLAIN = re.compile(r"https?://[a-z0-9.-]+(?::[0-9]{1,5})?/[A-Za-z0-9._~/%+-]*")
"""An address with which nothing needs to be done, as nearly all are: the rest takes ten times as long."""

_API_VERSION = re.compile(r"([0-9]{1,9})\.[0-9]{1,9}")


def parse_page(name: str, answer: Answer) -> Project:
    """The project `name` as an upstream's page shows it. Raises UpstreamInvalid."""
    kind, body = answer.facts.content_type, answer.body.removeprefix(_BOM)
    if kind == "application/json" or kind.endswith("+json"):
        return _parse_json(name, answer.facts.url, body)
    if kind in _HTML_TYPES or body.lstrip()[:1] == b"<":
        charset = answer.facts.headers.get("content-type", "").lower().partition("charset=")[2]
        return _parse_html(name, answer.facts.url, body, charset)
    if body.lstrip()[:1] == b"{":
        return _parse_json(name, answer.facts.url, body)
    raise UpstreamInvalid(
        f"the upstream's page of project {name!r} is neither JSON nor HTML but {kind or 'of no type'!r}"
    )


# JSON (PEP 691, 700, 740, 792)


def _parse_json(name: str, url: str, body: bytes) -> Project:
    try:
        page = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise UpstreamInvalid(f"the upstream's page of project {name!r} is not JSON: {error}") from error
    if not isinstance(page, dict) or not isinstance(page.get("files"), list):
        raise UpstreamInvalid(f"the upstream's page of project {name!r} is JSON, but lists no files")
    meta = _mapping(page.get("meta"))
    _check_version(name, meta.get("api-version", "1.0"))
    files: dict[str, File] = {}
    for said in page["files"]:
        file = _file(name, url, _checked(name, said))
        if file is not None:
            files.setdefault(file.filename, file)
    versions = page.get("versions")
    return project_of(
        files,
        _status(_mapping(page.get("project-status")) or _mapping(meta.get("project-status"))),
        [clean(each) for each in versions if isinstance(each, str)] if isinstance(versions, list) else (),
        _others(page, _PAGE_KEYS),
        _others(meta, _META_KEYS),
    )


def _checked(name: str, said: Any) -> Mapping[str, Any]:
    """What is said of a file, if it is said of one."""
    if (
        isinstance(said, dict)
        and isinstance(said.get("filename"), str)
        and isinstance(said.get("url"), str)
    ):
        return said
    raise UpstreamInvalid(f"the upstream's page of project {name!r} lists a file without name or address")


def _file(project: str, page_url: str, said: Mapping[str, Any]) -> File | None:
    """A file, None for what our own pages could not list."""
    filename = said["filename"]
    named, url = read_name(filename, project), _address(page_url, said["url"])
    if named is None or not url:
        return None
    provenance = said.get("provenance")
    provenance = _address(page_url, provenance) if isinstance(provenance, str) else ""
    hashes = _hashes(said.get("hashes"))
    size, upload_time, signed = said.get("size"), said.get("upload-time"), said.get("gpg-sig")
    return File(
        project=project,
        filename=filename,
        version=named.version,
        shown=named.shown,
        release=named.release,
        kind=named.kind,
        python=named.python,
        size=size if type(size) is int and size >= 0 else None,
        hashes=hashes,
        checksums=hashes,
        requires_python=_text(said.get("requires-python")) or None,
        upload_time=_text(upload_time) or None,
        metadata=_metadata(said),
        signed=signed if isinstance(signed, bool) else None,
        attested=bool(provenance),
        yanked=_yanked(said.get("yanked")),
        more=_others(said, _KNOWN),
        origin=Origin(url, provenance),
    )


def _metadata(said: Mapping[str, Any]) -> Mapping[str, str] | None:
    """By the first of the keys that is there (PEP 714)."""
    value = next((said[key] for key in _METADATA_KEYS if key in said), None)
    if value is True:
        return {}
    return _hashes(value) if isinstance(value, dict) else None


def _yanked(value: Any) -> str | None:
    if value is True:
        return ""
    return _text(value) or None


def _status(said: Mapping[str, Any]) -> Status:
    """What nobody knows counts as nothing said (PEP 792)."""
    try:
        return Status(State(said.get("status", "")), _text(said.get("reason")))
    except ValueError:
        return Status()


# HTML (PEP 503, 592, 629, 658, 714, 740, 792)


def _parse_html(name: str, url: str, body: bytes, charset: str) -> Project:
    page = parse_html(body, charset)
    _check_version(name, page.metas.get("pypi:repository-version", "1.0"))
    base = _address(url, page.base) or url
    files: dict[str, File] = {}
    for link in page.links:
        file = _file(name, base, _as_json(link))
        if file is not None:
            files.setdefault(file.filename, file)
    if (not files and not page.is_index) or page.asks_for_password:
        raise UpstreamInvalid(
            f"the upstream's page of project {name!r} is HTML, but no index's: perhaps it asks to log in"
        )
    reason = page.metas.get("pypi:project-status-reason", "")
    return project_of(files, _status({"status": page.metas.get("pypi:project-status"), "reason": reason}))


def _as_json(link: Link) -> Mapping[str, Any]:
    """An anchor in the words of JSON."""
    said: dict[str, Any] = {"filename": link.filename, "url": link.href, "hashes": link.hashes}
    for key in ("requires-python", "provenance"):
        if f"data-{key}" in link.data:
            said[key] = link.data[f"data-{key}"]
    for key in METADATA_KEYS:
        if f"data-{key}" in link.data:
            said[key] = _html_metadata(link.data[f"data-{key}"])
    if "data-yanked" in link.data:
        said["yanked"] = link.data["data-yanked"] or True
    signed = link.data.get("data-gpg-sig", "").lower()
    if signed in ("true", "false"):
        said["gpg-sig"] = signed == "true"
    return said


def _html_metadata(value: str) -> Mapping[str, str] | bool:
    """`true`, or one hash."""
    name, equals, digits = value.partition("=")
    return {name: digits} if equals else value.lower() == "true"


# Both


def _check_version(name: str, stated: Any) -> None:
    """A minor version only adds; a major one nobody knows must not be guessed at (PEP 629)."""
    found = _API_VERSION.fullmatch(stated) if isinstance(stated, str) else None
    if found is None or found[1] != "1":
        raise UpstreamInvalid(
            f"the upstream's page of project {name!r} keeps to version {clean(str(stated))[:20]!r} of the"
            " simple repository API; 1 is understood"
        )


def _address(base: str, url: str) -> str:
    """An absolute address without its fragment, empty for one that no file could be fetched from."""
    if not url or _PLAIN.fullmatch(url):
        return url
    try:
        parts = urlsplit(urljoin(base, url.strip()))
        if parts.scheme not in ("http", "https") or not parts.hostname or not parts.path:
            return ""
    except ValueError:
        return ""
    return quote(parts._replace(fragment="").geturl(), safe=_SAFE)


def _hashes(value: Any) -> Mapping[str, str]:
    if not isinstance(value, dict):
        return {}
    return {
        name.lower(): digits.lower()
        for name, digits in value.items()
        if isinstance(digits, str) and _HASH.fullmatch(name) and _HEX.fullmatch(digits)
    }


def _text(value: Any) -> str:
    return clean(value) if isinstance(value, str) else ""


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _others(said: Mapping[str, Any], known: frozenset[str]) -> Mapping[str, Any]:
    """The keys that nobody here knows, without those that are their index's own business (PEP 691)."""
    return {key: value for key, value in said.items() if key not in known and not key.startswith("_")}
