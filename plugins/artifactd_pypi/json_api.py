"""`/pypi/<project>/json`: facts of a project and its files, as tools read them that are no installers.

Made anew for each request from the project's index and the core metadata of one file.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote

import msgspec

from artifactd.plugin import AssetNotFound, Content, Exchange, InlineSource, Rendered, StoredSource
from artifactd_pypi.errors import ProjectNotFound, UploadInvalid, VersionNotFound
from artifactd_pypi.filenames import Kind
from artifactd_pypi.listing import File
from artifactd_pypi.metadata import METADATA_KIND, PKG_INFO_KIND, Raw, clean, parse_metadata
from artifactd_pypi.names import ProjectName, Release, file_path
from artifactd_pypi.project_index import PROJECTS
from artifactd_pypi.requests import asked_project, asked_version, base_url
from artifactd_pypi.simple import serial_headers, serial_of

_JSON: Final = ("Content-Type", "application/json")

_TEXTS: Final = {
    "author": "author",
    "author_email": "author_email",
    "description": "description",
    "description_content_type": "description_content_type",
    "download_url": "download_url",
    "home_page": "home_page",
    "license": "license",
    "license_expression": "license_expression",
    "maintainer": "maintainer",
    "maintainer_email": "maintainer_email",
    "requires_python": "requires_python",
    "summary": "summary",
}
"""Fields of `info` that are one text, and of what core metadata."""

_LISTS: Final = {
    "classifiers": "classifiers",
    "dynamic": "dynamic",
    "license_files": "license_files",
    "provides_extra": "provides_extra",
    "requires_dist": "requires_dist",
}


def get_json(exchange: Exchange) -> Rendered:
    """A project with its latest version, or the one that was asked for."""
    repository, name = exchange.repository, asked_project(exchange)
    document = repository.index(PROJECTS, name)
    if not document.revision:
        raise ProjectNotFound(repository.name, name, document.depends)
    files = document.value.offered()
    if "version" in exchange.params:
        chosen: Sequence[File] = document.value.of_release(asked_version(exchange)) if files else ()
        if not chosen:
            raise VersionNotFound(repository.name, f"{name} {exchange.params['version']}", document.depends)
    else:
        chosen = _latest(files)
    base = base_url(exchange)
    shown: dict[str, Any] = {
        "info": _info(exchange, name, chosen, base),
        "last_serial": serial_of(document),
        "urls": [_file(file, base) for file in chosen],
        "vulnerabilities": [],
    }
    if "version" not in exchange.params:
        releases: dict[Release, tuple[str, list[Any]]] = {}
        for file in files:
            releases.setdefault(file.release, (file.shown, []))[1].append(_file(file, base))
        shown["releases"] = dict(releases.values())
    headers = [_JSON, *serial_headers(serial_of(document)), ("Cache-Control", "no-cache")]
    return Rendered(200, headers, msgspec.json.encode(shown))


def _latest(files: Sequence[File]) -> Sequence[File]:
    """The files of the version that an installer would choose: the highest that is neither yanked nor a
    pre-release, as far as there is one."""
    if not files:
        return ()
    best = max(files, key=lambda file: (file.yanked is None, _is_final(file), file.order))
    return [file for file in files if file.release == best.release]


def _is_final(file: File) -> bool:
    return file.version is not None and not file.version.is_prerelease


def _info(exchange: Exchange, name: ProjectName, files: Sequence[File], base: str) -> Mapping[str, Any]:
    raw = _metadata(exchange, name, files)
    version = files[0].shown if files else ""
    yanked = bool(files) and all(file.yanked is not None for file in files)
    info: dict[str, Any] = {key: clean(raw.get(field, "")) for key, field in _TEXTS.items()}
    info |= {key: [clean(each) for each in raw.get(field, ())] for key, field in _LISTS.items()}
    info |= {
        "name": clean(raw.get("name", name)),
        "version": version,
        "keywords": ",".join(clean(word) for word in raw.get("keywords", ())),
        "project_urls": {clean(label): clean(url) for label, url in raw.get("project_urls", {}).items()},
        "package_url": f"{base}simple/{quote(name)}/",
        "project_url": f"{base}simple/{quote(name)}/",
        "release_url": f"{base}pypi/{quote(name)}/{quote(version)}/json",
        "yanked": yanked,
        "yanked_reason": (files[0].yanked or None) if yanked else None,
    }
    return info


def _metadata(exchange: Exchange, name: ProjectName, files: Sequence[File]) -> Raw:
    """The core metadata of one of the files, a wheel's where there is one."""
    for file in sorted(files, key=lambda file: file.kind != Kind.WHEEL):
        kind = METADATA_KIND if file.kind == Kind.WHEEL else PKG_INFO_KIND
        try:
            content = exchange.repository.get(file_path(name, file.filename), derived=kind)
            return parse_metadata(_bytes(content))
        except (AssetNotFound, UploadInvalid):  # an upstream's may be anything
            continue
    return {}


def _bytes(content: Content) -> bytes:
    source = content.source
    if isinstance(source, StoredSource):
        with source.store.open(source.location) as file:
            return file.read()
    assert isinstance(source, InlineSource), "metadata is answered once it is here as a whole"
    return source.body


def _file(file: File, base: str) -> Mapping[str, Any]:
    return {
        "comment_text": "",
        "digests": {name.replace("-", "_"): value for name, value in file.checksums.items()},
        "filename": file.filename,
        "has_sig": bool(file.signed),
        "packagetype": file.kind,
        "python_version": file.python,
        "requires_python": file.requires_python,
        "size": file.size,
        "upload_time": file.upload_time and file.upload_time.partition(".")[0].removesuffix("Z"),
        "upload_time_iso_8601": file.upload_time,
        "url": f"{base}packages/{quote(file.project)}/{quote(file.filename)}",
        "yanked": file.yanked is not None,
        "yanked_reason": file.yanked or None,
    }
