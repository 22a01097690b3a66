"""Uploads: a file by PUT, or by a form (rpm B).

Read, check, store. Where a file may go is judged from its path before it is sent; what it is, by its own
header, once it is here.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from urllib.parse import quote

from artifactd.plugin import (
    Description,
    Exchange,
    Fields,
    Form,
    FormData,
    InvalidInput,
    InvalidPath,
    Later,
    Rendered,
    Staged,
    StagedBlob,
    Verb,
)
from artifactd_rpm.builds import BUILDS, claim
from artifactd_rpm.extra import LARGEST_EXTRA, check_kind
from artifactd_rpm.media_types import TEXT, media_type
from artifactd_rpm.owners import METADATA, PACKAGE, depth_of, extra_kind
from artifactd_rpm.settings import Duplicates, LayoutPolicy, RpmSettings

LONGEST_PATH: Final = 1024
"""Bytes of a path; databases index no more than a few thousand."""

CHECKSUMS: Final = ("sha512",)
"""Beside sha256: packages may be known by it in repodata, from one day to the next."""

PUBLISHED_WITHIN: Final = timedelta(seconds=90)
"""How long `?wait=metadata` waits: longer than any publication is put off."""

KEYS: Final = "RPM-GPG-KEY"

_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
_FILE: Final = "yum.asset"
_OTHER_FILES: Final = ("asset", "file")
_MEMBERS: Final = "_member"
"""What groups call the folder through which their members' packages are reached."""


@dataclass(frozen=True, slots=True)
class Upload:
    """A file and where it goes."""

    path: str
    file: StagedBlob


def receive_file(exchange: Exchange) -> Staged:
    """Refuse what cannot be stored before it is sent."""
    path = exchange.params["path"]
    if "content-range" in exchange.arrival.headers:
        raise InvalidInput("a file is put as a whole, without Content-Range")  # RFC 9110, section 14.5
    _check(exchange, path)
    limit = None if extra_kind(path) is None else LARGEST_EXTRA
    return Staged(limit, CHECKSUMS)


def put_file(exchange: Exchange) -> Rendered | Later:
    """Store a file at its path."""
    assert isinstance(exchange.body, StagedBlob)
    return _store(exchange, Upload(exchange.params["path"], exchange.body))


def receive_form(exchange: Exchange) -> Form:
    """Refuse before gigabytes are sent whom nothing would be taken from."""
    exchange.repository.permit(Verb.WRITE)
    return Form(
        _FILE,
        field_limit=4096,
        fields=20,
        checksums=lambda fields: CHECKSUMS,
        other_file_fields=_OTHER_FILES,
    )


def post_form(exchange: Exchange) -> Rendered | Later:
    """Store the file of a form where its fields say, below the folder that it was sent to."""
    form = exchange.body
    assert isinstance(form, FormData)
    if form.file is None:
        raise InvalidInput(f"the form has no file in its field {_FILE!r}")
    path = _path_of(exchange.params.get("folder", ""), form)
    _check(exchange, path)
    return _store(exchange, Upload(path, form.file))


def _path_of(folder: str, form: FormData) -> str:
    """Where a form's file goes. With `kind`, it is metadata of that kind."""
    kind = _field(form.fields, "kind", "yum.kind")
    written = _field(form.fields, "yum.asset.filename", "filename") or form.filename
    name = f"{METADATA}/{kind}" if kind else written.replace("\\", "/").rpartition("/")[2]
    directory = _field(form.fields, "yum.directory", "directory").strip("/")
    return "/".join(part for part in (folder, directory, name) if part)


def _field(fields: Fields, *names: str) -> str:
    return next((value for name in names for value in fields.get(name, ()) if value), "")


def _check(exchange: Exchange, path: str) -> None:
    """Raises what putting a file at a path would, as far as the path tells."""
    segments = path.split("/")
    if len(path.encode()) > LONGEST_PATH or not all(segments) or {".", ".."} & set(segments):
        raise InvalidPath(f"a file's path has at most {LONGEST_PATH} bytes and no empty or dotted segments")
    if _CONTROL.search(path):
        raise InvalidPath("a file's path has no control characters")  # forms may say anything
    exchange.repository.permit(Verb.WRITE, path)
    settings: RpmSettings = exchange.repository.settings
    extra = extra_kind(path)
    if extra is not None:
        check_kind(extra[1])
        if depth_of(path) != settings.repodata_depth:
            raise InvalidPath(
                f"metadata belongs to a folder {settings.repodata_depth} deep here, as repodata does"
            )
        return
    if not {METADATA, BUILDS, _MEMBERS}.isdisjoint(segments):
        raise InvalidPath(f"nothing is put at {path!r}: a name in it is taken for our own")
    if depth_of(path) < settings.repodata_depth:
        raise InvalidPath(
            f"repodata lies {settings.repodata_depth} folders deep here, {path!r} does not lie that deep"
        )
    strict = settings.layout_policy is LayoutPolicy.STRICT
    if strict and not path.endswith(PACKAGE) and not segments[-1].startswith(KEYS):
        raise InvalidPath(
            "this repository takes packages (.rpm), RPM-GPG-KEY files, and metadata at"
            f" {METADATA}/comps, modules, updateinfo or another kind; its layout policy is strict"
        )


def _store(exchange: Exchange, upload: Upload) -> Rendered | Later:
    path, content_type = upload.path, media_type(upload.path)
    description = exchange.services.describe(path, content_type, upload.file)
    with exchange.repository.edit(f"put {path}") as edit:
        if path.endswith(PACKAGE) and exchange.repository.settings.duplicates is Duplicates.REFUSE:
            claim(exchange, edit, path, description.label)
        edit.put(
            path,
            upload.file,
            content_type=content_type,
            coordinates=description.coordinates,
            attributes=description.attributes,
            label=description.label,
            derived=description.derived,
        )
    status = 200 if edit.revision is None else 201
    answer = _answer(exchange, status, path, _remarks(path, description))
    if exchange.arrival.query.get("wait") != "metadata":
        return answer
    waited_for = _answer(exchange, status, path, [f"not yet published after {PUBLISHED_WITHIN.seconds} s"])
    ready = exchange.services.published(path, edit.revision)
    return Later(answer, ready, PUBLISHED_WITHIN, waited_for)


def _answer(exchange: Exchange, status: int, path: str, remarks: Sequence[str]) -> Rendered:
    lines = "".join(f"{line}\n" for line in remarks)
    location = f"{quote(exchange.located.prefix)}{quote(path)}"
    return Rendered(status, [("Location", location), ("Content-Type", TEXT)], lines.encode())


def _remarks(path: str, description: Description) -> Sequence[str]:
    """What an uploader may want to know (rpm R25)."""
    name, nevra = path.rpartition("/")[2], description.label
    facts = description.attributes
    if not path.endswith(PACKAGE):
        return [f"stored {path}"]
    expected = f"{facts['name']}-{facts['version']}-{facts['release']}.{facts['arch']}{PACKAGE}"
    source = expected.replace(".src.", ".nosrc.")
    remarks = [f"stored {path}: {nevra}"]
    if name not in (expected, source):
        remarks.append(f"warning: the file is called {name}, the package in it {expected}")
    return remarks
