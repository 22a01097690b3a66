"""The multipart forms that twine, uv and curl upload distributions with.

twine writes what the metadata says first and the file last; uv begins with `:action`. `form` writes either;
`encode` writes any parts, for forms that nobody should send.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from email.parser import BytesParser
from email.policy import compat32

from tests.support.distributions import Distribution

BOUNDARY = "3f1c9e0b7a5d4c2e8b6f"

SIGNATURE = b"-----BEGIN PGP SIGNATURE-----\n\niQEzBAABCAAdFiEE\n=abcd\n-----END PGP SIGNATURE-----\n"
"""A detached signature as gpg writes it, of nothing."""

Fields = Mapping[str, str | Sequence[str] | None]
"""Fields to send: several values are several parts, None removes a field."""

_REPEATED = {
    "classifier": "classifiers",
    "requires-dist": "requires_dist",
    "provides-dist": "provides_dist",
    "obsoletes-dist": "obsoletes_dist",
    "requires-external": "requires_external",
    "project-url": "project_urls",
    "platform": "platform",
    "supported-platform": "supported_platform",
    "license-file": "license_file",
    "provides-extra": "provides_extra",
    "dynamic": "dynamic",
}
"""The fields of core metadata that may come several times, and how forms spell them."""


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a form. `headers` are further lines of its head."""

    name: str
    body: bytes
    filename: str | None = None
    headers: Sequence[str] = ()


def form(
    distribution: Distribution,
    fields: Fields | None = None,
    *,
    bare: bool = False,
    file_first: bool = False,
    filename: str | None = None,
    signature: bytes | None = None,
    digests: Sequence[str] = ("sha256_digest", "blake2_256_digest"),
) -> tuple[bytes, Mapping[str, str]]:
    """The body and the headers of an upload. `fields` are sent beside or instead of what clients send;
    `bare` leaves out what only describes the package; `file_first` has the file before all else;
    `filename` is the one sent; `signature` is a detached one."""
    sent: dict[str, list[str]] = {} if bare else _described(distribution)
    sent |= {"name": [distribution.name], "version": [distribution.version]}
    sent |= {"filetype": [distribution.filetype], "pyversion": [distribution.pyversion]}
    known = {
        "md5_digest": distribution.md5,
        "sha256_digest": distribution.sha256,
        "blake2_256_digest": distribution.blake2_256,
    }
    sent |= {each: [known[each]] for each in digests}
    sent |= {":action": ["file_upload"], "protocol_version": ["1"]}
    for name, value in (fields or {}).items():
        sent.pop(name, None)
        if value is not None:
            sent[name] = [value] if isinstance(value, str) else list(value)
    parts = [Part(name, value.encode()) for name, values in sent.items() for value in values]
    file = Part("content", distribution.content, filename or distribution.filename)
    parts = [file, *parts] if file_first else [*parts, file]
    if signature is not None:
        parts.append(Part("gpg_signature", signature, f"{file.filename}.asc"))
    return encode(parts), HEADERS


def encode(parts: Iterable[Part], boundary: str = BOUNDARY) -> bytes:
    """The parts as a body."""
    out = bytearray()
    for part in parts:
        disposition = f'form-data; name="{part.name}"'
        lines = [f"--{boundary}", f"Content-Disposition: {disposition}", *part.headers]
        if part.filename is not None:
            lines[1] += f'; filename="{part.filename}"'
            lines.append("Content-Type: application/octet-stream")
        out += "\r\n".join([*lines, "", ""]).encode() + part.body + b"\r\n"
    return bytes(out + f"--{boundary}--\r\n".encode())


HEADERS: Mapping[str, str] = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
"""What goes with `encode`."""


def _described(distribution: Distribution) -> dict[str, list[str]]:
    """The core metadata as fields of a form."""
    message = BytesParser(policy=compat32).parsebytes(distribution.metadata)
    found: dict[str, list[str]] = {}
    for key, value in message.items():
        name = _REPEATED.get(key.lower(), key.lower().replace("-", "_"))
        if name in found and name not in _REPEATED.values():
            continue
        found.setdefault(name, []).append(str(value))
    body = message.get_payload()
    if isinstance(body, str) and body:
        found["description"] = [body]
    return found
