"""Uploads by the form that twine, uv, poetry, hatch, flit and pdm send (the legacy upload API).

Read, check, store: the form is judged once all of it is here, for its fields come in any order; then the
archive, which is believed more than the form. What is refused leaves nothing behind.
"""

import binascii
import re
from base64 import urlsafe_b64decode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from artifactd.plugin import (
    Asset,
    Description,
    Exchange,
    Fields,
    Form,
    FormData,
    Rendered,
    StagedBlob,
    Verb,
    WritePolicy,
    hex_of,
    new_hash,
)
from artifactd_pypi.attestations import PROVENANCE_TYPE, provenance_of
from artifactd_pypi.errors import FileExists, ProjectClosed, UploadInvalid, quoted
from artifactd_pypi.filenames import Filename, Kind, Reading, parse_filename
from artifactd_pypi.files import FILE_TYPE
from artifactd_pypi.names import (
    PROVENANCE,
    SIGNATURE,
    ProjectName,
    deleted_path,
    file_path,
    owner,
    parse_version,
    project_name,
    status_path,
)
from artifactd_pypi.project import status_of

CHECKSUMS: Final[Mapping[str, str]] = {
    "md5_digest": "md5",
    "sha256_digest": "sha256",
    "blake2_256_digest": "blake2b-256",
}
"""Fields that state checksums, and their algorithms in our words."""

LARGEST_FIELD: Final = 16 << 20
"""Bytes of a field: a README of 3 MB is one."""

LARGEST_FORM: Final = 32 << 20
"""Bytes of all fields together."""

MOST_FIELDS: Final = 20_000
"""Parts of a form: each classifier and requirement is one."""

LARGEST_SIGNATURE: Final = 64 << 10

_FILE: Final = "content"
_SIGNATURE: Final = "gpg_signature"
_ATTESTATIONS: Final = "attestations"
_OK: Final = Rendered(200, [("Content-Type", "text/plain; charset=utf-8")], b"OK\n")
_HEX: Final = re.compile(r"[0-9a-f]+")
_HEX_DIGITS: Final = {"md5": 32, "sha256": 64, "blake2b-256": 64}


@dataclass(frozen=True, slots=True)
class Upload:
    """What a form brings, read but not yet judged by what is in its file."""

    filename: Filename
    reading: Reading
    file: StagedBlob
    signature: str | None
    attestations: str | None

    @property
    def project(self) -> ProjectName:
        return self.reading.project

    @property
    def path(self) -> str:
        """Where the file goes."""
        return file_path(self.project, self.filename.text)

    @property
    def sha256(self) -> str:
        """Of its bytes."""
        return hex_of(self.file.digest)


def receive_upload(exchange: Exchange) -> Form:
    """Refuse before gigabytes are sent whom nothing would be taken from."""
    exchange.repository.permit(Verb.WRITE)
    return Form(
        _FILE,
        file_limit=exchange.repository.settings.file_limit,
        field_limit=LARGEST_FIELD,
        fields=MOST_FIELDS,
        total_limit=LARGEST_FORM,
        small_files=(_SIGNATURE,),
        checksums=_stated_algorithms,
    )


def post_upload(exchange: Exchange) -> Rendered:
    """Take a file, answer that it is there already, or say what is wrong with it."""
    form = exchange.body
    assert isinstance(form, FormData)
    if _action(form.fields) == "submit":
        return _OK  # registering, which nothing needs any more; old poetry still does it
    upload = read_upload(form)
    for check in CHECKS:
        check(exchange, upload, form.fields)
    exchange.repository.permit(Verb.WRITE, upload.path)
    store(exchange, upload, exchange.services.describe(upload.path, FILE_TYPE, upload.file))
    return _OK


def _stated_algorithms(fields: Fields) -> Sequence[str]:
    return [algorithm for field, algorithm in CHECKSUMS.items() if any(fields.get(field, ()))]


# Reading


def read_upload(form: FormData) -> Upload:
    """What a form says. Raises UploadInvalid."""
    fields = form.fields
    action = _action(fields)
    version = _only(fields, "protocol_version") or _only(fields, "protcol_version")  # twine, once
    if action != "file_upload":
        raise UploadInvalid(
            f"the action {quoted(action)} is not possible here; ':action' must be 'file_upload'"
        )
    if version not in ("", "1"):
        raise UploadInvalid(f"protocol_version is {quoted(version)}; the protocol version spoken here is 1")
    if form.file is None:
        raise UploadInvalid(f"the form has no file in its field {_FILE!r}")
    filename = parse_filename(form.filename)
    project = project_name(_only(fields, "name"))
    reading = filename.read_as(project)
    if reading is None:
        name = quoted(_only(fields, "name"))
        raise UploadInvalid(f"the form is about project {name}; {filename.text!r} names no file of it")
    return Upload(
        filename,
        reading,
        form.file,
        _only(fields, _SIGNATURE) or None,
        _only(fields, _ATTESTATIONS) or None,
    )


def _action(fields: Fields) -> str:
    return _only(fields, ":action")


def _only(fields: Fields, name: str) -> str:
    """The value of a field; empty when it is absent, which clients do not tell from empty (pypi V9).
    Raises UploadInvalid when it has two: who reads the first and who the last would not agree."""
    values = {value.strip() for value in fields.get(name, ())}
    if len(values) > 1:
        raise UploadInvalid(f"the form has several values of {name!r}")
    return next(iter(values), "")


# Checking


def _check_version(exchange: Exchange, upload: Upload, fields: Fields) -> None:
    stated = _only(fields, "version")
    try:
        version, _ = parse_version(stated)
    except ValueError as error:
        raise UploadInvalid(f"the form's version {quoted(stated)} is none (PEP 440)") from error
    if version != upload.reading.version:
        raise UploadInvalid(f"the form says version {version}, the file name {upload.reading.version}")
    if version.local is not None and not exchange.repository.settings.allow_local_versions:
        raise UploadInvalid(f"version {version} has a local label, which this repository does not take")


def _check_filetype(exchange: Exchange, upload: Upload, fields: Fields) -> None:
    stated, kind = _only(fields, "filetype"), upload.filename.kind
    if stated not in ("", kind.value):
        raise UploadInvalid(
            f"the form's filetype is {quoted(stated)}, the file name {upload.filename.text!r} of a {kind}"
        )
    python = _only(fields, "pyversion")
    if kind is Kind.SDIST and python not in ("", "source"):
        raise UploadInvalid(
            f"the form's pyversion is {quoted(python)}; that of a source distribution is 'source'"
        )


def _check_spelling(exchange: Exchange, upload: Upload, fields: Fields) -> None:
    if not exchange.repository.settings.normalized_filenames:
        return
    name = upload.project.replace("-", "_")
    if not upload.filename.text.startswith(f"{name}-"):
        raise UploadInvalid(
            f"the file name {upload.filename.text!r} must begin with {name + '-'!r} here (PEP 625)"
        )


def _check_checksums(exchange: Exchange, upload: Upload, fields: Fields) -> None:
    for field, algorithm in CHECKSUMS.items():
        stated = _only(fields, field)
        if not stated:
            continue
        wanted = _as_hex(field, algorithm, stated)
        known = {**upload.file.checksums, "sha256": upload.sha256}
        actual = known.get(algorithm) or _computed(exchange, upload.file, algorithm)
        if wanted != actual:
            raise UploadInvalid(f"the form's {field} is {wanted}, the file received has {actual}")


def _as_hex(field: str, algorithm: str, stated: str) -> str:
    """A checksum in lower-case hex; old tools sent it in base64 (pypi R94)."""
    digits = _HEX_DIGITS[algorithm]
    text = stated.lower()
    if len(text) == digits and _HEX.fullmatch(text):
        return text
    try:
        decoded = urlsafe_b64decode(stated + "=" * (-len(stated) % 4))
    except (binascii.Error, ValueError):
        decoded = b""
    if len(decoded) * 2 != digits:
        raise UploadInvalid(f"the form's {field} {quoted(stated)} is no {algorithm} checksum")
    return decoded.hex()


def _computed(exchange: Exchange, file: StagedBlob, algorithm: str) -> str:
    """A checksum that the form stated only after the file had gone by."""
    hashed = new_hash(algorithm)
    with exchange.services.open(file) as stream:
        while piece := stream.read(1 << 20):
            hashed.update(piece)
    return hashed.hexdigest()


def _check_signature(exchange: Exchange, upload: Upload, fields: Fields) -> None:
    signature = upload.signature
    if signature is None:
        return
    if not signature.isascii() or not signature.startswith("-----BEGIN PGP SIGNATURE-----"):
        raise UploadInvalid(f"{_SIGNATURE} is not an ASCII-armoured OpenPGP signature")
    if len(signature) > LARGEST_SIGNATURE:
        raise UploadInvalid(f"{_SIGNATURE} has more than {LARGEST_SIGNATURE} bytes")


Check = Callable[[Exchange, Upload, Fields], None]

CHECKS: Final[Sequence[Check]] = (
    _check_version,
    _check_filetype,
    _check_spelling,
    _check_checksums,
    _check_signature,
)
"""What a form must fulfil beside naming a file. Each raises UploadInvalid."""


# Storing


def store(exchange: Exchange, upload: Upload, description: Description) -> None:
    """Put a file and what came with it, in one edit or not at all. The same again changes nothing."""
    repository, of = exchange.repository, {"of": upload.sha256}
    provenance = None
    if upload.attestations is not None:
        provenance = provenance_of(upload.attestations, upload.filename.text, upload.sha256)
    with repository.edit(f"upload {upload.filename.text}") as edit:
        edit.check(status_path(upload.project), _is_open(upload.project))
        if repository.settings.write_policy is not WritePolicy.ALLOW:
            edit.check(deleted_path(upload.project, upload.filename.text), _was_the_same(upload))
        for other in upload.filename.readings:
            if other.project != upload.project:
                edit.check(file_path(other.project, upload.filename.text), _is_nobody_elses(upload))
        edit.put(
            upload.path,
            upload.file,
            content_type=FILE_TYPE,
            coordinates=description.coordinates,
            attributes={**description.attributes, "uploaded": exchange.services.now()},
            label=description.label,
            references=description.references,
            derived=description.derived,
        )
        if upload.signature is not None:
            blob = exchange.services.stage([upload.signature.encode() + b"\n"])
            edit.put(upload.path + SIGNATURE, blob, content_type=FILE_TYPE, attributes=of)
        if provenance is not None:
            blob = exchange.services.stage([provenance])
            edit.put(upload.path + PROVENANCE, blob, content_type=PROVENANCE_TYPE, attributes=of)


def _is_open(project: ProjectName) -> Callable[[Asset | None], None]:
    def holds(fact: Asset | None) -> None:
        if fact is not None:
            status = status_of(fact.attributes)
            if not status.is_open:
                raise ProjectClosed(project, status.state, status.reason)

    return holds


def _was_the_same(upload: Upload) -> Callable[[Asset | None], None]:
    def holds(fact: Asset | None) -> None:
        if fact is not None and fact.attributes["sha256"] != upload.sha256:
            raise FileExists(
                f"File already exists: {upload.filename.text!r} was deleted, and its name is not given to"
                " other content; use a new version or build number"
            )

    return holds


def _is_nobody_elses(upload: Upload) -> Callable[[Asset | None], None]:
    def holds(asset: Asset | None) -> None:
        if asset is not None:
            raise FileExists(
                f"File already exists: {upload.filename.text!r} belongs to project {owner(asset.path)!r}"
            )

    return holds
